"""`understudy migrate verify` against pt-table-checksum: rows a second, and what both leave of the source's throughput.

    .venv/bin/python tests/bench/migrate_verify.py [--rows 5000000] [--rounds 3] [--image mariadb-10.11] [--save]

Some six minutes. A source and its replica in containers, both with all data in memory, replication by position; the
versions are those that pt-table-checksum works on: MariaDB 10.11, of the same Debian release as Percona Toolkit 3.2
(MySQL 5.6 does as well; 8.4 and later don't, for it says SHOW SLAVE STATUS). Contenders run in turn, in every round. A
first round, which isn't counted, has one byte changed on the replica: each has to find it, and to have read every row.

Source, replica, contender and load share this machine's cores, so what a contender takes, the source lacks: with a load
that takes as much as it can get, a fall shows whatever else works there (falls.py).
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import contenders
import falls
import machine
import pair
import report
from contenders import Contender
from falls import Loaded
from pair import Pair
from processes import BenchError
from report import Report
from results import Row, Sample, median, of, ratio

from containers import REPOSITORY, sweep, why_no_engine

OURS, PEER, PEER_TUNED = "understudy verify", "pt-table-checksum", "pt-table-checksum --chunk-time 2"
CHECKSUMS = "checksums, rows for requests"
SECTION = "verify"
HERE = Path(__file__).parent


def measure(options: argparse.Namespace) -> Report:
    """All of it, from empty servers to rows of the report. Raises BenchError."""
    _provide(pair.TOOLS, options.image)
    sweep()
    with (
        tempfile.TemporaryDirectory(prefix="understudy-bench-") as folder,
        pair.started(options.image, options.rows) as both,
    ):
        ours = contenders.understudy(both, OURS, options.understudy, Path(folder))
        peer = contenders.percona(both, PEER)
        tuned = contenders.percona(both, PEER_TUNED, "--chunk-time=2")
        others, containers_s = machine.Others(), both.cpu_s()
        rows = [_planted(both, [ours, peer])]
        samples = _checksums(both, [ours, peer, tuned], options.rounds)
        rows += _rates(samples, both.rows)
        loaded = falls.measure(both, [ours, peer], options.seconds, options.load_rounds)
        rows += falls.rows(loaded, OURS, PEER)
        effort = (
            f"{both.rows:,} rows in {len(both.tables)} tables on {both.version()}, {options.rounds} rounds; loads of "
            f"{options.seconds:g} s, {options.load_rounds} rounds; source, replica and load share the "
            f"machine, of which others used {others.share(both.cpu_s() - containers_s):.0%} meanwhile"
        )
    return Report(machine.here(), effort, rows, [*samples, *map(Loaded.sample, loaded)], {})


def _provide(*images: str) -> None:
    if why := why_no_engine():
        raise BenchError(why)
    command = [sys.executable, str(REPOSITORY / "docker/images/build.py"), *images]
    if (done := subprocess.run(command, capture_output=True, text=True)).returncode:
        raise BenchError(f"no images {' and '.join(images)}: {(done.stdout + done.stderr)[-500:]}")


def _planted(both: Pair, against: Sequence[Contender]) -> Row:
    """One byte differs: who reads every row and finds it. Not measured: it warms up what is measured next."""
    wrong = []
    with both.planted() as row:
        for contender in against:
            checked = contender.run()
            both.forget_checksums()
            if checked.rows != both.rows:
                wrong.append(f"{contender.name} read {checked.rows:,} of {both.rows:,} rows")
            if checked.differing != ["bench.sbtest3"]:
                wrong.append(f"{contender.name} finds {', '.join(checked.differing) or 'nothing'}")
    told = "; ".join(wrong) or f"one in bench.sbtest3, id {row:,}; all rows were read, and nothing else was found"
    return Row("a changed byte among all rows: found by", float(len(against)), note=told, failed=bool(wrong))


def _checksums(both: Pair, against: Sequence[Contender], rounds: int) -> list[Sample]:
    """Each in turn, in every round another one first."""
    samples = []
    for turn in range(rounds):
        first = turn % len(against)
        for contender in (*against[first:], *against[:first]):
            before, begun = both.servers_cpu_s(), time.monotonic()
            checked = contender.run()
            took_s, cpu_s = time.monotonic() - begun, both.servers_cpu_s() - before
            wrong = [f"read {checked.rows:,}"] if checked.rows != both.rows else []
            wrong += [f"found {table}" for table in checked.differing]
            per_row_us = cpu_s * 1e6 / both.rows
            samples.append(
                Sample(
                    CHECKSUMS, contender.name, checked.rows, checked.rows / took_s, 0, 0, per_row_us, ", ".join(wrong)
                )
            )
            both.forget_checksums()
    return samples


def _rates(samples: Sequence[Sample], rows: int) -> list[Row]:
    """What the runs without a load mean."""
    ours, made = of(samples, CHECKSUMS, OURS), []
    for peer, least in ((PEER, 2.0), (PEER_TUNED, None)):
        theirs = of(samples, CHECKSUMS, peer)
        rate, cpu = ratio(ours, theirs, "per_second"), ratio(ours, theirs, "cpu_us")
        wrong = [f"{sample.subject}: {sample.errors}" for sample in (*ours, *theirs) if sample.errors]
        told = f"{median(ours, 'per_second').value:,.0f} and {median(theirs, 'per_second').value:,.0f} rows/s"
        made.append(
            Row(
                f"verify's rows/s over those of {peer}", rate.value, "x", at_least=least, low=rate.low, high=rate.high,
                note="; ".join([told, *wrong]), failed=bool(wrong),
            )
        )  # fmt: skip
        made.append(
            Row(f"verify's CPU of both servers over that of {peer}", cpu.value, "x", low=cpu.low, high=cpu.high)
        )
    return made


def run(arguments: Sequence[str] | None = None) -> None:
    """Measure as the arguments say, those of the command line by default, and print it. Raises BenchError."""
    options = _options(arguments)
    found = measure(options)
    report.publish(found, HERE / "latest.json", section=SECTION, as_data=options.json, keep=options.save)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000, help="of all tables (default 5,000,000)")
    parser.add_argument("--rounds", type=int, default=3, help="over all contenders (default 3)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each load (default 10)")
    parser.add_argument("--load-rounds", type=int, default=2, help="over all contenders, beside a load (default 2)")
    parser.add_argument("--image", default="mariadb-10.11", help="of both servers (default mariadb-10.11; mysql-5.6)")
    parser.add_argument(
        "--understudy", type=Path, default=Path(sys.executable).parent / "understudy", metavar="COMMAND",
        help="the command to measure (default: beside this Python)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON with every sample instead of tables")
    parser.add_argument("--save", action="store_true", help=f'keep it in latest.json, under "{SECTION}"')
    return parser.parse_args(arguments)


def main() -> int:
    """Measure and print it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        run()
    except BenchError as failure:
        print(f"migrate_verify.py: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
