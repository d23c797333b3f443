"""A server is made to forget whom it follows, and what was changed so that it could.

Each of it is done whether or not it was done before: an undoing that was interrupted is given again.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from understudy.migrate.build import mark, replicator
from understudy.migrate.build.action import Base, told, unseen
from understudy.migrate.build.attaching import MODE_BEFORE
from understudy.migrate.build.closing import Before
from understudy.migrate.build.replication import applied, channel, say
from understudy.migrate.build.world import closed_again, writing
from understudy.migrate.dialects import Dialect
from understudy.migrate.gtidmode import way
from understudy.migrate.ports import Database
from understudy.migrate.sqltext import Statement
from understudy.migrate.words import Word


class Detach(Base):
    """End what `Attach` began: replication, then what it changed on the way."""

    def says(self) -> Sequence[str]:
        """Stop, forget, mode and read-only as before, the account dropped where it was made."""
        dialect = self.dialect(self.step.server)
        if dialect is None:
            return unseen(self.step.server)
        said = told(self.step.server, dialect.sql(Word.STOP), dialect.sql(Word.FORGET))
        for mode in self._modes_back(dialect):
            said += told(self.step.server, Statement(dialect.sql(Word.GTID_MODE), (mode,)))
        said += told(self.step.server, *self._forgets(dialect), *Before.restores(self.world.recorded, dialect))
        return said + replicator.says_drop(self.world)

    def do(self) -> None:
        """Each of it, whether or not it has been done already."""
        closed_again(self.world)
        with self.world.open(self.step.server) as session:
            if channel(session) is not None:
                say(session, Word.STOP)
                self._mark_place(session)
                say(session, Word.FORGET)
            for mode in self._modes_back(session.dialect):
                say(session, Word.GTID_MODE, mode)
            for statement in (*self._forgets(session.dialect), *Before.restores(self.world.recorded, session.dialect)):
                session.execute(statement)
        replicator.drop(self.world)

    def _mark_place(self, session: Database) -> None:
        """The copy has moved on since it was taken: were it attached again, it would be from here."""
        found, one = mark.read(session, self.step.server), channel(session)
        if found is not None and one is not None and one.source_file:
            with writing(session, self.world):
                mark.write(session, msgspec.structs.replace(found, at=applied(one)))

    def _forgets(self, dialect: Dialect) -> Sequence[Statement]:
        """The mode that was set is kept for the next start too; where none was before, none is to be."""
        changed, word = MODE_BEFORE in self.world.recorded, Word.FORGET_GTID_MODE
        if changed and Before.forgets_mode(self.world.recorded) and dialect.knows(word):
            return [Statement(dialect.sql(word))]
        return []

    def _modes_back(self, dialect: Dialect) -> tuple[str, ...]:
        before = self.world.recorded.get(MODE_BEFORE)
        mine = self.world.tree.servers.get(self.step.server)
        if not before or mine is None or not dialect.knows(Word.GTID_MODE):
            return ()
        return way(mine.gtid_mode, before)
