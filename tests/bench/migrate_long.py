"""How long `understudy migrate verify` takes on rows of 16 MB, and how much memory: MySQL 5.6 to 9.7, one byte changed.

    .venv/bin/python tests/bench/migrate_long.py [--megabytes 2000] [--runs 1] [--save]

Some minutes; the disk has to hold the rows twice, and the logs that they replicate through. Each row is full of one
text of its own; they are written to the source alone. Then one byte in the middle of the last row is changed on the new
side, and every run has to find it, and nothing else. Memory is to be the same however much data there is;
`commanded.py` says how the command is measured.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import commanded
import machine
from commanded import Measured, cpu_s
from report import Report
from results import Row

from integration.operating import Operator
from integration.trees import NEW, OLD, Node, Running, tree
from integration.verifying import Stage

MB = 1_000_000
ROW_MB = 16
OPTIONS = ("--max-allowed-packet=64M", "--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0")
ONLY_OLD = ("--binlog-format=ROW", "--innodb-log-file-size=256M")  # 5.6 takes no value above a tenth of its redo log
SETTLE_EACH = 10  # rows
MOST_MIB = 300
SECTION = "long rows"


def run(arguments: Sequence[str] | None = None) -> None:
    """Measure as the arguments say, those of the command line by default, and print it."""
    commanded.published(measure, _options(arguments), SECTION)


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
    return [
        commanded.timed(what, seconds, note="the byte is found"),
        Row(f"{what}: rate", count * ROW_MB / statistics.median(seconds), "MB/s"),
        *commanded.spent(what, runs, MOST_MIB),
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
    asked = ("--data-only", "--restart", "--table", "long_rows.t", "--json", "-c", operator.file)
    run = commanded.run(source, "migrate", "verify", *asked)
    assert run.code == 4, run.answer
    (told,) = json.loads(run.answer)["runs"]
    found = [(one["kind"], one["key"], one["columns"]) for one in told["findings"]]
    assert found == [("changed-row", {"id": str(changed)}, ["b"])], found
    assert told["rows"] == changed, run.answer
    return run.measured


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = commanded.parser(__doc__, runs=1)
    parser.add_argument("--megabytes", type=int, default=2_000)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run()
