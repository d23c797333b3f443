"""Finding the place in one server's log that a replica of another has reached, without losing or doubling anything.

Positions of two logs can be compared where two appliers stand still at the same place of a third log. So the nearest
server from which both the old and the new source get their data, the `common` one, is looked for, and two branches
lead down from it: one to the replica, one to the new source (which may be the common server itself).

1. The appliers at the heads of both branches are stopped. Then the end of the common log is read: neither is past it,
   and it is the end of a transaction. Both are run UNTIL it. (5.6 and MariaDB stop only once another event follows,
   and stand exactly there meanwhile, measured: so what is waited for is the place, and then they are stopped.)
2. Each server further down its branch applies all that is in its source's log, which grows no more. Should it grow
   all the same, that source has writes of its own, and nothing is moved.
3. Now the replica holds what the new source holds: its place is the end of the new source's own log, or, where the new
   source is the common server, the place at which the head of its branch stands.

Before any of this everybody catches up with everybody above, so that nobody stands still for long.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from understudy.migrate.build.replication import applied, channel, log_end, order, require_sound, say
from understudy.migrate.build.world import BuildError, World
from understudy.migrate.facts import Channel
from understudy.migrate.ports import Database
from understudy.migrate.rows import Coordinates
from understudy.migrate.step import Step
from understudy.migrate.words import Word

STILL_S = 60.0  # longer than this no replica stands still for a move


class Aligning:
    """The branches that a move concerns. Nothing that is stopped here is started again here."""

    def __init__(self, step: Step, world: World) -> None:
        self._step = step
        self._world = world
        self.common, self._left, self._right = self._branches()

    @property
    def heads(self) -> list[str]:
        """The servers whose appliers have to stand still."""
        return [self._left[0], *self._right[:1]]

    def place(self) -> Coordinates:
        """Where the moved server is to begin at its new source. It and the heads stand still afterwards."""
        self._catch_up()
        with self._world.open(self.common) as session:
            stands = self._align(session)
        self._drain(self._left)
        self._drain(self._right)
        with self._world.open(self._step.server) as session:
            say(session, Word.STOP)
        if not self._right:
            return stands
        with self._world.open(self._step.under) as target:
            return log_end(target)

    def _branches(self) -> tuple[str, list[str], list[str]]:
        left, right = self._path(self._step.server), self._path(self._step.under)
        common = ""
        while left and right and left[0] == right[0]:
            common = left.pop(0)
            right.pop(0)
        if not common:
            raise BuildError(
                f"{self._step.server} and {self._step.under} get their data from no common server",
                "the plan is for another tree: make a new one",
            )
        return common, left, right

    def _path(self, name: str) -> list[str]:
        """From the root down to a server; the moved one is taken to be where it was before."""
        shape, found = self._world.tree.shape, [name]
        while above := (self._step.source or "") if found[-1] == self._step.server else shape.sources[found[-1]]:
            found.append(above)
        return found[::-1]

    def _catch_up(self) -> None:
        for branch in (self._left, self._right):
            for above, name in pairwise([self.common, *branch]):
                with self._world.open(above) as session:
                    end = log_end(session)
                self._reach(name, end, self._world.patience_s)

    def _align(self, common: Database) -> Coordinates:
        """Have the appliers of the heads stand at the same place of the common log."""
        for head in self.heads:
            with self._world.open(head) as session:
                say(session, Word.STOP_APPLIER)
        target = log_end(common)
        for head in self.heads:
            with self._world.open(head) as session:
                if order(applied(following(session))) < order(target):
                    say(session, Word.START_UNTIL, target.file, target.position)
        for head in self.heads:
            self._reach(head, target, STILL_S)
            self._stand(head, target)
        return target

    def _stand(self, head: str, target: Coordinates) -> None:
        with self._world.open(head) as session:
            say(session, Word.STOP_APPLIER)
            stands = applied(following(session))
        if order(stands) != order(target):
            raise BuildError(
                f"{head} stands at {stands.file}:{stands.position}, not at {target.file}:{target.position}",
                "nothing was moved; give the command again",
            )

    def _drain(self, branch: Sequence[str]) -> None:
        """Each server of a branch applies all that its own source has in its log."""
        for above, name in pairwise(branch):
            with self._world.open(above) as session:
                end = log_end(session)
                self._reach(name, end, STILL_S)
                if order(log_end(session)) != order(end):
                    raise BuildError(
                        f"{above} has writes of its own: its binary log grows while its applier stands still",
                        "make it read-only, end what writes to it, and give the command again",
                    )

    def _reach(self, name: str, target: Coordinates, within_s: float) -> None:
        for _ in self._world.until(within_s):
            with self._world.open(name) as session:
                one = following(session)
            require_sound(name, one)
            if order(applied(one)) >= order(target):
                return
        raise BuildError(
            f"{name} has not applied what its source had written within {within_s:.0f} s",
            "nothing was moved; try again",
        )


def following(session: Database) -> Channel:
    """The channel of a server that must be a replica."""
    one = channel(session)
    if one is None:
        raise BuildError(f"{session.address} follows nobody", "`understudy migrate status` shows the tree")
    return one
