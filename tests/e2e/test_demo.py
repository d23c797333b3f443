"""`understudy demo` as a newcomer types it: in a terminal, in a pipe, interrupted, and with a child that dies."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

DEADLINE_S = 120.0


class Demo:
    """A demo as a process, whose temporary files are in a folder of its own."""

    def __init__(self, folder: Path, *arguments: str, terminal: int | None = None) -> None:
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.out, self.err = folder / "out", folder / "err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "understudy", "demo", *arguments],
                stdin=subprocess.DEVNULL if terminal is None else terminal,
                stdout=out if terminal is None else terminal,
                stderr=err if terminal is None else terminal,
                env={**os.environ, "TMPDIR": str(self.temporary), "TERM": "xterm"},
                start_new_session=True,
            )

    @property
    def folder(self) -> Path | None:
        """The demo's own temporary folder, while there is one."""
        return next(self.temporary.glob("understudy-demo-*"), None)

    def reaches(self, moment: Callable[[Demo], object]) -> None:
        """Wait until it has come to a moment."""

        def reached() -> object:
            assert self.process.poll() is None, self.said()
            return moment(self)

        wait_until(reached, self.said)

    def ended(self) -> int:
        """Its exit code."""
        return self.process.wait(DEADLINE_S)

    def said(self) -> str:
        """All that it has printed."""
        return self.out.read_text() + self.err.read_text()

    def processes(self) -> list[int]:
        """Every process of it that lives: those that have a folder of it for temporary files."""
        mark = f"TMPDIR={self.temporary}".encode()
        found = []
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if mark in environ.read_bytes():
                    found.append(int(environ.parent.name))
        return found

    def left_nothing(self) -> bool:
        """Whether no process and no file of it is left."""
        return not self.processes() and not list(self.temporary.iterdir())


Play = Callable[..., Demo]


@pytest.fixture
def play() -> Iterator[Play]:
    demos: list[Demo] = []
    folder = Path(tempfile.mkdtemp())  # pytest's own is too long for a socket's path in a folder in it

    def play(*arguments: str, terminal: int | None = None) -> Demo:
        demos.append(Demo(folder, *arguments, terminal=terminal))
        return demos[-1]

    yield play
    for demo in demos:
        for pid in demo.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        demo.process.wait(10)
    shutil.rmtree(folder)


def wait_until(condition: Callable[[], object], explain: Callable[[], str]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.02)


def test_the_result_for_a_script_accounts_for_every_request_and_names_every_fault(play: Play) -> None:
    demo = play("--json", "--seconds", "8")
    assert demo.ended() == 0, demo.err.read_text()
    result: dict[str, Any] = json.loads(demo.out.read_text())
    shoppers, requests = result["shoppers"], result["requests"]
    assert shoppers["requests"] == requests["received"] > 100
    assert shoppers["errors"] == 0
    assert set(shoppers["outcomes"]) == {"200", "201"}
    assert requests["skipped"] == shoppers["outcomes"]["201"]  # the cart is not mirrored
    assert requests["equal"] > requests["different"] > 0
    assert requests["equal"] + requests["different"] + requests["skipped"] == requests["received"]
    assert {fault["field"]: fault["found"] for fault in result["faults"]} == {
        "groups_sorted": True,
        "collation": True,
        "decimals": True,
        "every_index": True,
        "strict": True,
    }
    assert demo.left_nothing()


def test_a_pipe_gets_plain_text_that_ends_with_where_to_go_next(play: Play) -> None:
    demo = play("--seconds", "3")
    assert demo.ended() == 0, demo.err.read_text()
    text = demo.out.read_text()
    assert "\x1b" not in text
    assert "no errors" in text
    assert "/categories" in text
    assert "demo --stay" in text.splitlines()[-2]
    assert demo.err.read_text() == ""
    assert demo.left_nothing()


def test_a_terminal_gets_a_bar_that_moves(play: Play) -> None:
    mine, theirs = pty.openpty()
    demo = play("--seconds", "4", terminal=theirs)  # a core may be taken away for one of them
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: the other side is closed
        while piece := os.read(mine, 65_536):
            shown += piece
    os.close(mine)
    assert demo.ended() == 0, shown.decode()
    counts = re.findall(rb"([\d,]+) requests", shown)
    assert len(set(counts)) > 2
    assert demo.left_nothing()


def has_recorded(demo: Demo) -> bool:
    """Whether a request was recorded; what is judged may go while we look."""
    for path in demo.temporary.glob("*/state/recordings/*.seg"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_size > 0:
                return True
    return False


MOMENTS: dict[str, Callable[[Demo], object]] = {
    "as soon as it has a folder": lambda demo: demo.folder,
    "while the shops open": lambda demo: len(demo.processes()) > 1,
    "while Understudy starts": lambda demo: any(demo.temporary.glob("*/understudy.log")),
    "while the shoppers shop": has_recorded,
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_interrupted_at_any_moment_it_stops_in_order(play: Play, moment: str, number: signal.Signals) -> None:
    demo = play("--seconds", "60")
    demo.reaches(MOMENTS[moment])
    demo.process.send_signal(number)
    assert demo.ended() == 128 + number
    assert "Traceback" not in demo.said()
    assert demo.left_nothing()


def test_an_impatient_ctrl_c_again_and_again_changes_nothing(play: Play) -> None:
    demo = play("--seconds", "60")
    demo.reaches(MOMENTS["while the shoppers shop"])
    while demo.process.poll() is None:
        demo.process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            demo.process.wait(0.05)
    assert demo.left_nothing()
    assert "Traceback" not in demo.said()


def labels(text: str) -> set[str]:
    """What the lines of a verdict begin with; their numbers are others in each run."""
    return set(re.findall(r"^(NO GO for new|  (?:no go|[a-z]+) )", text, re.MULTILINE))


def shown_verdict() -> str:
    """The verdict on the demo's shops as the README shows it."""
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    return readme.partition("### Go, wait or no go")[2].split("```")[1].partition("\n")[2]


def test_with_stay_it_goes_on_until_ctrl_c_and_what_it_tells_to_type_works(play: Play) -> None:
    demo = play("--stay", "--seconds", "2")
    demo.reaches(lambda demo: re.search(r"understudy ramp .*\n", demo.said()))  # the last line, whole
    commands = re.findall(r"  \S*understudy ((?:status|diffs|ramp) .*-c .*)", demo.said())
    assert len(commands) == 7  # two of them are the report's own
    said: dict[str, str] = {}
    for command in commands:
        words = shlex.split(command, comments=True)
        run = [sys.executable, "-m", "understudy", *words]
        told = subprocess.run(run, stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "110"})
        assert told.returncode == (4 if "verdict" in words else 0), command  # no go
        said[words[1]] = told.stdout
    assert labels(shown_verdict()) <= labels(said["verdict"])
    assert demo.process.poll() is None
    demo.process.send_signal(signal.SIGINT)
    assert demo.ended() == 0
    assert demo.left_nothing()


def children_of(parent: int) -> list[int]:
    """Its own, not theirs."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def command_of(pid: int) -> bytes:
    """Its command line; empty where it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


@pytest.mark.parametrize("child", ["old.sqlite", "understudy.toml"], ids=["a shop", "understudy"])
def test_a_child_that_dies_ends_the_demo_with_its_name(play: Play, child: str) -> None:
    demo = play("--seconds", "60")
    demo.reaches(MOMENTS["while the shoppers shop"])
    name = "Understudy" if child == "understudy.toml" else "old stack"
    (victim,) = (pid for pid in children_of(demo.process.pid) if child.encode() in command_of(pid))
    os.kill(victim, signal.SIGKILL)
    assert demo.ended() == 1
    assert f"{name} was ended by SIGKILL" in demo.err.read_text()
    assert "Traceback" not in demo.err.read_text()
    assert demo.left_nothing()
