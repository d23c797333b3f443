"""Leaves the old side's users their throughput: what others get done is counted while verify reads and while it rests.

On a server with processors to spare, reading costs its users nothing, and verify rests a moment in a while only, to see
that this is still so. Where others get less done beside it, it reads only so large a part of the time that they lose,
altogether, no more than they may. Their statements are the server's status variable Questions less verify's own; fewer
than twenty a second are no users to speak of.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from understudy.migrate.faults import ServerError
from understudy.migrate.ports import Clock, Database, Servers
from understudy.migrate.rows import number

QUIET = 20.0  # statements a second
READ_S, LONGEST_READ_S = 0.5, 4.0  # at a stretch; the longer, the longer it has done no harm
UNWATCHED_S = 16.0  # at a stretch where nobody is there; whoever comes ends it
LOOK_S = 0.5
REST_S = 0.3
LEAST = 0.02  # of the time is read, however busy the server is, or verify would never end
AIM = 0.8  # of what others may lose: a change is seen a stretch of reading late
WEIGHT = 0.3  # of the last measurement: others' work has ups and downs of its own
IDLE_WITHIN_S = 5.0  # chunks take half a second; one that waits for a lock must not hold up the others


class Share:
    """How much of the time may be read, so that others lose at most the part `most` of their throughput. Pure."""

    def __init__(self, most: float) -> None:
        self._most = most * AIM
        self._fall: float | None = None
        self._alone: float | None = None
        self.read_s = READ_S

    @property
    def is_needed(self) -> bool:
        """Whether there is anything that others may not lose."""
        return self._most < AIM

    @property
    def share(self) -> float:
        """Of the time, 1.0 where nobody suffers."""
        fall = self._fall or 0.0
        return 1.0 if fall <= self._most else max(LEAST, self._most / fall)

    def rest_s(self, read_s: float) -> float:
        """How long to rest after reading so long."""
        return max(REST_S, read_s * (1 / self.share - 1))

    def saw(self, beside: float | None, alone: float) -> None:
        """Others had so many statements a second while verify read, and then, while it rested; None before it reads."""
        if self._alone is not None and self.is_quiet(self._alone) and not self.is_quiet(alone):
            self.surprised()
            beside = None
        usual = alone if self._alone is None else min(self._alone, alone)  # a burst before or after is not usual
        self._alone = alone
        if self.is_quiet(usual):
            self._fall, self.read_s = 0.0, UNWATCHED_S
            return
        if beside is not None:
            fall = 1 - beside / usual
            self._fall = fall if self._fall is None else WEIGHT * fall + (1 - WEIGHT) * self._fall
        is_harmless = beside is not None and self.share == 1.0
        self.read_s = min(LONGEST_READ_S, self.read_s * 2) if is_harmless else READ_S

    def is_quiet(self, rate: float) -> bool:
        """Whether so many statements a second are nobody."""
        return rate < QUIET

    def surprised(self) -> None:
        """Somebody came: what was measured before says nothing any more."""
        self._alone, self._fall, self.read_s = None, None, READ_S


class _Mark(NamedTuple):
    """A moment, and how many statements others had asked by then."""

    at_s: float
    others: int

    def rate(self, later: _Mark) -> float:
        """Statements a second until `later`."""
        return max(0.0, (later.others - self.others) / max(1e-3, later.at_s - self.at_s))


class Turns:
    """When workers may read. A context manager: a thread takes the measurements inside.

    Nobody but the workers may ask the old side much meanwhile: it would be taken for others' statements.
    """

    def __init__(self, servers: Servers, old: str, share: Share, clock: Clock, ending: threading.Event) -> None:
        self._servers, self._old, self._clock, self._ending = servers, old, clock, ending
        self._share = share
        self._session: Database | None = None
        self._open, self._end = threading.Event(), threading.Event()
        self._changed = threading.Condition()
        self._inside: dict[object, Callable[[], int]] = {}  # what each has asked in its turn so far
        self._own = 0
        self._thread = threading.Thread(target=self._run, name="verify-turns", daemon=True)
        if not share.is_needed:
            self._open.set()

    @contextmanager
    def turn(self, asked: Callable[[], int]) -> Iterator[None]:
        """Read inside, once it is time to; `asked` is how many statements the reader has sent to the old side."""
        while not self._open.wait(REST_S) and not self._ending.is_set():
            pass
        before, me = asked(), object()
        with self._changed:
            self._inside[me] = lambda: asked() - before
        try:
            yield
        finally:
            with self._changed:
                self._own += self._inside.pop(me)()
                self._changed.notify_all()

    def __enter__(self) -> Turns:
        if self._share.is_needed:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._open.set()
        if self._share.is_needed:
            self._thread.join()
        self._forget()

    def _run(self) -> None:
        self._rest(None, self._mark())
        while not self._end.is_set():
            begun = self._mark()
            self._open.set()
            begun = self._read_from(begun)
            self._open.clear()
            self._rest(begun, self._mark() if self._is_idle() else None)

    def _read_from(self, begun: _Mark | None) -> _Mark | None:
        """Let it be read, until somebody comes where nobody was: since when what is measured counts."""
        end_s = self._clock.monotonic_s() + self._share.read_s
        while (left_s := end_s - self._clock.monotonic_s()) > 0 and not self._end.wait(min(LOOK_S, left_s)):
            if self._share.read_s < UNWATCHED_S:
                continue
            before, begun = begun, self._mark()
            if before and begun and not self._share.is_quiet(before.rate(begun)):
                self._share.surprised()
                return before
        return begun

    def _rest(self, begun: _Mark | None, ended: _Mark | None) -> None:
        """After reading from `begun` to `ended`; not at all where that couldn't be measured."""
        if ended is None or self._end.wait(self._share.rest_s(ended.at_s - begun.at_s if begun else 0.0)):
            return
        if now := self._mark():
            self._share.saw(begun.rate(ended) if begun else None, ended.rate(now))

    def _is_idle(self) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self._inside, IDLE_WITHIN_S)

    def _mark(self) -> _Mark | None:
        try:
            self._session = self._session or self._servers.open(self._old)
            said = self._session.row("SHOW GLOBAL STATUS LIKE 'Questions'")
        except ServerError:
            self._forget()
            return None
        with self._changed:
            own = self._own + sum(asked() for asked in self._inside.values())
        return _Mark(self._clock.monotonic_s(), number(said["Value"]) - own if said else 0)

    def _forget(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None
