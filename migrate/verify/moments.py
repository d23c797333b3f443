"""Waiting until one side has applied what the other had: positions, handed from server to server down the tree.

A position means something only in its own server's binary log. So between the two sides each server on the way waits
for its source's position and then tells its own, which covers at least as much. Nothing is written for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec import Struct

from understudy.errors import UnderstudyError
from understudy.migrate.dialects import Dialect
from understudy.migrate.faults import ServerError
from understudy.migrate.ports import Clock, Database, Servers
from understudy.migrate.rows import Coordinates, coordinates
from understudy.migrate.sqltext import string
from understudy.migrate.topology import Tree
from understudy.migrate.words import Word

SLICE_S = 2  # a wait is asked for in slices, so that an end in between is noticed; 5.6 takes whole seconds


class StalledError(UnderstudyError):
    """A replica between the two sides does not apply, or not fast enough."""


class EndedError(UnderstudyError):
    """Verify was asked to end while it waited."""


class Hop(NamedTuple):
    """A replica on the way down: its address, and the name of the channel by which it follows."""

    address: str
    channel: str = ""


class Descent(Struct, frozen=True):
    """How both sides come from one server: `top`, empty where they don't; the replicas down to either side."""

    top: str = ""
    old: tuple[Hop, ...] = ()
    new: tuple[Hop, ...] = ()


def descent(tree: Tree, old: str, new: str) -> Descent:
    """The ways down to two servers of a tree, from the nearest that both come from."""
    ours, theirs = [old, *tree.shape.above(old)], [new, *tree.shape.above(new)]
    top = next((name for name in ours if name in theirs), "")
    if not top:
        return Descent()
    return Descent(top, _hops(tree, ours[: ours.index(top)]), _hops(tree, theirs[: theirs.index(top)]))


def _hops(tree: Tree, upward: Sequence[str]) -> tuple[Hop, ...]:
    servers = [tree.servers[name] for name in reversed(upward)]
    return tuple(Hop(server.address, server.channels[0].name if server.channels else "") for server in servers)


class Moments:
    """How to wait between two sides. Its sessions are its own; for one thread at a time."""

    def __init__(
        self, servers: Servers, ways: Descent, clock: Clock, patience_s: float, is_ending: Callable[[], bool]
    ) -> None:
        self._servers, self._ways, self._clock = servers, ways, clock
        self._patience_s, self._is_ending = patience_s, is_ending
        self._sessions: dict[str, Database] = {}

    @property
    def old_leads(self) -> bool:
        """Whether all that the new side applies went through the old one, so that what holds there holds here."""
        return not self._ways.old

    def close(self) -> None:
        """End its sessions."""
        while self._sessions:
            self._sessions.popitem()[1].close()

    def _session(self, address: str) -> Database:
        if address not in self._sessions:
            self._sessions[address] = self._servers.open(address)
        return self._sessions[address]

    def new_has_old(self) -> Coordinates:
        """Wait until the new side has applied all that the old side holds now; the position in the top's log.

        Raises StalledError after `patience_s`, EndedError, ServerError.
        """
        return self._flow(self._ways.new)

    def old_has_new(self) -> Coordinates:
        """Wait until the old side has applied all that the new side holds now; at once where the old one is the top."""
        return self._flow(self._ways.old) if self._ways.old else Coordinates()

    def _flow(self, hops: Sequence[Hop]) -> Coordinates:
        if not self._ways.top:
            return Coordinates()
        try:
            first = at = self._position(self._session(self._ways.top))
            for place, hop in enumerate(hops):
                self._applied(hop, at)
                if place + 1 < len(hops):
                    at = self._position(self._session(hop.address))
        except ServerError:
            self.close()  # they are opened again when it is tried again
            raise
        return first

    def _position(self, session: Database) -> Coordinates:
        at = coordinates(session.rows(session.dialect.sql(Word.COORDINATES)))
        if not at.file:
            raise StalledError(f"{session.address}: it writes no binary log", "replicas need log_bin to follow")
        return at

    def _applied(self, hop: Hop, at: Coordinates) -> None:
        end = self._clock.monotonic_s() + self._patience_s
        session = self._session(hop.address)
        sql = wait_for(session.dialect, hop.channel)
        while True:
            answer = session.value(sql, at.file, at.position, SLICE_S)
            if answer is not None and int(answer) >= 0:
                return
            if self._is_ending():
                raise EndedError("verify was ended")
            if self._clock.monotonic_s() > end:
                why = "its applier doesn't run" if answer is None else "it lags behind"
                raise StalledError(
                    f"{hop.address}: not at {at.file}:{at.position} after {self._patience_s:g} s, {why}",
                    "`understudy migrate status` shows its threads and errors; run verify again: it goes on from here",
                )
            if answer is None:
                self._clock.sleep(0.1)


def wait_for(dialect: Dialect, channel: str) -> str:
    """The statement that waits for a position, on a named channel too."""
    sql = dialect.sql(Word.WAIT_POSITION)
    return sql.replace("%s)", f"%s, {string(channel).replace('%', '%%')})") if channel else sql
