"""What check's tables say of versions, measured again on the servers themselves: words, functions, syntax, defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from integration.trees import FIVE, Running
from understudy.migrate.checks.constructs import CONSTRUCTS, REMOVED_MODES
from understudy.migrate.checks.defaults import DEFAULTS, REMOVED, normal
from understudy.migrate.checks.functions import FUNCTIONS
from understudy.migrate.checks.names import DEFAULT_OF_UTF8MB4, knows_collation, plain
from understudy.migrate.checks.reserved import RESERVED
from understudy.migrate.checks.spans import holds, listed
from understudy.migrate.checks.tables import ENGINES
from understudy.migrate.checks.tokens import skeleton, tokens
from understudy.migrate.checks.variables import ALIKE, kept
from understudy.migrate.faults import LoginError, ServerError
from understudy.migrate.mysql import Session

pytestmark = pytest.mark.integration

NOT_UNDERSTOOD = (1064, 1054, 1193, 1327)  # syntax; words that are taken for a column or a variable
READ_ONLY = 1238
NEVER_SET = listed("explicit_defaults_for_timestamp gtid_mode enforce_gtid_consistency")  # or not on every version
ARGUMENTS = ("", "1", "1,1", "1,1,1", "1,1,1,1", "'a','a','a','a','a'")
SYNTAX_OF_THEIR_OWN = listed(
    "COLUMN_GET GROUPING JSON_TABLE LASTVAL MEDIAN NEXTVAL PERCENTILE_CONT PERCENTILE_DISC SETVAL"
)
BUILT_IN = ("InnoDB", "MyISAM", "MEMORY", "CSV", "MRG_MyISAM", "ARCHIVE", "BLACKHOLE", "Aria")


@pytest.fixture(params=FIVE)
def session(request: pytest.FixtureRequest, five: dict[str, Running]) -> Iterator[Session]:
    """A server that writes nothing to its log, with a table `t` of its own; the database is dropped afterwards."""
    with five[request.param].sql() as session, session.unlogged():
        session.execute("DROP DATABASE IF EXISTS checked")
        session.execute("CREATE DATABASE checked")
        session.execute("USE checked")
        session.execute("CREATE TABLE t (a INT, c TEXT)")
        yield session
        session.execute("DROP DATABASE checked")
        session.execute("DELETE FROM mysql.user WHERE User LIKE 'checked%'" if session.version.is_mysql() else "DO 1")
        session.execute("FLUSH PRIVILEGES")
        if session.version.is_mariadb():
            for number in ("", 2, 3):
                session.execute(f"DROP USER IF EXISTS checked{number}@localhost")


def refusal(session: Session, sql: str) -> int:
    """The error's number; 0 where it is understood and done."""
    try:
        session.rows(sql)
    except LoginError as error:
        return error.number or 1
    except ServerError as error:
        return error.number
    return 0


def is_reserved(session: Session, word: str) -> bool:
    return refusal(session, f"PREPARE made FROM 'CREATE TABLE w_ ({word} INT)'") == 1064


def test_words_are_reserved_where_the_table_says_and_nowhere_else(session: Session) -> None:
    measured = {word for word in RESERVED if is_reserved(session, word)}
    assert measured == {word for word, spans in RESERVED.items() if holds(spans, session.version)}


def test_no_word_is_missing_from_the_table(five: dict[str, Running]) -> None:
    reserved = {}
    with five["mysql-9.7"].sql() as mysql, five["mariadb-11.8"].sql() as mariadb:
        said = [
            row["WORD"] for one in (mysql, mariadb) for row in one.rows("SELECT WORD FROM information_schema.KEYWORDS")
        ]
        candidates = {word for word in said if re.fullmatch("[A-Z_0-9]+", word)}
        assert len(candidates) > 700
    for image in FIVE:
        with five[image].sql() as session:
            session.execute("SET SESSION sql_log_bin = 0")
            session.execute("CREATE DATABASE IF NOT EXISTS words_")
            session.execute("USE words_")
            reserved[image] = {word for word in candidates if is_reserved(session, word)}
            session.execute("DROP DATABASE words_")
    everywhere, somewhere = set.intersection(*reserved.values()), set.union(*reserved.values())
    assert somewhere - everywhere <= RESERVED.keys()


def exists(session: Session, name: str) -> bool | None:
    """Whether a function is there; None where it has a syntax of its own and can't be told so."""
    numbers = {refusal(session, f"SELECT {name}({arguments})") for arguments in ARGUMENTS}
    if 1305 in numbers or (name == "GET_LOCK" and not numbers):
        return False
    return None if numbers == {1064} else True


def test_functions_are_there_where_the_table_says_and_nowhere_else(session: Session) -> None:
    wrong = []
    for name, spans in FUNCTIONS.items():
        measured, said = exists(session, name), holds(spans, session.version)
        if measured is None:
            measured = said if name in SYNTAX_OF_THEIR_OWN else False
        if measured != said:
            wrong.append(name)
    assert not wrong


def test_syntax_is_understood_where_the_table_says_and_nowhere_else(session: Session) -> None:
    wrong = []
    for construct in CONSTRUCTS:
        understood = refusal(session, construct.example) not in NOT_UNDERSTOOD
        if understood != holds(construct.spans, session.version):
            wrong.append((construct.name, understood))
    assert not wrong


def test_modes_are_accepted_where_the_table_says_and_nowhere_else(session: Session) -> None:
    for mode, spans in REMOVED_MODES.items():
        accepted = refusal(session, f"SET SESSION sql_mode = '{mode}'") == 0
        assert accepted == holds(spans, session.version), mode
    session.execute("SET SESSION sql_mode = ''")


def test_engines_are_supported_only_where_the_table_says(session: Session) -> None:
    said = {
        next(iter(row.values())).lower() for row in session.rows("SHOW ENGINES") if row["Support"] in ("YES", "DEFAULT")
    }
    for name in BUILT_IN:
        if name.lower() in said:
            assert holds(ENGINES[name.lower()], session.version), name
    assert ("aria" in said) == holds(ENGINES["aria"], session.version)


def test_collations_are_there_where_the_table_says_and_nowhere_else(five: dict[str, Running]) -> None:
    there, versions = {}, {}
    for image in FIVE:
        with five[image].sql() as session:
            there[image] = {plain(str(row["Collation"])) for row in session.rows("SHOW COLLATION")}
            versions[image] = session.version
            if not session.version.is_mariadb(11):
                default = session.value(
                    "SELECT COLLATION_NAME FROM information_schema.COLLATIONS"
                    " WHERE CHARACTER_SET_NAME = 'utf8mb4' AND IS_DEFAULT = 'Yes'"
                )
                assert default in [name for span, name in DEFAULT_OF_UTF8MB4 if span.covers(session.version)]
    every = set.union(*there.values())
    assert len(every) > 500
    for image, names in there.items():
        assert {name for name in every if knows_collation(name, versions[image])} == names, image


def test_variables_are_there_where_the_table_says_and_nowhere_else(session: Session) -> None:
    there = {str(row["Variable_name"]).lower() for row in session.rows("SHOW GLOBAL VARIABLES")}
    assert {name for name in REMOVED if name in there} == {
        name for name, removed in REMOVED.items() if holds(removed.spans, session.version)
    }


def test_a_server_takes_the_value_of_a_variable_that_is_to_be_kept(session: Session) -> None:
    """Its own values, so that nothing changes; where no statement is advised it takes none."""
    there = {str(row["Variable_name"]).lower(): str(row["Value"]) for row in session.rows("SHOW GLOBAL VARIABLES")}
    for name in sorted((ALIKE | {default.name for default in DEFAULTS}) & there.keys()):
        if name in NEVER_SET or (name == "default_tmp_storage_engine" and not there[name]):  # MariaDB's is no engine
            continue
        mend = kept(name, there[name], session.version)
        if mend.startswith("SET GLOBAL"):
            assert refusal(session, mend) == 0, mend
        else:
            assert refusal(session, f"SET GLOBAL {name} = DEFAULT") == READ_ONLY, name


@pytest.mark.parametrize("image", FIVE)
def test_defaults_are_those_of_the_table(five: dict[str, Running], image: str) -> None:
    with five[image].sql() as session:
        measured = defaults(five[image], session)
        wrong = [
            (default.name, value, measured.get(default.name))
            for default in DEFAULTS
            if default.name != "log_bin"  # the servers tell a file's name instead
            and (value := default.value(session.version)) is not None
            and normal(value) != normal(str(measured.get(default.name)))
        ]
    assert not wrong


def defaults(server: Running, session: Session) -> dict[str, str]:
    """A server's own compiled-in defaults: MariaDB keeps them in a table, MySQL prints them with its help."""
    if session.version.is_mariadb():
        rows = session.rows("SELECT VARIABLE_NAME, DEFAULT_VALUE FROM information_schema.SYSTEM_VARIABLES")
        return {str(row["VARIABLE_NAME"]).lower(): row["DEFAULT_VALUE"] for row in rows}
    told = server.service.run("sh", "-c", "mysqld --no-defaults --user=mysql --verbose --help 2>/dev/null")
    listed = told.partition("\n-----")[2].partition("\n")[2].partition("\n\n")[0]
    pairs = (line.partition(" ") for line in listed.splitlines())
    return {name.replace("-", "_"): value.strip() for name, _, value in pairs}


def test_an_example_is_found_by_its_own_pattern_and_by_no_other() -> None:
    for construct in CONSTRUCTS:
        text = skeleton(tokens(construct.example))
        assert [one.name for one in CONSTRUCTS if one.pattern.search(text)] == [construct.name]
