"""Cutting a table into ranges: reckoned where the key is a counter, looked for elsewhere.

A counter's next range is so and so many numbers wide. It can't have more rows than that; where numbers are sparse, and
the range would have to be much wider than the rows wanted, the server is asked first how many rows it expects there.
"""

from __future__ import annotations

import threading

from understudy.migrate.faults import StatementError
from understudy.migrate.ports import Database
from understudy.migrate.rows import number
from understudy.migrate.verify.keys import Value
from understudy.migrate.verify.pace import Pace
from understudy.migrate.verify.pairs import Pair

Range = tuple[Value | None, Value | None]
SURPRISE = 4  # so many times the rows wanted, expected by the server, make a range too wide
WIDEST = 1 << 64


class Cutter:
    """Of one table; `lock` is to be held by who cuts."""

    def __init__(self, pair: Pair, pace: Pace, reached: Value | None = None, finished: bool = False) -> None:
        self.pair, self.pace = pair, pace
        self.finished = finished
        self.lock = threading.Lock()
        self.busy = 0
        self._reached = reached
        self._end: int | None = None
        self._density = 0.0

    def cut(self, old: Database) -> Range | None:
        """The next range; None after the last. The last is open upwards."""
        if self.finished:
            return None
        lower = self._reached
        if not self.pair.ordered:
            upper = None
        elif self.pair.is_counter:
            upper = self._reckoned(old)
        else:
            upper = boundary(self.pair, old, lower, None, self.pace.rows)
        self._reached, self.finished = upper, upper is None
        return lower, upper

    def took(self, cut: Range, rows: int) -> None:
        """A range had so many rows."""
        lower, upper = cut
        if self.pair.is_counter and lower is not None and upper is not None:
            width = int(upper[0]) - int(lower[0])
            self._density = max(rows, 0.25 * self._density * width) / width

    def _reckoned(self, old: Database) -> Value | None:
        start = self._begin(old) if self._end is None else int(self._reached[0]) if self._reached else None
        if start is None or self._end is None:
            return None
        wanted = self.pace.rows
        width = min(WIDEST, max(1, int(wanted / max(self._density, 1 / WIDEST))))
        while width > 2 * wanted and self._expected(old, start, start + width) > SURPRISE * wanted:
            width //= 4
        if start + width >= self._end:
            self._begin(old)  # it grows while we read
        return None if self._end is None or start + width >= self._end else (str(start + width),)

    def _begin(self, old: Database) -> int | None:
        ends = old.row(self.pair.old.ends())
        low, high = ends.values() if ends else (None, None)
        if low is None or high is None:
            return None
        try:
            first, self._end = int(low), int(high)
        except ValueError:  # the table was altered since its definition was read
            raise StatementError(old.address, f"the key of {self.pair.name} is no number any more") from None
        self._density = self._density or min(1.0, (self.pair.rows or 1) / (self._end - first + 1))
        return int(self._reached[0]) if self._reached else first - 1

    def _expected(self, old: Database, start: int, end: int) -> int:
        said = old.row(self.pair.old.estimated((str(start),), (str(end),)))
        return number(said.get("rows")) if said else 0


def boundary(pair: Pair, session: Database, lower: Value | None, upper: Value | None, rows: int) -> Value | None:
    """The key of the last of so many rows after `lower`; None where there are not so many up to `upper`."""
    copy = pair.old
    found = session.row(copy.boundary(lower, upper, rows))
    return tuple(str(value) for value in found.values()) if found else None
