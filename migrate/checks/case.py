"""What the rules look at: facts of the servers concerned, collected beforehand. Pure data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from understudy.migrate.checks.accounts import Account
from understudy.migrate.checks.activity import Activity
from understudy.migrate.checks.left import Evidence
from understudy.migrate.checks.schema import Schema
from understudy.migrate.disks import Disk
from understudy.migrate.limits import NONE, Limits
from understudy.migrate.topology import Tree
from understudy.migrate.versions import Version


class Logged(Struct, frozen=True):
    """What a sample of a server's binary log holds, and where: a statement without its values, or changed rows.

    `text` is a `tokens.skeleton`, so no secrets are in it; empty where the event is of rows. `tables` are those that
    are written to, as (schema, table). `times` tells how often the sample has the same.
    """

    file: str
    position: int
    text: str
    database: str = ""
    tables: tuple[tuple[str, str], ...] = ()
    times: int = 1


class Side(Struct, frozen=True):
    """One server, in depth. `variables` are its global ones, by name in lower case; `schema` is what it stores.

    The schema and `logged` are collected of the old and the new source only, the new one's schema without its tables.
    `plugins` are those that are active, `installed` those among them that somebody installed. `clock_offset_ms` is how
    far its clock is ahead of ours, give or take `clock_error_ms`.

    `gtids` is what it has executed, in its flavour's own words, and `gtids_later` the same once every other server had
    been asked: what a replica had before, and its source has not later, never came from there. `heartbeat` is the
    newest heartbeat row's time in seconds, `heartbeat_age_s` how old that is by the server's own clock.
    """

    address: str
    version: Version
    variables: Mapping[str, str]
    schema: Schema = Schema()
    status: Mapping[str, str] = {}
    accounts: tuple[Account, ...] = ()
    plugins: frozenset[str] = frozenset()
    installed: frozenset[str] = frozenset()
    activity: Activity = Activity()
    logged: tuple[Logged, ...] = ()
    clock_offset_ms: float = 0.0
    clock_error_ms: float = 0.0
    gtids: str = ""
    gtids_later: str = ""
    own_writes: int = 0
    heartbeat: float | None = None
    heartbeat_age_s: float | None = None
    disk: Disk | None = None
    missing: tuple[str, ...] = ()

    def variable(self, *names: str) -> str:
        """A global variable, by the first of these names that the server has; empty where it has none."""
        return next((self.variables[name] for name in names if name in self.variables), "")

    def is_on(self, *names: str) -> bool:
        """Whether a switch among the variables is on."""
        return self.variable(*names).upper() not in ("", "0", "OFF", "NO", "DISABLED")

    def number(self, *names: str) -> float | None:
        """A variable as a number; None where it has none, or what is no number."""
        try:
            return float(self.variable(*names))
        except ValueError:
            return None


class Wishes(Struct, frozen=True):
    """What the operator wants of the upgrade, as far as rules measure it."""

    rollback_hours: int = 24
    lag_s: float = 10.0
    transaction_s: float = 60.0
    clock_ms: float = 1000.0
    heartbeat_table: str = ""
    disk_percent: float = 15.0
    verify_days: float = 7.0
    shadow_days: float = 7.0
    gtid_at_cutover: bool = False


class Case(Struct, frozen=True):
    """From `old` to a server of `target` version. `new` is None where that server isn't there yet.

    `tree` is the whole tree as discovered; `others` are its further servers, by address, without their schemas.
    `failed` says of servers that were seen why they then told nothing. `rehearsal` is the disposable server that may
    be written to, and may break. `evidence` is what earlier commands have left.
    """

    old: Side
    target: Version
    tree: Tree
    limits: Limits = NONE
    new: Side | None = None
    others: Mapping[str, Side] = {}
    wishes: Wishes = Wishes()
    failed: Mapping[str, str] = {}
    rehearsal: str = ""
    evidence: Evidence = Evidence()

    @property
    def sides(self) -> Iterator[Side]:
        """The old source, the new one where it's there, and every other server that was asked."""
        yield self.old
        if self.new:
            yield self.new
        yield from self.others.values()

    @property
    def is_between_flavours(self) -> bool:
        """Whether it leads from MySQL to MariaDB, or the other way."""
        return self.old.version.flavour is not self.target.flavour

    @property
    def path(self) -> tuple[str, ...]:
        """The servers that a write passes on its way from the old source to the new one, both included."""
        if self.new is None or self.new.address not in self.tree.shape:
            return (self.old.address,)
        return (*reversed([*self.tree.shape.above(self.new.address)]), self.new.address)

    @property
    def beneath_new(self) -> frozenset[str]:
        """The new source and all that follows it."""
        if self.new is None or self.new.address not in self.tree.shape:
            return frozenset()
        return frozenset((self.new.address, *self.tree.shape.below(self.new.address)))
