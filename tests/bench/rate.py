"""The judge's own rate on one core, measured by judge.py beside this file in a process of its own."""

from __future__ import annotations

import json
import sys
from typing import Any

from load import HERE, output
from results import Row
from stage import Stage

PATIENCE_S = 600


def judge(stage: Stage) -> list[Row]:
    """Different 1 KB JSON pairs a second of CPU time: what a core does that nobody else uses meanwhile."""
    command = [sys.executable, str(HERE / "judge.py"), "--json"]
    found = json.loads(output(command, PATIENCE_S))
    return [
        _row("judge, different 1 KB JSON pairs a second of one core", found["json_1kb"], at_least=15_000),
        *(_row(f"judge, {name} a second of one core", found[name]) for name in found if name != "json_1kb"),
    ]


def _row(what: str, case: dict[str, Any], at_least: float | None = None) -> Row:
    best, middle, worst = (1e6 / case[name] for name in ("cpu_us", "middle_cpu_us", "worst_cpu_us"))
    note = (
        f"the best of several runs: {case['cpu_us']:,.1f} us of CPU each; {case['per_s']:,.0f}/s by the clock; "
        f"the middle one {middle:,.0f}/s"
    )
    return Row(what, best, "/s", at_least, low=worst, high=best, note=note)
