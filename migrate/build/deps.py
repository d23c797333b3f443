"""What carries out a plan works with, as protocols."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from msgspec import Struct

from understudy.migrate.build.action import Action
from understudy.migrate.ports import Clock
from understudy.migrate.step import Step
from understudy.migrate.topology import Tree


class Actions(Protocol):
    """Makes the action of a step; `undoing` is the one that undoes it."""

    def __call__(
        self, step: Step, tree: Tree, recorded: dict[str, Any], write_note: Callable[[dict[str, Any]], None], *,
        undoing: bool,
    ) -> Action:  # fmt: skip
        """The action, with what was recorded about the step, and the way to record more."""
        ...


class Teller(Protocol):
    """Is told which step is at hand."""

    def step(self, step: Step, number: int, of: int, *, undoing: bool) -> None:
        """A step begins."""
        ...

    def outcome(self, step: Step, text: str) -> None:
        """What came of it."""
        ...


class Deps(Struct, frozen=True):
    """What a runner works with. `look` finds the tree as it is."""

    look: Callable[[], Tree]
    actions: Actions
    clock: Clock
    teller: Teller
