"""What a difference is called in the words of a database upgrade. Pure.

The old stack is asked twice before anyone is blamed: where it differed from itself, the difference is `noise`; where
the pair agreed the second time, it was lag or a race, and is `settled`. A pair that differed in one place, and the
second time in another alone, has agreed at no time: what it differed in first is blamed. A list that the old stack
answers in another order each time excuses another order of it and no wrong value in it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, NamedTuple

from msgspec import Struct

from understudy.diffs.difference import Difference, general

Outcome = Literal["equal_after_lifting", "noise", "settled", "failed", "different"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("equal_after_lifting", "noise", "settled", "failed", "different")
GRAVITY: Final = {outcome: gravity for gravity, outcome in enumerate(OUTCOMES)}

_FORGIVEN: Final = {"noise", "settled"}
_MAX_ROWS: Final = 2_000  # of a reordered list that are looked at for what ordered them
_MAX_FIELDS: Final = 20
_MAX_TEXT: Final = 10_000


class Again(NamedTuple):
    """What asking once more told: where the primary differed from itself, and where else the pair still differed.

    `reordered` are the places where the primary differed from itself in the order of members alone.
    """

    noisy: frozenset[str]
    still: frozenset[str]
    reordered: frozenset[str] = frozenset()


class Judged(Struct, frozen=True, gc=False):
    """A difference and its class."""

    difference: Difference
    name: str


def verdicts(found: list[Difference], again: Again | None) -> tuple[list[Judged], Outcome]:
    """Every difference of a pair with its class, and the pair's outcome: the gravest of them."""
    if not found:
        return [], "equal_after_lifting"
    judged = [Judged(d, classify(d)) for d in found] if again is None else [Judged(d, settle(d, again)) for d in found]
    if again is not None and {one.name for one in judged} <= _FORGIVEN:
        if all(one.name == "noise" for one in judged):
            return judged, "noise"
        if not again.still:
            return judged, "settled"
        judged = [one if one.name == "noise" else Judged(one.difference, classify(one.difference)) for one in judged]
    return judged, "failed" if found[0].kind == "failure" else "different"


def settle(difference: Difference, again: Again) -> str:
    """The class of a difference whose request was asked again."""
    if _is_noise(difference, again.noisy, again.reordered):
        return "noise"
    return classify(difference) if general(difference.path) in again.still else "settled"


def again(of_primary: list[Difference], of_pair: list[Difference]) -> Again:
    """What asking once more told, from the primary against itself and from the second pair."""
    noisy = frozenset(general(d.path) for d in of_primary if d.kind != "order")
    reordered = frozenset(general(d.path) for d in of_primary if d.kind == "order")
    still = frozenset(general(d.path) for d in of_pair if not _is_noise(d, noisy, reordered))
    return Again(noisy, still, reordered)


def _is_noise(difference: Difference, noisy: frozenset[str], reordered: frozenset[str]) -> bool:
    path = general(difference.path)
    return _is_within(path, noisy) or (difference.kind == "order" and _is_within(path, reordered))


def _is_within(path: str, places: frozenset[str]) -> bool:
    return any(path == place or path.startswith((f"{place}.", f"{place}[", f"{place}/")) for place in places)


def classify(difference: Difference) -> str:
    """The class of a difference: its kind, or something more telling where that is evident."""
    namer = _NAMERS.get(difference.kind)
    return namer(difference.old, difference.new) if namer else difference.kind


def _status(old: Any, new: Any) -> str:
    if old < 400 and new >= 500:
        return "new_error"
    if old >= 500 and new < 400:
        return "old_error"
    return "status"


def _value(old: Any, new: Any) -> str:
    if type(old) is not str or type(new) is not str or len(old) > _MAX_TEXT:
        return "value"
    if fold(old) == fold(new):
        return "collation"
    if old.isascii() and new.isascii():
        return "value"
    return "charset" if _is_mojibake(old, new) or _is_mojibake(new, old) else "value"


def _text(old: Any, new: Any) -> str:
    name = _value(old, new)
    return "text" if name == "value" else name


def fold(text: str) -> str:
    """A text as a collation that minds neither case, accents nor trailing spaces sees it."""
    if text.isascii():
        return text.casefold().rstrip()
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in plain if not unicodedata.combining(c)).rstrip()


def _is_mojibake(right: str, wrong: str) -> bool:
    """Whether `wrong` is `right` read in another charset, or with what a charset lacks turned to question marks."""
    if right.isascii():
        return False
    if "?" in wrong and "".join("?" if c > "\xff" or not c.isascii() else c for c in right) == wrong:
        return True
    for charset in ("cp1252", "latin-1"):
        try:
            if right.encode().decode(charset) == wrong:
                return True
        except UnicodeError:
            continue
    return False


def _order(old: Any, new: Any) -> str:
    if len(old) != len(new) or len(old) > _MAX_ROWS:
        return "order_only"
    for before, after in _sort_columns(old, new):
        if [fold(text) for text in before] == [fold(text) for text in after]:
            continue  # this column can't tell: it reads the same on both sides
        by_old, by_new = _sorted_by(before), _sorted_by(after)
        same_way_up = {up for _, up in by_old} & {up for _, up in by_new}
        if same_way_up and not by_old & by_new:
            return "collation"
    return "order_only"


def _sort_columns(old: Sequence[Any], new: Sequence[Any]) -> list[tuple[list[str], list[str]]]:
    """The columns of text by which two lists may be sorted: the members themselves, or a field of all rows."""
    if all(type(row) is str for row in (*old, *new)):
        return [(list(old), list(new))]
    if not all(type(row) is dict for row in (*old, *new)):
        return []
    fields = [name for name, value in old[0].items() if type(value) is str][:_MAX_FIELDS]
    columns = [([row.get(name) for row in old], [row.get(name) for row in new]) for name in fields]
    return [(a, b) for a, b in columns if all(type(text) is str for text in (*a, *b))]


def _sorted_by(column: list[str]) -> set[tuple[str, bool]]:
    """The collations under which a column is in order, and whether upwards."""
    found = set()
    for name, key in _COLLATIONS.items():
        keys = [key(text) for text in column]
        found |= {(name, up) for up in (True, False) if keys == sorted(keys, reverse=not up)}
    return found


_COLLATIONS: Final[dict[str, Callable[[str], str]]] = {
    "binary": lambda text: text,
    "case": str.casefold,
    "accent": fold,
}

_NAMERS: Final[dict[str, Callable[[Any, Any], str]]] = {
    "status": _status,
    "value": _value,
    "text": _text,
    "order": _order,
}
