"""verify where it is hard: rows that never hold still, servers that restart meanwhile, new replicas, hashing twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from integration import everything
from integration.least import PASSWORD, USER, granted
from integration.operating import Operator
from integration.test_verify import counted, in_the_middle, two_tables
from integration.trees import NEW, OLD, Node, Running, answering, settled, tree
from integration.verifying import Stage, behind, compared, fresh, table, told
from support import wait_until
from understudy.migrate.faults import ServerError
from understudy.migrate.mysql import Session
from understudy.migrate.sqltext import identifier
from understudy.migrate.verify.options import Result
from understudy.migrate.words import Word

pytestmark = pytest.mark.integration
END_S = 2  # 9.7 takes ten seconds to end while a replica is connected; killed in the middle it has to recover
WRITERS = 4


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Running]]:
    """MySQL 5.6 -> 9.7 -> 9.7, and MariaDB 10.5 -> 11.8."""
    quick = ("--sync-binlog=0", "--innodb-flush-log-at-trx-commit=2")  # a replica keeps up with a hot row
    old = (*OLD, *quick, "--binlog-format=ROW")
    with tree(
        Node("my-old", "mysql-5.6", options=old),
        Node("my-new", "mysql-9.7", "my-old", (*NEW, *quick, "--relay-log-recovery")),
        Node("my-leaf", "mysql-9.7", "my-new", (*NEW, *quick)),
        Node("maria-old", "mariadb-10.5", options=old),
        Node("maria-new", "mariadb-11.8", "maria-old", (*OLD, *quick)),
    ) as running:
        yield running


@pytest.fixture(scope="module")
def stages(servers: dict[str, Running], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stage]:
    """Each tree's first two."""
    folder = tmp_path_factory.mktemp("verify")
    return {kind: Stage(servers[f"{kind}-old"], servers[f"{kind}-new"], folder) for kind in ("my", "maria")}


@pytest.fixture(params=["my", "maria"])
def stage(request: pytest.FixtureRequest, stages: dict[str, Stage]) -> Stage:
    """Either."""
    return stages[request.param]


@contextmanager
def hot(stage: Stage, database: str, update: str) -> Iterator[None]:
    """The server itself runs a statement over and over inside, so that no client's pause is a pause of the writes.

    In several sessions: a core that is taken away for a while takes those along that were on it, and the row would
    hold still with a single one. What it logs are the columns that change, alone: a whole row would mend the copy.
    """
    stage.write(f"CREATE PROCEDURE {database}.hot() BEGIN LOOP {update}; DO SLEEP(0.016); END LOOP; END")
    with ExitStack() as stack:
        killer, *sessions = (stack.enter_context(stage.old.sql()) for _ in range(1 + WRITERS))
        pool = stack.enter_context(ThreadPoolExecutor(WRITERS))

        def call(session: Session) -> None:
            with suppress(ServerError), session.patient(300):
                session.execute("SET SESSION binlog_row_image = 'MINIMAL'")
                session.execute(f"CALL {database}.hot()")

        writing = [pool.submit(call, session) for session in sessions]
        try:
            start = stage.old.coordinates()
            wait_until(lambda: stage.old.coordinates() != start, 60, "writes flow")
            yield
            assert not any(one.done() for one in writing), "all have written all the time"
        finally:
            for session in sessions:
                killer.execute(f"KILL {session.id}")


def restless(stage: Stage) -> tuple[str, str]:
    """A table of which one row differs on the new side; and the write to that row, and to one that is the same."""
    database = fresh(stage)
    stage.write(*counted(database, rows=200))
    stage.spoil("new", f"UPDATE {database}.t SET pad = 'x' WHERE id = 7")
    return database, f"UPDATE {database}.t SET k = k + 1 WHERE id = 7"


def as_least(operator: Operator) -> Operator:
    """The same with the account that `migrate grants verify` describes."""
    operator.password_file.write_text(f"{PASSWORD}\n")
    operator.file.write_text(operator.file.read_text().replace('user = "root"', f'user = "{USER}"'))
    return operator


def test_a_row_that_never_holds_still_is_undecided_and_a_short_lock_with_no_further_privilege_settles_it(
    stage: Stage,
) -> None:
    database, update = restless(stage)
    ours = {server.node.name: server for server in (stage.old, stage.new)}
    asked = ("verify", "--data-only", "--table", f"{database.strip('`')}.t")
    with granted(ours, ("verify",)), hot(stage, database, update):
        without = as_least(stage.operator(looks=4)).ask(*asked)
        locking = as_least(stage.operator(looks=4, lock_rows=True)).ask(*asked, "--json")
    assert without.code == 3, without
    assert "1 rows never held still" in without.out
    assert "UNDECIDED" in without.out
    assert locking.code == 4, locking
    (run,) = json.loads(locking.out)["runs"]
    (finding,) = run["findings"]
    assert (finding["kind"], finding["key"]) == ("changed-row", {"id": "7"})
    assert "pad" in finding["columns"]


def test_a_hot_row_that_is_the_same_is_equal_under_a_short_lock(stage: Stage) -> None:
    database = fresh(stage)
    stage.write(*counted(database, rows=200))
    with hot(stage, database, f"UPDATE {database}.t SET k = k + 1 WHERE id = 7"):
        outcome = stage.verify(f"{database.strip('`')}.t", looks=3, lock_rows=True)
    assert outcome.result is Result.EQUAL, outcome


def test_a_row_that_another_transaction_holds_is_no_obstacle_where_it_stands_still(stage: Stage) -> None:
    database, update = restless(stage)
    stage.spoil("new", f"UPDATE {database}.t SET pad = 'x' WHERE id = 8")
    only = f"{database.strip('`')}.t"
    with hot(stage, database, update), stage.old.sql() as other, other.transaction():
        other.execute(f"UPDATE {database}.t SET k = k + 1 WHERE id = 8")
        outcome = stage.verify(only, looks=4, lock_rows=True)
        assert ("changed-row", ("8",), ("pad",)) in told(outcome.findings), "a row that stands still needs no lock"
        assert table(outcome, f"{database}.t").differing == 2


def test_new_replicas_are_compared_with_the_new_source(servers: dict[str, Running], stages: dict[str, Stage]) -> None:
    stage, leaf = stages["my"], servers["my-leaf"]
    database = fresh(stage)
    stage.write(*counted(database, rows=1200))
    Stage(stage.new, leaf, stage.folder).settle()
    with leaf.sql() as session, behind(session):
        session.execute(f"DELETE FROM {database}.t WHERE id = 3")
    operator = stage.operator()
    named = f'new_replicas = ["{leaf.address}"]\n[migrate.verify]'
    operator.file.write_text(operator.file.read_text().replace("[migrate.verify]", named))
    done = operator.ask("verify", "--all", "--data-only", "--json", "--table", f"{database.strip('`')}.*")
    assert done.code == 4, done
    first, second = json.loads(done.out)["runs"]
    assert [first["result"], second["result"]] == ["equal", "different"], done
    assert [first["new"]["address"], second["old"]["address"]] == [stage.new.address] * 2
    assert [(one["kind"], one["key"]) for one in second["findings"]] == [("missing-row", {"id": "3"})]


def test_hashing_twice_finds_the_same_and_goes_on_with_nothing_that_was_hashed_once(stage: Stage) -> None:
    database = fresh(stage)
    stage.write(*counted(database))
    only = f"{database.strip('`')}.*"
    operator = stage.operator(thorough=True)
    assert compared(operator, only).result is Result.EQUAL
    stage.spoil("new", f"UPDATE {database}.t SET pad = CONCAT(LEFT(pad, 19), 'x') WHERE id = 7")
    stage.spoil("new", f"DELETE FROM {database}.t WHERE id = 1500")
    stage.spoil("old", f"DELETE FROM {database}.t WHERE id = 2999")
    outcome = compared(operator, only)
    assert outcome.thorough
    assert told(outcome.findings) == {
        ("changed-row", ("7",), ("pad",)),
        ("missing-row", ("1500",), ()),
        ("extra-row", ("2999",), ()),
    }


SPOILT = {
    "UPDATE shop.parted SET v = 8 WHERE id = 2": ("changed-row", ("2", "2020-01-01"), ("v",)),
    "UPDATE shop.child SET p = 999 WHERE id = 2": ("changed-row", ("2",), ("p",)),
}
SPOILT_NEWER = {
    "UPDATE shop.newer SET a = 7 WHERE id = 1": ("changed-row", ("1",), ("a", "c")),
    "UPDATE shop.newer SET h = 79 WHERE id = 2": ("changed-row", ("2",), ("h",)),
}


@contextmanager
def full_of_everything(stage: Stage) -> Iterator[None]:
    """Schemas with all kinds of tables on both sides, written to the old one, which may be a replica itself."""
    with stage.old.sql() as session:
        was_read_only = session.value("SELECT @@GLOBAL.read_only")
        session.execute(session.dialect.sql(Word.READ_WRITE))
        everything.fill(session, replicated=True)
        session.execute("ALTER TABLE shop.parted ADD COLUMN v INT DEFAULT 7")
        if session.rows("SHOW TABLES FROM shop LIKE 'newer'"):
            session.execute("DELETE FROM shop.newer WHERE id > 1")
            session.execute("INSERT INTO shop.newer (id, a, h, g) SELECT 2, a, 78, g FROM shop.newer")
        stage.settle()
        yield
        for name in ("shop", "empty_one", everything.WEIRD):
            session.execute(f"DROP DATABASE {identifier(name)}")
        stage.settle()
        if was_read_only:
            session.execute(session.dialect.sql(Word.READ_ONLY))


@pytest.mark.parametrize(("old", "new"), [("my-old", "my-new"), ("my-new", "my-leaf"), ("maria-old", "maria-new")])
def test_a_value_in_partitions_under_a_foreign_key_generated_or_invisible_is_found(
    servers: dict[str, Running], old: str, new: str, tmp_path: Path
) -> None:
    stage = Stage(servers[old], servers[new], tmp_path)
    spoilt = SPOILT if old == "my-old" else {**SPOILT, **SPOILT_NEWER}
    with full_of_everything(stage):
        first = stage.verify("shop.*")
        assert first.result is Result.EQUAL, first.findings
        for statement in spoilt:
            assert stage.spoil("new", statement) == 1, statement
        outcome = stage.verify("shop.*")
    assert told(outcome.findings) == set(spoilt.values())


@pytest.mark.parametrize("side", ["old", "new"])
def test_a_server_that_restarts_is_waited_for_and_one_that_stays_away_leaves_it_incomplete(
    side: str, stages: dict[str, Stage], servers: dict[str, Running]
) -> None:
    stage = stages["my"]
    server = stage.old if side == "old" else stage.new
    replicas = stage.new, servers["my-leaf"]
    database = two_tables(stage)

    def restart() -> None:
        server.service.container.restart(timeout=END_S)
        back(server, *replicas)

    outcome = in_the_middle(stage, database, stage.operator(workers=1), restart)
    assert outcome.result is Result.EQUAL, outcome
    operator = stage.operator(workers=1, stalled_s=3)
    outcome = in_the_middle(stage, database, operator, lambda: server.service.container.stop(timeout=END_S))
    assert outcome.result is Result.UNDECIDED, outcome
    assert outcome.why
    server.service.container.start()
    back(server, *replicas)
    operator.file.write_text(operator.file.read_text().replace("stalled_s = 3", "stalled_s = 60"))
    again = compared(operator, f"{database.strip('`')}.*")
    assert (again.result, again.resumed) == (Result.EQUAL, True), again
    assert again.rows == 2000, "of the first table nothing is read again"


def back(server: Running, *replicas: Running) -> None:
    """It is up, and the replicas follow again at once instead of a minute later."""
    wait_until(lambda: answering(server), 180, f"{server.node.name} answers").close()
    for replica in replicas:
        with replica.sql() as session:
            for word in (Word.STOP, Word.START):
                session.execute(session.dialect.sql(word, ""))
        settled(replica)
