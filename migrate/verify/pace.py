"""How many rows a chunk has, and how long to rest after it. Pure.

The size follows the time that chunks take. It halves where a chunk was unequal and grows slowly where it was equal:
under writes a large chunk is touched between the two sides' moments more often than a small one, and is then read
again in parts. So the size settles where little is read twice.

Rest follows the old side's speed: on a server that has processors to spare a row costs what it cost at best. Where it
costs more, others are waiting for the same processors, and they go first.
"""

from __future__ import annotations

FEWEST = 500
FIRST = 20_000
LEAP = 4  # a chunk is at most so many times the one before
EASE = 1.2
SLOWED = 1.6  # so many times the best time a row, and we rest
REST = 6.0  # so many times the chunk's time for each time beyond it
LONGEST_REST = 12.0


class Pace:
    """Of one table."""

    def __init__(self, target_s: float) -> None:
        self.rows = FIRST
        self._target_s = target_s
        self._limit = float(1 << 62)
        self._best_rate = 0.0

    def took(self, rows: int, seconds: float, equal: bool) -> None:
        """A chunk of so many rows took so long, the slower side."""
        if not equal:
            self._limit = max(FEWEST, min(self._limit, self.rows) / 2)
        elif rows >= self._limit / 2:
            self._limit *= EASE
        fitting = rows / max(seconds, 1e-4) * self._target_s if rows else self.rows * LEAP
        self.rows = int(max(FEWEST, min(fitting, self.rows * LEAP, self._limit)))

    def rest_s(self, rows: int, seconds: float) -> float:
        """How long to rest after the old side took so long for so many rows."""
        if rows < FEWEST:
            return 0.0
        rate = rows / max(seconds, 1e-4)
        self._best_rate = max(rate, self._best_rate * 0.999)
        beyond = self._best_rate / rate - SLOWED
        return seconds * min(LONGEST_REST, REST * beyond) if beyond > 0 else 0.0
