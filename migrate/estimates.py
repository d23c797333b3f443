"""How long steps may take: a low and a high number of seconds, so that nobody plans a night on a guess. Pure.

The rates are wide on purpose: a logical load is bound by how many indexes there are to fill, a clone by the network or
by the disk. What is measured while building replaces them.
"""

from __future__ import annotations

from typing import NamedTuple

from understudy.migrate.step import Kind

MIB, GIB = 1 << 20, 1 << 30
UNKNOWN_BYTES = (GIB, 256 * GIB)  # where nobody has said how much data there is


class Seconds(NamedTuple):
    """From how many to how many."""

    low: int
    high: int


_RATES = {  # bytes a second
    "dump": (4 * MIB, 60 * MIB),
    "clone": (30 * MIB, 300 * MIB),
    "hook": (15 * MIB, 500 * MIB),
}
_FIXED = {
    Kind.RETENTION: Seconds(1, 900),  # RDS modifies an instance for minutes, even where it applies immediately
    Kind.MOVE: Seconds(2, 120),
    Kind.ACCOUNTS: Seconds(1, 60),
    Kind.UPGRADE: Seconds(30, 3600),
    Kind.ATTACH: Seconds(1, 60),
    Kind.WRITABLE: Seconds(1, 5),
}


def estimate(kind: Kind, build: str, data_bytes: int | None = None) -> Seconds:
    """How long a step of this kind takes with so much data."""
    if kind in _FIXED:
        return _FIXED[kind]
    copy = _copy(build, data_bytes)
    if kind is Kind.CATCH_UP:  # what was written during the copy, at the pace at which it was written or much faster
        return Seconds(max(1, copy.low // 20), copy.high)
    return copy


def _copy(build: str, data_bytes: int | None) -> Seconds:
    slow, fast = _RATES[build.partition(":")[0]]
    least, most = (data_bytes, data_bytes) if data_bytes is not None else UNKNOWN_BYTES
    return Seconds(5 + least // fast, 60 + most // slow)
