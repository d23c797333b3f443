"""The judge's own rate on one core, measured by judge.py beside this file in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

from load import HERE
from processes import BenchError
from results import Row
from stage import Stage


def judge(stage: Stage) -> list[Row]:
    """Different 1 KB JSON pairs a second."""
    script = HERE / "judge.py"
    if not script.exists():
        raise BenchError(f"{script} is missing")
    done = subprocess.run([sys.executable, script, "--json"], capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise BenchError(f"judge.py: {(done.stderr or done.stdout).strip()[-300:]}")
    print(done.stdout)
    found = json.loads(done.stdout)
    return [Row("judge, different 1 KB JSON pairs a second, one core", found["per_second"], "/s", at_least=15_000)]
