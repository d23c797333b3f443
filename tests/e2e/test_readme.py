"""The README's own path, for one's own two stacks: its commands are typed as they stand there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import COMMAND, Answer, AppServer, Asked, Understudy, free_port, wait_until

README = (Path(__file__).parents[2] / "README.md").read_text()
OWN = README.partition("## Before your own two stacks")[2].partition("\n### ")[0]
TYPED_ELSEWHERE = {"make", "pip", "understudy run"}  # what installs or serves; the rest is typed here


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", OWN, re.DOTALL)


def commands() -> list[str]:
    lines = [line.partition("  #")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line and not any(line.startswith(word) for word in TYPED_ELSEWHERE)]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with the README's settings in understudy.toml, the stacks running, and Understudy serving."""

    def old(asked: Asked) -> Answer:
        return Answer(b'{"price": 19.90}', content_type="application/json")

    def new(asked: Asked) -> Answer:
        return Answer(b'{"price": 19.9}', content_type="application/json")

    (settings,) = blocks("toml")
    with AppServer(old) as first, AppServer(new) as second:
        port, control = free_port(), free_port()
        text = settings.replace("9001", str(first.port)).replace("9002", str(second.port)).replace("8080", str(port))
        text = text.replace("percent = 1.0", "percent = 100.0").replace(
            "[proxy]", f'[proxy]\ncontrol = "127.0.0.1:{control}"'
        )
        understudy = Understudy(tmp_path, {"proxy": {"listen": f"127.0.0.1:{port}", "control": f"127.0.0.1:{control}"}})
        understudy.configure = lambda **_: understudy.file.write_text(text)  # type: ignore[method-assign, assignment]
        with understudy:
            wait_until(lambda: "lost" in understudy.status()["judge"], what="the judge has told that it is there")
            yield tmp_path


@pytest.mark.slow
def test_the_readmes_commands_do_what_they_say(folder: Path) -> None:
    assert [line.split()[0] for line in commands()].count("understudy") >= 6
    port = re.search(r'listen = "[\d.]+:(\d+)"', (folder / "understudy.toml").read_text())
    assert port
    environ = {**os.environ, "PATH": f"{COMMAND.parent}:{os.environ['PATH']}"}
    for line in commands():
        words = shlex.split(line.replace("8080", port[1]))
        if words[:2] == ["understudy", "init"]:
            words.append("fresh.toml")
        done = subprocess.run(words, cwd=folder, env=environ, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        assert done.stdout


def test_every_bucket_is_explained() -> None:
    from understudy.proxy.counts import BUCKETS

    table = README.partition("### One request, one bucket")[2].partition("\n## ")[0]
    assert set(
        re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in table.splitlines() if "|" in line))
    ) >= set(BUCKETS)


def test_every_file_that_the_readme_links_to_is_there() -> None:
    root = Path(__file__).parents[2]
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (root / link).exists()] == []
