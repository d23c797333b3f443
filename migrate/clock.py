"""The machine's own time: `ports.Clock`; how far a server's is from it; and which of several is to be believed."""

from __future__ import annotations

import time
from collections.abc import Mapping

from msgspec import Struct

from understudy.migrate.ports import Clock, Database

TRIES = 3


class SystemClock:
    """Time as this machine tells it."""

    def now_s(self) -> float:
        """Seconds since 1970, for what is written down."""
        return time.time()

    def monotonic_s(self) -> float:
        """Seconds that never go back, for deadlines."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)


class Ahead(Struct, frozen=True):
    """How far a server's clock is ahead of ours, in ms, give or take `error_ms`, which is half of a round trip."""

    ms: float = 0.0
    error_ms: float = 0.0

    def is_off(self, other_ms: float, bound_ms: float) -> bool:
        """Whether it is further from another than the bound, whatever the error may be."""
        return abs(self.ms - other_ms) - self.error_ms > bound_ms


def ahead(database: Database, ours: Clock) -> Ahead:
    """How far the server's clock is ahead of ours: the quickest of a few askings. Raises ServerError."""
    database.execute("SET SESSION time_zone = '+00:00'")
    found = [_once(database, ours) for _ in range(TRIES)]
    database.execute("SET SESSION time_zone = 'SYSTEM'")
    return min(found, key=lambda one: one.error_ms)


def _once(database: Database, ours: Clock) -> Ahead:
    before = ours.now_s()
    there = float(database.value("SELECT UNIX_TIMESTAMP(SYSDATE(6))"))
    after = ours.now_s()
    return Ahead((there - (before + after) / 2) * 1000, (after - before) / 2 * 1000)


def believed_ms(clocks: Mapping[str, Ahead], bound_ms: float) -> float:
    """How far the right time is ahead of ours: ours is as good as one server's, and more than half of all are believed.

    Where they don't agree among themselves, ours is.
    """
    offsets = sorted(one.ms for one in clocks.values())
    for middle in offsets:
        near = [other for other in offsets if abs(other - middle) <= bound_ms]
        if 2 * len(near) > len(offsets) + 1 and abs(middle) > bound_ms:
            return near[len(near) // 2]
    return 0.0
