"""Known errors as a table: what an error of these servers is, and what is said of it."""

from __future__ import annotations

import pytest

from understudy.migrate.rows import Coordinates
from understudy.migrate.versions import Version
from understudy.migrate.watch import explain
from understudy.migrate.watch.case import Remedy, Thread
from understudy.migrate.watch.channels import Channel
from understudy.migrate.watch.events import Transaction
from understudy.migrate.watch.fault import Fault

OLD, NEW, MARIA = Version.parse("5.6.24"), Version.parse("9.7.4"), Version.parse("11.8.3-MariaDB")
A, R = Thread.APPLIER, Thread.RECEIVER


def fault(
    thread: Thread, number: int, text: str, statement: str = "", version: Version = NEW, source: Version = OLD
) -> Fault:
    transaction = Transaction(statements=(statement,), start_pos=4) if statement else None
    return Fault("new:3306", version, Channel("old:3306"), thread, number, text, "old:3306", source, transaction)


@pytest.mark.parametrize(
    ("thread", "number", "text", "case", "remedy"),
    [
        (A, 1064, "Error 'syntax' on query. Query: 'GRANT SELECT ON b.* TO a@b IDENTIFIED BY …'",
         "grant-identified-by", Remedy.SKIP),
        (A, 1064, "Query: 'CREATE USER a@b IDENTIFIED BY PASSWORD …'", "identified-by-password", Remedy.SKIP),
        (A, 1064, "Query: 'INSERT INTO t SELECT PASSWORD(…)'", "password-function", Remedy.SKIP_COSTS),
        (A, 1305, "FUNCTION b.ENCODE does not exist. Query: 'INSERT INTO t SELECT ENCODE (…)'",
         "removed-function", Remedy.SKIP_COSTS),
        (A, 1064, "Query: 'SELECT SQL_CACHE 1'", "query-cache", Remedy.SKIP_COSTS),
        (A, 1064, "Query: 'INSERT INTO t SELECT a FROM u GROUP BY a DESC'", "group-by-direction", Remedy.SKIP_COSTS),
        (A, 1064, "Query: 'CREATE TABLE rank (a INT)'", "syntax", Remedy.SKIP_COSTS),
        (A, 1178, "The storage engine for the table doesn't support native partitioning", "partitioning", Remedy.MEND),
        (A, 1231, "Variable 'sql_mode' can't be set to the value of 'NO_AUTO_CREATE_USER'", "sql-mode", Remedy.MEND),
        (A, 1231, "Variable 'time_zone' can't be set", "variable", Remedy.MEND),
        (A, 22, "Character set '#255' is not a compiled character set", "collation", Remedy.MEND),
        (A, 1273, "Unknown collation: 'utf8mb4_0900_ai_ci'", "collation", Remedy.MEND),
        (A, 1062, "Duplicate entry '1' for key 't.PRIMARY'", "duplicate-key", Remedy.SKIP_COSTS),
        (A, 1032, "Can't find record in 'u'", "row-missing", Remedy.SKIP_COSTS),
        (A, 1452, "a foreign key constraint fails", "foreign-key", Remedy.SKIP_COSTS),
        (A, 1146, "Table 'b.t' doesn't exist", "missing", Remedy.MEND),
        (A, 1305, "PROCEDURE b.p does not exist", "missing", Remedy.MEND),
        (A, 1054, "Unknown column 'x'", "missing", Remedy.MEND),
        (A, 1050, "Table 't' already exists", "exists-already", Remedy.SKIP_COSTS),
        (A, 1051, "Unknown table 'b.t'", "gone-already", Remedy.SKIP),
        (A, 1091, "Can't DROP 'k'; check that column/key exists", "gone-already", Remedy.SKIP),
        (A, 1060, "Duplicate column name 'x'", "exists-already", Remedy.SKIP_COSTS),
        (A, 1396, "Operation CREATE USER failed for 'a'@'b'", "account-exists", Remedy.SKIP),
        (A, 1133, "Can't find any matching row in the user table", "account-missing", Remedy.SKIP),
        (A, 1449, "The user specified as a definer ('a'@'b') does not exist", "definer", Remedy.MEND),
        (A, 1418, "This function has none of DETERMINISTIC", "routine", Remedy.MEND),
        (A, 1677, "Column 0 of table 'b.t' cannot be converted from type 'varchar' to type 'int'",
         "type-conversion", Remedy.MEND),
        (A, 13146, "Column 0 of table 'b.t' cannot be converted", "type-conversion", Remedy.MEND),
        (A, 1782, "@@SESSION.GTID_NEXT cannot be set to ANONYMOUS when @@GLOBAL.GTID_MODE = ON.",
         "anonymous", Remedy.MEND),
        (A, 1590, "The incident LOST_EVENTS occured on the source", "incident", Remedy.REBUILD),
        (A, 1950, "would create an out-of-order sequence number", "gtid-order", Remedy.REBUILD),
        (A, 1205, "Lock wait timeout exceeded", "retries", Remedy.MEND),
        (A, 1114, "The table 't' is full", "full", Remedy.MEND),
        (A, 1594, "Relay log read failure: Could not parse relay log event entry", "relay-log", Remedy.MEND),
        (A, 13121, "Relay log read failure: Could not parse relay log event entry", "relay-log", Remedy.MEND),
        (A, 1872, "Replica failed to initialize applier metadata structure from the repository",
         "relay-info", Remedy.REBUILD),
        (A, 4711, "something new", "unknown", Remedy.MEND),
        (R, 1236, "Could not find first log file name in binary log index file", "log-purged", Remedy.REBUILD),
        (R, 13114, "Cannot replicate because the source purged required binary logs.", "log-purged", Remedy.REBUILD),
        (R, 1236, "Could not find GTID state requested by slave in any binlog files.", "log-purged", Remedy.REBUILD),
        (R, 13114, "Replica has more GTIDs than the source has", "errant", Remedy.REBUILD),
        (R, 1236, "connecting slave requested to start from GTID 0-1-9, which is not in the master's binlog",
         "errant", Remedy.REBUILD),
        (R, 13114, "Client requested master to start replication from position > file size",
         "position-beyond", Remedy.REBUILD),
        (R, 1236, "log event entry exceeded max_allowed_packet; Increase max_allowed_packet on source",
         "packet", Remedy.MEND),
        (R, 13125, "Got a packet bigger than 'replica_max_allowed_packet' bytes", "packet", Remedy.MEND),
        (R, 1236, "A slave with the same server_uuid/server_id as this slave has connected to the master",
         "same-replica", Remedy.MEND),
        (R, 1593, "master and slave have equal MariaDB server ids", "server-id", Remedy.MEND),
        (R, 13117, "source and replica have equal MySQL server ids", "server-id", Remedy.MEND),
        (R, 1593, "master and slave have equal MySQL server UUIDs", "server-uuid", Remedy.MEND),
        (R, 13117, "cannot start because the source has GTID_MODE = OFF and this server has GTID_MODE = ON.",
         "gtid-mode", Remedy.MEND),
        (R, 1045, "Access denied for user 'repl'@'host' (using password: YES)", "login", Remedy.MEND),
        (R, 2061, "Authentication requires secure connection.", "sha2-without-tls", Remedy.MEND),
        (R, 2026, "SSL is required but the server doesn't support it", "no-tls", Remedy.MEND),
        (R, 2026, "certificate verify failed", "tls", Remedy.MEND),
        (R, 2003, "Can't connect to MySQL server", "unreachable", Remedy.WAIT),
        (R, 1040, "Too many connections", "busy", Remedy.WAIT),
        (R, 4711, "something new", "unknown", Remedy.MEND),
    ],
)  # fmt: skip
def test_an_error_is_what_its_number_and_text_say(
    thread: Thread, number: int, text: str, case: str, remedy: Remedy
) -> None:
    said = explain.explain(fault(thread, number, text))
    assert (said.case, said.remedy) == (case, remedy)
    assert said.what
    assert said.cause
    assert said.page
    assert "{" not in said.cause + said.do, "all is filled in"


@pytest.mark.parametrize(
    ("source", "replica", "known"),
    [
        (OLD, NEW, "MySQL 8.0.11 changed this, and MySQL 5.6.24 comes before it"),
        (Version.parse("8.0.36"), NEW, ""),
        (OLD, Version.parse("5.7.44"), ""),
        (Version.parse("10.5.1-MariaDB"), MARIA, ""),
    ],
)
def test_an_error_is_known_where_the_two_versions_are_on_both_sides_of_what_changed(
    source: Version, replica: Version, known: str
) -> None:
    text = "GRANT SELECT ON b.* TO a@b IDENTIFIED BY …"
    assert explain.explain(fault(A, 1064, text, version=replica, source=source)).known == known


def test_the_failing_statement_counts_where_the_error_does_not_quote_it() -> None:
    assert explain.case_of(fault(A, 1064, "syntax", "GRANT x TO y IDENTIFIED BY …")).id == "grant-identified-by"


def test_what_is_to_be_done_is_said_in_the_servers_own_words() -> None:
    old = explain.explain(fault(A, 1205, "Lock wait timeout", version=OLD))
    assert "START SLAVE" in old.do
    assert "START REPLICA" in explain.explain(fault(A, 1205, "Lock wait timeout")).do


@pytest.mark.parametrize(
    ("version", "thread", "number", "text", "said"),
    [
        ("8.0.25", A, 1677, "cannot be converted", "set slave_type_conversions"),
        ("8.0.26", A, 1677, "cannot be converted", "set replica_type_conversions"),
        ("11.8.3-MariaDB", A, 1153, "packet", "SET GLOBAL slave_max_allowed_packet,"),
        ("9.7.4", A, 1153, "packet", "SET GLOBAL replica_max_allowed_packet,"),
        ("10.5.1-MariaDB", R, 1153, "packet bigger", "SET GLOBAL slave_max_allowed_packet ="),
        ("9.7.4", R, 1153, "packet bigger", "SET GLOBAL replica_max_allowed_packet ="),
        ("8.0.22", R, 2061, "secure connection", "MASTER_SSL = 1, or GET_MASTER_PUBLIC_KEY = 1"),
        ("8.0.23", R, 2061, "secure connection", "SOURCE_SSL = 1, or GET_SOURCE_PUBLIC_KEY = 1"),
        ("5.7.44", R, 2026, "certificate verify failed", "set MASTER_SSL_CA"),
    ],
)
def test_variables_and_options_go_by_the_names_that_the_server_has_for_them(
    version: str, thread: Thread, number: int, text: str, said: str
) -> None:
    assert said in explain.explain(fault(thread, number, text, version=Version.parse(version))).do


def test_no_case_is_hidden_behind_another() -> None:
    ids = [(case.thread, case.id) for case in explain.CASES]
    assert len(set(ids)) == len(ids)


def test_a_transaction_is_named_by_its_gtid_or_its_place() -> None:
    one = fault(A, 1062, "Duplicate", "INSERT …")
    placed = Fault(
        one.server, NEW, one.channel, A, 1062, "x", transaction=one.transaction, at=Coordinates("binlog.000001", 4)
    )
    assert placed.token == "binlog.000001:4"
    gtid = Fault(one.server, NEW, one.channel, A, 1062, "x", transaction=Transaction(gtid="uuid:7"))
    assert gtid.token == "uuid:7"
    assert fault(A, 1062, "x").token == ""
