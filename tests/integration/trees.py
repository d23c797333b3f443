"""Replication trees of real servers in containers, started together in a few seconds.

    with tree(Node("source", "mysql-5.6"), Node("replica", "mysql-9.7", under="source")) as servers:
        servers["source"].sql().rows("SHOW BINARY LOGS")

A server is reached under its address on the Docker network, which a Linux host can reach as its replicas do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from docker.errors import APIError
from docker.types import Mount
from testcontainers.core.network import Network

from containers import ROOT_PASSWORD, Service, database, network
from support import wait_until
from understudy.config import Tls
from understudy.migrate import rows
from understudy.migrate.dialects import Follow
from understudy.migrate.facts import Channel
from understudy.migrate.faults import ServerError
from understudy.migrate.logins import Login, OneLogin
from understudy.migrate.mysql import MySql, Session
from understudy.migrate.sqltext import Secret
from understudy.migrate.versions import Version
from understudy.migrate.words import Word

FIVE = ("mysql-5.6", "mysql-9.7", "mariadb-10.5", "mariadb-10.11", "mariadb-11.8")
ANY_TLS = Tls(verify="none", minimum="1.0")
ROOT = Login("root", Secret(ROOT_PASSWORD), ANY_TLS, connect_s=15.0, read_s=60.0)
REPLICATION = ("repl", Secret("repl's password"))
OLD = ("--log-slave-updates",)
NEW = ("--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")
STARTS_WITHIN_S = 180  # a vendor's image makes its data directory first


class Node(NamedTuple):
    """A server that is wanted: its name on the network, its image, whom it follows, further options of mysqld."""

    name: str
    image: str
    under: str = ""
    options: tuple[str, ...] = ()
    volumes: Mapping[Path, str] = {}
    server_id: int = 0
    disks: Mapping[str, int] = {}  # in memory, by where they are mounted, with their bytes


class Running(NamedTuple):
    """A server that runs."""

    node: Node
    service: Service
    server_id: int

    @property
    def host(self) -> str:
        """Its IP address on the network."""
        self.service.container.reload()
        networks: dict[str, Any] = self.service.container.attrs["NetworkSettings"]["Networks"]
        return str(next(iter(networks.values()))["IPAddress"])

    @property
    def address(self) -> str:
        """Its IP address and port."""
        return f"{self.host}:3306"

    def sql(self) -> Session:
        """A session as root."""
        return MySql(OneLogin(ROOT)).open(self.address)

    @property
    def version(self) -> Version:
        """What it says it is, for its image may be another than the name says."""
        with self.sql() as session:
            return session.version

    def channels(self) -> tuple[Channel, ...]:
        """Whom it follows, and how it stands."""
        with self.sql() as session:
            return rows.channels(session.rows(session.dialect.sql(Word.REPLICA_STATUS)))

    def coordinates(self) -> rows.Coordinates:
        """Where its own binary log ends."""
        with self.sql() as session:
            return rows.coordinates(session.rows(session.dialect.sql(Word.COORDINATES)))


@contextmanager
def tree(*nodes: Node) -> Iterator[dict[str, Running]]:
    """The servers by name, replicating, replicas read-only; sources are to be named before their replicas."""
    with ExitStack() as stack:
        net = stack.enter_context(network())
        servers = started(stack, net, *nodes)
        for node in nodes:
            if node.under:
                follow(servers[node.name], servers[node.under])
        for node in nodes:
            if node.under:
                settled(servers[node.name])
                read_only(servers[node.name])
                fed(servers[node.under], servers[node.name])
        yield servers


def started(stack: ExitStack, net: Network, *nodes: Node) -> dict[str, Running]:
    """The servers, each answering, with an account for replicas; nobody follows anybody yet."""

    def start(numbered: tuple[int, Node]) -> Running:
        number, node = numbered
        server_id = node.server_id or 100 + number
        options = (f"--server-id={server_id}", *node.options)
        disks = [Mount(path, None, type="tmpfs", tmpfs_size=size) for path, size in node.disks.items()]
        made = database(node.image, net, node.name, *options, volumes=dict(node.volumes), mounts=disks)
        server = Running(node, stack.enter_context(made), server_id)
        prepare(server)
        return server

    with ThreadPoolExecutor(8) as pool:
        return {server.node.name: server for server in pool.map(start, enumerate(nodes, 1))}


def prepare(server: Running) -> None:
    """Wait until it answers; then an account for replicas, which is not replicated itself."""
    user, password = REPLICATION
    try:
        opened = wait_until(lambda: answering(server), STARTS_WITHIN_S)
    except AssertionError as error:
        raise AssertionError(f"{server.node.name} does not answer:\n{server.service.log()[-3000:]}") from error
    with opened as session, session.unlogged():
        session.execute(f"CREATE USER {user}@'%%' IDENTIFIED BY %s", password)
        session.execute(f"GRANT REPLICATION SLAVE ON *.* TO {user}@'%'")


def answering(server: Running) -> Session | None:
    """A session as root, once the server answers."""
    try:
        return server.sql()
    except ServerError:
        return None


def follow(replica: Running, source: Running, channel: str = "", host: str = "") -> None:
    """Have a replica follow a source from where its log ends now, in plaintext."""
    at = source.coordinates()
    user, password = REPLICATION
    wanted = Follow(
        host or source.host, 3306, user, password, at.file, at.position, tls=False, public_key=True, channel=channel
    )
    with replica.sql() as session:
        session.execute(session.dialect.repoint(wanted))
        session.execute(session.dialect.sql(Word.START, channel))


def break_replication(source: Running, replica: Running) -> None:
    """Write a row to the replica that the source writes as well: its applier stops with error 1062.

    Whoever leaves that row out need not start the applier before: all that comes earlier counts as applied.
    """
    with source.sql() as session, replica.sql() as there:
        session.execute("CREATE DATABASE broken")
        session.execute("CREATE TABLE broken.t (id INT PRIMARY KEY) ENGINE=InnoDB")
        wait_until(lambda: there.rows("SHOW TABLES FROM broken") if _has(there) else None, 20, "the table arrives")
        at = source.coordinates()
        wait_until(lambda: _applied(replica) == (at.file, at.position), 20, "the table counts as applied")
        there.execute(there.dialect.sql(Word.READ_WRITE))
        with there.unlogged():
            there.execute("INSERT INTO broken.t VALUES (1)")
        there.execute(there.dialect.sql(Word.READ_ONLY))
        session.execute("INSERT INTO broken.t VALUES (1)")
    wait_until(lambda: _has_failed(replica), 20, "the applier's error")


def _applied(replica: Running) -> tuple[str, int]:
    channel = replica.channels()[0]
    return channel.source_file, channel.source_pos


def _has_failed(replica: Running) -> bool:
    """The applier's error is told while it still stops, and before the worker's own is."""
    channel = replica.channels()[0]
    return bool(channel.error) and not channel.applying


def _has(session: Session) -> bool:
    return bool(session.rows("SHOW DATABASES LIKE 'broken'"))


def read_only(server: Running) -> None:
    """Make it refuse writes but those of replication, as a replica should."""
    with server.sql() as session:
        session.execute(session.dialect.sql(Word.READ_ONLY))


def settled(replica: Running) -> None:
    """Wait until it replicates over all its channels, and knows whom it follows.

    A server says that it receives from the moment it is connected, and asks who its source is only then.
    """
    has_uuids = not replica.node.image.startswith("mariadb")

    def replicates() -> bool:
        channels = replica.channels()
        assert not any(channel.error for channel in channels if not channel.receiving), channels
        return bool(channels) and all(
            channel.receiving and channel.applying and channel.source_id and (channel.source_uuid or not has_uuids)
            for channel in channels
        )

    wait_until(replicates, 30, f"{replica.node.name} replicates")


def fed(source: Running, replica: Running) -> None:
    """Wait until a source lists a replica and sends to it, which is how those who look down from there find it.

    The replica registers, and then asks for the log, when it has said for a while that it receives.
    """

    def feeds() -> bool:
        with source.sql() as session:
            listed = rows.children(session.rows(session.dialect.sql(Word.CHILDREN)))
            hosts = rows.dump_hosts(session.rows(session.dialect.sql(Word.PROCESSES)))
        return replica.host in hosts and any(child.server_id == replica.server_id for child in listed)

    wait_until(feeds, 30, f"{source.node.name} feeds {replica.node.name}")


@contextmanager
def paused(server: Running) -> Iterator[None]:
    """As if its machine hung."""

    def is_paused() -> bool:
        with suppress(APIError):  # "unable to freeze": a busy container may take more than one try
            server.service.container.pause()
        return bool(server.service.state()["Status"] == "paused")

    wait_until(is_paused, 30, f"{server.node.name} hangs")
    try:
        yield
    finally:
        server.service.container.unpause()


@pytest.fixture(scope="session")
def mysql_tree() -> Iterator[dict[str, Running]]:
    """5.6 with two replicas, under the second of them 9.7, under that 9.7 again."""
    with tree(
        Node("old-source", "mysql-5.6", options=OLD),
        Node("old-replica-1", "mysql-5.6", "old-source", OLD),
        Node("old-replica-2", "mysql-5.6", "old-source", OLD),
        Node("new-source", "mysql-9.7", "old-replica-2", NEW),
        Node("new-replica-1", "mysql-9.7", "new-source", NEW),
    ) as servers:
        yield servers


@pytest.fixture(scope="session")
def mariadb_tree() -> Iterator[dict[str, Running]]:
    """10.5, under it 10.11, under that 11.8."""
    with tree(
        Node("maria-source", "mariadb-10.5", options=OLD),
        Node("maria-middle", "mariadb-10.11", "maria-source", OLD),
        Node("maria-leaf", "mariadb-11.8", "maria-middle", OLD),
    ) as servers:
        yield servers


@pytest.fixture(scope="session")
def five() -> Iterator[dict[str, Running]]:
    """A server of each kind, by image, none following another."""
    with ExitStack() as stack:
        net = stack.enter_context(network())
        yield started(stack, net, *(Node(image, image) for image in FIVE))
