"""One worker: takes what is next, asks both sides, and passes on what they disagree about."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from understudy.migrate.faults import StatementError
from understudy.migrate.ports import Clock, Database
from understudy.migrate.verify.cutting import Cutter
from understudy.migrate.verify.guard import Guard
from understudy.migrate.verify.moments import EndedError
from understudy.migrate.verify.narrowing import Total, differing, totals
from understudy.migrate.verify.pace import Pace
from understudy.migrate.verify.pairs import Copy, Pair
from understudy.migrate.verify.rechecking import Pending, Rechecker
from understudy.migrate.verify.schedule import Batch, Piece, Schedule
from understudy.migrate.verify.sessions import Sides
from understudy.migrate.verify.state import State
from understudy.migrate.verify.yielding import Turns

Wholes = dict[int, tuple[int, int]]  # by place in a batch: how many rows, and their number together


class Tally:
    """What is done so far, for whoever looks on; and what went wrong with which table."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.rows = self.chunks = self.tables = 0
        self.table = ""
        self.chunk_s = 0.0
        self.troubles: dict[str, str] = {}

    def chunk(self, name: str, rows: int, seconds: float) -> None:
        """A range was looked at."""
        with self._lock:
            self.rows += rows
            self.chunks += 1
            self.table, self.chunk_s = name, seconds

    def trouble(self, name: str, what: str) -> None:
        """A table can't be read; what the server says."""
        with self._lock:
            self.troubles[name] = what


class Worker:
    """Works until nothing is left, or until `ending` is set."""

    def __init__(
        self, sides: Sides, schedule: Schedule, rechecker: Rechecker, guard: Guard, turns: Turns, state: State,
        tally: Tally, clock: Clock, ending: threading.Event, target_s: float, enough: int,
    ) -> None:  # fmt: skip
        self._sides, self._schedule, self._rechecker, self._guard = sides, schedule, rechecker, guard
        self._state, self._tally, self._clock, self._ending = state, tally, clock, ending
        self._turns, self._target_s, self._enough = turns, target_s, enough

    def run(self) -> None:
        """Raises what the servers raise, StalledError."""
        with suppress(EndedError):
            while not self._ending.is_set():
                self._guard.wait(self._ending)
                with self._turns.turn(lambda: self._sides.asked):
                    piece = self._steady(lambda: self._schedule.take(self._sides.old))
                    if piece is None:
                        return
                    if isinstance(piece, Batch):
                        self._batch(piece)
                    else:
                        self._piece(piece)

    def _steady(self, ask: Callable[[], Piece | Batch | None]) -> Piece | Batch | None:
        return self._sides.steady(ask, self._ending.is_set)

    def _piece(self, piece: Piece) -> None:
        try:
            self._sides.steady(lambda: self._looked_at(piece), self._ending.is_set)
        except StatementError as error:
            self._tally.trouble(piece.cutter.pair.name, error.what)
            self._schedule.drop(piece.cutter)
        finally:
            self._schedule.done(piece)

    def _looked_at(self, piece: Piece) -> None:
        pair, pace = piece.cutter.pair, piece.cutter.pace
        old, new = totals(self._sides, pair, piece.cut, self._clock)
        equal, seconds = old.equals(new), max(old.seconds, new.seconds)
        piece.cutter.took(piece.cut, old.rows)
        pace.took(old.rows, seconds, equal)
        if equal:
            self._state.settled(piece.chunk, old.rows)
        else:
            self._unequal(piece, old, new)
        self._tally.chunk(pair.name, old.rows, seconds)

    def _unequal(self, piece: Piece, old: Total, new: Total) -> None:
        pair = piece.cutter.pair
        if self._state.differing(pair.name) >= self._enough:
            self._state.unsearched(piece.chunk, old.rows)
            return
        pending = Pending(piece.chunk, old.rows)
        for suspects in differing(self._sides, pair, piece.cut, (old, new), self._clock):
            if self._ending.is_set():
                raise EndedError("verify was ended")
            if suspects:
                self._rechecker.add(pending, pair, suspects, self._ending.is_set)
        self._rechecker.release(pending)

    def _batch(self, batch: Batch) -> None:
        try:
            old, new = self._sides.steady(lambda: self._wholes(batch), self._ending.is_set)
        except StatementError:  # one of them is in trouble; each is looked at alone
            old, new = {}, {}
        equal = {place for place, total in old.items() if total == new.get(place)}
        self._state.whole({batch.pairs[place].name: old[place][0] for place in equal})
        for place, pair in enumerate(batch.pairs):
            if place in equal:
                self._tally.chunk(pair.name, old[place][0], 0.0)
            else:
                self._schedule.add(Cutter(pair, Pace(self._target_s, pair.row_bytes)))

    def _wholes(self, batch: Batch) -> tuple[Wholes, Wholes]:
        def ask(session: Database, copies: list[Copy]) -> Wholes:
            each = [copy.total().replace("SELECT ", f"SELECT {place}, ", 1) for place, copy in enumerate(copies)]
            said = session.stream(" UNION ALL ".join(each))
            return {int(place): (int(rows), int(number or 0)) for chunk in said for place, rows, number in chunk}

        pairs: tuple[Pair, ...] = batch.pairs
        return self._sides.both(
            lambda old: ask(old, [pair.old for pair in pairs]), lambda new: ask(new, [pair.new for pair in pairs])
        )
