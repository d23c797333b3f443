"""A break in replication, as data: what failed, where, and what was found out about it. Pure."""

from __future__ import annotations

from msgspec import Struct

from understudy.migrate.rows import Coordinates
from understudy.migrate.versions import Version
from understudy.migrate.watch.case import Thread
from understudy.migrate.watch.channels import Channel
from understudy.migrate.watch.events import Transaction


class Fault(Struct, frozen=True):
    """One thread of one channel that failed. What could not be found out is None or empty, and `missing` says why.

    `at` is the failing transaction's beginning in the source's binary log. `evidence` are sentences about what may
    have caused it, seen on the servers. `log_kept` is whether the source still has the log that the replica needs.
    """

    server: str
    version: Version
    channel: Channel
    thread: Thread
    number: int
    text: str
    source: str = ""
    source_version: Version | None = None
    transaction: Transaction | None = None
    at: Coordinates = Coordinates()
    log_kept: bool | None = None
    evidence: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def gtid(self) -> str:
        """The failing transaction's GTID; empty where it has none."""
        return (self.transaction.gtid if self.transaction else "") or self.channel.failed.gtid

    @property
    def token(self) -> str:
        """By what the failing transaction is told from any other: its GTID, or "file:position"; empty if unknown."""
        return self.gtid or (f"{self.at.file}:{self.at.position}" if self.at.file and self.transaction else "")

    @property
    def is_next(self) -> bool:
        """Whether everything before the failing transaction counts as applied, so that a counter skips this one."""
        return self.transaction is not None and self.at == self.channel.done


def failing(channel: Channel) -> tuple[Thread, int, str] | None:
    """Which thread of a channel failed, with its error; None where neither did. The applier's error goes first."""
    if channel.applier_error.number:
        return Thread.APPLIER, channel.applier_error.number, channel.applier_error.text
    if channel.receiver_error.number and channel.receiver != "Yes":
        return Thread.RECEIVER, channel.receiver_error.number, channel.receiver_error.text
    return None
