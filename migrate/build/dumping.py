"""The way "dump": definitions and rows through us, read in one snapshot, loaded as they come.

Nothing is kept on a disk of ours, but where mydumper is named, and no more in memory than a few statements. Rows are
read by ourselves, or by a dump program where the settings name one. Measured with Debian's mariadb-dump 10.11.19: it
can't read MySQL 5.6 at all (it asks for generation_expression), nor coordinates of MySQL 9.7 (SHOW MASTER STATUS); and
each of these programs writes a FLOAT with six digits, so that it is another value afterwards. So definitions and
coordinates are always read here, and tables with a FLOAT too.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from understudy.errors import UnderstudyError
from understudy.migrate.build import inventory, making, mark, moment, mydumper, mydumping, program, scratch, target
from understudy.migrate.build.defaults import ProgramError, flavour_of
from understudy.migrate.build.inventory import Inventory, Made, Table
from understudy.migrate.build.loading import Loader
from understudy.migrate.build.progress import Progress
from understudy.migrate.ports import Database
from understudy.migrate.rows import Coordinates

if TYPE_CHECKING:
    from understudy.migrate.build.copying import Copying

TRIES = 5
NO_SNAPSHOT = frozenset({"MyISAM", "Aria", "MEMORY", "CSV", "ARCHIVE"})
NO_ROWS = frozenset({"BLACKHOLE", "MRG_MyISAM", "MRG_MYISAM", "FEDERATED"})  # what they show is kept elsewhere


class SnapshotError(UnderstudyError):
    """Some tables know no snapshot, or the schema keeps changing."""


def dump(copying: Copying, keeper: Database, progress: Progress) -> Coordinates:
    """Copy all user schemas; the coordinates of the snapshot that they were read in."""
    with moment.reader(copying.servers, copying.under) as looking, looking.patient(600):
        inventory.require_sight(looking)
        target.same_flavour(looking.version, keeper.version, copying.server)
        with suppress(ProgramError):  # who needs no such folder need not have one
            scratch.sweep(scratch.place(copying.settings.scratch), mydumping.swept(looking))
        require_program(copying, looking)
        for _ in range(TRIES):
            progress.begins(f"reading what {copying.under} holds")
            found = inventory.read(looking)
            held = _require_snapshot(found, copying)
            with ExitStack() as stack:
                begin = _Beginning(copying, found, stack)
                sessions = copying.settings.parallel
                readers, at = stack.enter_context(
                    moment.snapshots(copying.servers, copying.under, sessions, begin.program, held=held)
                )
                begin.require_same(at)
                if inventory.read(looking).shape() != found.shape():
                    progress.says("the schema changed meanwhile: reading it again")
                    continue
                _load(copying, keeper, progress, begin, looking, list(readers))
                return at
    raise SnapshotError(
        f"{copying.under}: its schema changed each time it was read, {TRIES} times",
        "hold schema changes back meanwhile",
    )


def require_program(copying: Copying, source: Database) -> None:
    """Raise ProgramError where the dump program that the settings name can't be run, or does not fit."""
    if not (command := copying.settings.dump_program):
        return
    if mydumper.is_meant(command):
        scratch.place(copying.settings.scratch)
        mydumper.require_fit(command, copying.logins.of(source.address), encrypted=source.is_encrypted)
    else:
        flavour_of(shlex.split(command))


class _Beginning:
    """What is begun in the moment of the snapshot: the dump program, where there is one."""

    def __init__(self, copying: Copying, found: Inventory, stack: ExitStack) -> None:
        self.found = found
        self.own, self.dumped = _with_rows(found.tables), list[Table]()
        self.running: program.Program | mydumping.Mydumper | None = None
        self._copying, self._stack = copying, stack
        if copying.settings.dump_program:
            self.dumped = self._dumped()
            self.own = [table for table in self.own if table not in self.dumped]

    def _dumped(self) -> list[Table]:
        if not mydumper.is_meant(self._copying.settings.dump_program):
            return [table for table in self.own if not program.why_not(table)]
        dumped = mydumper.chosen(self.own, self._left_out(self.own))
        where = scratch.place(self._copying.settings.scratch)
        scratch.require_room(where, sum(table.data_bytes for table in dumped))
        return dumped

    def _left_out(self, tables: Sequence[Table]) -> list[Made]:
        """All but these; programs stumble over a view that works no more."""
        wanted = {table.name for table in tables}
        left_out = [table.made for table in self.found.tables if table.name not in wanted]
        return [*left_out, *self.found.of("VIEW", "SEQUENCE")]

    def program(self) -> None:
        """Begin it, and wait until it sees the moment; called while the server stands still."""
        if not self.dumped:
            return
        left_out, settings = self._left_out(self.dumped), self._copying.settings
        logins, servers = self._copying.logins, self._copying.servers
        command = settings.dump_program
        with servers.open(self._copying.under) as session:
            if mydumper.is_meant(command):
                where, threads = scratch.place(settings.scratch), settings.parallel
                begun = self._stack.enter_context(
                    mydumping.dumping(command, servers, logins, session, where, threads, self.dumped, left_out)
                )
                self.running = begun
                begun.await_begun()
                return
            user = logins.of(session.address).user
            before = program.sessions(session, user)
            self.running = self._stack.enter_context(program.dumping(command, logins, session, self.dumped, left_out))
            program.await_begun(self.running, session, before, user)

    def require_same(self, at: Coordinates) -> None:
        """Raise ProgramError where the program says that it began elsewhere."""
        if isinstance(self.running, mydumping.Mydumper):
            self.running.require_same(at)

    @property
    def binary(self) -> bool:
        """Whether its statements are bytes, each column's in its own character set."""
        return self.running is not None and self.running.binary

    def statements(self) -> Iterator[tuple[Table, str]] | None:
        """What the program writes, by table; None where there is none."""
        if self.running is None:
            return None
        tables = {table.name: table for table in self.dumped}
        return ((tables[name], sql.decode("utf-8", "surrogateescape")) for name, sql in self.running.statements())


def _load(
    copying: Copying,
    keeper: Database,
    progress: Progress,
    begin: _Beginning,
    looking: Database,
    readers: list[Database],
) -> None:
    found = begin.found
    begun = mark.read(keeper, copying.server)
    assert begun is not None
    mark.write(keeper, replace(begun, schemas=tuple(schema.name for schema in found.schemas)))
    with ExitStack() as stack:
        loaders = stack.enter_context(target.loaders(copying.servers, copying.server, looking.version, len(readers)))
        progress.begins(f"creating {len(found.tables)} tables on {copying.server}")
        making.schemas(loaders[0], found.schemas)
        making.definitions_of(looking, loaders[0], found, progress.says)
        progress.begins(f"copying {copying.under} to {copying.server}", found.bytes, found.rows)
        pairs = list(zip(readers, loaders, strict=True))
        Loader(progress).load(begin.own, pairs, begin.statements(), binary=begin.binary)
        making.sequences(looking, loaders[0], found)
        making.triggers(loaders[0], found)


def _with_rows(tables: tuple[Table, ...]) -> list[Table]:
    return [table for table in tables if table.engine not in NO_ROWS]


def _require_snapshot(found: Inventory, copying: Copying) -> bool:
    """Whether the server has to stand still to the end. Raises SnapshotError where it would have to, and may not."""
    others = [table for table in found.tables if table.engine in NO_SNAPSHOT]
    if others and not copying.settings.lock:
        named = ", ".join(f"{table.name} ({table.engine})" for table in others[:5])
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        raise SnapshotError(
            f"{copying.under}: not all tables know a snapshot: {named}{more}",
            "ALTER TABLE … ENGINE=InnoDB on the old source; or [migrate.build] lock = true, which holds up every write "
            f"to {copying.under} until the copy is whole",
        )
    return bool(others)
