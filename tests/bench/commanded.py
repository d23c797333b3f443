"""A command of Understudy, run as an operator runs it and measured: how long, how much memory, whose CPU time.

The whole command is measured, interpreter start included; memory is the most that its process held (wait4's
ru_maxrss).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import report
from processes import cpu_us
from report import Report
from results import Row

from containers import sweep
from integration.trees import Running
from support import COMMAND

HERE = Path(__file__).parent


class Measured(NamedTuple):
    """One run of a command; `source_s` is the CPU time of the source meanwhile."""

    seconds: float
    cpu_s: float
    source_s: float
    bytes: int


class Run(NamedTuple):
    """What a run took, and what the command said."""

    measured: Measured
    code: int
    answer: str


def run(source: Running, *arguments: str | Path) -> Run:
    """Run `understudy ARGUMENTS` once."""
    begun, before_s = time.monotonic(), cpu_s(source)
    child = subprocess.Popen([COMMAND, *arguments], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    answer = child.stdout.read()
    child.stdout.close()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    took, spent = time.monotonic() - begun, usage.ru_utime + usage.ru_stime
    return Run(Measured(took, spent, cpu_s(source) - before_s, usage.ru_maxrss * 1024), child.returncode, answer)


def cpu_s(server: Running) -> float:
    """CPU time of the server since it started."""
    return cpu_us(server.service.state()["Pid"]) / 1e6


def timed(what: str, seconds: Sequence[float], *, at_most: float | None = None, note: str = "") -> Row:
    """The median of some runs and their spread."""
    low, high = min(seconds), max(seconds)
    return Row(what, statistics.median(seconds), "s", at_most=at_most, low=low, high=high, note=note)


def spent(what: str, runs: Sequence[Measured], most_mib: float) -> list[Row]:
    """What the runs cost: memory, and CPU time on both sides."""
    return [
        Row(f"{what}: memory", max(run.bytes for run in runs) / 2**20, "MiB", at_most=most_mib),
        Row(f"{what}: CPU of the command", statistics.median(run.cpu_s for run in runs), "s"),
        Row(f"{what}: CPU of the source", statistics.median(run.source_s for run in runs), "s"),
    ]


def parser(doc: str | None, runs: int) -> argparse.ArgumentParser:
    """The options that all have; `doc` is that of the module."""
    made = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    made.add_argument("--runs", type=int, default=runs)
    made.add_argument("--json", action="store_true", help="print JSON instead of tables")
    made.add_argument("--save", action="store_true", help="keep it in latest.json beside this file")
    return made


def published(measure: Callable[[Any], Report], options: argparse.Namespace, section: str) -> None:
    """Measure, once nothing of earlier runs is left, and print it; with --save under `section` of latest.json."""
    sweep()
    report.publish(measure(options), HERE / "latest.json", section=section, as_data=options.json, keep=options.save)
