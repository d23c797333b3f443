"""Two servers under continuous writes: equal says equal; what differs is found with its keys; nothing is written."""

from __future__ import annotations

import io
import itertools
import json
import random
import re
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from integration.operating import Operator
from integration.test_grants import PASSWORD, USER, granted
from integration.trees import ANY_TLS, NEW, OLD, Node, Running, tree
from integration.verifying import Stage, compared, fresh, table, told, writing
from support import COMMAND, wait_until
from understudy.configfile import load
from understudy.errors import UnderstudyError
from understudy.migrate.clock import SystemClock
from understudy.migrate.faults import LoginError, ServerError, UnreachableError
from understudy.migrate.logins import FromSettings, Login, OneLogin
from understudy.migrate.mysql import MySql, Session
from understudy.migrate.sqltext import Secret, identifier
from understudy.migrate.verify import catalogue
from understudy.migrate.verify.guard import Guard
from understudy.migrate.verify.moments import Descent, Hop, Moments
from understudy.migrate.verify.options import Outcome, Result
from understudy.migrate.verify.pairs import paired
from understudy.migrate.verify.rechecking import Pending, Rechecker
from understudy.migrate.verify.running import Asked, outcomes
from understudy.migrate.verify.sessions import Sides
from understudy.migrate.verify.state import State
from understudy.migrate.verify.tables import match
from understudy.migrate.verify.yielding import Share, Turns
from understudy.migrate.words import Word

pytestmark = pytest.mark.integration

ROWS = 3_000


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Stage]]:
    """MySQL 5.6 -> 5.6 -> 9.7, so that positions are handed on, and MariaDB 10.5 -> 11.8."""
    folder = tmp_path_factory.mktemp("verify")
    row = ("--binlog-format=ROW",)
    with tree(
        Node("my-old", "mysql-5.6", options=(*OLD, *row)),
        Node("my-middle", "mysql-5.6", "my-old", (*OLD, *row)),
        Node("my-new", "mysql-9.7", "my-middle", NEW),
        Node("maria-old", "mariadb-10.5", options=(*OLD, *row)),
        Node("maria-new", "mariadb-11.8", "maria-old", OLD),
    ) as servers:
        yield {
            "mysql": Stage(servers["my-old"], servers["my-new"], folder, servers["my-middle"]),
            "mariadb": Stage(servers["maria-old"], servers["maria-new"], folder),
        }


@pytest.fixture(params=["mysql", "mariadb"])
def stage(request: pytest.FixtureRequest, stages: dict[str, Stage]) -> Stage:
    """Either."""
    return stages[request.param]


def counted(database: str, name: str = "t", rows: int = ROWS) -> Iterator[str]:
    """A table as sysbench makes it."""
    yield (
        f"CREATE TABLE {database}.{name} (id INT PRIMARY KEY AUTO_INCREMENT, k INT NOT NULL, c CHAR(120) NOT NULL,"
        " pad CHAR(60) NOT NULL, KEY (k)) ENGINE=InnoDB"
    )
    for start in range(1, rows + 1, 1000):
        some = range(start, min(rows, start + 999) + 1)
        values = ", ".join(f"({number}, {number % 97}, '{number:040}', '{number * 7:020}')" for number in some)
        yield f"INSERT INTO {database}.{name} VALUES {values}"


def test_rows_changed_missing_and_extra_on_either_side_are_found_with_their_keys_under_writes(stage: Stage) -> None:
    database = fresh(stage)
    stage.write(*counted(database), *counted(database, "fine"))
    spared = f"{database}.t"
    stage.spoil("new", f"UPDATE {spared} SET pad = CONCAT(LEFT(pad, 19), 'x') WHERE id = 7")
    stage.spoil("old", f"UPDATE {spared} SET k = k + 1 WHERE id = 8")
    stage.spoil("new", f"DELETE FROM {spared} WHERE id = 1500", f"INSERT INTO {spared} VALUES (9000000, 1, 'a', 'b')")
    stage.spoil("old", f"DELETE FROM {spared} WHERE id = 2999", f"INSERT INTO {spared} VALUES (-5, 1, 'a', 'b')")
    with writing(stage.old, updates(database)):
        outcome = stage.verify(f"{database.strip('`')}.*")
    assert outcome.result is Result.DIFFERENT
    assert table(outcome, f"{database}.fine").result is Result.EQUAL
    assert told(outcome.findings) == {
        ("changed-row", ("7",), ("pad",)),
        ("changed-row", ("8",), ("k",)),
        ("missing-row", ("1500",), ()),
        ("missing-row", ("-5",), ()),
        ("extra-row", ("9000000",), ()),
        ("extra-row", ("2999",), ()),
    }


def updates(database: str) -> Iterator[str]:
    """Writes all over both tables, and to one row of each all the time."""
    chance = random.Random(1)
    for number in itertools.count():
        name = ("t", "fine")[number % 2]
        yield f"UPDATE {database}.{name} SET k = k + 1 WHERE id = {chance.randrange(100, 1400)}"
        yield f"UPDATE {database}.{name} SET k = k + 1 WHERE id = 50"
        yield f"INSERT INTO {database}.{name} (k, c, pad) VALUES ({number}, 'new', 'row')"
        yield f"DELETE FROM {database}.{name} WHERE id = {3000 + number // 2}"


def test_equal_under_writes_is_equal_and_reads_whole_tables(stage: Stage) -> None:
    database = fresh(stage)
    stage.write(*counted(database), *counted(database, "fine"))
    with writing(stage.old, updates(database)):
        outcome = stage.verify(f"{database.strip('`')}.*", chunk_ms=50)
    assert outcome.result is Result.EQUAL, outcome
    assert all(one.rows >= ROWS - 1000 for one in outcome.tables)
    assert outcome.since


KEYS = {
    "composite": ("a INT, b VARCHAR(20), PRIMARY KEY (a, b)", ["(1, 'x''y')", "(1, 'x`\\\\')", "(2, '🎭')"]),
    "text": ("a VARCHAR(50) PRIMARY KEY", ["('it''s')", "('a\\\\%s')", "('\\0')", "('猫')", "('')"]),
    "bytes": ("a VARBINARY(20) PRIMARY KEY", ["(x'00')", "(x'0000')", "(x'FF27')", "('')"]),
    "huge": ("a BIGINT UNSIGNED PRIMARY KEY", ["(0)", "(18446744073709551615)", "(9223372036854775808)"]),
    "negative": ("a BIGINT PRIMARY KEY", ["(-9223372036854775808)", "(-1)", "(9223372036854775807)"]),
    "decimal": ("a DECIMAL(20,4) PRIMARY KEY", ["(-1.5)", "(0)", "(1234567890123456.7891)"]),
    "day": ("a DATE PRIMARY KEY", ["('0000-00-00')", "('2024-02-29')"]),
    "stamp": (
        "a TIMESTAMP NOT NULL DEFAULT '2000-01-01' PRIMARY KEY",
        ["('2024-02-29 01:02:03')", "('2000-01-01 00:00:00')"],
    ),
    "unique": ("a INT NOT NULL, b INT, UNIQUE KEY `the ``key` (a)", ["(1, NULL)", "(2, 2)"]),
    "choice": ("a ENUM('y','x'), b INT, PRIMARY KEY (a, b)", ["('x', 1)", "('y', 1)"]),
    "latin": ("a VARCHAR(9) CHARACTER SET latin1 PRIMARY KEY", ["('é')", "('z')"]),
}


def test_a_change_is_found_whatever_the_key_is(stage: Stage) -> None:
    database = fresh(stage, "it's `quoted` 猫")
    statements = ["SET SESSION sql_mode = ''"]
    for name, (definition, rows) in KEYS.items():
        named = identifier(f"{name} `of` it's")
        statements.append(f"CREATE TABLE {database}.{named} ({definition}, v INT DEFAULT 1)")
        columns = "a, b" if " b " in definition else "a"
        statements.append(f"INSERT INTO {database}.{named} ({columns}) VALUES {', '.join(rows)}")
    stage.write(*statements)
    everything = "it's `quoted` 猫*"
    assert stage.verify(everything).result is Result.EQUAL
    for name in KEYS:
        named = f"{database}.{identifier(f'{name} `of` it' + chr(39) + 's')}"
        assert stage.spoil("new", f"UPDATE {named} SET v = 2 ORDER BY a DESC LIMIT 1") == 1
    outcome = stage.verify(everything)
    assert {one.result for one in outcome.tables} == {Result.DIFFERENT}
    assert [one.differing for one in outcome.tables if "choice" not in one.name] == [1] * (len(KEYS) - 1)
    keys = {finding.name.split(".")[1].split(" ")[0]: finding.key for finding in outcome.findings}
    assert keys["composite"] == {"a": "2", "b": "🎭"}
    assert keys["huge"] == {"a": "18446744073709551615"}
    assert keys["bytes"] == {"a": "0xFF27"}
    assert keys["stamp"] == {"a": "2024-02-29 01:02:03"}
    assert keys["latin"] == {"a": "é"} or keys["latin"] == {"a": "z"}


def test_rows_without_a_key_are_counted_so_that_doubles_do_not_hide_one_another(stage: Stage) -> None:
    database = fresh(stage)
    rows = ", ".join(f"({number % 50}, 'x')" for number in range(3000))
    stage.write(f"CREATE TABLE {database}.t (a INT, b VARCHAR(10))", f"INSERT INTO {database}.t VALUES {rows}")
    only = f"{database.strip('`')}.t"
    assert stage.verify(only).result is Result.EQUAL
    stage.spoil("new", f"DELETE FROM {database}.t WHERE a = 3 LIMIT 2", f"UPDATE {database}.t SET b = 'y' WHERE a = 4")
    outcome = stage.verify(only)
    assert outcome.result is Result.DIFFERENT
    assert sorted((finding.kind.value, finding.found) for finding in outcome.findings) == [
        ("extra-row", "the old side has 0 such rows, the new side 60"),
        ("missing-row", "the old side has 60 such rows, the new side 0"),
        ("missing-row", "the old side has 60 such rows, the new side 58"),
    ]


def test_two_rows_that_swapped_a_value_do_not_cancel(stage: Stage) -> None:
    database = fresh(stage)
    stage.write(*counted(database, rows=2000))
    stage.spoil(
        "new",
        f"UPDATE {database}.t a JOIN {database}.t b ON (a.id, b.id) IN ((10, 20), (20, 10)) SET a.pad = b.pad",
        f"UPDATE {database}.t SET pad = '{10 * 7:020}' WHERE id = 20",
        f"UPDATE {database}.t SET pad = '{20 * 7:020}' WHERE id = 10",
    )
    outcome = stage.verify(f"{database.strip('`')}.t")
    assert told(outcome.findings) == {("changed-row", ("10",), ("pad",)), ("changed-row", ("20",), ("pad",))}


def test_many_differences_are_listed_up_to_a_bound_and_the_rest_counted(stage: Stage) -> None:
    database = fresh(stage)
    stage.write(*counted(database))
    stage.spoil("new", f"UPDATE {database}.t SET k = k + 1 WHERE id <= 700")
    outcome = stage.verify(f"{database.strip('`')}.t", max_keys=10)
    assert len(outcome.findings) == 10
    assert table(outcome, f"{database}.t").differing == 700


@contextmanager
def stopped(server: Running) -> Iterator[None]:
    """Its applier stands still inside."""
    with server.sql() as session:
        session.execute(session.dialect.sql(Word.STOP_APPLIER))
        try:
            yield
        finally:
            session.execute(session.dialect.sql(Word.START_APPLIER))


def test_lag_is_no_finding(stage: Stage) -> None:
    database = fresh(stage)
    stage.write(*counted(database))
    with ThreadPoolExecutor(1) as pool:
        with stopped(stage.new):
            with stage.old.sql() as session:
                session.execute(f"UPDATE {database}.t SET k = 12345")
            running = pool.submit(stage.verify, f"{database.strip('`')}.*")
            wait_until(lambda: waiting(stage.new), 60, "verify waits for the new side")
            assert not running.done()
        assert running.result(180).result is Result.EQUAL


def waiting(server: Running) -> bool:
    """Whether somebody reads the replica's status over and over, as who waits does."""
    with server.sql() as session:
        return sum("POS_WAIT" in str(row["Info"]) or row["Command"] == "Sleep" for row in processes(session)) > 1


def processes(session: Any) -> list[dict[str, Any]]:
    return [row for row in session.rows("SHOW PROCESSLIST") if row["User"] == "root" and row["Id"] != session.id]


def test_a_replica_that_stays_stopped_leaves_it_undecided_never_equal(stage: Stage) -> None:
    database = fresh(stage)
    stage.write(*counted(database, rows=10))
    with stopped(stage.new):
        outcome = stage.verify(f"{database.strip('`')}.*", stalled_s=1)
    assert outcome.result is Result.UNDECIDED
    assert outcome.why


@contextmanager
def locked(server: Running, name: str) -> Iterator[None]:
    """A table that nobody can read inside: verify stands still before it, for as long as a test likes."""
    with server.sql() as session:
        session.execute(f"LOCK TABLES {name} WRITE")
        yield
        with suppress(ServerError):
            session.execute("UNLOCK TABLES")


def two_tables(stage: Stage) -> str:
    """One large enough to come first, one to stop at; verify with one worker takes them in this order."""
    database = fresh(stage)
    stage.write(*counted(database, "a", 6000), *counted(database, "z", 2000))
    with stage.old.sql() as session:
        session.rows(f"ANALYZE TABLE {database}.a, {database}.z")
    return database


def proved(operator: Operator, name: str) -> bool:
    """Whether all of a table is proved, by a run's own state."""
    for file in operator.file.parent.glob("state/migrate/verify/*.sqlite"):
        with closing(sqlite3.connect(file)) as database, suppress(sqlite3.Error):
            sql = "SELECT cut AND NOT EXISTS (SELECT * FROM open o WHERE o.name = t.name) FROM tables t WHERE name = ?"
            return bool((database.execute(sql, (name.replace("`", ""),)).fetchone() or [0])[0])
    return False


def test_killed_in_the_middle_it_goes_on_and_reads_nothing_twice(stage: Stage) -> None:
    database = two_tables(stage)
    operator = stage.operator(workers=1)
    options = ["-c", operator.file, "--data-only", "--json", "--table", f"{database.strip('`')}.*"]
    command = [COMMAND, "migrate", "verify", *options]
    with locked(stage.old, f"{database}.z"):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            wait_until(lambda: proved(operator, f"{database}.a"), 120, "the first table is proved")
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done
    (run,) = json.loads(done.stdout)["runs"]
    assert run["resumed"]
    assert run["rows"] == 2000, "of the first table nothing is read again"
    assert [one["rows"] for one in run["tables"]] == [6000, 2000]


def in_the_middle(stage: Stage, database: str, operator: Operator, do: Any) -> Outcome:
    """A run in whose middle, when the first table is proved, something is done."""
    with ThreadPoolExecutor(1) as pool:
        with locked(stage.old, f"{database}.z"):
            running = pool.submit(compared, operator, f"{database.strip('`')}.*")
            wait_until(lambda: proved(operator, f"{database}.a"), 120, "the first table is proved")
            do()
        return running.result(180)


def test_a_table_that_is_altered_meanwhile_is_read_again(stage: Stage) -> None:
    database = two_tables(stage)

    def alter() -> None:
        with stage.old.sql() as session:
            session.execute(f"ALTER TABLE {database}.a ADD COLUMN note VARCHAR(10) DEFAULT 'x'")
        stage.settle()
        stage.spoil("new", f"UPDATE {database}.a SET note = 'y' WHERE id = 77")

    outcome = in_the_middle(stage, database, stage.operator(workers=1), alter)
    assert told(outcome.findings) == {("changed-row", ("77",), ("note",))}


def test_tables_that_are_dropped_or_altered_before_they_are_cut_are_left_to_the_next_round_and_all_others_are_compared(
    stage: Stage,
) -> None:
    database = two_tables(stage)
    for name in ("gone", "keyed", "texted"):
        stage.write(*counted(database, name, 1500))
    for name in ("brief", "small"):
        stage.write(*counted(database, name, 10))
    with stage.old.sql() as session:
        session.rows(
            f"ANALYZE TABLE {database}.gone, {database}.keyed, {database}.texted, {database}.brief, {database}.small"
        )

    def alter() -> None:
        with stage.old.sql() as session:
            session.execute(f"DROP TABLE {database}.gone, {database}.brief")
            session.execute(f"ALTER TABLE {database}.keyed CHANGE id number INT")
            session.execute(f"ALTER TABLE {database}.texted MODIFY id VARCHAR(9)")
            session.execute(f"UPDATE {database}.texted SET id = CONCAT('x', id)")
        stage.settle()
        stage.spoil("new", f"UPDATE {database}.small SET k = k + 1 WHERE id = 3")
        stage.spoil("new", f"UPDATE {database}.keyed SET k = k + 1 WHERE number = 7")

    outcome = in_the_middle(stage, database, stage.operator(workers=1), alter)
    assert not outcome.why, outcome
    said = {one.name.split(".")[1]: one.result for one in outcome.tables}
    equal, different = dict.fromkeys(("a", "z", "texted"), Result.EQUAL), ("keyed", "small")
    assert said == equal | dict.fromkeys(different, Result.DIFFERENT)
    assert told(outcome.findings) == {("changed-row", ("7",), ("k",)), ("changed-row", ("3",), ("k",))}


@pytest.mark.parametrize("alter", ["DROP TABLE {}.gone", "ALTER TABLE {}.gone CHANGE id number INT"])
def test_a_table_that_is_dropped_or_altered_before_its_rows_are_looked_at_again_keeps_no_other_from_its_verdict(
    stage: Stage, alter: str, tmp_path: Path
) -> None:
    database = fresh(stage)
    only = [f"{database.strip('`')}.*"]
    stage.write(*counted(database, "gone", 10), *counted(database, "stays", 10))
    stage.spoil("new", f"UPDATE {database}.stays SET k = k + 1 WHERE id = 3")
    settings, clock, troubles = load(stage.operator().file).migrate, SystemClock(), dict[str, str]()
    servers = MySql(FromSettings(settings))
    hops = [Hop(server.address) for server in (*stage.between, stage.new)]
    ways = Descent(stage.old.address, (), tuple(hops))
    with (
        closing(State(tmp_path / "state.sqlite")) as state,
        closing(Sides(servers, stage.old.address, stage.new.address, clock, 30)) as sides,
        closing(Moments(servers, ways, clock, 30, lambda: False)) as moments,
    ):
        matched = match(catalogue.tables(sides.old, only), catalogue.tables(sides.new, only), folded=False)
        pairs = [paired(*both, thorough=False) for both in sorted(matched.both, key=lambda both: both[0].name)]
        state.anew({pair.name: pair.digest for pair in pairs})
        rechecker = Rechecker(sides, moments, state, clock, 5, 10, False, troubles.__setitem__)
        for pair in pairs:
            pending = Pending(state.opened(pair.name, None, None, last=True), 10)
            rechecker.add(pending, pair, {("3",): (1, 2), ("4",): (1, 2)}, lambda: False)
            rechecker.release(pending)
        stage.write(alter.format(database))
        rechecker.close()
        rechecker.run(lambda: False)
        gone, stays = (pair.name for pair in pairs)
        assert list(troubles) == [gone]
        assert rechecker.pending == 0
        assert state.unfinished() == {gone}, "its range is looked at again, if the table is still there"
        assert told(tuple(state.findings())) == {("changed-row", ("3",), ("k",))}
        assert state.tables()[stays].differing == 1


def test_sessions_that_are_killed_are_opened_again(stage: Stage) -> None:
    database = two_tables(stage)

    def kill() -> None:
        with stage.new.sql() as session:
            for row in processes(session):
                with suppress(ServerError):
                    session.execute(f"KILL {row['Id']}")

    outcome = in_the_middle(stage, database, stage.operator(workers=1), kill)
    assert outcome.result is Result.EQUAL, outcome


def test_nothing_is_written_to_the_old_side(stage: Stage) -> None:
    database = fresh(stage)
    stage.write(*counted(database))
    stage.spoil("new", f"UPDATE {database}.t SET k = k + 1 WHERE id = 9")
    before = stage.old.coordinates()
    with stage.old.sql() as root, root.unlogged():
        root.execute("SET GLOBAL log_output = 'TABLE'")
        root.execute("TRUNCATE mysql.general_log")
        root.execute("SET GLOBAL general_log = 1")
        try:
            assert stage.verify(f"{database.strip('`')}.*").result is Result.DIFFERENT
        finally:
            root.execute("SET GLOBAL general_log = 0")
        said = {
            str(bytes(row["argument"]) if isinstance(row["argument"], bytes | bytearray) else row["argument"])
            .removeprefix("b'").removeprefix('b"').split(" ")[0].upper()
            for row in root.rows("SELECT argument FROM mysql.general_log WHERE command_type = 'Query'")
        }  # fmt: skip
        root.execute("TRUNCATE mysql.general_log")
    assert said <= {"SELECT", "SHOW", "SET", "EXPLAIN"}, said
    with stage.old.sql() as root:
        events = root.rows(f"SHOW BINLOG EVENTS IN '{before.file}' FROM {before.position}")
    assert not [event for event in events if "general_log" not in str(event["Info"])], events


def test_it_rests_for_others_who_get_less_done_beside_it_and_takes_none_of_its_own_statements_for_theirs(
    stages: dict[str, Stage],
) -> None:
    """The others are a model of users on a full server: while verify reads, they get little done."""
    stage = stages["mariadb"]
    ending, users, reading = threading.Event(), threading.Event(), threading.Event()
    servers, share = MySql(FromSettings(load(stage.operator().file).migrate)), Share(0.1)

    def others() -> None:
        with stage.old.sql() as session:
            while not ending.is_set():
                if not users.wait(0.01):
                    continue
                session.value("SELECT 1")
                if reading.is_set():
                    ending.wait(0.01)

    def read() -> None:
        while not ending.is_set():
            with turns.turn(lambda: session.asked):
                reading.set()
                session.value("SELECT SLEEP(0.05)")
                reading.clear()

    with stage.old.sql() as session, Turns(servers, stage.old.address, share, SystemClock(), ending) as turns:
        threads = [threading.Thread(target=others), threading.Thread(target=read)]
        threads[0].start()
        try:
            for own in (50, 400):
                with turns.turn(lambda: session.asked):
                    for _ in range(own):
                        session.value("SELECT 1")
            assert share.share == 1.0
            users.set()
            threads[1].start()
            wait_until(lambda: share.share < 0.2, 60, "it leaves them their time")
        finally:
            ending.set()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()


class Away:
    """A side that can't be reached for so many times, once the sessions are open."""

    def __init__(self, servers: MySql, address: str) -> None:
        self._servers, self._address = servers, address
        self.left = 0

    def open(self, address: str) -> Session:
        """As often as it can't be."""
        if address == self._address and self.left:
            self.left -= 1
            raise UnreachableError(address, "connection refused")
        return self._servers.open(address)


def test_what_a_session_asked_counts_once_however_often_a_side_is_away(stages: dict[str, Stage]) -> None:
    stage = stages["mariadb"]
    servers = Away(MySql(FromSettings(load(stage.operator().file).migrate)), stage.new.address)
    with closing(Sides(servers, stage.old.address, stage.new.address, SystemClock(), 30)) as sides:
        sides.old.value("SELECT 1")
        asked, first, servers.left = sides.asked, sides.old, 3
        with stage.old.sql() as root:
            root.execute(f"KILL {first.value('SELECT CONNECTION_ID()')}")
        assert sides.steady(lambda: sides.old.value("SELECT 2"), lambda: False) == 2
        assert servers.left == 0
        assert sides.asked == first.asked + sides.old.asked
        assert sides.asked < 2 * asked + 4, "the two that failed before the third count as none"


@contextmanager
def busy(server: Running, sessions: int) -> Iterator[None]:
    """So many sessions that run a statement each inside, until it is left."""
    with ExitStack() as stack:
        opened = [stack.enter_context(server.sql()) for _ in range(sessions)]
        root = stack.enter_context(server.sql())
        pool = stack.enter_context(ThreadPoolExecutor(sessions))

        def sleep(session: Session) -> None:
            with suppress(ServerError), session.patient(300):
                session.value("SELECT SLEEP(300)")

        for session in opened:
            pool.submit(sleep, session)
        try:
            wait_until(lambda: sum("SLEEP" in str(row["Info"]) for row in processes(root)) == sessions, 60, "they run")
            yield
        finally:
            for session in opened:
                root.execute(f"KILL {session.id}")


def test_it_is_held_while_too_many_threads_run_on_the_old_side_says_so_and_goes_on_when_they_end(stage: Stage) -> None:
    database, terminal = fresh(stage), io.StringIO()
    stage.write(*counted(database, rows=100))
    operator = stage.operator(max_running=8, workers=1)
    asked = Asked(only=(f"{database.strip('`')}.*",), data_only=True)
    console = Console(file=terminal, force_terminal=True, width=200)
    with ThreadPoolExecutor(1) as pool:
        with busy(stage.old, 12):
            running = pool.submit(lambda: list(outcomes(load(operator.file), asked, console)))
            held = re.compile(r"held: 1\d threads run on the old side · 0 rows · 1 tables")
            wait_until(lambda: held.search(terminal.getvalue()) or running.done(), 60, "it says that it is held")
            assert not running.done(), running.result()
            assert not proved(operator, f"{database}.t")
        (outcome,) = running.result(180)
    assert (outcome.result, outcome.rows) == (Result.EQUAL, 100), outcome


@pytest.mark.parametrize("side", ["old", "new"])
def test_an_account_that_is_refused_while_reading_is_held_is_told_at_once_and_as_what_it_is(
    stage: Stage, side: str
) -> None:
    made = ("CREATE USER held@'%' IDENTIFIED BY 'x'", "GRANT ALL ON *.* TO held@'%'")
    for one in ("old", "new"):
        stage.spoil(one, *made)
    refusing = stage.old if side == "old" else stage.new
    servers = MySql(OneLogin(Login("held", Secret("x"), ANY_TLS, connect_s=15.0)))
    try:
        with (
            Guard(servers, stage.old.address, [stage.new.address], (5.0, -1, 600.0)) as guard,
            ThreadPoolExecutor(1) as pool,
        ):
            ending = threading.Event()
            try:
                waits = pool.submit(guard.wait, ending)
                wait_until(lambda: "threads run" in guard.why, 60, "it is held")
                stage.spoil(side, "DROP USER held@'%'")
                with refusing.sql() as root:
                    for row in root.rows("SHOW PROCESSLIST"):
                        if row["User"] == "held":
                            root.execute(f"KILL {row['Id']}")
                with pytest.raises(LoginError):
                    waits.result(60)
            finally:
                ending.set()
    finally:
        stage.spoil("new" if side == "old" else "old", "DROP USER held@'%'")


def test_the_least_account_compares_rows_and_definitions(stages: dict[str, Stage]) -> None:
    for stage in stages.values():
        database = fresh(stage)
        stage.write(*counted(database, rows=100))
        servers = {server.node.name: server for server in (stage.old, *stage.between, stage.new)}
        with granted(servers, ("verify",)):
            operator = stage.operator()
            operator.password_file.write_text(f"{PASSWORD}\n")
            operator.file.write_text(operator.file.read_text().replace('user = "root"', f'user = "{USER}"'))
            told_ = operator.ask("verify", "--table", f"{database.strip('`')}.*", "--json")
        assert "privilege" not in told_.err, told_
        (run,) = json.loads(told_.out)["runs"]
        assert not run["why"], run["why"]
        assert [one["result"] for one in run["tables"]] == ["equal"], run


def test_a_unique_key_that_the_optimizer_may_not_use_is_none_to_cut_by(stage: Stage) -> None:
    database = fresh(stage)
    rows = ", ".join(f"({number}, {number})" for number in range(2000))
    stage.write(f"CREATE TABLE {database}.t (a INT NOT NULL, b FLOAT PRIMARY KEY, UNIQUE KEY k (a))",
                f"INSERT INTO {database}.t VALUES {rows}")  # fmt: skip
    hidden = "IGNORED" if stage.new.version.is_mariadb() else "INVISIBLE"
    stage.spoil("new", f"ALTER TABLE {database}.t ALTER INDEX k {hidden}")
    outcome = stage.verify(f"{database.strip('`')}.t")
    assert (outcome.result, outcome.rows) == (Result.EQUAL, 2000), outcome.tables


def test_a_number_that_lost_its_sign_differs_though_its_bits_are_the_same(stage: Stage) -> None:
    database = fresh(stage)
    stage.write(f"CREATE TABLE {database}.t (id INT PRIMARY KEY, a INT, b BIGINT, c INT)",
                f"INSERT INTO {database}.t VALUES (1, -1, 5, NULL), (2, 7, -1, -5), (3, 7, 8, 5), (4, NULL, NULL, -1)",
    )  # fmt: skip
    stage.spoil(
        "new",
        f"DELETE FROM {database}.t WHERE id <= 2",
        f"ALTER TABLE {database}.t MODIFY a INT UNSIGNED, MODIFY b BIGINT UNSIGNED",
        f"INSERT INTO {database}.t VALUES (1, 4294967295, 5, NULL), (2, 7, 18446744073709551615, -5)",
    )
    outcome = stage.verify(f"{database.strip('`')}.t")
    assert told(outcome.findings) == {("changed-row", ("1",), ("a",)), ("changed-row", ("2",), ("b",))}


def test_a_server_is_not_compared_with_itself(stage: Stage) -> None:
    asked = Asked(new=f"{stage.old.host}:3306")
    with pytest.raises(UnderstudyError, match="are one server"):
        list(outcomes(load(stage.operator().file), asked, Console(stderr=True)))


def test_many_small_tables_are_compared_many_at_a_time_and_an_empty_schema_is_equal(stage: Stage) -> None:
    database = fresh(stage)
    assert stage.verify(f"{database.strip('`')}.*").result is Result.EQUAL
    statements = [f"CREATE TABLE {database}.t{number} (id INT PRIMARY KEY)" for number in range(150)]
    stage.write(*statements, f"INSERT INTO {database}.t149 VALUES (1)")
    stage.spoil("new", f"INSERT INTO {database}.t17 VALUES (5)", f"DROP TABLE {database}.t18")
    stage.spoil("old", f"DROP TABLE {database}.t19")
    outcome = stage.verify(f"{database.strip('`')}.*")
    assert told(outcome.findings) == {("extra-row", ("5",), ()), ("missing-table", (), ()), ("extra-table", (), ())}
    assert len(outcome.tables) == 148


def test_the_report_is_kept_as_evidence_with_the_servers_it_is_of(stages: dict[str, Stage]) -> None:
    stage = stages["mysql"]
    database = fresh(stage)
    name = database.strip("`")
    stage.write(*counted(database, rows=10), f"CREATE TABLE {database}.`cache.1` (id INT PRIMARY KEY)")
    stage.spoil("new", f"INSERT INTO {database}.`cache.1` VALUES (1)")
    operator = stage.operator(ignore=[f"{name}.cache.*"])
    arguments = ("verify", "--data-only", "--table", f"{database.strip('`')}.*")
    told_ = operator.ask(*arguments)
    assert (told_.code, "EQUAL" in told_.out) == (0, True), told_
    assert f"their rows were not compared: {name}.cache.1 ({name}.cache.*)" in told_.out
    reversed_ = operator.ask(*arguments, "--old", stage.new.address, "--new", stage.old.address, "--json")
    assert len(json.loads(reversed_.out)["runs"]) == 1, reversed_
    assert operator.ask(*arguments).code == 0
    report = json.loads((operator.file.parent / "state/migrate/verify/report.json").read_text())
    reversed_run, run = report["runs"]
    assert run["old"]["identity"]["server_uuid"] == reversed_run["new"]["identity"]["server_uuid"]
    assert (run["ignore"], run["ignored"]) == ([f"{name}.cache.*"], [f"{name}.cache.1"])
    assert len(run["digest"]) == 64
