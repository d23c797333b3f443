"""From a range whose two sides were unequal to the rows that looked different: in parts, and parts of parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from understudy.migrate.ports import Clock, Database
from understudy.migrate.verify.cutting import Range
from understudy.migrate.verify.keys import Value
from understudy.migrate.verify.pairs import Copy, Pair
from understudy.migrate.verify.sessions import ANSWER_S, Sides
from understudy.migrate.verify.suspects import Sight

LEAF = 1_000  # so many rows are listed
PARTS = 16
BUCKET = 500  # rows in a bucket of a table without a key
AT_ONCE = 16  # buckets that are listed at once
SCAN_S = 86_400.0  # a table without an ordered key is read in one statement

Suspects = Mapping[Value, tuple[Sight, Sight]]


class Total(NamedTuple):
    """What a side says of a range."""

    rows: int
    number: int
    seconds: float = 0.0

    def equals(self, other: Total) -> bool:
        """Whether it is the same rows; how long it took doesn't matter."""
        return self[:2] == other[:2]


def totals(sides: Sides, pair: Pair, cut: Range, clock: Clock) -> tuple[Total, Total]:
    """What both sides say of a range, asked at the same time."""

    def ask(session: Database, copy: Copy) -> Total:
        start = clock.monotonic_s()
        row = session.row(copy.total(*cut))
        count, number = row.values() if row else (0, 0)
        return Total(int(count), int(number or 0), clock.monotonic_s() - start)

    patience_s = ANSWER_S if pair.ordered else SCAN_S
    return sides.both(lambda old: ask(old, pair.old), lambda new: ask(new, pair.new), patience_s)


def differing(sides: Sides, pair: Pair, cut: Range, found: tuple[Total, Total], clock: Clock) -> Iterator[Suspects]:
    """The rows of an unequal range that looked different, some at a time."""
    if not pair.ordered:
        yield from _bucketed(sides, pair, max(total.rows for total in found))
        return
    rows = max(total.rows for total in found)
    if rows <= LEAF:
        yield _listed(sides, pair, cut)
        return
    at, upper = cut
    while True:
        end = _boundary(sides, pair, (at, upper), found, max(LEAF, rows // PARTS))
        part = (at, upper if end is None else end)
        again = totals(sides, pair, part, clock)
        if not again[0].equals(again[1]):
            yield from differing(sides, pair, part, again, clock)
        if end is None:
            return
        at = end


def _boundary(sides: Sides, pair: Pair, cut: Range, found: tuple[Total, Total], rows: int) -> Value | None:
    """Where the part ends; the side with more rows says so."""
    by_new = found[1].rows > found[0].rows
    session, copy = (sides.new, pair.new) if by_new else (sides.old, pair.old)
    row = session.row(copy.boundary(*cut, rows))
    return tuple(str(value) for value in row.values()) if row else None


def _listed(sides: Sides, pair: Pair, cut: Range) -> Suspects:
    return _unlike(
        *sides.both(
            lambda old: keyed(old, pair.old, pair.old.listed(*cut)),
            lambda new: keyed(new, pair.new, pair.new.listed(*cut)),
        )
    )


def keyed(session: Database, copy: Copy, sql: str) -> dict[Value, Sight]:
    """Rows' numbers by key; of a copy without an ordered key how many rows there are, by number."""
    width = len(copy.keys) if copy.ordered else 1
    return {
        tuple(str(value) for value in row[:width]): int(row[width]) for batch in session.stream(sql) for row in batch
    }


def _unlike(old: Mapping[Value, Sight], new: Mapping[Value, Sight]) -> Suspects:
    return {key: (old.get(key), new.get(key)) for key in {**old, **new} if old.get(key) != new.get(key)}


def _bucketed(sides: Sides, pair: Pair, rows: int) -> Iterator[Suspects]:
    count = max(1, rows // BUCKET)

    def ask(session: Database, copy: Copy) -> dict[int, tuple[int, int]]:
        said = session.stream(copy.buckets(count))
        return {int(bucket): (int(many), int(number)) for batch in said for bucket, many, number in batch}

    old, new = sides.both(lambda old: ask(old, pair.old), lambda new: ask(new, pair.new), SCAN_S)
    unlike = sorted(bucket for bucket in {**old, **new} if old.get(bucket) != new.get(bucket))
    for start in range(0, len(unlike), AT_ONCE):
        chosen = unlike[start : start + AT_ONCE]
        yield _unlike(
            *sides.both(
                lambda old, chosen=chosen: keyed(old, pair.old, pair.old.within(chosen, count)),  # type: ignore[misc]
                lambda new, chosen=chosen: keyed(new, pair.new, pair.new.within(chosen, count)),  # type: ignore[misc]
                SCAN_S,
            )
        )
