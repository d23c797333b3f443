"""How long `understudy migrate check` takes on a schema of 10,000 tables, and how much memory.

    .venv/bin/python tests/bench/migrate_check.py [--image mysql-5.6] [--tables 10000] [--runs 3] [--keep-going]

The tables are varied: a fifth have foreign keys, a fiftieth ten partitions, all of them several indexes and columns of
many types; beside them views, routines, triggers and events. The new source is one empty server of the next version.
The whole command is measured, interpreter start included; memory is the most that its process held (wait4's ru_maxrss).
The bounds are 60 s and 300 MiB.
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
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from containers import network, sweep
from integration.operating import Operator
from integration.trees import OLD, Node, Running, started
from support import COMMAND

NEXT = {"mysql-5.6": "mysql-9.7", "mariadb-10.5": "mariadb-11.8", "mariadb-10.11": "mariadb-11.8"}
OPTIONS = ("--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0", "--skip-log-bin", "--table-definition-cache=2000")
DATABASES = 20
MOST_S, MOST_BYTES = 60, 300 * 1024 * 1024


class Measured(NamedTuple):
    """One run of the command."""

    seconds: float
    cpu_s: float
    bytes: int
    findings: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--image", default="mysql-5.6", choices=NEXT)
    parser.add_argument("--tables", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keep-going", action="store_true", help="a bound that is passed is told, and is no failure")
    chosen = parser.parse_args()
    sweep()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        net = stack.enter_context(network())
        nodes = (Node("old", chosen.image, options=OPTIONS), Node("new", NEXT[chosen.image], options=OLD))
        servers = started(stack, net, *nodes)
        begun = time.monotonic()
        fill(servers["old"], chosen.tables)
        print(f"{chosen.tables} tables on {chosen.image} after {time.monotonic() - begun:.0f} s")
        target = f'[migrate.target]\nnew_source = "{servers["new"].address}"\n'
        operator = Operator(folder, servers["old"].address, target)
        runs = [measured(operator) for _ in range(chosen.runs)]
        print(f"first run, caches cold: {told(runs[0])}")
        print(f"median of {len(runs)}: {statistics.median(run.seconds for run in runs):.1f} s")
        print(f"most: {max(run.seconds for run in runs):.1f} s, {max(run.bytes for run in runs) / 2**20:.0f} MiB")
        passed = max(run.seconds for run in runs) > MOST_S or max(run.bytes for run in runs) > MOST_BYTES
        if passed and not chosen.keep_going:
            raise SystemExit(f"more than {MOST_S} s or {MOST_BYTES / 2**20:.0f} MiB")


def told(run: Measured) -> str:
    memory = f"{run.bytes / 2**20:.0f} MiB"
    return f"{run.seconds:.1f} s, of which {run.cpu_s:.1f} s our own CPU; {memory}; {run.findings} findings"


def fill(server: Running, tables: int) -> None:
    """So many tables over twenty databases, and what else a schema has."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: _database(server, number, tables // DATABASES), range(DATABASES)))


def _database(server: Running, number: int, tables: int) -> None:
    name = f"shop_{number:02}"
    with server.sql() as session:
        session.execute(f"CREATE DATABASE {name} DEFAULT CHARACTER SET {'utf8' if number % 2 else 'latin1'}")
        session.execute(f"USE {name}")
        for index in range(tables):
            session.execute(table(index))
        for index in range(tables // 50):
            session.execute(f"CREATE VIEW v{index} AS SELECT id, name FROM t{index}")
            session.execute(f"CREATE PROCEDURE p{index}(IN wanted INT) SELECT * FROM t{index} WHERE id = wanted")
            session.execute(f"CREATE TRIGGER g{index} BEFORE INSERT ON t{index} FOR EACH ROW SET NEW.n0 = 1")
            session.execute(
                f"CREATE EVENT e{index} ON SCHEDULE EVERY 1 DAY STARTS '2035-01-01' DO DELETE FROM t{index}"
            )


def table(index: int) -> str:
    """One of the tables: 12 columns, 5 indexes, for some foreign keys or partitions."""
    numbers = ", ".join(f"n{i} INT UNSIGNED NOT NULL DEFAULT {i}" for i in range(4))
    rest = "price DECIMAL(10,2), seen DATETIME, kind ENUM('a','b','c'), body TEXT, at TIMESTAMP NOT NULL DEFAULT NOW()"
    keys = "KEY by_name (name(20)), KEY by_n (n0, n1), KEY by_n2 (n2, seen)"
    columns = f"id INT NOT NULL, parent INT, name VARCHAR(100), {numbers}, {rest}, {keys}"
    if index % 50 == 49:
        ranges = ", ".join(f"PARTITION p{i} VALUES LESS THAN ({i * 1000 + 1000})" for i in range(10))
        return f"CREATE TABLE t{index} ({columns}, PRIMARY KEY (id)) ENGINE=InnoDB PARTITION BY RANGE (id) ({ranges})"
    if index % 5 == 4:
        foreign = f"FOREIGN KEY (parent) REFERENCES t{index - 1} (id)"
        return f"CREATE TABLE t{index} ({columns}, PRIMARY KEY (id), {foreign}) ENGINE=InnoDB"
    engine = "MyISAM" if index % 100 == 50 else "InnoDB"
    primary = "" if index % 100 == 60 else ", PRIMARY KEY (id)"
    return f"CREATE TABLE t{index} ({columns}{primary}) ENGINE={engine}"


def measured(operator: Operator) -> Measured:
    """One run, whose answer is looked at."""
    begun = time.monotonic()
    child = subprocess.Popen(
        [COMMAND, "migrate", "check", "--json", "-c", operator.file], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    answer = child.stdout.read()
    child.stdout.close()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    took = time.monotonic() - begun
    assert child.returncode in (3, 4), answer
    found = json.loads(answer)["findings"]
    return Measured(took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, len(found))


if __name__ == "__main__":
    main()
