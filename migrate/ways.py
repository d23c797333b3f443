"""From one shape to another, one server at a time, legal after every change. Pure.

Putting a server straight to its final place never takes room that another needs at the end, so that is tried first,
from the top down. Where it gets stuck (two full sources that exchange a replica, say), a server has to wait elsewhere
for a while: then a bounded search decides, which always goes on from the shape with the fewest servers misplaced.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from heapq import heappop, heappush
from itertools import count

from msgspec import Struct

from understudy.migrate.layout import ImpossibleError
from understudy.migrate.limits import Limits, allows
from understudy.migrate.shape import NO_HEADS, Shape

MOST_SHAPES = 8_000  # looked at before the search gives up: eight seconds in a tree of 30 on a slow core


class NoWayError(ImpossibleError):
    """The wanted tree is legal, but no sequence of changes leads to it that is legal at every moment."""


class Change(Struct, frozen=True):
    """One server put under another. `source` is what it followed: empty for none, None where it is not there yet."""

    server: str
    source: str | None
    under: str


MayFollow = Callable[[str, str], bool]


def way(
    start: Shape,
    goal: Shape,
    limits: Limits,
    heads: Collection[str] = NO_HEADS,
    may_follow: MayFollow = lambda server, under: True,
) -> list[Change]:
    """The changes from `start` to `goal`, in order; both are legal. Raises NoWayError.

    `may_follow` says whether a server may wait under another for a while.
    """
    straight = _straight(start, goal, limits, heads)
    return straight if straight is not None else _search(start, goal, limits, heads, may_follow)


def _straight(shape: Shape, goal: Shape, limits: Limits, heads: Collection[str]) -> list[Change] | None:
    found: list[Change] = []
    while misplaced := _misplaced(shape, goal):
        change = next((one for one in _to_goal(shape, goal, misplaced) if _is_legal(shape, one, limits, heads)), None)
        if change is None:
            return None
        found.append(change)
        shape = shape.placed(change.server, change.under)
    return found


def _search(start: Shape, goal: Shape, limits: Limits, heads: Collection[str], may_follow: MayFollow) -> list[Change]:
    """Best first: from the shape with the fewest servers misplaced, and then the fewest changes so far."""
    order = count()
    waiting: list[tuple[int, int, int, Shape, list[Change]]] = [(0, 0, next(order), start, [])]
    seen = {_key(start)}
    while waiting and len(seen) < MOST_SHAPES:
        *_, shape, done = heappop(waiting)
        misplaced = _misplaced(shape, goal)
        if not misplaced:
            return done
        for change in [*_to_goal(shape, goal, misplaced), *_aside(shape, start, goal, may_follow)]:
            if not _is_legal(shape, change, limits, heads):
                continue
            then = shape.placed(change.server, change.under)
            if (key := _key(then)) not in seen:
                seen.add(key)
                heappush(waiting, (len(_misplaced(then, goal)), len(done) + 1, next(order), then, [*done, change]))
    raise NoWayError(
        f"the wanted tree is within {limits}, but no order of changes was found that is within them at every moment",
        "name one more old replica with room, or allow more for the time of the change, and plan again",
    )


def _misplaced(shape: Shape, goal: Shape) -> list[str]:
    """Servers that are not where they shall be: those that are there before those to come, from the top down."""
    wrong = [name for name in goal.walk() if shape.sources.get(name) != goal.sources[name]]
    return sorted(wrong, key=lambda name: not shape.sources.get(name))


def _to_goal(shape: Shape, goal: Shape, misplaced: list[str]) -> Iterator[Change]:
    for name in misplaced:
        if goal.sources[name] in shape:
            yield Change(name, shape.sources.get(name), goal.sources[name])


def _aside(shape: Shape, start: Shape, goal: Shape, may_follow: MayFollow) -> Iterator[Change]:
    """Every server that was there from the start, put to wait anywhere."""
    for name, source in shape.sources.items():
        if not source or not start.sources.get(name):
            continue
        for under in shape.sources:
            if under not in (name, source, goal.sources[name]) and may_follow(name, under):
                yield Change(name, source, under)


def _is_legal(shape: Shape, change: Change, limits: Limits, heads: Collection[str]) -> bool:
    return allows(shape, change.server, change.under, limits, heads)


def _key(shape: Shape) -> frozenset[tuple[str, str]]:
    return frozenset(shape.sources.items())
