"""What an action needs of the world: sessions, time, the settings, somebody to tell, somewhere to write down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from understudy.config import Migrate
from understudy.errors import UnderstudyError
from understudy.migrate.build.copying import Copying, data_bytes
from understudy.migrate.build.progress import Progress
from understudy.migrate.dialects import Dialect
from understudy.migrate.logins import FromSettings
from understudy.migrate.ports import Clock, Database, Servers
from understudy.migrate.rows import join_address, split_address
from understudy.migrate.topology import Tree
from understudy.migrate.words import Word

POLL_S = 0.25
CLEARED = "super_read_only_cleared"  # where it is, in what is noted; empty once it is set again


class BuildError(UnderstudyError):
    """A step can't be taken, or did not do what it should."""


class World(Struct, frozen=True):
    """The world of one action. `recorded` is what earlier attempts at its step wrote down with `note`.

    `tree` is as it was just before; `way` is how data is copied, as `migrate.target.build` says it; `patience_s` is how
    long a wait may last. `sizes` is how much data servers hold, in bytes, as far as one was asked.
    """

    settings: Migrate
    servers: Servers
    clock: Clock
    progress: Progress
    tree: Tree
    recorded: dict[str, Any]
    write_note: Callable[[dict[str, Any]], None]
    way: str
    patience_s: float = 3600.0
    sizes: dict[str, int] = {}

    def copying(self, under: str, server: str) -> Copying:
        """The copy of one server's data to another, in the plan's way."""
        return Copying(
            under, server, self.way, self.settings.build, FromSettings(self.settings), self.settings.replication
        )

    def open(self, address: str) -> Database:
        """A session with a server. Raises ServerError."""
        return self.servers.open(address)

    def data_bytes(self, address: str) -> int:
        """How much data a server holds; asked once. Raises UnderstudyError."""
        if address not in self.sizes:
            with self.open(address) as session:
                self.sizes[address] = data_bytes(session)
        return self.sizes[address]

    def note(self, **detail: Any) -> None:
        """Write down what a later attempt, or the undoing, must know; on the disk when it returns."""
        self.recorded.update(detail)
        self.write_note(detail)

    def dialect(self, address: str) -> Dialect | None:
        """What a server calls things, as far as it has been seen."""
        server = self.tree.servers.get(address)
        return Dialect(server.version) if server and server.version else None

    def name_among_servers(self, address: str) -> tuple[str, int]:
        """The host and port under which other servers reach this one: an operator's alias, else the address itself."""
        for said, here in self.settings.aliases.items():
            is_uuid = len(said) == 36 and said.count("-") == 4
            if join_address(*split_address(here)) == address and not is_uuid:
                return split_address(said, split_address(address)[1])
        return split_address(address)

    def until(self, seconds: float) -> Iterator[float]:
        """Turns of a wait, `POLL_S` apart: how many seconds are left. Ends when none are."""
        end = self.clock.monotonic_s() + seconds
        while (left := end - self.clock.monotonic_s()) > 0:
            yield left
            self.clock.sleep(min(POLL_S, left))


@contextmanager
def writing(session: Database, world: World | None = None) -> Iterator[Database]:
    """Our own bookkeeping inside is written in spite of super_read_only, and to no binary log.

    With a world it is noted before super_read_only is cleared, so that `closed_again` can make good what was killed
    inside; and it is set again over another session where this one is lost.
    """
    is_closed = _is_closed_to_all(session)
    if is_closed and world is not None:
        world.note(**{CLEARED: session.address})
    if is_closed:
        session.execute(session.dialect.sql(Word.ADMIN_WRITES))
    try:
        with session.unlogged():
            yield session
    finally:
        if is_closed and world is not None:
            closed_again(world)
        elif is_closed:
            session.execute(session.dialect.sql(Word.READ_ONLY))


def note_closed(world: World, address: str) -> None:
    """Write down where a server is super_read_only, before something that clears it for a while."""
    with world.open(address) as session:
        if _is_closed_to_all(session):
            world.note(**{CLEARED: address})


def closed_again(world: World) -> None:
    """Set super_read_only where it was noted to be cleared for a while, by this attempt or by one that was killed."""
    if address := world.recorded.get(CLEARED):
        with world.open(address) as session:
            session.execute(session.dialect.sql(Word.READ_ONLY))
        world.note(**{CLEARED: ""})


def _is_closed_to_all(session: Database) -> bool:
    return session.dialect.knows(Word.ADMIN_WRITES) and bool(session.value("SELECT @@GLOBAL.super_read_only"))
