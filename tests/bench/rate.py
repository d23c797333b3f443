"""The judge's own rate on one core, measured by judge.py beside this file in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from load import HERE
from processes import BenchError
from results import Row
from stage import Stage

PATIENCE_S = 600


def judge(stage: Stage) -> list[Row]:
    """Different 1 KB JSON pairs a second of CPU time: what a core does that nobody else uses meanwhile."""
    command = [sys.executable, str(HERE / "judge.py"), "--json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"judge.py did not end within {PATIENCE_S} s") from error
    if done.returncode:
        raise BenchError(f"judge.py: {(done.stderr or done.stdout).strip()[-300:]}")
    found = json.loads(done.stdout)
    return [
        _row("judge, different 1 KB JSON pairs a second of one core", found["json_1kb"], at_least=15_000),
        *(_row(f"judge, {name} a second of one core", found[name]) for name in found if name != "json_1kb"),
    ]


def _row(what: str, case: dict[str, Any], at_least: float | None = None) -> Row:
    note = f"{case['cpu_us']:,.1f} us of CPU each; {case['per_s']:,.0f}/s by the clock"
    return Row(what, 1e6 / case["cpu_us"], "/s", at_least, note=note)
