"""What a step does, as the runner sees it: what it says beforehand, whether it is done already, and the doing.

An action may be interrupted anywhere, and is then made anew and done again: `do` looks at the servers first and goes
on from where they are. `is_done` believes only the servers, and `lost` tells which settings of a finished step they no
longer show. What can't be seen from them is kept with `World.note`,
written before the act that makes it true.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from understudy.migrate.build.world import World
from understudy.migrate.dialects import Dialect
from understudy.migrate.sqltext import Statement
from understudy.migrate.step import Step


class Action(Protocol):
    """One step's doing, or its undoing."""

    def says(self) -> Sequence[str]:
        """What would be done, a line each, secrets as …; nothing is changed by asking."""
        ...

    def is_done(self) -> bool:
        """Whether the servers show that it is done; False where they can't."""
        ...

    def check(self) -> None:
        """Raise where it can't be done, before anything begins."""
        ...

    def do(self) -> None:
        """Do it, or the rest of it."""
        ...

    def lost(self) -> Sequence[str]:
        """Of what was done already: what a restart has undone since, as the servers show."""
        ...

    def mend(self) -> None:
        """Do again what was lost."""
        ...


class Base:
    """What all actions have: their step and their world."""

    def __init__(self, step: Step, world: World) -> None:
        self.step = step
        self.world = world

    def is_done(self) -> bool:
        """Whether the servers show that it is done."""
        return False

    def check(self) -> None:
        """Nothing has to be so beforehand."""

    def lost(self) -> Sequence[str]:
        """What a restart has undone: nothing."""
        return ()

    def mend(self) -> None:
        """There is nothing to do again."""

    def dialect(self, address: str) -> Dialect | None:
        """What a server calls things, as far as it has been seen."""
        return self.world.dialect(address)


def told(address: str, *statements: str | Statement) -> list[str]:
    """Statements as a dry run shows them."""
    shown = [one.shown() if isinstance(one, Statement) else one for one in statements]
    return [f"{address}> {one};" for one in shown]


def unseen(address: str) -> list[str]:
    """For a server that has not been seen."""
    return [f"{address}: not seen, so its own statements can't be told yet"]
