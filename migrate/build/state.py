"""How far a plan has been carried out, by what the journal says of its steps. Pure.

The journal may hold other plans' steps too, and other commands' entries: a run says which plan its steps belong to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct

from understudy.migrate.journal import Entry, Event
from understudy.migrate.lasting import standing
from understudy.migrate.plan import Plan, encode
from understudy.migrate.step import Step


class Stage(StrEnum):
    """How far a step is."""

    WAITING = "waiting"
    BEGUN = "begun"  # it was interrupted, or failed: some of it may be done
    DONE = "done"
    UNDOING = "undoing"


class Progressed(Struct, frozen=True):
    """A step's stage, and what was written down about it since it was begun, later over earlier."""

    stage: Stage = Stage.WAITING
    recorded: Mapping[str, Any] = {}
    failure: str = ""


_STAGES = {
    Event.INTENT: Stage.BEGUN,
    Event.DONE: Stage.DONE,
    Event.UNDOING: Stage.UNDOING,
    Event.UNDONE: Stage.WAITING,
}


def digest(plan: Plan) -> str:
    """What the journal calls a plan."""
    return hashlib.sha256(encode(plan)).hexdigest()[:16]


def progressed(entries: Iterable[Entry], plan: str) -> dict[str, Progressed]:
    """What has become of the steps of a plan, by its digest; steps that were never begun, or undone, are left out."""
    found: dict[str, Progressed] = {}
    current: dict[str, str] = {}  # by run
    for entry in entries:
        if entry.event is Event.PLAN:
            current[entry.run] = str(entry.detail.get("digest", ""))
        elif entry.step and current.get(entry.run) == plan:
            found[entry.step] = _after(found.get(entry.step, Progressed()), entry)
    return {step: one for step, one in found.items() if one.stage is not Stage.WAITING}


def _after(before: Progressed, entry: Entry) -> Progressed:
    stage = _STAGES.get(entry.event, before.stage)  # one that failed before it was begun was never begun
    if stage is Stage.WAITING:
        return Progressed()
    failure = str(entry.detail.get("why", "")) if entry.event is Event.FAILED else ""
    keeps = entry.event in (Event.NOTE, Event.DONE)
    recorded = {**before.recorded, **entry.detail} if keeps else before.recorded
    return Progressed(stage, recorded, failure)


def is_under_way(plan: Plan, found: Mapping[str, Progressed]) -> bool:
    """Whether something of a plan has been done, and not all of it."""
    return bool(found) and any(found.get(step.id, Progressed()).stage is not Stage.DONE for step in plan.steps)


def done_so_far(plan: Plan, found: Mapping[str, Progressed]) -> int:
    """How many steps, from the first on, are done."""
    for number, step in enumerate(plan.steps):
        if found.get(step.id, Progressed()).stage is not Stage.DONE:
            return number
    return len(plan.steps)


def to_undo(plan: Plan, found: Mapping[str, Progressed], to: int) -> Iterator[Step]:
    """The steps that were begun after step number `to`, the last first."""
    return (step for step in reversed(plan.steps) if step.number > to and step.id in found)


def standing_now(plan: Plan, found: Mapping[str, Progressed]) -> list[Step]:
    """The finished steps whose setting is to be in force now, and that no step which has begun is to change."""
    last = standing(step for step in plan.steps if step.id in found)
    return [step for step in last if found[step.id].stage is Stage.DONE]
