"""What a plan leaves to the cutover, written down beside its steps so that nobody has to remember it. Pure.

The build brings the new tree up to following the old one. Some of what it sets must change in the pause in which the
application moves over: the new source is kept read-only over restarts, events sleep on it, and GTID, where it is
wanted and the old tree has none, can be turned on only when no anonymous transaction can come any more, which is when
the new source has been cut from the old one and before anything is written to it (MySQL manual, "Enabling GTID
Transactions Online"). Nothing here is done by `build`; whoever carries out the cutover finds it in the plan's file.

A replica may also give GTIDs to what arrives without (ASSIGN_GTIDS_TO_ANONYMOUS_TRANSACTIONS, MySQL 8.0.23). That is
no way here: such a server can't take over from its source (MySQL manual, "Replication From a Source Without GTIDs to
a Replica With GTIDs"). MariaDB writes GTIDs always, and its replicas only have to go by them.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import msgspec
from msgspec import Struct

from understudy.migrate.dialects import Dialect
from understudy.migrate.goal import Goal, Wish, WishError
from understudy.migrate.gtidmode import MODES, ONLINE, uses_gtid, way
from understudy.migrate.lasting import forgets
from understudy.migrate.sqltext import Statement
from understudy.migrate.step import Kind, Step
from understudy.migrate.topology import Tree
from understudy.migrate.words import Word


class When(StrEnum):
    """At which moment of the cutover."""

    DETACHED = "detached"  # the new source is cut from the old one, and nobody writes to either
    PROMOTE = "promote"  # from here on there is no way back but a cutover the other way round
    AFTER = "after"  # the application writes to the new source


class Act(StrEnum):
    """What is done."""

    ENFORCE_GTID = "enforce-gtid"
    FRESH_LOG = "fresh-log"
    AWAIT_APPLIED = "await-applied"
    GTID_ON = "gtid-on"
    USE_GTID = "use-gtid"
    WRITABLE = "writable"
    EVENTS = "events"


class AtCutover(Struct, frozen=True):
    """One thing that the cutover does. `needs` is what must be so before.

    `sql` and `undo_sql` are in the server's own dialect, in order; empty for what is waited for, and where the server
    has not been seen yet.
    """

    number: int
    act: Act
    server: str
    when: When
    reason: str
    needs: str
    undo: str
    sql: tuple[str, ...] = ()
    undo_sql: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What is done, in a line."""
        return _TITLES[self.act].format(self.server)


_TITLES = {
    Act.ENFORCE_GTID: "have {} refuse what GTIDs don't allow",
    Act.FRESH_LOG: "begin a new binary log on {}",
    Act.AWAIT_APPLIED: "wait until {} and all beneath it have applied everything",
    Act.GTID_ON: "turn GTID on at {}",
    Act.USE_GTID: "let {} follow by GTID",
    Act.WRITABLE: "let {} be written to",
    Act.EVENTS: "let the events of {} run",
}


def at_cutover(tree: Tree, goal: Goal, wish: Wish, steps: tuple[Step, ...]) -> tuple[AtCutover, ...]:
    """What the cutover does with a tree that the steps have led to. Raises WishError where GTID can't be turned on."""
    return tuple(_numbered(_Leaving(tree, goal, wish, steps).acts()))


def gtid_note(tree: Tree, goal: Goal, wish: Wish) -> str:
    """How the new tree is followed, and what becomes of that at the cutover; `tree` is as it shall be."""
    if uses_gtid(tree, goal.under):
        asked = ", so gtid_at_cutover asks for nothing" if wish.gtid_at_cutover else ""
        return f"{goal.under} goes by GTID{asked}: the new tree is followed by GTID from the start."
    if wish.gtid_at_cutover:
        return f"{goal.under} has no GTID: the new tree is followed by position, and GTID is turned on at the cutover."
    return f"{goal.under} has no GTID: the new tree is followed by position, and stays so."


def _numbered(acts: Iterator[AtCutover]) -> Iterator[AtCutover]:
    for number, act in enumerate(acts, 1):
        yield msgspec.structs.replace(act, number=number)


class _Leaving:
    """One list in the making; `tree` is as it shall be when the build is done."""

    def __init__(self, tree: Tree, goal: Goal, wish: Wish, steps: tuple[Step, ...]) -> None:
        self.tree, self.goal, self.wish, self.steps = tree, goal, wish, steps
        self.new = goal.new_source
        self.replicas = [name for name in tree.shape.below(self.new) if name != goal.rehearsal]
        self.servers = [self.new, *self.replicas]

    def acts(self) -> Iterator[AtCutover]:
        if self.wish.gtid_at_cutover and not uses_gtid(self.tree, self.goal.under):
            self._require_online()
            if not self._is_mariadb():
                yield from self._gtid_on()
            for name in self.replicas:
                yield self._use_gtid(name)
        yield self._writable()
        yield self._events()

    def _require_online(self) -> None:
        """Raise where a server can't change its mode while it runs."""
        for name in self.servers:
            version = self.tree.servers[name].version
            if version and version.is_mysql() and not version.is_mysql(*ONLINE):
                raise WishError(
                    f"gtid_at_cutover: {name} is {version}, which turns GTID on only with all new servers stopped",
                    "set gtid_at_cutover = false, or build servers of MySQL 5.7.6 or later",
                )

    def _is_mariadb(self) -> bool:
        return any(version.is_mariadb() for name in self.servers if (version := self.tree.servers[name].version))

    def _gtid_on(self) -> Iterator[AtCutover]:
        cut = f"{self.new} follows nobody any more, and nobody writes to it"
        for name in self.servers:
            reason = "gtid_mode can't be ON without; most servers have it so already"
            undo = "it may stay"
            yield self._act(Act.ENFORCE_GTID, name, reason, cut, undo, self._said(name, Word.ENFORCE_GTID))
        reason = "its newest log is to hold no anonymous transaction, else no replica could begin there by GTID"
        sql = self._said(self.new, Word.FLUSH_LOGS)
        yield self._act(Act.FRESH_LOG, self.new, reason, cut, "nothing to undo", sql)
        reason = (
            "with gtid_mode=ON an anonymous transaction stops the applier: each replica is to have applied all, and"
            " Ongoing_anonymous_transaction_count to be 0 on every one of these servers"
        )
        yield self._act(Act.AWAIT_APPLIED, self.new, reason, "every replica beneath it replicates", "nothing to undo")
        for name in self.servers:
            mode = self.tree.servers[name].gtid_mode
            modes = way(mode, "ON") if mode in MODES else ("ON",)
            back = way("ON", mode) if mode in MODES else ("ON_PERMISSIVE",)
            reason = f"from here on each transaction has a GTID; it is {mode or 'ON_PERMISSIVE'} since it was built"
            if (version := self.tree.servers[name].version) and forgets(version):
                reason += "; it forgets that at a restart, so gtid_mode = ON and enforce_gtid_consistency = ON belong"
                reason += " into its configuration too"
            undo = f"gtid_mode is {back[-1] if back else 'ON'} again"
            needs = "no anonymous transaction is left anywhere"
            sql, undo_sql = (
                tuple(line for one in they for line in self._said(name, Word.GTID_MODE, one)) for they in (modes, back)
            )
            yield self._act(Act.GTID_ON, name, reason, needs, undo, sql, undo_sql)

    def _use_gtid(self, name: str) -> AtCutover:
        needs = "GTID is on at its source and at itself; it has applied all"
        if self._is_mariadb():
            needs = "it has applied all: its gtid_slave_pos is its source's place"
        there, back = (
            (*self._said(name, Word.STOP), *self._said(name, word), *self._said(name, Word.START))
            for word in (Word.USE_GTID, Word.USE_POSITION)
        )
        reason = "it finds its place by itself from then on, also beneath another source"
        undo = "it follows by position again"
        return self._act(Act.USE_GTID, name, reason, needs, undo, there, back)

    def _writable(self) -> AtCutover:
        sql = [*self._said(self.new, Word.READ_WRITE), *self._said(self.new, Word.FORGET_READ_ONLY)]
        needs = "both copies of the data are equal; the old source takes no writes"
        reason = "it takes the application's writes"
        if self._said(self.new, Word.FORGET_READ_ONLY):
            reason += "; the build keeps it read-only over restarts, and that has to be forgotten too"
        else:
            needs += "; read_only is taken out of its configuration"
        undo = "none: from here on forward, or a cutover the other way round"
        return self._act(Act.WRITABLE, self.new, reason, needs, undo, tuple(sql), when=When.PROMOTE)

    def _events(self) -> AtCutover:
        copy = next((one for one in self.steps if one.kind is Kind.COPY and one.server == self.new), None)
        noted = f", which the journal names in its note `events` of step {copy.id}" if copy else ""
        reason = (
            f"events sleep on a replica, and the state there no longer tells which ones ran: those that are enabled on"
            f" the old source{noted}, are enabled by ALTER DEFINER = … EVENT … ENABLE; their definers stay"
        )
        needs = "event_scheduler is OFF on the old source, and ON here; the old source is asked again which ones ran"
        undo = "ALTER DEFINER = … EVENT … DISABLE ON REPLICA (DISABLE ON SLAVE before MySQL 8.0.22)"
        return self._act(Act.EVENTS, self.new, reason, needs, undo, when=When.AFTER)

    def _said(self, name: str, word: Word, *arguments: object) -> tuple[str, ...]:
        """The statement as this server takes it, none where it is not known, or has none."""
        version = self.tree.servers[name].version
        if version is None or not (dialect := Dialect(version)).knows(word):
            return ()
        return (Statement(dialect.sql(word), arguments).shown(),)

    def _act(
        self, act: Act, server: str, reason: str, needs: str, undo: str, sql: tuple[str, ...] = (),
        undo_sql: tuple[str, ...] = (), *, when: When = When.DETACHED,
    ) -> AtCutover:  # fmt: skip
        return AtCutover(0, act, server, when, reason, needs, undo, sql, undo_sql)
