"""Which range of which table is next: large tables first, small ones many at a time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from understudy.migrate.faults import StatementError
from understudy.migrate.ports import Database
from understudy.migrate.verify.cutting import Cutter, Range
from understudy.migrate.verify.pairs import Pair
from understudy.migrate.verify.sessions import is_passing
from understudy.migrate.verify.state import Opened, State

SMALL_ROWS = 1_000
SMALL_LONG = 20  # rows, where a value may take megabytes
SMALL_BYTES = 1 << 18
BATCH = 100  # small tables in one statement


class Piece(NamedTuple):
    """A range to look at."""

    cutter: Cutter
    chunk: Opened

    @property
    def cut(self) -> Range:
        """From where to where."""
        return self.chunk.lower, self.chunk.upper


class Batch(NamedTuple):
    """Small tables to look at as a whole."""

    pairs: tuple[Pair, ...]


def batches(pairs: Iterable[Pair]) -> Iterator[Batch]:
    """Small tables, many at a time."""
    waiting = list(pairs)
    for start in range(0, len(waiting), BATCH):
        yield Batch(tuple(waiting[start : start + BATCH]))


def is_small(pair: Pair) -> bool:
    """Whether a table is read as a whole, with others."""
    return pair.rows <= (SMALL_LONG if pair.long else SMALL_ROWS) and pair.bytes <= SMALL_BYTES


class Schedule:
    """What remains to be looked at; workers take from it. `trouble` is told of a table that can't be cut, and why."""

    def __init__(
        self, state: State, cutters: Iterable[Cutter], small: Sequence[Batch], workers: int,
        trouble: Callable[[str, str], None],
    ) -> None:  # fmt: skip
        self._state, self._workers, self._trouble = state, workers, trouble
        self._lock = threading.Lock()
        known = list(cutters)
        self._begun = [Piece(cutter, chunk) for cutter in known for chunk in state.left(cutter.pair.name)]
        self._waiting = deque(cutter for cutter in known if not cutter.finished)
        self._batches = deque(small)
        self._open: list[Cutter] = []

    def add(self, cutter: Cutter) -> None:
        """A small table that has to be looked at in ranges after all."""
        with self._lock:
            self._waiting.append(cutter)

    def drop(self, cutter: Cutter) -> None:
        """Nothing more of this table is to be looked at."""
        with self._lock:
            cutter.finished = True
            self._begun = [piece for piece in self._begun if piece.cutter is not cutter]

    def take(self, old: Database) -> Piece | Batch | None:
        """What is next; None where nothing is left. `old` is asked where the range ends.

        Raises ServerError, but not where it concerns one table, which may be dropped or altered meanwhile.
        """
        while True:
            with self._lock:
                if self._begun:
                    piece = self._begun.pop()
                    piece.cutter.busy += 1
                    return piece
                cutter = self._choose()
                if cutter is None:
                    return self._batches.popleft() if self._batches else None
                cutter.busy += 1
            try:
                if cut := self._piece(cutter, old):
                    return cut
            except StatementError as error:
                cutter.busy -= 1
                if is_passing(error):
                    raise
                self._trouble(cutter.pair.name, error.what)
                self.drop(cutter)
                continue
            except BaseException:
                cutter.busy -= 1
                raise
            cutter.busy -= 1

    def done(self, piece: Piece) -> None:
        """A worker is through with it."""
        with self._lock:
            piece.cutter.busy -= 1

    def _piece(self, cutter: Cutter, old: Database) -> Piece | None:
        with cutter.lock:
            cut = cutter.cut(old)
            return cut and Piece(cutter, self._state.opened(cutter.pair.name, *cut, last=cutter.finished))

    def _choose(self) -> Cutter | None:
        """The open table with the fewest workers; another is opened while there are more workers than tables."""
        self._open = [cutter for cutter in self._open if not cutter.finished]
        if len(self._open) < self._workers and self._waiting:
            self._open.append(self._waiting.popleft())
        return min(self._open, key=lambda cutter: cutter.busy, default=None)
