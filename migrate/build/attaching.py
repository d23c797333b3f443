"""A server is let follow another from where its copy was taken, and made to forget it again.

By GTID where the source goes by it and the copy brought its set along, by file and position otherwise. TLS is used
where the source has one that today's replicas speak. A server whose gtid_mode would stop its applier gets another one
online, and it is read-only before it follows: a write of its own would part it from its source for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from understudy.migrate import rows
from understudy.migrate.build import replicator
from understudy.migrate.build.action import Base, told, unseen
from understudy.migrate.build.closing import Before, closes
from understudy.migrate.build.copying import copied
from understudy.migrate.build.replication import (
    ReplicationError,
    applied,
    channel,
    order,
    require_running,
    say,
)
from understudy.migrate.build.world import BuildError
from understudy.migrate.dialects import Dialect, Follow
from understudy.migrate.faults import ServerError
from understudy.migrate.gtidmode import mode_to_follow, uses_gtid, way
from understudy.migrate.ports import Database
from understudy.migrate.rows import Coordinates
from understudy.migrate.sqltext import Secret, Statement
from understudy.migrate.words import Word

SPOKEN_TLS = ("TLSv1.2", "TLSv1.3")  # the only ones that MySQL 8.0.28 and MariaDB 11 still know
FROM_COPY = "<as the copy says>"
MODE_BEFORE, BEGUN_AT = "gtid_mode_before", "begun_at"


class Attach(Base):
    """Let the server follow, from the coordinates that its copy was marked with."""

    def says(self) -> Sequence[str]:
        """The account on the source; then mode, coordinates and start on the server."""
        server, under = self.step.server, self.step.under
        mine = self.dialect(server)
        said: list[str] = []
        try:
            if self.dialect(under):
                said += replicator.says(self.world, under)
            follow = self._follow(with_password=False)
        except ServerError as error:
            return [f"{error.address}: not seen: {error.what}"]
        if mine is None:
            return [*said, *unseen(server)]
        for mode in self._modes():
            said += told(server, Statement(mine.sql(Word.GTID_MODE), (mode,)))
        said += told(server, closes(mine), mine.sql(Word.STOP))
        if self._by_gtid():
            known = "gtid_slave_pos" if mine.version.is_mariadb() else "gtid_purged"
            said += told(server, f"SET GLOBAL {known} = '<what the copy holds>'")
        return [*said, *told(server, mine.repoint(follow), mine.sql(Word.START))]

    def is_done(self) -> bool:
        """Whether it follows the wanted source, both threads running."""
        if self.world.tree.shape.sources.get(self.step.server) != self.step.under:
            return False
        with self.world.open(self.step.server) as session:
            one = channel(session)
        return one is not None and one.receiving and one.applying and not one.error

    def check(self) -> None:
        """Its ID is its own, it follows nobody else, and what was written since the copy is still there to be had."""
        server, tree = self.step.server, self.world.tree
        replicator.password(self.world.settings.replication)
        self._require_own_id()
        source = tree.shape.sources.get(server, "")
        if source not in ("", self.step.under):
            raise BuildError(f"{server} follows {source} already", "the plan is for another tree: make a new one")
        with self.world.open(self.step.under) as session:
            self._require_log(session)

    def do(self) -> None:
        """The account, the mode, the source, read-only, start; then wait until both threads run."""
        server, under = self.step.server, self.step.under
        replicator.ensure(self.world, under)
        follow = self._follow()
        with self.world.open(server) as session:
            if Before.READ_ONLY not in self.world.recorded:
                self.world.note(**Before.seen(session))
            self._set_modes(session)
            session.execute(closes(session.dialect))
            say(session, Word.STOP)  # one that applies tells later how far it is: it would pass for fresh meanwhile
            if self._is_fresh(session):
                self._tell_past(session)
                self._place(session, follow)
            say(session, Word.START)
        try:
            require_running(self.world, server)
        except ReplicationError:
            with self.world.open(server) as session:
                say(session, Word.STOP)
            raise

    def lost(self) -> Sequence[str]:
        """What a restart has undone, as long as it follows the wanted source: later it may be meant."""
        tree = self.world.tree
        mine = tree.servers.get(self.step.server)
        if mine is None or mine.version is None or tree.shape.sources.get(mine.address) != self.step.under:
            return []
        has_super = Dialect(mine.version).knows(Word.ADMIN_WRITES)
        is_closed = mine.super_read_only if has_super else mine.read_only
        said = [] if is_closed else [f"{'super_' if has_super else ''}read_only is off"]
        return [*said, *([f"gtid_mode is {mine.gtid_mode}"] if self._modes() else [])]

    def mend(self) -> None:
        """Set it again."""
        with self.world.open(self.step.server) as session:
            self._set_modes(session)
            session.execute(closes(session.dialect))

    # --- from where, and how

    @cached_property
    def _at(self) -> Coordinates | None:
        return copied(self.world.copying(self.step.under, self.step.server))

    def _by_gtid(self) -> bool:
        """Where the source goes by GTID and the copy has told the server which ones it holds."""
        tree = self.world.tree
        mine, theirs = (tree.servers.get(name) for name in (self.step.server, self.step.under))
        if mine is None or theirs is None or mine.version is None or not uses_gtid(tree, self.step.under):
            return False
        tells = self._at is None or bool(self._at.gtid)
        mode = (mine.gtid_mode, *self._modes())[-1] if mine.version.is_mysql() else "ON"
        return tells and mode in ("ON", "ON_PERMISSIVE")

    def _follow(self, with_password: bool = True) -> Follow:
        """How the server is to follow. Asks the source whether it speaks a TLS that is still spoken."""
        with self.world.open(self.step.under) as session:
            spoken = rows.text((session.row("SHOW SESSION STATUS LIKE 'Ssl_version'") or {}).get("Value"))
            tls = session.is_encrypted and spoken in SPOKEN_TLS
            wants_key = session.version.is_mysql(8, 0, 4) and not tls
        host, port = self.world.name_among_servers(self.step.under)
        user = self.world.settings.replication.user
        password = replicator.password(self.world.settings.replication) if with_password else Secret("hidden")
        at = Coordinates() if self._by_gtid() else self._at or Coordinates(FROM_COPY)
        return Follow(host, port, user, password, at.file, at.position, tls=tls, public_key=wants_key)

    def _tell_past(self, session: Database) -> None:
        """By GTID it asks for all that it does not know to have: so it is told what the copy holds."""
        if not self._by_gtid() or self._at is None or not self._at.gtid:
            return
        if session.version.is_mariadb():
            if channel(session) is None:  # else an attempt before has said so, and it has moved on since
                session.execute("SET GLOBAL gtid_slave_pos = %s", self._at.gtid)
            return
        missing = rows.text(session.value("SELECT GTID_SUBTRACT(%s, @@GLOBAL.gtid_executed)", self._at.gtid))
        if missing:
            added = "+" if session.version.is_mysql(8) else ""  # MySQL 8.0, "gtid_purged": before, it must be empty
            session.execute("SET GLOBAL gtid_purged = %s", added + missing)

    def _place(self, session: Database, follow: Follow) -> None:
        self.world.note(**{BEGUN_AT: {"file": follow.file, "position": follow.position}})
        session.execute(session.dialect.repoint(follow))

    def _is_fresh(self, session: Database) -> bool:
        """Whether it has not applied anything yet: then it is pointed, or pointed again, to where it begins."""
        one, begun = channel(session), self.world.recorded.get(BEGUN_AT)
        if one is None or begun is None or not begun["file"]:
            return True
        return order(applied(one)) <= (order(Coordinates(begun["file"]))[0], begun["position"])

    def _modes(self) -> tuple[str, ...]:
        tree = self.world.tree
        mine, theirs = (tree.servers.get(name) for name in (self.step.server, self.step.under))
        if mine is None or theirs is None:
            return ()
        later = self.world.settings.target.gtid_at_cutover
        # Killed on the way from ON to OFF it goes on to where it was going, though the mode between would do as well.
        before = rows.text(self.world.recorded.get(MODE_BEFORE)) or mine.gtid_mode
        wanted = mode_to_follow(before, theirs.gtid_mode, mine.version, at_cutover=later) or before
        return way(mine.gtid_mode, wanted)

    def _set_modes(self, session: Database) -> None:
        for mode in self._modes():
            if MODE_BEFORE not in self.world.recorded:
                self.world.note(**{MODE_BEFORE: self.world.tree.servers[self.step.server].gtid_mode})
            say(session, Word.GTID_MODE, mode)
            self.world.progress.says(f"{self.step.server}: gtid_mode is {mode} now")

    # --- what has to be so

    def _require_own_id(self) -> None:
        tree = self.world.tree
        mine = tree.servers.get(self.step.server)
        if mine is None or mine.version is None:
            why = mine.unreachable if mine else "it is not there"
            raise BuildError(
                f"{self.step.server} can't follow anybody yet: {why}", "start it, and give the command again"
            )
        same = [one.address for one in tree if one.server_id == mine.server_id and one.address != mine.address]
        if not mine.server_id or same:
            whose = f"also that of {', '.join(same)}" if same else "none"
            hint = "set another server_id in its configuration, restart it, and give the command again"
            raise BuildError(f"{mine.address}: its server_id {mine.server_id} is {whose}", hint)

    def _require_log(self, session: Database) -> None:
        """The log in which the copy's coordinates are must still be there; with GTID the source itself says so."""
        if self._at is None:
            hint = "undo up to its copy, and build again: understudy migrate build --undo --to N"
            raise BuildError(f"{self.step.server} holds no whole copy of {self.step.under}", hint)
        if self._by_gtid():
            return
        logs = [
            rows.text(rows.plain(one).get("log_name")) for one in session.rows(session.dialect.sql(Word.BINARY_LOGS))
        ]
        if self._at.file not in logs:
            hint = (
                "keep binary logs longer (expire_logs_days, binlog_expire_logs_seconds), and copy again: build --undo"
            )
            raise BuildError(
                f"{session.address}: its binary log {self._at.file}, at which the copy begins, is gone", hint
            )
