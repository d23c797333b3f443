"""The demo's child processes: each writes a log of its own, and none outlives the demo.

Starting and stopping are plain blocking calls, so that no interruption can come between a process and the note
that it has to be stopped. Each child leads a session of its own: Ctrl-C in a terminal reaches the demo alone,
which then ends its children in order.

Children have children. All of them inherit the demo's folder as TMPDIR, and are known by it in /proc: so even the
workers of an Understudy that was killed are gone before the folder is.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Self

import aiohttp

from understudy.configfile import ENVIRONMENT
from understudy.errors import StartError

LOOK_S = 0.05  # how often a child is looked at
READY_S = 60.0
STOP_S = 8.0
TAIL_LINES = 15


class Child:
    """A running child: its name as a reader knows it, its process and its log."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log

    def check(self) -> None:
        """Raise StartError, with the last lines of the log, where the child has ended."""
        code = self.process.poll()
        if code is not None:
            raise StartError(f"{self.name} {_how(code)}", last_words(self.log))


class Children:
    """All children of the demo; a context manager that stops them, whatever happened."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: list[Child] = []

    def start(self, name: str, arguments: Sequence[str]) -> Child:
        """Start `python ARGUMENTS`, to be called `name` where something has to be said of it."""
        path = self._folder / f"{name.lower().replace(' ', '-')}.log"
        with path.open("wb") as log:
            child = Child(name, _python(arguments, self._folder, log, log), path)
        self._children.append(child)
        return child

    async def watch(self) -> None:
        """Wait until a child ends by itself, and raise StartError."""
        while True:
            for child in self._children:
                child.check()
            await asyncio.sleep(LOOK_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.process.terminate()
        self._wait(STOP_S)
        for pid in self.living():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._wait(STOP_S)
        for child in self._children:
            child.process.wait()

    def living(self) -> list[int]:
        """The children, and what they started, as far as they live."""
        mark = _mark(self._folder)
        found = []
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):  # it ended just now, or is somebody else's
                if mark in environ.read_bytes().split(b"\0"):
                    found.append(int(environ.parent.name))
        return found

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.living() and time.monotonic() < deadline:
            time.sleep(LOOK_S)


async def ready(child: Child, url: str, deadline_s: float = READY_S) -> None:
    """Wait until the child answers 200 at `url`. Raises StartError where it ends, or takes too long."""
    try:
        async with asyncio.timeout(deadline_s), aiohttp.ClientSession() as session:
            while not await _answers(session, url):
                child.check()
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        raise StartError(f"{child.name} is not ready after {deadline_s:g} s", last_words(child.log)) from None


async def run(arguments: Sequence[str], folder: Path, out: IO[bytes] | None = None) -> None:
    """Run `python ARGUMENTS` to its end; it prints to `out`, or to where the demo does.

    Raises StartError with its last words where it fails.
    """
    errors = folder / "command.log"
    with errors.open("wb") as log:
        process = _python(arguments, folder, log, out)
    try:
        while process.poll() is None:  # noqa: ASYNC110  a process sets no event
            await asyncio.sleep(LOOK_S)
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        command = " ".join(arguments).removeprefix("-m ")
        raise StartError(f"`{command}` {_how(process.returncode)}", last_words(errors))


def last_words(log: Path) -> str:
    """The end of a log."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    if not lines:
        return "it left no word in its log"
    return "the last lines of its log:\n" + "\n".join(f"    {line}" for line in lines[-TAIL_LINES:])


async def output(arguments: Sequence[str], folder: Path) -> bytes:
    """What `python ARGUMENTS` prints. Raises StartError with its last words where it fails."""
    printed = folder / "command.out"
    with printed.open("wb") as out:
        await run(arguments, folder, out)
    return printed.read_bytes()


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on now, all different. Raises StartError."""
    try:
        with contextlib.ExitStack() as probes:
            sockets = [probes.enter_context(socket.socket()) for _ in range(count)]
            for probe in sockets:
                probe.bind(("127.0.0.1", 0))
            return [int(probe.getsockname()[1]) for probe in sockets]
    except OSError as error:
        raise StartError(f"no port to be had on 127.0.0.1: {error.strerror}") from error


def _python(
    arguments: Sequence[str], folder: Path, errors: IO[bytes], out: IO[bytes] | None
) -> subprocess.Popen[bytes]:
    # The settings in the user's environment are for the user's Understudy.
    environ = {name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT)}
    environ["TMPDIR"] = str(folder)
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=errors,
        start_new_session=True,
    )


def _mark(folder: Path) -> bytes:
    return b"TMPDIR=" + os.fsencode(folder)


def _how(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url, timeout=aiohttp.ClientTimeout(total=2)) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
