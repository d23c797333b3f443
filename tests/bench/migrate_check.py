"""How long `understudy migrate check` takes on a schema of 10,000 tables, and how much memory.

    .venv/bin/python tests/bench/migrate_check.py [--image mariadb-10.5] [--tables 10000] [--runs 3] [--save]

Some two minutes. The tables are varied: a fifth have foreign keys, a fiftieth ten partitions, all of them several
indexes and columns of many types; beside them views, routines, triggers and events. The new source is one empty server
of the next version. The old source is restarted before the first run, so that it has nothing open and nothing in memory
(the kernel may have). `commanded.py` says how the command is measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import commanded
import machine
from commanded import Measured, cpu_s
from report import Report
from results import Row

from containers import network
from integration.operating import Operator
from integration.trees import OLD, Node, Running, answering, started
from support import wait_until

NEXT = {"mysql-5.6": "mysql-9.7", "mariadb-10.5": "mariadb-11.8", "mariadb-10.11": "mariadb-11.8"}
OPTIONS = ("--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0", "--skip-log-bin", "--table-definition-cache=2000")
DATABASES = 20
MOST_S, MOST_MIB = 60, 300


def run(arguments: Sequence[str] | None = None) -> None:
    """Measure as the arguments say, those of the command line by default, and print it."""
    options = _options(arguments)
    commanded.published(measure, options, f"check {options.image}")


def measure(options: argparse.Namespace) -> Report:
    """All of it, from empty servers to rows of the report."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        net = stack.enter_context(network())
        nodes = (Node("old", options.image, options=OPTIONS), Node("new", NEXT[options.image], options=OLD))
        servers = started(stack, net, *nodes)
        old = servers["old"]
        begun = time.monotonic()
        fill(old, options.tables)
        print(f"{options.tables} tables on {options.image} after {time.monotonic() - begun:.0f} s", file=sys.stderr)
        restart(old)
        operator = Operator(folder, old.address, f'[migrate.target]\nnew_source = "{servers["new"].address}"\n')
        others, before_s = machine.Others(), cpu_s(old)
        runs, findings = zip(*(measured(operator, old) for _ in range(options.runs)), strict=True)
        effort = (
            f"{options.tables:,} tables on {options.image}, {options.runs} runs; command and source share the machine,"
            f" of which others used {others.share(cpu_s(old) - before_s):.0%} meanwhile"
        )
    return Report(machine.here(), effort, rows(f"check of {options.tables:,} tables", runs, findings[0]), [], {})


def rows(what: str, runs: Sequence[Measured], findings: int) -> list[Row]:
    """What the runs mean."""
    seconds = [run.seconds for run in runs]
    return [
        commanded.timed(what, seconds, at_most=MOST_S, note=f"{findings:,} findings"),
        Row(f"{what}, the source newly started", seconds[0], "s", at_most=MOST_S),
        *commanded.spent(what, runs, MOST_MIB),
    ]


def restart(server: Running) -> None:
    """Stop it cleanly, start it, and wait until it answers."""
    server.service.container.restart(timeout=60)
    with wait_until(lambda: answering(server), 60, "the server answers again"):
        pass


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


def measured(operator: Operator, source: Running) -> tuple[Measured, int]:
    """One run, whose answer is looked at, and how many findings it told."""
    run = commanded.run(source, "migrate", "check", "--json", "-c", operator.file)
    assert run.code in (3, 4), run.answer
    return run.measured, len(json.loads(run.answer)["findings"])


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = commanded.parser(__doc__, runs=3)
    parser.add_argument("--image", default="mariadb-10.5", choices=NEXT)
    parser.add_argument("--tables", type=int, default=10_000)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run()
