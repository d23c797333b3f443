"""Replication that stands still without an error: a full disk, a source that falls silent, a network that drops.

Nothing hangs then, and no session is left behind on the server that is asked.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from containers import network
from integration.breaking import Pair, caught_up, run
from integration.operating import Operator
from integration.trees import NEW, OLD, REPLICATION, Node, Running, follow, paused, read_only, settled, started
from relay import Relay
from support import COMMAND, wait_until
from understudy.migrate.answering import answering
from understudy.migrate.build import replication
from understudy.migrate.dialects import Follow
from understudy.migrate.faults import FullError
from understudy.migrate.words import Word

pytestmark = pytest.mark.integration

SMALL = {"/small": 24_000_000}
LARGE = 1_000_000  # bytes of a row; a transaction of ten does not fit
RELAYS = "--relay-log=/small/relay"


@pytest.fixture(scope="module")
def cramped() -> Iterator[dict[str, Pair]]:
    """5.6 -> 9.7 and 10.5 -> 11.8, whose relay logs lie on a small disk that is nearly full."""
    with ExitStack() as stack:
        servers = started(
            stack,
            stack.enter_context(network()),
            Node("old", "mysql-5.6", options=OLD),
            Node("new", "mysql-9.7", "old", (*NEW, RELAYS), disks=SMALL),
            Node("maria-old", "mariadb-10.5", options=OLD),
            Node("maria-new", "mariadb-11.8", "maria-old", (*OLD, RELAYS), disks=SMALL),
        )
        for server in servers.values():
            if server.node.under:
                server.service.run("sh", "-c", "head -c 16000000 /dev/zero > /small/filler")
                follow(server, servers[server.node.under])
                settled(server)
                read_only(server)
        found = {
            "MySQL": Pair(servers["old"], servers["new"]),
            "MariaDB": Pair(servers["maria-old"], servers["maria-new"]),
        }
        for pair in found.values():
            run(pair.source, "CREATE DATABASE b", "CREATE TABLE b.big (id INT PRIMARY KEY, v LONGBLOB) ENGINE=InnoDB")
            caught_up(*pair)
        yield found


class Watch:
    """`understudy migrate watch --json` of a pair, as it runs."""

    def __init__(self, operator: Operator, out: Path) -> None:
        self.operator, self._out = operator, out

    def concerns(self) -> dict[str, str]:
        """What the newest look says: texts by kind."""
        looks = [json.loads(line) for line in self._out.read_text().splitlines(keepends=True) if line.endswith("\n")]
        newest = [look for look in looks if look["kind"] == "look"][-1:]
        return {one["kind"]: one["text"] for look in newest for server in look["servers"] for one in server["concerns"]}

    def told(self, kind: str, within_s: float = 90) -> str:
        """The text of a concern, once it is told: a look that waits for an answer already does so for 30 s."""
        try:
            return str(wait_until(lambda: self.concerns().get(kind), within_s))
        except AssertionError:
            raise AssertionError(f"{kind} is not told: {self._out.read_text()[-3000:]}") from None


@contextmanager
def watching(source: Running, replica: Running, folder: Path) -> Iterator[Watch]:
    more = f'[migrate.target]\nnew_source = "{replica.address}"'
    operator, out = Operator(folder, source.address, more, connect_ms=3_000), folder / "out"
    options = ["--json", "--interval", "0.3", "--max-stall", "1", "-c", str(operator.file)]
    with out.open("wb") as file, subprocess.Popen([COMMAND, "migrate", "watch", *options], stdout=file) as process:
        try:
            watch = Watch(operator, out)
            wait_until(lambda: out.read_text().count("\n") > 1, 30, "two looks")
            yield watch
            assert process.poll() is None
        finally:
            process.terminate()


def waiting(server: Running) -> int:
    """How many questions about replication wait on a server."""
    with server.sql() as session:
        said = session.rows(session.dialect.sql(Word.PROCESSES))
    return sum("STATUS" in str(row["Info"]) for row in said)


def test_a_source_that_falls_silent_is_told_before_its_replica_notices(
    cramped: dict[str, Pair], tmp_path: Path
) -> None:
    source, replica = cramped["MySQL"]
    address = source.address
    with watching(source, replica, tmp_path) as watch:
        with paused(source):
            told = watch.told("source-unseen")
        assert f"{address} is not seen" in told
        assert "it connects anew by itself after 60 s without a word (replica_net_timeout)" in told
        wait_until(lambda: not watch.concerns(), 150, "all is well again")  # a receiver may have to connect anew


@pytest.mark.parametrize("kind", ["MySQL", "MariaDB"])
def test_a_network_that_drops_what_the_source_sends_is_told_while_the_lag_says_nothing(
    kind: str, cramped: dict[str, Pair], tmp_path: Path
) -> None:
    source, replica = cramped[kind]
    with followed_through_a_relay(source, replica) as relay, watching(source, replica, tmp_path) as watch:
        wait_until(lambda: not watch.concerns(), 30, "all is well")
        relay.delay_s = 3600.0
        run(source, "CREATE DATABASE unheard", "DROP DATABASE unheard")
        told = watch.told("receiver-stalled")
        assert "while the source's log went on: look at the network between" in told
        assert "after 60 s without a word (replica_net_timeout), and at once when its receiver is stopped" in told


@contextmanager
def followed_through_a_relay(source: Running, replica: Running) -> Iterator[Relay]:
    networks = source.service.container.attrs["NetworkSettings"]["Networks"]
    host = next(iter(networks.values()))["Gateway"]
    with Relay(source.service.port, host) as relay:
        repointed(replica, source, host, relay.port)
        yield relay
        repointed(replica, source, source.host, 3306)


def repointed(replica: Running, source: Running, host: str, port: int) -> None:
    at, (user, password) = source.coordinates(), REPLICATION
    with replica.sql() as session:
        session.execute(session.dialect.sql(Word.STOP))
        wanted = Follow(host, port, user, password, at.file, at.position, tls=False, public_key=True)
        session.execute(session.dialect.repoint(wanted))
        session.execute(session.dialect.sql(Word.START))
    settled(replica)


@pytest.mark.parametrize("kind", ["MySQL", "MariaDB"])
def test_a_disk_that_fills_while_a_server_follows_is_told_and_what_to_do_and_nothing_hangs(
    kind: str, cramped: dict[str, Pair], tmp_path: Path
) -> None:
    source, replica = cramped[kind]
    with watching(source, replica, tmp_path) as watch:
        rows = [f"INSERT INTO b.big VALUES ({key}, REPEAT('x', {LARGE}))" for key in range(10)]
        run(source, "SET SESSION binlog_format = ROW", "START TRANSACTION", *rows, "COMMIT")
        told = watch.told("disk")
        assert told.startswith("its disk is full: replication waits there for space; make room")
        once = watch.operator.ask("watch", "--once")
        assert once.code == 4, once
        assert "its disk is full" in once.out
        tree = watch.operator.ask("status").out
        assert "its disk is full" in tree
        with replica.sql() as session:
            assert answering(session).is_full
            if kind == "MariaDB":
                with pytest.raises(FullError, match="replication waits there for space"):
                    replication.channel(session)
        assert waiting(replica) <= 1, "one may have been asked at the very moment"
