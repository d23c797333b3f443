"""`understudy migrate log`: from the table of MySQL 9.7, from files, from the server's own file, and why not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from integration.operating import Operator
from integration.trees import Node, Running, tree

pytestmark = pytest.mark.integration


def test_the_table_of_9_7_is_read_and_for_5_6_it_is_said_why_there_is_none(
    mysql_tree: dict[str, Running], tmp_path: Path
) -> None:
    old, new = mysql_tree["old-source"], mysql_tree["new-source"].address
    told = Operator(tmp_path, old.address).ask("log", "--severity", "note")
    assert told.code == 0
    assert f"{new} note    MY-010931 /usr/sbin/mysqld: ready for connections" in told.out
    why = f"{old.version} has no table of its error log, and it goes to standard error"
    assert f"{old.address}: no log: {why}" in told.err


def test_a_file_is_read_by_pattern_and_merged_by_time(mysql_tree: dict[str, Running], tmp_path: Path) -> None:
    old, new = mysql_tree["old-source"], mysql_tree["new-source"].address
    (tmp_path / "old.err").write_text(old.service.log())
    more = f'error_logs = {{ "{old.host}*" = "old.err" }}'
    shown = Operator(tmp_path, old.address, more).json("log", "--severity", "note")
    entries = shown["entries"]
    times = [datetime.fromisoformat(entry["at"]) for entry in entries]
    assert times == sorted(times)
    from_file = [entry["text"] for entry in entries if entry["server"] == old.address]
    assert any("ready for connections" in text for text in from_file)
    assert shown["read"][old.address] == str(tmp_path / "old.err")
    assert shown["read"][new] == "performance_schema.error_log"
    assert {entry["server"] for entry in entries} > {old.address, new}


def test_since_and_severity_leave_out_what_is_older_or_lighter(mysql_tree: dict[str, Running], tmp_path: Path) -> None:
    operator = Operator(tmp_path, mysql_tree["new-source"].address)
    everything = operator.json("log", "--severity", "note", "--since", "1d")["entries"]
    graver = operator.json("log", "--severity", "warning", "--since", "1d")["entries"]
    assert 0 < len(graver) < len(everything)
    assert {entry["severity"] for entry in graver} <= {"warning", "error"}
    future = datetime.now(UTC).replace(year=datetime.now(UTC).year + 1).isoformat(timespec="seconds")
    assert operator.json("log", "--severity", "note", "--since", future)["entries"] == []
    one = operator.json("log", "--severity", "note", "--server", mysql_tree["new-source"].address)["entries"]
    assert {entry["server"] for entry in one} == {mysql_tree["new-source"].address}


@pytest.mark.parametrize(
    ("image", "options"),
    [
        ("mysql-5.6", ("--log-error=/var/lib/mysql/server.err",)),
        ("mariadb-10.5", ("--log-error=server.err",)),
        ("mariadb-11.8", ("--log-error=/var/lib/mysql/server.err",)),
    ],
)
def test_a_file_on_the_server_is_read_through_it_where_that_is_allowed_and_else_named(
    image: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    with tree(Node("a", image, options=options)) as servers:
        server = servers["a"]
        operator = Operator(tmp_path, server.address)
        refused = operator.ask("log", "--severity", "note")
        assert f"{server.address}: no log: " in refused.err
        assert "server.err" in refused.err
        server.service.run("chmod", "a+rx", "/var/lib/mysql")
        server.service.run("chmod", "a+r", "/var/lib/mysql/server.err")
        allowed = operator.ask("log", "--severity", "note")
        assert "ready for connections" in allowed.out


def test_a_server_that_is_down_is_read_from_its_file(tmp_path: Path) -> None:
    with tree(Node("a", "mariadb-10.11")) as servers:
        address = servers["a"].address
        (tmp_path / "a.err").write_text("2026-11-21  8:00:00 0 [ERROR] mariadbd: disk full\n")
        servers["a"].service.container.stop()
        more = f'error_logs = {{ "{address}" = "a.err" }}'
        told = Operator(tmp_path, address, more).ask("log", "--since", "2026-11-01")
    assert told.out == f"2026-11-21 08:00:00 {address} error   mariadbd: disk full\n"


@pytest.mark.parametrize("arguments", [("--severity", "grave"), ("--since", "yesterday"), ("--server", "no-such")])
def test_wrong_usage_is_told_in_a_line(
    arguments: tuple[str, str], mysql_tree: dict[str, Running], tmp_path: Path
) -> None:
    told = Operator(tmp_path, mysql_tree["old-source"].address).ask("log", *arguments)
    assert told.code == 1
    assert arguments[1] in told.err
    assert "Traceback" not in told.err
