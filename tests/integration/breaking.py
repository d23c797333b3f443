"""Breaking replication on purpose, on real servers: each fault planted as it happens in life."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from integration.trees import NEW, OLD, REPLICATION, ROOT, Node, Running, settled, tree
from support import wait_until
from understudy.migrate import rows
from understudy.migrate.dialects import Follow
from understudy.migrate.logins import OneLogin
from understudy.migrate.mysql import MySql
from understudy.migrate.watch import collect
from understudy.migrate.watch.channels import Channel
from understudy.migrate.watch.explain import Explanation, explain
from understudy.migrate.watch.fault import failing
from understudy.migrate.words import Word

SERVERS = MySql(OneLogin(ROOT))


def run(server: Running, *statements: str) -> None:
    """Statements as root, in one session."""
    with server.sql() as session:
        for statement in statements:
            session.execute(statement)


def run_behind(replica: Running, *statements: str) -> None:
    """Statements on a replica that replication knows nothing of: unlogged, read_only lifted meanwhile."""
    with replica.sql() as session:
        session.execute(session.dialect.sql(Word.READ_WRITE))
        with session.unlogged():
            for statement in statements:
                session.execute(statement)
        session.execute(session.dialect.sql(Word.READ_ONLY))


def channel(replica: Running) -> Channel:
    """How its only channel stands."""
    with replica.sql() as session:
        return collect.channels_of(session)[0]


def is_broken(channel: Channel) -> bool:
    """Whether it failed and is at rest: an applier's error is told while it still stops, and others may follow."""
    return failing(channel) is not None and not (channel.applier_error.number and channel.applying)


def broken(replica: Running) -> Explanation:
    """What is told of its break, once it is broken."""
    wait_until(lambda: is_broken(channel(replica)), 30, f"{replica.node.name} is broken")
    with replica.sql() as session:
        return explain(collect.faults(SERVERS, session, collect.channels_of(session))[0])


def caught_up(source: Running, replica: Running) -> None:
    """Wait until it has applied all that the source has."""
    at = source.coordinates()

    def has() -> bool:
        now = channel(replica)
        assert not failing(now), now
        return (now.done.file, now.done.position) == (at.file, at.position)

    wait_until(has, 30, f"{replica.node.name} has caught up")


def counted(server: Running, sql: str) -> int:
    """A number, asked for as root."""
    with server.sql() as session:
        return rows.number(session.value(sql))


@contextmanager
def changed(replica: Running, **options: object) -> Iterator[None]:
    """Its channel with other options of CHANGE … TO (without SOURCE_ or MASTER_), started, and as it was afterwards."""
    with replica.sql() as session:
        word = "SOURCE" if session.version.is_mysql(8, 0, 23) else "MASTER"
        statement = "CHANGE REPLICATION SOURCE TO" if word == "SOURCE" else "CHANGE MASTER TO"
        at = channel(replica).done
        session.execute(session.dialect.sql(Word.STOP))
        names = ", ".join(f"{word}_{name} = %s" for name in options)
        session.execute(f"{statement} {names}", *options.values())
        session.execute(session.dialect.sql(Word.START))
        yield
        session.execute(session.dialect.sql(Word.STOP))
        host = channel(replica).source.rpartition(":")[0]
        user, password = REPLICATION
        wanted = Follow(host, 3306, user, password, at.file, at.position, tls=False, public_key=True)
        session.execute(session.dialect.repoint(wanted))
        session.execute(session.dialect.sql(Word.START))
    settled(replica)


def follow_by_gtid(replica: Running, source: Running, *, tls: bool) -> None:
    """Have a replica follow by GTID; MariaDB's begins where the source's log ends."""
    user, password = REPLICATION
    with replica.sql() as session, source.sql() as above:
        if session.version.is_mariadb():
            session.execute("SET GLOBAL gtid_slave_pos = %s", above.value("SELECT @@GLOBAL.gtid_binlog_pos"))
        session.execute(session.dialect.repoint(Follow(source.host, 3306, user, password, tls=tls)))
        session.execute(session.dialect.sql(Word.START))
        settled(replica)
        session.execute(session.dialect.sql(Word.READ_ONLY))


class Pair(NamedTuple):
    """A source and the replica that a test breaks."""

    source: Running
    replica: Running


@pytest.fixture(scope="session")
def pairs() -> Iterator[dict[str, Pair]]:
    """5.6 -> 9.7 and 10.5 -> 11.8 by position, 9.7 -> 9.7 and 10.5 -> 11.8 by GTID; each has a table b.t."""
    gtid = ("--gtid-mode=ON", "--enforce-gtid-consistency=ON")
    with tree(
        Node("old", "mysql-5.6", options=OLD),
        Node("new", "mysql-9.7", "old", NEW),
        Node(
            "leaf", "mysql-9.7", "new", (*NEW, "--replica-skip-errors=all")
        ),  # what breaks the new one is not its matter
        Node("gtid-source", "mysql-9.7", options=gtid),
        Node("gtid-replica", "mysql-9.7", options=gtid),
        Node("maria-old", "mariadb-10.5", options=OLD),
        Node("maria-new", "mariadb-11.8", "maria-old", OLD),
        Node("maria-gtid", "mariadb-11.8", options=OLD),
    ) as servers:
        follow_by_gtid(servers["gtid-replica"], servers["gtid-source"], tls=True)
        follow_by_gtid(servers["maria-gtid"], servers["maria-old"], tls=False)
        found = {
            "5.6 to 9.7": Pair(servers["old"], servers["new"]),
            "9.7 by GTID": Pair(servers["gtid-source"], servers["gtid-replica"]),
            "MariaDB by position": Pair(servers["maria-old"], servers["maria-new"]),
            "MariaDB by GTID": Pair(servers["maria-old"], servers["maria-gtid"]),
            "9.7 to its leaf": Pair(servers["new"], servers["leaf"]),
        }
        for source in ("old", "gtid-source", "maria-old"):
            create = "CREATE TABLE b.t (id INT PRIMARY KEY, v VARCHAR(100)) ENGINE=InnoDB"
            run(servers[source], "CREATE DATABASE b", create)
        for pair in found.values():
            caught_up(*pair)
        yield found
