"""How long `understudy migrate verify` takes on rows of 16 MB, and how much memory: MySQL 5.6 to 9.7, one byte changed.

    .venv/bin/python tests/bench/migrate_long.py [--megabytes 2000] [--runs 1] [--save]

Some minutes; the disk has to hold the rows twice, and the logs that they replicate through. Each row is full of one
text of its own; they are written to the source alone. Then one byte in the middle of the last row is changed on the new
side, and every run has to find it, and nothing else. The whole command is measured, interpreter start included; memory
is the most that its process held (wait4's ru_maxrss), which is to be the same however much data there is.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import machine
import report
from migrate_check import cpu_s
from report import Report
from results import Row

from containers import sweep
from integration.operating import Operator
from integration.trees import NEW, OLD, Node, Running, tree
from integration.verifying import Stage
from support import COMMAND

MB = 1_000_000
ROW_MB = 16
OPTIONS = ("--max-allowed-packet=64M", "--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0")
ONLY_OLD = ("--binlog-format=ROW", "--innodb-log-file-size=256M")  # 5.6 takes no value above a tenth of its redo log
SETTLE_EACH = 10  # rows
MOST_MIB = 300
HERE = Path(__file__).parent


class Measured(NamedTuple):
    """One run of the command; `source_s` is the CPU time of the old source meanwhile."""

    seconds: float
    cpu_s: float
    source_s: float
    bytes: int


def main() -> None:
    options = _options()
    sweep()
    found = measure(options)
    report.publish(found, HERE / "latest.json", section="long rows", keep=options.save)
    if not options.keep_going and any(row.met is False for row in found.rows):
        raise SystemExit(1)


def measure(options: argparse.Namespace) -> Report:
    """All of it, from empty servers to rows of the report."""
    count = max(1, options.megabytes // ROW_MB)
    old = Node("old", "mysql-5.6", options=(*OLD, *OPTIONS, *ONLY_OLD))
    new = Node("new", "mysql-9.7", "old", (*NEW, *OPTIONS))
    with tempfile.TemporaryDirectory() as folder, tree(old, new) as servers:
        stage = Stage(servers["old"], servers["new"], Path(folder))
        begun = time.monotonic()
        fill(stage, count)
        print(f"{count} rows on both sides after {time.monotonic() - begun:.0f} s", file=sys.stderr)
        middle = ROW_MB * MB // 2
        changed = stage.spoil("new", f"UPDATE long_rows.t SET b = INSERT(b, {middle}, 1, '!') WHERE id = {count}")
        assert changed == 1
        operator = stage.operator()
        others, before_s = machine.Others(), cpu_s(stage.old) + cpu_s(stage.new)
        runs = [measured(operator, stage.old, count) for _ in range(options.runs)]
        share = others.share(cpu_s(stage.old) + cpu_s(stage.new) - before_s)
    effort = (
        f"{count:,} rows of {ROW_MB} MB, mysql-5.6 to mysql-9.7, {options.runs} runs; command and servers share the"
        f" machine, of which others used {share:.0%} meanwhile"
    )
    return Report(machine.here(), effort, rows(f"verify of {count * ROW_MB:,} MB in long rows", count, runs), [], {})


def rows(what: str, count: int, runs: Sequence[Measured]) -> list[Row]:
    """What the runs mean."""
    seconds = [run.seconds for run in runs]
    rate = count * ROW_MB / statistics.median(seconds)
    return [
        Row(what, statistics.median(seconds), "s", low=min(seconds), high=max(seconds), note="the byte is found"),
        Row(f"{what}: rate", rate, "MB/s"),
        Row(f"{what}: memory", max(run.bytes for run in runs) / 2**20, "MiB", at_most=MOST_MIB),
        Row(f"{what}: CPU of the command", statistics.median(run.cpu_s for run in runs), "s"),
        Row(f"{what}: CPU of the source", statistics.median(run.source_s for run in runs), "s"),
    ]


def fill(stage: Stage, count: int) -> None:
    """So many rows on both sides; the new one is waited for now and then, so that little is on its way."""
    stage.write("CREATE DATABASE long_rows", "CREATE TABLE long_rows.t (id INT PRIMARY KEY, b LONGBLOB) ENGINE=InnoDB")
    text = f"REPEAT(CONCAT(MD5({{}}), SHA1({{}}), '\\n'), {ROW_MB * MB // 73 + 1})"  # 73 bytes each time
    inserts = [
        f"INSERT INTO long_rows.t VALUES ({number}, LEFT({text.format(number, number)}, {ROW_MB * MB}))"
        for number in range(1, count + 1)
    ]
    for start in range(0, count, SETTLE_EACH):
        stage.write(*inserts[start : start + SETTLE_EACH])


def measured(operator: Operator, source: Running, changed: int) -> Measured:
    """One run, which has to find the changed row and its column, and nothing else."""
    asked = ["--data-only", "--restart", "--table", "long_rows.t", "--json", "-c", operator.file]
    begun, before_s = time.monotonic(), cpu_s(source)
    child = subprocess.Popen([COMMAND, "migrate", "verify", *asked], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    answer = child.stdout.read()
    child.stdout.close()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    took = time.monotonic() - begun
    assert child.returncode == 4, answer
    (run,) = json.loads(answer)["runs"]
    found = [(one["kind"], one["key"], one["columns"]) for one in run["findings"]]
    assert found == [("changed-row", {"id": str(changed)}, ["b"])], found
    assert run["rows"] == changed, answer
    return Measured(took, usage.ru_utime + usage.ru_stime, cpu_s(source) - before_s, usage.ru_maxrss * 1024)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--megabytes", type=int, default=2_000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--keep-going", action="store_true", help="a bound that is passed is told, and is no failure")
    parser.add_argument("--save", action="store_true", help='keep it in latest.json, under "long rows"')
    return parser.parse_args()


if __name__ == "__main__":
    main()
