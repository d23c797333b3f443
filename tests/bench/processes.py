"""Child processes that end with the benchmark, and what /proc says about them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

PR_SET_PDEATHSIG = 1  # prctl(2)
TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")
PORTS = range(21_000, 32_000)  # below Linux' ephemeral ports: no outgoing connection takes one meanwhile

_libc = ctypes.CDLL(None)


class BenchError(Exception):
    """Something could not be set up or measured; the message says what and why."""


class Process(NamedTuple):
    """A line of /proc/PID/stat: who started it, and its CPU ticks with those of the children it has reaped."""

    pid: int
    parent: int
    ticks: int


class Processes:
    """Starts processes and, when closed, ends each of them with all of its descendants."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # a second Ctrl-C must not leave processes behind
        before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        for process in reversed(self._running.copy()):
            self.stop(process)
        for number, handler in before.items():
            signal.signal(number, handler)

    def start(self, name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> int:
        """Start a command in a session of its own, its output in NAME.log, and return its pid."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(env) if env else None,
                cwd=self.folder,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        self._running.append(process)
        return process.pid

    def end(self, pid: int) -> None:
        """Stop one of the processes by its pid."""
        for process in [p for p in self._running if p.pid == pid]:
            self.stop(process)

    def stop(self, process: subprocess.Popen[bytes], patience_s: float = 5) -> None:
        """SIGTERM, then SIGKILL for whatever of its tree is still there."""
        self._running.remove(process)
        family = tree(process.pid)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
        orphans = [pid for pid in family if _session(pid) == process.pid]
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        with contextlib.suppress(BenchError):  # a container's first process may never reap them
            wait_for(lambda: all(_session(pid) != process.pid for pid in orphans), "killed processes are gone", 5)

    def alive(self, pid: int) -> bool:
        """Whether the process still runs."""
        return any(p.pid == pid and p.poll() is None for p in self._running)

    def log_of(self, name: str, lines: int = 5) -> str:
        """The last lines that a process wrote, for an error message."""
        path = self.folder / f"{name}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""


def _end_with_parent() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return -1


def _all() -> Iterator[Process]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                fields = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()
                yield Process(int(entry), int(fields[1]), sum(map(int, fields[11:15])))


def tree(pid: int) -> dict[int, Process]:
    """A process and its descendants, by pid."""
    everyone = {process.pid: process for process in _all()}
    found: dict[int, Process] = {}
    todo = [pid]
    while todo:
        at = todo.pop()
        if at in everyone:
            found[at] = everyone[at]
            todo += [p.pid for p in everyone.values() if p.parent == at]
    return found


def cpu_us(pid: int) -> float:
    """CPU time of a process, its descendants and the children they have reaped, in microseconds."""
    return sum(process.ticks for process in tree(pid).values()) * TICK_US


def memory_kib(pid: int, field: str = "VmRSS") -> int:
    """A field of /proc/PID/status that counts memory: VmRSS, or VmHWM for the highest since `forget_peak`."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise BenchError(f"/proc/{pid}/status has no {field}")


def forget_peak(pid: int) -> None:
    """Begin VmHWM anew (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def holder_of(port: int, root: int) -> int:
    """Which process of `root`'s tree holds the most established connections that came in on a port."""
    inodes = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) == port and fields[3] == "01":
            inodes.add(f"socket:[{fields[9]}]")
    held = {pid: len(inodes & _open_files(pid)) for pid in tree(root)}
    pid = max(held, key=held.__getitem__, default=0)
    if not pid or not held[pid]:
        raise BenchError(f"no process below {root} holds a connection on port {port}")
    return pid


def _open_files(pid: int) -> set[str]:
    names = set()
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                names.add(os.readlink(entry.path))
    return names


class Ports:
    """Free ports of loopback, each given out once."""

    def __init__(self) -> None:
        self._candidates = iter(PORTS)

    def take(self) -> int:
        """A port on which nothing listens."""
        for port in self._candidates:
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
                return port
        raise BenchError(f"no free port from {PORTS.start} to {PORTS.stop}")


def wait_for(ready: Callable[[], bool], what: str, seconds: float, every_s: float = 0.05) -> None:
    """Wait for a condition, or raise BenchError."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise BenchError(f"{what}: not within {seconds:.0f} s")
        time.sleep(every_s)
