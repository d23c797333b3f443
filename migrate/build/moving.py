"""A replica is moved to another source without losing or doubling a transaction.

By GTID a source sends what the replica has not executed yet. By position, the place that the replica has reached is
found in its new source's log: `aligning` tells how.

Whatever happens, what was stopped is started again; which servers these are is noted before the first is stopped.
The replica keeps the account with which it replicates. Where it can't log in at its new source, it goes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from understudy.migrate import rows
from understudy.migrate.build.action import Base, told, unseen
from understudy.migrate.build.aligning import Aligning, following
from understudy.migrate.build.replication import (
    START_S,
    ReplicationError,
    applied,
    channel,
    order,
    require_running,
    say,
)
from understudy.migrate.build.world import BuildError
from understudy.migrate.dialects import Follow
from understudy.migrate.faults import ServerError
from understudy.migrate.ports import Database
from understudy.migrate.rows import Coordinates
from understudy.migrate.sqltext import Statement
from understudy.migrate.words import Word

STOPPED, FROM, TO = "stopped", "moved_from", "moved_to"


class Move(Base):
    """Repoint the server from `step.source` to `step.under`, with all that is beneath it."""

    def says(self) -> Sequence[str]:
        """What is stopped, until where it runs, the new source, and what is started again."""
        server, under = self.step.server, self.step.under
        mine, gtid = self.dialect(server), self._by_gtid()
        if mine is None:
            return unseen(server)
        host, port = self.world.name_among_servers(under)
        said: list[str] = []
        if not gtid:
            for head in Aligning(self.step, self.world).heads:
                theirs = self.dialect(head)
                until = Statement(theirs.sql(Word.START_UNTIL), ("<end of the common log>", "…")) if theirs else ""
                said += told(head, theirs.sql(Word.STOP_APPLIER), until) if theirs else unseen(head)
        follow = Follow(host, port) if gtid else Follow(host, port, file="<end of its own log>", position=0)
        said += told(server, mine.sql(Word.STOP), mine.repoint(follow))
        for name in self._disturbed():
            theirs = self.dialect(name)
            said += told(name, theirs.sql(Word.START)) if theirs else unseen(name)
        return said

    def is_done(self) -> bool:
        """Whether it follows its new source, and it and whatever was stopped for it runs."""
        if self.world.tree.shape.sources.get(self.step.server) != self.step.under:
            return False
        if STOPPED in self.world.recorded and FROM not in self.world.recorded:
            return False  # an attempt was interrupted before it moved anything: somebody may run UNTIL somewhere
        return all(self._runs(name) for name in self._disturbed())

    def check(self) -> None:
        """Whatever will be stopped replicates now, or was stopped by an attempt before."""
        ours = self.world.recorded.get(STOPPED, ())
        for name in self._disturbed():
            if name not in ours:
                require_running(self.world, name, 5.0)
        if self._by_gtid():
            self._require_nothing_purged()

    def do(self) -> None:
        """Move it, or finish a move that was interrupted."""
        names = self._disturbed()
        if STOPPED not in self.world.recorded:
            self.world.note(**{STOPPED: names})
        try:
            if self._source_now() != self.step.under:
                self._restart(names)  # from a known state, whatever an attempt before has left
                self._repoint(self._place_by_gtid() if self._by_gtid() else Aligning(self.step, self.world).place())
        finally:
            self._restart(names, within_s=0)
        try:
            require_running(self.world, self.step.server)
        except ReplicationError:
            self._go_back()
            raise
        for name in names[1:]:
            require_running(self.world, name)

    # --- who is concerned

    def _source_now(self) -> str:
        return self.world.tree.shape.sources.get(self.step.server, "")

    def _disturbed(self) -> list[str]:
        """Whose replication is stopped for a while; the moved one comes first."""
        heads = [] if self._by_gtid() else Aligning(self.step, self.world).heads
        return list(dict.fromkeys([self.step.server, *heads, *self.world.recorded.get(STOPPED, ())]))

    def _by_gtid(self) -> bool:
        server = self.world.tree.servers[self.step.server]
        return bool(server.channels) and server.channels[0].auto_position

    def _place_by_gtid(self) -> Coordinates:
        with self.world.open(self.step.server) as session, self.world.open(self.step.under) as target:
            say(session, Word.STOP)
            if session.version.is_mariadb():  # its source refuses a replica that is ahead of it
                reached = _numbers(session.value("SELECT @@GLOBAL.gtid_slave_pos"))
                self._await(target, reached)
        return Coordinates()

    def _await(self, target: Database, reached: Mapping[str, int]) -> None:
        """Wait until the new source is as far; MASTER_GTID_WAIT would never end on one that is no replica itself."""
        for _ in self.world.until(START_S):
            there = _numbers(target.value(target.dialect.sql(Word.GTID_EXECUTED)))
            if all(there.get(domain, 0) >= number for domain, number in reached.items()):
                return
        raise BuildError(f"{self.step.under} is behind {self.step.server}", "try again when it is not")

    # --- the change itself

    def _repoint(self, at: Coordinates) -> None:
        host, port = self.world.name_among_servers(self.step.under)
        with self.world.open(self.step.server) as session:
            say(session, Word.STOP)
            before = following(session)
            left = {"source": before.source, "file": before.source_file, "position": before.source_pos}
            self.world.note(**{FROM: left, TO: {"file": at.file, "position": at.position}})
            session.execute(session.dialect.repoint(Follow(host, port, file=at.file, position=at.position)))

    def _restart(self, names: Sequence[str], within_s: float = START_S) -> None:
        """Start whatever was stopped; where a server does not answer the others are started all the same."""
        failed: ServerError | None = None
        for name in names:
            try:
                with self.world.open(name) as session:
                    say(session, Word.STOP_APPLIER)  # one that runs UNTIL would go on doing so
                    say(session, Word.START)
            except ServerError as error:
                failed = error
        if failed is not None:
            raise failed
        if within_s:
            for name in names:
                require_running(self.world, name, within_s)

    def _go_back(self) -> None:
        """Where nothing has been applied from the new source, the old one and the old place are right again."""
        before, begun = self.world.recorded.get(FROM), self.world.recorded.get(TO)
        if not before or not begun:
            return
        host, port = rows.split_address(before["source"])
        by_gtid = not begun["file"]
        with suppress(ServerError), self.world.open(self.step.server) as session:
            say(session, Word.STOP)
            now = applied(following(session))
            if not by_gtid and order(now) > order(Coordinates(**begun)):
                return
            at = Coordinates() if by_gtid else Coordinates(before["file"], before["position"])
            session.execute(session.dialect.repoint(Follow(host, port, file=at.file, position=at.position)))
            say(session, Word.START)
            self.world.progress.says(f"{self.step.server} follows {before['source']} again, from where it was")

    def _runs(self, name: str) -> bool:
        with self.world.open(name) as session:
            one = channel(session)
        return one is not None and one.receiving and one.applying and not one.error

    def _require_nothing_purged(self) -> None:
        with self.world.open(self.step.server) as session, self.world.open(self.step.under) as target:
            if session.version.is_mariadb():
                return  # it says so itself when the replica connects, and the replica then goes back
            executed = rows.text(session.value(session.dialect.sql(Word.GTID_EXECUTED)))
            purged = rows.text(target.value(target.dialect.sql(Word.GTID_PURGED)))
            if missing := rows.text(session.value("SELECT GTID_SUBTRACT(%s, %s)", purged, executed)):
                raise BuildError(
                    f"{self.step.under} has purged transactions that {self.step.server} needs: {missing}",
                    "wait until it has caught up, or copy it anew",
                )


def _numbers(position: object) -> dict[str, int]:
    """MariaDB's "domain-server-number,…" as the number by domain."""
    parts = (part.strip().split("-") for part in rows.text(position).split(",") if part.strip())
    return {domain: int(number) for domain, _, number in parts}
