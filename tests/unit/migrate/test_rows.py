"""Rows and addresses as servers give them, and secrets that nothing shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.errors import UnderstudyError
from understudy.migrate import rows
from understudy.migrate.facts import Channel
from understudy.migrate.sqltext import Secret, Statement, account, cut_echo, hide, identifier

OLD = {
    "Master_Host": "db", "Master_Port": 3306, "Slave_IO_Running": "Yes", "Slave_SQL_Running": "No",
    "Seconds_Behind_Master": None, "Last_SQL_Errno": 1062, "Last_SQL_Error": "Duplicate entry",
    "Last_IO_Errno": 0, "Last_IO_Error": "", "Replicate_Do_DB": "shop", "Replicate_Wild_Ignore_Table": "",
    "Relay_Master_Log_File": "b.000002", "Exec_Master_Log_Pos": 120, "Master_Server_Id": 7,
    "Master_UUID": "u", "SQL_Delay": 60, "Auto_Position": 1, "Master_SSL_Allowed": "No",
}  # fmt: skip
EXPECTED = Channel(
    "db:3306", receiving=True, error="Duplicate entry", error_number=1062, delay_s=60,
    filters=("replicate_do_db=shop",), auto_position=True,
    source_file="b.000002", source_pos=120, source_id=7, source_uuid="u",
)  # fmt: skip


def test_old_and_new_column_names_make_the_same_channel() -> None:
    new = {name.replace("Master", "Source").replace("Slave", "Replica"): value for name, value in OLD.items()}
    assert rows.channels([OLD]) == rows.channels([new]) == (EXPECTED,)


@pytest.mark.parametrize(("said", "auto"), [("No", False), ("Slave_Pos", True), ("Current_Pos", True)])
def test_mariadbs_gtid_is_auto_position_too(said: str, auto: bool) -> None:
    row = {**OLD, "Using_Gtid": said, "Connection_name": "x", "Auto_Position": None}
    assert [(one.auto_position, one.name) for one in rows.channels([row])] == [(auto, "x")]


@pytest.mark.parametrize(
    ("ignored", "left"),
    [
        ("mysql.rds_sysinfo,mysql.rds_history,mysql.rds_replication_status", ()),
        ("mysql.plugin,mysql.rds_monitor,innodb_memcache.cache_policies", ()),
        ("mysql.rds_history,shop.orders", ("replicate_ignore_table=shop.orders",)),
        ("mysql.user", ("replicate_ignore_table=mysql.user",)),
    ],
)
def test_what_rds_itself_has_replicas_ignore_is_no_filter(ignored: str, left: tuple[str, ...]) -> None:
    row = {**OLD, "Replicate_Do_DB": "", "Replicate_Ignore_Table": ignored}
    assert rows.channels([row])[0].filters == left


def test_a_channel_that_was_reset_is_none() -> None:
    assert rows.channels([{**OLD, "Master_Host": ""}]) == ()


def test_lag_null_is_not_zero() -> None:
    assert rows.channels([{**OLD, "Seconds_Behind_Master": 0}])[0].lag_s == 0.0
    assert rows.channels([OLD])[0].lag_s is None


def test_a_workers_own_error_takes_the_coordinators_place() -> None:
    worker = {"CHANNEL_NAME": "", "LAST_ERROR_NUMBER": 1032, "LAST_ERROR_MESSAGE": "Can't find record"}
    told = rows.explained([EXPECTED], [worker])[0]
    assert (told.error_number, told.error) == (1032, "Can't find record")
    assert rows.explained([EXPECTED], []) == (EXPECTED,)


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("db:3307", ("db", 3307)),
        ("db", ("db", 3306)),
        ("[::1]:3307", ("::1", 3307)),
        ("::1", ("::1", 3306)),
        ("10.0.0.1:1", ("10.0.0.1", 1)),
    ],
)
def test_an_address_is_taken_apart(address: str, parts: tuple[str, int]) -> None:
    assert rows.split_address(address) == parts
    assert rows.split_address(rows.join_address(*parts)) == parts


def test_replicas_connect_from_hosts_not_from_ports() -> None:
    listed = [
        {"Command": "Binlog Dump", "Host": "10.0.0.2:51000"},
        {"Command": "Binlog Dump GTID", "Host": "10.0.0.3:51001"},
        {"Command": "Binlog Dump", "Host": "10.0.0.2:51002"},
        {"Command": "Binlog Dump", "Host": "localhost"},
        {"Command": "Query", "Host": "10.0.0.9:51003"},
    ]
    assert rows.dump_hosts(listed) == ("10.0.0.2", "10.0.0.3", "127.0.0.1")


@given(st.text(min_size=1).filter(lambda name: "\0" not in name))
def test_an_identifier_ends_where_it_ends(name: str) -> None:
    quoted = identifier(name)
    assert quoted[0] == quoted[-1] == "`"
    assert quoted[1:-1].replace("``", "") == name.replace("`", "")
    assert quoted[1:-1].replace("``", "`") == name


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_what_can_be_no_name_is_refused(name: str) -> None:
    with pytest.raises(UnderstudyError):
        identifier(name)


def test_an_account_is_quoted() -> None:
    assert account("o'neil", "10.%") == "'o''neil'@'10.%'"


@given(st.text(min_size=1))
def test_a_secret_is_in_no_repr_and_is_taken_out_of_messages(text: str) -> None:
    secret = Secret(text)
    statement = Statement("SET PASSWORD = %s", (secret,))
    assert repr(secret) == str(secret) == "Secret(…)"
    assert statement.shown() == "SET PASSWORD = '…'"
    assert text not in hide(f"<{text}>", [secret]) or text in "<…>"


def test_a_syntax_errors_echo_is_cut_even_where_the_server_cut_a_secret_in_two() -> None:
    said = "You have an error in your SQL syntax near 'BY 'half of a sec' at line 1"
    assert cut_echo(said) == "You have an error in your SQL syntax near '…' at line 1"
