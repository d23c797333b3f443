"""One call of `understudy migrate build`: reads the plan, holds the journal, shows or does."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import msgspec
import typer
from msgspec import Struct

from understudy.config import Migrate, Settings
from understudy.configfile import load
from understudy.migrate.build import mydumping, scratch, telling
from understudy.migrate.build.defaults import ProgramError
from understudy.migrate.build.deps import Deps
from understudy.migrate.build.ending import orderly
from understudy.migrate.build.planning import open_plan
from understudy.migrate.build.progress import Events, Lines, Progress, shown
from understudy.migrate.build.rehearsing import rehearse, rehearse_undo
from understudy.migrate.build.replicator import password
from understudy.migrate.build.runner import Runner
from understudy.migrate.build.state import Progressed, digest, done_so_far, progressed
from understudy.migrate.build.switching import BEFORE
from understudy.migrate.build.taking import RealActions
from understudy.migrate.build.world import BuildError
from understudy.migrate.clock import SystemClock
from understudy.migrate.commanding import print_json, see, settings_of
from understudy.migrate.journal import Journal, place, read
from understudy.migrate.lasting import configuration, told
from understudy.migrate.logins import FromSettings
from understudy.migrate.mysql import MySql
from understudy.migrate.plan import Plan
from understudy.migrate.step import Kind, Step


class Wanted(Struct, frozen=True):
    """What the operator has asked for; 0 is nothing."""

    config: Path
    plan_file: Path | None
    execute: bool
    undo: bool
    to: int
    step: int
    until: int
    patience_s: float
    as_json: bool

    @property
    def last(self) -> int | None:
        """After which step to stop; None for none."""
        return self.step or self.until or None


def run(wanted: Wanted) -> None:
    """Show, or do. Raises UnderstudyError."""
    settings = load(wanted.config)
    settings_of(wanted.config)
    plan, _ = open_plan(wanted.config, wanted.plan_file)
    _require_sense(wanted, plan)
    if wanted.execute:
        _execute(wanted, settings, plan)
    else:
        _show(wanted, settings, plan)


def _show(wanted: Wanted, settings: Settings, plan: Plan) -> None:
    found = progressed(read(place(settings.state)).entries, digest(plan))
    _require_next(wanted, plan, done_so_far(plan, found))
    deps = _deps(wanted, settings, plan, Lines(sys.stderr), sys.stderr)
    steps = rehearse_undo(plan, found, deps, wanted.to) if wanted.undo else rehearse(plan, found, deps, wanted.last)
    if wanted.as_json:
        print_json([telling.rehearsed_as_json(one) for one in steps])
        return
    for line in telling.rehearsal(steps, undoing=wanted.undo):
        typer.echo(line)


def _execute(wanted: Wanted, settings: Settings, plan: Plan) -> None:
    command = " ".join(sys.argv[1:]) or "migrate build"
    with (
        orderly(),
        Journal.open(place(settings.state), SystemClock(), command) as journal,
        shown(as_json=wanted.as_json) as progress,
    ):
        if journal.torn:
            progress.says(f"{journal.path}: {len(journal.torn)} line(s) were cut short when they were written")
        _forget_logins(settings)
        _require_next(wanted, plan, done_so_far(plan, progressed(journal.entries, digest(plan))))
        if not wanted.undo:
            _require_password(settings, plan)
        deps = _deps(wanted, settings, plan, progress, sys.stdout)
        runner = Runner(plan, journal, deps)
        if wanted.undo:
            _ended(progress, f"{runner.undo(wanted.to)} steps undone")
        else:
            taken = runner.run(wanted.last)
            _tell_rest(progress, plan, progressed(journal.entries, digest(plan)), deps)
            _ended(progress, f"{taken} steps taken")


def _tell_rest(progress: Progress, plan: Plan, found: Mapping[str, Progressed], deps: Deps) -> None:
    """When all is done: what the operator has to put into configurations, and what is left to the cutover."""
    if done_so_far(plan, found) < len(plan.steps):
        return
    ours = [step for step in plan.steps if step.kind is not Kind.RETENTION or BEFORE in found[step.id].recorded]
    now, planned = deps.look(), plan.after()
    seen = {server.address: server for server in now if server.version}
    tree = msgspec.structs.replace(now, servers={**planned.servers, **seen})  # a busy one counts
    lines = configuration(ours, tree)
    if isinstance(progress, Events):
        progress.tell("left", configuration=lines, at_cutover=plan.at_cutover)
        return
    for text in told(lines, tree):
        progress.says(text)
    if plan.at_cutover:
        progress.says(f"left to the cutover: {'; '.join(act.title for act in plan.at_cutover)} (in the plan's file)")


def _forget_logins(settings: Settings) -> None:
    """No password outlives a build that was killed for longer than to the next one."""
    with suppress(ProgramError, OSError):  # who needs no such folder need not have one
        mydumping.forget_logins(scratch.place(settings.migrate.build.scratch))


def _require_password(settings: Settings, plan: Plan) -> None:
    """Better before hours of copying than after them."""
    if any(step.kind is Kind.ATTACH for step in plan.steps):
        password(settings.migrate.replication)


def _ended(progress: Progress, text: str) -> None:
    if isinstance(progress, Events):
        progress.tell("ended", text=text)
    else:
        progress.says(text)


def _deps(wanted: Wanted, settings: Settings, plan: Plan, progress: Progress, out: TextIO) -> Deps:
    migrate, clock = settings.migrate, SystemClock()
    wish = plan.wish
    target = msgspec.structs.replace(
        migrate.target,
        new_source=wish.new_source,
        new_replicas=list(wish.new_replicas),
        rehearsal=wish.rehearsal,
        gtid_at_cutover=wish.gtid_at_cutover,
    )
    migrate = msgspec.structs.replace(migrate, source=wish.source, target=target)
    servers = MySql(FromSettings(migrate))
    actions = RealActions(migrate, wish.build, servers, clock, progress, wanted.patience_s)
    everybody = _naming_all(migrate, plan)
    return Deps(lambda: see(everybody), actions, clock, Teller(progress))


def _naming_all(migrate: Migrate, plan: Plan) -> Migrate:
    """The settings with every server of the plan named: one whose replication stands still, as amid a move that was
    interrupted, is known to no other."""
    target = migrate.target
    seen = (server.address for server in plan.servers if server.version is not None)
    named = dict.fromkeys([*target.new_replicas, *seen])
    wanted = msgspec.structs.replace(target, new_replicas=list(named))
    return msgspec.structs.replace(migrate, target=wanted)


class Teller:
    """Says which step is at hand: `runner.Teller`."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def step(self, step: Step, number: int, of: int, *, undoing: bool) -> None:
        """A step begins."""
        self._tell("step", f"[{number}/{of}] {'undo: ' if undoing else ''}{step.title}", step, undoing=undoing)

    def outcome(self, step: Step, text: str) -> None:
        """What came of it."""
        self._tell("outcome", text, step)

    def _tell(self, event: str, text: str, step: Step, **more: Any) -> None:
        if isinstance(self._progress, Events):
            self._progress.tell(event, text=text, id=step.id, number=step.number, **more)
        else:
            self._progress.says(text)


def _require_sense(wanted: Wanted, plan: Plan) -> None:
    if wanted.to and not wanted.undo:
        raise BuildError("--to belongs to --undo", "--until N stops after step N")
    if wanted.undo and wanted.last:
        raise BuildError("--undo goes back to a step: --to N", "steps up to N stay")
    if wanted.step and wanted.until:
        raise BuildError("--step and --until exclude each other")
    named = wanted.to or wanted.last or 0
    if named > len(plan.steps):
        raise BuildError(f"the plan has {len(plan.steps)} steps, and none of number {named}")


def _require_next(wanted: Wanted, plan: Plan, done: int) -> None:
    if wanted.step and wanted.step != done + 1:
        following = f"the next is {done + 1}" if done < len(plan.steps) else "all are done"
        raise BuildError(f"step {wanted.step} is not the next: {following}", "steps are taken in their order")
