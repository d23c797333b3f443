"""Two lifted values, and the list of places where they differ: a plain walk that descends only where they do. Pure.

Comparing with `==` in C first is what makes it fast: equal parts cost nothing more. The walk keeps its own stack.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from understudy.diffs.align import align, changed_members
from understudy.diffs.difference import Difference, Kind, member
from understudy.diffs.gaps import may_be_one
from understudy.diffs.markup import Element

MAX_DIFFERENCES: Final = 500  # of one pair of bodies; pages that have nothing in common need no list of it all
_DECIMAL = re.compile(r"[+-]?\d{1,400}(\.\d{1,400})?([eE][+-]?\d{1,4})?", re.ASCII)

_NUMBERS: Final = {int, bytes}

_Place = tuple[str, Any, Any]


def walk(root: str, old: Any, new: Any) -> list[Difference]:
    """The differences of two values, in the document's order; paths begin with `root`, or with an element's tag.

    Past MAX_DIFFERENCES the rest is one difference of kind `more`. Raises RecursionError for values nested more deeply
    than the interpreter compares.
    """
    found: list[Difference] = []
    # Equal parts are hardly ever pushed, so that a push is worth its path. Values of two types are never equal:
    # numbers are bytes here.
    stack: list[_Place] = [(root, old, new)]
    while stack:
        path, a, b = stack.pop()
        if len(found) >= MAX_DIFFERENCES:
            found.append(Difference(root, "more", len(found), None))
            break
        kind = type(a) if type(a) is type(b) else None
        if kind is dict:
            _members(path, a, b, found, stack)
        elif kind is list:
            _items(path, a, b, found, stack)
        elif kind is tuple:
            _element(path, a, b, found, stack)
        else:
            shallow(path, a, b, found)
    return found


def shallow(path: str, a: Any, b: Any, found: list[Difference]) -> None:
    """The difference of two values of two types, or that hold no others, if there is one."""
    if type(a) is not type(b):
        found.append(Difference(path, _other_type(a, b), a, b))
    elif a != b:
        found.append(Difference(path, _scalar_kind(a, b), a, b))


def _other_type(a: Any, b: Any) -> Kind:
    """The kind for values of two types; 1 and 1.0 are two of ours (int and bytes), and one of JSON's."""
    if {type(a), type(b)} != _NUMBERS:
        return "type"
    return "number_text" if same_number(_number(a), _number(b)) else "value"


def _number(value: int | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _scalar_kind(a: Any, b: Any) -> Kind:
    if type(a) is str:
        return "number_text" if same_number(a, b) else "value"
    if type(a) is not bytes or float(a) != float(b):  # 0.4 us, where the way below takes 1.1
        return "value"
    return "number_text" if same_number(a.decode(), b.decode()) else "value"


def same_number(a: str, b: str) -> bool:
    """Whether two texts are the same decimal number, written otherwise: 24.50 and 24.5, but not 007 and 7."""
    if not a[-1:].isdigit() or not b[-1:].isdigit():  # 0.1 us, where an expression takes 0.5
        return False
    if not _DECIMAL.fullmatch(a) or not _DECIMAL.fullmatch(b) or (a.isdigit() and b.isdigit()):
        return False
    try:
        return Decimal(a) == Decimal(b)
    except InvalidOperation:
        return False


def _members(path: str, a: dict[str, Any], b: dict[str, Any], found: list[Difference], stack: list[_Place]) -> None:
    below: list[_Place] = []
    for key, value in a.items():
        if key not in b:
            found.append(Difference(path + member(key), "missing", value, None))
        elif (type(other := b[key]) is list and type(value) is list) or other != value:
            # two lists are compared member by member below anyway: once is enough
            below.append((path + member(key), value, other))
    if a.keys() != b.keys():
        found.extend(Difference(path + member(key), "extra", None, b[key]) for key in b if key not in a)
    stack.extend(reversed(below))


def _items(path: str, a: list[Any], b: list[Any], found: list[Difference], stack: list[_Place]) -> None:
    changed = changed_members(a, b)
    if changed is not None and len(changed) < 2:
        for i in changed:
            if may_be_one(a[i], b[i]):
                stack.append((f"{path}[{i}]", a[i], b[i]))
            else:
                found.append(Difference(f"{path}[{i}]", "missing", a[i], None))
                found.append(Difference(f"{path}[{i}]", "extra", None, b[i]))
        return
    pairs, missing, extra, moved = align(a, b)
    if moved:
        found.append(Difference(path, "order", a, b))
    found.extend(Difference(f"{path}[{i}]", "missing", a[i], None) for i in missing[:MAX_DIFFERENCES])
    found.extend(Difference(f"{path}[{j}]", "extra", None, b[j]) for j in extra[:MAX_DIFFERENCES])
    stack.extend((f"{path}[{i}]", a[i], b[j]) for i, j in reversed(pairs[: MAX_DIFFERENCES + 1]))


def _element(path: str, a: Element, b: Element, found: list[Difference], stack: list[_Place]) -> None:
    if not path:
        path = label(a)
    if a[0] != b[0]:
        found.append(Difference(path, "type", a, b))
        return
    if a[1] != b[1]:
        _attributes(path, a[1], b[1], found)
    olds, news = a[2], b[2]
    if olds == news:
        return
    pairs, missing, extra, moved = align(olds, news)
    if moved:
        found.append(Difference(path, "order", olds, news))
    old_steps = _steps(olds)
    found.extend(Difference(f"{path}/{old_steps[i]}", "missing", olds[i], None) for i in missing[:MAX_DIFFERENCES])
    if extra:
        new_steps = _steps(news)
        found.extend(Difference(f"{path}/{new_steps[j]}", "extra", None, news[j]) for j in extra[:MAX_DIFFERENCES])
    stack.extend((f"{path}/{old_steps[i]}", olds[i], news[j]) for i, j in reversed(pairs[: MAX_DIFFERENCES + 1]))


def _attributes(path: str, a: dict[str, str], b: dict[str, str], found: list[Difference]) -> None:
    for name, value in a.items():
        if name not in b:
            found.append(Difference(f"{path}/@{name}", "missing", value, None))
        elif b[name] != value:
            found.append(Difference(f"{path}/@{name}", _scalar_kind(value, b[name]), value, b[name]))
    found.extend(Difference(f"{path}/@{name}", "extra", None, b[name]) for name in b if name not in a)


def label(element: Element) -> str:
    """An element as a step of a path: its tag, with the id or else the first class that tells it apart."""
    tag, attributes, _ = element
    if name := attributes.get("id"):
        return f"{tag}#{_step_text(name)}"
    if classes := attributes.get("class"):
        return f"{tag}.{_step_text(classes.split()[0])}" if classes.split() else tag
    return tag


def _step_text(name: str) -> str:
    return re.sub(r"[\s/\[\]#.@]+", "-", name)[:60]


def _steps(children: list[Any]) -> list[str]:
    """Each child as a step, numbered from 1 where the same step occurs again among its siblings."""
    labels = ["text()" if type(child) is str else label(child) for child in children]
    totals: dict[str, int] = {}
    for step in labels:
        totals[step] = totals.get(step, 0) + 1
    seen: dict[str, int] = {}
    steps = []
    for step in labels:
        if totals[step] == 1:
            steps.append(step)
        else:
            seen[step] = seen.get(step, 0) + 1
            steps.append(f"{step}[{seen[step]}]")
    return steps
