"""What is told of rows that differ: their keys and the names of the columns, never another value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from understudy.migrate.ports import Database
from understudy.migrate.verify.finding import Finding, Kind
from understudy.migrate.verify.keys import Value
from understudy.migrate.verify.pairs import Copy, Pair
from understudy.migrate.verify.sessions import Sides
from understudy.migrate.verify.suspects import Sight

AT_ONCE = 50
MEND = {
    Kind.MISSING_ROW: "copy the row from the old side, outside the new side's binary log, or rebuild the new server",
    Kind.EXTRA_ROW: "find out who wrote it to the new side; delete it there, or rebuild the new server",
    Kind.CHANGED_ROW: "find out who changed it; copy the row from the old side, or rebuild the new server",
}


def findings_of(sides: Sides, pair: Pair, sights: Mapping[Value, tuple[Sight, Sight]]) -> list[Finding]:
    """A finding for each of these rows, with what was seen of it on the old and on the new side."""
    changed = [key for key, (old, new) in sights.items() if pair.ordered and old is not None and new is not None]
    columns = dict(_columns(sides, pair, changed))
    return [_finding(pair, key, *seen, columns.get(key, ())) for key, seen in sights.items()]


def _finding(pair: Pair, key: Value, old: Sight, new: Sight, columns: Sequence[str]) -> Finding:
    shown = pair.shown(key)
    if not pair.ordered:
        kind = Kind.MISSING_ROW if _many(old) > _many(new) else Kind.EXTRA_ROW
        found = f"the old side has {_many(old)} such rows, the new side {_many(new)}"
        return Finding(kind, pair.name, found, shown, mend=(MEND[kind],))
    if old is None or new is None:
        kind = Kind.MISSING_ROW if new is None else Kind.EXTRA_ROW
        found = f"only the {'old' if new is None else 'new'} side has this row"
    else:
        kind = Kind.CHANGED_ROW
        found = f"{', '.join(columns) or 'something in it'} {'differs' if len(columns) < 2 else 'differ'}"
    return Finding(kind, pair.name, found, shown, tuple(columns), (MEND[kind],))


def _many(sight: Sight) -> int:
    return sight if isinstance(sight, int) else 0


def _columns(sides: Sides, pair: Pair, keys: Sequence[Value]) -> Iterator[tuple[Value, tuple[str, ...]]]:
    for start in range(0, len(keys), AT_ONCE):
        chosen = keys[start : start + AT_ONCE]
        old, new = sides.both(
            lambda old, chosen=chosen: _rows(old, pair.old, chosen),  # type: ignore[misc]
            lambda new, chosen=chosen: _rows(new, pair.new, chosen),  # type: ignore[misc]
        )
        for key in chosen:
            if key in old and key in new:
                yield key, pair.old.changed(old[key], new[key])


def _rows(session: Database, copy: Copy, keys: Sequence[Value]) -> dict[Value, tuple[object, ...]]:
    width = len(copy.keys)
    return {
        tuple(str(value) for value in row[:width]): tuple(row)
        for batch in session.stream(copy.columns(keys))
        for row in batch
    }
