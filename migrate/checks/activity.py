"""What goes on on a server at the moment, as far as rules look at it. Pure data, without statements' values."""

from __future__ import annotations

from msgspec import Struct


class Doing(Struct, frozen=True):
    """A session at work: for how many seconds, and what. `doing` is a statement's first words."""

    id: int
    user: str
    host: str
    seconds: float
    doing: str = ""
    state: str = ""
    command: str = ""


class Prepared(Struct, frozen=True):
    """A prepared XA transaction, as XA COMMIT and XA ROLLBACK take it."""

    xid: str


class Event(Struct, frozen=True):
    """A scheduled event. `status` is ENABLED, DISABLED, or that it is disabled as on a replica."""

    schema: str
    name: str
    definer: str
    status: str

    @property
    def path(self) -> str:
        """ "schema.name", for people."""
        return f"{self.schema}.{self.name}"


class Activity(Struct, frozen=True):
    """Open InnoDB transactions, oldest first; sessions; prepared XA transactions; events that are scheduled."""

    transactions: tuple[Doing, ...] = ()
    sessions: tuple[Doing, ...] = ()
    prepared: tuple[Prepared, ...] = ()
    events: tuple[Event, ...] = ()
