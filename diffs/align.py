"""Which members of two sequences belong together: pure, and bounded in cost.

A row that is gone must be one missing row, not a difference in each row after it; a list in another order must be that
and nothing else. Equal ends are taken off first. Rows that carry a key (an id, or the like) are matched by it. All
others are matched by equality: members that are unique on both sides anchor the alignment (as patience diff does), the
longest run of anchors that kept their order stays, and what else is equal has moved. What then remains between two
anchors is paired, as rows that changed.

Sorting and hashing is n log n; the quadratic part is only done in gaps of a few dozen members.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from itertools import compress
from operator import ne
from typing import Any

import msgspec

from understudy.diffs.gaps import KEYS, Alignment, Gap, Indices

_pack = msgspec.msgpack.Encoder(order="deterministic").encode
_NAMES = frozenset((str, bytes, int))
_SCALARS = frozenset((str, bytes, bool, int, type(None)))


def fingerprint(member: Any) -> Hashable:
    """Something hashable that two lifted values share exactly when they are equal."""
    if type(member) in _SCALARS:
        return member  # type: ignore[no-any-return]
    try:
        return ("", _pack(member))
    except (UnicodeEncodeError, OverflowError):  # a lone surrogate has no UTF-8, a huge integer no msgpack
        return ("repr", repr(member))


def align(old: Sequence[Any], new: Sequence[Any]) -> Alignment:
    """Match the members of two sequences of lifted values."""
    start, old_end, new_end = _unequal_middle(old, new)
    if start in (old_end, new_end):
        return Alignment([], list(range(start, old_end)), list(range(start, new_end)), False)
    olds, news = range(start, old_end), range(start, new_end)
    key = _key_of(old, new, olds, news)
    if key is not None:
        return _aligned(old, new, olds, news, lambda row: row[key], key)
    found = _aligned(old, new, olds, news, fingerprint, None)
    if len(olds) != len(news) or not (found.missing or found.extra or (found.moved and found.pairs)):
        return found
    # Lists without keys and of one length may be vectors: where place by place less differs, place decides.
    changed = [(i, i) for i in olds if old[i] != new[i]]
    cost = len(found.pairs) + len(found.missing) + len(found.extra) + found.moved
    return Alignment(changed, [], [], False) if len(changed) <= cost else found


def changed_members(old: Sequence[Any], new: Sequence[Any]) -> list[int] | None:
    """The indices at which two sequences of one length are unequal; None where the lengths are not the same.

    One member that changed is the commonest case by far, and needs no alignment.
    """
    return list(compress(range(len(old)), map(ne, old, new))) if len(old) == len(new) else None  # a loop in C


def _unequal_middle(old: Sequence[Any], new: Sequence[Any]) -> tuple[int, int, int]:
    """Where the unequal part begins, and its end in either sequence."""
    shorter = min(len(old), len(new))
    start = 0
    while start < shorter and old[start] == new[start]:
        start += 1
    old_end, new_end = len(old), len(new)
    while old_end > start and new_end > start and old[old_end - 1] == new[new_end - 1]:
        old_end -= 1
        new_end -= 1
    return start, old_end, new_end


def _key_of(old: Sequence[Any], new: Sequence[Any], olds: range, news: range) -> str | None:
    """The member that names the rows on both sides: in each of them, a scalar, and no two the same."""
    first = old[olds[0]]
    if type(first) is not dict:
        return None
    candidates: list[str] = [key for key in KEYS if key in first] + [
        key for key in first if key.endswith(("_id", "Id"))
    ]
    for key in candidates:
        if _names_rows(key, (old[i] for i in olds), len(olds)) and _names_rows(key, (new[i] for i in news), len(news)):
            return key
    return None


def _names_rows(key: str, rows: Any, count: int) -> bool:
    seen = set()
    for row in rows:
        if type(row) is not dict:
            return False
        value = row.get(key)
        if type(value) not in _NAMES:
            return False
        seen.add(value)
    return len(seen) == count


def _aligned(
    old: Sequence[Any],
    new: Sequence[Any],
    olds: range,
    news: range,
    identity: Callable[[Any], Hashable],
    key: str | None,
) -> Alignment:
    """Align by identities: anchors, what moved, and the gaps between."""
    old_names = [identity(old[i]) for i in olds]
    new_names = [identity(new[i]) for i in news]
    old_counts, new_counts = Counter(old_names), Counter(new_names)
    if key is None and old_counts == new_counts:
        return Alignment([], [], [], True)
    place = {name: i for i, name in zip(news, new_names, strict=True) if new_counts[name] == 1}
    matched = [
        (i, place[name]) for i, name in zip(olds, old_names, strict=True) if old_counts[name] == 1 and name in place
    ]
    anchors = _longest_ordered(matched)
    moved = len(anchors) < len(matched)
    pairs = [(i, j) for i, j in matched if old[i] != new[j]] if key else []
    taken_old, taken_new = {i for i, _ in matched}, {j for _, j in matched}
    gaps = list(_gaps(olds, news, anchors, taken_old, taken_new))
    if key is None:
        gaps, equal_moved = _without_equals(gaps, olds, news, old_names, new_names)
        moved = moved or equal_moved
    return Gap(old, new, key).settled(gaps, Alignment(pairs, [], [], moved))


def _longest_ordered(matched: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part of `matched` (ordered by its first) that is in order by its second too. n log n."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for place, (_, j) in enumerate(matched):
        length = bisect_left(tails, j)
        before.append(ends[length - 1] if length else -1)
        if length == len(tails):
            tails.append(j)
            ends.append(place)
        else:
            tails[length], ends[length] = j, place
    chain: list[tuple[int, int]] = []
    place = ends[-1] if ends else -1
    while place >= 0:
        chain.append(matched[place])
        place = before[place]
    return chain[::-1]


def _gaps(
    olds: range, news: range, anchors: list[tuple[int, int]], taken_old: set[int], taken_new: set[int]
) -> list[tuple[Indices, Indices]]:
    """What is not matched, between one anchor and the next."""
    found: list[tuple[Indices, Indices]] = []
    i, j = olds.start, news.start
    for old_end, new_end in [*anchors, (olds.stop, news.stop)]:
        left = [k for k in range(i, old_end) if k not in taken_old]
        right = [k for k in range(j, new_end) if k not in taken_new]
        if left or right:
            found.append((left, right))
        i, j = old_end + 1, new_end + 1
    return found


def _without_equals(
    gaps: list[tuple[Indices, Indices]],
    olds: range,
    news: range,
    old_names: list[Hashable],
    new_names: list[Hashable],
) -> tuple[list[tuple[Indices, Indices]], bool]:
    """The gaps without members that are equal to one on the other side; True where such a member changed its place."""
    rest: list[tuple[Indices, Indices]] = []
    for left, right in gaps:  # repeated members that are still in the same gap
        common = Counter(old_names[i - olds.start] for i in left) & Counter(new_names[j - news.start] for j in right)
        if common:
            left = _drop(left, Counter(common), old_names, olds.start)
            right = _drop(right, Counter(common), new_names, news.start)
        rest.append((left, right))
    common = Counter(old_names[i - olds.start] for left, _ in rest for i in left) & Counter(
        new_names[j - news.start] for _, right in rest for j in right
    )
    if not common:
        return rest, False
    lefts, rights = Counter(common), Counter(common)
    return [
        (_drop(left, lefts, old_names, olds.start), _drop(right, rights, new_names, news.start)) for left, right in rest
    ], True


def _drop(indices: Indices, names: Counter[Hashable], all_names: list[Hashable], start: int) -> list[int]:
    """`indices` without those whose names are in `names`, as often as they are in it; uses `names` up."""
    kept = []
    for i in indices:
        name = all_names[i - start]
        if names[name] > 0:
            names[name] -= 1
        else:
            kept.append(i)
    return kept
