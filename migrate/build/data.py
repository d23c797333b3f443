"""Steps that bring data, accounts and system tables to a new server, and take them away again."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from understudy.migrate.build.action import Base
from understudy.migrate.build.copying import Copying, copied, copy, room, wipe


class _OnACopy(Base):
    """What concerns one copy."""

    @property
    def copying(self) -> Copying:
        """The copy of `step.under` to `step.server`."""
        return self.world.copying(self.step.under, self.step.server)


class Copy(_OnACopy):
    """Copy the data; the target remembers from where on it is to follow."""

    def says(self) -> Sequence[str]:
        """From where to where, and in which way."""
        return [f"copy all schemas of {self.step.under} to {self.step.server}, in the way of {self.copying.kind!r}"]

    def is_done(self) -> bool:
        """Whether the target says that it holds a whole copy of this source."""
        return copied(self.copying) is not None

    def check(self) -> None:
        """It has to fit."""
        room(self.copying)

    def do(self) -> None:
        """Copy; what an interrupted copy has left is dropped first."""
        at = copy(self.copying, self.world.progress)
        self.world.note(at=msgspec.to_builtins(at))


class Wipe(_OnACopy):
    """Drop what was copied."""

    def says(self) -> Sequence[str]:
        """What is dropped."""
        return [f"drop on {self.step.server} the schemas that were copied from {self.step.under}, and no other"]

    def do(self) -> None:
        """Drop it."""
        wipe(self.copying)


class Accounts(_OnACopy):
    """Create the users and grants of `step.under` in the server's own dialect."""

    def says(self) -> Sequence[str]:
        """Whose accounts go where."""
        return [f"create on {self.step.server} the accounts of {self.step.under} with their grants, unlogged"]

    def do(self) -> None:
        """Create what is missing."""


class DropAccounts(_OnACopy):
    """Drop the accounts that were created."""

    def says(self) -> Sequence[str]:
        """Which."""
        return [f"drop on {self.step.server} the accounts that were created from those of {self.step.under}"]

    def do(self) -> None:
        """Drop them."""
