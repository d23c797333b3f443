"""A load on the source: sysbench's oltp_read_write, on the tables that are checksummed meanwhile."""

from __future__ import annotations

import re
from typing import NamedTuple

from dataset import DATABASE, SYSBENCH_TABLES
from pair import Pair
from processes import BenchError

from containers import ROOT_PASSWORD

BUCKET = re.compile(r"^ *([\d.]+) \|\** *(\d+)$", re.MULTILINE)
TRANSACTIONS = re.compile(r"transactions: +(\d+) +\(([\d.]+) per sec\.\)")
ERRORS = re.compile(r"ignored errors: +(\d+)")


class Load(NamedTuple):
    """Transactions that the source got done, and how long they took, in milliseconds."""

    transactions: int
    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    retried: int


def run(pair: Pair, threads: int, seconds: float, per_second: float = 0) -> Load:
    """Run it: as fast as `threads` sessions can, or at a rate, where waiting for a free session counts as latency."""
    size = next(table.rows for table in pair.tables if table.name.startswith("sbtest"))
    text = pair.tools.service.run(
        "sysbench", "oltp_read_write", "--db-driver=mysql", f"--mysql-host={pair.source.node.name}",
        "--mysql-user=root", f"--mysql-password={ROOT_PASSWORD}", f"--mysql-db={DATABASE}",
        f"--tables={SYSBENCH_TABLES}", f"--table-size={size}", f"--threads={threads}", f"--time={seconds:.0f}",
        f"--rate={per_second:.0f}", "--histogram=on", "--percentile=95",
        "--rand-seed=1", "run",
    )  # fmt: skip
    return parse(text)


def parse(text: str) -> Load:
    """sysbench's report."""
    done, errors = TRANSACTIONS.search(text), ERRORS.search(text)
    buckets = [(float(value), int(count)) for value, count in BUCKET.findall(text)]
    if not done or not errors or not buckets:
        raise BenchError(f"sysbench measured nothing: {text.strip()[-300:]}")
    quantiles = (_quantile(buckets, share) for share in (0.5, 0.95, 0.99))
    return Load(int(done[1]), float(done[2]), *quantiles, int(errors[1]))


def _quantile(buckets: list[tuple[float, int]], share: float) -> float:
    wanted = share * sum(count for _, count in buckets)
    for value, count in buckets:
        wanted -= count
        if wanted <= 0:
            return value
    return buckets[-1][0]
