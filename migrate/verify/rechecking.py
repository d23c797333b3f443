"""Looking again at rows that looked different, at comparable moments, until each agrees, differs or stays undecided.

One thread does it for all tables, so that workers wait for no replica. Whatever is pending is looked at together: one
wait for the new side serves all of it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from understudy.migrate.faults import LockedError, StatementError
from understudy.migrate.ports import Clock, Database
from understudy.migrate.verify.details import findings_of
from understudy.migrate.verify.keys import Value
from understudy.migrate.verify.moments import Moments
from understudy.migrate.verify.narrowing import Suspects, keyed
from understudy.migrate.verify.pairs import Pair
from understudy.migrate.verify.sessions import Sides, is_passing
from understudy.migrate.verify.state import Opened, State
from understudy.migrate.verify.suspects import Sight, Suspect, Verdict

MOST_PENDING = 5_000  # rows; a worker that finds more waits
AT_ONCE = 100  # keys in one statement
FIRST_REST_S, LONGEST_REST_S = 0.01, 1.0
LOCKINGS = 3  # of the looks at a row, the last ones may lock it
LOCK_S = 0.5  # rows are locked on the old side for no longer, but for a COMMIT


class Pending:
    """A range that was unequal: how many groups of its suspects are not settled yet, and what became of the others."""

    def __init__(self, chunk: Opened, rows: int) -> None:
        self.chunk, self.rows = chunk, rows
        self.groups = 1  # the worker's own, until it has found them all
        self.rechecked = self.differing = self.undecided = 0


class Group:
    """Suspects of one range that were found together."""

    def __init__(self, of: Pending, pair: Pair, suspects: Suspects) -> None:
        self.of, self.pair = of, pair
        self.suspects = {key: Suspect(*sights) for key, sights in suspects.items()}
        self.looks = 0
        self.differing: list[Value] = []

    @property
    def is_settled(self) -> bool:
        """Whether nothing of it is left to look at."""
        return not self.suspects


class Rechecker:
    """Takes suspects from workers, settles them in `state`; `trouble` is told of a table that can't be read."""

    def __init__(
        self, sides: Sides, moments: Moments, state: State, clock: Clock, looks: int, keep: int, lock_rows: bool,
        trouble: Callable[[str, str], None],
    ) -> None:  # fmt: skip
        self._sides, self._moments, self._state, self._clock = sides, moments, state, clock
        self._looks, self._keep, self._lock_rows, self._trouble = looks, keep, lock_rows, trouble
        self._waiting: deque[Group] = deque()
        self._changed = threading.Condition()
        self._pending = 0
        self._closed = False

    @property
    def pending(self) -> int:
        """How many rows are being looked at again."""
        return self._pending

    def add(self, of: Pending, pair: Pair, suspects: Suspects, is_ending: Callable[[], bool]) -> None:
        """Look at these again; waits while too many are pending."""
        with self._changed:
            while self._pending > MOST_PENDING and not is_ending():
                self._changed.wait(0.2)
            of.groups += 1
            of.rechecked += len(suspects)
            self._pending += len(suspects)
            self._waiting.append(Group(of, pair, suspects))
            self._changed.notify_all()

    def release(self, of: Pending) -> None:
        """One of a range's groups is settled, or the worker has found them all."""
        with self._changed:
            of.groups -= 1
            settled = of.groups == 0
        if settled:
            self._state.settled(of.chunk, of.rows, of.differing, of.undecided, of.rechecked)

    def close(self) -> None:
        """No more suspects will come: `run` ends once it has settled all."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def run(self, is_ending: Callable[[], bool]) -> None:
        """Until closed and done, or until it is to end.

        Raises what the servers or the waits raise, but not what concerns one table, dropped or altered meanwhile.
        """
        groups: list[Group] = []
        rest_s = FIRST_REST_S
        while not is_ending():
            with self._changed:
                if not groups and not self._waiting:
                    if self._closed:
                        return
                    self._changed.wait(0.2)
                fresh = list(self._waiting)
                self._waiting.clear()
            groups += fresh
            if groups:
                self._sides.steady(lambda groups=groups: self._round(groups), is_ending)  # type: ignore[misc]
                groups = [group for group in groups if not group.is_settled]
                rest_s = FIRST_REST_S if fresh else min(LONGEST_REST_S, rest_s * 2)
            if groups:
                self._clock.sleep(rest_s)

    def _round(self, every: list[Group]) -> None:
        """One look at everything that is not settled; where it breaks off in the middle it may be tried again."""
        groups = [group for group in every if not group.is_settled]
        before = self._read(groups, old=True)
        self._moments.new_has_old()
        new = self._read(groups, old=False)
        self._moments.old_has_new()
        after = self._read(groups, old=True)
        for group, *sights in zip(groups, before, new, after, strict=True):
            with self._of_its_own(group):
                self._judge(group, *sights)

    @contextmanager
    def _of_its_own(self, group: Group) -> Iterator[None]:
        """What the server says of a group's table inside ends the group alone: its range is not settled, and stays."""
        try:
            yield
        except StatementError as error:
            if is_passing(error):
                raise
            self._trouble(group.pair.name, error.what)
            self._dropped(group, list(group.suspects))

    def _judge(self, group: Group, *sights: Mapping[Value, Sight]) -> None:
        if group.is_settled:  # its table could not be read
            return
        before, new, after = sights
        group.looks += 1
        group.differing.clear()
        for key, suspect in list(group.suspects.items()):
            verdict = suspect.look(before.get(key), new.get(key), after.get(key))
            if verdict is Verdict.UNDECIDED and group.looks > self._looks - LOCKINGS and self._lock_rows:
                verdict = self._locked(group.pair, key, suspect)
            if verdict is not Verdict.UNDECIDED or group.looks >= self._looks:
                self._settle(group, key, verdict)
        if group.differing:
            self._tell(group)
        if group.is_settled:
            self.release(group.of)

    def _settle(self, group: Group, key: Value, verdict: Verdict) -> None:
        if verdict is Verdict.DIFFERS:
            group.differing.append(key)
        elif verdict is Verdict.UNDECIDED:
            group.of.undecided += 1
        if verdict is not Verdict.DIFFERS:
            self._dropped(group, [key])

    def _tell(self, group: Group) -> None:
        sights = {key: group.suspects[key].last for key in group.differing}
        self._state.found(group.pair.name, findings_of(self._sides, group.pair, sights), self._keep)
        group.of.differing += len(sights)
        self._dropped(group, list(sights))
        group.differing.clear()

    def _dropped(self, group: Group, keys: Sequence[Value]) -> None:
        for key in keys:
            del group.suspects[key]
        with self._changed:
            self._pending -= len(keys)
            self._changed.notify_all()

    def _read(self, groups: Sequence[Group], old: bool) -> list[dict[Value, Sight]]:
        found: list[dict[Value, Sight]] = [{} for _ in groups]
        for place, group in enumerate(groups):
            with self._of_its_own(group):
                found[place] = dict(self._sights(group.pair, list(group.suspects), old))
        return found

    def _sights(self, pair: Pair, keys: Sequence[Value], old: bool) -> Iterator[tuple[Value, Sight]]:
        session, copy = (self._sides.old, pair.old) if old else (self._sides.new, pair.new)
        for start in range(0, len(keys), AT_ONCE):
            yield from keyed(session, copy, copy.these(keys[start : start + AT_ONCE])).items()

    def _locked(self, pair: Pair, key: Value, suspect: Suspect) -> Verdict:
        """A look at a row that the old side's writers wait for, for half a second at most."""
        if not pair.locks_rows or not self._moments.old_leads:
            return Verdict.UNDECIDED
        try:
            return self._held(pair, key, suspect)
        except LockedError:
            return Verdict.UNDECIDED

    def _held(self, pair: Pair, key: Value, suspect: Suspect) -> Verdict:
        old: Database = self._sides.old
        self._moments.new_has_old()  # so that little is left to wait for under the lock
        old.execute("SET SESSION innodb_lock_wait_timeout = 1")
        with old.transaction():
            mine = _number(old, pair.old.these([key], locked=True))
            sight = self._sides.aside(lambda new: self._caught_up(new, pair, key))
            with suppress(TimeoutError):
                return suspect.held(mine, sight.result(LOCK_S))
        sight.exception()  # the row is free again; the session is, once it has answered
        return Verdict.UNDECIDED

    def _caught_up(self, new: Database, pair: Pair, key: Value) -> Sight:
        self._moments.new_has_old()
        return _number(new, pair.new.these([key]))


def _number(session: Database, sql: str) -> Sight:
    """One row's number; not as a stream, which a lock that isn't had would end together with its session."""
    row = session.row(sql)
    return int([*row.values()][-1]) if row else None
