"""Carries out a plan: step by step, each written down before it is taken, and recognised by looking when it is resumed.

Before each step the tree is looked at, and must be what the plan, as far as it was carried out, has made of it. A step
that was begun and not finished may have had its effect or not, so both are allowed then; whether it is done is asked of
the servers before the journal's last line is believed. What a finished step had set and a restart has undone is set
again, before anything else. Undoing goes backwards, by the same rules, except that only the server at hand must be as
expected: going back has to be possible whatever has become of the others.
"""

from __future__ import annotations

from typing import Any

from understudy.errors import UnderstudyError
from understudy.migrate.build.action import Action
from understudy.migrate.build.deps import Deps
from understudy.migrate.build.rehearsing import lost_of, require_expected
from understudy.migrate.build.state import Progressed, Stage, digest, progressed, standing_now, to_undo
from understudy.migrate.build.world import BuildError
from understudy.migrate.journal import Event, Journal
from understudy.migrate.limits import violations
from understudy.migrate.oddities import TopologyError
from understudy.migrate.plan import Plan, StalePlanError
from understudy.migrate.step import Step, apply, reverse
from understudy.migrate.topology import Tree

AWAY_S = 60.0  # for so long a server that does not answer is taken for one that restarts


class Runner:
    """One run: it holds the journal."""

    def __init__(self, plan: Plan, journal: Journal, deps: Deps) -> None:
        self._plan, self._journal, self._deps = plan, journal, deps
        self._digest = digest(plan)
        journal.write(Event.PLAN, digest=self._digest)

    def run(self, until: int | None = None) -> int:
        """Take all steps that are not done yet, up to number `until`: how many were taken."""
        self._mend()
        taken = 0
        for step in self._plan.steps[:until]:
            if self._found(step).stage is not Stage.DONE:
                self._take(step)
                taken += 1
        return taken

    def _mend(self) -> None:
        """Set again what finished steps had set and a restart has undone."""
        found = self._all()
        if not any(one.stage is Stage.DONE for one in found.values()):
            return
        tree, steps = self._deps.look(), len(self._plan.steps)
        for step in standing_now(self._plan, found):
            action = self._action(step, step, tree, found[step.id], undoing=False)
            if lost := lost_of(action):
                self._deps.teller.step(step, step.number, steps, undoing=False)
                self._journal.write(Event.NOTE, step.id, lost=list(lost))
                action.mend()
                self._deps.teller.outcome(step, f"lost since it was done, and set again: {'; '.join(lost)}")

    def undo(self, to: int = 0) -> int:
        """Undo what was done after step number `to`, the last first: how many steps were undone."""
        steps = list(to_undo(self._plan, self._all(), to))
        for step in steps:
            self._undo(step)
        return len(steps)

    def _take(self, step: Step) -> None:
        found = self._found(step)
        self._deps.teller.step(step, step.number, len(self._plan.steps), undoing=False)
        if found.stage is Stage.UNDOING:
            raise BuildError(
                f"step {step.number} ({step.title}) was being undone, and is not undone yet",
                "finish that first: understudy migrate build --undo --execute",
            )
        tree = self._looked(step.number - 1, found.stage)
        action = self._action(step, step, tree, found, undoing=False)
        with self._failing(step):
            is_done = action.is_done()
            if not is_done:
                action.check()
                self._require_legal(step, tree)
                self._journal.write(Event.INTENT, step.id, title=step.title)
                action.do()
        self._journal.write(Event.DONE, step.id, **({"seen": True} if is_done else {}))
        self._deps.teller.outcome(step, "done already, as the servers show" if is_done else "done")

    def _undo(self, step: Step) -> None:
        found, back = self._found(step), reverse(step)
        self._deps.teller.step(step, step.number, len(self._plan.steps), undoing=True)
        if back is not None:
            begun = Stage.BEGUN if found.stage is not Stage.DONE else Stage.DONE
            tree = self._looked(step.number - (begun is Stage.BEGUN), begun, only=step.server)
            action = self._action(step, back, tree, found, undoing=True)
            with self._failing(step):
                if not action.is_done():
                    action.check()
                    self._journal.write(Event.UNDOING, step.id)
                    action.do()
        self._journal.write(Event.UNDONE, step.id)
        self._deps.teller.outcome(step, "undone" if back is not None else "nothing to undo")

    def _action(self, step: Step, what: Step, tree: Tree, found: Progressed, *, undoing: bool) -> Action:
        def note(detail: dict[str, Any]) -> None:
            self._journal.write(Event.NOTE, step.id, **detail)

        return self._deps.actions(what, tree, dict(found.recorded), note, undoing=undoing)

    def _failing(self, step: Step) -> _Failing:
        return _Failing(self._journal, step)

    def _looked(self, done: int, stage: Stage, only: str = "") -> Tree:
        """The tree, which must be as the plan expects; a server that has just gone away is given time to come back."""
        clock = self._deps.clock
        end = clock.monotonic_s() + AWAY_S
        while True:
            tree = self._deps.look()
            try:
                require_expected(self._plan, tree, done, stage, only)
                return tree
            except (StalePlanError, TopologyError):
                if clock.monotonic_s() > end or not _someone_is_away(self._plan, tree):
                    raise
            clock.sleep(1.0)

    def _require_legal(self, step: Step, tree: Tree) -> None:
        """No step may break a limit that is kept now, whatever else has changed since the plan was made."""
        heads, limits = (self._plan.new_source,), self._plan.limits
        before = {broken.reason for broken in violations(tree, limits, heads)}
        for broken in violations(apply(tree, step), limits, heads):
            if broken.reason not in before:
                raise BuildError(f"step {step.number} ({step.title}) would break the limits: {broken.reason}")

    def _all(self) -> dict[str, Progressed]:
        return progressed(self._journal.entries, self._digest)

    def _found(self, step: Step) -> Progressed:
        return self._all().get(step.id, Progressed())


class _Failing:
    """Writes down why a step failed, and lets the error go on."""

    def __init__(self, journal: Journal, step: Step) -> None:
        self._journal, self._step = journal, step

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, UnderstudyError):
            self._journal.write(Event.FAILED, self._step.id, why=error.message)
        elif error is not None:
            self._journal.write(Event.FAILED, self._step.id, why=type(error).__name__)


def _someone_is_away(plan: Plan, tree: Tree) -> bool:
    seen = {server.address for server in plan.servers if server.version is not None}
    now = {server.address for server in tree if server.version is not None}
    return not seen <= now
