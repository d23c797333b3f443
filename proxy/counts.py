"""Every request is in one bucket: the counts of a worker, and their sum over workers. Pure.

`received` is always the sum of all buckets and of what is in flight. A worker reports its counts once a second;
what a dead worker had reported stays in the sum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct, field

BUCKETS: Final = (
    "equal",
    "different",
    "skipped",
    "sampled_out",
    "shed",
    "too_large",
    "shadow_failed",
    "primary_failed",
    "client_gone",
    "unrecorded",
    "rejected",
)


LOST: Final = ("lost_equal", "lost_different")  # the judge's, of its own life: gone before it came


class StackStats(Struct):
    """How one stack did, as one worker saw it. `requests` went out; `failed` is keyed by reason."""

    role: str = "shadow"
    requests: int = 0
    equal: int = 0
    different: int = 0
    shed: int = 0
    failed: dict[str, int] = {}
    connections: int = 0
    in_flight: int = 0
    breaker: str = ""
    breaker_opened: int = 0


class WorkerStats(Struct):
    """What a worker reports. `requests` holds received and every bucket; `refused` why requests were rejected."""

    requests: dict[str, int] = {}
    in_flight: int = 0
    connections: int = 0
    stacks: dict[str, StackStats] = {}
    refused: dict[str, int] = {}
    recorded: int = 0
    recorded_bytes: int = 0
    by_digest: int = 0
    asked_again: int = 0
    hook_failures: int = 0
    settings: int = 0  # how many reloads are in force


class Counts:
    """A worker's counts, as its data path keeps them. `in_flight` follows: received less all buckets."""

    __slots__ = (*BUCKETS, "asked_again", "by_digest", "received", "refused")

    def __init__(self) -> None:
        for bucket in BUCKETS:
            setattr(self, bucket, 0)
        self.received = self.by_digest = self.asked_again = 0
        self.refused: Counter[str] = Counter()

    equal: int
    different: int
    unrecorded: int
    rejected: int

    def add(self, bucket: str, number: int = 1) -> None:
        """Put requests into a bucket."""
        setattr(self, bucket, getattr(self, bucket) + number)

    def requests(self) -> dict[str, int]:
        """Received, and every bucket."""
        return {"received": self.received, **{bucket: getattr(self, bucket) for bucket in BUCKETS}}

    def in_flight(self) -> int:
        """Requests without a bucket yet."""
        settled: int = sum(getattr(self, bucket) for bucket in BUCKETS)
        return self.received - settled


class Totals(Struct):
    """The sum over all workers, alive (gauges too) and dead (counters only)."""

    requests: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("received", *BUCKETS), 0))
    in_flight: int = 0
    connections: int = 0
    stacks: dict[str, StackStats] = {}
    refused: dict[str, int] = {}
    recorded: int = 0
    by_digest: int = 0
    asked_again: int = 0
    hook_failures: int = 0


_WORST_FIRST: Final = ("open", "probing", "closed", "")


def total(alive: Iterable[WorkerStats], dead: Iterable[WorkerStats] = ()) -> Totals:
    """Sum what workers reported. What a dead worker had in flight was lost with it, so it is not received either."""
    totals = Totals()
    for stats in alive:
        _add(totals, stats)
        totals.in_flight += stats.in_flight
        totals.connections += stats.connections
        for name, stack in stats.stacks.items():
            mine = totals.stacks[name]
            mine.connections += stack.connections
            mine.in_flight += stack.in_flight
            mine.breaker = min(mine.breaker, stack.breaker, key=_WORST_FIRST.index)
    for stats in dead:
        _add(totals, stats)
        totals.requests["received"] -= stats.in_flight
    return totals


def _add(totals: Totals, stats: WorkerStats) -> None:
    _add_counts(totals.requests, stats.requests)
    _add_counts(totals.refused, stats.refused)
    totals.recorded += stats.recorded
    totals.by_digest += stats.by_digest
    totals.asked_again += stats.asked_again
    totals.hook_failures += stats.hook_failures
    for name, stack in stats.stacks.items():
        mine = totals.stacks.setdefault(name, StackStats(stack.role))
        mine.requests += stack.requests
        mine.equal += stack.equal
        mine.different += stack.different
        mine.shed += stack.shed
        mine.breaker_opened += stack.breaker_opened
        _add_counts(mine.failed, stack.failed)


def _add_counts(into: dict[str, int], more: Mapping[str, int]) -> None:
    for name, number in more.items():
        into[name] = into.get(name, 0) + number


def without_lost(requests: Mapping[str, int], lost_equal: int, lost_different: int) -> dict[str, int]:
    """The buckets when segments went before they were judged: what they held is `unrecorded` after all."""
    lost_equal, lost_different = min(lost_equal, requests["equal"]), min(lost_different, requests["different"])
    return {
        **requests,
        "equal": requests["equal"] - lost_equal,
        "different": requests["different"] - lost_different,
        "unrecorded": requests["unrecorded"] + lost_equal + lost_different,
    }


def as_json(totals: Totals, judge: Mapping[str, Any]) -> dict[str, Any]:
    """What `understudy status --json` prints; `judge` tells what was lost since it started, and not in earlier runs."""
    requests = without_lost(totals.requests, judge.get("lost_equal", 0), judge.get("lost_different", 0))
    rest = msgspec.to_builtins(totals)
    return {**rest, "requests": requests, "judge": {"judged": 0, "backlog": 0, **judge}}
