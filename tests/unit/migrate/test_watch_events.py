"""Transactions out of event lists as real servers give them, and channels out of their status rows."""

from __future__ import annotations

import pytest

from understudy.migrate.rows import Coordinates
from understudy.migrate.watch.channels import Failed, channels, failed_of, order
from understudy.migrate.watch.events import Transaction, find, transactions


def events(text: str) -> list[dict[str, object]]:
    """Lines of "type end info"."""
    found = []
    for line in text.strip().splitlines():
        kind, end, info = (*line.split("|"), "")[:3]
        found.append({"Event_type": kind.strip(), "End_log_pos": int(end), "Info": info.strip(), "Pos": 0})
    return found


MYSQL_56 = """
Query | 425 | BEGIN
Intvar | 430 | INSERT_ID=3
Query | 528 | use `b`; INSERT INTO b.t VALUES (1)
Xid | 559 | COMMIT /* xid=35 */
Query | 663 | GRANT SELECT ON `b`.* TO 'joe'@'%' IDENTIFIED BY PASSWORD '*1EACCDAD'
Query | 953 | BEGIN
Table_map | 1002 | table_id: 71 (b.u)
Update_rows | 1052 | table_id: 71 flags: STMT_END_F
Query | 1083 | COMMIT
"""
MYSQL_97 = """
Rotate | 0 | binlog.000002;pos=198
Format_desc | 127 | Server ver: 9.7.4
Gtid | 275 | SET @@SESSION.GTID_NEXT= 'dc83f759-e59b-11f1-8e99-0242ac140003:1'
Query | 389 | CREATE DATABASE b /* xid=23 */
Gtid | 687 | SET @@SESSION.GTID_NEXT= 'dc83f759-e59b-11f1-8e99-0242ac140003:2'
Query | 758 | BEGIN
Rows_query | 780 | # INSERT INTO b.t VALUES ('x')
Table_map | 807 | table_id: 109 (b.t)
Write_rows | 847 | table_id: 109 flags: STMT_END_F
Xid | 878 | COMMIT /* xid=25 */
Anonymous_Gtid | 957 | SET @@SESSION.GTID_NEXT= 'ANONYMOUS'
Query | 1028 | BEGIN
Table_map | 1072 | table_id: 110 (b.u)
"""
MARIADB = """
Gtid | 661 | BEGIN GTID 0-101-3
Annotate_rows | 755 | UPDATE b.u SET v='c' WHERE id=1
Table_map | 800 | table_id: 22 (b.u)
Update_rows_v1 | 850 | table_id: 22 flags: STMT_END_F
Xid | 881 | COMMIT /* xid=138 */
Gtid | 923 | GTID 0-101-4
Query | 1000 | CREATE USER jim@'%' IDENTIFIED BY 'jim-secret'
Gtid | 1042 | BEGIN GTID 7-101-1
Query | 1130 | INSERT INTO b.t VALUES (60)
Xid | 1161 | COMMIT /* xid=237 */
"""


def test_a_log_of_mysql_5_6_is_read_as_transactions() -> None:
    first, second, third = transactions(events(MYSQL_56), 348)
    assert (first.start_pos, first.end_pos, first.statements) == (348, 559, ("use `b`; INSERT INTO b.t VALUES (1)",))
    assert (second.start_pos, second.end_pos) == (559, 663)
    assert "*1EACCDAD" not in str(second)
    assert (third.start_pos, third.end_pos, third.tables, third.row_events) == (663, 1083, ("b.u",), 1)


def test_a_relay_log_of_mysql_9_7_is_read_past_what_is_the_logs_own() -> None:
    first, second, third = transactions(events(MYSQL_97), 198)
    assert first.gtid.endswith(":1")
    assert first.statements == ("CREATE DATABASE b",)
    assert (second.gtid[-2:], second.start_pos, second.end_pos) == (":2", 389, 878)
    assert second.statements == ("INSERT INTO b.t VALUES ('x')",)
    assert second.shapes == ("INSERT INTO b.t VALUES (…)",)
    assert (third.gtid, third.is_whole) == ("", False), "its end was not read"


def test_a_log_of_mariadb_is_read_with_its_gtids() -> None:
    first, second, third = transactions(events(MARIADB), 619)
    assert [one.gtid for one in (first, second, third)] == ["0-101-3", "0-101-4", "7-101-1"]
    assert first.tables == ("b.u",)
    assert second.statements == ("CREATE USER jim@'%' IDENTIFIED BY …",)


@pytest.mark.parametrize(
    ("gtid", "end", "found"), [("0-101-4", 0, "0-101-4"), ("", 850, "0-101-3"), ("", 0, "0-101-3")]
)
def test_the_transaction_that_an_error_speaks_of_is_found(gtid: str, end: int, found: str) -> None:
    one = find(transactions(events(MARIADB), 619), gtid, end)
    assert one is not None
    assert one.gtid == found
    assert find(transactions(events(MARIADB), 619), "9-9-9", 0) is None


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        (
            "Worker 1 failed executing transaction 'ANONYMOUS' at source log binlog.000001, end_log_pos 528; Error …",
            Failed("", "binlog.000001", 528),
        ),
        (
            "Worker 2 failed executing transaction 'dc83f759-e59b-11f1-8e99-0242ac140003:3' at source log"
            " binlog.000002, end_log_pos 847; Could not execute",
            Failed("dc83f759-e59b-11f1-8e99-0242ac140003:3", "binlog.000002", 847),
        ),
        (
            "Worker 1 failed executing transaction 'ANONYMOUS' at source log , end_log_pos 12128; Could not execute"
            " Write_rows event on table b.t; …; the event's source log binlog.000002, end_log_pos 12128",
            Failed("", "binlog.000002", 12128),
        ),
        (
            "Worker 0 failed executing transaction 'NOT_YET_DETERMINED' at master log m.000001, end_log_pos 9; x",
            Failed("", "m.000001", 9),
        ),
        (
            "Could not execute Update_rows_v1 event on table b.u; the event's master log binlog.1, end_log_pos 1715",
            Failed("", "binlog.1", 1715),
        ),
        ("Error 'Duplicate entry' on query. Query: 'INSERT INTO t VALUES (1)'", Failed()),
    ],
)
def test_an_error_names_what_failed(text: str, failed: Failed) -> None:
    assert failed_of(text) == failed


def test_a_status_row_is_read_whatever_it_calls_things() -> None:
    row = {
        "Slave_IO_Running": "Connecting", "Slave_SQL_Running": "No", "Master_Host": "old", "Master_Port": 3307,
        "Last_IO_Errno": 1045, "Last_IO_Error": "Access denied", "Last_SQL_Errno": 1062, "Last_SQL_Error": "Duplicate",
        "Master_Log_File": "b.2", "Read_Master_Log_Pos": 9, "Relay_Master_Log_File": "b.1", "Exec_Master_Log_Pos": 4,
        "Relay_Log_File": "r.1", "Relay_Log_Pos": 7, "Seconds_Behind_Master": None, "Connection_name": "x",
        "Gtid_Slave_Pos": "0-1-2", "Using_Gtid": "Slave_Pos",
    }  # fmt: skip
    (one,) = channels([row, {"Master_Host": ""}])
    assert (one.source, one.name, one.receiver, one.applying) == ("old:3307", "x", "Connecting", False)
    assert (one.read, one.done, one.relay) == (Coordinates("b.2", 9), Coordinates("b.1", 4), Coordinates("r.1", 7))
    assert (one.applier_error.number, one.receiver_error.number, one.lag_s) == (1062, 1045, None)
    assert (one.executed, one.by_gtid) == ("0-1-2", True)


def test_the_worker_that_failed_says_why() -> None:
    row = {"Source_Host": "old", "Last_SQL_Errno": 1062, "Last_SQL_Error": "Coordinator stopped …", "Channel_Name": ""}
    worker = {
        "CHANNEL_NAME": "",
        "LAST_ERROR_NUMBER": 1064,
        "LAST_ERROR_MESSAGE": "Worker 1 failed executing transaction 'ANONYMOUS' at source log b.1, end_log_pos 8; "
        "Error 'x' on query. Query: 'CREATE USER a@b IDENTIFIED BY 'secret''",
    }
    (one,) = channels([row], [worker])
    assert one.applier_error.number == 1064
    assert one.failed == Failed("", "b.1", 8)
    assert "secret" not in str(one)


def test_of_several_workers_that_stopped_the_first_that_failed_by_itself_says_why() -> None:
    row = {"Source_Host": "old", "Last_SQL_Errno": 3030, "Last_SQL_Error": "Coordinator stopped …", "Channel_Name": ""}
    said = "Worker {} failed executing transaction 'ANONYMOUS' at source log b.1, end_log_pos {}; …"
    found = [(1062, 1, 80), (3030, 2, 60), (1062, 3, 90), (3030, 4, 120)]
    workers = [
        {"CHANNEL_NAME": "", "LAST_ERROR_NUMBER": error, "LAST_ERROR_MESSAGE": said.format(worker, end)}
        for error, worker, end in found
    ]
    for some in (workers, workers[::-1]):
        (one,) = channels([row], some)
        assert (one.applier_error.number, one.failed.end_pos) == (1062, 80)


def test_logs_are_in_the_order_of_their_numbers() -> None:
    assert order(Coordinates("binlog.1000000", 4)) > order(Coordinates("binlog.999999", 4_000))


def test_a_whole_transaction_has_names() -> None:
    assert Transaction(gtid="u:1", ends=(5,)).names("u:1", 0)
    assert not Transaction(gtid="u:1", ends=(5,)).names("u:2", 5)
    assert Transaction(ends=(5, 8)).names("", 5)
