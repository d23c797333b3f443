"""Two servers' definitions, compared as plain facts. Pure.

A thing is a table, a view, a routine and so on; its facts are names and values that were given one spelling before (see
`spelling`, `expression`), so what only reads differently is equal here. A fact that a version can't state is left out
by whoever collects, and stands for the default, which is empty. Parts are what a thing is made of: columns, indexes,
foreign keys. Equal facts are kept once (`Shared`): ten thousand tables have few kinds of columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct

from understudy.migrate.sqltext import identifier
from understudy.migrate.verify.finding import Finding, Kind
from understudy.migrate.verify.folding import keys

Facts = tuple[tuple[str, str], ...]  # (name, value), without those that are empty
Part = tuple[str, str]  # ("column", "total")
T = TypeVar("T")
SHOWN = 120  # characters of a value that a sentence quotes
AROUND = 40
PART = re.compile(r"`((?:[^`]|``)*)`|([^.`]+)")  # of a path
LACKS = {Kind.TABLE: (Kind.MISSING_TABLE, Kind.EXTRA_TABLE)}


class Thing(Struct, frozen=True):
    """Something that is defined on a server. `order` are the parts whose order matters, by name."""

    kind: Kind
    name: str
    noun: str
    facts: Facts = ()
    parts: Mapping[Part, Facts] = {}
    order: tuple[str, ...] = ()


Things = Mapping[tuple[str, str], Thing]  # by noun and name
Weigh = Callable[[Thing, str, str, str], Finding | None]


class Shared:
    """Keeps equal facts once."""

    def __init__(self) -> None:
        self._kept: dict[Facts, Facts] = {}

    def facts(self, **named: object) -> Facts:
        """Facts, without those that are empty."""
        made = tuple((name, str(value)) for name, value in named.items() if value not in (None, "", False))
        return self._kept.setdefault(made, made)


def by_name(things: Sequence[Thing], folded: bool = False) -> Things:
    """Things, to be found again; `folded` where either side knows no case of tables' names."""
    return dict(zip(keys([(thing.noun, thing.name) for thing in things], folded), things, strict=True))


def compare(old: Things, new: Things, weigh: Weigh) -> Iterator[Finding]:
    """In what the new side's things differ. `weigh` makes a finding of one fact that differs, or none."""
    for key, thing in old.items():
        if key in new:
            yield from _within(thing, new[key], weigh)
        else:
            kind = LACKS.get(thing.kind, (thing.kind, thing.kind))[0]
            yield Finding(kind, thing.name, f"the {thing.noun} is missing on the new side")
    for key, thing in new.items():
        if key not in old:
            kind = LACKS.get(thing.kind, (thing.kind, thing.kind))[1]
            yield Finding(kind, thing.name, f"the {thing.noun} is on the new side alone")


def _within(old: Thing, new: Thing, weigh: Weigh) -> Iterator[Finding]:
    yield from _facts(old, old.facts, new.facts, weigh)
    both = [name for name in old.order if name in set(new.order)]
    there = [name for name in new.order if name in set(old.order)]
    if both != there:
        yield Finding(old.kind, old.name, f"the order is {shown(', '.join(there))}, was {shown(', '.join(both))}")
    if old.parts == new.parts:
        return
    for part, facts in old.parts.items():
        if part not in new.parts:
            yield _part(old, part, "is missing on the new side")
        elif facts != new.parts[part]:
            yield from _facts(old, facts, new.parts[part], weigh, part)
    for part in new.parts:
        if part not in old.parts:
            yield _part(old, part, "is on the new side alone")


def _part(thing: Thing, part: Part, what: str) -> Finding:
    return Finding(thing.kind, place(thing, part), f"the {' '.join(part)} {what}")


def _facts(thing: Thing, old: Facts, new: Facts, weigh: Weigh, part: Part | None = None) -> Iterator[Finding]:
    if old == new:
        return
    before, after = dict(old), dict(new)
    for name in {**before, **after}:
        was, now = before.get(name, ""), after.get(name, "")
        if was != now and (finding := weigh(thing, name, was, now)):
            said = f"{' '.join(part)}: {finding.found}" if part else finding.found
            yield Finding(finding.kind, place(thing, part), said, mend=finding.mend, note=finding.note)


def place(thing: Thing, part: Part | None) -> str:
    """ "shop.orders.total" for a column, "shop.orders" for anything else of the table."""
    return f"{thing.name}.{part[1]}" if part and part[0] == "column" else thing.name


def differs(thing: Thing, fact: str, was: str, now: str) -> Finding:
    """The finding for a fact whose values differ and that is excused by nothing."""
    fact = fact.replace("_", " ")
    if len(was) > SHOWN or len(now) > SHOWN:
        was, now = _around(was, now)
    return Finding(thing.kind, thing.name, f"{fact} is {now or 'not there'}, was {was or 'not there'}")


def shown(text: str) -> str:
    """A text for a sentence, cut where it is long."""
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def _around(was: str, now: str) -> tuple[str, str]:
    """Two long texts, cut to where they begin to differ."""
    at = next((at for at, (a, b) in enumerate(zip(was, now, strict=False)) if a != b), min(len(was), len(now)))
    begin = max(0, at - AROUND)
    cut = [f"{'…' * (begin > 0)}{text[begin : at + AROUND]}{'…' * (len(text) > at + AROUND)}" for text in (was, now)]
    return cut[0], cut[1]


def path(*names: str) -> str:
    """ "shop.orders" for people; in backticks where a name would be misread."""
    return ".".join(name if name.replace("_", "a").replace("$", "a").isalnum() else identifier(name) for name in names)


def names(of: str) -> tuple[str, ...]:
    """The names that a `path` is made of."""
    return tuple(plain or quoted.replace("``", "`") for quoted, plain in PART.findall(of))
