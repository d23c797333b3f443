"""Replicas are moved to other sources, by position and by GTID, while production writes: nothing is lost or doubled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hurried import Hurried
from integration.operating import Quiet
from integration.trees import NEW, OLD, ROOT, Node, Running, settled, tree
from support import wait_until
from understudy.config import Migrate, Replication
from understudy.migrate.build import replicator
from understudy.migrate.build.moving import Move
from understudy.migrate.build.replication import ReplicationError
from understudy.migrate.build.world import BuildError, World, closed_again, writing
from understudy.migrate.clock import SystemClock
from understudy.migrate.dialects import Follow
from understudy.migrate.discover import discover
from understudy.migrate.faults import ServerError
from understudy.migrate.logins import OneLogin
from understudy.migrate.mysql import MySql, Session
from understudy.migrate.ports import Clock
from understudy.migrate.step import Kind, Step
from understudy.migrate.topology import grow
from understudy.migrate.words import Word

pytestmark = pytest.mark.integration

GTID = ("--gtid-mode=ON", "--enforce-gtid-consistency=ON")
TREES = {
    "mysql-5.6": (OLD, False),
    "mysql-9.7": (NEW, False),
    "mysql-9.7 with GTID": (GTID, True),
    "mariadb-11.8": (OLD, False),
}


@pytest.fixture(scope="module", params=list(TREES))
def four(request: pytest.FixtureRequest) -> Iterator[dict[str, Running]]:
    """A source; a and b follow it, c follows a."""
    options, by_gtid = TREES[request.param]
    image = request.param.partition(" ")[0]
    nodes = [Node("source", image, "", options), *(Node(name, image, "source", options) for name in "ab")]
    with tree(*nodes, Node("c", image, "a", options)) as servers:
        with servers["source"].sql() as session:
            session.execute("CREATE DATABASE shop")
            session.execute("CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(20))")
            session.execute("INSERT INTO shop.orders (note) VALUES ('first')")
        for name in "abc" if by_gtid else "":
            with servers[name].sql() as session:
                above = servers["a" if name == "c" else "source"]
                session.execute(session.dialect.sql(Word.STOP))
                session.execute(session.dialect.repoint(Follow(above.host, 3306)))
                session.execute(session.dialect.sql(Word.START))
            settled(servers[name])
        yield servers


def world(
    servers: Mapping[str, Running],
    recorded: dict[str, Any] | None = None,
    clock: Clock | None = None,
    settings: Migrate | None = None,
    opens: MySql | None = None,
) -> World:
    """All servers are named, as a build does: one that has only just been started to follow is known to no other."""
    opens = opens or MySql(OneLogin(ROOT))
    seen = grow(discover(opens, [server.address for server in servers.values()]))
    return World(
        settings or Migrate(),
        opens,
        clock or SystemClock(),
        Quiet(),
        seen,
        {} if recorded is None else recorded,
        lambda _: None,
        "dump",
        60.0,
    )


def move(
    servers: Mapping[str, Running],
    name: str,
    above: str,
    under: str,
    recorded: dict[str, Any] | None = None,
    opens: MySql | None = None,
) -> Move:
    step = Step(
        1, Kind.MOVE, servers[name].address, "", 1, 2, source=servers[above].address, under=servers[under].address
    )
    return Move(step, world(servers, recorded, opens=opens))


def taken(action: Move) -> None:
    assert not action.is_done()
    action.check()
    action.do()


def rows_of(server: Running) -> list[Any]:
    with server.sql() as session:
        return session.rows("SELECT id, note FROM shop.orders ORDER BY id")


def equal(servers: Mapping[str, Running]) -> None:
    wanted = rows_of(servers["source"])
    for server in servers.values():
        wait_until(lambda server=server: rows_of(server) == wanted, 120, f"{server.node.name} holds the same rows")
        assert all(channel.receiving and channel.applying for channel in server.channels())


def test_a_replica_is_moved_aside_up_and_down_while_rows_are_written(four: dict[str, Running]) -> None:
    stop = threading.Event()

    def write() -> None:
        with four["source"].sql() as session:
            while not stop.wait(0.005):
                session.execute("INSERT INTO shop.orders (note) VALUES ('written')")

    writer = threading.Thread(target=write, name="writer")
    writer.start()
    try:
        for above, under in (("a", "b"), ("b", "source"), ("source", "a")):
            taken(move(four, "c", above, under))
            assert move(four, "c", above, under).is_done()
            assert four["c"].channels()[0].source == four[under].address
    finally:
        stop.set()
        writer.join()
    equal(four)


def test_mariadb_that_goes_by_gtid_is_moved_by_gtid_while_rows_are_written_and_comes_back_to_position(
    four: dict[str, Running],
) -> None:
    with four["source"].sql() as session:
        if not session.version.is_mariadb():
            return  # MySQL by GTID is a tree of its own
    for name in "abc":
        going(four[name], Word.USE_GTID)
    stop = threading.Event()

    def write() -> None:
        with four["source"].sql() as session:
            while not stop.wait(0.005):
                session.execute("INSERT INTO shop.orders (note) VALUES ('with a GTID')")

    writer = threading.Thread(target=write, name="writer")
    writer.start()
    try:
        for above, under in (("a", "b"), ("b", "source"), ("source", "a")):
            taken(move(four, "c", above, under))
            channel = four["c"].channels()[0]
            assert (channel.source, channel.auto_position) == (four[under].address, True)
    finally:
        stop.set()
        writer.join()
    with four["source"].sql() as session:  # what came from its last source tells c the place in that one's log
        session.execute("INSERT INTO shop.orders (note) VALUES ('after the moves')")
    equal(four)
    for name in "abc":
        going(four[name], Word.USE_POSITION)
    equal(four)


def going(server: Running, word: Word) -> None:
    """Have a replica go by GTID or by position."""
    with server.sql() as session:
        for said in (Word.STOP, word, Word.START):
            session.execute(session.dialect.sql(said))
    settled(server)


def test_on_an_idle_source_a_move_ends_too(four: dict[str, Running]) -> None:
    for above, under in (("a", "b"), ("b", "a")):
        taken(move(four, "c", above, under))
    equal(four)


def test_an_attempt_that_was_killed_while_others_stood_still_is_finished(four: dict[str, Running]) -> None:
    """It left a's applier stopped, and b's running UNTIL a place that it would not pass."""
    recorded: dict[str, Any] = {"stopped": [four[name].address for name in "cab"]}
    end = four["source"].coordinates()
    with four["a"].sql() as a, four["b"].sql() as b:
        a.execute(a.dialect.sql(Word.STOP_APPLIER))
        b.execute(b.dialect.sql(Word.STOP_APPLIER))
        b.execute(b.dialect.sql(Word.START_UNTIL), end.file, end.position)
    taken(move(four, "c", "a", "b", recorded))
    with four["source"].sql() as session:
        session.execute("INSERT INTO shop.orders (note) VALUES ('after UNTIL')")
    equal(four)
    taken(move(four, "c", "b", "a"))


def test_where_the_replica_can_not_log_in_at_its_new_source_it_goes_back(four: dict[str, Running]) -> None:
    with four["b"].sql() as session:
        session.execute(session.dialect.sql(Word.READ_WRITE))
        with session.unlogged():
            session.execute("RENAME USER repl@'%' TO elsewhere@'%'")
        with pytest.raises(ReplicationError, match="does not run: error 1045"):
            move(four, "c", "a", "b").do()
        with session.unlogged():
            session.execute("RENAME USER elsewhere@'%' TO repl@'%'")
        session.execute(session.dialect.sql(Word.READ_ONLY))
    settled(four["c"])
    assert four["c"].channels()[0].source == four["a"].address
    equal(four)


def test_a_replica_that_does_not_replicate_is_not_moved(four: dict[str, Running]) -> None:
    with four["c"].sql() as session:
        session.execute(session.dialect.sql(Word.STOP_APPLIER))
        action = move(four, "c", "a", "b")
        with pytest.raises(ReplicationError, match="does not run"):
            Move(action.step, world(four, clock=Hurried())).check()
        session.execute(session.dialect.sql(Word.START_APPLIER))
    settled(four["c"])


class Busy(MySql):
    """Whenever a session with one server is opened, another server has just got a write of its own."""

    def __init__(self, opened: Running, written: Running) -> None:
        super().__init__(OneLogin(ROOT))
        self._opened, self._written = opened.address, written

    def open(self, address: str, database: str = "") -> Session:
        if address == self._opened:
            with self._written.sql() as session:
                session.execute("INSERT INTO shop.own VALUES ()")
        return super().open(address, database)


def test_a_source_with_writes_of_its_own_is_found_out_and_all_goes_on_as_before(four: dict[str, Running]) -> None:
    if four["c"].channels()[0].auto_position:
        return  # GTIDs tell own writes from others, and the move is right without standing still
    with four["a"].sql() as session:
        session.execute(session.dialect.sql(Word.READ_WRITE))
        session.execute("CREATE TABLE IF NOT EXISTS shop.own (id INT PRIMARY KEY AUTO_INCREMENT)")
        with pytest.raises(BuildError, match="has writes of its own"):
            move(four, "c", "a", "source", opens=Busy(four["c"], four["a"])).do()
        session.execute(session.dialect.sql(Word.READ_ONLY))
    assert four["c"].channels()[0].source == four["a"].address
    equal(four)


@pytest.fixture
def following(tmp_path: Path) -> Migrate:
    """Settings with an account for the new replicas that no server has yet."""
    (tmp_path / "password").write_text("of the replicas' own\n")
    return Migrate(replication=Replication(user="follower", password_file=str(tmp_path / "password")))


def grants_of(server: Running, user: str = "follower") -> list[str]:
    """What it may; empty where there is no such account."""
    with server.sql() as session:
        if not session.rows("SELECT 1 FROM mysql.user WHERE user = %s AND host = '%%'", user):
            return []
        return [str(next(iter(row.values()))) for row in session.rows(f"SHOW GRANTS FOR {user}@'%'")]


def may_replicate(server: Running) -> bool:
    return any("REPLICATION SLAVE" in line for line in grants_of(server))


def test_of_two_replicas_of_one_server_the_second_finds_the_account_and_its_undoing_leaves_it(
    four: dict[str, Running], following: Migrate
) -> None:
    on, server = four["a"].address, four["a"]
    first, second = (world(four, settings=following) for _ in range(2))
    try:
        assert any("CREATE USER" in line for line in replicator.says(first, on))
        replicator.ensure(first, on)
        assert may_replicate(server)
        assert replicator.says(second, on) == []
        replicator.ensure(second, on)
        replicator.drop(second)
        assert may_replicate(server)
        replicator.drop(first)
        assert grants_of(server) == []
    finally:
        behind(server, "DROP USER follower@'%'") if grants_of(server) else None


def behind(server: Running, *statements: str) -> None:
    """Say it to a replica, unlogged, and leave it closed."""
    with server.sql() as session:
        session.execute(session.dialect.sql(Word.READ_WRITE))
        with session.unlogged():
            for statement in statements:
                session.execute(statement)
        session.execute(session.dialect.sql(Word.READ_ONLY))


@pytest.mark.parametrize("right", ["", "SELECT", "REPLICATION SLAVE"])
def test_an_account_that_was_there_before_stays_and_loses_only_what_it_was_given(
    four: dict[str, Running], following: Migrate, right: str
) -> None:
    on, server = four["a"].address, four["a"]
    behind(server, "CREATE USER follower@'%' IDENTIFIED BY 'of production'")
    behind(server, f"GRANT {right} ON *.* TO follower@'%'") if right else None
    before = grants_of(server)
    try:
        one = world(four, settings=following)
        assert not any("CREATE USER" in line for line in replicator.says(one, on))
        replicator.ensure(one, on)
        assert may_replicate(server)
        said = replicator.says_drop(one)
        replicator.drop(one)
        assert grants_of(server) == before
        assert not any("DROP" in line for line in said)
        assert len(said) == (right != "REPLICATION SLAVE")
        replicator.drop(one)  # it was killed before it could say that it had
        assert grants_of(server) == before
    finally:
        behind(server, "DROP USER follower@'%'")


def test_an_account_half_made_by_an_attempt_that_was_killed_is_finished_and_dropped(
    four: dict[str, Running], following: Migrate
) -> None:
    on, server = four["a"].address, four["a"]
    behind(server, "CREATE USER follower@'%' IDENTIFIED BY 'of the replicas'' own'")
    again = world(four, {replicator.CREATED_ON: on}, settings=following)
    replicator.ensure(again, on)
    assert may_replicate(server)
    replicator.drop(again)
    assert grants_of(server) == []


KILLED = """
import json, os, signal, sys
from integration.test_build_moves import *
with open(sys.argv[2], "w") as notes:
    write_note = lambda detail: print(json.dumps(detail), file=notes, flush=True)
    one = World(Migrate(), MySql(OneLogin(ROOT)), SystemClock(), Quiet(), grow([]), {}, write_note, "dump")
    with one.open(sys.argv[1]) as session, writing(session, one):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_replica_that_was_closed_to_all_is_so_again_whatever_becomes_of_our_writing(
    four: dict[str, Running], following: Migrate, tmp_path: Path
) -> None:
    on = four["a"].address
    with four["a"].sql() as session:
        if not session.dialect.knows(Word.ADMIN_WRITES):
            return  # MySQL 5.6 and MariaDB have no super_read_only
        closed = "SELECT @@GLOBAL.super_read_only"
        recorded: dict[str, Any] = {}
        one = world(four, recorded)
        with one.open(on) as ours, suppress(ServerError), writing(ours, one):
            session.execute(f"KILL {ours.id}")
            ours.value("SELECT 1")
            pytest.fail("it was killed")
        assert session.value(closed) == 1
        closed_again(one)
        for action in (replicator.ensure, lambda again, _: closed_again(again)):
            killed = subprocess.run(
                [sys.executable, "-c", KILLED, on, tmp_path / "notes"],
                env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
            )
            assert killed.returncode == -signal.SIGKILL
            assert session.value(closed) == 0
            again = world(four, json.loads((tmp_path / "notes").read_text()), settings=following)
            action(again, on)
            assert session.value(closed) == 1
    behind(four["a"], "DROP USER follower@'%'")
