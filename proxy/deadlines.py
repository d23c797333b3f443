"""Many timers of one length, cheaply: a queue whose order is the order in which they end.

`loop.call_later` and its cancelling cost four times as much (measured on uvloop: 0.85 µs, against 0.2 µs to start and
stop one here), and each request would need several. All timers of one kind have the same length, so the first
one started is the first to end, and looking at the front of an insertion-ordered dict is enough. Their clock is that of
the last sweep, so that starting one asks no clock: they end late by up to two sweeps, never early by more than one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Deadlines(Generic[T]):
    """Timers that all last `after_s`. `sweep` must be called now and then, with a monotonic clock's seconds."""

    __slots__ = ("_after_s", "_due", "_expire", "_next_due")

    def __init__(self, after_s: float, expire: Callable[[T], None], now: float) -> None:
        self._after_s = after_s
        self._next_due = now + after_s
        self._expire = expire
        self._due: dict[T, float] = {}

    def start(self, item: T) -> None:
        """Start the item's timer, or start it anew."""
        due = self._due
        due.pop(item, None)
        due[item] = self._next_due

    def start_once(self, item: T) -> None:
        """Start the item's timer, unless it runs."""
        if item not in self._due:
            self.start(item)

    def stop(self, item: T) -> bool:
        """Forget the item's timer; whether it ran."""
        return self._due.pop(item, None) is not None

    def sweep(self, now: float, at_most: int = sys.maxsize) -> bool:
        """End the timers that are due; whether there are more than `at_most`. What `expire` raises is not caught."""
        self._next_due = now + self._after_s
        while self._due:
            item, due = next(iter(self._due.items()))
            if due > now:
                return False
            if at_most <= 0:
                return True
            at_most -= 1
            del self._due[item]  # first, since what expires may start the item anew
            self._expire(item)
        return False

    def __contains__(self, item: T) -> bool:
        return item in self._due

    def __len__(self) -> int:
        return len(self._due)
