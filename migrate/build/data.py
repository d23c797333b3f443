"""Steps that bring data, accounts and system tables to a new server, and take them away again."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from understudy.errors import UnderstudyError
from understudy.migrate.build import hooking, sleeping
from understudy.migrate.build.action import Base, unseen
from understudy.migrate.build.copying import Copying, copied, copy, room, room_for, wipe
from understudy.migrate.build.world import closed_again, note_closed


class _OnACopy(Base):
    """What concerns one copy."""

    @property
    def copying(self) -> Copying:
        """The copy of `step.under` to `step.server`."""
        return self.world.copying(self.step.under, self.step.server)


RAN = (
    "{server} was restarted with event_scheduler=ON: the copy's events may have run there until now. `understudy"
    " migrate verify` tells what they changed; event_scheduler=OFF in its configuration keeps them asleep"
)


class Copy(_OnACopy):
    """Copy the data; the target remembers from where on it is to follow."""

    def says(self) -> Sequence[str]:
        """From where to where, in which way, and how much disk that takes."""
        said = [f"copy all schemas of {self.step.under} to {self.step.server}, in the way of {self.copying.kind!r}"]
        said.append(f"disk on {self.step.server}: {self._room()}")
        if self.copying.kind == "dump":
            return said
        return [*said, f"have no event run on {self.step.server} meanwhile, and disable all that the copy brings"]

    def _room(self) -> str:
        try:
            found = room_for(self.copying, self.world.data_bytes(self._origin()))
        except UnderstudyError as error:
            return f"not known: {error.message}"
        return f"{found}: IT DOES NOT FIT" if found.is_short else str(found)

    def _origin(self) -> str:
        """The old server that the data comes from in the end: those between are empty until they are built."""
        target, tree = self.world.settings.target, self.world.tree
        named = (target.new_source, *target.new_replicas, target.rehearsal)
        new = {tree[name].address for name in named if name and name in tree}
        above = [self.step.under, *tree.shape.above(self.step.under)] if self.step.under in tree.shape else []
        return next((name for name in above if name not in new), self.step.under)

    def is_done(self) -> bool:
        """Whether the target says that it holds a whole copy of this source, and runs none of its events."""
        if copied(self.copying) is None:
            return False
        return self.copying.kind == "dump" or sleeping.is_quiet(self.world, self.step.server)

    def check(self) -> None:
        """It has to fit, and so has the program that is to read it; nobody's hook may be at it still."""
        hooking.require_ended(self.step.server)
        room(self.copying)
        if self.copying.kind == "dump":
            from understudy.migrate.build import dumping

            with self.copying.servers.open(self.copying.under) as source:
                dumping.require_program(self.copying, source)

    def do(self) -> None:
        """Copy; what an interrupted copy has left is dropped first."""
        server = self.step.server
        sleeping.note_running(self.world, self.step.under)
        note_closed(self.world, server)
        if self.copying.kind == "dump":
            at = copy(self.copying, self.world.progress)
        else:
            sleeping.hold_scheduler(self.world, server)
            at = copy(self.copying, self.world.progress)
            if sleeping.hold_again(self.world, server):
                self.world.progress.says(RAN.format(server=server))
            if slept := sleeping.put_to_sleep(self.world, server):
                self.world.progress.says(f"{server}: {slept} events are disabled there until the cutover")
            sleeping.release_scheduler(self.world, server)
        closed_again(self.world)
        self.world.note(at=msgspec.to_builtins(at))


class Wipe(_OnACopy):
    """Drop what was copied."""

    def says(self) -> Sequence[str]:
        """What is dropped."""
        return [f"drop on {self.step.server} the schemas that were copied from {self.step.under}, and no other"]

    def check(self) -> None:
        """Nobody's hook may be at it still."""
        hooking.require_ended(self.step.server)

    def do(self) -> None:
        """Drop it."""
        note_closed(self.world, self.step.server)
        wipe(self.copying)
        closed_again(self.world)
        sleeping.release_scheduler(self.world, self.step.server)


class Accounts(_OnACopy):
    """Create the users and grants of `step.under` in the server's own dialect."""

    def says(self) -> Sequence[str]:
        """Every statement; while the source can't be asked, whose accounts go where."""
        from understudy.migrate.build import granting

        try:
            said = granting.told(self.copying)
        except UnderstudyError as error:
            return [f"create on {self.step.server} the accounts of {self.step.under}: {error.message}"]
        return said or [f"{self.step.server}: nothing, it has all accounts already"]

    def is_done(self) -> bool:
        """Whether the server says that it has got them."""
        from understudy.migrate.build import granting

        return granting.created(self.copying)

    def do(self) -> None:
        """Create what is missing; what can't be carried over is told, and noted."""
        from understudy.migrate.build import granting

        if notes := granting.create(self.copying, self.world.progress):
            self.world.note(notes=notes)


class DropAccounts(_OnACopy):
    """Drop the accounts that were created."""

    def says(self) -> Sequence[str]:
        """Which, and every statement that takes back what PUBLIC was granted with them."""
        from understudy.migrate.build import granting

        said = [f"drop on {self.step.server} the accounts that were created from those of {self.step.under}, no other"]
        try:
            return [*said, *granting.revokes(self.copying)]
        except UnderstudyError as error:
            return [*said, f"{self.step.server}: what PUBLIC was granted with them is not known: {error.message}"]

    def do(self) -> None:
        """Drop them."""
        from understudy.migrate.build import granting

        granting.drop(self.copying)


class Upgrade(_OnACopy):
    """Upgrade the system tables that came with copied files."""

    def says(self) -> Sequence[str]:
        """Which program, or why none."""
        from understudy.migrate.build.upgrading import needed

        tree = self.world.tree.servers
        versions = [one.version if (one := tree.get(name)) else None for name in (self.step.under, self.step.server)]
        if versions[0] is None or versions[1] is None:
            return unseen(self.step.server)
        wanted = needed(self.copying.kind, versions[0], versions[1])
        if not wanted.programs:
            return [f"{self.step.server}: nothing, {wanted.why}"]
        return [f"$ {wanted.programs[0]} --skip-write-binlog  # on {self.step.server}: {wanted.why}"]

    def do(self) -> None:
        """Run it."""
        from understudy.migrate.build.upgrading import upgrade

        upgrade(self.copying, self.world.progress)
