"""Which action each kind of step is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from understudy.config import Migrate
from understudy.migrate.build.action import Action, Base
from understudy.migrate.build.attaching import Attach
from understudy.migrate.build.catching_up import CatchUp
from understudy.migrate.build.data import Accounts, Copy, DropAccounts, Upgrade, Wipe
from understudy.migrate.build.detaching import Detach
from understudy.migrate.build.moving import Move
from understudy.migrate.build.progress import Progress
from understudy.migrate.build.switching import ReadOnly, Retention, RetentionBack, Writable
from understudy.migrate.build.world import World
from understudy.migrate.ports import Clock, Servers
from understudy.migrate.step import Kind, Step
from understudy.migrate.topology import Tree

_DOING: Mapping[Kind, Callable[[Step, World], Base]] = {
    Kind.RETENTION: Retention,
    Kind.MOVE: Move,
    Kind.COPY: Copy,
    Kind.ACCOUNTS: Accounts,
    Kind.UPGRADE: Upgrade,
    Kind.ATTACH: Attach,
    Kind.CATCH_UP: CatchUp,
    Kind.WRITABLE: Writable,
}
_UNDOING: Mapping[Kind, Callable[[Step, World], Base]] = {
    Kind.RETENTION: RetentionBack,
    Kind.MOVE: Move,
    Kind.DETACH: Detach,
    Kind.WIPE: Wipe,
    Kind.DROP_ACCOUNTS: DropAccounts,
    Kind.READ_ONLY: ReadOnly,
}


class RealActions(Struct, frozen=True):
    """Actions on real servers: `runner.Actions`."""

    settings: Migrate
    way: str
    servers: Servers
    clock: Clock
    progress: Progress
    patience_s: float
    sizes: dict[str, int] = {}

    def __call__(
        self,
        step: Step,
        tree: Tree,
        recorded: dict[str, Any],
        write_note: Callable[[dict[str, Any]], None],
        *,
        undoing: bool,
    ) -> Action:
        """The action of a step, or what undoes it."""
        world = World(
            self.settings, self.servers, self.clock, self.progress, tree, recorded, write_note, self.way,
            self.patience_s, self.sizes,
        )  # fmt: skip
        made: Any = (_UNDOING if undoing else _DOING)[step.kind](step, world)
        return made  # type: ignore[no-any-return]
