"""One moment of a whole server, held open for reading: snapshots in several sessions, and where the binary log ended.

The server's writes are held up by FLUSH TABLES WITH READ LOCK for as long as it takes to begin a transaction in each
session, a few milliseconds. The lock is asked for with a deadline: a statement that runs for hours would hold it up and
everybody behind it (mysqldump's own lock has none). Coordinates are always those of the server that is copied from, for
it is the one to be followed, wherever its own changes come from.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from understudy.errors import UnderstudyError
from understudy.migrate import rows
from understudy.migrate.build import definitions
from understudy.migrate.faults import LockedError, ServerError
from understudy.migrate.ports import Database, Servers
from understudy.migrate.rows import Coordinates, text
from understudy.migrate.words import Word

LOCK_WAIT_S = 3  # how long others may queue behind us for the lock; then we step back, and try again
LOCK_TRIES = 10


class MomentError(UnderstudyError):
    """The server could not be held still for the moment that a snapshot takes."""


@contextmanager
def reader(servers: Servers, address: str) -> Iterator[Database]:
    """A session for reading, set so that what it reads is exact."""
    with servers.open(address) as session:
        for statement in definitions.reading(session.version):
            session.execute(statement)
        yield session


@contextmanager
def snapshots(
    servers: Servers, address: str, sessions: int, meanwhile: Callable[[], None] = lambda: None, *, held: bool = False
) -> Iterator[tuple[Sequence[Database], Coordinates]]:
    """Sessions that all see the same moment, and its coordinates; `meanwhile` runs while the server stands still.

    With `held` it stands still until the end: for tables that know no snapshot. Raises MomentError where the lock can't
    be had, where it was lost before the end, and where the server writes no binary log.
    """
    with ExitStack() as stack:
        readers = [stack.enter_context(reader(servers, address)) for _ in range(sessions)]
        for session in readers:
            session.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with reader(servers, address) as holder:
            _hold_still(holder)
            for session in readers:
                session.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            meanwhile()
            at = coordinates(holder)
            if held:
                yield readers, at
                _require_held(holder)
                return
        yield readers, at


def coordinates(session: Database) -> Coordinates:
    """Where the server's own binary log ends, with the GTID set executed there. Raises MomentError without a log."""
    row = session.row(session.dialect.sql(Word.COORDINATES)) or {}
    at = rows.coordinates([row])
    if not at.file:
        raise MomentError(
            f"{session.address}: it writes no binary log, so nothing can follow it",
            "start it with --log-bin and, as it is a replica, --log-replica-updates (--log-slave-updates)",
        )
    if session.version.is_mariadb():
        gtid = text(session.value("SELECT BINLOG_GTID_POS(%s, %s)", at.file, at.position))
    else:
        gtid = re.sub(r"\s", "", text(row.get("Executed_Gtid_Set")))
    return Coordinates(at.file, at.position, gtid)


def _require_held(session: Database) -> None:
    """The lock lives as long as its session, and nobody tells us of its end."""
    try:
        session.value("SELECT 1")
    except ServerError as error:
        raise MomentError(
            f"{session.address}: the session that held it still was lost, so what was read since may be of no one"
            f" moment: {error.what}",
            "run the same command again: it begins this copy anew; see who killed the session, or what restarted",
        ) from error


def _hold_still(session: Database) -> None:
    session.execute(f"SET SESSION lock_wait_timeout = {LOCK_WAIT_S}")
    for attempt in range(LOCK_TRIES):
        if attempt:
            time.sleep(LOCK_WAIT_S)
        try:
            session.execute(session.dialect.sql(Word.HOLD_STILL))
        except LockedError:
            continue
        return
    raise MomentError(
        f"{session.address}: it could not be held still for a snapshot: {LOCK_TRIES} times a statement held the lock up"
        f" for {LOCK_WAIT_S} s",
        "look at its processlist for what runs long, such as a report or a backup, and try again afterwards",
    )
