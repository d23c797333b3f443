"""An operator at the command line: settings in a file, `understudy migrate …` as a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from containers import ROOT_PASSWORD
from support import COMMAND, wait_until

KILLER = """
import os, signal, sys
from understudy.__main__ import main
from understudy.migrate.journal import Journal
event, kind, key, moment, *arguments = sys.argv[1:]
write = Journal.write
def killed(self, wrote, step="", **detail):
    here = str(wrote) == event and f"-{kind}-" in step and (not key or key in detail)
    if here and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, wrote, step, **detail)
    if here:
        os.kill(os.getpid(), signal.SIGKILL)
Journal.write = killed
sys.argv = ["understudy", *arguments]
main()
"""


class Told(NamedTuple):
    """What a command has said."""

    code: int
    out: str
    err: str


class Operator:
    """`understudy migrate COMMAND -c FILE`, with these settings: TOML beneath [migrate].

    Where a server is to keep silent, `connect_ms` says for how long it is listened to.
    """

    def __init__(
        self,
        folder: Path,
        source: str,
        more: str = "",
        user: str = "root",
        password: str = ROOT_PASSWORD,
        connect_ms: int = 15_000,
    ) -> None:
        self.file = folder / "understudy.toml"
        self.password_file = folder / "password"
        self.password_file.write_text(f"{password}\n")
        self.file.write_text(
            f'[migrate]\nsource = "{source}"\nuser = "{user}"\npassword_file = "password"\n'
            f'connect_ms = {connect_ms}\ntls = {{ verify = "none" }}\n{more}\n'
        )

    def ask(self, *arguments: str) -> Told:
        """Run it to its end."""
        environ = {**os.environ, "COLUMNS": "140"}
        done = subprocess.run(
            [COMMAND, "migrate", *arguments, "-c", self.file],
            capture_output=True,
            text=True,
            timeout=180,
            env=environ,
        )
        return Told(done.returncode, done.stdout, done.stderr)

    def dies(self, event: str, kind: str, key: str, moment: str, *arguments: str) -> None:
        """Run a build that kills itself just "before" or "after" its journal has such an entry of a step's kind."""
        asked = ["migrate", "build", "--execute", *arguments, "-c", str(self.file)]
        command = [sys.executable, "-c", KILLER, event, kind, key, moment, *asked]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == -signal.SIGKILL, done

    @contextlib.contextmanager
    def building(self) -> Iterator[subprocess.Popen[str]]:
        """`understudy migrate build --execute`, while it runs."""
        command = [COMMAND, "migrate", "build", "--execute", "-c", str(self.file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
            try:
                yield running
            finally:
                running.kill()

    def json(self, *arguments: str) -> Any:
        """Run it with --json: what it prints, read."""
        told = self.ask(*arguments, "--json")
        assert told.code == 0, told
        return json.loads(told.out)


class Quiet:
    """A `Progress` that nobody reads."""

    def begins(self, what: str, total_bytes: int | None = None, total_rows: int | None = None) -> None:
        pass

    def moved(self, bytes_: int = 0, rows: int = 0) -> None:
        pass

    def says(self, text: str) -> None:
        pass


class Screen:
    """A terminal on which a command runs."""

    def __init__(self, running: subprocess.Popen[bytes], fd: int) -> None:
        self.running = running
        self._fd = fd
        self._unread = b""

    def newly(self) -> bytes:
        """What it has been sent since it was last asked."""
        self._read()
        new, self._unread = self._unread, b""
        return new

    def interrupted(self) -> int:
        """Ctrl-C, and the exit code that comes of it; it is read on, since a terminal holds a few pages only."""
        self.running.send_signal(signal.SIGINT)
        wait_until(self._has_ended, 30, "it ends")
        self._read()
        return self.running.wait()

    def _has_ended(self) -> bool:
        self._read()
        return self.running.poll() is not None

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # nothing new, or its other end was closed
            while piece := os.read(self._fd, 65_536):
                self._unread += piece


@contextlib.contextmanager
def watching(operator: Operator) -> Iterator[Screen]:
    """`understudy migrate status --watch` on a terminal."""
    outer, inner = pty.openpty()
    running = subprocess.Popen(
        [COMMAND, "migrate", "status", "--watch", "--interval", "0.3", "-c", operator.file],
        stdin=inner, stdout=inner, stderr=inner, env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )  # fmt: skip
    os.close(inner)
    os.set_blocking(outer, False)
    try:
        yield Screen(running, outer)
    finally:
        running.kill()
        running.wait()
        os.close(outer)
