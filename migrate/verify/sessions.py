"""A session with either side, asked at the same time, opened again where a server was restarted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import TypeVar

from understudy.migrate.faults import BusyError, LockedError, LostError, ServerError, SilentError, UnreachableError
from understudy.migrate.ports import Clock, Database, Servers
from understudy.migrate.verify.catalogue import prepare
from understudy.migrate.verify.moments import EndedError

PASSING = (LostError, UnreachableError, SilentError, BusyError, LockedError)
PASSING_NUMBERS = (
    1412,  # ER_TABLE_DEF_CHANGED: the table was altered since the statement's moment
    1317,  # ER_QUERY_INTERRUPTED: 5.6's last words to a statement when it is shut down
)
ANSWER_S = 600.0  # a chunk takes half a second, on a server that is not in trouble
T = TypeVar("T")
U = TypeVar("U")


def opened(servers: Servers, address: str) -> Database:
    """A session as verify wants it; raises ServerError."""
    session = servers.open(address)
    try:
        prepare(session)
    except BaseException:
        session.close()
        raise
    return session


def is_passing(error: ServerError) -> bool:
    """Whether the same may be answered if it is asked again."""
    return isinstance(error, PASSING) or error.number in PASSING_NUMBERS


def retried(
    ask: Callable[[], T], clock: Clock, retry_s: float, is_ending: Callable[[], bool], before: Callable[[], object]
) -> T:
    """Ask again for so long where a server is away for a while or holds a lock, `before` beforehand each time."""
    end, attempt = clock.monotonic_s() + retry_s, ask
    while True:
        try:
            return attempt()
        except ServerError as error:
            if not is_passing(error) or clock.monotonic_s() > end:
                raise
        if is_ending():
            raise EndedError("verify was ended")
        clock.sleep(0.2)
        attempt = _after(before, ask)


def _after(before: Callable[[], object], ask: Callable[[], T]) -> Callable[[], T]:
    def both() -> T:
        before()
        return ask()

    return both


class Sides:
    """A session with each side, for one thread and one helper of it."""

    def __init__(self, servers: Servers, old: str, new: str, clock: Clock, retry_s: float) -> None:
        self._servers, self._addresses = servers, (old, new)
        self._clock, self._retry_s = clock, retry_s
        self._helper = ThreadPoolExecutor(1, "verify-new")
        with ExitStack() as failed:
            self.old = failed.enter_context(closing(opened(servers, old)))
            self.new = opened(servers, new)
            failed.pop_all()
        self._asked = 0

    @property
    def asked(self) -> int:
        """How many statements the old side was sent."""
        return self._asked + self.old.asked

    def both(
        self, old: Callable[[Database], T], new: Callable[[Database], U], patience_s: float = ANSWER_S
    ) -> tuple[T, U]:
        """Ask both sides at the same time; either may keep silent for so long."""
        with self.old.patient(patience_s), self.new.patient(patience_s):
            other = self._helper.submit(new, self.new)
            try:
                mine = old(self.old)
            finally:
                other.exception()
            return mine, other.result()

    def aside(self, ask: Callable[[Database], T]) -> Future[T]:
        """Ask the new side, and don't wait for the answer here."""
        return self._helper.submit(ask, self.new)

    def steady(self, ask: Callable[[], T], is_ending: Callable[[], bool]) -> T:
        """Ask, and ask again for `retry_s` where a server is away for a while or holds a lock. Raises ServerError."""
        return retried(ask, self._clock, self._retry_s, is_ending, self._reopen)

    def _reopen(self) -> None:
        """Both anew, or neither: what the old session asked counts once, however often its server is away."""
        self.old.close()
        self.new.close()
        with ExitStack() as failed:
            old, new = (failed.enter_context(closing(opened(self._servers, address))) for address in self._addresses)
            failed.pop_all()
        self._asked += self.old.asked
        self.old, self.new = old, new

    def close(self) -> None:
        """End both sessions."""
        self._helper.shutdown()
        self.old.close()
        self.new.close()
