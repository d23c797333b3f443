"""One run over all tables of two servers: rounds of workers, until no definition changed while its table was read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack, closing
from itertools import chain
from typing import TypeVar

import msgspec

from understudy.config import Verify
from understudy.errors import UnderstudyError
from understudy.migrate.faults import LoginError, PrivilegeError
from understudy.migrate.ports import Clock, Database, Servers
from understudy.migrate.rows import Coordinates, text
from understudy.migrate.verify import catalogue
from understudy.migrate.verify.cutting import Cutter
from understudy.migrate.verify.finding import Finding
from understudy.migrate.verify.guard import Guard
from understudy.migrate.verify.moments import Descent, EndedError, Moments
from understudy.migrate.verify.options import Side
from understudy.migrate.verify.pace import Pace
from understudy.migrate.verify.pairs import Pair, digest, paired
from understudy.migrate.verify.rechecking import Rechecker
from understudy.migrate.verify.schedule import Schedule, batches, is_small
from understudy.migrate.verify.sessions import Sides, retried
from understudy.migrate.verify.state import State
from understudy.migrate.verify.tables import Matched, Table, match
from understudy.migrate.verify.working import Tally, Worker
from understudy.migrate.verify.yielding import Share, Turns

ROUNDS = 3
T = TypeVar("T")

ENOUGH = 10  # times the keys that are listed, and a table's further ranges are not searched for rows


class PatternError(UnderstudyError):
    """A pattern of --table that no table fits: nothing would be compared, and nothing would differ."""

    exit_code = 2


class Run:
    """Compares; what it finds is in `state`, what it does now in `tally`."""

    def __init__(
        self, servers: Servers, old: str, new: str, ways: Descent, replicas: Sequence[str], settings: Verify,
        only: Sequence[str], state: State, clock: Clock,
    ) -> None:  # fmt: skip
        self._servers, self._old, self._new, self._ways = servers, old, new, ways
        self._settings, self._only, self._state, self._clock = settings, only, state, clock
        self.ending = threading.Event()
        self.tally = Tally()
        self.guard = Guard(servers, old, replicas, (settings.max_lag_s, settings.max_running, settings.stalled_s))
        self.share = Share(settings.max_slowdown)
        self.rechecker: Rechecker | None = None
        self.pairs: tuple[Pair, ...] = ()
        self.matched = Matched((), (), ())
        self.ignored: tuple[str, ...] = ()
        self.sides: tuple[Side, Side] = (Side(old), Side(new))
        self.structure: tuple[Finding, ...] = ()
        self.resumed = False
        self.why = ""

    def run(self, restart: bool, definitions: Callable[[], list[Finding]]) -> None:
        """Until all is looked at, or as far as it goes: `why` says what it ended at.

        Raises LoginError, PrivilegeError, PatternError and what is wrong with the settings.
        """
        with ExitStack() as stack:
            sides = stack.enter_context(closing(self._sides()))
            moments = stack.enter_context(closing(self._moments()))
            self._identify(sides)
            stack.enter_context(self.guard)
            try:
                since = self._caught_up(moments)
                self._begin(restart, since)
                for turn in range(ROUNDS + 1):
                    if not self._catalogued(sides) or turn == ROUNDS:
                        break
                    self._round()
                    self._caught_up(moments)
                self.structure = tuple(self._retried(definitions))
                self._state.note("until", shown(self._caught_up(moments)))
            except (LoginError, PrivilegeError, PatternError):
                raise
            except EndedError:
                self.why = self.why or "it was ended"
            except UnderstudyError as error:
                self.why = f"{error.message}" + (f" ({error.hint})" if error.hint else "")

    def _caught_up(self, moments: Moments) -> Coordinates:
        return self._retried(moments.new_has_old)

    def _retried(self, ask: Callable[[], T]) -> T:
        return retried(ask, self._clock, self._settings.stalled_s, self.ending.is_set, lambda: None)

    def _sides(self) -> Sides:
        return Sides(self._servers, self._old, self._new, self._clock, self._settings.stalled_s)

    def _moments(self) -> Moments:
        return Moments(self._servers, self._ways, self._clock, self._settings.stalled_s, self.ending.is_set)

    def _identify(self, sides: Sides) -> None:
        said = sides.both(catalogue.variables, catalogue.variables)
        old, new = (
            Side(address, variables.get("version", ""), {name: variables.get(name, "") for name in catalogue.IDENTITY})
            for address, variables in zip((self._old, self._new), said, strict=True)
        )
        if old.identity == new.identity:
            raise UnderstudyError(f"{self._old} and {self._new} are one server", "--old and --new choose the two")
        self.sides = old, new
        self._folded = any(variables.get("lower_case_table_names", "0") != "0" for variables in said)

    def _begin(self, restart: bool, since: Coordinates) -> None:
        """Go on with what an earlier run left, or begin: it has to be of these servers, and hashed in this way."""
        facts = {
            "sides": msgspec.json.encode([side.identity for side in self.sides]).decode(),
            "thorough": str(self._settings.thorough),
        }
        known = self._state.facts()
        self.resumed = not restart and "ended" not in known and facts.items() <= known.items()
        if not self.resumed:
            self._state.begin({**facts, "since": shown(since), "started": repr(self._clock.now_s())})

    def _catalogued(self, sides: Sides) -> bool:
        """Read both sides' definitions; whether anything remains to be looked at."""
        self.matched = match(*self._wanted(sides), self._folded)
        known_pairs = {pair.digest: pair for pair in self.pairs}
        self.pairs = tuple(
            known_pairs.get(digest(*both)) or paired(*both, self._settings.thorough) for both in self.matched.both
        )
        known = self._state.tables()
        fresh = {
            pair.name: pair.digest
            for pair in self.pairs
            if pair.name not in known or known[pair.name].digest != pair.digest
        }
        self._state.anew(fresh)
        gone = known.keys() - {pair.name for pair in self.pairs}
        self._state.forget(gone)
        for name in (*fresh, *gone):
            self.tally.troubles.pop(name, None)
        left = self._state.unfinished()
        self.tally.tables = len(self.pairs)
        return bool(left - self.tally.troubles.keys())

    def _wanted(self, sides: Sides) -> tuple[list[Table], list[Table]]:
        """Both sides' tables without those to ignore, which are remembered."""
        only, ignore, folded = self._only, self._settings.ignore, self._folded

        def ask(session: Database) -> list[Table]:
            return catalogue.tables(session, only, folded)

        old, new = sides.steady(lambda: sides.both(ask, ask, catalogue.SCAN_S), self.ending.is_set)
        if only and not self.pairs:
            require_any(only, (*old, *new), {*chain(*sides.both(_databases, _databases))}, folded)
        ignored = {
            table.full_name for table in (*old, *new) if catalogue.is_like(table.schema, table.name, ignore, folded)
        }
        self.ignored = tuple(sorted(ignored))
        return _without(old, ignored), _without(new, ignored)

    def _round(self) -> None:
        known = self._state.tables()
        left = self._state.unfinished()
        target_s = self._settings.chunk_ms / 1000
        todo = [pair for pair in self.pairs if pair.name in left]
        small = [
            pair for pair in todo if is_small(pair) and known[pair.name].reached is None and not known[pair.name].cut
        ]
        names = {pair.name for pair in small}
        cutters = [
            Cutter(pair, Pace(target_s, pair.row_bytes), known[pair.name].reached, known[pair.name].cut)
            for pair in todo
            if pair.name not in names
        ]
        schedule = Schedule(self._state, cutters, list(batches(small)), self._settings.workers, self.tally.trouble)
        with ExitStack() as stack:
            self._together(schedule, stack)

    def _together(self, schedule: Schedule, stack: ExitStack) -> None:
        """Workers, and the one that looks again; the first error ends all, and is raised."""
        settings, errors = self._settings, list[BaseException]()

        def sides() -> Sides:
            return stack.enter_context(closing(self._retried(self._sides)))

        def guarded(task: Callable[[], None]) -> None:
            try:
                task()
            except BaseException as error:
                errors.append(error)
                self.ending.set()

        rechecker = self.rechecker = Rechecker(
            sides(), stack.enter_context(closing(self._moments())), self._state, self._clock,
            settings.looks, settings.max_keys, settings.lock_rows, self.tally.trouble,
        )  # fmt: skip
        turns = Turns(self._servers, self._old, self.share, self._clock, self.ending)
        workers = [
            Worker(
                sides(), schedule, rechecker, self.guard, turns, self._state, self.tally, self._clock, self.ending,
                settings.chunk_ms / 1000, settings.max_keys * ENOUGH,
            )
            for _ in range(settings.workers)
        ]  # fmt: skip
        stack.enter_context(turns)  # all sessions are open by now
        looking = threading.Thread(
            target=guarded, args=(lambda: rechecker.run(self.ending.is_set),), name="verify-again"
        )
        threads = [
            threading.Thread(target=guarded, args=(worker.run,), name=f"verify-{place}")
            for place, worker in enumerate(workers)
        ]
        for thread in (looking, *threads):
            thread.start()
        for thread in threads:
            thread.join()
        rechecker.close()
        looking.join()
        if errors:
            raise errors[0]
        if self.ending.is_set():
            raise EndedError("verify was ended")


def _without(tables: Sequence[Table], names: Collection[str]) -> list[Table]:
    return [table for table in tables if table.full_name not in names]


def require_any(
    patterns: Sequence[str], tables: Collection[Table], databases: Collection[str], folded: bool = False
) -> None:
    """Raises PatternError where a pattern names no table, nor all of a database that is there and has none."""
    for pattern in patterns:
        of_all = {f"{database}.*" for database in databases}
        if pattern not in of_all and not any(
            catalogue.is_like(table.schema, table.name, [pattern], folded) for table in tables
        ):
            raise PatternError(
                f"--table {pattern}: neither side has such a table",
                "a pattern is of database and table, as in shop.orders or 'shop.*'; SHOW TABLES names them",
            )


def _databases(session: Database) -> list[str]:
    return [text(row["Database"]) for row in session.rows("SHOW DATABASES")]


def shown(at: Coordinates) -> str:
    """A position for a report; empty where the sides share no source."""
    return f"{at.file}:{at.position}" if at.file else ""
