"""How long `understudy migrate status` takes on a full tree of 31 servers: 1, 5 beneath it, 5 beneath each of those.

    .venv/bin/python tests/bench/migrate_status.py [--image mariadb-10.11] [--servers 31] [--runs 5] [--hanging]

One small mariadbd or mysqld a container, on one Docker network. `--hanging` pauses one replica, which then accepts and
never answers. The whole command is measured, interpreter start included.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from containers import sweep
from integration.operating import Operator
from integration.trees import OLD, Node, tree

SMALL = ("--innodb-buffer-pool-size=8M", "--performance-schema=OFF", "--key-buffer-size=1M")
FANOUT = 5


def nodes(image: str, count: int) -> list[Node]:
    """A full tree, sources before their replicas."""
    options = (*OLD, *SMALL)
    if image == "mysql-9.7":
        options = ("--gtid-mode=OFF", "--enforce-gtid-consistency=OFF", "--innodb-use-native-aio=0", *options[1:])
    return [Node(f"s{i}", image, f"s{(i - 1) // FANOUT}" if i else "", options) for i in range(count)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--image", default="mariadb-10.11")
    parser.add_argument("--servers", type=int, default=31)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--hanging", action="store_true", help="one replica is paused")
    chosen = parser.parse_args()
    sweep()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        begun = time.monotonic()
        servers = stack.enter_context(tree(*nodes(chosen.image, chosen.servers)))
        print(f"{len(servers)} servers of {chosen.image} replicate after {time.monotonic() - begun:.0f} s")
        operator = Operator(folder, servers["s0"].address)
        if chosen.hanging:
            servers[f"s{chosen.servers - 1}"].service.container.pause()
        took = [measured(operator, chosen.servers, chosen.hanging) for _ in range(chosen.runs)]
        print(f"status: median {statistics.median(took):.2f} s, most {max(took):.2f} s of {len(took)} runs")
        if chosen.hanging:
            servers[f"s{chosen.servers - 1}"].service.container.unpause()


def measured(operator: Operator, count: int, hanging: bool) -> float:
    """Seconds of one run, whose answer is looked at."""
    begun = time.monotonic()
    told = operator.ask("status")
    took = time.monotonic() - begun
    assert told.code == 0, told
    assert told.out.count(":3306") >= count, told.out
    assert told.out.count("no answer in time") == int(hanging), told.out
    return took


if __name__ == "__main__":
    main()
