"""From one shape to another: legal at every moment, and a way is found where there is one."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicas import shapes
from understudy.migrate.limits import Limits, allows, shape_violations
from understudy.migrate.shape import Shape
from understudy.migrate.ways import Change, NoWayError, way


def walked(start: Shape, changes: list[Change], limits: Limits) -> Shape:
    """Where the changes lead; they are held to the limits at every moment."""
    shape = start
    for change in changes:
        assert change.source == shape.sources.get(change.server)
        assert change.under in shape
        assert change.server not in (change.under, *shape.above(change.under))
        shape = shape.placed(change.server, change.under)
        assert not list(shape_violations(shape, limits)), change
    return shape


def reachable(start: Shape, goal: Shape, limits: Limits) -> bool:
    """Whether any sequence of legal changes leads there, by trying all of them."""
    waiting, seen = deque([start]), {frozenset(start.sources.items())}
    while waiting:
        shape = waiting.popleft()
        if shape.sources == goal.sources:
            return True
        for name in goal.sources:
            for under in shape.sources:
                comes = name not in shape and under != goal.sources[name]
                if not goal.sources[name] or comes or not allows(shape, name, under, limits):
                    continue
                then = shape.placed(name, under)
                if (key := frozenset(then.sources.items())) not in seen:
                    seen.add(key)
                    waiting.append(then)
    return False


TIGHT = st.builds(Limits, st.just("tight"), st.none() | st.integers(1, 3), st.none() | st.integers(1, 3))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), limits=TIGHT)
def test_every_moment_is_legal_and_a_refusal_means_that_there_is_no_way(data: st.DataObject, limits: Limits) -> None:
    start = data.draw(shapes(limits, "abcd"))
    others = data.draw(st.permutations(list(start)[1:]))
    goal = data.draw(shapes(limits, ["a", *others, "e", "f"][: 4 + data.draw(st.integers(0, 1))]))
    if not set(start) <= set(goal):
        return
    try:
        changes = way(Shape(start), Shape(goal), limits)
    except NoWayError:
        assert not reachable(Shape(start), Shape(goal), limits)
        return
    assert walked(Shape(start), changes, limits).sources == goal


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_in_large_trees_a_few_changes_find_their_way_too(data: st.DataObject) -> None:
    limits = Limits("classic", 5, 2)
    start = data.draw(shapes(limits, [f"s{number}" for number in range(31)]))
    goal = Shape(start)
    for _ in range(data.draw(st.integers(1, 6))):
        name = data.draw(st.sampled_from([*list(start)[1:], "n1", "n2"]))
        places = [under for under in goal.sources if under in start and allows(goal, name, under, limits)]
        if places:
            goal = goal.placed(name, data.draw(st.sampled_from(places)))
    changes = way(Shape(start), goal, limits)
    assert walked(Shape(start), changes, limits).sources == goal.sources


def test_nothing_to_change_is_no_change() -> None:
    shape = Shape({"a": "", "b": "a"})
    assert way(shape, shape, Limits("none")) == []


FULL = {"s": "", "a": "s", "b": "s", "c": "s", "a1": "a", "a2": "a", "a3": "a", "b1": "b", "b2": "b", "b3": "b"}


def test_two_full_sources_exchange_a_replica_by_letting_one_wait_elsewhere() -> None:
    limits = Limits("three", 3, 2)
    start, goal = Shape(FULL), Shape(FULL | {"a1": "b", "b1": "a"})
    changes = way(start, goal, limits)
    assert len(changes) == 3
    assert changes[0].under == "c"
    assert walked(start, changes, limits).sources == goal.sources


def test_a_server_waits_only_where_it_can_replicate() -> None:
    sources = FULL | {"d": "", "c1": "c", "c2": "c", "c3": "c"}
    limits = Limits("three", 3, 2)
    start, goal = Shape(sources), Shape(sources | {"a1": "b", "b1": "a"})
    assert len(way(start, goal, limits)) == 3
    with pytest.raises(NoWayError, match="no order of changes was found") as raised:
        way(start, goal, limits, may_follow=lambda server, under: under != "d")
    assert raised.value.hint
