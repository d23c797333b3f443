"""What one server has executed and another has not, by their GTIDs. Pure.

MySQL: "uuid:1-3:7" lists intervals of a source's numbers; since 8.3 a tag may stand between ("uuid:tag:1-2"). MariaDB:
"0-7-11" is a domain, a server and the newest number, of which gtid_binlog_state has one for each domain and server.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

Intervals = list[tuple[int, int]]  # first and last number, both included


def errant(replica: str, source: str, *, is_mariadb: bool) -> str:
    """What the replica has that its source has not; empty where there is nothing."""
    return _mariadb(replica, source) if is_mariadb else subtract(replica, source)


def subtract(left: str, right: str) -> str:
    """GTID_SUBTRACT, as MySQL has it, in lower case and in order."""
    without = _parsed(right)
    found = []
    for name, intervals in sorted(_parsed(left).items()):
        rest = _minus(intervals, without.get(name, []))
        if rest:
            numbers = (str(first) if first == last else f"{first}-{last}" for first, last in rest)
            found.append(":".join([*name.split(), *numbers]))
    return ",".join(found)


def _mariadb(replica: str, source: str) -> str:
    known = dict(_positions(source))
    return ",".join(
        f"{domain}-{server}-{number}"
        for (domain, server), number in sorted(_positions(replica))
        if number > known.get((domain, server), 0)
    )


def _positions(gtids: str) -> Iterable[tuple[tuple[int, int], int]]:
    for domain, server, number in re.findall(r"(\d+)-(\d+)-(\d+)", gtids):
        yield (int(domain), int(server)), int(number)


def _parsed(gtids: str) -> dict[str, Intervals]:
    """By UUID, or "UUID tag", the intervals in order, those that touch made one."""
    found: dict[str, Intervals] = defaultdict(list)
    for part in filter(None, (part.strip().lower() for part in gtids.split(","))):
        uuid, *pieces = part.split(":")
        name = uuid
        for piece in pieces:
            if match := re.fullmatch(r"(\d+)(?:-(\d+))?", piece):
                found[name].append((int(match[1]), int(match[2] or match[1])))
            else:
                name = f"{uuid} {piece}"
    return {name: _joined(intervals) for name, intervals in found.items()}


def _joined(intervals: Intervals) -> Intervals:
    joined: Intervals = []
    for first, last in sorted(intervals):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def _minus(left: Intervals, right: Intervals) -> Intervals:
    rest: Intervals = []
    for start, end in left:
        first = start
        for low, high in right:
            if high < first or low > end:
                continue
            if low > first:
                rest.append((first, low - 1))
            first = high + 1
        if first <= end:
            rest.append((first, end))
    return rest
