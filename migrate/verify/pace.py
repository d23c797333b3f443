"""How many rows a chunk has. Pure.

The size follows the time that chunks take. It halves where a chunk was unequal and grows slowly where it was equal:
under writes a large chunk is touched between the two sides' moments more often than a small one, and is then read
again in parts. So the size settles where little is read twice. The first chunk of long rows is small, since nothing is
known of the time yet.
"""

from __future__ import annotations

FEWEST = 500
FIRST = 20_000
FIRST_BYTES = 32 << 20  # of long rows: 5.6 and 9.7, together on 2 busy cores, read 40 to 65 MB of LONGBLOB a second
LEAP = 4  # a chunk is at most so many times the one before
EASE = 1.2


class Pace:
    """Of one table; `row_bytes` is how long its rows are on average, by estimate."""

    def __init__(self, target_s: float, row_bytes: int = 0) -> None:
        self.rows = max(1, min(FIRST, FIRST_BYTES // max(1, row_bytes)))
        self._fewest = min(FEWEST, self.rows)
        self._target_s = target_s
        self._limit = float(1 << 62)

    def took(self, rows: int, seconds: float, equal: bool) -> None:
        """A chunk of so many rows took so long, the slower side."""
        if not equal:
            self._limit = max(FEWEST, min(self._limit, self.rows) / 2)
        elif rows >= self._limit / 2:
            self._limit *= EASE
        fitting = rows / max(seconds, 1e-4) * self._target_s if rows else self.rows * LEAP
        self.rows = int(max(self._fewest, min(fitting, self.rows * LEAP, self._limit)))
