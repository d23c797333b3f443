"""A plan as it would be carried out: what each step would say, and nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from msgspec import Struct

from understudy.migrate.build.action import Action
from understudy.migrate.build.deps import Deps
from understudy.migrate.build.state import Progressed, Stage, done_so_far, standing_now, to_undo
from understudy.migrate.faults import ServerError
from understudy.migrate.plan import Plan, require_unmoved
from understudy.migrate.step import Step, apply, reverse
from understudy.migrate.topology import Tree, require_plain


class Rehearsed(Struct, frozen=True):
    """A step as a dry run shows it."""

    step: Step
    stage: Stage
    says: tuple[str, ...]


def rehearse(plan: Plan, found: Mapping[str, Progressed], deps: Deps, until: int | None = None) -> Iterator[Rehearsed]:
    """What would be done, step by step; nothing is changed. Raises StalePlanError where the plan no longer holds."""
    done, tree = done_so_far(plan, found), deps.look()
    lost = list(_lost(plan, found, deps, tree))
    yield from lost
    if done < len(plan.steps) and not lost:  # what was lost, such as a gtid_mode, is set again before it is expected
        require_expected(plan, tree, done, found.get(plan.steps[done].id, Progressed()).stage)
    for step in plan.steps[done:until]:
        one = found.get(step.id, Progressed())
        says = deps.actions(step, tree, dict(one.recorded), _forget, undoing=False).says()
        yield Rehearsed(step, one.stage, tuple(says))
        tree = apply(tree, step)


def rehearse_undo(plan: Plan, found: Mapping[str, Progressed], deps: Deps, to: int) -> Iterator[Rehearsed]:
    """What undoing would do, step by step; nothing is changed."""
    tree = deps.look()
    for step in to_undo(plan, found, to):
        one, back = found[step.id], reverse(step)
        says: Sequence[str] = ["nothing"]
        if back is not None:
            says = deps.actions(back, tree, dict(one.recorded), _forget, undoing=True).says()
            tree = apply(tree, back)
        yield Rehearsed(step, one.stage, tuple(says))


def require_expected(plan: Plan, tree: Tree, done: int, stage: Stage, only: str = "") -> None:
    """Raise where the tree is not what so many steps have made of it; a step that was begun may be done or not."""
    if not only:
        require_plain(tree)
    require_unmoved(plan, tree, done, begun=stage in (Stage.BEGUN, Stage.UNDOING), only=only)


def lost_of(action: Action) -> Sequence[str]:
    """What was lost, as far as the server answers: else the steps to come will tell."""
    with suppress(ServerError):
        return action.lost()
    return ()


def _lost(plan: Plan, found: Mapping[str, Progressed], deps: Deps, tree: Tree) -> Iterator[Rehearsed]:
    for step in standing_now(plan, found):
        action = deps.actions(step, tree, dict(found[step.id].recorded), _forget, undoing=False)
        if lost := lost_of(action):
            said = f"{step.server}: lost since it was done, and to be set again: {'; '.join(lost)}"
            yield Rehearsed(step, Stage.DONE, (said,))


def _forget(_: dict[str, Any]) -> None:
    """A rehearsal writes nothing down."""
