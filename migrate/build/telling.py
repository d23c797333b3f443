"""Plans, rehearsals and journals in an operator's words, and as JSON. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from understudy.migrate.build.rehearsing import Rehearsed
from understudy.migrate.build.state import Stage, digest
from understudy.migrate.describe import duration, printable
from understudy.migrate.draw import before_and_after, structure
from understudy.migrate.journal import Entry, Event
from understudy.migrate.plan import Plan
from understudy.migrate.step import Kind, Step

_STAGES = {Stage.BEGUN: " (begun, not finished)", Stage.UNDOING: " (being undone)", Stage.DONE: " (done before)"}
DRY = "This was a dry run: nothing has been changed. --execute does it."


def plan_in_words(plan: Plan, path: str, width: int = 100, *, ascii_only: bool = False) -> str:
    """All steps with their reasons, durations and undoing, the trees before and after, what to consider."""
    said = [_summary(plan), ""]
    for step in plan.steps:
        said += [
            _headed(step),
            *_wrapped("why", step.reason, width),
            *_wrapped("undo", step.undo or "nothing to undo", width),
        ]
    said += ["", before_and_after(plan.before(), plan.after(), width=width, ascii_only=ascii_only), ""]
    said += _left_to_cutover(plan, width)
    for note in plan.notes:
        said += textwrap.wrap(note, width, initial_indent="- ", subsequent_indent="  ")
    said += ["", f"Saved to {path}. Nothing has been changed; `understudy migrate build` shows what would be done."]
    return "\n".join(said)


def plan_as_json(plan: Plan, path: str) -> dict[str, Any]:
    """The plan with both trees, fit for JSON."""
    return {
        "file": path,
        "digest": digest(plan),
        "low_s": plan.duration.low,
        "high_s": plan.duration.high,
        "plan": msgspec.to_builtins(plan),
        "titles": [step.title for step in plan.steps],
        "before": structure(plan.before()),
        "after": structure(plan.after()),
    }


def rehearsal(steps: Iterable[Rehearsed], *, undoing: bool) -> Iterator[str]:
    """What a dry run prints."""
    nothing = True
    for one in steps:
        nothing = False
        state = _STAGES.get(one.stage, "")
        yield f"{one.step.number:3}. {'undo: ' if undoing else ''}{one.step.title}{state}"
        yield from (f"     {line}" for line in one.says)
    yield "Nothing is left to be done." if nothing else DRY


def rehearsed_as_json(one: Rehearsed) -> dict[str, Any]:
    """A step of a dry run, fit for JSON."""
    return {
        "number": one.step.number,
        "id": one.step.id,
        "title": one.step.title,
        "stage": one.stage,
        "says": list(one.says),
    }


def entry(one: Entry) -> str:
    """A line of the journal."""
    detail = " ".join(f"{name}={_value(value)}" for name, value in one.detail.items())
    parts = (f"{one.at:%Y-%m-%d %H:%M:%S}", f"{one.event:8}", one.step, detail)
    line = "  ".join(part for part in parts if part)
    return printable(line)


def entry_as_json(one: Entry) -> dict[str, Any]:
    """An entry with nothing left out."""
    return {"at": one.at, "run": one.run, "event": Event(one.event), "step": one.step, "detail": dict(one.detail)}


def takes(step: Step) -> str:
    """How long a step may take."""
    return f"{duration(step.low_s)} to {duration(step.high_s)}"


def _summary(plan: Plan) -> str:
    if not plan.steps:
        return "Nothing is to be done: the tree is as it shall be."
    low, high = plan.duration
    copies = sum(step.kind is Kind.COPY for step in plan.steps)
    steps = f"{len(plan.steps)} step{'s' * (len(plan.steps) != 1)}"
    return f"{steps}, {copies} of them copies: from {duration(low)} to {duration(high)} in all."


def _headed(step: Step) -> str:
    return f"{step.number:3}. {step.title}  [{takes(step)}]"


def _wrapped(word: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=f"     {word + ':':6}", subsequent_indent=" " * 11)


def _left_to_cutover(plan: Plan, width: int) -> Iterator[str]:
    """What the build leaves to the cutover, in its order."""
    if plan.at_cutover:
        yield "At the cutover, and not before:"
    for act in plan.at_cutover:
        yield f"{act.number:3}. {act.title}"
        for word, text in (("why", act.reason), ("once", act.needs), ("undo", act.undo)):
            yield from _wrapped(word, text, width)
        yield from (f"     {act.server}> {sql};" for sql in act.sql)
    if plan.at_cutover:
        yield ""


def _value(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
