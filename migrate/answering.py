"""Whether a server answers questions about replication just now, told by its process list, which always answers. Pure.

Measured with a full disk beneath the relay log. MariaDB (11.8) lets SHOW REPLICA STATUS wait until there is room, and
neither KILL nor the client's going away ends that: each question leaves one more session, until none is left for
anybody. MySQL 9.7 answers it; SHOW BINARY LOG STATUS waits there where the binary log is on that disk too. MySQL 5.6
waits as MariaDB does, and its process list gives no reason. Once there is room they go on within a minute, and STOP
REPLICA waits for that as well. So what another session waits for is not asked again.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from understudy.migrate.faults import FullError, ServerError, SilentError
from understudy.migrate.ports import Database
from understudy.migrate.rows import Row, number, text
from understudy.migrate.words import Word

WAITS = ("waiting for disk space", "waiting for someone to free space")  # MySQL from 5.7 on, MariaDB
HANGS_S = 10  # these statements read memory: one that takes so long does not end by itself
FULL = "its disk is full: replication waits there for space"
ROOM = "make room where its relay logs and its data are; it goes on by itself within a minute"
HANGS = "whether its disk is full, `df` tells on that machine; a STOP REPLICA that does not end holds it up as well"


class Answering(Struct, frozen=True):
    """What its process list says: whether replication waits for disk space, and which statements hang, with seconds."""

    is_full: bool = False
    hanging: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, processes: Iterable[Row]) -> Answering:
        """From the rows of SHOW PROCESSLIST; without PROCESS these are the account's own sessions."""
        full, hanging = False, []
        for row in processes:
            of_replication = text(row.get("User")) == "system user"
            full = full or (of_replication and text(row.get("State")).lower() in WAITS)
            if (seconds := number(row.get("Time"))) >= HANGS_S and text(row.get("Command")) in ("Query", "Killed"):
                hanging.append((text(row.get("Info")), seconds))
        return cls(full, tuple(hanging))

    def refusal(self, database: Database, word: Word) -> ServerError | None:
        """Why a server is better not asked this; None where it will answer."""
        sql = database.dialect.sql(word)
        for said, seconds in self.hanging:
            if said == sql and not self.is_full:
                return SilentError(database.address, f"{sql} has waited there for {seconds} s already", hint=HANGS)
        if self.is_full and (database.version.is_mariadb() or word is not Word.REPLICA_STATUS):
            return self.full(database.address)
        return None

    @staticmethod
    def full(address: str) -> FullError:
        """What is told of a server that waits for disk space."""
        return FullError(address, FULL, hint=ROOM)


def answering(database: Database) -> Answering:
    """Asked of a server. Raises ServerError."""
    return Answering.of(database.rows(database.dialect.sql(Word.PROCESSES)))


def require(database: Database, word: Word) -> None:
    """Raise why a server is better not asked this: FullError, or SilentError where a session waits for it already."""
    if refusal := answering(database).refusal(database, word):
        raise refusal
