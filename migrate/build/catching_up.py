"""Waiting until a server has applied what its source had written.

Reached is what the source had written at most `FRESH_S` ago: then the next few seconds will be too. A lag that the
server calls NULL is not taken for zero, and none is taken at its word: places in the source's binary log are compared.
A server or source that restarts meanwhile is waited for; an error that stands ends the wait at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from understudy.migrate.answering import answering
from understudy.migrate.build.action import Base
from understudy.migrate.build.replication import (
    AWAY,
    START_S,
    applied,
    bytes_between,
    channel,
    log_end,
    order,
    require_sound,
    stopped,
)
from understudy.migrate.build.world import BuildError
from understudy.migrate.describe import duration, sized
from understudy.migrate.facts import Channel
from understudy.migrate.faults import FullError
from understudy.migrate.rows import Coordinates
from understudy.migrate.words import Word

FRESH_S = 10.0


class CatchUp(Base):
    """Wait, telling how far it is."""

    def says(self) -> Sequence[str]:
        """Nothing is written; where it waits for what."""
        return [f"wait until {self.step.server} has applied what {self.step.under} has written, reading both"]

    def do(self) -> None:
        """Wait at most `World.patience_s`."""
        world, wait = self.world, _Wait()
        for _ in world.until(world.patience_s):
            try:
                one = self._look(wait)
            except AWAY as error:
                why = f": {error.what}; {error.hint}" if isinstance(error, FullError) else " does not answer"
                wait.told(world.progress.says, f"{error.address}{why}; waiting for it")
                continue
            require_sound(self.step.server, one)
            if self._stands_still(one, wait):
                raise stopped(self.step.server, one)
            if self._is_there(one, wait):
                return
        raise BuildError(
            f"{self.step.server} has not caught up with {self.step.under} within {duration(world.patience_s)}"
            f" ({wait.left})",
            "give the command again to go on waiting, with a longer --patience; a faster disk may help",
        )

    def _look(self, wait: _Wait) -> Channel:
        world = self.world
        with world.open(self.step.server) as session:
            if (waits := answering(session)).is_full:
                raise waits.full(session.address)
            one = channel(session)
        if one is None:
            raise BuildError(
                f"{self.step.server} follows nobody any more", "`understudy migrate status` shows the tree"
            )
        now_s = world.clock.monotonic_s()
        with world.open(self.step.under) as source:
            if wait.target is None or order(applied(one)) >= order(wait.target):
                wait.reached_s = wait.target_s if wait.target else None
                wait.target, wait.target_s = log_end(source), now_s
            logs = source.rows(source.dialect.sql(Word.BINARY_LOGS))
        self._tell(one, wait, bytes_between(logs, applied(one), wait.target))
        return one

    def _tell(self, one: Channel, wait: _Wait, left_bytes: int) -> None:
        lag = "lag unknown" if one.lag_s is None else f"{duration(one.lag_s)} behind"
        wait.left = f"{lag}, {sized(left_bytes)} of binary log left"
        if wait.total_bytes is None:
            wait.total_bytes = left_bytes
            self.world.progress.begins(f"{self.step.server} catches up with {self.step.under}", left_bytes or None)
        done = max(0, wait.total_bytes - left_bytes)
        self.world.progress.moved(max(0, done - wait.done_bytes))
        wait.done_bytes = max(done, wait.done_bytes)

    def _is_there(self, one: Channel, wait: _Wait) -> bool:
        """Whether the target that it has just reached was read not long ago."""
        if wait.reached_s is None or not (one.receiving and one.applying):
            return False
        return self.world.clock.monotonic_s() - wait.reached_s <= FRESH_S

    def _stands_still(self, one: Channel, wait: _Wait) -> bool:
        """Whether a thread has not been running for longer than a start takes, and it does not try again either."""
        now_s = self.world.clock.monotonic_s()
        if one.receiving and one.applying:
            wait.ran_s = now_s
        wait.ran_s = now_s if wait.ran_s is None else wait.ran_s
        return not one.error and now_s - wait.ran_s > START_S


class _Wait:
    """What one wait remembers."""

    def __init__(self) -> None:
        self.target: Coordinates | None = None
        self.target_s = 0.0
        self.reached_s: float | None = None  # when the target that was reached had been read
        self.ran_s: float | None = None
        self.total_bytes: int | None = None
        self.done_bytes = 0
        self.left = "not seen"
        self._last_told = ""

    def told(self, says: Callable[[str], None], text: str) -> None:
        """Say it once."""
        if text != self._last_told:
            says(text)
        self._last_told = text
