"""A source and its replica in containers, with the same data, and a toolbox on their network.

The source fills itself and is stopped; its data directory is copied for the replica; both start, and replicate by
position. That takes half as long as filling both, and nothing of it is in the binary log.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import dataset
from dataset import DATABASE, Table
from docker.types import Mount
from processes import BenchError, wait_for
from testcontainers.core.network import Network

from containers import running
from integration import trees
from integration.trees import Node, Running

DATA = "/data"
TOOLS = "percona-toolkit-3.2"
BYTES_A_ROW = 500  # 5 million rows take 1.9 GiB with their indexes
FILLING_AT_ONCE = 2
STOPS_WITHIN_S = 120


class Pair:
    """A source and a replica of it; `tools` is a container beside them."""

    def __init__(self, source: Running, replica: Running, tools: Running, tables: list[Table]) -> None:
        self.source, self.replica, self.tools, self.tables = source, replica, tools, tables

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(table.rows for table in self.tables)

    def servers_cpu_s(self) -> float:
        """CPU time that both servers have used since they started."""
        return _cpu_s(self.source) + _cpu_s(self.replica)

    def cpu_s(self) -> float:
        """CPU time of all containers."""
        return self.servers_cpu_s() + _cpu_s(self.tools)

    def version(self) -> str:
        """The servers' version."""
        with self.source.sql() as session:
            return str(session.version)

    def settle(self) -> None:
        """Wait until the replica has applied all that the source has written."""
        wanted = self.source.coordinates()

        def reached() -> bool:
            (channel,) = self.replica.channels()
            if channel.error:
                raise BenchError(f"the replica stopped: {channel.error}")
            return (channel.source_file, channel.source_pos) >= (wanted.file, wanted.position)

        wait_for(reached, "the replica has caught up", 120)

    def forget_checksums(self) -> None:
        """Drop what pt-table-checksum keeps in the servers."""
        with self.source.sql() as session:
            session.execute("DROP DATABASE IF EXISTS percona")
        self.settle()

    @contextmanager
    def planted(self, table: str = "sbtest3") -> Iterator[int]:
        """One byte of one row is another on the replica: the row's id."""
        middle = next(known.rows for known in self.tables if known.name == table) // 2 + 1
        self._overwrite(table, middle, "CONCAT('x', SUBSTR(pad, 2))")
        try:
            yield middle
        finally:
            self._overwrite(table, middle, dataset.NARROW["pad"][1].format(id=middle))

    def _overwrite(self, table: str, row: int, value: str) -> None:
        with self.replica.sql() as session, session.unlogged():
            session.execute(f"UPDATE {DATABASE}.{table} SET pad = {value} WHERE id = {row}")


@contextmanager
def started(image: str, rows: int) -> Iterator[Pair]:
    """The pair, filled, replicating, both with all data in memory."""
    tables = dataset.tables(rows)
    memory = max(256, rows * BYTES_A_ROW // 2**20)
    options = (
        *trees.OLD, f"--innodb-buffer-pool-size={memory}M", "--innodb-log-file-size=512M", "--innodb-doublewrite=0",
        "--sync-binlog=0",
    )  # fmt: skip
    with ExitStack() as stack:
        net = stack.enter_context(trees.network())
        anonymous = [Mount(DATA, None)]
        keeper = stack.enter_context(running(image, entrypoint=["sleep", "infinity"], mounts=anonymous))

        def server(name: str, number: int) -> Running:
            own = (f"--server-id={number}", f"--datadir={DATA}/{name}", *options)
            made = running(image, *own, network=net, alias=name, port=3306, volumes_from=[keeper.container.id])
            return Running(Node(name, image, options=own), stack.enter_context(made), number)

        keeper.run("cp", "-a", "/var/lib/mysql", f"{DATA}/source")
        source = server("source", 1)
        trees.prepare(source)
        fill(source, tables)
        source.service.container.stop(timeout=STOPS_WITHIN_S)
        keeper.run("cp", "-a", f"{DATA}/source", f"{DATA}/replica")
        keeper.run("rm", "-f", f"{DATA}/replica/auto.cnf")
        source.service.container.start()
        replica = server("replica", 2)
        _follow(source, replica)
        yield Pair(source, replica, _toolbox(stack, net), tables)


def _follow(source: Running, replica: Running) -> None:
    wait_for(lambda: _answers(source) and _answers(replica), "both servers answer", 60)
    trees.follow(replica, source)
    trees.settled(replica)
    trees.read_only(replica)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(_warm, (source, replica)))


def _answers(server: Running) -> bool:
    if session := trees.answering(server):
        session.close()
    return session is not None


def _toolbox(stack: ExitStack, net: Network) -> Running:
    node = Node("tools", TOOLS)
    return Running(node, stack.enter_context(running(TOOLS, network=net, alias="tools")), 0)


def fill(server: Running, tables: list[Table]) -> None:
    """Make the tables and have the server fill them, out of its binary log."""
    begun = time.monotonic()
    with server.sql() as session:
        session.execute(f"CREATE DATABASE {DATABASE} DEFAULT CHARACTER SET utf8mb4")
    with ThreadPoolExecutor(FILLING_AT_ONCE, "fill") as pool:
        list(pool.map(lambda table: _fill(server, table), tables))
    print(f"{sum(table.rows for table in tables):,} rows after {time.monotonic() - begun:.0f} s", file=sys.stderr)


def _fill(server: Running, table: Table) -> None:
    with server.sql() as session, session.unlogged(), session.patient(600):
        session.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")  # no lock on each row that is read
        session.execute(f"USE {DATABASE}")
        for statement in dataset.filling(table):
            session.execute(statement)


def _warm(server: Running) -> None:
    with server.sql() as session, session.patient(600):
        for table in session.rows(f"SHOW TABLES FROM {DATABASE}"):
            (name,) = table.values()
            session.value(f"SELECT SUM(id % 2) FROM {DATABASE}.{name} FORCE INDEX (PRIMARY)")


def _cpu_s(server: Running) -> float:
    """CPU time of a container, with what is run in it."""
    container = server.service.container
    told = container.client.api.stats(container.id, stream=False, one_shot=True)
    return int(told["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9
