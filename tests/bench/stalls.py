"""When the host took a core away: a real-time process on each core, which should wake every half millisecond.

A virtual machine's core stands still whenever its host runs something else (steal): on a busy host a hundred times a
second and more, for 0.3 to 20 ms. What users wait then is not what a proxy makes them wait. Nothing that is measured
can hold up a watcher, which real-time scheduling (sched(7), SCHED_FIFO) runs before everything else; what holds it up
is the host, or a long moment in the kernel.

Which requests are left out follows from when they were *due*, whatever became of them, so that nobody's slow ones
are chosen: from `BEFORE_S` before a stall, since those were under way when it began, until `AFTER_S` and twice the
stall's own length after it, in which what had gathered is worked off. The widths were found by trying (6 rounds of 3 s,
what Understudy's p99 is above nginx's): nothing left out but the stalls 2.8 ms, 2 ms around them 0.9 to 1.1, 5 ms 0.7,
10 ms and three times the stall 0.6.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import time
from collections.abc import Iterable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

PERIOD_S = 0.0005
STALL_S = 0.0003  # so much later than it should be; a core that nobody takes is late by 0.02 ms
BEFORE_S = AFTER_S = 0.005
PRIORITY = 50
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PATIENCE_S = 5


class Stall(NamedTuple):
    """A core stood still, in seconds of time.perf_counter()."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long."""
        return self.end - self.begin


class Watchers:
    """One on each core that this process may use, while the context lasts; `stalls` is what they saw."""

    def __init__(self) -> None:
        self.stalls: list[Stall] = []
        self.stolen_s = 0.0  # what the host itself says, over all cores: proc(5), steal
        self._processes: list[tuple[multiprocessing.Process, Connection]] = []

    def __enter__(self) -> Watchers:
        fork = multiprocessing.get_context("fork")
        for core in sorted(os.sched_getaffinity(0)):
            ours, theirs = multiprocessing.Pipe()
            process = fork.Process(target=_watch, args=(core, theirs), daemon=True)
            process.start()
            theirs.close()
            self._processes.append((process, ours))
        self.stolen_s = -_stolen_s()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stolen_s += _stolen_s()
        for _, pipe in self._processes:
            pipe.send(None)
        for process, pipe in self._processes:
            self.stalls += pipe.recv() if pipe.poll(_PATIENCE_S) else []
            process.join(_PATIENCE_S)
        self.stalls.sort()


def permitted() -> bool:
    """Whether this process may watch: it needs root, or CAP_SYS_NICE."""
    before, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except PermissionError:
        return False
    os.sched_setscheduler(0, before, parameters)
    return True


def _watch(core: int, pipe: Connection) -> None:
    """Until something is sent: sleep, and keep when that took too long."""
    os.sched_setaffinity(0, {core})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    Path("/proc/self/timerslack_ns").write_text("1")
    gc.disable()
    clock, seen = time.perf_counter, []
    woke = clock()
    while not pipe.poll():
        for _ in range(100):
            due = woke + PERIOD_S  # since the last look: the core may be taken between two of them, not only in a sleep
            time.sleep(PERIOD_S)
            if (woke := clock()) > due + STALL_S:
                seen.append(Stall(due, woke))
    pipe.send(seen)


def _stolen_s() -> float:
    return int(Path("/proc/stat").read_text().split(maxsplit=9)[8]) / _TICKS_PER_S


def calm(answers: Iterable[tuple[float, float]], stalls: Sequence[Stall]) -> list[float]:
    """The latencies of those (due, latency), in seconds, that were due far enough from any stall. Pure."""
    spans = sorted((stall.begin - BEFORE_S, stall.end + AFTER_S + 2 * stall.seconds) for stall in stalls)
    left, until, position = [], float("-inf"), 0
    for due, latency in sorted(answers):
        while position < len(spans) and spans[position][0] <= due:
            until = max(until, spans[position][1])
            position += 1
        if due > until:
            left.append(latency)
    return left
