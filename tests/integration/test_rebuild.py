"""A broken server of the new side is built anew, alone or with its replicas, wherever it is interrupted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.breaking import broken, channel, counted, run, run_behind
from integration.operating import Operator
from integration.trees import NEW, OLD, Node, Running, settled, tree
from support import wait_until
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
    (folder / "repl").write_text("repl's password\n")
    more = (
        '[migrate.replication]\nuser = "repl"\npassword_file = "repl"\n'
        f'[migrate.target]\nnew_source = "{servers["new"].address}"'
    )
    made = Operator(folder, servers["old"].address, more)
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


def test_one_whose_source_is_broken_itself_is_not_copied_from_it(servers: dict[str, Running], tmp_path: Path) -> None:
    new, leaf = servers["new"], servers["leaf"]
    ask = operator(servers, tmp_path).ask
    run(new, "STOP REPLICA")
    told = ask("rebuild", leaf.address, "--reason", "x")
    run(new, "START REPLICA")
    settled(new)
    assert told.code == 1
    assert "own replication is broken" in told.err
