"""A broken server of the new side is built anew, alone or with its replicas, wherever it is interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from containers import ROOT_PASSWORD
from integration.breaking import Pair, broken, caught_up, channel, counted, run, run_behind
from integration.least import PASSWORD, USER, with_writes
from integration.operating import Operator
from integration.trees import NEW, OLD, Node, Running, fed, settled, tree
from support import wait_until
from understudy.migrate import grants
from understudy.migrate.watch.fault import failing

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Running]]:
    """5.6, beneath it 9.7, beneath that 9.7 again."""
    with tree(
        Node("old", "mysql-5.6", options=OLD),
        Node("new", "mysql-9.7", "old", NEW),
        Node("leaf", "mysql-9.7", "new", NEW),
    ) as found:
        run(
            found["old"],
            "CREATE DATABASE shop",
            "CREATE TABLE shop.t (id INT PRIMARY KEY, v VARCHAR(20)) ENGINE=InnoDB",
        )
        run(found["old"], "INSERT INTO shop.t VALUES (1, 'a'), (2, 'b'), (3, 'c')")
        for name in ("new", "leaf"):
            wait_until(lambda name=name: has_rows(found[name], 3), 30, f"{name} has the rows")
        yield found


def has_rows(server: Running, number: int) -> bool:
    return counted(server, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'shop'") > 0 and (
        counted(server, "SELECT COUNT(*) FROM shop.t") == number
    )


def operator(servers: dict[str, Running], folder: Path) -> Operator:
    return operating(servers["old"], servers["new"], folder)


def operating(old: Running, new: Running, folder: Path, user: str = "root", password: str = ROOT_PASSWORD) -> Operator:
    (folder / "repl").write_text("repl's password\n")
    more = (
        f'[migrate.replication]\nuser = "repl"\npassword_file = "repl"\n[migrate.target]\nnew_source = "{new.address}"'
    )
    made = Operator(folder, old.address, more, user, password)
    text = made.file.read_text().replace(
        'tls = { verify = "none" }', 'tls = { verify = "none", minimum = "1.0" }\nlimits = "none"'
    )
    made.file.write_text(f'state_dir = "{folder / "state"}"\n{text}')
    return made


def test_a_leaf_is_built_anew(servers: dict[str, Running], tmp_path: Path) -> None:
    leaf = servers["leaf"]
    ask = operator(servers, tmp_path).ask
    run_behind(leaf, "DELETE FROM shop.t WHERE id = 2", "CREATE DATABASE stray", "CREATE TABLE stray.t (a INT)")
    run(servers["old"], "SET SESSION binlog_format = ROW", "UPDATE shop.t SET v = 'z' WHERE id = 2")
    assert broken(leaf).case == "row-missing"
    shown = ask("rebuild", leaf.address, "--reason", "ticket 8")
    assert shown.code == 0, shown
    assert "DROP DATABASE `stray`" in shown.out
    assert failing(channel(leaf)), "nothing has been changed"
    done = ask("rebuild", leaf.address, "--reason", "ticket 8", "--execute")
    assert done.code == 0, done
    settled(leaf)
    assert counted(leaf, "SELECT COUNT(*) FROM shop.t WHERE v IN ('a', 'z', 'c')") == 3
    assert counted(leaf, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'stray'") == 0
    reasons = [entry["detail"].get("reason") for entry in journal(tmp_path)]
    assert "ticket 8" in reasons
    run(servers["old"], "INSERT INTO shop.t VALUES (4, 'd')")
    wait_until(lambda: has_rows(leaf, 4), 30, "replication goes on")


def journal(folder: Path) -> list[dict[str, dict[str, object]]]:
    lines = next(folder.rglob("journal.jsonl")).read_text().splitlines()
    return [{"detail": {}, **json.loads(line)} for line in lines]


def test_a_server_with_replicas_is_built_anew_with_them_or_not_at_all(
    servers: dict[str, Running], tmp_path: Path
) -> None:
    new, leaf = servers["new"], servers["leaf"]
    ask = operator(servers, tmp_path).ask
    alone = ask("rebuild", new.address, "--reason", "x")
    assert alone.code == 1
    assert "--with-replicas" in alone.err
    old = ask("rebuild", servers["old"].address, "--reason", "x")
    assert old.code == 1
    assert "not on the new side" in old.err
    before = counted(servers["old"], "SELECT COUNT(*) FROM shop.t")
    run_behind(new, "INSERT INTO shop.t VALUES (50, 'errant')")
    run(servers["old"], "INSERT INTO shop.t VALUES (50, 'x')")
    broken(new)
    done = ask("rebuild", new.address, "--reason", "ticket 9", "--with-replicas", "--execute")
    assert done.code == 0, done
    for server in (new, leaf):
        settled(server)
        assert has_rows(server, before + 1)
        assert counted(server, "SELECT COUNT(*) FROM shop.t WHERE v = 'errant'") == 0
    run(servers["old"], "INSERT INTO shop.t VALUES (51, 'y')")
    wait_until(lambda: has_rows(leaf, before + 2), 30, "replication goes on down to the leaf")
    assert ask("watch", "--once").code == 0


def test_the_least_account_builds_a_leaf_anew(servers: dict[str, Running], tmp_path: Path) -> None:
    old, new, leaf = servers["old"], servers["new"], servers["leaf"]
    with old.sql() as root:
        for statement in grants.statements(root.version, ["rebuild"], USER, password=PASSWORD):
            with_writes(old, statement)
    for server in (new, leaf):
        with server.sql() as root:
            for statement in grants.statements(root.version, ["rebuild"], USER, password=PASSWORD, new=True):
                with_writes(server, statement)
    ask = operating(old, new, tmp_path, USER, PASSWORD).ask
    done = ask("rebuild", leaf.address, "--reason", "x", "--execute")
    for server in servers.values():
        with_writes(server, f"DROP USER {USER}@'%'")
    assert done.code == 0, done
    assert "lacks a privilege" not in done.out + done.err
    settled(leaf)
    fed(new, leaf)


def test_one_whose_source_is_broken_itself_is_not_copied_from_it(servers: dict[str, Running], tmp_path: Path) -> None:
    new, leaf = servers["new"], servers["leaf"]
    ask = operator(servers, tmp_path).ask
    run(new, "STOP REPLICA")
    told = ask("rebuild", leaf.address, "--reason", "x")
    run(new, "START REPLICA")
    settled(new)
    assert told.code == 1
    assert "own replication is broken" in told.err


@pytest.mark.parametrize("kind", ["9.7 by GTID", "MariaDB by position"])
def test_the_last_word_is_the_sources_whatever_the_flavour(kind: str, pairs: dict[str, Pair], tmp_path: Path) -> None:
    source, replica = pair = pairs[kind]
    run(source, "TRUNCATE TABLE b.t")
    caught_up(*pair)
    run_behind(replica, "INSERT INTO b.t VALUES (1, 'errant')")
    run(source, "INSERT INTO b.t VALUES (1, 'x')")
    broken(replica)
    done = operating(source, replica, tmp_path).ask("rebuild", replica.address, "--reason", "x", "--execute")
    assert done.code == 0, done
    run(source, "INSERT INTO b.t VALUES (2, 'x')")
    caught_up(*pair)
    assert counted(replica, "SELECT COUNT(*) FROM b.t WHERE v = 'x'") == 2
    assert counted(replica, "SELECT COUNT(*) FROM b.t") == 2


@pytest.mark.parametrize("entries", [6, 9, 14])
def test_killed_anywhere_it_goes_on_where_it_was(servers: dict[str, Running], entries: int, tmp_path: Path) -> None:
    leaf = servers["leaf"]
    made = operator(servers, tmp_path)
    rows = counted(servers["old"], "SELECT COUNT(*) FROM shop.t")
    code = KILLED.format(
        entries=entries, arguments=["rebuild", leaf.address, "--reason", "x", "--execute", "-c", str(made.file)]
    )
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=180)
    assert killed.returncode == -signal.SIGKILL, killed
    done = made.ask("rebuild", leaf.address, "--reason", "again", "--execute")
    assert done.code == 0, done
    settled(leaf)
    fed(servers["new"], leaf)
    assert has_rows(leaf, rows)
    assert {"x", "again"} >= {entry["detail"].get("reason", "x") for entry in journal(tmp_path)}


KILLED = """
import os, signal
from understudy.migrate import journal
from understudy.migrate.commands import app
write, left = journal.Journal.write, {entries}

def counting(self, *arguments, **detail):
    global left
    entry = write(self, *arguments, **detail)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return entry

journal.Journal.write = counting
app({arguments!r})
"""
