"""Two stacks' answers to one request, and the list of their differences: status, headers, body. Pure.

`Rules` are the settings' [compare] made ready: what is compared, and what is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from understudy.config import Compare
from understudy.diffs.difference import Difference, excerpt, legible
from understudy.diffs.ignore import IgnoredPaths
from understudy.diffs.lift import Body, Lifted, is_plain_json, lift_body, lift_both, unpacked
from understudy.diffs.raw import walk_text
from understudy.diffs.walk import walk
from understudy.exchange import Answer, Failure, Headers, Reply

_ROOTS: Final = {"json": "$", "form": "$", "html": "", "xml": ""}
_MAX_NAMES: Final = 4_096


class Rules:
    """What counts as a difference."""

    def __init__(self, compare: Compare | None = None) -> None:
        compare = compare or Compare()
        self.ignored = IgnoredPaths(compare.ignore_paths)
        self._all = "*" in compare.headers
        self._wanted = {name.lower() for name in compare.headers}
        self._unwanted = {name.lower() for name in compare.ignore_headers}
        self._names: dict[str, str] = {}

    def header_name(self, name: str) -> str:
        """The lower-case name of a header that is compared; empty for one that isn't."""
        known = self._names.get(name)
        if known is None:
            lower = name.lower()
            known = lower if (self._all or lower in self._wanted) and lower not in self._unwanted else ""
            if len(self._names) < _MAX_NAMES:  # the names come from outside
                self._names[name] = known
        return known


def compare(old: Answer, new: Answer, rules: Rules) -> list[Difference]:
    """The differences of two answers; empty where they are equal under the rules."""
    if isinstance(old, Failure) or isinstance(new, Failure):
        return _failures(old, new)
    found: list[Difference] = []
    if old.status != new.status:
        found.append(Difference("status", "status", old.status, new.status))
    if old.headers != new.headers:
        _headers(old.headers, new.headers, rules, found)
    if old.body != new.body or old.digest != new.digest:
        found.extend(_bodies(old, new, rules))
    if rules.ignored:
        found = [d for d in found if not rules.ignored.covers(d.path)]
    return found


def _failures(old: Answer, new: Answer) -> list[Difference]:
    before = old.reason if isinstance(old, Failure) else f"status {old.status}"
    after = new.reason if isinstance(new, Failure) else f"status {new.status}"
    return [Difference("answer", "failure", before, after)] if before != after else []


def _headers(old: Headers, new: Headers, rules: Rules, found: list[Difference]) -> None:
    if _differ_unseen(old, new, rules):
        return
    before, after = by_name(old, rules.header_name), by_name(new, rules.header_name)
    for name in before | after:
        a, b = before.get(name), after.get(name)
        if a != b:
            found.append(Difference(f"header.{name}", "header", a, b))


def _differ_unseen(old: Headers, new: Headers, rules: Rules) -> bool:
    """Whether the same headers came in the same order, and only such differ as are not compared (Date, most often)."""
    if len(old) != len(new):
        return False
    for before, after in zip(old, new, strict=True):
        if before != after and (before[0] != after[0] or rules.header_name(before[0])):
            return False
    return True


def by_name(headers: Headers, name_of: Callable[[str], str]) -> dict[str, str]:
    """The values of the headers that `name_of` names, those of repeated ones one after the other."""
    values: dict[str, str] = {}
    for name, value in headers:
        if key := name_of(name):
            values[key] = f"{values[key]}, {value}" if key in values else value
    return values


def _bodies(old: Reply, new: Reply, rules: Rules) -> list[Difference]:
    if old.digest or new.digest:
        return _digests(old, new)
    bodies = unpacked(_body(old)), unpacked(_body(new))
    if not rules.ignored and is_plain_json(bodies[0]) and is_plain_json(bodies[1]):
        found = walk_text(_ROOTS["json"], bodies[0].data, bodies[1].data)
        if found:  # else it is no JSON, or the values are the same and the texts are not: see below
            return found
    before, after = lift_both(*bodies)
    if before.form != after.form:
        return _forms(before, after)
    try:
        found = _values(before, after, rules)
        if not found and before.form == "json" and old.body != new.body:
            # The text differs and the values don't: white space, the order of members, or a key that is repeated.
            found = _values(lift_body(bodies[0], strict=True), lift_body(bodies[1], strict=True), rules)
    except RecursionError:
        return [Difference("text", "text", legible(old.body), legible(new.body))]
    return found


def _body(reply: Reply) -> Body:
    content_type = content_encoding = ""
    for name, value in reply.headers:  # one walk for both, and lower() only where the length fits
        size = len(name)
        if size == 12 and not content_type and name.lower() == "content-type":
            content_type = value
        elif size == 16 and name.lower() == "content-encoding":
            content_encoding = f"{content_encoding}, {value}" if content_encoding else value
    return Body(reply.body, content_type, content_encoding)


def _values(before: Lifted, after: Lifted, rules: Rules) -> list[Difference]:
    form, old, new = before.form, before.value, after.value
    if form in _ROOTS:
        if rules.ignored and form in ("json", "form"):
            old, new = rules.ignored.pruned(old), rules.ignored.pruned(new)
        return walk(_ROOTS[form], old, new)
    if old == new:
        return []
    if form == "text":
        return [Difference("text", "text", *first_difference(old, new))]
    return [Difference("binary", "binary", _blob(old), _blob(new))]


def _forms(before: Lifted, after: Lifted) -> list[Difference]:
    """Bodies of two forms: one is missing, or they are another type."""
    if after.form == "empty":
        return [Difference("body", "missing", _content(before), None)]
    if before.form == "empty":
        return [Difference("body", "extra", None, _content(after))]
    return [Difference("body", "type", f"{before.form}: {_content(before)}", f"{after.form}: {_content(after)}")]


def _content(lifted: Lifted) -> str:
    return _blob(lifted.value) if lifted.form == "binary" else excerpt(lifted.value)


def _blob(body: bytes) -> str:
    return f"{len(body)} bytes, beginning {body[:16].hex(' ')}"


def _digests(old: Reply, new: Reply) -> list[Difference]:
    """Bodies of which one at least is too long to be here."""
    if old.digest == new.digest and old.body_bytes == new.body_bytes:
        return []
    return [Difference("body", "digest", _digest(old), _digest(new))]


def _digest(reply: Reply) -> str:
    return f"{reply.body_bytes} bytes, digest {reply.digest.hex() or 'none (recorded whole)'}"


def first_difference(old: str, new: str) -> tuple[str, str]:
    """The first line that is not the same, on either side; from a little before the place where it differs."""
    low, high = 0, min(len(old), len(new))
    while low < high:  # the longest common beginning, by halving: each step compares in C
        middle = (low + high + 1) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle - 1
    start = max(old.rfind("\n", 0, low) + 1, low - 60)
    return tuple(text[start:].partition("\n")[0][:2_000] for text in (old, new))  # type: ignore[return-value]
