"""Carries out a plan: step by step, each written down before it is taken, and recognised by looking when it is resumed.

Before each step the tree is looked at, and must be what the plan, as far as it was carried out, has made of it. A step
that was begun and not finished may have had its effect or not, so both are allowed then; whether it is done is asked of
the servers before the journal's last line is believed. What a finished step had set and a restart has undone is set
again, before anything else. Undoing goes backwards, by the same rules, except that only the
server at hand must be as expected: going back has to be possible whatever has become of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from msgspec import Struct

from understudy.errors import UnderstudyError
from understudy.migrate.build.action import Action
from understudy.migrate.build.state import Progressed, Stage, digest, done_so_far, progressed
from understudy.migrate.build.world import BuildError
from understudy.migrate.faults import ServerError
from understudy.migrate.journal import Event, Journal
from understudy.migrate.lasting import standing
from understudy.migrate.limits import violations
from understudy.migrate.oddities import TopologyError
from understudy.migrate.plan import Plan, StalePlanError, require_unmoved
from understudy.migrate.ports import Clock
from understudy.migrate.step import Step, apply, reverse
from understudy.migrate.topology import Tree, require_plain

AWAY_S = 60.0  # for so long a server that does not answer is taken for one that restarts


class Actions(Protocol):
    """Makes the action of a step; `undoing` is the one that undoes it."""

    def __call__(
        self, step: Step, tree: Tree, recorded: dict[str, Any], write_note: Callable[[dict[str, Any]], None], *,
        undoing: bool,
    ) -> Action:  # fmt: skip
        """The action, with what was recorded about the step, and the way to record more."""
        ...


class Teller(Protocol):
    """Is told which step is at hand."""

    def step(self, step: Step, number: int, of: int, *, undoing: bool) -> None:
        """A step begins."""
        ...

    def outcome(self, step: Step, text: str) -> None:
        """What came of it."""
        ...


class Deps(Struct, frozen=True):
    """What a runner works with. `look` finds the tree as it is."""

    look: Callable[[], Tree]
    actions: Actions
    clock: Clock
    teller: Teller


class Rehearsed(Struct, frozen=True):
    """A step as a dry run shows it."""

    step: Step
    stage: Stage
    says: tuple[str, ...]


def rehearse(plan: Plan, found: Mapping[str, Progressed], deps: Deps, until: int | None = None) -> Iterator[Rehearsed]:
    """What would be done, step by step; nothing is changed. Raises StalePlanError where the plan no longer holds."""
    done, tree = done_so_far(plan, found), deps.look()
    yield from _lost(plan, found, deps, tree)
    if done < len(plan.steps):
        _require_unmoved(plan, tree, done, _stage(found, plan.steps[done]))
    for step in plan.steps[done:until]:
        one = found.get(step.id, Progressed())
        says = deps.actions(step, tree, dict(one.recorded), _forget, undoing=False).says()
        yield Rehearsed(step, one.stage, tuple(says))
        tree = apply(tree, step)


def rehearse_undo(plan: Plan, found: Mapping[str, Progressed], deps: Deps, to: int) -> Iterator[Rehearsed]:
    """What undoing would do, step by step; nothing is changed."""
    tree = deps.look()
    for step in _to_undo(plan, found, to):
        one, back = found[step.id], reverse(step)
        says: Sequence[str] = ["nothing"]
        if back is not None:
            says = deps.actions(back, tree, dict(one.recorded), _forget, undoing=True).says()
            tree = apply(tree, back)
        yield Rehearsed(step, one.stage, tuple(says))


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
        for step in _standing(self._plan, found):
            action = self._action(step, step, tree, found[step.id], undoing=False)
            if lost := _lost_of(action):
                self._deps.teller.step(step, step.number, steps, undoing=False)
                self._journal.write(Event.NOTE, step.id, lost=list(lost))
                action.mend()
                self._deps.teller.outcome(step, f"lost since it was done, and set again: {'; '.join(lost)}")

    def undo(self, to: int = 0) -> int:
        """Undo what was done after step number `to`, the last first: how many steps were undone."""
        steps = list(_to_undo(self._plan, self._all(), to))
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
            self._journal.write(Event.UNDOING, step.id)
            with self._failing(step):
                if not action.is_done():
                    action.check()
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
                _require_unmoved(self._plan, tree, done, stage, only)
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


def _standing(plan: Plan, found: Mapping[str, Progressed]) -> list[Step]:
    """The finished steps whose setting is to be in force now, and that no step which has begun is to change."""
    last = standing(step for step in plan.steps if step.id in found)
    return [step for step in last if found[step.id].stage is Stage.DONE]


def _lost_of(action: Action) -> Sequence[str]:
    """What was lost, as far as the server answers: else the steps to come will tell."""
    with suppress(ServerError):
        return action.lost()
    return ()


def _lost(plan: Plan, found: Mapping[str, Progressed], deps: Deps, tree: Tree) -> Iterator[Rehearsed]:
    for step in _standing(plan, found):
        action = deps.actions(step, tree, dict(found[step.id].recorded), _forget, undoing=False)
        if lost := _lost_of(action):
            said = f"{step.server}: lost since it was done, and to be set again: {'; '.join(lost)}"
            yield Rehearsed(step, Stage.DONE, (said,))


def _require_unmoved(plan: Plan, tree: Tree, done: int, stage: Stage, only: str = "") -> None:
    """Raise where the tree is not what so many steps have made of it; a step that was begun may be done or not."""
    if not only:
        require_plain(tree)
    require_unmoved(plan, tree, done, begun=stage in (Stage.BEGUN, Stage.UNDOING), only=only)


def _someone_is_away(plan: Plan, tree: Tree) -> bool:
    seen = {server.address for server in plan.servers if server.version is not None}
    now = {server.address for server in tree if server.version is not None}
    return not seen <= now


def _to_undo(plan: Plan, found: Mapping[str, Progressed], to: int) -> Iterator[Step]:
    return (step for step in reversed(plan.steps) if step.number > to and step.id in found)


def _stage(found: Mapping[str, Progressed], step: Step) -> Stage:
    return found.get(step.id, Progressed()).stage


def _forget(_: dict[str, Any]) -> None:
    """A rehearsal writes nothing down."""
