"""Rows that looked different once, and what further looks at them say. Pure.

A look is three: the old side's row, the new side's once it has applied what the old one had then, the old side's again.
What is seen is a row's number, None where there is no such row. See the package's theory for why one common sight is
equality, and why a row that stood still on the old side while the new side twice showed another is a difference.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import StrEnum

Sight = Hashable  # a row's number, or how many rows have it; None for no row
LOOKS_ALIKE = 2  # so many looks in a row, all with the same two sights, make a difference
KEPT = 256  # sights of a row that never holds still


class Verdict(StrEnum):
    """What became of a suspect."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNDECIDED = "undecided"


class Suspect:
    """A row that looked different on the two sides."""

    def __init__(self, old: Sight, new: Sight) -> None:
        self._old: set[Sight] = {old}
        self._new: set[Sight] = {new}
        self._last: tuple[Sight, Sight] | None = None
        self._alike = 0

    @property
    def last(self) -> tuple[Sight, Sight]:
        """What the sides showed when the old one last stood still."""
        return self._last or (next(iter(self._old)), next(iter(self._new)))

    def look(self, before: Sight, new: Sight, after: Sight) -> Verdict:
        """The verdict after one more look; UNDECIDED asks for another."""
        self._remember(before, new, after)
        if self._old & self._new:
            return Verdict.AGREES
        if before != after:
            self._alike = 0
            return Verdict.UNDECIDED
        self._alike = self._alike + 1 if self._last == (before, new) else 1
        self._last = (before, new)
        return Verdict.DIFFERS if self._alike >= LOOKS_ALIKE else Verdict.UNDECIDED

    def held(self, old: Sight, new: Sight) -> Verdict:
        """The verdict of a look during which the old side's row could not change; a row that isn't there can."""
        self._remember(old, new, old)
        if self._old & self._new:
            return Verdict.AGREES
        if old is None:
            return Verdict.UNDECIDED
        self._last = (old, new)
        return Verdict.DIFFERS

    def _remember(self, before: Sight, new: Sight, after: Sight) -> None:
        if len(self._old) < KEPT:
            self._old |= {before, after}
        if len(self._new) < KEPT:
            self._new.add(new)
