"""Steps that set one variable: how long binary logs are kept, and whether a server takes writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from understudy.migrate import rows
from understudy.migrate.build.action import Base, told, unseen
from understudy.migrate.build.closing import closes, is_closed, is_open, kept, opens
from understudy.migrate.build.replication import say
from understudy.migrate.build.world import BuildError
from understudy.migrate.dialects import Dialect
from understudy.migrate.ports import Database
from understudy.migrate.sqltext import Statement
from understudy.migrate.words import Word

DAY_S = 86_400
BEFORE, SAVED = "logs_kept_s_before", "logs_kept_saved_before"
VARIABLE = "binlog_expire_logs_seconds"


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
        return told(self.step.server, Statement(dialect.sql(Word.KEEP_LOGS), (self._wanted_s,)))

    def is_done(self) -> bool:
        """Whether they are kept so long, or for ever."""
        with self.world.open(self.step.server) as session:
            if _is_rds(session):
                return self.world.tree.servers[self.step.server].log_bin
            kept_s = _kept_s(session)
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
            if BEFORE not in self.world.recorded:
                self.world.note(**{BEFORE: _kept_s(session), SAVED: kept(session).get(VARIABLE)})
            say(session, Word.KEEP_LOGS, self._wanted_s)

    def lost(self) -> Sequence[str]:
        """Whether they are kept for a shorter time again, where it was this step that changed it."""
        if BEFORE not in self.world.recorded or self.is_done():
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
        dialect, before = self.dialect(self.step.server), self.world.recorded.get(BEFORE)
        if before is None:
            return [f"{self.step.server}: nothing, it was not changed"]
        return told(self.step.server, *self._statements(dialect, before)) if dialect else []

    def do(self) -> None:
        """Set it back."""
        if (before := self.world.recorded.get(BEFORE)) is not None:
            with self.world.open(self.step.server) as session:
                for statement in self._statements(session.dialect, before):
                    session.execute(statement)

    def _statements(self, dialect: Dialect, before: int) -> Iterator[Statement]:
        yield Statement(dialect.sql(Word.KEEP_LOGS), (before,))
        if dialect.knows(Word.FORGET_LOGS_KEPT) and self.world.recorded.get(SAVED, "") is None:
            yield Statement(dialect.sql(Word.FORGET_LOGS_KEPT))


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
