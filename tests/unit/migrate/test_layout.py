"""The tree for a number of readers: the fewest levels, then the fewest feeders, held against all trees there are."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.migrate.layout import ImpossibleError, Layout, lay, most_readers, need, need_of_servers
from understudy.migrate.limits import CLASSIC, NONE, RDS, Limits, shape_violations
from understudy.migrate.shape import Shape

# --- every tree there is, by brute force: (readers, feeders, levels) of all forests of at most so many trees

Outcome = tuple[int, int, int]


@cache
def forests(trees: int, each: int, levels: int) -> frozenset[Outcome]:
    """All that can hang beneath a source with room for `trees` replicas, on at most so many levels."""
    found = {(0, 0, 0)}
    if trees and levels:
        leaf = {(1, 0, 1)}
        feeding = {
            (readers, feeders + 1, deep + 1) for readers, feeders, deep in forests(each, each, levels - 1) if deep
        }
        for one in leaf | feeding:
            for readers, feeders, deep in forests(trees - 1, each, levels):
                found.add((one[0] + readers, one[1] + feeders, max(one[2], deep)))
    return frozenset(found)


def best(readers: int, room: int, each: int, levels: int) -> tuple[int, int] | None:
    """The fewest levels, and then the fewest feeders, of all trees with so many readers."""
    return min(
        ((deep, feeders) for found, feeders, deep in forests(room, each, levels) if found == readers), default=None
    )


SMALL = [(each, levels, reserved) for each in (1, 2, 3) for levels in (1, 2, 3) for reserved in range(each + 1)]


def limited(each: int, levels: int) -> Limits:
    return Limits("these limits", each, levels)


@pytest.mark.parametrize(("each", "levels", "reserved"), SMALL)
def test_no_tree_has_fewer_levels_or_then_fewer_feeders(each: int, levels: int, reserved: int) -> None:
    for readers in range(1, 11):
        expected = best(readers, each - reserved, each, levels)
        try:
            found = need(readers, limited(each, levels), reserved)
        except ImpossibleError:
            assert expected is None, readers
        else:
            assert (found.levels, found.feeders) == expected, readers


@pytest.mark.parametrize(("each", "levels", "reserved"), SMALL)
def test_servers_that_are_all_to_be_used_take_the_fewest_levels_and_feeders(
    each: int, levels: int, reserved: int
) -> None:
    for servers in range(1, 11):
        outcomes = forests(each - reserved, each, levels)
        expected = min(
            ((deep, feeders) for readers, feeders, deep in outcomes if readers + feeders == servers), default=None
        )
        try:
            found = need_of_servers(servers, limited(each, levels), reserved)
        except ImpossibleError:
            assert expected is None, servers
        else:
            assert (found.levels, found.feeders, found.servers) == (*(expected or ()), servers)


@pytest.mark.parametrize(("each", "levels", "reserved"), SMALL)
def test_the_most_readers_there_can_be_are_known(each: int, levels: int, reserved: int) -> None:
    outcomes = forests(each - reserved, each, levels)
    assert most_readers(limited(each, levels), reserved) == max(readers for readers, _, _ in outcomes)


# --- the laid tree


def laid(layout: Layout) -> Shape:
    return Shape({layout.top: "", **layout.sources})


@st.composite
def layings(draw: st.DrawFn) -> tuple[int, Limits, list[str], Shape, list[str]]:
    each, levels = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    limits = limited(each, levels)
    sources = {"top": ""}
    for name in draw(st.permutations(["a", "b", "c", "d", "e", "f"]))[: draw(st.integers(0, 6))]:
        sources[name] = draw(st.sampled_from(list(sources)))
    there = Shape(sources)
    reserved = [name for name in there.children("top") if not there.children(name)][: draw(st.integers(0, 1))]
    offered = [f"n{number}" for number in range(draw(st.integers(0, 8)))]
    return draw(st.integers(0, 12)), limits, offered, there, reserved


@given(layings())
def test_a_laid_tree_is_within_the_limits_has_what_was_asked_for_and_loses_no_server(
    laying: tuple[int, Limits, list[str], Shape, list[str]],
) -> None:
    readers, limits, offered, there, reserved = laying
    try:
        layout = lay("top", readers, offered, limits, there=there, reserved=reserved)
    except ImpossibleError:
        return
    shape = Shape({**laid(layout).sources, **dict.fromkeys(reserved, "top")})
    assert not list(shape_violations(shape, limits))
    assert shape.height("top") == layout.need.levels or reserved
    assert len(layout.feeders) == layout.need.feeders
    assert len(layout.readers) == layout.need.readers >= readers
    assert set(there.below("top")) - set(reserved) <= set(layout.sources)
    assert set(layout.sources) - set(layout.unnamed) | set(layout.unused) == (
        set(offered) | set(there.below("top"))
    ) - set(reserved)


@given(readers=st.integers(1, 25))
def test_what_was_laid_once_stays_where_it_is(readers: int) -> None:
    once = lay("top", readers, [], CLASSIC)
    again = lay("top", readers, [], CLASSIC, there=laid(once))
    assert again.sources == once.sources
    assert not again.unnamed


def test_readers_are_put_as_high_as_they_can_be_and_the_rest_evenly() -> None:
    layout = lay("top", 12, [f"r{number}" for number in range(1, 15)], CLASSIC)
    assert layout.feeders == ("r1", "r2")
    shape = laid(layout)
    assert [len(shape.children(name)) for name in ("top", "r1", "r2")] == [5, 5, 4]


def test_existing_replicas_stay_and_feeders_stay_feeders() -> None:
    there = Shape({"top": "", "a": "top", "b": "top", "c": "b", "d": "b"})
    layout = lay("top", 6, ["n1", "n2", "n3"], CLASSIC, there=there)
    assert layout.feeders == ("b",)
    assert {name: layout.sources[name] for name in "abcd"} == {"a": "top", "b": "top", "c": "b", "d": "b"}
    assert layout.need.servers == 7


def test_a_reserved_place_is_not_given_away() -> None:
    layout = lay("top", 5, [], CLASSIC, reserved=["rehearsal"])
    assert len(laid(layout).children("top")) == 4
    assert layout.need == need(5, CLASSIC, 1)


def test_a_server_that_can_not_feed_others_is_a_reader() -> None:
    layout = lay("top", 6, ["dumb", "clever"], CLASSIC, leaves_only=["dumb"])
    assert layout.feeders == ("clever",)


def test_where_none_can_feed_others_that_is_said() -> None:
    names = [f"r{number}" for number in range(7)]
    with pytest.raises(ImpossibleError, match="6 readers need 1 servers that feed others") as raised:
        lay("top", 6, names, CLASSIC, leaves_only=names)
    assert "log_replica_updates" in raised.value.hint


def test_servers_that_are_lacking_get_stand_ins_and_those_left_over_are_told() -> None:
    assert lay("top", 3, ["a"], CLASSIC).unnamed == ("replica-2", "replica-3")
    assert lay("top", 1, ["a", "b"], CLASSIC).unused == ("b",)


# --- the presets


@pytest.mark.parametrize(
    ("limits", "readers", "levels", "feeders"),
    [
        (CLASSIC, 0, 0, 0),
        (CLASSIC, 5, 1, 0),
        (CLASSIC, 6, 2, 1),
        (CLASSIC, 9, 2, 1),
        (CLASSIC, 10, 2, 2),
        (CLASSIC, 25, 2, 5),
        (RDS, 15, 1, 0),
        (RDS, 16, 2, 1),
        (RDS, 3375, 3, 240),
        (NONE, 1000, 1, 0),
        (Limits("deep", 2), 9, 4, 7),
    ],
)
def test_the_presets_need_what_can_be_counted_by_hand(limits: Limits, readers: int, levels: int, feeders: int) -> None:
    found = need(readers, limits)
    assert (found.levels, found.feeders) == (levels, feeders)


REFUSALS = [
    (CLASSIC, 26, 0, None, "26 readers are not possible under classic", "readers = 25"),
    (CLASSIC, 21, 1, None, "with 1 of its places taken: 20 are the most", "readers = 20"),
    (RDS, 16, 0, 1, "with 1 of the levels left beneath the new source: 15 are the most", "readers = 15"),
    (RDS, 1, 0, 0, "0 are the most", "the nearest is a new source without replicas"),
    (Limits("single file", 1, 9), 2, 0, None, "1 are the most", "readers = 1"),
]


@pytest.mark.parametrize(("limits", "readers", "reserved", "levels", "reason", "nearest"), REFUSALS)
def test_an_impossible_wish_is_refused_with_the_reason_and_the_nearest(
    limits: Limits, readers: int, reserved: int, levels: int | None, reason: str, nearest: str
) -> None:
    with pytest.raises(ImpossibleError) as raised:
        need(readers, limits, reserved, levels)
    assert reason in raised.value.message
    assert nearest in raised.value.hint
    assert "provisioned IOPS" in raised.value.hint


def test_a_full_classic_tree_has_30_replicas_of_which_25_are_for_reading() -> None:
    with pytest.raises(ImpossibleError, match=r"25 are the most \(30 replicas, 5 of them only feed\)"):
        need(26, CLASSIC)
    assert need_of_servers(30, CLASSIC).readers == 25
    with pytest.raises(ImpossibleError, match="31 replicas don't fit under classic"):
        need_of_servers(31, CLASSIC)
