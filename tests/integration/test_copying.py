"""Copies of real servers: everything arrives, under writes; what is killed begins anew; what can't be is said."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import docker.types
import pytest
from msgspec.structs import replace
from testcontainers.core.network import Network

from containers import ROOT_PASSWORD, database, network, running
from integration import everything
from integration.likeness import differences
from integration.operating import Operator
from integration.trees import ANY_TLS, REPLICATION, ROOT, Node, Running, prepare, settled, started
from support import wait_until
from understudy.config import Build, Migrate, Target
from understudy.errors import UnderstudyError
from understudy.migrate.build import copying, loading, mark, program, upgrading
from understudy.migrate.build.copying import Copying
from understudy.migrate.build.data import Copy
from understudy.migrate.build.defaults import ProgramError
from understudy.migrate.build.dumping import SnapshotError
from understudy.migrate.build.hooking import HookError
from understudy.migrate.build.mark import Mark
from understudy.migrate.build.moment import MomentError
from understudy.migrate.build.mydumper import require_fit
from understudy.migrate.build.mydumping import end_sessions
from understudy.migrate.build.target import TargetError
from understudy.migrate.build.world import World
from understudy.migrate.clock import SystemClock
from understudy.migrate.dialects import Follow
from understudy.migrate.facts import Channel, Server
from understudy.migrate.faults import LostError, ServerError, UnreachableError
from understudy.migrate.logins import Login, OneLogin
from understudy.migrate.mysql import MySql, Session
from understudy.migrate.rows import Coordinates
from understudy.migrate.sqltext import identifier
from understudy.migrate.step import Kind, Step
from understudy.migrate.topology import grow
from understudy.migrate.watch.rebuild import Empty
from understudy.migrate.words import Word

pytestmark = pytest.mark.integration

ROWS = ("--binlog-format=ROW", "--log-slave-updates")
LOGINS = OneLogin(Login("root", ROOT.password, ANY_TLS, connect_s=15, read_s=60))


class Told:
    """A `Progress` that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.rows = self.bytes = 0

    def begins(self, what: str, total_bytes: int | None = None, total_rows: int | None = None) -> None:
        self.said.append(what)

    def moved(self, bytes_: int = 0, rows: int = 0) -> None:
        self.bytes += bytes_
        self.rows += rows

    def says(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    with network() as made:
        yield made


@pytest.fixture(scope="module")
def servers(net: Network) -> Iterator[dict[str, Running]]:
    """Old servers full of everything, and empty new ones."""
    with ExitStack() as stack:
        nodes = [
            Node("my56", "mysql-5.6", options=ROWS),
            Node("my97", "mysql-9.7", options=("--gtid-mode=OFF_PERMISSIVE", "--enforce-gtid-consistency=OFF")),
            Node("ma105", "mariadb-10.5", options=ROWS),
            Node("ma1011", "mariadb-10.11", options=(*ROWS, "--event-scheduler=OFF")),
            Node("ma118", "mariadb-11.8", options=ROWS),
            Node("other97", "mysql-9.7", options=("--gtid-mode=ON_PERMISSIVE", "--enforce-gtid-consistency=ON")),
        ]
        made = started(stack, net, *nodes)
        for name in ("my56", "ma105", "other97"):
            with made[name].sql() as session:
                everything.fill(session)
        yield made


def copying_of(old: Running, new: Running, way: str = "dump", **settings: object) -> Copying:
    return Copying(old.address, new.address, way, Build(**settings), LOGINS)  # type: ignore[arg-type]


@contextmanager
def writing(server: Running) -> Iterator[None]:
    """Somebody writes, until the block's end."""
    over = threading.Event()
    wrote = threading.Event()

    def write() -> None:
        number = 0
        with server.sql() as session, session.patient(120):
            session.execute("SET SESSION lock_wait_timeout = 120")  # it waits as long as a dump program takes to begin
            while not over.is_set():
                number += 1
                everything.write(session, number)
                wrote.set()

    thread = threading.Thread(target=write, name="writer")
    thread.start()
    try:
        assert wrote.wait(60)
        yield
    finally:
        over.set()
        thread.join()


def follow(replica: Running, source: Running, at: Coordinates) -> None:
    """Have it follow from there, and wait until it has all that the source has."""
    user, password = REPLICATION
    wanted = Follow(source.host, 3306, user, password, at.file, at.position, tls=False, public_key=True)
    with replica.sql() as session, session.patient(200):
        session.execute(session.dialect.repoint(wanted))
        session.execute(session.dialect.sql(Word.START))
        settled(replica)
        now = source.coordinates()
        reached = session.value(session.dialect.sql(Word.WAIT_POSITION), now.file, now.position, 180)
        assert reached is not None, replica.channels()
        assert reached >= 0, replica.channels()
        session.execute(session.dialect.sql(Word.STOP))
        session.execute(session.dialect.sql(Word.FORGET))


def emptied(server: Running) -> None:
    """Drop what a copy of ours has left on it."""
    with server.sql() as session:
        found = mark.read(session, server.address)
    if found is not None:
        copying.wipe(Copying(found.source, server.address, found.way, Build(), LOGINS))


class Mydumper(NamedTuple):
    """How mydumper is run in the product's image, and the folder that both see."""

    command: str
    scratch: Path

    @property
    def settings(self) -> dict[str, object]:
        return {"dump_program": self.command, "scratch": str(self.scratch)}


@pytest.fixture(scope="module")
def mydumper(net: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mydumper]:
    folder = tmp_path_factory.mktemp("scratch")
    mount = docker.types.Mount(str(folder), str(folder), type="bind")
    with running("understudy-dev", "infinity", network=net, entrypoint=["sleep"], mounts=[mount]) as service:
        yield Mydumper(f"docker exec -i -u {os.getuid()} {service.container.id} mydumper", folder)


PAIRS = [
    ("my56", "my97", {}),
    ("ma105", "ma1011", {}),
    ("ma1011", "ma118", {}),
    ("other97", "my97", {"parallel": 2}),
    ("ma105", "ma118", {"dump_program": "docker exec -i {container} mariadb-dump"}),
    ("my56", "my97", {"dump_program": "docker exec -i {container} mysqldump"}),
    ("my56", "my97", {"dump_program": "mydumper", "parallel": 8}),  # a schema each: none was selected before
    ("other97", "my97", {"dump_program": "mydumper", "parallel": 1}),
    ("ma105", "ma118", {"dump_program": "mydumper"}),
    ("ma1011", "ma118", {"dump_program": "mydumper"}),
]
IDS = [f"{old}-{new}-{str(more.get('dump_program', '')).split(' ')[-1]}".rstrip("-") for old, new, more in PAIRS]


@pytest.mark.parametrize(
    ("old", "new", "settings"),
    PAIRS,
    ids=IDS,
)
def test_a_copy_made_under_writes_and_replication_from_its_coordinates_end_equal(
    servers: dict[str, Running], mydumper: Mydumper, old: str, new: str, settings: dict[str, object]
) -> None:
    emptied(servers[new])
    if settings.get("dump_program") == "mydumper":
        settings = {**settings, **mydumper.settings}
    elif command := settings.get("dump_program"):  # the new server's own, in its container
        settings = {"dump_program": str(command).format(container=servers[new].service.container.id)}
    wanted = copying_of(servers[old], servers[new], **settings)
    before = servers[new].coordinates()
    told = Told()
    with writing(servers[old]) if old != "ma1011" else ExitStack():
        at = copying.copy(wanted, told)
    assert servers[new].coordinates() == before, "nothing of it is in the new server's own log"
    assert at.file
    assert copying.copied(wanted) == at
    assert told.rows > 0
    if old != "ma1011":  # which holds a copy itself, of which it was only marked
        follow(servers[new], servers[old], at)
    with servers[old].sql() as one, servers[new].sql() as other:
        assert differences(one, other) == []
        assert not list(mydumper.scratch.iterdir())
        assert states(other) == {"ev": "asleep", "ev_off": "off"}
    said = "\n".join(told.said)
    if old == "my56":
        assert "`shop`.`types` holds values that the new server takes with a warning only" in said
    if old != "ma1011":
        assert "view `shop`.`broken` is left out: it does not work on the old server either" in said


def states(session: Session) -> dict[str, str]:
    """Whether events run: asleep are those that are to run once the server is the source."""
    rows = session.rows("SELECT event_name AS n, status AS s FROM information_schema.events")
    return {row["n"]: "off" if row["s"] == "DISABLED" else "asleep" if "DISABLED" in row["s"] else "on" for row in rows}


def shown(session: Session, event: str) -> dict[str, object]:
    """An event with what it was made under, but for whether it runs."""
    row = session.row(f"SHOW CREATE EVENT {event}") or {}
    return {key: re.sub(r" (EN|DIS)ABLE( ON \w+)? DO ", " DO ", str(value)) for key, value in row.items()}


def operator(folder: Path, old: Running, new: Running, way: str, *more: str) -> Operator:
    """Somebody who has the new server built in this way."""
    user, password = REPLICATION
    (folder / "replication").write_text(password.reveal())
    settings = [
        "[migrate.target]", f"new_source = '{new.address}'", f"build = {json.dumps(way)}",
        "[migrate.replication]", f"user = '{user}'", "password_file = 'replication'",
    ]  # fmt: skip
    return Operator(folder, old.address, "\n".join([*settings, *more]))


def done(operator: Operator, *arguments: str) -> str:
    told = operator.ask(*arguments)
    assert told.code == 0, told
    return told.out


def test_a_clone_is_built_by_the_command_runs_no_event_and_is_wiped(
    servers: dict[str, Running], net: Network, tmp_path: Path
) -> None:
    old = servers["other97"]
    with old.sql() as session:
        session.execute("INSTALL PLUGIN clone SONAME 'mysql_clone.so'")
        session.execute("SET NAMES latin1")
        session.execute(
            "CREATE DEFINER = ghost@nowhere EVENT shop.old_set ON SCHEDULE EVERY 1 SECOND DO DELETE FROM shop.log"
        )
        session.execute("SET NAMES utf8mb4")
    with cloneable(net) as fresh, old.sql() as one:
        planned = operator(tmp_path, old, fresh, "clone")
        done(planned, "plan")
        planned.dies("note", "copy", "scheduler_before", "after")
        planned.dies("note", "copy", "at", "after")
        assert "have no event run" not in done(planned, "build", "--execute")
        wanted = copying_of(old, fresh, "clone")
        at = copying.copied(wanted)
        assert at
        assert at.gtid
        assert at == copying.copy(wanted, Told())
        settled(fresh)
        with fresh.sql() as other:
            assert differences(one, other) == []
            assert shown(one, "shop.old_set") == shown(other, "shop.old_set")
            assert states(other) == {"ev": "asleep", "ev_off": "off", "old_set": "asleep"}
            assert states(one) == {"ev": "on", "ev_off": "off", "old_set": "on"}
            assert other.value("SELECT @@GLOBAL.event_scheduler") == "ON"
            kept = other.rows(other.dialect.sql(Word.PERSISTED))
            assert {row["name"] for row in kept} == {"gtid_mode", "super_read_only"}
        assert '["shop","ev"],["shop","old_set"]' in done(planned, "journal")
        one.execute("DROP EVENT shop.old_set")
        done(planned, "build", "--undo", "--execute")
        with fresh.sql() as other:
            assert not other.rows("SHOW DATABASES LIKE 'shop'")
            assert not other.rows(other.dialect.sql(Word.PERSISTED))
        assert copying.copied(wanted) is None, "though the server remembers the clone that was dropped"
        done(planned, "build", "--execute")
        settled(fresh)
        with fresh.sql() as other:
            assert differences(one, other) == []
        Empty(Step(1, Kind.WIPE, fresh.address, "", 1, 2, under=old.address), world_of(fresh, "clone")).do()
        assert copying.copied(wanted) is None, "nor where it is rebuilt"


def world_of(server: Running, way: str) -> World:
    """The world of a step on this server."""
    seen = grow([Server(server.address, server.version)])
    return World(Migrate(), MySql(LOGINS), SystemClock(), Told(), seen, {}, lambda _: None, way)


@contextmanager
def cloneable(net: Network) -> Iterator[Running]:
    """A 9.7 that Docker starts again; its data is on a volume, since folders of an image can't be renamed."""
    with database(
        "mysql-9.7", net, "fresh", "--server-id=900", restart_policy={"Name": "always"},
        mounts=[docker.types.Mount("/var/lib/mysql", None, type="volume")],
    ) as service:  # fmt: skip
        server = Running(Node("fresh", "mysql-9.7"), service, 900)
        prepare(server)
        yield server


def test_a_clone_between_versions_that_can_not_is_refused_with_what_can(servers: dict[str, Running]) -> None:
    emptied(servers["my97"])
    with pytest.raises(UnderstudyError, match=r"CLONE takes MySQL 8\.0\.17 or later") as refused:
        copying.copy(copying_of(servers["my56"], servers["my97"], "clone"), Told())
    assert "dump" in refused.value.hint
    emptied(servers["my97"])


def test_a_hook_is_told_what_to_copy_and_believed_only_where_the_source_agrees(
    servers: dict[str, Running], tmp_path: Path
) -> None:
    old, new = servers["ma105"], servers["ma118"]
    emptied(new)
    at = old.coordinates()
    said = f'{{"file": "{at.file}", "position": {at.position}}}'
    script = f"env > {tmp_path}/seen; echo copying >&2; echo noise; echo '{said}'"
    told = Told()
    assert copying.copy(copying_of(old, new, f"hook: {script}"), told) == Coordinates(at.file, at.position)
    seen = (tmp_path / "seen").read_text()
    assert f"UNDERSTUDY_SOURCE={old.address}" in seen
    assert f"UNDERSTUDY_TARGET_HOST={new.host}" in seen
    assert "understudy\n" not in seen.replace(str(tmp_path), ""), "no password"
    assert "hook: copying" in told.said
    for wrong, limit_s, why in [
        ("echo nothing", 60, "did not say"),
        ("echo oops >&2; exit 3", 60, "ended with 3: oops"),
        ("""echo '{"file": "binlog.000099", "position": 4}'""", 60, "does not have"),
        (f"echo '{said}' > $UNDERSTUDY_COORDINATES; sleep 60", 1, "within 1 s"),
    ]:
        emptied(new)
        with pytest.raises(HookError, match=why):
            copying.copy(copying_of(old, new, f"hook: {wrong}", hook_s=limit_s), Told())
    emptied(new)


def test_a_hook_that_outlives_its_killed_build_is_joined_by_no_other_and_one_that_is_told_to_end_takes_it_along(
    servers: dict[str, Running], tmp_path: Path
) -> None:
    old, new = servers["ma105"], servers["ma118"]
    emptied(new)
    at, begun, script = old.coordinates(), tmp_path / "begun", tmp_path / "hook.sh"
    script.write_text(
        f"echo $$ >> {begun}\nuntil [ -e {tmp_path}/go ]; do sleep 0.1; done\n"
        f'echo \'{{"file": "{at.file}", "position": {at.position}}}\'\n'
    )

    def hooks() -> list[int]:
        return [int(line) for line in begun.read_text().split()] if begun.exists() else []

    planned = operator(tmp_path, old, new, f"hook: sh {script}")
    steps = json.loads(done(planned, "plan", "--json"))["plan"]["steps"]
    copy = next(step["number"] for step in steps if step["kind"] == "copy")
    with planned.building() as process:
        wait_until(lambda: len(hooks()) == 1, 30, "the hook runs")
        group = os.getpgid(hooks()[0])
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
        wait_until(lambda: is_gone(group), 60, "its hook has ended too")
    assert '"failed"' in done(planned, "journal", "--json")
    with planned.building() as process:
        wait_until(lambda: len(hooks()) == 2, 30, "the hook runs")
        process.kill()
    left = os.getpgid(hooks()[1])
    for arguments in (["build", "--execute"], ["build", "--undo", "--execute"]):
        refused = planned.ask(*arguments)
        assert refused.code == 1
        assert f"a hook that copies to it runs still, as process {left}" in refused.err
    assert len(hooks()) == 2
    (tmp_path / "go").touch()
    wait_until(lambda: is_gone(left), 60, "the hook has ended, and all that it started")
    done(planned, "build", "--execute", "--until", str(copy))
    assert len(hooks()) == 3
    assert copying.copied(copying_of(old, new, "hook")) == Coordinates(at.file, at.position)
    done(planned, "build", "--undo", "--execute")


def is_gone(group: int) -> bool:
    """Whether no process of this group lives; a dead one may lie there until somebody asks what became of it."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, its_group = file.read_text().rpartition(")")[2].split()[:3]
            if state != "Z" and int(its_group) == group:
                return False
    return True


def test_what_a_hook_has_copied_is_upgraded_and_followed_by_the_command(
    servers: dict[str, Running], tmp_path: Path
) -> None:
    old, new = servers["ma105"], servers["ma118"]
    emptied(new)
    inside = f"docker exec -i {new.service.container.id}"
    login = f"-uroot -p{ROOT.password.reveal()}"
    with old.sql() as one, new.sql() as other:
        one.execute("CREATE DATABASE hooked")
        one.execute("CREATE TABLE hooked.t (id INT PRIMARY KEY)")
        one.execute("CREATE EVENT hooked.e ON SCHEDULE EVERY 1 SECOND DO INSERT INTO hooked.t VALUES (7)")
        other.execute("SET GLOBAL event_scheduler = ON")
        at = old.coordinates()
        dump = (
            f"{inside} mariadb-dump -h {old.host} --skip-ssl {login} --single-transaction --events --databases hooked"
        )
        script = tmp_path / "copies"
        script.write_text(
            f"set -e\n{dump} > {tmp_path}/dump\n{inside} mariadb {login} < {tmp_path}/dump\n"
            f"{inside} mariadb {login} -e 'SET GLOBAL event_scheduler = ON'\n"  # as a restart does that is told to
            f'echo \'{{"file": "{at.file}", "position": {at.position}}}\'\n'
        )
        program = f"upgrade_program = '{inside} mariadb-upgrade'"
        planned = operator(tmp_path, old, new, f"hook: sh {script}", "[migrate.build]", program)
        assert "upgrade the system tables" in done(planned, "plan")
        built = done(planned, "build", "--execute")
        assert "mariadb-upgrade" in built
        assert "the copy's events may have run there until now" in built
        settled(new)
        one.execute("INSERT INTO hooked.t VALUES (1)")
        wait_until(lambda: other.rows("SELECT 1 FROM hooked.t WHERE id = 1"), 60, "it arrives")
        assert states(other) == {"e": "asleep"}
        assert other.value("SELECT @@GLOBAL.event_scheduler") == "ON"
        one.execute("DROP DATABASE hooked")
        done(planned, "build", "--undo", "--execute")
        other.execute("SET GLOBAL event_scheduler = OFF")
        assert other.value("SELECT @@GLOBAL.read_only") == 0


def test_copied_files_of_an_older_version_have_their_system_tables_upgraded_unlogged(
    servers: dict[str, Running],
) -> None:
    old, new = servers["ma105"], servers["ma118"]
    command = f"docker exec -i {new.service.container.id} mariadb-upgrade"
    before = new.coordinates()
    upgrading.upgrade(copying_of(old, new, "hook: true", upgrade_program=command), Told())
    assert new.coordinates() == before
    with pytest.raises(upgrading.UpgradeError, match="failed"):
        upgrading.upgrade(copying_of(old, new, "hook: true", upgrade_program=f"{command} --no-such-option"), Told())
    upgrading.upgrade(copying_of(old, new), told := Told())
    assert "needs no upgrade" in told.said[0]


def test_a_server_that_holds_something_of_its_own_is_refused_and_stays_as_it_is(servers: dict[str, Running]) -> None:
    new = servers["my97"]
    emptied(new)
    with new.sql() as session:
        session.execute("CREATE DATABASE `pre``cious`")
        session.execute("CREATE TABLE `pre``cious`.t (id INT)")
        wanted = copying_of(servers["my56"], new)
        with pytest.raises(TargetError, match="`pre``cious`"):
            copying.copy(wanted, Told())
        copying.wipe(wanted)
        assert session.rows("SHOW TABLES FROM `pre``cious`")
        session.execute("DROP DATABASE `pre``cious`")


def test_a_copy_of_another_server_is_never_dropped_for_a_new_one_and_one_without_a_mark_by_no_wipe(
    servers: dict[str, Running],
) -> None:
    new = servers["my97"]
    emptied(new)
    wanted = copying_of(servers["other97"], new)
    copying.copy(wanted, Told())
    with pytest.raises(TargetError, match=re.escape(f"holds a copy of {wanted.under}")):
        copying.copy(copying_of(servers["my56"], new), Told())
    with new.sql() as session:
        session.execute(f"DROP DATABASE {mark.SCHEMA}")
        assert copying.copied(wanted) is None
        copying.wipe(wanted)
        assert session.rows("SHOW TABLES FROM shop")
        for schema in ("shop", "empty_one", everything.WEIRD):
            session.execute(f"DROP DATABASE {identifier(schema)}")


@contextmanager
def isam(server: Running) -> Iterator[Session]:
    """A table that knows no snapshot."""
    with server.sql() as session:
        session.execute("CREATE TABLE shop.isam (id INT) ENGINE=MyISAM")
        session.execute("INSERT INTO shop.isam VALUES (1)")
        try:
            yield session
        finally:
            session.execute("DROP TABLE shop.isam")


class Amid(Told):
    """Has something done once the first rows have come."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self._acts, self._one = [act], threading.Lock()

    def moved(self, bytes_: int = 0, rows: int = 0) -> None:
        super().moved(bytes_, rows)
        with self._one:
            if self._acts:
                self._acts.pop()()


def test_tables_that_know_no_snapshot_are_named_and_copied_only_with_a_lock_for_which_writes_wait_to_the_end(
    servers: dict[str, Running],
) -> None:
    old, new = servers["my56"], servers["my97"]
    emptied(new)
    with isam(old) as session, old.sql() as writing, writing.patient(120):
        with pytest.raises(SnapshotError, match=r"`shop`.`isam` \(MyISAM\)"):
            copying.copy(copying_of(old, new), Told())
        emptied(new)
        writing.execute("SET SESSION lock_wait_timeout = 120")
        writer = threading.Thread(target=lambda: writing.execute("INSERT INTO shop.isam VALUES (2)"))

        def waits() -> bool:
            shown = "SELECT state FROM information_schema.processlist WHERE id = %s"
            return "global read lock" in str(session.value(shown, writing.id))

        def write() -> None:
            writer.start()
            wait_until(waits, 60, "it waits for the lock")

        at = copying.copy(copying_of(old, new, lock=True), Amid(write))
        writer.join()
        with new.sql() as other:
            assert other.rows("SELECT id FROM shop.isam") == [{"id": 1}]
            follow(new, old, at)
            assert differences(session, other) == []


def test_a_copy_whose_lock_is_lost_on_the_way_fails_and_the_next_is_whole(servers: dict[str, Running]) -> None:
    old, new = servers["other97"], servers["my97"]
    emptied(new)
    wanted = copying_of(old, new, lock=True)
    holder = (
        "SELECT processlist_id AS id, variable_value AS patience FROM performance_schema.metadata_locks"
        " JOIN performance_schema.threads ON owner_thread_id = thread_id"
        " JOIN performance_schema.variables_by_thread AS v ON v.thread_id = owner_thread_id"
        " WHERE object_type = 'GLOBAL' AND lock_type = 'SHARED' AND variable_name = 'wait_timeout'"
    )
    with isam(old) as session:

        def kill() -> None:
            (found,) = session.rows(holder)
            assert int(found["patience"]) > 1_000_000, "as long as the copy lasts it has nothing to say"
            session.execute(f"KILL {found['id']}")
            session.execute("INSERT INTO shop.isam VALUES (2)")

        with pytest.raises(MomentError, match="the session that held it still was lost"):
            copying.copy(wanted, Amid(kill))
        assert copying.copied(wanted) is None
        copying.copy(wanted, Told())
        with new.sql() as other:
            assert differences(session, other) == []


@pytest.mark.parametrize(
    ("old", "new", "engines"), [("my56", "my97", "MyISAM MEMORY"), ("ma105", "ma118", "MyISAM Aria MEMORY")]
)
def test_a_value_that_strictness_refuses_doubles_no_row_of_a_table_that_keeps_half_a_statement(
    servers: dict[str, Running], old: str, new: str, engines: str
) -> None:
    emptied(servers[new])
    with servers[old].sql() as session:
        session.execute("SET SESSION sql_mode = ''")
        session.execute("CREATE DATABASE halves")
        try:
            for engine in engines.split():
                session.execute(f"CREATE TABLE halves.{engine} (v ENUM('a', 'b')) ENGINE={engine}")
                session.execute(f"INSERT INTO halves.{engine} VALUES ('a'), ('b'), ('neither'), ('a')")
            copying.copy(copying_of(servers[old], servers[new], lock=True), told := Told())
            with servers[new].sql() as other:
                for engine in engines.split():
                    taken = other.rows(f"SELECT v FROM halves.{engine}")
                    assert [row["v"] for row in taken] == ["a", "b", "", "a"], engine
                    assert any(f"`halves`.`{engine}` holds values that" in line for line in told.said)
        finally:
            session.execute("DROP DATABASE halves")


def test_super_read_only_is_as_it_was_after_a_copy_and_after_a_wipe(servers: dict[str, Running]) -> None:
    new = servers["my97"]
    emptied(new)
    wanted = copying_of(servers["my56"], new)
    with new.sql() as session:
        session.execute("SET GLOBAL super_read_only = 1")
        try:
            copying.copy(wanted, Told())
            assert session.value("SELECT @@GLOBAL.super_read_only") == 1
            copying.wipe(wanted)
            assert session.value("SELECT @@GLOBAL.super_read_only") == 1
            assert not session.rows("SHOW DATABASES LIKE 'shop'")
        finally:
            session.execute("SET GLOBAL read_only = 0")


def test_super_read_only_is_as_it_was_where_an_interrupted_copy_can_not_begin_anew(servers: dict[str, Running]) -> None:
    new = servers["my97"]
    emptied(new)
    wanted = copying_of(servers["my56"], new)
    left = Mark(new.address, wanted.under, "dump", ("shop",), super_read_only=True)
    with new.sql() as session, session.unlogged():
        mark.write(session, left)
        session.execute("CREATE DATABASE precious")
        session.execute("CREATE TABLE precious.t (id INT)")
        session.execute("SET GLOBAL read_only = 1")
        with pytest.raises(TargetError, match="precious"):
            copying.copy(wanted, Told())
        assert session.value("SELECT @@GLOBAL.super_read_only") == 1
        session.execute("SET GLOBAL read_only = 0")
        session.execute("DROP DATABASE precious")


@pytest.mark.parametrize(
    ("old", "between", "leaf", "free"),
    [
        ("my56", "my97", "other97", "the server can't say how much it has free"),
        ("ma105", "ma1011", "ma118", r"[\d.]+ [MGT]iB free"),
    ],
)
def test_a_dry_run_tells_what_disk_a_copy_takes_also_from_a_server_that_is_empty_as_yet(
    old: str, between: str, leaf: str, free: str, servers: dict[str, Running], tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(ROOT_PASSWORD)
    above, new, empty = (servers[name].address for name in (old, between, leaf))
    wanted = Migrate(
        above, user="root", password_file=str(tmp_path / "password"), tls=ANY_TLS, target=Target(new_source=new)
    )
    seen = grow([Server(above), Server(new, channels=(Channel(above),)), Server(empty)])
    step = Step(1, Kind.COPY, empty, "", 1, 2, source="", under=new)
    sizes: dict[str, int] = {}
    world = World(wanted, MySql(LOGINS), SystemClock(), Told(), seen, {}, lambda _: None, "dump", sizes=sizes)
    with servers[leaf].sql() as session:
        session.execute("INSTALL SONAME 'disks'") if session.version.is_mariadb() else None
        try:
            said = Copy(step, world).says()
            assert re.fullmatch(rf"disk on {empty}: about [1-9][\d.]* [KM]iB are needed; {free}", said[-1]), said
            sizes[above] = 1 << 60
            assert Copy(step, world).says()[-1].endswith("DOES NOT FIT") is session.version.is_mariadb()
        finally:
            session.execute("UNINSTALL SONAME 'disks'") if session.version.is_mariadb() else None
    unreached = replace(step, server="127.0.0.1:1")
    assert "not known: 127.0.0.1:1" in Copy(unreached, world).says()[-1]


@contextmanager
def bulky(server: Running, doublings: int = 14) -> Iterator[None]:
    """A table that takes a second or two to copy, and a small one that is copied after it."""
    with server.sql() as session:
        session.execute("CREATE DATABASE bulk")
        session.execute("CREATE TABLE bulk.big (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(1000)) ENGINE=InnoDB")
        session.execute("INSERT INTO bulk.big (v) VALUES (REPEAT('x', 1000))")
        for _ in range(doublings):
            session.execute("INSERT INTO bulk.big (v) SELECT v FROM bulk.big")
        session.execute("CREATE TABLE bulk.small (id INT PRIMARY KEY) ENGINE=InnoDB")
        session.execute("INSERT INTO bulk.small VALUES (1)")
        session.execute("ANALYZE TABLE bulk.big")
        try:
            yield
        finally:
            session.execute("DROP DATABASE bulk")


SCRIPT = """
import sys, time
from integration.test_copying import *
class Standing(Told):
    def moved(self, bytes_=0, rows=0):
        if amid(sys.argv[2]):
            print("rows have come", flush=True)
            time.sleep(600)
settings = Build(parallel=1, dump_program=sys.argv[3], scratch=sys.argv[4])
copying.copy(Copying(sys.argv[1], sys.argv[2], "dump", settings, LOGINS), Standing())
"""


def amid(address: str) -> bool:
    """Whether some rows of the big table are there."""
    with MySql(LOGINS).open(address) as session:
        return bool(session.rows("SELECT 1 FROM bulk.big LIMIT 1"))


def killed_amid(old: Running, new: Running, program: str = "", scratch: str = "") -> None:
    """A copy in a process of its own, which stands still when some rows of the big table are there, and is killed."""
    tests = Path(__file__).resolve().parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, old.address, new.address, program, scratch],
        env={**os.environ, "PYTHONPATH": str(tests)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "rows have come\n"
        process.kill()


def test_a_copy_that_is_killed_or_whose_target_goes_down_begins_anew_and_ends_equal(
    servers: dict[str, Running],
) -> None:
    old, new = servers["my56"], servers["my97"]
    emptied(new)
    with bulky(old):
        killed_amid(old, new)
        wanted = copying_of(old, new, parallel=1)
        assert copying.copied(wanted) is None
        with pytest.raises((LostError, UnreachableError)):
            copying.copy(wanted, Amid(lambda: new.service.container.restart(timeout=0)))
        wait_until(lambda: answers(new), 180, "it is back")
        assert copying.copied(wanted) is None
        copying.copy(wanted, told := Told())
        assert any("dropping what an interrupted copy left" in line for line in told.said)
        with old.sql() as one, new.sql() as other:
            assert differences(one, other) == []


def test_a_copy_by_mydumper_that_is_killed_leaves_nothing_after_the_next(
    servers: dict[str, Running], mydumper: Mydumper
) -> None:
    old, new = servers["my56"], servers["my97"]
    emptied(new)
    with bulky(old):
        killed_amid(old, new, mydumper.command, str(mydumper.scratch))
        (left,) = mydumper.scratch.iterdir()
        assert left.stat().st_mode & 0o777 == 0o700
        assert not (left / "login.cnf").exists(), "it had logged in"
        wait_until(lambda: not uses(left), 60, "mydumper, which runs on in its container, has ended")
        with reading_on(old) as reader, reading_on(old, "backup") as other:
            connected = "Thread 1 connected using MySQL connection ID"
            (left / "log").write_text(f"{connected} {reader}\n{connected} {other}\n")
            begun = (left / "source").stat().st_mtime
            os.utime(left / "source", (0, 0))  # the server was started since, and has given the ids to others
            with old.sql() as session:
                end_sessions(session, left)
                assert are_there(session, reader, other)
            os.utime(left / "source", (begun, begun))
            copying.copy(copying_of(old, new, scratch=str(mydumper.scratch)), Told())
            with old.sql() as session:
                wait_until(lambda: not are_there(session, reader), 20, "its session has ended")
                assert are_there(session, other)
                session.execute(f"KILL {other}")
        assert not list(mydumper.scratch.iterdir())


def uses(folder: Path) -> bool:
    """Whether a process lives that was begun with this folder."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if f"={folder}/".encode() in file.read_bytes():
                return True
    return False


def are_there(session: Session, *ids: int) -> bool:
    """Whether all of these sessions read as yet."""
    listed = session.rows("SELECT id FROM information_schema.processlist WHERE info LIKE '%SLEEP(100)%'")
    return {*ids} <= {row["id"] for row in listed}


@contextmanager
def reading_on(server: Running, user: str = "root") -> Iterator[int]:
    """A session that reads as mydumper does until it is killed: its id."""

    def read(session: Session) -> None:
        with suppress(ServerError), session.patient(120):
            session.value("SELECT /*!40001 SQL_NO_CACHE */ SLEEP(100)")

    with server.sql() as root, ExitStack() as stack:
        if user != "root":
            root.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", user, ROOT.password)
            stack.callback(root.execute, "DROP USER %s@'%%'", user)
        session = stack.enter_context(MySql(OneLogin(Login(user, ROOT.password, ANY_TLS))).open(server.address))
        thread = threading.Thread(target=read, args=(session,))
        thread.start()
        wait_until(lambda: are_there(root, session.id), 20, "it reads")
        yield session.id
        thread.join()


@pytest.mark.parametrize(("name", "says_who_it_is"), [("my56", False), ("other97", True), ("ma105", False)])
def test_nobody_else_s_transaction_is_taken_for_the_dump_program_s(
    servers: dict[str, Running], name: str, says_who_it_is: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "BEGIN_S", 0.5)
    begin = "START TRANSACTION WITH CONSISTENT SNAPSHOT"
    server = servers[name]
    with (
        server.sql() as monitor, server.sql() as reader, server.sql() as session, tempfile.TemporaryFile() as said,
        subprocess.Popen(["sleep", "60"]) as idle,
    ):  # fmt: skip
        monitor.rows("SELECT 1 FROM information_schema.innodb_trx")  # who asks now is shown the same for 100 ms
        reader.execute(begin)
        before = program.sessions(session, "root")
        with server.sql() as later:
            later.execute(begin if says_who_it_is else "DO 0")
            with pytest.raises(ProgramError, match=r"has not begun its transaction within 0\.5 s"):
                program.await_begun(program.Program(idle, said, "mysqldump"), session, before, "root")
        idle.kill()


def test_a_program_that_does_not_fit_is_refused_before_anything_is_made(
    servers: dict[str, Running], mydumper: Mydumper, tmp_path: Path
) -> None:
    old, new = servers["other97"], servers["my97"]
    emptied(new)
    newer = tmp_path / "mydumper"
    newer.write_text("#!/bin/sh\necho mydumper v0.16.7-5, built against MySQL 8.0.36\n")
    newer.chmod(0o755)
    refused: list[tuple[dict[str, object], str]] = [
        ({"dump_program": str(newer)}, r"mydumper 0\.16\.7-5, and Understudy knows how 0\.10\.x is run"),
        ({"dump_program": str(tmp_path / "none/mydumper")}, "can't be run: No such file"),
        ({**mydumper.settings, "scratch": str(tmp_path / "none")}, "no such folder"),
    ]
    for settings, why in refused:
        with pytest.raises(UnderstudyError, match=why):
            copying.copy(copying_of(old, new, **settings), Told())
    strict = Login("root", ROOT.password, replace(ANY_TLS, verify="identity"))
    with pytest.raises(UnderstudyError, match="can't do with TLS what is asked for"), old.sql() as session:
        require_fit(mydumper.command, strict, encrypted=session.is_encrypted)
    with new.sql() as session:
        assert not session.rows("SHOW DATABASES LIKE 'shop'")
    emptied(new)


def answers(server: Running) -> bool:
    try:
        server.sql().close()
    except UnderstudyError:
        return False
    return True


def test_a_table_that_is_altered_meanwhile_is_named_and_the_next_copy_has_it_as_it_is(
    servers: dict[str, Running],
) -> None:
    old, new = servers["my56"], servers["my97"]
    emptied(new)
    with bulky(old):
        wanted = copying_of(old, new, parallel=1)

        def alter() -> None:
            with old.sql() as session:
                session.execute("ALTER TABLE bulk.small ADD COLUMN more INT DEFAULT 7, ENGINE=InnoDB")

        with pytest.raises(loading.Altered, match="bulk"):
            copying.copy(wanted, Amid(alter))
        copying.copy(wanted, Told())
        with old.sql() as one, new.sql() as other:
            assert differences(one, other) == []


def test_a_full_disk_is_said_and_what_was_copied_can_be_wiped(servers: dict[str, Running], net: Network) -> None:
    with bulky(servers["my56"], 15), small_disk(net) as new:
        wanted = copying_of(servers["my56"], new)
        with pytest.raises(UnderstudyError, match=r"full|No space"):
            copying.copy(wanted, Told())
        new.service.run("rm", "-f", "/small/filler")
        wait_until(lambda: wiped(wanted), 180, "it has room again, and may have to come back")
        with new.sql() as session:
            assert not session.rows("SHOW DATABASES LIKE 'bulk'")
            assert not session.rows("SHOW DATABASES LIKE 'understudy%'")


def wiped(wanted: Copying) -> bool:
    """Whether it could be wiped by now: a 9.7 whose disk is full may go down, with whatever is asked of it."""
    try:
        copying.wipe(wanted)
    except ServerError:
        return False
    return True


@contextmanager
def small_disk(net: Network) -> Iterator[Running]:
    """A 9.7 with some 20 MB left."""
    start = (  # the container stays, and with it the disk, should the server go down
        "cp -a /var/lib/mysql/. /small/ && chown mysql: /small && head -c $(( $(df --output=avail -B1 /small | tail -1)"
        " - 25000000 )) /dev/zero > /small-filler/x"
        "; while true; do mysqld --user=mysql --datadir=/small --server-id=901; sleep 1; done"
    ).replace("/small-filler/x", "/small/filler")
    with running(
        "mysql-9.7", network=net, alias="small", port=3306, entrypoint=["sh", "-c", start],
        mounts=[docker.types.Mount("/small", None, type="tmpfs", tmpfs_size=400_000_000)],
    ) as service:  # fmt: skip
        server = Running(Node("small", "mysql-9.7"), service, 901)
        prepare(server)
        yield server
