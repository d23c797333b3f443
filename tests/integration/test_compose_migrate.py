"""docker/compose.migrate.yml, as a newcomer uses it: a tree of MySQL 5.6 beside two empty servers of 9.7."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from containers import REPOSITORY
from integration.composing import Project, up
from support import COMMAND, free_port, wait_until

pytestmark = pytest.mark.integration

DOCKER = REPOSITORY / "docker"
FILE = DOCKER / "compose.migrate.yml"
IMAGES = {
    "UNDERSTUDY_OLD_IMAGE": "mysql-5.6",
    "UNDERSTUDY_NEW_IMAGE": "mysql-9.7",
    "UNDERSTUDY_IMAGE": "understudy-dev",
}
PORTS = {
    "UNDERSTUDY_OLD_SOURCE_PORT": "33061",
    "UNDERSTUDY_OLD_REPLICA_1_PORT": "33062",
    "UNDERSTUDY_OLD_REPLICA_2_PORT": "33063",
    "UNDERSTUDY_NEW_SOURCE_PORT": "33064",
    "UNDERSTUDY_NEW_REPLICA_1_PORT": "33065",
}


class Tree:
    """The compose file, up, on ports of its own, which its settings for the host name too."""

    def __init__(self, project: Project, folder: Path, ports: dict[str, str]) -> None:
        self.project = project
        text = (DOCKER / "migrate-host.toml").read_text()
        for variable, port in ports.items():
            text = text.replace(PORTS[variable], port)
        self.file = folder / "migrate-host.toml"
        self.file.write_text(text)
        (folder / "migrate-password").write_bytes((DOCKER / "migrate-password").read_bytes())

    def within(self, *arguments: str, code: int = 0) -> str:
        """What a command prints that is run where the servers' names are known."""
        return self.project("run", "--rm", "-T", "understudy", "migrate", *arguments, code=code)

    def without(self, *arguments: str) -> str:
        """What a command prints that is run on the host."""
        done = subprocess.run(
            [COMMAND, "migrate", *arguments, "-c", self.file],
            capture_output=True, text=True, timeout=60, env={**os.environ, "COLUMNS": "140"},
        )  # fmt: skip
        assert done.returncode == 0, done
        return done.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    ports = {variable: str(free_port()) for variable in PORTS}
    with up(FILE, IMAGES, ports) as project:
        yield Tree(project, tmp_path_factory.mktemp("host"), ports)


def test_the_tree_is_drawn_with_its_names(tree: Tree) -> None:
    lines = tree.within("status").splitlines()
    (source,) = (line for line in lines if line.startswith("old-source:3306"))
    assert "source" in source
    for name in ("old-replica-1", "old-replica-2"):
        (line,) = (line for line in lines if f"─ {name}:3306" in line)
        assert line.split()[-2:] == ["running", "read-only"]
    for name in ("new-source", "new-replica-1"):
        (line,) = (line for line in lines if line.startswith(f"{name}:3306"))
        assert "alone" in line


def test_the_host_sees_the_same_tree_at_its_ports(tree: Tree) -> None:
    lines = tree.without("status").splitlines()
    for name in ("old-source", "old-replica-1", "old-replica-2"):
        assert any(line.endswith(f"also known as {name}:3306") for line in lines), lines
    assert sum("read-only" in line and "running" in line for line in lines) == 2, lines


def test_check_finds_what_the_new_version_lacks_and_reaches_every_server(tree: Tree) -> None:
    told = tree.within("check", code=4)
    assert "native-password" in told
    assert "'shop'@'%'" in told
    assert "not known" not in told


def test_orders_keep_coming(tree: Tree) -> None:
    def written() -> int:
        source = json.loads(tree.without("status", "--json"))["trees"][0]
        assert source["known_as"] == ["old-source:3306"]
        return int(source["server"]["binlog_pos"])

    first = written()
    wait_until(lambda: written() > first, 20, "another order")


def test_the_files_name_the_commands_that_this_test_runs() -> None:
    text = FILE.read_text()
    for words in ("run --rm understudy migrate status", "understudy migrate status -c docker/migrate-host.toml"):
        assert words in text
