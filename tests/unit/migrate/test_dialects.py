"""What each version calls things, as a table; what runs is in tests/integration/test_dialects.py."""

from __future__ import annotations

import pytest

from understudy.migrate.dialects import Dialect, DialectError, Follow
from understudy.migrate.grants import USES, privileges, statements
from understudy.migrate.sqltext import Secret
from understudy.migrate.versions import Version
from understudy.migrate.words import TABLE, Word


def dialect(version: str) -> Dialect:
    return Dialect(Version.parse(version))


@pytest.mark.parametrize(
    ("version", "word", "sql"),
    [
        ("5.6.24", Word.REPLICA_STATUS, "SHOW SLAVE STATUS"),
        ("8.0.21", Word.REPLICA_STATUS, "SHOW SLAVE STATUS"),
        ("8.0.22", Word.REPLICA_STATUS, "SHOW REPLICA STATUS"),
        ("9.7.4", Word.REPLICA_STATUS, "SHOW REPLICA STATUS"),
        ("10.4.34-MariaDB", Word.REPLICA_STATUS, "SHOW ALL SLAVES STATUS"),
        ("11.8.6-MariaDB", Word.REPLICA_STATUS, "SHOW ALL REPLICAS STATUS"),
        ("8.0.36", Word.COORDINATES, "SHOW MASTER STATUS"),
        ("8.4.0", Word.COORDINATES, "SHOW BINARY LOG STATUS"),
        ("10.5.23-MariaDB", Word.COORDINATES, "SHOW BINLOG STATUS"),
        ("8.0.21", Word.CHILDREN, "SHOW SLAVE HOSTS"),
        ("8.0.22", Word.CHILDREN, "SHOW REPLICAS"),
        ("11.8.6-MariaDB", Word.CHILDREN, "SHOW REPLICA HOSTS"),
        ("8.1.0", Word.RESET_LOGS, "RESET MASTER"),
        ("8.4.0", Word.RESET_LOGS, "RESET BINARY LOGS AND GTIDS"),
        ("11.8.6-MariaDB", Word.RESET_LOGS, "RESET MASTER"),
        ("8.0.25", Word.WAIT_POSITION, "SELECT MASTER_POS_WAIT(%s, %s, %s)"),
        ("8.0.26", Word.WAIT_POSITION, "SELECT SOURCE_POS_WAIT(%s, %s, %s)"),
        ("5.7.5", Word.WAIT_GTID, "SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s)"),
        ("10.5.23-MariaDB", Word.WAIT_GTID, "SELECT MASTER_GTID_WAIT(%s, %s)"),
        ("5.6.24", Word.READ_ONLY, "SET GLOBAL read_only = 1"),
        ("5.7.8", Word.READ_ONLY, "SET GLOBAL super_read_only = 1"),
    ],
)
def test_a_version_has_its_own_words(version: str, word: Word, sql: str) -> None:
    assert dialect(version).sql(word) == sql


@pytest.mark.parametrize(
    ("version", "word"),
    [
        ("5.6.24", Word.WAIT_GTID),
        ("5.6.24", Word.ERROR_LOG),
        ("11.8.6-MariaDB", Word.ERROR_LOG),
        ("8.0.21", Word.ERROR_LOG),
    ],
)
def test_what_a_version_can_not_say_is_an_error_that_names_both(version: str, word: Word) -> None:
    assert not dialect(version).knows(word)
    with pytest.raises(DialectError, match=word.value.replace("_", " ")):
        dialect(version).sql(word)


@pytest.mark.parametrize(
    ("version", "sql"),
    [
        ("5.7.44", "STOP SLAVE FOR CHANNEL 'it''s'"),
        ("9.7.4", "STOP REPLICA FOR CHANNEL 'it''s'"),
        ("10.5.23-MariaDB", "STOP REPLICA 'it''s'"),
    ],
)
def test_a_channel_is_named_where_the_flavour_wants_it(version: str, sql: str) -> None:
    assert dialect(version).sql(Word.STOP, "it's") == sql


def test_a_version_without_channels_takes_none() -> None:
    with pytest.raises(DialectError, match="no replication channels"):
        dialect("5.6.24").sql(Word.STOP, "other")


@pytest.mark.parametrize(
    ("version", "follow", "sql"),
    [
        (
            "5.6.24",
            Follow("db", 3307, "repl", Secret("hush"), "b.000001", 4),
            "CHANGE MASTER TO MASTER_HOST = 'db', MASTER_PORT = 3307, MASTER_USER = 'repl', MASTER_PASSWORD = '…', "
            "MASTER_LOG_FILE = 'b.000001', MASTER_LOG_POS = 4, MASTER_AUTO_POSITION = 0",
        ),
        (
            "9.7.4",
            Follow("db", 3306, "repl", Secret("hush"), tls=False, public_key=True),
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST = 'db', SOURCE_PORT = 3306, SOURCE_USER = 'repl', "
            "SOURCE_PASSWORD = '…', SOURCE_AUTO_POSITION = 1, SOURCE_SSL = 0, SOURCE_SSL_VERIFY_SERVER_CERT = 0, "
            "GET_SOURCE_PUBLIC_KEY = 1",
        ),
        (
            "11.8.6-MariaDB",
            Follow(
                "db", 3306, "repl", Secret("hush"), "b.000001", 4, tls=True, tls_ca="/ca.pem", verify=True, channel="x"
            ),
            "CHANGE MASTER 'x' TO MASTER_HOST = 'db', MASTER_PORT = 3306, MASTER_USER = 'repl', MASTER_PASSWORD = '…', "
            "MASTER_LOG_FILE = 'b.000001', MASTER_LOG_POS = 4, MASTER_USE_GTID = no, MASTER_SSL = 1, "
            "MASTER_SSL_VERIFY_SERVER_CERT = 1, MASTER_SSL_CA = '/ca.pem'",
        ),
        (
            "10.5.23-MariaDB",
            Follow("db", 3306, "repl", Secret("hush")),
            "CHANGE MASTER TO MASTER_HOST = 'db', MASTER_PORT = 3306, MASTER_USER = 'repl', MASTER_PASSWORD = '…', "
            "MASTER_USE_GTID = slave_pos",
        ),
    ],
)
def test_repointing_says_all_that_matters_and_shows_no_password(version: str, follow: Follow, sql: str) -> None:
    statement = dialect(version).repoint(follow)
    assert statement.shown() == sql
    assert "hush" not in repr(statement) + repr(follow)


def test_each_row_is_the_only_one_of_its_word_flavour_and_version() -> None:
    keys = [(row.word, row.flavour, row.since) for row in TABLE]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("5.6.24", {"*.*": ["PROCESS", "REPLICATION CLIENT", "REPLICATION SLAVE"]}),
        ("10.5.23-MariaDB", {"*.*": ["BINLOG MONITOR", "PROCESS", "REPLICATION MASTER ADMIN", "SLAVE MONITOR"]}),
    ],
)
def test_the_least_privileges_follow_from_the_words(version: str, expected: dict[str, list[str]]) -> None:
    assert privileges(Version.parse(version), ["status"]) == expected


def test_grants_are_kept_out_of_the_binary_log_and_hold_a_strange_name() -> None:
    first, create, *grants, last = statements(Version.parse("9.7.4"), USES, "o'neil", "10.%")
    assert (first, last) == ("SET SESSION sql_log_bin = 0", "SET SESSION sql_log_bin = 1")
    assert create == "CREATE USER 'o''neil'@'10.%' IDENTIFIED BY '<password>'"
    assert all(grant.endswith(" TO 'o''neil'@'10.%'") for grant in grants)
