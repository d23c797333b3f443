"""Steps that set one variable: how long binary logs are kept, and whether a server takes writes.

MySQL 8.0 knows two for the first, days and seconds. It takes either of them other than 0 only while the other one is 0,
also from what it has kept for its next start, which it sets in the order in which that was kept. While both are 0,
nothing is removed. (Manual, "Binary Logging Options and Variables", and the messages ER_BINLOG_EXPIRE_LOG_DAYS_AND_SECS
_USED_TOGETHER and ER_DA_EXPIRE_LOGS_DAYS_IGNORED; we have run no 8.0.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from understudy.migrate import rows
from understudy.migrate.build.action import Base, told, unseen
from understudy.migrate.build.closing import closes, is_closed, is_open, kept, opens
from understudy.migrate.build.world import BuildError
from understudy.migrate.dialects import Dialect
from understudy.migrate.ports import Database
from understudy.migrate.sqltext import Statement
from understudy.migrate.words import Word

DAY_S = 86_400
BEFORE, SAVED = "logs_kept_s_before", "logs_kept_saved_before"
DAYS, DAYS_SAVED = "logs_kept_days_before", "logs_kept_days_saved_before"
VARIABLE, OLD_VARIABLE = "binlog_expire_logs_seconds", "expire_logs_days"


def keeps(dialect: Dialect, seconds: int, days_now: int) -> Iterator[Statement]:
    """The statements that keep binary logs for so long on a server that has so many days set, 0 for none. Pure."""
    if days_now:
        yield Statement(dialect.sql(Word.KEEP_DAYS), (0,))
    yield Statement(dialect.sql(Word.KEEP_LOGS), (seconds,))


def keeps_as_before(dialect: Dialect, recorded: Mapping[str, Any]) -> Iterator[Statement]:
    """The statements that set back what was noted before `keeps`; none where nothing was. Pure."""
    if (before := recorded.get(BEFORE)) is None:
        return
    days = recorded.get(DAYS) or 0
    by_days = bool(days) and days * DAY_S == before  # else the seconds were in force, whatever stood beside them
    yield Statement(dialect.sql(Word.KEEP_LOGS), (0 if by_days else before,))
    if by_days:
        yield Statement(dialect.sql(Word.KEEP_DAYS), (days,))
    if dialect.knows(Word.FORGET_LOGS_KEPT) and recorded.get(SAVED, "") is None:
        yield Statement(dialect.sql(Word.FORGET_LOGS_KEPT))
    if days and dialect.knows(Word.FORGET_DAYS) and recorded.get(DAYS_SAVED, "") is None:
        yield Statement(dialect.sql(Word.FORGET_DAYS))


class Retention(Base):
    """Keep binary logs for so many days at least: a server of one's own has no other backups that a replica needs.

    On RDS it is the automated backups, which only RDS itself can set; without them it writes no binary log at all
    (Amazon RDS User Guide, "Configuring MySQL binary logging"), which is how it shows that they are on.
    """

    def says(self) -> Sequence[str]:
        """The variable, where it is too low."""
        dialect = self.dialect(self.step.server)
        if dialect is None:
            return unseen(self.step.server)
        if self.is_done():
            return [f"{self.step.server}: nothing, its binary logs are kept that long already"]
        with self.world.open(self.step.server) as session:
            return told(self.step.server, *keeps(dialect, self._wanted_s, _days(session)))

    def is_done(self) -> bool:
        """Whether they are kept so long, or for ever."""
        with self.world.open(self.step.server) as session:
            if _is_rds(session):
                return self.world.tree.servers[self.step.server].log_bin
            kept_s = _kept_s(session)
        was_interrupted = DAYS in self.world.recorded and not kept_s  # between its two statements
        return self._is_enough(kept_s) and not was_interrupted

    def _is_enough(self, kept_s: int) -> bool:
        return kept_s == 0 or kept_s >= self._wanted_s

    def do(self) -> None:
        """Set it, having noted what it was."""
        with self.world.open(self.step.server) as session:
            if _is_rds(session):
                raise BuildError(
                    f"{self.step.server} is on RDS, and keeps no automated backups: only RDS can set that",
                    "aws rds modify-db-instance --db-instance-identifier … --backup-retention-period "
                    f"{self.step.days} --apply-immediately; when it is in effect, give the command again",
                )
            days = _days(session)
            if BEFORE not in self.world.recorded:
                saved = kept(session)
                of_days = {DAYS: days, DAYS_SAVED: saved.get(OLD_VARIABLE)} if days else {}
                self.world.note(**{BEFORE: _kept_s(session), SAVED: saved.get(VARIABLE)}, **of_days)
            for statement in keeps(session.dialect, self._wanted_s, days):
                session.execute(statement)

    def lost(self) -> Sequence[str]:
        """Whether they are kept for a shorter time again, where it was this step that changed it."""
        if BEFORE not in self.world.recorded:
            return []
        with self.world.open(self.step.server) as session:
            if self._is_enough(_kept_s(session)):
                return []
        return [f"its binary logs are kept for less than {self._wanted_s // DAY_S} days"]

    def mend(self) -> None:
        """Set it again."""
        self.do()

    @property
    def _wanted_s(self) -> int:
        return (self.step.days or 0) * DAY_S


class RetentionBack(Base):
    """What `Retention` found is set again."""

    def says(self) -> Sequence[str]:
        """The variable, where it was changed."""
        if BEFORE not in self.world.recorded:
            return [f"{self.step.server}: nothing, it was not changed"]
        dialect = self.dialect(self.step.server)
        return told(self.step.server, *keeps_as_before(dialect, self.world.recorded)) if dialect else []

    def do(self) -> None:
        """Set it back."""
        if BEFORE in self.world.recorded:
            with self.world.open(self.step.server) as session:
                for statement in keeps_as_before(session.dialect, self.world.recorded):
                    session.execute(statement)


class Writable(Base):
    """Let a server be written to, after a restart too."""

    def says(self) -> Sequence[str]:
        """The statements."""
        dialect = self.dialect(self.step.server)
        return told(self.step.server, *opens(dialect)) if dialect else unseen(self.step.server)

    def is_done(self) -> bool:
        """Whether anybody may write to it."""
        with self.world.open(self.step.server) as session:
            return is_open(session)

    def do(self) -> None:
        """Open it."""
        with self.world.open(self.step.server) as session:
            for statement in opens(session.dialect):
                session.execute(statement)

    def lost(self) -> Sequence[str]:
        """Whether it is closed again."""
        return [] if self.is_done() else ["read_only is on"]

    def mend(self) -> None:
        """Open it again."""
        self.do()


class ReadOnly(Base):
    """Let a server be written to by replication alone, after a restart too."""

    def says(self) -> Sequence[str]:
        """The statement."""
        dialect = self.dialect(self.step.server)
        return told(self.step.server, closes(dialect)) if dialect else unseen(self.step.server)

    def is_done(self) -> bool:
        """Whether it is closed."""
        with self.world.open(self.step.server) as session:
            return is_closed(session)

    def do(self) -> None:
        """Close it."""
        with self.world.open(self.step.server) as session:
            session.execute(closes(session.dialect))


def _is_rds(session: Database) -> bool:
    return rows.text(session.value("SELECT @@GLOBAL.basedir")).startswith("/rdsdbbin")


def _kept_s(session: Database) -> int:
    return int(float(rows.text(session.value(session.dialect.sql(Word.LOGS_KEPT))) or 0))


def _days(session: Database) -> int:
    dialect = session.dialect
    return rows.number(session.value(dialect.sql(Word.DAYS_KEPT))) if dialect.knows(Word.DAYS_KEPT) else 0
