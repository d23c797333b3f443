"""How long `understudy migrate status` takes on a full tree of 31 servers: 1, 5 beneath it, 5 beneath each of those.

    .venv/bin/python tests/bench/migrate_status.py [--image mariadb-10.11] [--servers 31] [--runs 5] [--save]

One small mariadbd or mysqld a container, on one Docker network. At the end one replica is paused, which then accepts
and never answers. The whole command is measured, interpreter start included.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import commanded
import machine
from report import Report

from integration.operating import Operator
from integration.trees import OLD, Node, tree

SMALL = ("--innodb-buffer-pool-size=8M", "--performance-schema=OFF", "--key-buffer-size=1M")
FANOUT = 5
MOST_S = 3.0
SECTION = "status"


def nodes(image: str, count: int) -> list[Node]:
    """A full tree, sources before their replicas."""
    options = (*OLD, *SMALL)
    if image == "mysql-9.7":
        options = ("--gtid-mode=OFF", "--enforce-gtid-consistency=OFF", "--innodb-use-native-aio=0", *options[1:])
    return [Node(f"s{i}", image, f"s{(i - 1) // FANOUT}" if i else "", options) for i in range(count)]


def run(arguments: Sequence[str] | None = None) -> None:
    """Measure as the arguments say, those of the command line by default, and print it."""
    commanded.published(measure, _options(arguments), SECTION)


def measure(options: argparse.Namespace) -> Report:
    """All of it, from empty servers to rows of the report."""
    last = f"s{options.servers - 1}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        begun = time.monotonic()
        servers = stack.enter_context(tree(*nodes(options.image, options.servers)))
        print(f"{len(servers)} servers replicate after {time.monotonic() - begun:.0f} s", file=sys.stderr)
        operator, count = Operator(folder, servers["s0"].address, connect_ms=2_000), options.servers
        others = machine.Others()
        took = [measured(operator, count, hanging=False) for _ in range(options.runs)]
        servers[last].service.container.pause()
        hanging = [measured(operator, count, hanging=True) for _ in range(options.runs)]
        servers[last].service.container.unpause()
        effort = (
            f"{count} servers of {options.image} on this machine, {options.runs} runs each; servers and others used "
            f"{others.share():.0%} of it meanwhile"
        )
    what = f"status of {count} servers"
    hung = f"{what}, one of which accepts and never answers"
    made = [commanded.timed(what, took, at_most=MOST_S), commanded.timed(hung, hanging)]
    return Report(machine.here(), effort, made, [], {})


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = commanded.parser(__doc__, runs=5)
    parser.add_argument("--image", default="mariadb-10.11")
    parser.add_argument("--servers", type=int, default=31)
    return parser.parse_args(arguments)


def measured(operator: Operator, count: int, *, hanging: bool) -> float:
    """Seconds of one run, whose answer is looked at."""
    begun = time.monotonic()
    told = operator.ask("status")
    took = time.monotonic() - begun
    assert told.code == 0, told
    assert told.out.count(":3306") >= count, told.out
    assert told.out.count("no answer in time") == int(hanging), told.out
    return took


if __name__ == "__main__":
    run()
