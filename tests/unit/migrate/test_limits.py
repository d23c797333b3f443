"""How many replicas, how many levels, and what that forbids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicas import LIMITS, at, server, shapes, tree_of
from understudy.migrate.limits import (
    CLASSIC,
    NONE,
    RDS,
    Limits,
    Rule,
    advice,
    allows,
    fits,
    lag_by_level,
    may_feed,
    shape_violations,
    violations,
)
from understudy.migrate.shape import Shape


def star(replicas: int) -> dict[str, str]:
    return {"a": "", **{f"r{number}": "a" for number in range(replicas)}}


def chain(levels: int) -> dict[str, str]:
    return {f"s{level}": f"s{level - 1}" if level else "" for level in range(levels + 1)}


@pytest.mark.parametrize(
    ("sources", "limits", "broken"),
    [
        (star(5), CLASSIC, []),
        (star(6), CLASSIC, ["a:3306 has 6 replicas; classic allows 5 a source"]),
        (chain(2), CLASSIC, []),
        (chain(3), CLASSIC, ["s3:3306 is at level 3; classic allows 2"]),
        (star(15), RDS, []),
        (star(16), RDS, ["a:3306 has 16 replicas; rds allows 15 a source"]),
        (chain(3), RDS, []),
        (chain(4), RDS, ["s4:3306 is at level 4; rds allows 3"]),
        (star(40), NONE, []),
        (chain(9), NONE, []),
        (star(3), Limits("mine", 2, 1), ["a:3306 has 3 replicas; mine allows 2 a source"]),
    ],
)
def test_presets_forbid_what_they_forbid(sources: dict[str, str], limits: Limits, broken: list[str]) -> None:
    tree = tree_of(sources)
    assert [violation.reason for violation in violations(tree, limits)] == broken
    assert fits(tree, limits) is not broken or broken == []


@pytest.mark.parametrize(
    ("days", "limits", "broken", "feeds"),
    [
        (0, CLASSIC, True, False),
        (1, CLASSIC, False, True),
        (0, RDS, True, False),
        (0, NONE, False, True),
        (None, CLASSIC, False, False),
        (None, NONE, False, True),
    ],
)
def test_a_server_with_replicas_keeps_backups(days: int | None, limits: Limits, broken: bool, feeds: bool) -> None:
    tree = tree_of({"a": "", "b": "a"}, {"a": {"backup_retention_days": days}, "b": {"backup_retention_days": 0}})
    assert [violation.rule for violation in violations(tree, limits)] == [Rule.RETENTION] * broken
    assert may_feed(tree.servers["a:3306"], limits) is feeds


def test_unreachable_replicas_take_room() -> None:
    source = server("a", reported_replicas=tuple(f"gone-{number}:3306" for number in range(6)))
    tree = tree_of({"a": ""}, {"a": {"reported_replicas": source.reported_replicas}})
    assert [violation.rule for violation in violations(tree, CLASSIC)] == [Rule.REPLICAS]


PICTURE = chain(1) | {"new": "s1", "n1": "new", "n2": "n1"}


def test_levels_count_anew_beneath_the_new_source() -> None:
    tree = tree_of(PICTURE)
    assert fits(tree, CLASSIC, [at("new")])
    assert not fits(tree, CLASSIC)


def test_levels_count_from_the_old_source_where_the_provider_counts_so() -> None:
    tree = tree_of(PICTURE)
    whole = Limits("whole", 5, 2, whole_tree=True)
    assert [violation.server for violation in violations(tree, whole, [at("new")])] == ["n1:3306", "n2:3306"]


@given(data=st.data(), limits=LIMITS)
def test_what_is_allowed_is_what_breaks_no_limit_afterwards(data: st.DataObject, limits: Limits) -> None:
    sources = data.draw(shapes(limits, "abcdefg"))
    shape = Shape(sources)
    heads = data.draw(st.sets(st.sampled_from(list(sources)), max_size=1))
    if list(shape_violations(shape, limits, heads)):
        return
    name = data.draw(st.sampled_from([*list(sources)[1:], "another"]))
    under = data.draw(st.sampled_from(list(sources)))
    circle = under == name or name in shape.above(under)
    expected = not circle and not list(shape_violations(shape.placed(name, under), limits, heads))
    assert allows(shape, name, under, limits, heads) is expected


def test_each_level_has_its_price_in_lag() -> None:
    sources = {"a": "", "b": "a", "c": "a", "d": "b", "e": "b"}
    lags = {"b": 0.5, "c": 2.0, "d": 75.0, "e": None}
    tree = tree_of(sources, {name: {"channel": {"lag_s": lag}} for name, lag in lags.items()})
    assert [str(level) for level in lag_by_level(tree, "a:3306")] == [
        "level 1: at worst 2 s behind (2 replicas)",
        "level 2: at worst 75 s behind (2 replicas, 1 of them unknown)",
    ]


def test_lag_that_nobody_knows_is_not_zero() -> None:
    tree = tree_of({"a": "", "b": "a"}, {"b": {"channel": {"lag_s": None}}})
    assert [str(level) for level in lag_by_level(tree, "a:3306")] == ["level 1: lag unknown (1 replica)"]


def test_what_may_be_cheaper_is_said_before_replicas_are_added() -> None:
    said = advice(CLASSIC, added=12, levels=2, feeders=2)
    assert "a larger instance or provisioned IOPS" in said[0]
    assert "each adds its own lag" in said[1]
    assert "backups for 1 day" in said[2]
    assert advice(NONE, added=0, levels=0, feeders=0) == ()
