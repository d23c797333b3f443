"""What the target remembers of its copy, in a schema of its own that is never written to a binary log.

The mark is written before anything is created, with the names of all schemas that are going to be: so a copy that was
killed at any point is recognised, and what it left can be told from what was there before. It holds the coordinates
when the copy is whole. It is neither on production's servers nor only in the journal: the journal may be lost, and a
target that was copied to by another journal is then still known. A server that remembers itself that it was cloned
keeps the mark when the clone is dropped, as `wiped`: else it would pass for copied (`cloned`).
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from understudy.migrate.build import cloned
from understudy.migrate.ports import Database
from understudy.migrate.rows import Coordinates, number, text

SCHEMA = "understudy_build"
_TABLE = f"{SCHEMA}.copy"
_CREATE = (
    f"CREATE DATABASE IF NOT EXISTS {SCHEMA} CHARACTER SET utf8mb4",
    f"CREATE TABLE IF NOT EXISTS {_TABLE} (id INT PRIMARY KEY, content LONGTEXT NOT NULL) ENGINE=InnoDB",
)


class Mark(Struct, frozen=True):
    """From where `server` was or is being copied. `schemas` are those that the copy makes; None: all that are there.

    A server that was cloned has its source's mark too, which names another server.
    """

    server: str
    source: str
    way: str
    schemas: tuple[str, ...] | None
    finished: bool = False
    at: Coordinates = Coordinates()
    super_read_only: bool = False  # as it was found, and is to be again
    accounts: tuple[
        tuple[str, str], ...
    ] = ()  # user and host of each that was created; the host of a role may be empty
    accounts_finished: bool = False
    public: tuple[str, ...] = ()  # the GRANTs to PUBLIC that were made with them
    wiped: bool = False  # what was copied is dropped: nothing is left but this


def read(session: Database, server: str) -> Mark | None:
    """The target's mark; None where nothing was ever copied to it, or it was dropped."""
    found = _read(session, server)
    return None if found and found.wiped else found


def stands(session: Database, server: str) -> bool:
    """Whether the target holds a mark of its own, be it of what was dropped."""
    return _read(session, server) is not None


def _read(session: Database, server: str) -> Mark | None:
    if not session.rows(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = %s AND table_name = 'copy'", SCHEMA
    ):
        return None
    content = session.value(f"SELECT content FROM {_TABLE} WHERE id = 1")
    mark = msgspec.json.decode(text(content), type=Mark) if content else None
    return mark if mark and mark.server == server else None


def write(session: Database, mark: Mark) -> None:
    """Remember; the session must be unlogged."""
    for statement in _CREATE:
        session.execute(statement)
    session.execute(f"REPLACE INTO {_TABLE} VALUES (1, %s)", msgspec.json.encode(mark).decode())


def erase(session: Database) -> None:
    """Forget, but for that all was dropped where the server remembers a clone; the session must be unlogged."""
    if cloned.is_whole(cloned.status(session)):
        write(session, Mark(session.address, "", "", (), wiped=True))
    else:
        session.execute(f"DROP DATABASE IF EXISTS {SCHEMA}")


def is_only_copier(session: Database) -> bool:
    """Take the lock that one copier of this target holds as long as its session lives."""
    return number(session.value("SELECT GET_LOCK('understudy build', 15)")) == 1
