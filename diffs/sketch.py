"""Latency sketches: quantiles of any number of values in a few hundred counters. Pure.

A value falls into the bucket of its logarithm (as in DDSketch, Masson et al. 2019), so a quantile is within 2 % of the
true one; two sketches are merged by adding their counters, and the difference of two values' buckets is the bucket of
their ratio, which makes paired ratios nearly free.
"""

from __future__ import annotations

from math import log
from typing import Final

import msgspec

GAMMA: Final = 1.04
_PER_LOG: Final = 1.0 / log(GAMMA)
LEAST_MS: Final = 0.01  # what is faster counts as this

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(dict[int, int])


def bucket(value_ms: float) -> int:
    """The bucket of a latency, 0 for the least."""
    return int(log(value_ms / LEAST_MS) * _PER_LOG) + 1 if value_ms > LEAST_MS else 0


def milliseconds(number: int) -> float:
    """The latency that a bucket stands for, its middle; negative buckets stand for negative differences."""
    if number < 0:
        return -milliseconds(-number)
    return float(LEAST_MS * GAMMA ** (number - 0.5)) if number else 0.0


def ratio(number: int) -> float:
    """The ratio that a difference of two buckets stands for."""
    return float(GAMMA**number)


class Sketch:
    """Counters by bucket."""

    __slots__ = ("counts",)

    def __init__(self, counts: dict[int, int] | None = None) -> None:
        self.counts = counts if counts is not None else {}

    def __len__(self) -> int:
        return sum(self.counts.values())

    def add(self, number: int, times: int = 1) -> None:
        """Count a bucket."""
        self.counts[number] = self.counts.get(number, 0) + times

    def merge(self, other: Sketch) -> None:
        """Add another sketch's counters to this one's."""
        mine = self.counts
        for number, times in other.counts.items():
            mine[number] = mine.get(number, 0) + times

    def at(self, quantile: float) -> int | None:
        """The bucket in which a quantile (0 to 1) lies; None while nothing is counted."""
        total = len(self)
        if not total:
            return None
        rank = quantile * (total - 1)
        seen = 0
        for number in sorted(self.counts):
            seen += self.counts[number]
            if seen > rank:
                return number
        return max(self.counts)

    def encode(self) -> bytes:
        """The sketch as bytes, for a database."""
        return _encoder.encode(self.counts)

    @classmethod
    def decode(cls, data: bytes) -> Sketch:
        """The sketch from `encode`'s bytes."""
        return cls(_decoder.decode(data) if data else {})


class Paired:
    """Latencies of two stacks that answered the same requests: each one's, new - old, and new / old."""

    __slots__ = ("delta", "new", "old", "ratio")

    def __init__(self) -> None:
        self.old, self.new, self.delta, self.ratio = Sketch(), Sketch(), Sketch(), Sketch()

    def add(self, old_ms: float, new_ms: float) -> None:
        """Count one request. Written out, since every equal answer comes by: 1.0 us, with `bucket` and `add` 1.2."""
        before = int(log(old_ms / LEAST_MS) * _PER_LOG) + 1 if old_ms > LEAST_MS else 0
        after = int(log(new_ms / LEAST_MS) * _PER_LOG) + 1 if new_ms > LEAST_MS else 0
        slower = new_ms - old_ms
        if slower > LEAST_MS:
            delta = int(log(slower / LEAST_MS) * _PER_LOG) + 1
        else:
            delta = -int(log(-slower / LEAST_MS) * _PER_LOG) - 1 if slower < -LEAST_MS else 0
        counts = self.old.counts
        counts[before] = counts.get(before, 0) + 1
        counts = self.new.counts
        counts[after] = counts.get(after, 0) + 1
        counts = self.ratio.counts
        counts[after - before] = counts.get(after - before, 0) + 1
        counts = self.delta.counts
        counts[delta] = counts.get(delta, 0) + 1

    def merge(self, other: Paired) -> None:
        """Add another's counters to this one's."""
        self.old.merge(other.old)
        self.new.merge(other.new)
        self.delta.merge(other.delta)
        self.ratio.merge(other.ratio)
