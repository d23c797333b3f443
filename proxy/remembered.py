"""What follows from bytes that come again and again, worked out once, within bounds. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """What follows from identical head bytes, bounded: keep-alive connections repeat their heads.

    Measured on 290-byte heads: a request's takes 27 µs to read anew, a reply's 14 µs. The younger half is
    kept when it is full, so that heads that never repeat can't push out for long those that do; long heads
    are not kept at all, which bounds the memory at `limit` times 4 KiB or so.
    """

    __slots__ = ("_old", "_read", "limit", "young")

    MAX_BYTES = 2048

    def __init__(self, read: Callable[[bytes], T], limit: int = 1024) -> None:
        self._read = read
        self.young: dict[bytes, T] = {}  # what is looked up for every head, without a call of ours
        self._old: dict[bytes, T] = {}
        self.limit = limit

    def read(self, raw: bytes) -> T:
        """What follows from these bytes where `young` doesn't know it; raises what the reader raises."""
        made = self._old.get(raw)
        if made is None:
            made = self._read(raw)
        if len(raw) <= self.MAX_BYTES:
            if len(self.young) >= self.limit // 2:
                self._old, self.young = self.young, {}
            self.young[raw] = made
        return made
