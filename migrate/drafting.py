"""Writes down the steps that make the changes, in full, and what an operator should know of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from understudy.migrate.describe import sized
from understudy.migrate.estimates import estimate
from understudy.migrate.facts import Server
from understudy.migrate.goal import Goal, Wish
from understudy.migrate.gtidmode import mode_to_follow
from understudy.migrate.limits import Limits, Rule, advice, lag_by_level, may_feed, violations
from understudy.migrate.step import Kind, Step, apply
from understudy.migrate.topology import Tree
from understudy.migrate.ways import Change


def draft(
    tree: Tree, goal: Goal, wish: Wish, limits: Limits, changes: Sequence[Change], data_bytes: int | None
) -> tuple[Step, ...]:
    """The steps for these changes: retention before a replica gets a child, a copy before it follows."""
    return _Drafting(tree, goal, wish, limits, data_bytes).steps(changes)


class _Drafting:
    """One drafting, which keeps the tree up to date as it goes."""

    def __init__(self, tree: Tree, goal: Goal, wish: Wish, limits: Limits, data_bytes: int | None) -> None:
        self.tree, self.goal, self.wish, self.limits, self.data_bytes = tree, goal, wish, limits, data_bytes
        self.written: list[Step] = []

    def steps(self, changes: Sequence[Change]) -> tuple[Step, ...]:
        for violation in list(violations(self.tree, self.limits, self.goal.heads)):
            if violation.rule is Rule.RETENTION:
                self._retention(violation.server, violation.reason)
        for change in changes:
            if not may_feed(self._server(change.under), self.limits):
                self._retention(change.under, self._why_retention(change.under))
            if change.source:
                self._move(change.server, change.source, change.under)
            else:
                self._build(change.server, change.source, change.under)
        return tuple(self.written)

    def _server(self, name: str) -> Server:
        return self.tree.servers.get(name) or Server(name)

    def _write(self, kind: Kind, server: str, reason: str, undo: str, undo_kind: Kind | None, **more: object) -> None:
        low, high = estimate(kind, self.wish.build, self.data_bytes)
        number = len(self.written) + 1
        step = Step(number, kind, server, reason, low, high, undo, undo_kind)
        step = msgspec.structs.replace(step, **more)
        self.written.append(step)
        self.tree = apply(self.tree, step)

    def _why_retention(self, name: str) -> str:
        days = self._server(name).backup_retention_days
        known = (
            "how long its backups are kept is not known" if days is None else f"its backups are kept for {days} days"
        )
        return f"{name} is to get a replica, {known}, and {self.limits.name} asks for {self.limits.retention_days}"

    def _retention(self, name: str, reason: str) -> None:
        before = self._server(name).backup_retention_days
        undo = "set it back to what was found" if before is None else f"set it back to {before}"
        self._write(
            Kind.RETENTION, name, reason, undo, Kind.RETENTION, days=self.limits.retention_days, days_before=before
        )

    def _move(self, name: str, source: str, under: str) -> None:
        if name == self.goal.makes_room:
            reason = f"{source} is full, and {self.goal.new_source} is to go there"
        elif self.goal.shape.sources[name] == under:
            reason = "its place in the wanted tree"
        else:
            reason = "waits here for a while, so that no source is full at any moment"
        undo = f"move it back to {source}, with the coordinates recorded"
        self._write(Kind.MOVE, name, reason, undo, Kind.MOVE, source=source, under=under)

    def _build(self, name: str, source: str | None, under: str) -> None:
        place = {"source": source, "under": under}
        self._write(Kind.COPY, name, self._why_built(name), "drop what was copied", Kind.WIPE, **place)
        if self.wish.build == "dump":
            reason = "a dump leaves the users out, since their tables differ between versions"
            self._write(Kind.ACCOUNTS, name, reason, "drop the users created", Kind.DROP_ACCOUNTS, **place)
        elif self._may_need_upgrade(name, under):
            reason = "copied files hold the old version's system tables"
            self._write(Kind.UPGRADE, name, reason, "nothing: a copy that is undone takes this along", None, **place)
        reason, mode = f"{name} is to have every change from here on", self._mode(name, under)
        if mode:
            reason += (
                f"; its gtid_mode becomes {mode}, since that of {under} is {self._server(under).gtid_mode or 'OFF'}"
            )
            reason += " and GTID is turned on at the cutover" if self.wish.gtid_at_cutover and mode != "ON" else ""
        undo = "stop its replication and reset it"
        self._write(Kind.ATTACH, name, reason, undo, Kind.DETACH, **place, gtid_mode=mode)
        reason = "what was written since the copy has to be applied first"
        self._write(Kind.CATCH_UP, name, reason, "nothing to undo", None, **place)
        if name == self.goal.rehearsal:
            reason = "it is disposable: shadow writes may hit it, and it may break"
            self._write(Kind.WRITABLE, name, reason, "make it read-only", Kind.READ_ONLY, **place)

    def _why_built(self, name: str) -> str:
        if name == self.goal.new_source:
            return self.goal.why_there
        if name == self.goal.rehearsal:
            return "a rehearsal server beneath the new source"
        return "feeds others" if name in self.goal.layout.feeders else "a reading replica of the new tree"

    def _mode(self, name: str, under: str) -> str:
        server = self._server(name)
        above, later = self._server(under), self.wish.gtid_at_cutover
        return mode_to_follow(server.gtid_mode, above.gtid_mode, server.version, at_cutover=later)

    def _may_need_upgrade(self, name: str, under: str) -> bool:
        old, new = self._server(under).version, self._server(name).version
        return self.wish.build.startswith("hook") and (old is None or new is None or old != new)


def notes(tree: Tree, goal: Goal, limits: Limits, steps: tuple[Step, ...], data_bytes: int | None) -> Iterator[str]:
    """Why it is this tree, what to consider before it is built, and what it costs."""
    built = {step.server for step in steps if step.kind is Kind.ATTACH}
    need = goal.layout.need
    yield f"{goal.new_source} goes under {goal.under}: {goal.why_there}."
    yield from _of_its_own(tree, goal.under)
    if need.feeders:
        feeders = " and ".join(goal.layout.feeders)
        only = "only feeds" if need.feeders == 1 else "only feed"
        yield f"{need.readers} of the new replicas are for reading; {feeders} {only} others."
    if goal.layout.unused:
        yield f"Not needed: {', '.join(goal.layout.unused)}."
    yield from advice(limits, len([name for name in built if name in goal.layout.sources]), need.levels, need.feeders)
    lags = lag_by_level(tree, tree.root(goal.under))
    if lags:
        yield f"Lag now: {'; '.join(map(str, lags))}."
    yield from _disk(tree, goal, steps, data_bytes)


def _disk(tree: Tree, goal: Goal, steps: tuple[Step, ...], data_bytes: int | None) -> Iterator[str]:
    """What every copy needs of a disk, and that few servers can say what is free."""
    copied = [step.server for step in steps if step.kind is Kind.COPY]
    if not copied:
        return
    if data_bytes is None:
        yield "How much data there is was not said: the durations hold for anything from 1 to 256 GiB."
    else:
        yield f"The data takes about {sized(data_bytes)} of disk on each new server ({', '.join(copied)})."
    known = (tree.servers[name].version if name in tree.servers else None for name in (*copied, goal.under))
    version = next(filter(None, known), None)
    if version and version.is_mariadb():
        yield "How much disk is free, MariaDB says with the plugin DISKS alone: without it, look before you build."
    else:
        yield "How much disk is free, MySQL can't say: look before you build."


def _of_its_own(tree: Tree, under: str) -> Iterator[str]:
    """How a replica that feeds the new tree may differ from its source, now or always."""
    if not (source := tree.source(under)):
        return
    server = tree.servers[under]
    if not server.read_only:
        yield (
            f"{under} is not read-only: what is written there by itself, and not on {source}, comes to the new servers"
            " too. Make it read-only first, or name another in [migrate.target] under."
        )
    if delay_s := max((channel.delay_s for channel in server.channels), default=0):
        yield f"{under} applies changes {delay_s} s late on purpose, so the new servers are as late: end that first."
