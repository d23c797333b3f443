"""From the tree that is to the tree that shall be: numbered steps, each legal when it is taken. Pure.

A plan carries the facts that it was made from and a digest of them. It is refused once reality has moved; while it is
carried out, reality is compared with what the steps taken so far have made of those facts.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

import msgspec
from msgspec import Struct

from understudy.errors import UnderstudyError
from understudy.migrate.at_cutover import AtCutover, at_cutover, gtid_note
from understudy.migrate.drafting import draft, notes
from understudy.migrate.estimates import Seconds
from understudy.migrate.facts import Server
from understudy.migrate.feeding import may_follow
from understudy.migrate.goal import Wish, goal_of
from understudy.migrate.lasting import configuration, forgets, told
from understudy.migrate.layout import Need
from understudy.migrate.limits import Limits, Rule, violations
from understudy.migrate.sight import fingerprint, moved, sight
from understudy.migrate.step import Kind, Step, apply
from understudy.migrate.topology import Tree, grow
from understudy.migrate.ways import way

FORMAT = 2
PLAN_AGAIN = "`understudy migrate plan` writes a new one"


class PlanError(UnderstudyError):
    """A plan that can't be read, or that no longer holds."""


class StalePlanError(PlanError):
    """Reality has moved since the plan was made."""


class Plan(Struct, frozen=True):
    """The steps, and what they rest on. `saw` is the digest of `servers`, which are the facts at the time.

    `notes` are for the operator: why it is this tree, what to consider, what it costs. `at_cutover` is what `build`
    leaves to the cutover.
    """

    wish: Wish
    limits: Limits
    new_source: str
    under: str
    need: Need
    steps: tuple[Step, ...]
    notes: tuple[str, ...]
    servers: tuple[Server, ...]
    saw: str
    at_cutover: tuple[AtCutover, ...] = ()
    format: int = FORMAT

    def before(self) -> Tree:
        """The tree as it was seen."""
        return grow(self.servers)

    def after(self, done: int | None = None) -> Tree:
        """The tree once so many steps have been taken; all of them, where no number is given."""
        return reduce(apply, self.steps[:done], self.before())

    @property
    def feeding(self) -> frozenset[str]:
        """Whom the plan changes or copies from, and all above these: what one of them filters, the new servers lack."""
        named = {name for step in self.steps for name in (step.server, step.under) if name}
        shape = self.after().shape
        return frozenset(named.union(*(shape.above(name) for name in named if name in shape)))

    @property
    def duration(self) -> Seconds:
        """How long all steps take, one after another."""
        return Seconds(sum(step.low_s for step in self.steps), sum(step.high_s for step in self.steps))


def make(tree: Tree, wish: Wish, limits: Limits, data_bytes: int | None = None) -> Plan:
    """The plan for a wish. Raises TopologyError, WishError or ImpossibleError; `data_bytes` is for the durations."""
    goal = goal_of(tree, wish, limits)
    changes = way(tree.shape, goal.shape, limits, goal.heads, lambda name, under: may_follow(tree, name, under))
    steps = draft(tree, goal, wish, limits, changes, data_bytes)
    then = reduce(apply, steps, tree)
    return Plan(
        wish=wish,
        limits=limits,
        new_source=goal.new_source,
        under=goal.under,
        need=goal.layout.need,
        steps=steps,
        notes=(gtid_note(then, goal, wish), *notes(tree, goal, limits, steps, data_bytes), *_forgotten(steps, then)),
        servers=tuple(tree.servers.values()),
        saw=fingerprint(sight(tree)),
        at_cutover=at_cutover(then, goal, wish, steps),
    )


def _forgotten(steps: tuple[Step, ...], then: Tree) -> Iterator[str]:
    """What servers forget at a restart; whether binary logs have to be kept longer, only `build` sees."""
    yield from told(configuration((step for step in steps if step.kind is not Kind.RETENTION), then), then)
    known = {step.server: then.servers[step.server].version for step in steps if step.kind is Kind.RETENTION}
    if names := [name for name, version in known.items() if version and forgets(version)]:
        yield f"Where `build` has to raise how long {' or '.join(names)} keeps binary logs, it says so at its end."


def encode(plan: Plan) -> bytes:
    """The plan as JSON, for a file that a person can read."""
    return msgspec.json.format(msgspec.json.encode(plan), indent=2) + b"\n"


def decode(content: bytes, name: str) -> Plan:
    """A plan from its file's content; `name` is for the message. Raises PlanError."""
    try:
        plan = msgspec.json.decode(content, type=Plan)
    except msgspec.DecodeError as error:  # a ValidationError is one
        raise PlanError(f"{name}: not a plan: {error}", PLAN_AGAIN) from None
    if plan.format != FORMAT:
        raise PlanError(f"{name}: a plan of format {plan.format}; this Understudy knows {FORMAT}", PLAN_AGAIN)
    if plan.saw != fingerprint(sight(plan.before())):
        raise PlanError(f"{name}: the plan has been changed: its facts and its digest don't agree", PLAN_AGAIN)
    _require_legal(plan, name)
    return plan


def drift(plan: Plan, tree: Tree, done: int = 0, *, strictly: bool | None = None, only: str = "") -> list[str]:
    """How reality differs from what so many steps should have made of it, a sentence each; none where it agrees.

    Servers beyond those of the plan count too: a new replica takes room. Unless `strictly`, which is meant before the
    first step, what was unknown may be anything. With `only`, to go back, that server alone matters, and not what it
    filters.
    """
    strict = done == 0 if strictly is None else strictly
    expected, found = (
        tuple(seen for seen in sights if only in ("", seen.address))
        for sights in (sight(plan.after(done)), sight(tree))
    )
    return moved(expected, found, strictly=strict, feeding=() if only else plan.feeding)


def require_unmoved(plan: Plan, tree: Tree, done: int = 0, *, begun: bool = False, only: str = "") -> None:
    """Raise StalePlanError, with what has moved, where reality is not what the plan, so far carried out, expects.

    Where the next step was `begun` and not finished, any of its effects may be there or not. `only` is the server that
    matters: to go back must be possible whatever has become of the others.
    """
    differences = drift(plan, tree, done, strictly=False if begun else None, only=only)
    if begun:
        after = drift(plan, tree, done + 1, strictly=False, only=only)
        differences = [difference for difference in differences if difference in after]
    if differences:
        hint = "look at `understudy migrate status`, and make a new plan"
        if done or begun:
            hint = "put it back as it was, or go back with `understudy migrate build --undo --execute` and plan anew"
        raise StalePlanError(f"the tree has moved since the plan was made: {'; '.join(differences)}", hint)


def _require_legal(plan: Plan, name: str) -> None:
    """A plan that was changed by hand may break the limits on the way, or speak of servers that are not there."""
    tree, heads = plan.before(), (plan.new_source,)
    for step in plan.steps:
        place = f"{name}: step {step.number} ({step.title})"
        if reason := _nonsense(tree, step):
            raise PlanError(f"{place}: {reason}", PLAN_AGAIN)
        tree = apply(tree, step)
        for broken in violations(tree, plan.limits, heads):
            if broken.rule is not Rule.RETENTION:
                raise PlanError(f"{place} would break the limits: {broken.reason}", PLAN_AGAIN)


def _nonsense(tree: Tree, step: Step) -> str:
    """Why a step can't be taken on this tree at all; empty where it can."""
    shape = tree.shape
    if step.kind in (Kind.ATTACH, Kind.MOVE):
        if step.under not in shape:
            return f"{step.under} is not there by then"
        if step.server == step.under or step.server in shape.above(step.under):
            return f"{step.under} follows it"
    elif step.kind in (Kind.DETACH, Kind.RETENTION) and step.server not in shape:
        return f"{step.server} is not there by then"
    return ""
