"""Work that no user waits for, done in the time that users leave: asking shadows, and settling what they answered.

A turn of the loop passes on all bytes that are there; what is done here comes after them, a piece in each turn, so that
a user whose bytes arrive meanwhile waits for one piece and not for all. Where much has piled up a turn takes more of
it: users have most of the loop then, and the rest is never left behind for good.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

SHARE = 8  # of what waits, one in so many is done in a turn, and at least one


class SpareTime:
    """The pieces of one loop, first come, first done; `call_soon` is the loop's own."""

    __slots__ = ("_call_soon", "_waiting")

    def __init__(self, call_soon: Callable[[Callable[[], None]], object]) -> None:
        self._call_soon = call_soon
        self._waiting: deque[tuple[Callable[[Any], None], Any]] = deque()

    def do(self, work: Callable[[T], None], of: T) -> None:
        """Do `work(of)` once the users' bytes that are here have been passed on."""
        self._waiting.append((work, of))
        if len(self._waiting) == 1:
            self._call_soon(self._turn)

    def _turn(self) -> None:
        waiting = self._waiting
        try:
            for _ in range(1 + len(waiting) // SHARE):
                work, of = waiting[0]
                try:
                    work(of)
                finally:
                    waiting.popleft()
        finally:  # whatever one piece runs into, the others are done
            if waiting:
                self._call_soon(self._turn)
