"""Closing a server to all but replication, and opening it again, each over restarts too where it can be helped.

Where a server keeps settings itself (SET PERSIST, MySQL 8.0.11), super_read_only is kept. Measured on 9.7: what is kept
stays when read_only is cleared, and closes the server again at its next start; so opening it forgets that first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from understudy.migrate.dialects import Dialect
from understudy.migrate.ports import Database
from understudy.migrate.rows import number, text
from understudy.migrate.sqltext import Statement
from understudy.migrate.words import Word

SUPER = "super_read_only"


def kept(session: Database) -> Mapping[str, str]:
    """What the server keeps for its next start, by variable; nothing where it can't keep anything."""
    if not session.dialect.knows(Word.PERSISTED):
        return {}
    found = session.rows(session.dialect.sql(Word.PERSISTED))
    return {text(row["name"]).lower(): text(row["value"]) for row in found}


def closes(dialect: Dialect) -> Statement:
    """The statement that closes a server."""
    if dialect.knows(Word.KEEP_READ_ONLY):
        return Statement(dialect.sql(Word.KEEP_READ_ONLY), (1,))
    return Statement(dialect.sql(Word.READ_ONLY))


def opens(dialect: Dialect) -> Iterator[Statement]:
    """The statements that open it, in an order in which a half of them leaves it closed."""
    if dialect.knows(Word.FORGET_READ_ONLY):
        yield Statement(dialect.sql(Word.FORGET_READ_ONLY))
    yield Statement(dialect.sql(Word.READ_WRITE))


def is_closed(session: Database) -> bool:
    """Whether it is closed, and stays so over a restart where the server can keep that."""
    if not number(session.value("SELECT @@GLOBAL.read_only")):
        return False
    return not session.dialect.knows(Word.PERSISTED) or kept(session).get(SUPER, "").upper() in ("ON", "1")


def is_open(session: Database) -> bool:
    """Whether anybody may write to it."""
    return not number(session.value("SELECT @@GLOBAL.read_only"))


class Before:
    """How a server was before it was closed, as `recorded` has it; made once, from `seen` of the server."""

    READ_ONLY, SUPER_READ_ONLY, KEPT = "read_only_before", "super_read_only_before", "kept_before"

    @classmethod
    def seen(cls, session: Database) -> dict[str, object]:
        """What is to be noted."""
        has_super = session.dialect.knows(Word.ADMIN_WRITES)
        before = kept(session)
        return {
            cls.READ_ONLY: not is_open(session),
            cls.SUPER_READ_ONLY: has_super and bool(number(session.value("SELECT @@GLOBAL.super_read_only"))),
            cls.KEPT: {name: before[name] for name in (SUPER, "gtid_mode") if name in before},
        }

    @classmethod
    def restores(cls, recorded: Mapping[str, object], dialect: Dialect) -> Iterator[Statement]:
        """The statements that set it back; none where nothing was noted."""
        if cls.READ_ONLY not in recorded:
            return
        before = recorded.get(cls.KEPT)
        if isinstance(before, Mapping) and dialect.knows(Word.FORGET_READ_ONLY):
            if SUPER in before:
                yield Statement(dialect.sql(Word.KEEP_READ_ONLY), (int(before[SUPER].upper() in ("ON", "1")),))
            else:
                yield Statement(dialect.sql(Word.FORGET_READ_ONLY))
        if not recorded[cls.READ_ONLY]:
            yield Statement(dialect.sql(Word.READ_WRITE))
        elif not recorded.get(cls.SUPER_READ_ONLY, True) and dialect.knows(Word.ADMIN_WRITES):
            yield Statement(dialect.sql(Word.ADMIN_WRITES))

    @classmethod
    def forgets_mode(cls, recorded: Mapping[str, object]) -> bool:
        """Whether no gtid_mode was kept before."""
        before = recorded.get(cls.KEPT)
        return isinstance(before, Mapping) and "gtid_mode" not in before
