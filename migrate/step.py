"""One step of a plan: what is done to which server, why, how long it may take, and how it is undone. Pure.

A step changes the tree in one of three ways or not at all: a server is put under another (attach, move), leaves it
(detach), or its backup retention changes. `apply` is that change, on the tree as data; the runner makes the real one.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec import Struct

from understudy.migrate.facts import Server
from understudy.migrate.shape import Shape
from understudy.migrate.topology import Tree


class Kind(StrEnum):
    """What is done. The last four are there to undo."""

    RETENTION = "retention"  # keep backups of `server` for `days`
    MOVE = "move"  # repoint `server` from `source` to `under`, with all that is beneath it
    COPY = "copy"  # copy the data of `under` to `server`, with its coordinates
    ACCOUNTS = "accounts"  # create users and grants on `server`, in its own dialect
    UPGRADE = "upgrade"  # upgrade the system tables that were copied to `server`
    ATTACH = "attach"  # let `server` follow `under`
    CATCH_UP = "catch-up"  # wait until `server` has applied all that `under` had
    WRITABLE = "writable"  # let `server` be written to: it is disposable
    DETACH = "detach"
    WIPE = "wipe"
    DROP_ACCOUNTS = "drop-accounts"
    READ_ONLY = "read-only"


class Step(Struct, frozen=True):
    """A step. `source` is what the server followed before: empty for none, None where it was not seen at all.

    `days` and `days_before` belong to a retention, None is unknown. `undo` says in words how the step is undone, and
    `undo_kind` as which kind of step; None where nothing is to be undone. `gtid_mode` is what the server's becomes when
    it is attached, empty where it stays.
    """

    number: int
    kind: Kind
    server: str
    reason: str
    low_s: int
    high_s: int
    undo: str = ""
    undo_kind: Kind | None = None
    under: str = ""
    source: str | None = None
    days: int | None = None
    days_before: int | None = None
    gtid_mode: str = ""

    @property
    def id(self) -> str:
        """What the step is called in the journal, the same for the same plan."""
        return f"{self.number:02d}-{self.kind}-{self.server}"

    @property
    def title(self) -> str:
        """What is done, in a line."""
        return _TITLES[self.kind].format(self, "1 day" if self.days == 1 else f"{self.days} days")


_TITLES = {
    Kind.RETENTION: "keep the backups of {0.server} for {1} or more",
    Kind.MOVE: "move {0.server} from {0.source} to {0.under}",
    Kind.COPY: "copy the data of {0.under} to {0.server}",
    Kind.ACCOUNTS: "create the users and grants on {0.server}",
    Kind.UPGRADE: "upgrade the system tables of {0.server}",
    Kind.ATTACH: "let {0.server} follow {0.under}",
    Kind.CATCH_UP: "wait until {0.server} has caught up with {0.under}",
    Kind.WRITABLE: "let {0.server} be written to",
    Kind.DETACH: "end the replication of {0.server} from {0.under}",
    Kind.WIPE: "drop what was copied to {0.server}",
    Kind.DROP_ACCOUNTS: "drop the users that were created on {0.server}",
    Kind.READ_ONLY: "make {0.server} read-only",
}


def apply(tree: Tree, step: Step) -> Tree:
    """The tree once a step has been taken."""
    match step.kind:
        case Kind.ATTACH | Kind.MOVE:
            server = tree.servers.get(step.server) or Server(step.server)
            if step.gtid_mode:
                server = msgspec.structs.replace(server, gtid_mode=step.gtid_mode)
            if step.kind is Kind.ATTACH:
                server = msgspec.structs.replace(server, read_only=True)
            return tree.placed(server, step.under)
        case Kind.WRITABLE | Kind.READ_ONLY if step.server in tree.servers:
            is_closed = step.kind is Kind.READ_ONLY
            return tree.changed(msgspec.structs.replace(tree.servers[step.server], read_only=is_closed))
        case Kind.DETACH if step.source is None:
            return tree.without(step.server)
        case Kind.DETACH:
            alone = msgspec.structs.replace(tree.servers[step.server], channels=())
            return Tree(
                {**tree.servers, step.server: alone},
                Shape({**tree.shape.sources, step.server: ""}),
                tree.also,
                tree.oddities,
            )
        case Kind.RETENTION:
            kept = msgspec.structs.replace(tree.servers[step.server], backup_retention_days=step.days)
            return tree.changed(kept)
    return tree


def reverse(step: Step) -> Step | None:
    """The step that undoes this one; None where there is nothing to undo."""
    if step.undo_kind is None:
        return None
    undone = msgspec.structs.replace(step, kind=step.undo_kind, reason=step.undo, undo="", undo_kind=None)
    match step.kind:
        case Kind.MOVE:
            return msgspec.structs.replace(undone, under=step.source or "", source=step.under)
        case Kind.RETENTION:
            return msgspec.structs.replace(undone, days=step.days_before, days_before=step.days)
    return undone
