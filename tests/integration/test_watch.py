"""Every fault that can be planted on a real tree is explained as what it is, and no secret of it is shown."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from integration.breaking import (
    SERVERS,
    Pair,
    broken,
    caught_up,
    changed,
    channel,
    run,
    run_behind,
)
from integration.operating import Operator
from integration.trees import Running, break_replication, paused, settled
from support import COMMAND, wait_until
from understudy.migrate.clock import SystemClock
from understudy.migrate.dialects import Dialect
from understudy.migrate.journal import Journal
from understudy.migrate.watch.case import Remedy
from understudy.migrate.watch.explain import Explanation
from understudy.migrate.watch.skip import Order, Skipping
from understudy.migrate.words import Word

pytestmark = pytest.mark.integration

ROW = "SET SESSION binlog_format = ROW"
SECRET = "sesame-open"


class Fault(NamedTuple):
    """A fault to plant: what is done behind replication's back, what the source then does, what is told of it."""

    case: str
    remedy: Remedy
    source: tuple[str, ...]
    behind: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    known: str = ""


ANYWHERE = (
    Fault(
        "duplicate-key",
        Remedy.SKIP_COSTS,
        ("INSERT INTO b.t VALUES (1, 'a')",),
        behind=("INSERT INTO b.t VALUES (1, 'x')",),
    ),
    Fault(
        "row-missing",
        Remedy.SKIP_COSTS,
        (ROW, "UPDATE b.t SET v = 'b' WHERE id = 2"),
        before=("INSERT INTO b.t VALUES (2, 'a')",),
        behind=("DELETE FROM b.t WHERE id = 2",),
    ),
    Fault(
        "missing",
        Remedy.MEND,
        (ROW, "INSERT INTO b.gone VALUES (1)"),
        before=("CREATE TABLE b.gone (id INT PRIMARY KEY)",),
        behind=("DROP TABLE b.gone",),
    ),
    Fault(
        "gone-already",
        Remedy.SKIP,
        ("DROP TABLE b.dropped",),
        before=("CREATE TABLE b.dropped (id INT PRIMARY KEY)",),
        behind=("DROP TABLE b.dropped",),
    ),
    Fault(
        "gone-in-part",
        Remedy.SKIP_COSTS,
        ("ALTER TABLE b.made DROP KEY k, ADD COLUMN c INT",),
        before=("CREATE TABLE b.made (id INT PRIMARY KEY, a INT, KEY k (a))",),
        behind=("ALTER TABLE b.made DROP KEY k",),
    ),
    Fault(
        "exists-already",
        Remedy.SKIP_COSTS,
        ("CREATE TABLE b.made (id INT PRIMARY KEY)",),
        behind=("CREATE TABLE b.made (id BIGINT PRIMARY KEY)",),
    ),
    Fault(
        "account-exists",
        Remedy.SKIP,
        (f"CREATE USER ann@'%' IDENTIFIED BY '{SECRET}'",),
        behind=("CREATE USER ann@'%' IDENTIFIED BY 'another'",),
    ),
)
FROM_OLD = (
    *ANYWHERE[:-1],
    Fault(
        "grant-identified-by",
        Remedy.SKIP,
        (f"GRANT SELECT ON b.* TO joe@'%' IDENTIFIED BY '{SECRET}'",),
        known="MySQL 8.0.11 changed this, and {source} comes before it",
    ),
    Fault(
        "identified-by-password", Remedy.SKIP, (f"CREATE USER jim@'%' IDENTIFIED BY '{SECRET}'",), known="MySQL 8.0.11"
    ),
    Fault("account-missing", Remedy.SKIP, (f"SET PASSWORD FOR jim@'%' = PASSWORD('{SECRET}')",)),
    Fault(
        "password-function",
        Remedy.SKIP_COSTS,
        (f"INSERT INTO b.t VALUES (3, PASSWORD('{SECRET}'))",),
        known="MySQL 8.0.11",
    ),
    Fault("query-cache", Remedy.SKIP_COSTS, ("INSERT INTO b.t SELECT SQL_CACHE 4, 'x'",), known="MySQL 8.0.3"),
    Fault(
        "group-by-direction",
        Remedy.SKIP_COSTS,
        ("INSERT INTO b.t SELECT id + 100, v FROM b.t GROUP BY id DESC, v",),
        known="MySQL 8.0.13",
    ),
    Fault(
        "partitioning",
        Remedy.MEND,
        ("CREATE TABLE b.parts (a INT) ENGINE=MyISAM PARTITION BY HASH(a) PARTITIONS 2",),
        known="MySQL 8.0.0",
    ),
)
FORGIVEN = ("gone-already", "exists-already")  # by MariaDB: slave_ddl_exec_mode=IDEMPOTENT is its default
PLANTED = [
    *(("5.6 to 9.7", fault) for fault in FROM_OLD),
    *(("9.7 by GTID", fault) for fault in ANYWHERE),
    *(("MariaDB by position", fault) for fault in ANYWHERE if fault.case not in FORGIVEN),
    *(("MariaDB by GTID", fault) for fault in ANYWHERE if fault.case not in FORGIVEN),
]


@pytest.mark.parametrize(("kind", "fault"), PLANTED, ids=[f"{kind}: {fault.case}" for kind, fault in PLANTED])
def test_a_planted_fault_is_explained_and_left_out_and_replication_goes_on(
    kind: str, fault: Fault, pairs: dict[str, Pair], tmp_path: Path
) -> None:
    pair = pairs[kind]
    plant(pairs, pair, fault)
    said = broken(pair.replica)
    assert (said.case, said.remedy) == (fault.case, fault.remedy), said
    assert said.known.startswith(fault.known.format(source=pair.source.version))
    assert bool(said.known) == bool(fault.known)
    assert said.log_kept
    assert not said.missing
    assert said.expect
    leave_out(pair.replica, said, tmp_path)
    caught_up(*pair)
    told = f"{said}{(tmp_path / 'journal.jsonl').read_text()}"
    assert SECRET not in told
    assert not re.search(r"\*[0-9A-F]{8}", told), "no hash either"


def plant(pairs: dict[str, Pair], pair: Pair, fault: Fault) -> None:
    """On MariaDB two replicas follow one source: what breaks one goes by the other, whose objects are dropped first."""
    drop = ("DROP TABLE IF EXISTS b.gone, b.dropped, b.made", "TRUNCATE TABLE b.t")
    run(pair.source, *drop)
    for other in pairs.values():
        if other.source is pair.source:
            caught_up(*other)
    run_behind(pair.replica, *drop)
    for server in (pair.source, *(other.replica for other in pairs.values() if other.source is pair.source)):
        run_behind_any(server, "DROP USER ann@'%'") if fault.case == "account-exists" and has_ann(server) else None
    run(pair.source, *fault.before)
    caught_up(*pair)
    run_behind(pair.replica, *fault.behind)
    run(pair.source, *fault.source)


def has_ann(server: Running) -> bool:
    with server.sql() as session:
        return bool(session.rows("SELECT 1 FROM mysql.user WHERE User = 'ann'"))


def run_behind_any(server: Running, statement: str) -> None:
    with server.sql() as session, session.unlogged():
        before = session.value("SELECT @@GLOBAL.read_only")
        session.execute(session.dialect.sql(Word.READ_WRITE))
        session.execute(statement)
        if before:
            session.execute(session.dialect.sql(Word.READ_ONLY))


def leave_out(replica: Running, said: Explanation, folder: Path) -> None:
    order = Order(replica.address, "a test's reason", said.expect)
    with Journal.open(folder / "journal.jsonl", SystemClock(), "skip") as journal:
        outcome = Skipping(SERVERS, SystemClock(), order, {}).run(journal)
    assert not outcome.was_done
    assert outcome.next_break is None


@pytest.mark.parametrize(
    ("kind", "options", "case"),
    [
        ("5.6 to 9.7", {"PASSWORD": "wrong-" + SECRET}, "login"),
        ("MariaDB by position", {"PASSWORD": "wrong-" + SECRET}, "login"),
        ("5.6 to 9.7", {"SSL": 1}, "no-tls"),
        ("5.6 to 9.7", {"LOG_FILE": "binlog.000001", "LOG_POS": 99_999_999}, "position-beyond"),
        ("5.6 to 9.7", {"LOG_FILE": "nosuch.000001", "LOG_POS": 4}, "log-purged"),
        ("MariaDB by position", {"LOG_FILE": "nosuch.000001", "LOG_POS": 4}, "log-purged"),
        ("5.6 to 9.7", {"PORT": 1}, "unreachable"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_a_receiver_that_can_not_go_on_is_explained(
    kind: str, options: dict[str, object], case: str, pairs: dict[str, Pair]
) -> None:
    replica = pairs[kind].replica
    with changed(replica, **options):
        said = broken(replica)
    assert said.case == case, said
    assert SECRET not in str(said)


@pytest.mark.parametrize("kind", ["5.6 to 9.7", "MariaDB by GTID"])
def test_a_server_id_that_is_the_sources_own_is_told(kind: str, pairs: dict[str, Pair]) -> None:
    pair = pairs[kind]
    restarted(pair.replica, f"SET GLOBAL server_id = {pair.source.server_id}")
    assert broken(pair.replica).case == "server-id"
    restarted(pair.replica, f"SET GLOBAL server_id = {pair.replica.server_id}")
    settled(pair.replica)


def restarted(replica: Running, *statements: str) -> None:
    """Statements while its threads are stopped."""
    dialect = replica.sql().dialect
    run(replica, dialect.sql(Word.STOP), *statements, dialect.sql(Word.START))


@pytest.mark.parametrize("kind", ["9.7 by GTID", "MariaDB by GTID"])
def test_a_replica_whose_next_log_the_source_has_deleted_is_to_be_built_anew(kind: str, pairs: dict[str, Pair]) -> None:
    source, replica = pair = pairs[kind]
    others = [other for other in pairs.values() if other.source is source and other.replica is not replica]
    dialect = replica.sql().dialect
    run(replica, dialect.sql(Word.STOP))
    run(source, "CREATE DATABASE missed", "DROP DATABASE missed", "FLUSH BINARY LOGS", "FLUSH BINARY LOGS")
    for other in others:
        caught_up(*other)
    newest = source.coordinates().file

    def purged() -> bool:
        run(source, f"PURGE BINARY LOGS TO '{newest}'")
        with source.sql() as session:
            return len(session.rows("SHOW BINARY LOGS")) == 1

    wait_until(purged, 30, "the old logs are gone")
    run(replica, dialect.sql(Word.START))
    said = broken(replica)
    assert (said.case, said.remedy) == ("log-purged", Remedy.REBUILD)
    assert "understudy migrate rebuild" in said.do
    gone_on_without(pair)


def gone_on_without(pair: Pair) -> None:
    """As if nothing had been missed; the tests' own transactions leave nothing behind."""
    source, replica = pair
    with source.sql() as above, replica.sql() as session:
        session.execute(session.dialect.sql(Word.STOP))
        if session.version.is_mariadb():
            session.execute("SET GLOBAL gtid_slave_pos = %s", above.value("SELECT @@GLOBAL.gtid_binlog_pos"))
        else:
            session.execute("SET GLOBAL super_read_only = 0")
            purged = above.value(
                "SELECT GTID_SUBTRACT(@@GLOBAL.gtid_executed, %s)", session.value("SELECT @@GLOBAL.gtid_executed")
            )
            session.execute("SET GLOBAL gtid_purged = %s", "+" + purged)
            session.execute(session.dialect.sql(Word.READ_ONLY))
        session.execute(session.dialect.sql(Word.START))
    settled(replica)


def test_an_account_that_needs_tls_and_a_replica_without_it(pairs: dict[str, Pair]) -> None:
    source, replica = pairs["9.7 by GTID"]
    run(source, f"CREATE USER sha@'%' IDENTIFIED BY '{SECRET}'", "GRANT REPLICATION SLAVE ON *.* TO sha@'%'")
    caught_up(source, replica)
    change = "CHANGE REPLICATION SOURCE TO SOURCE_USER = '{}', SOURCE_PASSWORD = '{}', SOURCE_SSL = {}"
    restarted(replica, change.format("sha", SECRET, 0))
    said = broken(replica)
    restarted(replica, change.format("repl", "repl''s password", 1))
    settled(replica)
    assert said.case == "sha2-without-tls"
    assert SECRET not in str(said)


def test_a_source_without_gtids_stops_a_server_with_gtid_mode_on(pairs: dict[str, Pair]) -> None:
    source, replica = pairs["5.6 to 9.7"]
    up = ("OFF_PERMISSIVE", "ON_PERMISSIVE", "ON")
    run(replica, "SET GLOBAL enforce_gtid_consistency = ON", *(f"SET GLOBAL gtid_mode = {mode}" for mode in up))
    run(source, "CREATE DATABASE anonymous", "DROP DATABASE anonymous")
    said = broken(replica)
    assert (said.case, said.remedy) == ("anonymous", Remedy.MEND)
    restarted(replica)
    wait_until(lambda: channel(replica).receiver_error.number, 30, "the receiver refuses as well")
    down = ("ON_PERMISSIVE", "OFF_PERMISSIVE", "OFF")
    restarted(replica, *(f"SET GLOBAL gtid_mode = {mode}" for mode in down))
    caught_up(source, replica)


def test_what_somebody_wrote_to_a_replica_with_gtids_is_seen(pairs: dict[str, Pair], tmp_path: Path) -> None:
    source, replica = pairs["9.7 by GTID"]
    run(replica, "SET GLOBAL read_only = 0", "INSERT INTO b.t VALUES (77, 'errant')")
    run(source, "INSERT INTO b.t VALUES (77, 'x')")
    said = broken(replica)
    assert any("transactions that its source has not" in seen for seen in said.evidence), said
    assert "it takes writes from anybody: read_only is off" in said.evidence
    leave_out(replica, said, tmp_path)
    run(replica, Dialect(replica.sql().version).sql(Word.READ_ONLY))


def operator(pairs: dict[str, Pair], folder: Path, connect_ms: int = 15_000) -> Operator:
    old, new = pairs["5.6 to 9.7"]
    return Operator(folder, old.address, f'[migrate.target]\nnew_source = "{new.address}"', connect_ms=connect_ms)


def test_watch_once_says_by_its_exit_code_how_the_new_side_is(pairs: dict[str, Pair], tmp_path: Path) -> None:
    source, replica = pairs["5.6 to 9.7"]
    leaf = pairs["9.7 to its leaf"].replica
    ask = operator(pairs, tmp_path).ask
    caught_up(source, replica)
    fine = ask("watch", "--once")
    assert fine.code == 0, fine
    assert replica.address in fine.out
    assert leaf.address in fine.out
    assert source.address not in fine.out
    run(leaf, leaf.sql().dialect.sql(Word.STOP))
    stopped = ask("watch", "--once")
    assert stopped.code == 4
    assert "stopped without an error" in stopped.out
    run(leaf, leaf.sql().dialect.sql(Word.START))
    settled(leaf)
    break_replication(source, replica)
    told = ask("watch", "--once", "--json")
    assert told.code == 4
    look, break_ = (json.loads(line) for line in told.out.splitlines())
    assert (look["kind"], look["state"]) == ("look", "broken")
    assert (break_["kind"], break_["case"], break_["server"]) == ("broken", "duplicate-key", replica.address)
    leave_out(replica, broken(replica), tmp_path)
    caught_up(source, replica)


def test_a_watch_tells_a_break_once_and_its_end_and_survives_a_server_that_goes_away(
    pairs: dict[str, Pair], tmp_path: Path
) -> None:
    source, replica = pairs["5.6 to 9.7"]
    leaf = pairs["9.7 to its leaf"].replica
    settings = operator(pairs, tmp_path, connect_ms=3_000).file
    run(source, "DROP DATABASE IF EXISTS broken")
    caught_up(source, replica)
    out = tmp_path / "out"
    command = [COMMAND, "migrate", "watch", "--json", "--interval", "0.2", "-c", settings]
    with out.open("wb") as file, subprocess.Popen(command, stdout=file) as process:
        try:
            wait_until(lambda: told_of(out, "look"), 20, "a first look")
            break_replication(source, replica)
            wait_until(lambda: told_of(out, "broken"), 20, "the break is told")
            with paused(leaf):  # maybe amid a statement: read_ms is 30 s
                wait_until(lambda: "unreachable" in str(told_of(out, "look")[-1]), 90, "the leaf is away")
            wait_until(lambda: "unreachable" not in str(told_of(out, "look")[-1]), 90, "the leaf is back")
            leave_out(replica, broken(replica), tmp_path)
            wait_until(lambda: told_of(out, "look")[-1]["state"] == "ok", 90, "all is well again")
            wait_until(lambda: {"broken", "unreachable"} <= set(ended(out)), 20, "both are told to be over")
            assert process.poll() is None
        finally:
            process.terminate()
    assert len(told_of(out, "broken")) == 1


def ended(out: Path) -> list[str]:
    """The kinds of what was told to be over."""
    return [one["concern"]["kind"] for one in told_of(out, "over")]


def told_of(out: Path, kind: str) -> list[dict[str, Any]]:
    """The objects of one kind in the whole lines that were printed."""
    lines = out.read_text().splitlines(keepends=True)
    objects = [json.loads(line) for line in lines if line.endswith("\n")]
    return [one for one in objects if one["kind"] == kind]


def test_somebody_elses_writes_to_the_new_source_are_told(pairs: dict[str, Pair], tmp_path: Path) -> None:
    _, replica = pairs["5.6 to 9.7"]
    settings = operator(pairs, tmp_path).file
    out = tmp_path / "out"
    command = [COMMAND, "migrate", "watch", "--interval", "0.2", "-c", settings]
    with out.open("wb") as file, subprocess.Popen(command, stdout=file) as process:
        try:
            fine = rf"{re.escape(replica.address)} +ok "  # what is written is told of since a look that saw the log
            wait_until(lambda: re.search(fine, out.read_text()), 30, "a first look")
            run(replica, "SET GLOBAL read_only = 0", "CREATE DATABASE shadow_writes", "DROP DATABASE shadow_writes")
            for concern in ("something other than replication writes to it", "read_only is off"):
                wait_until(lambda concern=concern: concern in out.read_text(), 20, concern)  # not of one look, maybe
        finally:
            process.terminate()
            run(replica, "SET GLOBAL super_read_only = 1")


def test_an_applier_that_waits_for_a_table_is_told_with_the_table(pairs: dict[str, Pair], tmp_path: Path) -> None:
    source, replica = pairs["5.6 to 9.7"]
    run(source, "CREATE TABLE IF NOT EXISTS b.keyless (a INT) ENGINE=InnoDB")
    caught_up(source, replica)
    out = tmp_path / "out"
    options = ["--json", "--interval", "0.2", "--max-stall", "1", "-c", str(operator(pairs, tmp_path).file)]
    with out.open("wb") as file, subprocess.Popen([COMMAND, "migrate", "watch", *options], stdout=file) as process:
        try:
            wait_until(lambda: told_of(out, "look"), 20, "a first look")
            with replica.sql() as holding:
                holding.execute("LOCK TABLES b.keyless READ")
                run(source, ROW, "INSERT INTO b.keyless VALUES (1)")
                wait_until(lambda: "applier-stalled" in str(told_of(out, "look")[-1]), 20, "it is told")
                wait_until(lambda: "b.keyless, which has no primary key" in str(told_of(out, "look")[-1]), 20, "where")
                holding.execute("UNLOCK TABLES")
            wait_until(lambda: told_of(out, "look")[-1]["state"] == "ok", 20, "all is well again")
        finally:
            process.terminate()
