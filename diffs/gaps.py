"""Pairs what an alignment left over between two anchors: what changed, what came, what went. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

KEYS: Final = ("id", "ID", "_id", "uuid", "guid", "key", "sku", "slug", "code", "name", "email", "href", "url")
MAX_GAP_CELLS: Final = 4_096  # of the table that pairs members within a gap

Indices = Sequence[int]


class Alignment(NamedTuple):
    """How two sequences correspond, by index; equal members are in none of the lists.

    `pairs` hold members that changed, `moved` says that members are in another order.
    """

    pairs: list[tuple[int, int]]
    missing: list[int]
    extra: list[int]
    moved: bool


def may_be_one(a: Any, b: Any, key: str | None = None) -> bool:
    """Whether two unequal members may be one that changed: not, where the key and most of the rest differ."""
    if type(a) is not dict or type(b) is not dict:
        return True
    if key is None:
        for name in KEYS:
            if name in a and name in b:
                key = name
                break
        else:
            return True
    if a.get(key) == b.get(key):
        return True
    others = [name for name in a if name != key]
    same = sum(1 for name in others if name in b and a[name] == b[name])
    return same * 2 >= len(others)


class Gap:
    """Pairs what is left of both sides between two anchors."""

    def __init__(self, old: Sequence[Any], new: Sequence[Any], key: str | None = None) -> None:
        self._old, self._new, self._key = old, new, key

    def settled(self, gaps: list[tuple[Indices, Indices]], found: Alignment) -> Alignment:
        """`found` with the gaps' members added as pairs, missing or extra; indices in order."""
        for left, right in gaps:
            couples = self._couples(left, right)
            found.pairs.extend(couples)
            coupled_old, coupled_new = {i for i, _ in couples}, {j for _, j in couples}
            found.missing.extend(i for i in left if i not in coupled_old)
            found.extra.extend(j for j in right if j not in coupled_new)
        found.pairs.sort()
        return found

    def _couples(self, left: Indices, right: Indices) -> list[tuple[int, int]]:
        if len(left) == len(right):
            return [
                (i, j) for i, j in zip(left, right, strict=True) if may_be_one(self._old[i], self._new[j], self._key)
            ]
        if len(left) * len(right) > MAX_GAP_CELLS:
            return [(i, j) for i, j in zip(left, right, strict=False) if self._old[i] != self._new[j]]
        return self._likest(left, right)

    def _likest(self, left: Indices, right: Indices) -> list[tuple[int, int]]:
        """The pairing, in order, whose likenesses add up to the most (Needleman-Wunsch)."""
        old, new = self._old, self._new
        width = len(right)
        likeness = [
            [_likeness(old[i], new[j]) if may_be_one(old[i], new[j], self._key) else 0.0 for j in right] for i in left
        ]
        best = [[0.0] * (width + 1) for _ in range(len(left) + 1)]
        for i in range(len(left) - 1, -1, -1):
            row, below, like = best[i], best[i + 1], likeness[i]
            for j in range(width - 1, -1, -1):
                row[j] = max(below[j], row[j + 1], below[j + 1] + like[j])
        couples = []
        i = j = 0
        while i < len(left) and j < width:
            if likeness[i][j] and best[i][j] == best[i + 1][j + 1] + likeness[i][j]:
                couples.append((left[i], right[j]))
                i, j = i + 1, j + 1
            elif best[i][j] == best[i + 1][j]:
                i += 1
            else:
                j += 1
        return couples


def _likeness(a: Any, b: Any) -> float:
    """From 0 (nothing alike) to 1, at a glance: one level deep."""
    if type(a) is not type(b):  # numbers are int or bytes: see `lift`
        return 0.1 if type(a) in (int, bytes) and type(b) in (int, bytes) else 0.0
    if type(a) is dict:
        common = a.keys() & b.keys()
        same = sum(1 for key in common if a[key] == b[key])
        return float((0.1 + same) / (max(len(a), len(b)) + 0.1)) if common else 0.0
    if type(a) is tuple:
        if a[0] != b[0]:
            return 0.0
        return 0.2 + 0.3 * float(a[1] == b[1]) + 0.5 * _likeness(a[2], b[2])
    if type(a) is list:
        shorter = min(len(a), len(b), 64)
        same = sum(1 for k in range(shorter) if a[k] == b[k])
        return (0.1 + same) / (max(len(a), len(b)) + 0.1)
    return 0.1
