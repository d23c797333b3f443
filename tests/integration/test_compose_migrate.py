"""docker/compose.migrate.yml, as a newcomer uses it: a tree of MySQL 5.6 beside two empty servers of 9.7."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from containers import REPOSITORY
from integration.composing import Project, up
from support import COMMAND, free_port, wait_until

pytestmark = pytest.mark.integration

DOCKER = REPOSITORY / "docker"
README = (REPOSITORY / "README.md").read_text()
CODES = {"check": 4}
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


class Told(NamedTuple):
    """What a command has said."""

    code: int
    text: str


class Tree:
    """The compose file, up, on ports of its own, which its settings for the host name too."""

    def __init__(self, project: Project, folder: Path, ports: dict[str, str]) -> None:
        self.project = project
        started = project("run", "-d", "--rm", "--entrypoint", "sleep", "understudy", "infinity")
        self._shell = started.split()[-1]
        text = (DOCKER / "migrate-host.toml").read_text()
        for variable, port in ports.items():
            text = text.replace(PORTS[variable], port)
        self.file = folder / "migrate-host.toml"
        self.file.write_text(text)
        (folder / "migrate-password").write_bytes((DOCKER / "migrate-password").read_bytes())

    def end(self) -> None:
        """Stop the container at once: `sleep` as a first process takes no SIGTERM."""
        subprocess.run(["docker", "kill", self._shell], capture_output=True, check=True)

    def within(self, *arguments: str) -> Told:
        """What a command says where the servers' names are known: in a container that stays, which is quicker."""
        done = subprocess.run(
            ["docker", "exec", "-e", "COLUMNS=110", self._shell, "understudy", "migrate", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
        )  # fmt: skip
        return Told(done.returncode, done.stdout)

    def without(self, *arguments: str) -> str:
        """What a command prints that is run on the host."""
        done = subprocess.run(
            [COMMAND, "migrate", *arguments, "-c", self.file],
            capture_output=True, text=True, timeout=180, env={**os.environ, "COLUMNS": "140"},
        )  # fmt: skip
        assert done.returncode == 0, done
        return done.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    ports = {variable: str(free_port()) for variable in PORTS}
    with up(FILE, IMAGES, ports) as project:
        tree = Tree(project, tmp_path_factory.mktemp("host"), ports)
        yield tree
        tree.end()


def test_the_host_sees_the_same_tree_at_its_ports(tree: Tree) -> None:
    lines = tree.without("status").splitlines()
    for name in ("old-source", "old-replica-1", "old-replica-2"):
        assert any(line.endswith(f"also known as {name}:3306") for line in lines), lines
    assert sum("read-only" in line and "running" in line for line in lines) == 2, lines


def test_orders_keep_coming(tree: Tree) -> None:
    def written() -> int:
        source = json.loads(tree.without("status", "--json"))["trees"][0]
        assert source["known_as"] == ["old-source:3306"]
        return int(source["server"]["binlog_pos"])

    first = written()
    wait_until(lambda: written() > first, 60, "another order")


def shown() -> list[tuple[str, str]]:
    """The README's commands of this section in their order, each with what is shown beneath it; mostly nothing."""
    section = README.partition("## Build the new tree")[2].partition("\n## ")[0]
    found: list[tuple[str, str]] = []
    for language, block in re.findall(r"```(\w*)\n(.*?)```", section, re.DOTALL):
        if language == "sh":
            found += [(line.partition("  #")[0].strip(), "") for line in block.splitlines()]
        elif not language:
            found[-1] = (found[-1][0], block)
    return found


def alike(text: str) -> list[str]:
    """The lines with their numbers, and what draws a tree, left out: they are others in each run."""
    return [re.sub(r"\d+", "N", " ".join(re.sub("[─│├└]", " ", line).split())) for line in text.splitlines()]


def test_the_readmes_way_from_an_old_tree_to_a_new_one(tree: Tree) -> None:
    for command, output in shown():
        words = shlex.split(command)
        if words[0] == "docker-compose" and "up" in words:
            continue  # the fixture has done it, with images that are there
        if words[0] == "docker-compose":
            told = Told(0, tree.project(*words[3:4], "-T", *words[4:]))
        else:
            told = tree.within(*words[2:])
        assert told.code == CODES.get(words[2], 0), f"{command}: {told}"
        missing = set(alike(output)) - set(alike(told.text)) - {"…"}
        assert not missing, f"{command} does not say {missing}:\n{told.text}"


def test_the_readmes_settings_are_those_of_the_compose_file() -> None:
    section = README.partition("## Build the new tree")[2].partition("\n## ")[0]
    (text,) = re.findall(r"```toml\n(.*?)```", section, re.DOTALL)
    readme, file = tomllib.loads(text)["migrate"], tomllib.loads((DOCKER / "migrate.toml").read_text())["migrate"]
    assert readme["target"].items() <= file.pop("target").items()
    readme.pop("target")
    assert readme.items() <= file.items()


def test_the_files_name_the_commands_that_this_test_runs() -> None:
    text = FILE.read_text()
    for words in ("run --rm understudy migrate status", "understudy migrate status -c docker/migrate-host.toml"):
        assert words in text
