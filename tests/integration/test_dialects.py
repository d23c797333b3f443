"""Every statement of the table, on real servers: it runs with the privilege that the table names, and not without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from integration.trees import ANY_TLS, FIVE, Node, Running, settled, tree
from support import wait_until
from understudy.migrate import rows
from understudy.migrate.dialects import Dialect, DialectError, Follow
from understudy.migrate.faults import PrivilegeError, StatementError
from understudy.migrate.logins import Login, OneLogin
from understudy.migrate.mysql import MySql, Session
from understudy.migrate.sqltext import Secret
from understudy.migrate.versions import Version
from understudy.migrate.words import Word

pytestmark = pytest.mark.integration

NOWHERE = Follow("127.0.0.1", 1, "nobody", Secret("nothing's here"), "binlog.000001", 4, tls=False)
ARGUMENTS: dict[Word, tuple[object, ...]] = {
    Word.WAIT_POSITION: ("binlog.000001", 4, 1),
    Word.WAIT_GTID: ("", 1),
    Word.ERROR_LOG: ("2000-01-01",),
    Word.START_UNTIL: ("binlog.000001", 4),
    Word.KEEP_LOGS: (10 * 86_400,),
    Word.KEEP_DAYS: (0,),
    Word.GTID_MODE: ("ON_PERMISSIVE",),  # a step away from 9.7's default
    Word.CREATE_REPLICATOR: ("replicator", "%", Secret("of its own")),
    Word.GRANT_REPLICATION: ("repl", "%"),
    Word.REVOKE_REPLICATION: ("tester", "%"),
    Word.DROP_REPLICATOR: ("replicator", "%"),
    Word.NEXT_GTID: ("AUTOMATIC",),
    Word.KEEP_READ_ONLY: (1,),
}
SCHEMA = (
    Word.DATABASES, Word.TABLE_NAMES, Word.TABLES, Word.COLUMNS, Word.INDEXES, Word.FOREIGN_KEYS, Word.CHECKS,
    Word.VIEWS, Word.ROUTINES, Word.PARAMETERS, Word.TRIGGERS, Word.EVENTS, Word.OWN_TABLES,
)  # fmt: skip
KEPT = {  # without anything to forget nobody is refused
    Word.FORGET_READ_ONLY: "SET PERSIST super_read_only = 0",
    Word.FORGET_LOGS_KEPT: "SET PERSIST binlog_expire_logs_seconds = 2592000",
    Word.FORGET_DAYS: "SET PERSIST expire_logs_days = 7",
    Word.FORGET_GTID_MODE: "SET PERSIST gtid_mode = ON_PERMISSIVE",
    Word.FORGET_SCHEDULER: "SET PERSIST event_scheduler = ON",
}
# without its privilege it shows one's own sessions, or nothing
REFUSED_ALREADY = (Word.PROCESSES, *SCHEMA)


class Account(NamedTuple):
    """An account that was made for one privilege."""

    name: str
    open: Callable[[], Session]


@contextmanager
def account(server: Running, privilege: str) -> Iterator[Session]:
    """A session as somebody who has this privilege and no other."""
    password = Secret("weak but quoted'")
    on = privilege.partition(" ON ")[2] or "*.*"
    with server.sql() as root:
        root.execute("CREATE USER tester@'%%' IDENTIFIED BY %s", password)
        if privilege:
            root.execute(f"GRANT {privilege.partition(' ON ')[0]} ON {on} TO tester@'%'")
        try:
            with MySql(OneLogin(Login("tester", password, ANY_TLS))).open(server.address) as session:
                yield session
        finally:
            root.execute(root.dialect.sql(Word.READ_WRITE))  # the statement may have been the one that forbids it
            root.execute("DROP USER tester@'%'")


def stage(session: Session, word: Word | None = None) -> None:
    """A replica that follows nobody who answers, its threads stopped; with something to forget for who forgets."""
    dialect = session.dialect
    if word in KEPT and dialect.knows(word):
        session.execute(KEPT[word])
    session.execute(dialect.sql(Word.READ_WRITE))
    session.execute(dialect.sql(Word.STOP))
    session.execute(dialect.sql(Word.FORGET))
    session.execute(dialect.repoint(NOWHERE))


def say(server: Running, session: Session, word: Word) -> None:
    dialect = session.dialect
    if word is Word.REPOINT:
        session.execute(dialect.repoint(NOWHERE))
    elif word in (Word.CREATE_REPLICATOR, Word.DROP_REPLICATOR):
        for said in (Word.CREATE_REPLICATOR, Word.DROP_REPLICATOR):
            session.execute(dialect.sql(said), *ARGUMENTS[said])
    else:
        session.rows(dialect.sql(word), *arguments(server, word))


def arguments(server: Running, word: Word) -> tuple[object, ...]:
    """What takes the place of a statement's %s; the names of log files are the server's own."""
    if word is Word.BINLOG_EVENTS:
        return (server.coordinates().file, 4, 1)
    if word is Word.RELAY_EVENTS:
        with server.sql() as root:
            return (root.rows(root.dialect.sql(Word.REPLICA_STATUS))[0]["Relay_Log_File"], 4, 1)
    return ARGUMENTS.get(word, ())


@pytest.mark.parametrize("word", Word)
@pytest.mark.parametrize("image", FIVE)
def test_a_statement_runs_with_its_privilege_and_without_it_the_error_names_what_is_lacking(
    five: dict[str, Running], image: str, word: Word
) -> None:
    server = five[image]
    with server.sql() as root:
        stage(root, word)
        dialect = root.dialect
        if not dialect.knows(word):
            with pytest.raises(DialectError):
                dialect.sql(word)
            return
        try:
            with account(server, dialect.privilege(word)) as session:
                say(server, session, word)
        finally:
            stage(root, word)
        if dialect.privilege(word) and word not in REFUSED_ALREADY:
            with account(server, "") as session, pytest.raises(PrivilegeError) as refused:
                say(server, session, word)
            stage(root)
            assert refused.value.privilege, refused.value


@pytest.mark.parametrize("image", FIVE)
def test_a_server_knows_its_own_version_and_none_of_its_statements_are_another_flavours(
    five: dict[str, Running], image: str
) -> None:
    with five[image].sql() as session:
        assert str(session.version).lower().replace(" ", "-").startswith(image)
        assert session.version.is_mariadb() == image.startswith("mariadb")


@pytest.mark.parametrize("image", FIVE)
def test_what_a_replica_says_of_its_channel_is_read_the_same_on_every_flavour(
    five: dict[str, Running], image: str
) -> None:
    with five[image].sql() as session:
        stage(session)
        channels = rows.channels(session.rows(session.dialect.sql(Word.REPLICA_STATUS)))
        assert [(channel.source, channel.name, channel.receiving, channel.applying) for channel in channels] == [
            ("127.0.0.1:1", "", False, False)
        ]
        assert channels[0].lag_s is None
        assert (channels[0].source_file, channels[0].source_pos) == ("binlog.000001", 4)
        assert not channels[0].auto_position
        session.execute(session.dialect.sql(Word.START))
        failing = wait_until(lambda: _erring(session), 30, "the receiver's error")
        assert failing.error_number in (2002, 2003), failing
        assert "nothing's here" not in repr(failing)
        session.execute(session.dialect.sql(Word.STOP))
        session.execute(session.dialect.sql(Word.FORGET))
        assert rows.channels(session.rows(session.dialect.sql(Word.REPLICA_STATUS))) == ()


def _erring(session: Session) -> Any:
    channels = rows.channels(session.rows(session.dialect.sql(Word.REPLICA_STATUS)))
    return channels[0] if channels[0].error_number else None


@pytest.mark.parametrize("image", ["mysql-9.7", "mariadb-10.5", "mariadb-11.8"])
def test_a_named_channel_is_made_stopped_and_forgotten_and_the_default_one_stays(
    five: dict[str, Running], image: str
) -> None:
    name = "it's `ours`"
    with five[image].sql() as session:
        stage(session)
        dialect = session.dialect
        named = Follow("127.0.0.1", 2, "nobody", Secret("x"), "binlog.000001", 4, tls=False, channel=name)
        session.execute(dialect.repoint(named))
        assert {channel.name for channel in _channels(session)} == {"", name}
        for word in (Word.START, Word.STOP_APPLIER, Word.START_APPLIER, Word.STOP_RECEIVER, Word.STOP, Word.FORGET):
            session.execute(dialect.sql(word, name))
        assert {channel.name for channel in _channels(session)} == {""}


def _channels(session: Session) -> tuple[Any, ...]:
    return rows.channels(session.rows(session.dialect.sql(Word.REPLICA_STATUS)))


@pytest.mark.parametrize("image", FIVE)
def test_what_is_written_unlogged_leaves_the_binary_log_as_it_was(five: dict[str, Running], image: str) -> None:
    server = five[image]
    with server.sql() as session:
        stage(session)
        before = server.coordinates()
        with session.unlogged():
            session.execute("CREATE DATABASE bookkeeping")
        assert server.coordinates() == before
        session.execute("DROP DATABASE bookkeeping")
        assert server.coordinates() != before, "and afterwards the session logs again"


def test_waits_tell_reached_from_late_and_from_nobody_applying() -> None:
    with tree(Node("a", "mysql-9.7"), Node("b", "mysql-9.7", "a"), Node("c", "mariadb-11.8")) as servers:
        at = servers["a"].coordinates()
        with servers["b"].sql() as replica, servers["c"].sql() as alone:
            wait = replica.dialect.sql(Word.WAIT_POSITION)
            assert replica.value(wait, at.file, at.position, 20) >= 0
            assert replica.value(wait, at.file, at.position + 10_000, 1) == -1
            assert alone.value(alone.dialect.sql(Word.WAIT_POSITION), at.file, at.position, 1) is None
            executed = str(replica.value(replica.dialect.sql(Word.GTID_EXECUTED)))
            assert replica.value(replica.dialect.sql(Word.WAIT_GTID), executed, 20) == 0


def test_a_gtid_tree_of_mysql_is_repointed_by_auto_position() -> None:
    gtid = ("--gtid-mode=ON", "--enforce-gtid-consistency=ON")
    with tree(Node("a", "mysql-9.7", options=gtid), Node("b", "mysql-9.7", options=gtid)) as servers:
        with servers["b"].sql() as session:
            session.execute(
                session.dialect.repoint(
                    Follow(servers["a"].host, 3306, "repl", Secret("repl's password"), tls=True, public_key=False)
                )
            )
            session.execute(session.dialect.sql(Word.START))
        settled(servers["b"])
        channel = servers["b"].channels()[0]
        assert channel.auto_position
        assert channel.uses_tls


def test_a_mariadb_replica_follows_by_gtid_and_says_so() -> None:
    with tree(Node("a", "mariadb-10.11"), Node("b", "mariadb-11.8")) as servers:
        with servers["b"].sql() as session:
            session.execute(
                session.dialect.repoint(Follow(servers["a"].host, 3306, "repl", Secret("repl's password"), tls=False))
            )
            session.execute(session.dialect.sql(Word.START))
        settled(servers["b"])
        assert servers["b"].channels()[0].auto_position


def test_the_removed_forms_are_indeed_errors_on_9_7(five: dict[str, Running]) -> None:
    old = Dialect(Version.parse("8.0.21"))
    with five["mysql-9.7"].sql() as session:
        for word in (Word.REPLICA_STATUS, Word.COORDINATES, Word.CHILDREN, Word.START, Word.RESET_LOGS):
            with pytest.raises(StatementError) as error:
                session.rows(old.sql(word))
            assert error.value.number == 1064


def test_a_replica_is_followed_through_a_chain_with_a_write_that_arrives_everywhere(
    mysql_tree: dict[str, Running], mariadb_tree: dict[str, Running]
) -> None:
    for servers in (mysql_tree, mariadb_tree):
        source, *replicas = servers.values()
        with source.sql() as session:
            session.execute("CREATE DATABASE IF NOT EXISTS `it's``quoted`")
        for replica in replicas:
            wait_until(lambda replica=replica: _has(replica, "it's`quoted"), 30, f"{replica.node.name} has it")


def _has(server: Running, database: str) -> bool:
    with server.sql() as session:
        return bool(session.rows("SHOW DATABASES WHERE `Database` = %s", database))
