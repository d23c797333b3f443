"""A replica's channel, as build handles it: stop, start, wait, and tell why it does not run.

Whether both threads run is asked until they do: a receiver needs a moment to log in. What it fails with by itself
(the network, a source that restarts) is waited for; what only a person can mend is raised at once, in the server's
own words.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from understudy.migrate import answering, rows
from understudy.migrate.build.world import BuildError, World
from understudy.migrate.facts import Channel
from understudy.migrate.faults import (
    BusyError,
    FullError,
    LostError,
    PrivilegeError,
    SilentError,
    UnreachableError,
)
from understudy.migrate.ports import Database
from understudy.migrate.rows import Coordinates
from understudy.migrate.words import Word

PASSING = frozenset({1040, 1053, 1158, 1159, 1160, 1161, 2002, 2003, 2005, 2006, 2013})  # a receiver tries again
AWAY = (BusyError, FullError, LostError, SilentError, UnreachableError)  # a server that restarts, or waits for space
START_S = 30.0
HINTS = {
    1045: "the account of [migrate.replication] has another password there: put the right one into its password_file",
    1236: "the binary log that it needs is gone from its source: copy again, `understudy migrate build --undo` first",
    1032: "its data is not its source's: `understudy migrate watch` says which row, `verify` what else",
    1062: "its data is not its source's: `understudy migrate watch` says which row, `verify` what else",
    2003: "can it reach its source under this address? [migrate.aliases] gives another",
    2061: "caching_sha2_password wants TLS, or a replica that may ask for the source's public key",
}


class ReplicationError(BuildError):
    """A replica does not replicate; the message has the server's own words."""


def channel(session: Database) -> Channel | None:
    """Whom it follows and how it stands, with its workers' own errors; None where it follows nobody."""
    dialect = session.dialect
    answering.require(session, Word.REPLICA_STATUS)
    found = rows.channels(session.rows(dialect.sql(Word.REPLICA_STATUS)))
    if any(one.error for one in found) and dialect.knows(Word.WORKER_ERRORS):
        with suppress(PrivilegeError):
            found = rows.explained(found, session.rows(dialect.sql(Word.WORKER_ERRORS)))
    return found[0] if found else None


def log_end(session: Database) -> Coordinates:
    """Where its own binary log ends."""
    return rows.coordinates(session.rows(session.dialect.sql(Word.COORDINATES)))


def say(session: Database, word: Word, *arguments: object) -> None:
    """Run a statement of the table."""
    session.execute(session.dialect.sql(word), *arguments)


def order(at: Coordinates) -> tuple[int, int]:
    """What a place in a log is compared by: the file's number, then the position."""
    suffix = at.file.rpartition(".")[2]
    return (int(suffix) if suffix.isdigit() else 0, at.position)


def applied(one: Channel) -> Coordinates:
    """How far a replica has applied its source's log."""
    return Coordinates(one.source_file, one.source_pos)


def bytes_between(logs: Iterable[rows.Row], begin: Coordinates, end: Coordinates) -> int:
    """How much binary log lies between two places, by SHOW BINARY LOGS of the server that wrote it."""
    total = 0
    for log in map(rows.plain, logs):
        name, size = rows.text(log.get("log_name")), rows.number(log.get("file_size"))
        number = order(Coordinates(name))[0]
        if order(begin)[0] <= number <= order(end)[0]:
            upper = end.position if number == order(end)[0] else size
            lower = begin.position if number == order(begin)[0] else 0
            total += max(0, upper - lower)
    return total


def require_sound(address: str, one: Channel) -> None:
    """Raise ReplicationError where an error stands that does not pass by itself."""
    if one.error and one.error_number not in PASSING:
        raise stopped(address, one)


def stopped(address: str, one: Channel) -> ReplicationError:
    """The error for a replica that does not run."""
    thread = "applier" if one.receiving else "receiver"
    number = f"error {one.error_number}: " if one.error_number else ""
    why = f"{number}{' '.join(one.error.split())}" if one.error else "it gives no reason"
    hint = HINTS.get(one.error_number, "mend it, then give the command again; `understudy migrate status` shows it")
    return ReplicationError(f"{address}: the {thread} that follows {one.source} does not run: {why}", hint)


def require_running(world: World, address: str, within_s: float = START_S) -> Channel:
    """Wait until both threads run, twice in a row. Raises ReplicationError with the server's own words."""
    last, good = None, 0
    away = ReplicationError(f"{address} was not reached for {within_s:.0f} s")
    for _ in world.until(within_s):
        try:
            with world.open(address) as session:
                last = channel(session)
        except AWAY as error:
            good = 0
            if isinstance(error, FullError):
                away = ReplicationError(error.message, error.hint)
            continue
        if last is None:
            raise ReplicationError(f"{address} follows nobody", "`understudy migrate status` shows the tree")
        require_sound(address, last)
        good = good + 1 if last.receiving and last.applying and not last.error else 0
        if good == 2:
            return last
    if last is None:
        raise away
    raise stopped(address, last)
