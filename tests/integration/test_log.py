"""`understudy migrate log`: from the table of MySQL 9.7, from files, from the server's own file, and why not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from containers import database, network
from integration.operating import Operator
from integration.trees import OLD, Node, Running, follow, prepare, read_only, settled, started, tree

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
    future = (datetime.now(UTC) + timedelta(days=365)).isoformat(timespec="seconds")
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
        server.service.run("sh", "-c", "head -c 70000 /dev/zero >> /var/lib/mysql/server.err")
        with server.sql() as session:
            session.execute("SET GLOBAL max_allowed_packet = 65536")
        assert "server.err is larger than max_allowed_packet, 65536 bytes" in operator.ask("log").err


def test_a_server_that_is_down_is_read_from_its_file(tmp_path: Path) -> None:
    with tree(Node("a", "mariadb-10.11")) as servers:
        address = servers["a"].address
        (tmp_path / "a.err").write_text("2026-11-21  8:00:00 0 [ERROR] mariadbd: disk full\n")
        servers["a"].service.container.stop()
        more = f'error_logs = {{ "{address}" = "a.err" }}'
        told = Operator(tmp_path, address, more).ask("log", "--since", "2026-11-01")
    assert told.out == f"2026-11-21 08:00:00 {address} error   mariadbd: disk full\n"


SLOW = 'LD_PRELOAD=$(ls /usr/lib/*/faketime/libfaketimeMT.so.1) FAKETIME=-90s exec mariadbd --user=mysql "$@"'
LOG = "--log-error=/var/lib/mysql/server.err"


@contextmanager
def a_slow_clock() -> Iterator[tuple[Running, Running]]:
    """A MariaDB, and a replica whose clock is 90 s behind."""
    with ExitStack() as stack:
        net = stack.enter_context(network())
        right = started(stack, net, Node("right", "mariadb-11.8", options=(*OLD, LOG)))["right"]
        options = ("--server-id=202", *OLD, LOG)
        service = database("mariadb-11.8", net, "slow", *options, entrypoint=["sh", "-c", SLOW, "sh"])
        slow = Running(Node("slow", "mariadb-11.8"), stack.enter_context(service), 202)
        prepare(slow)
        follow(slow, right)
        settled(slow)
        read_only(slow)
        for server in (right, slow):
            server.service.run("chmod", "a+rx", "/var/lib/mysql")
            server.service.run("chmod", "a+r", "/var/lib/mysql/server.err")
        yield right, slow


HURRIED = """
import sys, time
from understudy.__main__ import main
real = time.time
time.time = lambda: real() + 3600
sys.argv = ["understudy", *sys.argv[1:]]
main()
"""


def test_a_server_whose_clock_is_wrong_is_named_its_entries_are_put_in_order_and_its_lag_is_right(
    tmp_path: Path,
) -> None:
    with a_slow_clock() as (right, slow):
        operator = Operator(tmp_path, right.address, f'[migrate.target]\nnew_source = "{slow.address}"')
        told = operator.ask("log", "--severity", "note")
        said = f"{slow.address}: its clock is 90.0 s behind this machine's now, and its entries are put right by that"
        assert told.err.splitlines() == [said]
        shown = operator.json("log", "--severity", "note")
        assert list(shown["clocks_ahead_s"]) == [slow.address]
        assert abs(shown["clocks_ahead_s"][slow.address] + 90) < 1
        assert shown["our_clock_ahead_s"] == 0
        ready, follows = (entry_at(shown, slow, text) for text in ("ready for connections", "Slave I/O thread: conn"))
        assert entry_at(shown, right, "ready for connections") < ready <= follows
        assert (datetime.now(UTC) - follows).total_seconds() < 60
        ago = f"{int((datetime.now(UTC) - ready).total_seconds()) + 60}s"  # less than the clock is off
        again = entry_at(operator.json("log", "--severity", "note", "--since", ago), slow, "ready for")
        assert abs((again - ready).total_seconds()) < 1, "its clock is measured anew each time"
        skews = [one for one in found(operator) if one["rule"] == "clock-skew"]
        assert [(one["server"], one["found"][:20]) for one in skews] == [(slow.address, "its clock is 90.0 s ")]
        assert slow.channels()[0].lag_s == 0, "the replica itself reckons with its source's clock"
        asked = ["migrate", "log", "-c", str(operator.file)]
        environ = {**os.environ, "COLUMNS": "140"}
        hurried = subprocess.run([sys.executable, "-c", HURRIED, *asked], capture_output=True, text=True, env=environ)
        assert f"{right.address}: its clock is 3600.0 s behind this machine's now" in hurried.stderr


def entry_at(shown: dict[str, list[dict[str, str]]], server: Running, text: str) -> datetime:
    """When a server logged something for the first time."""
    mine = (entry for entry in shown["entries"] if entry["server"] == server.address and text in entry["text"])
    return datetime.fromisoformat(next(mine)["at"])


def found(operator: Operator) -> list[dict[str, str]]:
    """What check finds."""
    listed: list[dict[str, str]] = json.loads(operator.ask("check", "--json").out)["findings"]
    return listed


@pytest.mark.parametrize("arguments", [("--severity", "grave"), ("--since", "yesterday"), ("--server", "no-such")])
def test_wrong_usage_is_told_in_a_line(
    arguments: tuple[str, str], mysql_tree: dict[str, Running], tmp_path: Path
) -> None:
    told = Operator(tmp_path, mysql_tree["old-source"].address).ask("log", *arguments)
    assert told.code == 1
    assert arguments[1] in told.err
    assert "Traceback" not in told.err
