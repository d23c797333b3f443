"""A new tree is planned and built under an old one that is written to all the while; killed, wrong, broken, undone."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from integration.operating import Operator
from integration.trees import (
    OLD,
    STARTS_WITHIN_S,
    Node,
    Running,
    answering,
    follow,
    network,
    read_only,
    settled,
    started,
)
from support import COMMAND, wait_until
from understudy.migrate import grants
from understudy.migrate.gtidmode import way
from understudy.migrate.journal import Entry, read
from understudy.migrate.sqltext import identifier
from understudy.migrate.words import Word

pytestmark = pytest.mark.integration

BUILDER, PASSWORD = "builder", "it's `built`"
REPLICATOR = "understudy-repl"


class Writer:
    """Somebody who writes to the old source all the time."""

    def __init__(self, server: Running) -> None:
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, name="writer")
        self.written = 0

    def _write(self) -> None:
        with self._server.sql() as session:
            while not self._stop.wait(0.01):
                session.execute("INSERT INTO shop.orders (total, note) VALUES (%s, %s)", self.written / 7, "é" * 40)
                session.execute("UPDATE shop.orders SET total = total + 1 WHERE id = %s", self.written // 2 + 1)
                self.written += 1

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


class Site(NamedTuple):
    """Servers by name, and an operator who may do what `grants` prints and no more."""

    servers: Mapping[str, Running]
    folder: Path
    operator: Operator

    def __getitem__(self, name: str) -> Running:
        return self.servers[name]

    @property
    def journal(self) -> Path:
        return self.folder / "understudy-state/migrate/journal.jsonl"

    def plan(self) -> Any:
        return self.operator.json("plan")

    def build(self, *arguments: str) -> str:
        told = self.operator.ask("build", *arguments)
        assert told.code == 0, told
        return told.out

    @contextmanager
    def wanting(self, *settings: str, head: str = "[migrate.target]", without: str = "-") -> Iterator[None]:
        """With these lines more in the settings file, beneath `head`, and without one that begins so."""
        before = self.operator.file.read_text()
        kept = "\n".join(line for line in before.splitlines() if not line.startswith(without))
        self.operator.file.write_text(kept.replace(head, "\n".join([head, *settings])))
        try:
            yield
        finally:
            self.operator.file.write_text(before)

    def saved(self) -> Any:
        """The plan as it is in its file."""
        return json.loads((self.folder / "understudy-state/migrate/plan.json").read_text())

    def at(self, address: str) -> Running:
        return next(server for server in self.servers.values() if server.address == address)

    def entries(self) -> tuple[Entry, ...]:
        return read(self.journal).entries

    def background(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [COMMAND, "migrate", "build", "--execute", *arguments, "-c", self.operator.file],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip


@contextmanager
def site(folder: Path, *nodes: Node, new: tuple[str, ...]) -> Iterator[Site]:
    """The servers, replicating; the old root has a table, all have the builder."""
    with ExitStack() as stack:
        net = stack.enter_context(network())
        servers = started(stack, net, *nodes)
        root = servers[nodes[0].name]
        for node in nodes:
            if node.under:
                follow(servers[node.name], servers[node.under])
        with root.sql() as session:
            session.execute("CREATE DATABASE shop CHARACTER SET utf8mb4")
            session.execute(
                "CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT, total DECIMAL(10,2), note VARCHAR(200))"
            )
            session.execute("INSERT INTO shop.orders (total) VALUES (1), (2), (3)")
            session.execute("GRANT SELECT ON shop.* TO app@'%' IDENTIFIED BY 'of the application'")
            for name, state in (("runs", ""), ("rests", "DISABLE "), ("it's `odd`", "")):
                when = f"EVERY 9 DAY STARTS '2035-01-01' {state}"
                session.execute(f"CREATE EVENT shop.{identifier(name)} ON SCHEDULE {when}DO SET @a = 1")
        for name, server in servers.items():
            if server.node.under:
                settled(server)
                read_only(server)
            with server.sql() as session:
                for statement in grants.statements(
                    session.version, ("plan", "build"), BUILDER, password=PASSWORD, new=name in new
                ):
                    session.execute(statement)
        more = "\n".join(
            [
                "[migrate.target]",
                f'new_source = "{servers[new[0]].address}"',
                f"new_replicas = {json.dumps([servers[name].address for name in new[1:]])}",
                '[migrate.replication]\npassword_file = "replication"',
            ]
        )
        (folder / "replication").write_text("of the replicas' own\n")
        yield Site(servers, folder, Operator(folder, root.address, more, user=BUILDER, password=PASSWORD))


@pytest.fixture(scope="module")
def upgrade(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """5.6 with two replicas, and two servers of 9.7 as they come."""
    with site(
        tmp_path_factory.mktemp("upgrade"),
        Node("old-source", "mysql-5.6", options=OLD),
        Node("old-replica-1", "mysql-5.6", "old-source", OLD),
        Node("old-replica-2", "mysql-5.6", "old-source", OLD),
        Node("new-source", "mysql-9.7"),
        Node("new-replica", "mysql-9.7"),
        new=("new-source", "new-replica"),
    ) as made:
        yield made


def contents(server: Running) -> list[tuple[Any, ...]]:
    with server.sql() as session:
        return [tuple(row.values()) for row in session.rows("SELECT id, total, note FROM shop.orders ORDER BY id")]


def equal(servers: list[Running]) -> None:
    """All servers hold the same rows, once the writes have arrived."""
    wanted = contents(servers[0])
    for server in servers[1:]:
        wait_until(lambda server=server: contents(server) == wanted, 120, f"{server.node.name} holds the same rows")


def events(server: Running) -> dict[str, str]:
    """Their states."""
    with server.sql() as session:
        return {
            row["n"]: row["s"] for row in session.rows("SELECT event_name n, status s FROM information_schema.events")
        }


def kept(server: Running) -> dict[str, str]:
    """What it sets at its next start."""
    with server.sql() as session:
        return {row["name"]: row["value"] for row in session.rows(session.dialect.sql(Word.PERSISTED))}


def asked_of(server: Running) -> list[str]:
    """All statements of the builder since the general log was turned on."""
    with server.sql() as session:
        rows = session.rows(
            "SELECT CONVERT(argument USING utf8) AS said FROM mysql.general_log"
            " WHERE user_host LIKE %s AND command_type = 'Query'",
            f"{BUILDER}%",
        )
    return [str(row["said"]) for row in rows]


KILLS = (  # the entry of the journal, and the statement after it that is the last
    ("intent", "copy", "", "INSERT INTO"),
    ("note", "copy", "at", ""),
    ("intent", "accounts", "", "CREATE USER"),
    ("note", "attach", "replicator_created_on", "CREATE USER"),
    ("note", "attach", "gtid_mode_before", "SET PERSIST gtid_mode"),
    ("note", "attach", "begun_at", "CHANGE REPLICATION SOURCE"),
    ("intent", "catch-up", "", "SHOW REPLICA STATUS"),
)
KILLED = """
import os, signal, sys
from understudy.__main__ import main
from understudy.migrate.journal import Journal
from understudy.migrate.mysql import Session
event, kind, key, last, *arguments = sys.argv[1:]
write, run, written = Journal.write, Session._run, []
def die():
    os.kill(os.getpid(), signal.SIGKILL)
def writes(self, wrote, step="", **detail):
    entry = write(self, wrote, step, **detail)
    if str(wrote) == event and f"-{kind}-" in step and (not key or key in detail):
        written.append(entry) if last else die()
    return entry
def runs(self, sql, *more):
    answer = run(self, sql, *more)
    if written and str(sql).startswith(last):
        die()
    return answer
Journal.write, Session._run = writes, runs
sys.argv = ["understudy", *arguments]
main()
"""


def killed_at(where: Site, event: str, kind: str, key: str, last: str) -> None:
    """Run the build until its journal has such an entry and such a statement was said after it, and kill it there."""
    asked = ["migrate", "build", "--execute", "-c", str(where.operator.file)]
    command = [sys.executable, "-c", KILLED, event, kind, key, last, *asked]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done


def test_a_tree_is_built_while_production_writes_killed_in_the_middle_of_every_kind_of_step(upgrade: Site) -> None:
    planned = upgrade.plan()
    under = planned["plan"]["under"]
    with upgrade["old-source"].sql() as session:
        session.execute("SET GLOBAL log_output = 'TABLE'")
        session.execute("SET GLOBAL general_log = 1")
    with Writer(upgrade["old-source"]) as writer:
        shown = upgrade.build()
        assert "dry run" in shown
        assert not upgrade.journal.exists()
        for where in KILLS:
            killed_at(upgrade, *where)
            if "gtid_mode_before" in where:
                halfway(upgrade["new-source"])
        upgrade.build("--execute")
        assert writer.written > 50
    equal(list(upgrade.servers.values()))
    new, leaf = upgrade["new-source"], upgrade["new-replica"]
    assert new.channels()[0].source == under
    assert leaf.channels()[0].source == new.address
    for server in (new, leaf):
        with server.sql() as session:
            assert session.value("SELECT @@GLOBAL.super_read_only") == 1
            assert session.value("SELECT @@GLOBAL.gtid_mode") == "OFF", "as on the old tree, for good"
            assert session.rows("SELECT 1 FROM mysql.user WHERE user = 'app' AND account_locked = 'Y'")
        assert kept(server) == {"super_read_only": "ON", "gtid_mode": "OFF"}
        assert set(events(server).values()) == {"REPLICA_SIDE_DISABLED"}
    noted = [entry.detail["events"] for entry in upgrade.entries() if "events" in entry.detail]
    assert noted
    assert all(one == [["shop", "it's `odd`"], ["shop", "runs"]] for one in noted), "whatever they are on the replica"
    assert any(act["act"] == "events" and "02-copy" in act["reason"] for act in planned["plan"]["at_cutover"])
    assert "Nothing is left to be done" in upgrade.build()
    writes = [
        said for said in asked_of(upgrade["old-source"]) if not said.upper().startswith(("SELECT", "SHOW", "SET"))
    ]
    assert writes == [], "the old source was only read"
    with upgrade["old-source"].sql() as session:
        session.execute("SET GLOBAL general_log = 0")
    hidden = (PASSWORD, "of the replicas' own", "of the application")
    assert not any(secret in shown + upgrade.journal.read_text() for secret in hidden)


def halfway(server: Running) -> None:
    """On its way from ON to OFF in several statements; the mode between would do to follow, but is not planned."""
    with server.sql() as session:
        for mode in way(str(session.value("SELECT @@GLOBAL.gtid_mode")), "OFF_PERMISSIVE"):
            session.execute(session.dialect.sql(Word.GTID_MODE), mode)


def test_a_plan_whose_build_is_under_way_is_not_overwritten_and_all_is_undone_without_a_trace(upgrade: Site) -> None:
    upgrade.build("--undo", "--to", "8", "--execute")
    refused = upgrade.operator.ask("plan")
    assert refused.code == 1
    assert "this plan is being carried out: 8 of 10 steps are done" in refused.err
    assert "undo: copy the data" in upgrade.build("--undo")
    old = [upgrade[name] for name in ("old-source", "old-replica-1", "old-replica-2")]
    before = [server.coordinates() for server in old]
    upgrade.build("--undo", "--execute")
    assert [server.coordinates() for server in old] == before, "nothing of ours is in a binary log"
    assert all(channel.receiving and channel.applying for server in old[1:] for channel in server.channels())
    for server in upgrade.servers.values():
        with server.sql() as session:
            assert not session.rows("SELECT 1 FROM mysql.user WHERE user = %s", REPLICATOR)
    for name in ("new-source", "new-replica"):
        with upgrade[name].sql() as session:
            assert session.value("SELECT @@GLOBAL.gtid_mode") == "ON"
            assert session.value("SELECT @@GLOBAL.read_only") == 0
            assert not session.rows("SHOW DATABASES LIKE 'shop'")
            assert not session.rows("SELECT 1 FROM mysql.user WHERE user = 'app'")
        assert kept(upgrade[name]) == {}
        assert upgrade[name].channels() == ()


def replicator_of(server: Running) -> list[str]:
    """What the replicas' account may there; empty where it is not there."""
    with server.sql() as session:
        if not session.rows("SELECT 1 FROM mysql.user WHERE user = %s", REPLICATOR):
            return []
        return [str(next(iter(row.values()))) for row in session.rows(f"SHOW GRANTS FOR '{REPLICATOR}'@'%'")]


@contextmanager
def replicator_beforehand(server: Running, *more: str) -> Iterator[None]:
    """An account of production's own that has the name and the password of the replicas'; it stays as it was."""
    with server.sql() as session, session.unlogged():
        session.execute(f"CREATE USER '{REPLICATOR}'@'%' IDENTIFIED BY 'of the replicas'' own'")
        for statement in more:
            session.execute(statement)
        before = replicator_of(server)
        yield
        assert before
        assert replicator_of(server) == before
        session.execute(f"DROP USER '{REPLICATOR}'@'%'")


def test_a_step_undone_alone_is_taken_again_from_where_replication_had_come(upgrade: Site) -> None:
    under = upgrade.at(upgrade.plan()["plan"]["under"])
    with replicator_beforehand(under):
        assert f"{under.address}> CREATE USER" not in upgrade.build()
        _undone_alone(upgrade)


def _undone_alone(upgrade: Site) -> None:
    upgrade.build("--execute", "--until", "5")
    with upgrade["old-source"].sql() as session:
        session.execute("INSERT INTO shop.orders (note) VALUES ('applied before the undoing')")
    equal([upgrade["old-source"], upgrade["new-source"]])
    upgrade.build("--undo", "--to", "3", "--execute")
    with upgrade["old-source"].sql() as session:
        session.execute("INSERT INTO shop.orders (note) VALUES ('while nobody follows')")
    upgrade.build("--execute", "--step", "4")
    upgrade.build("--execute", "--step", "5")
    equal([upgrade["old-source"], upgrade["new-source"]])
    refused = upgrade.operator.ask("build", "--step", "9", "--execute")
    assert "step 9 is not the next: the next is 6" in refused.err
    upgrade.build("--undo", "--execute")


def test_a_server_that_restarts_while_it_catches_up_is_waited_for(upgrade: Site) -> None:
    upgrade.plan()
    upgrade.build("--execute", "--until", "4")
    new, old = upgrade["new-source"], upgrade["old-source"]
    with new.sql() as holding:
        holding.execute("LOCK TABLES shop.orders READ")
        with old.sql() as session:
            session.execute("INSERT INTO shop.orders (note) VALUES ('it can not be applied yet')")
        wait_until(lambda: new.channels()[0].lag_s, 60, "it is behind")
        with upgrade.background("--until", "5") as process:
            wait_until(lambda: "catch-up" in upgrade.entries()[-1].step, 60, "it waits")
            new.service.container.restart(timeout=1)
            said = process.communicate(timeout=STARTS_WITHIN_S)[0]
    assert process.returncode == 0, said
    wait_until(lambda: answering(new), STARTS_WITHIN_S, "it answers").close()
    equal([old, new])
    upgrade.build("--undo", "--execute")


def test_what_stands_in_the_way_is_told_in_the_servers_own_words_and_mended_the_build_goes_on(upgrade: Site) -> None:
    upgrade.plan()
    new = upgrade["new-source"]
    with new.sql() as session:  # the tree moves
        session.execute("SET GLOBAL gtid_mode = 'ON_PERMISSIVE'")
        moved = upgrade.operator.ask("build", "--execute")
        assert (moved.code, "gtid_mode was ON, and now is ON_PERMISSIVE" in moved.err) == (1, True), moved
        session.execute("SET GLOBAL gtid_mode = 'ON'")
    with upgrade["new-replica"].sql() as session:  # an ID that another has
        session.execute(f"SET GLOBAL server_id = {new.server_id}")
        clash = upgrade.operator.ask("build", "--execute")
        assert (clash.code, f"server_id {new.server_id}" in clash.err) == (1, True), clash
        session.execute(f"SET GLOBAL server_id = {upgrade['new-replica'].server_id}")
    with upgrade.at(upgrade.saved()["under"]).sql() as session:
        session.execute("SET SESSION sql_log_bin = 0")
        session.execute(f"GRANT REPLICATION SLAVE ON *.* TO '{REPLICATOR}'@'%' IDENTIFIED BY 'another'")
        wrong = upgrade.operator.ask("build", "--execute", "--until", "4")
        assert wrong.code == 1
        assert "the receiver that follows" in wrong.err
        assert "error 1045" in wrong.err
        assert "password_file" in wrong.err
        assert not new.channels()[0].applying, "nothing goes on behind one's back"
        session.execute(f"DROP USER '{REPLICATOR}'@'%'")
    upgrade.build("--execute", "--until", "4")
    with new.sql() as session:  # writes of its own
        session.execute("SET GLOBAL super_read_only = 0")
        session.execute("SET SESSION sql_log_bin = 0")
        session.execute("DROP TABLE shop.orders")
    with upgrade["old-source"].sql() as session:
        session.execute("INSERT INTO shop.orders (note) VALUES ('no table for it')")
    wait_until(lambda: new.channels()[0].error, 60, "the row has come to it")  # else it has caught up until then
    broken = upgrade.operator.ask("build", "--execute")
    assert broken.code == 1
    assert "the applier that follows" in broken.err
    assert "error 1146" in broken.err
    assert "failed" in upgrade.operator.ask("journal").out
    upgrade.build("--undo", "--execute")


def test_an_old_replica_that_is_broken_beforehand_is_not_built_upon(upgrade: Site) -> None:
    replica = upgrade["old-replica-1"]
    with replica.sql() as session:
        session.execute(session.dialect.sql(Word.STOP_APPLIER))
        with upgrade.wanting(f'under = "{replica.address}"'):
            told = upgrade.operator.ask("plan")
        session.execute(session.dialect.sql(Word.START_APPLIER))
    settled(replica)
    assert told.code == 1
    assert "its own replication is not running" in told.err


MOVING = "limits = { replicas_per_source = 2, levels = 2, retention_days = 40 }"
DEATHS = (
    ("note", "move", "moved_to", "after"),
    ("note", "retention", "logs_kept_s_before", "after"),
    ("done", "retention", "", "before"),
    ("done", "writable", "", "before"),
)


def test_a_plan_with_a_move_a_retention_and_a_rehearsal_server_dies_at_every_turn_goes_on_and_goes_back(
    upgrade: Site,
) -> None:
    old, first, second = (upgrade[name] for name in ("old-source", "old-replica-1", "old-replica-2"))
    new, rehearsal = upgrade["new-source"], upgrade["new-replica"]
    for server in (first, second):
        with server.sql() as session:
            session.execute("SET GLOBAL expire_logs_days = 3")
    target = (f'under = "{old.address}"', f'rehearsal = "{rehearsal.address}"')
    with upgrade.wanting(*target, without="new_replicas"), upgrade.wanting(MOVING, head="[migrate]"):
        kinds = [step["kind"] for step in upgrade.plan()["plan"]["steps"]]
    assert kinds.count("move") == 1
    assert kinds[-1] == "writable"
    moved, stays = (first, second) if second.address in _under(upgrade, "move") else (second, first)
    with Writer(old):
        for death in DEATHS:
            upgrade.operator.dies(*death)
        said = upgrade.build("--execute")
        assert f"{stays.address} ({stays.version}) forgets at a restart" in said
        assert "under [mysqld]: expire_logs_days = 40" in said
    equal(list(upgrade.servers.values()))
    assert moved.channels()[0].source == stays.address
    assert new.channels()[0].source == old.address
    assert kept(new) == {"super_read_only": "ON", "gtid_mode": "OFF", "binlog_expire_logs_seconds": str(40 * 86_400)}
    assert kept(rehearsal) == {"gtid_mode": "OFF"}
    with rehearsal.sql() as session:
        assert session.value("SELECT @@GLOBAL.read_only") == 0
        session.execute("SET PERSIST super_read_only = 1")
    with new.sql() as session:  # as 5.7 would forget it
        for mode in ("OFF_PERMISSIVE", "ON_PERMISSIVE"):
            session.execute(f"SET GLOBAL gtid_mode = {mode}")
    mended = upgrade.build("--execute")
    assert "lost since it was done, and set again: read_only is on" in mended
    assert "lost since it was done, and set again: gtid_mode is ON_PERMISSIVE" in mended
    with new.sql() as session, rehearsal.sql() as other:
        assert session.value("SELECT @@GLOBAL.gtid_mode") == "OFF"
        assert other.value("SELECT @@GLOBAL.read_only") == 0
    for kind in ("writable", "move"):
        upgrade.operator.dies("undone", kind, "", "before", "--undo")
    upgrade.build("--undo", "--execute")
    for server in (first, second):
        settled(server)
        assert server.channels()[0].source == old.address
        with server.sql() as session:
            assert session.value("SELECT @@GLOBAL.expire_logs_days") == 3
    assert kept(new) == kept(rehearsal) == {}
    with new.sql() as session:
        assert session.value("SELECT @@GLOBAL.binlog_expire_logs_seconds") == 2_592_000
    equal([old, first, second])


def _under(where: Site, kind: str) -> str:
    return str(next(step["under"] for step in where.saved()["steps"] if step["kind"] == kind))


def test_two_builds_at_once_are_one_too_many(upgrade: Site) -> None:
    with upgrade.wanting("gtid_at_cutover = true"):
        upgrade.plan()
    before = len(upgrade.entries())
    with upgrade.at(upgrade.saved()["under"]).sql() as holding:
        holding.execute("LOCK TABLES shop.orders WRITE")  # until then the first does not come to its end
        with upgrade.background() as first:
            wait_until(lambda: len(upgrade.entries()) > before, 30, "it has begun")
            second = upgrade.operator.ask("build", "--execute")
            holding.execute("UNLOCK TABLES")
            said = first.communicate(timeout=120)[0]
    assert second.code == 1
    assert "held by process" in second.err
    assert first.returncode == 0, said


def test_what_the_plan_leaves_to_the_cutover_turns_gtid_on_and_every_statement_can_be_taken_back(upgrade: Site) -> None:
    """On the tree that the test before has built, with gtid_at_cutover."""
    plan, new, leaf = upgrade.saved(), upgrade["new-source"], upgrade["new-replica"]
    for server in (new, leaf):
        with server.sql() as session:
            assert session.value("SELECT @@GLOBAL.gtid_mode") == "ON_PERMISSIVE"
    assert not leaf.channels()[0].auto_position
    with new.sql() as session:  # the cutover's DETACH
        session.execute(session.dialect.sql(Word.STOP))
        session.execute(session.dialect.sql(Word.FORGET))
        executed = session.value("SELECT @@GLOBAL.gtid_executed")
    for act in plan["at_cutover"]:
        with upgrade.at(act["server"]).sql() as session:
            for sql in act["sql"]:
                session.execute(sql)
        if act["act"] == "await-applied":
            applied(leaf, new)
    with new.sql() as session:
        session.execute("INSERT INTO shop.orders (note) VALUES ('with a GTID')")
        assert session.value("SELECT @@GLOBAL.gtid_executed") != executed
        assert session.value("SELECT @@GLOBAL.gtid_mode") == "ON"
    equal([new, leaf])
    assert leaf.channels()[0].auto_position
    new.service.container.restart(timeout=1)
    with wait_until(lambda: answering(new), STARTS_WITHIN_S, "it answers") as session:
        session.execute("INSERT INTO shop.orders (note) VALUES ('it is writable after a restart too')")
        assert session.value("SELECT @@GLOBAL.gtid_mode") == "ON"
    for act in reversed(plan["at_cutover"]):
        with upgrade.at(act["server"]).sql() as session:
            for sql in act["undo_sql"]:
                session.execute(sql)
    with new.sql() as session:
        session.execute("INSERT INTO shop.orders (note) VALUES ('after going back')")
    equal([new, leaf])
    assert not leaf.channels()[0].auto_position


def applied(replica: Running, source: Running) -> None:
    """Wait until a replica has applied all, and no anonymous transaction is under way on either."""
    at = source.coordinates()
    for server in (replica, source):
        with server.sql() as session:
            if server is replica:
                assert session.value(session.dialect.sql(Word.WAIT_POSITION), at.file, at.position, 50) >= 0
            status = session.row("SHOW GLOBAL STATUS LIKE 'Ongoing_anonymous_transaction_count'") or {}
            assert status["Value"] == "0"


def test_mariadb_is_built_from_10_5_to_11_8_in_json_by_position_then_by_gtid_and_a_restart_is_noticed(
    tmp_path: Path,
) -> None:
    with site(
        tmp_path,
        Node("old-source", "mariadb-10.5", options=OLD),
        Node("old-replica", "mariadb-10.5", "old-source", OLD),
        Node("new-source", "mariadb-11.8", options=OLD),
        new=("new-source",),
    ) as maria:
        maria.plan()
        stack = ExitStack()
        right = f"GRANT REPLICATION SLAVE ON *.* TO '{REPLICATOR}'@'%'"
        stack.enter_context(replicator_beforehand(maria["old-replica"], right))
        refused_for_what_a_source_is_chosen_by(maria)
        with Writer(maria["old-source"]):
            lines = maria.build("--execute", "--json").splitlines()
        events = [json.loads(line) for line in lines]
        assert events[-1]["event"] == "ended"
        assert {"step", "outcome", "begins", "says"} <= {event["event"] for event in events}
        equal(list(maria.servers.values()))
        channel = maria["new-source"].channels()[0]
        assert channel.source == maria["old-replica"].address
        assert not channel.uses_tls
        with maria["new-source"].sql() as session:
            assert session.value("SELECT @@GLOBAL.read_only") == 1
        assert not channel.auto_position
        (left,) = (event for event in events if event["event"] == "left")
        new = maria["new-source"]
        assert left["configuration"] == {new.address: ["read_only = ON"]}
        assert [act["act"] for act in left["at_cutover"]] == ["writable", "events"]
        maria.build("--undo", "--execute")
        stack.close()
        assert new.channels() == ()
        with maria["old-replica"].sql() as session:
            for word in (Word.STOP, Word.USE_GTID, Word.START):
                session.execute(session.dialect.sql(word))
        settled(maria["old-replica"])
        assert "read_only = ON" in " ".join(maria.operator.ask("plan").out.split())
        with Writer(maria["old-source"]):
            assert "under [mysqld]: read_only = ON" in maria.build("--execute")
        equal(list(maria.servers.values()))
        assert new.channels()[0].auto_position
        new.service.container.restart(timeout=1)
        wait_until(lambda: answering(new), STARTS_WITHIN_S, "it answers").close()
        settled(new)
        assert drawn(maria, new).split()[-1] == "writable", "status shows that it is no longer closed"
        assert f"{new.address}: lost since it was done, and to be set again: read_only is off" in maria.build()
        assert "lost since it was done, and set again: read_only is off" in maria.build("--execute")
        assert drawn(maria, new).split()[-1] == "read-only"


def refused_for_what_a_source_is_chosen_by(maria: Site) -> None:
    """Before the first step any change of it stops a build, later only a filter: what comes through that lacks rows."""
    replica, until = maria["old-replica"], ("--execute", "--until", "1")
    name = replica.address
    filtered = f"{name}: what it filters out of replication was nothing, and now is replicate_ignore_db=shop"
    opened = f"{name}: read_only was on, and now is off"
    delayed = f"{name}: its delay in seconds was 0, and now is 60"
    with replica.sql() as session:
        stop, start, close = (session.dialect.sql(word) for word in (Word.STOP, Word.START, Word.READ_ONLY))

        def says(*statements: str) -> str:
            for statement in statements:
                session.execute(statement)
            told = maria.operator.ask("build", *until)
            assert told.code == 1, told
            return told.err

        assert opened in says("SET GLOBAL read_only = 0")
        assert delayed in says(close, stop, "CHANGE MASTER TO MASTER_DELAY = 60", start)
        undelayed = (stop, "CHANGE MASTER TO MASTER_DELAY = 0")
        told = says(*undelayed, "SET GLOBAL replicate_ignore_db = 'shop'", start)
        assert filtered in told
        assert "make a new plan" in told
        for statement in (stop, "SET GLOBAL replicate_ignore_db = ''", start, "SET GLOBAL read_only = 0"):
            session.execute(statement)
        settled(replica)
        session.execute(close)
        maria.build(*until)
        until = ("--execute", "--until", "2")
        told = says("SET GLOBAL read_only = 0", stop, "SET GLOBAL replicate_ignore_db = 'shop'", start)
        assert filtered in told
        assert opened not in told
        assert "build --undo --execute" in told
        for statement in (stop, "SET GLOBAL replicate_ignore_db = ''", start, close):
            session.execute(statement)
    settled(replica)


def drawn(where: Site, server: Running) -> str:
    """What status says of it."""
    return next(line for line in where.operator.ask("status").out.splitlines() if server.address in line)


def test_a_tree_with_gtid_is_followed_by_auto_position_and_needs_the_replicas_password_beforehand(
    tmp_path: Path,
) -> None:
    gtid = (*OLD, "--gtid-mode=ON", "--enforce-gtid-consistency=ON")
    with site(
        tmp_path,
        Node("old-source", "mysql-5.6", options=gtid),
        Node("old-replica", "mysql-5.6", "old-source", gtid),
        Node("new-source", "mysql-9.7"),
        new=("new-source",),
    ) as tree:
        tree.plan()
        (tree.folder / "replication").rename(tree.folder / "elsewhere")
        lacking = tree.operator.ask("build", "--execute")
        assert (lacking.code, "password_file" in lacking.err) == (2, True), lacking
        assert not any(entry.step for entry in tree.entries())
        (tree.folder / "elsewhere").rename(tree.folder / "replication")
        with Writer(tree["old-source"]):
            tree.build("--execute")
        equal(list(tree.servers.values()))
        assert tree["new-source"].channels()[0].auto_position
        with tree["new-source"].sql() as session:
            assert session.value("SELECT @@GLOBAL.gtid_mode") == "ON"
        tree.build("--undo", "--to", "3", "--execute")
        with tree["old-source"].sql() as session:
            session.execute("INSERT INTO shop.orders (note) VALUES ('while nobody follows')")
        tree.build("--execute")
        equal(list(tree.servers.values()))
