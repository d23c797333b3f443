"""Rules about schemas, variables and logged statements, on real servers: each fault is found, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from msgspec.structs import replace

from containers import network
from integration.least import PASSWORD, USER, granted, with_writes
from integration.planted_schema import FINE, LOGGED, NEW, OLD, PLANTED, STATEMENTS, Plant
from integration.trees import ANY_TLS, Node, Running, started
from understudy.migrate import slices
from understudy.migrate.checks import columns, keys, names, tables, variables
from understudy.migrate.checks.case import Case, Side, Wishes
from understudy.migrate.checks.collect import look
from understudy.migrate.checks.collect_binlog import Bounds, sample
from understudy.migrate.checks.collect_schema import schema
from understudy.migrate.checks.examine import examine
from understudy.migrate.checks.finding import Finding
from understudy.migrate.checks.rules import RULES
from understudy.migrate.checks.schema import Column
from understudy.migrate.clock import SystemClock
from understudy.migrate.logins import Login, OneLogin
from understudy.migrate.mysql import MySql, Session
from understudy.migrate.sqltext import Secret
from understudy.migrate.topology import grow
from understudy.migrate.verify import catalogue, structure
from understudy.migrate.versions import Version

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Running]]:
    """A server of each kind that has its faults planted."""
    with ExitStack() as stack:
        net = stack.enter_context(network())
        found = started(stack, net, *(Node(image, image) for image in STATEMENTS))
        for image, statements in STATEMENTS.items():
            with found[image].sql() as session:
                for statement in statements:
                    session.execute(statement)
        yield found


@pytest.fixture(scope="module")
def sides(servers: dict[str, Running]) -> dict[str, Side]:
    """Their facts."""
    return {image: looked_at(server) for image, server in servers.items()}


def looked_at(server: Running) -> Side:
    with server.sql() as session:
        return look(session, SystemClock(), Wishes(), is_deep=True)


def case_of(sides: dict[str, Side], plant: Plant) -> Case:
    new = sides[plant.new] if plant.new else None
    return Case(sides[plant.image], Version.parse(plant.target), grow([]), new=new)


def findings(case: Case, rule: str) -> list[Finding]:
    return examine(case, [one for one in RULES if one.id == rule])


@pytest.mark.parametrize("rule", PLANTED)
def test_a_rule_finds_its_fault_on_a_real_server_and_nothing_else(sides: dict[str, Side], rule: str) -> None:
    for plant in PLANTED[rule]:
        found = findings(case_of(sides, plant), rule)
        assert {one.where for one in found} == plant.places, plant
        assert all(one.found and one.mend and one.why for one in found)


@pytest.mark.parametrize("rule", LOGGED)
def test_a_rule_finds_what_was_logged_lately_once_and_without_its_values(sides: dict[str, Side], rule: str) -> None:
    side = sides[OLD]
    side = replace(side, variables={**side.variables, "enforce_gtid_consistency": "ON"})
    found = findings(Case(side, Version.parse(NEW), grow([])), rule)
    assert len(found) == len(LOGGED[rule]), found
    for one, part in zip(found, LOGGED[rule], strict=True):
        assert part in one.found
    assert "hidden" not in repr(found)


def test_the_findings_for_a_server_that_stays_as_it_is_are_about_its_schema_alone(sides: dict[str, Side]) -> None:
    lasting = {
        "table-without-primary-key", "table-not-transactional", "table-unreadable", "duplicate-index", "view-broken",
        "charset-utf8mb3", "dollar-name",
    }  # fmt: skip
    for side in sides.values():
        for new in (None, replace(side, address="new:3306")):
            case = Case(side, side.version, grow([]), new=new)
            ours = {one.rule for one in examine(case, [rule for rule in RULES if rule.id in PLANTED])}
            assert ours <= lasting, (side.version, new is not None)


@pytest.mark.parametrize("rule", ["default-changed"])
def test_defaults_that_changed_are_told_with_what_they_mean(sides: dict[str, Side], rule: str) -> None:
    without = findings(Case(sides[OLD], Version.parse(NEW), grow([])), rule)
    names = {one.where for one in without}
    assert {"sql_mode", "character_set_server", "explicit_defaults_for_timestamp", "innodb_autoinc_lock_mode"} <= names
    assert {"event_scheduler", "local_infile", "max_allowed_packet", "binlog_format"} <= names
    against = findings(Case(sides[OLD], Version.parse(NEW), grow([]), new=sides["mysql-9.7"]), rule)
    assert {one.where for one in against} < names, "what has a rule of its own isn't told twice"
    assert not findings(Case(sides[OLD], sides[OLD].version, grow([])), rule)


def test_hostile_names_are_read_whole(sides: dict[str, Side]) -> None:
    old = sides[OLD].schema
    assert {home.name for home in old.homes} >= {FINE, "nothing", "faulty", "sys"}
    own = {table.name: table for table in old.tables if table.schema == FINE}
    assert set(own) == {"a \"t` 'ü%s", "a.b", "parted", "kid"}
    assert [column.name for column in own["a \"t` 'ü%s"].columns] == ["i`d", "%"]
    assert [table.name for table in old.tables if table.is_partitioned] == ["parted", "parted"]
    key = own["kid"].foreign_keys[0]
    assert (key.name, key.parent, key.parent_columns) == ("it's", "a \"t` 'ü%s", ("i`d",))


def test_generated_invisible_spatial_and_json_columns_are_read_with_what_rules_ask(sides: dict[str, Side]) -> None:
    new = {table.path: table for table in sides["mysql-9.7"].schema.tables}
    placed, documents = new["faulty.placed"], new["faulty.documents"]
    assert [column.name for column in placed.columns if "INVISIBLE" in column.extra] == ["seen"]
    assert [column.expression for column in documents.columns] == [
        "",
        "",
        r"json_unquote(json_extract(`j`,_utf8mb4\'$.n\'))",
    ]
    assert {index.name: index.expressions for index in new["faulty.counted"].indexes} == {
        "PRIMARY": (),
        "plus": ("(`a` + 1)",),
    }
    old = {table.path: table for table in sides["mariadb-10.5"].schema.tables}
    assert old["faulty.hashed"].checks[0].clause == "octet_length(encode('a','b')) > 0"


@pytest.mark.parametrize("image", STATEMENTS)
def test_the_least_account_reads_the_same_schema_and_sample_as_root(servers: dict[str, Running], image: str) -> None:
    server = servers[image]
    with granted({image: server}, ("check",)), server.sql() as root, as_least(server) as session:
        assert schema(session) == schema(root)
        assert sample(session, SystemClock().monotonic_s) == sample(root, SystemClock().monotonic_s)


def as_verify_reads(session: Session) -> tuple[object, ...]:
    """Definitions, and what tables are for rows."""
    tables = [(table.full_name, table.columns, table.keys) for table in catalogue.tables(session)]
    return structure.collected(session, frozenset(), False, ()), sorted(tables)


ODD = ("Odd", "odd", "o%d")  # only lower_case_table_names=0 tells the first two apart, which is what Linux has


@pytest.mark.parametrize("image", STATEMENTS)
def test_what_is_read_in_slices_is_what_is_read_at_once(
    servers: dict[str, Running], image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with servers[image].sql() as session, session.unlogged():
        for number, database in enumerate(ODD, 1):
            session.execute(f"CREATE DATABASE `{database}`")
            for table in ("it's", "100%", "ÄÖ", "äö", "Tt", "tt")[: 2 * number]:
                session.execute(f"CREATE TABLE `{database}`.`{table}` (id INT PRIMARY KEY, n INT, KEY (n))")
        try:
            monkeypatch.setattr(slices, "FEW", 10_000)
            at_once, compared = schema(session), as_verify_reads(session)
            monkeypatch.setattr(slices, "FEW", 3)  # Odd is asked about together with others, odd by itself
            for most in (1, 2, 5):
                monkeypatch.setattr(slices, "LEAST", most)
                monkeypatch.setattr(slices, "MOST", most)
                assert schema(session) == at_once
                assert as_verify_reads(session) == compared
        finally:
            for database in ODD:
                session.execute(f"DROP DATABASE `{database}`")
    assert sum(table.schema in ODD for table in at_once.tables) == 12


@pytest.mark.parametrize("image", STATEMENTS)
def test_a_server_opens_no_table_twice_however_few_it_keeps_open(servers: dict[str, Running], image: str) -> None:
    with servers[image].sql() as session, session.unlogged():
        before = session.value("SELECT @@table_open_cache")
        session.execute("CREATE DATABASE many")
        for number in range(200):
            session.execute(f"CREATE TABLE many.t{number} (id INT PRIMARY KEY)")
        session.execute("SET GLOBAL table_open_cache = 80")
        try:
            tables = len(schema(session).tables)
            least = 0 if session.version.is_mysql(8) else tables  # its data dictionary tells of them unopened
            for read in (schema, catalogue.tables, lambda one: structure.collected(one, frozenset(), False, ())):
                session.execute("FLUSH TABLES")
                opened = _opened(session)
                read(session)
                assert least - 20 <= _opened(session) - opened < 1.2 * tables + 20
        finally:
            session.execute("SET GLOBAL table_open_cache = %s", int(before))
            session.execute("DROP DATABASE many")


def _opened(session: Session) -> int:
    row = session.row("SHOW GLOBAL STATUS LIKE 'Opened_tables'")
    assert row is not None
    return int(row["Value"])


def test_of_the_new_source_everything_is_read_but_its_tables(servers: dict[str, Running]) -> None:
    for server in servers.values():
        with server.sql() as session:
            whole, without = schema(session), schema(session, with_tables=False)
        assert whole.tables
        assert without.tables == ()
        kinds = [one.path for one in whole.code], [one.path for one in without.code]
        assert sorted(kinds[0]) == sorted(kinds[1])
        assert (without.engines, without.collations, without.homes) == (whole.engines, whole.collations, whole.homes)


def test_what_an_account_may_not_read_is_said(servers: dict[str, Running]) -> None:
    server = servers[OLD]
    with granted({OLD: server}, ("check",)):
        with_writes(server, f"REVOKE SHOW VIEW ON *.* FROM {USER}@'%'")
        with as_least(server) as session:
            side = Side(server.address, session.version, {}, schema=schema(session))
    found = findings(Case(side, Version.parse(NEW), grow([])), "code-not-shown")
    assert "faulty.grouped" in {one.where for one in found}


def as_least(server: Running) -> Session:
    """A session of the account that has the least privileges."""
    return MySql(OneLogin(Login(USER, Secret(PASSWORD), ANY_TLS, connect_s=15.0))).open(server.address)


def test_a_sample_keeps_to_its_bounds_and_begins_with_the_newest_log(servers: dict[str, Running]) -> None:
    with servers[OLD].sql() as session:
        clock = SystemClock()
        everything = sample(session, clock.monotonic_s)
        assert len(everything) > 10
        assert len(sample(session, clock.monotonic_s, Bounds(kept=3))) == 3
        assert sample(session, clock.monotonic_s, Bounds(seconds=0.0)) == ()
        session.execute("FLUSH BINARY LOGS")
        session.execute("CREATE DATABASE newest")
        session.execute("DROP DATABASE newest")
        assert sample(session, clock.monotonic_s, Bounds(files=1))[0].text == "CREATE DATABASE newest"
        repeated = [one for one in sample(session, clock.monotonic_s) if one.text.startswith("CREATE DATABASE")]
        assert repeated[0].file > repeated[-1].file


def test_changed_rows_name_their_table(servers: dict[str, Running]) -> None:
    with servers["mysql-9.7"].sql() as session:
        session.execute("CREATE DATABASE written")
        session.execute("CREATE TABLE written.`it's` (a INT)")
        session.execute("INSERT INTO written.`it's` VALUES (1)")
        found = sample(session, SystemClock().monotonic_s)
        session.execute("DROP DATABASE written")
    assert ("written", "it's") in {table for one in found for table in one.tables}
    assert {one.database for one in found if not one.text} == {"written"}


MENDING = (*tables.RULES, *columns.RULES, *keys.RULES, *names.RULES, *variables.RULES)
LOOKS_ONLY = ("SHOW ", "CHECK ")
SERVERS = {(9, 7): "mysql-9.7", (11, 8): "mariadb-11.8"}  # of a target that is there to be set right


def is_sql(line: str) -> bool:
    return line.endswith(";") or ";  -- " in line


def mended(case: Case, servers: dict[str, Running], image: str) -> dict[str, set[str]]:
    """Runs every mend that is SQL, on the old server, or on the new what sets a variable; says what is put right."""
    done: dict[str, set[str]] = {}
    new = SERVERS.get(case.target.numbers[:2], "")
    for one in examine(case, MENDING):
        for line in filter(is_sql, one.mend):
            where = new if line.startswith("SET GLOBAL") else image
            if where:
                with servers[where].sql() as session, session.unlogged():
                    session.rows(line)
            is_set = where == new and case.new is not None and one.rule in ("default-changed", "variable-differs")
            if is_set or (where == image and not line.startswith(LOOKS_ONLY)):
                done.setdefault(one.rule, set()).add(one.where)
    return done


def all_columns(side: Side) -> dict[str, Column]:
    return {f"{table.path}.{column.name}": column for table, column in side.schema.all_columns()}


def lost(before: Column, after: Column, rule: str) -> list[str]:
    """What a mend took from a column; YEAR's default has four digits afterwards."""
    kept = ("nullable", "extra", "expression", "comment", *(() if rule == "zero-default" else ("default",)))
    values = [(name, getattr(before, name), getattr(after, name)) for name in kept]
    return [name for name, old, new in values if old != new and not (old and str(new).endswith(str(old)))]


@pytest.mark.parametrize("image", STATEMENTS)
def test_a_server_takes_every_mend_that_is_sql_and_the_finding_is_gone_and_nothing_else(
    servers: dict[str, Running], sides: dict[str, Side], image: str
) -> None:
    """The last test of the file: nothing of what was planted is left."""
    targets = {(one.target, one.new) for plants in PLANTED.values() for one in plants if one.image == image}
    count = 0
    for target, new in sorted(targets):
        case = case_of(sides, Plant(image, target, frozenset(), new))
        case = replace(case, old=looked_at(servers[image]))
        done = mended(case, servers, image)
        after = replace(case, old=looked_at(servers[image]), new=looked_at(servers[new]) if new else None)
        was, became = all_columns(case.old), all_columns(after.old)
        count += sum(map(len, done.values()))
        left = {(one.rule, one.where) for one in examine(after, MENDING)}
        for rule, places in done.items():
            assert not {(rule, place) for place in places} & left, target
        assert {place for place in was if was[place] != became[place]} <= set().union(*done.values()), target
        for rule, places in done.items():
            for place in places & was.keys():
                assert not lost(was[place], became[place], rule), place
    assert count
