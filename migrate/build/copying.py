"""Copies the data of one server to another, so that the copy can follow the server that it was copied from.

There are three ways: definitions and rows through us ("dump"), MySQL's own CLONE, and a command of the operator's that
copies a snapshot ("hook"). Whatever the way, the target is
marked before anything is made on it, refused where it holds what we did not make, and known as copied afterwards, with
the coordinates from which it is to follow. A copy that was interrupted begins anew, after what it left is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from understudy.config import Build, Replication
from understudy.errors import UnderstudyError
from understudy.migrate.build import mark, target
from understudy.migrate.build.mark import Mark
from understudy.migrate.build.progress import Progress
from understudy.migrate.build.target import TargetError
from understudy.migrate.describe import sized
from understudy.migrate.logins import Logins
from understudy.migrate.mysql import MySql
from understudy.migrate.ports import Database, Servers
from understudy.migrate.rows import Coordinates, number


class RoomError(UnderstudyError):
    """There is not enough room on a disk."""


class Copying(Struct, frozen=True):
    """What is to be copied: the data of `under` to `server`, both "host:port"; `way` is as `migrate.target.build`.

    `replication` names the account that new servers follow with: of it the password is known.
    """

    under: str
    server: str
    way: str
    settings: Build
    logins: Logins
    replication: Replication = Replication()

    @property
    def servers(self) -> Servers:
        """Opens sessions with both."""
        return MySql(self.logins)

    @property
    def kind(self) -> str:
        """dump, clone or hook."""
        return self.way.partition(":")[0]


class Room(Struct, frozen=True):
    """How much disk the copy takes on the target by estimate, and how much is free there; None where SQL can't tell."""

    need_bytes: int
    free_bytes: int | None

    @property
    def is_short(self) -> bool:
        """Whether it is known not to fit."""
        return self.free_bytes is not None and self.free_bytes < self.need_bytes

    def __str__(self) -> str:
        free = (
            "the server can't say how much it has free" if self.free_bytes is None else f"{sized(self.free_bytes)} free"
        )
        return f"about {sized(self.need_bytes)} are needed; {free}"


Way = Callable[[Copying, Database, Progress], Coordinates]


def copy(copying: Copying, progress: Progress) -> Coordinates:
    """Copy, and return where in `under`'s binary log `server` is to begin to follow.

    A copy that is there already is not made again. Raises UnderstudyError; what was made by then is dropped by the
    next call, or by `wipe`.
    """
    with target.kept(copying.servers, copying.server) as session:
        found = mark.read(session, copying.server)
        if found and found.finished and found.source == copying.under:
            progress.says(f"{copying.server} holds a copy of {copying.under} already")
            return found.at
        if found and found.finished:
            raise TargetError(
                f"{copying.server} holds a copy of {found.source}, not of {copying.under}",
                "undo what was built before with `understudy migrate build`, or go on with the plan that it belongs to",
            )
        if (at := _cloned(copying, session)) is not None:
            return _finish(copying, session, at, found)
        needed = room(copying)
        progress.says(f"{copying.server}: {needed}")
        if found:
            progress.says(f"{copying.server}: dropping what an interrupted copy left")
            _drop(session, found)
        target.require_empty(session, copying.server)
        closed = target.open_to_us(session)
        begun = Mark(copying.server, copying.under, copying.kind, (), super_read_only=closed)
        mark.write(session, begun)
        at = _ways()[copying.kind](copying, session, progress)
    with target.kept(copying.servers, copying.server) as session:
        return _finish(copying, session, at, mark.read(session, copying.server) or replace(begun, schemas=None))


def _finish(copying: Copying, session: Database, at: Coordinates, begun: Mark | None) -> Coordinates:
    begun = begun or Mark(copying.server, copying.under, copying.kind, None)
    target.open_to_us(session)
    mark.write(session, replace(begun, finished=True, at=at))
    target.close_again(session, begun)
    return at


def _ways() -> Mapping[str, Way]:
    from understudy.migrate.build import cloning, dumping, hooking

    return {"dump": dumping.dump, "clone": cloning.clone, "hook": hooking.hook}


def _cloned(copying: Copying, session: Database) -> Coordinates | None:
    """A clone takes our mark away with all else; the server itself remembers it."""
    if copying.kind != "clone":
        return None
    from understudy.migrate.build import cloning

    return cloning.finished(copying, session)


def copied(copying: Copying) -> Coordinates | None:
    """Where the copy is to begin to follow, if the target holds a whole one of `under`; None where it does not."""
    with copying.servers.open(copying.server) as session:
        found = mark.read(session, copying.server)
        if found:
            return found.at if found.finished and found.source == copying.under else None
        return _cloned(copying, session)


def wipe(copying: Copying) -> None:
    """Drop what was copied, and nothing else: without a mark of ours nothing is dropped at all."""
    with target.kept(copying.servers, copying.server) as session:
        found = mark.read(session, copying.server)
        if found is None and _cloned(copying, session) is not None:
            found = Mark(copying.server, copying.under, copying.kind, None)
        if found is not None:
            _drop(session, found)


def _drop(session: Database, found: Mark) -> None:
    closed = target.open_to_us(session) or found.super_read_only
    target.drop(session, replace(found, super_read_only=closed))


def room(copying: Copying) -> Room:
    """How much the copy needs and how much there is. Raises RoomError where it can't fit, UnderstudyError otherwise."""
    with copying.servers.open(copying.under) as source:
        found = room_for(copying, data_bytes(source))
    if found.is_short and copied(copying) is None:
        raise RoomError(f"{copying.server}: {found}", "give the new server a larger disk, or free what is on it")
    return found


def room_for(copying: Copying, need_bytes: int) -> Room:
    """How much there is on the target for a copy that needs so much. Raises UnderstudyError."""
    with copying.servers.open(copying.server) as session:
        return Room(need_bytes, target.free_bytes(session))


def data_bytes(session: Database, patience_s: float = 600.0) -> int:
    """How large the server's tables and indexes are, by its own statistics. Raises UnderstudyError."""
    with session.patient(patience_s):  # 5.6 opens every table for it
        return number(
            session.value(
                "SELECT SUM(data_length + index_length) FROM information_schema.tables WHERE table_schema NOT IN"
                " ('mysql', 'information_schema', 'performance_schema', 'sys')"
            )
        )
