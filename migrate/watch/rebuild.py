"""Building one server of the new side anew: the plan made or found again, and carried out by the build's runner.

The plan is saved before anything is done, since a runner that was killed goes on with the very plan that it began.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from understudy.config import Migrate, Settings
from understudy.migrate.build import target
from understudy.migrate.build.action import Action, Base, told, unseen
from understudy.migrate.build.building import Teller
from understudy.migrate.build.deps import Deps
from understudy.migrate.build.inventory import user_schemas
from understudy.migrate.build.mark import Mark
from understudy.migrate.build.planning import save
from understudy.migrate.build.progress import Progress
from understudy.migrate.build.rehearsing import Rehearsed, rehearse
from understudy.migrate.build.replication import channel
from understudy.migrate.build.runner import Runner
from understudy.migrate.build.state import digest, is_under_way, progressed
from understudy.migrate.build.taking import RealActions
from understudy.migrate.build.world import World
from understudy.migrate.clock import SystemClock
from understudy.migrate.commanding import see
from understudy.migrate.goal import Wish
from understudy.migrate.journal import Entry, Event, Journal, place, read
from understudy.migrate.limits import limits_of
from understudy.migrate.logins import FromSettings
from understudy.migrate.mysql import MySql
from understudy.migrate.plan import Plan, decode
from understudy.migrate.rows import text
from understudy.migrate.sqltext import identifier
from understudy.migrate.step import Kind, Step
from understudy.migrate.topology import Tree
from understudy.migrate.watch.rebuilding import RebuildError, rebuild
from understudy.migrate.watch.watching import is_new
from understudy.migrate.words import Word

BACKWARDS = (Kind.DETACH, Kind.WIPE)  # in a build they only undo


class Order(Struct, frozen=True):
    """What was ordered."""

    server: str
    reason: str
    with_replicas: bool = False
    patience_s: float = 86_400.0


class Rebuilding:
    """One rebuilding."""

    def __init__(self, settings: Settings, order: Order, progress: Progress) -> None:
        self._settings, self._order, self._progress = settings, order, progress
        self._path = settings.state / "migrate" / f"rebuild-{order.server.replace('/', '_')}.json"

    def shown(self) -> Iterator[Rehearsed]:
        """What would be done; nothing is changed."""
        entries = read(place(self._settings.state)).entries
        plan = self._plan(entries)
        return rehearse(plan, progressed(entries, digest(plan)), self._deps(plan))

    def run(self, journal: Journal) -> int:
        """Do it, or the rest of it: how many steps were taken."""
        plan = self._plan(journal.entries)
        save(plan, self._path)
        runner = Runner(plan, journal, self._deps(plan))
        journal.write(Event.NOTE, reason=self._order.reason, rebuilds=self._order.server)
        return runner.run()

    def _plan(self, entries: Sequence[Entry]) -> Plan:
        """The one that is under way, else a new one."""
        if self._path.exists():
            kept = decode(self._path.read_bytes(), str(self._path))
            if is_under_way(kept, progressed(entries, digest(kept))):
                return kept
        migrate, order = self._settings.migrate, self._order
        tree = see(migrate)
        address = tree[order.server].address
        if not is_new(tree, migrate.target, address):
            hint = "servers of the old tree are not built by Understudy"
            raise RebuildError(f"{address} is not on the new side", hint)
        return rebuild(tree, address, Wish.of(migrate), limits_of(migrate.limits), with_replicas=order.with_replicas)

    def _deps(self, plan: Plan) -> Deps:
        migrate, clock = self._naming_all(plan), SystemClock()
        servers = MySql(FromSettings(migrate))
        real = RealActions(migrate, plan.wish.build, servers, clock, self._progress, self._order.patience_s)
        return Deps(lambda: see(migrate), Actions(real), clock, Teller(self._progress))

    def _naming_all(self, plan: Plan) -> Migrate:
        """The settings with every server of the plan named, so that one that follows nobody for a while is found."""
        migrate = self._settings.migrate
        named = {*migrate.target.new_replicas, *(step.server for step in plan.steps)}
        named -= {migrate.target.new_source, migrate.target.rehearsal}
        wanted = msgspec.structs.replace(migrate.target, new_replicas=sorted(named))
        return msgspec.structs.replace(migrate, target=wanted)


class Actions(Struct, frozen=True):
    """The build's actions, and two that go the other way: `runner.Actions`."""

    real: RealActions

    def __call__(
        self, step: Step, tree: Tree, recorded: dict[str, Any], write_note: Callable[[dict[str, Any]], None], *,
        undoing: bool,
    ) -> Action:  # fmt: skip
        """The action of a step."""
        made = self.real(step, tree, recorded, write_note, undoing=undoing or step.kind in BACKWARDS)
        return Empty(step, made.world) if step.kind is Kind.WIPE else made  # type: ignore[attr-defined]


class Empty(Base):
    """Drop every schema of a server that nobody follows and that follows nobody; accounts stay."""

    world: World

    def says(self) -> Sequence[str]:
        """Which schemas, and the log that starts anew where it holds GTIDs."""
        dialect = self.dialect(self.step.server)
        if dialect is None:
            return unseen(self.step.server)
        with self.world.open(self.step.server) as session:
            names = [f"DROP DATABASE {identifier(schema.name)}" for schema in user_schemas(session)]
            if has_gtids(self._values(session)):
                names.append(dialect.sql(Word.RESET_LOGS))
        return told(self.step.server, *names)

    def check(self) -> None:
        """It is out of replication on both sides."""
        server = self.step.server
        if children := self.world.tree.shape.children(server):
            raise RebuildError(f"{server} is still followed by {', '.join(children)}", "detach them first")
        with self.world.open(server) as session:
            if channel(session) is not None:
                raise RebuildError(f"{server} still follows another server", "detach it first")

    def do(self) -> None:
        """Drop them, unlogged, whatever copied them there."""
        server, under = self.step.server, self.step.under
        with target.kept(self.world.servers, server) as session:
            closed = target.open_to_us(session)
            if has_gtids(self._values(session)):
                session.execute(session.dialect.sql(Word.RESET_LOGS))
            target.drop(session, Mark(server, under, self.world.way.partition(":")[0], None))
            if closed:
                session.execute(session.dialect.sql(Word.READ_ONLY))

    def _values(self, session: Any) -> Mapping[str, str]:
        said = session.rows("SHOW GLOBAL VARIABLES LIKE 'gtid_mode'")
        return {text(row["Variable_name"]).lower(): text(row["Value"]) for row in said}


def has_gtids(values: Mapping[str, str]) -> bool:
    """Whether MySQL counts what it has executed, which an emptied server must begin to do anew."""
    return values.get("gtid_mode", "OFF").upper() not in ("", "OFF")


def command() -> str:
    """What the journal calls this run."""
    return " ".join(sys.argv[1:]) or "migrate rebuild"
