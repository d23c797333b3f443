"""How many rows a chunk has, and how long to rest after it. Pure.

The size follows the time that chunks take. It halves where a chunk was unequal and grows slowly where it was equal:
under writes a large chunk is touched between the two sides' moments more often than a small one, and is then read
again in parts. So the size settles where little is read twice. The first chunk of long rows is small, since nothing is
known of the time yet.

Rest follows the old side's speed: on a server that has processors to spare a row costs what it cost at best. Where it
costs more, others are waiting for the same processors, and they go first.
"""

from __future__ import annotations

FEWEST = 500
FIRST = 20_000
FIRST_BYTES = 32 << 20  # of long rows: 5.6 and 9.7, together on 2 busy cores, read 40 to 65 MB of LONGBLOB a second
LEAP = 4  # a chunk is at most so many times the one before
EASE = 1.2
SLOWED = 2.0  # so many times the best time a row, and we rest
REST = 1.5  # so many times the chunk's time for each time beyond it
WEIGHT = 0.3  # of the last chunk in the speed that counts: one slow chunk is no busy server


class Pace:
    """Of one table; `row_bytes` is how long its rows are on average, by estimate."""

    def __init__(self, target_s: float, max_rest: float, row_bytes: int = 0) -> None:
        self.rows = max(1, min(FIRST, FIRST_BYTES // max(1, row_bytes)))
        self._fewest = min(FEWEST, self.rows)
        self._target_s = target_s
        self._limit = float(1 << 62)
        self._max_rest = max_rest
        self._best_rate = self._rate = 0.0

    def took(self, rows: int, seconds: float, equal: bool) -> None:
        """A chunk of so many rows took so long, the slower side."""
        if not equal:
            self._limit = max(FEWEST, min(self._limit, self.rows) / 2)
        elif rows >= self._limit / 2:
            self._limit *= EASE
        fitting = rows / max(seconds, 1e-4) * self._target_s if rows else self.rows * LEAP
        self.rows = int(max(self._fewest, min(fitting, self.rows * LEAP, self._limit)))

    def rest_s(self, rows: int, seconds: float) -> float:
        """How long to rest after the old side took so long for so many rows."""
        if rows < self._fewest:
            return 0.0
        rate = rows / max(seconds, 1e-4)
        self._rate = WEIGHT * rate + (1 - WEIGHT) * (self._rate or rate)
        self._best_rate = max(self._rate, self._best_rate * 0.999)
        beyond = self._best_rate / self._rate - SLOWED
        return seconds * max(0.0, min(self._max_rest, REST * beyond))
