"""Plans: legal at every moment, ending in the wanted tree, undone step by step, refused once reality has moved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicas import LIMITS, MARIA, NEW, at, server, shape_of, shapes, tree_of
from replicas import OLD as OLD_SERVER
from understudy.config import Migrate, Target
from understudy.errors import UnderstudyError
from understudy.migrate import plan as plans
from understudy.migrate.estimates import estimate
from understudy.migrate.goal import Wish, WishError
from understudy.migrate.layout import ImpossibleError
from understudy.migrate.limits import CLASSIC, NONE, RDS, Limits, Rule, violations
from understudy.migrate.oddities import LoopError
from understudy.migrate.plan import Plan, PlanError, StalePlanError
from understudy.migrate.sight import fingerprint, sight
from understudy.migrate.step import Kind, apply, reverse
from understudy.migrate.topology import Tree, grow
from understudy.migrate.versions import Version

OLD = {"old": "", "old-1": "old", "old-2": "old"}
FILTERED: dict[str, Any] = {"channel": {"filters": ("replicate_do_db=shop",)}}
WRITABLE: dict[str, Any] = {"read_only": False}


def make(
    sources: Mapping[str, str],
    limits: Limits = CLASSIC,
    facts: Mapping[str, Mapping[str, Any]] | None = None,
    **wish: Any,
) -> Plan:
    asked = {"source": "old:3306", "new_source": "new:3306"} | wish
    return plans.make(tree_of(sources, facts), msgspec.convert(asked, Wish), limits)


def told(plan: Plan) -> list[str]:
    return [step.title.replace(":3306", "") for step in plan.steps]


# --- what is planned


def test_a_new_source_and_its_replicas_are_built_from_the_top_down() -> None:
    plan = make(OLD, new_replicas=["n1:3306", "n2:3306"], under="old-2:3306")
    assert told(plan)[:6] == [
        "copy the data of old-2 to new",
        "create the users and grants on new",
        "let new follow old-2",
        "wait until new has caught up with old-2",
        "keep the backups of new for 1 day or more",
        "copy the data of new to n1",
    ]
    assert shape_of(plan.after()) == OLD | {"new": "old-2", "n1": "new", "n2": "new"}
    assert [step.number for step in plan.steps] == list(range(1, len(plan.steps) + 1))
    assert len({step.id for step in plan.steps}) == len(plan.steps)


def test_retention_is_set_before_a_replica_gets_a_child() -> None:
    plan = make(OLD, under="old-1:3306", facts={"old-1": {"backup_retention_days": 0}})
    first, second = plan.steps[:2]
    assert (first.kind, first.server, first.days, first.days_before) == (Kind.RETENTION, "old-1:3306", 1, 0)
    assert "asks for 1" in first.reason
    assert second.kind is Kind.COPY


def test_retention_is_left_alone_where_no_limit_asks_for_it() -> None:
    plan = make(OLD, NONE, facts={"old-1": {"backup_retention_days": 0}, "old-2": {"backup_retention_days": 0}})
    assert Kind.RETENTION not in [step.kind for step in plan.steps]


def test_the_least_loaded_old_replica_is_chosen() -> None:
    assert make(OLD | {"x": "old-1"}).under == "old-2:3306"


@pytest.mark.parametrize(
    ("facts", "chosen"),
    [
        ({"old-1": {"backup_retention_days": 0}}, "old-2"),
        ({"old-1": {"channel": {"lag_s": 30.0}}}, "old-2"),
        ({"old-1": {"log_replica_updates": False}}, "old-2"),
        ({"old-1": {"unreachable": "down"}}, "old-2"),
        ({"old-1": {"channel": {"applying": False}}}, "old-2"),
        ({"old-1": {"log_bin": False}, "old-2": {"log_bin": False}}, "old"),
        ({"old-1": FILTERED}, "old-2"),
        ({"old-1": FILTERED, "old-2": FILTERED}, "old"),
        ({"old-1": FILTERED, "old-2": WRITABLE | {"channel": {"delay_s": 60}}}, "old-2"),
        ({"old-1": WRITABLE}, "old-2"),
        ({"old-1": WRITABLE, "old-2": {"backup_retention_days": 0, "channel": {"lag_s": 30.0}}}, "old-2"),
        ({"old-1": {"channel": {"delay_s": 60}}}, "old-2"),
        ({"old-1": {"channel": {"delay_s": 60}}, "old-2": WRITABLE}, "old-2"),
        ({"old-1": WRITABLE, "old-2": WRITABLE}, "old-1"),
        ({}, "old-1"),
    ],
)
def test_what_can_not_feed_well_is_not_chosen(facts: dict[str, Any], chosen: str) -> None:
    assert make(OLD, facts=facts).under == at(chosen)


@pytest.mark.parametrize(
    ("under", "reason"),
    [
        ("old-1", "it filters replication (replicate_do_db=shop)"),
        ("x", "old-1:3306 above it filters replication (replicate_do_db=shop)"),
    ],
)
def test_a_replica_that_lacks_what_is_filtered_out_is_refused_by_reason(under: str, reason: str) -> None:
    with pytest.raises(WishError, match=f"new:3306 can't be put under {at(under)}: {re.escape(reason)}"):
        make(OLD | {"x": "old-1"}, facts={"old-1": FILTERED}, under=at(under))


@pytest.mark.parametrize("filtered", ["new", "old-1"])
def test_a_new_source_that_was_fed_through_a_filter_is_refused(filtered: str) -> None:
    facts: dict[str, dict[str, Any]] = {"new": {"version": NEW}}
    facts[filtered] = facts.get(filtered, {}) | FILTERED
    with pytest.raises(WishError, match=r"lacks what was filtered out: .*replicate_do_db=shop"):
        make(OLD | {"new": "old-1"}, facts=facts)


def test_nothing_is_moved_beneath_a_filter() -> None:
    limits, sources = Limits("two", 2, 3), OLD | {"x": "old-1", "y": "old-1", "z": "old-2"}
    plan = make(sources, limits, facts={"old-2": FILTERED}, under="old-1:3306", new_replicas=["n1:3306"])
    assert told(plan)[0] == "move x from old-1 to y"


@pytest.mark.parametrize(
    ("facts", "under", "told"),
    [
        (WRITABLE, "old-1:3306", ["old-1:3306 is not read-only"]),
        ({"channel": {"delay_s": 60}}, "old-1:3306", ["old-1:3306 applies changes 60 s late on purpose"]),
        ({}, "old-1:3306", []),
        ({}, "old:3306", []),
    ],
)
def test_what_a_server_may_hold_of_its_own_is_noted(facts: dict[str, Any], under: str, told: list[str]) -> None:
    notes = make(OLD, facts={"old-1": facts}, under=under).notes
    assert [words for note in notes for words in told if words in note] == told
    if not told:
        assert not [note for note in notes if "read-only" in note or "on purpose" in note]


@pytest.mark.parametrize(
    ("version", "data_bytes", "told"),
    [
        (NEW, 12 << 30, ["about 12.0 GiB of disk on each new server (new:3306, n1:3306)", "MySQL can't say"]),
        (None, 3 << 20, ["about 3.0 MiB of disk", "MySQL can't say"]),
        (NEW, None, ["How much data there is was not said", "MySQL can't say"]),
        (MARIA, 12 << 30, ["about 12.0 GiB of disk", "MariaDB says with the plugin DISKS alone"]),
    ],
)
def test_the_disk_that_copies_need_is_told_and_who_can_not_say_what_is_free(
    version: Version | None, data_bytes: int | None, told: list[str]
) -> None:
    facts = {name: {"version": version if version is MARIA else OLD_SERVER} for name in OLD}
    tree = tree_of(OLD | {"new": ""}, facts | {"new": {"version": version}})
    wish = Wish("old:3306", "new:3306", ("n1:3306",))
    plan = plans.make(tree, wish, CLASSIC, data_bytes)
    assert [words for note in plan.notes for words in told if words in note] == told
    notes = plans.make(plan.after(), wish, CLASSIC, data_bytes).notes
    assert not [note for note in notes if "disk" in note], "nothing is copied"


def test_a_replica_is_moved_away_where_the_only_place_is_full() -> None:
    limits = Limits("two", 2, 3)
    sources = OLD | {"x": "old-1", "y": "old-1", "z": "old-2"}
    plan = make(sources, limits, under="old-1:3306", new_replicas=["n1:3306"])
    assert told(plan)[0] == "move x from old-1 to old-2"
    assert plan.steps[0].reason == "old-1:3306 is full, and new:3306 is to go there"
    assert shape_of(plan.after())["x"] == "old-2"


def test_a_full_tree_is_refused_with_the_reason() -> None:
    limits = Limits("two", 2, 1)
    with pytest.raises(ImpossibleError, match="is full") as raised:
        make(OLD, limits, under="old:3306")
    assert raised.value.hint


def test_a_rehearsal_server_hangs_beneath_the_new_source_and_is_made_writable() -> None:
    plan = make(OLD, new_replicas=["n1:3306"], rehearsal="try:3306")
    assert plan.after().source("try:3306") == "new:3306"
    assert [step.server for step in plan.steps if step.kind is Kind.WRITABLE] == ["try:3306"]
    assert plan.need.readers == 1


def test_servers_that_are_in_place_are_left_alone() -> None:
    there = OLD | {"new": "old-1", "n1": "new"}
    facts = {"new": {"version": NEW}, "n1": {"version": NEW}}
    assert make(there, facts=facts, new_replicas=["n1:3306"]).steps == ()
    assert {step.server for step in make(there, facts=facts, new_replicas=["n1:3306", "n2:3306"]).steps} == {"n2:3306"}


def test_a_new_server_that_stands_alone_is_filled_and_attached() -> None:
    plan = make(OLD | {"new": ""}, facts={"new": {"version": NEW}})
    assert [step.kind for step in plan.steps] == [Kind.COPY, Kind.ACCOUNTS, Kind.ATTACH, Kind.CATCH_UP]


def test_a_copied_snapshot_needs_its_tables_upgraded_and_no_accounts() -> None:
    kinds = [step.kind for step in make(OLD, build="hook: copy").steps]
    assert kinds == [Kind.COPY, Kind.UPGRADE, Kind.ATTACH, Kind.CATCH_UP]


def test_a_number_of_readers_is_laid_out() -> None:
    plan = make(OLD, readers=6, new_replicas=[f"n{number}:3306" for number in range(1, 9)])
    assert (plan.need.readers, plan.need.feeders, plan.need.levels) == (6, 1, 2)
    assert "n8:3306" not in plan.after().servers
    assert any("6 of the new replicas are for reading; n1:3306 only feeds others." in note for note in plan.notes)
    assert any("Not needed: n8:3306" in note for note in plan.notes)
    assert any("provisioned IOPS" in note for note in plan.notes)


def test_levels_are_counted_from_the_old_source_on_rds() -> None:
    deep = {"old": "", "old-1": "old", "old-2": "old-1"}
    plan = make(deep, RDS, new_replicas=["n1:3306"])
    assert plan.under == "old-1:3306"
    with pytest.raises(ImpossibleError, match="1 replicas don't fit"):
        make(deep, RDS, new_replicas=["n1:3306"], under="old-2:3306")


def test_copies_of_more_data_take_longer() -> None:
    small, large = (estimate(Kind.COPY, "dump", size << 30) for size in (1, 100))
    assert small.low < large.low
    assert small.high < large.high
    assert estimate(Kind.COPY, "clone", 1 << 30) < small
    plan = make(OLD)
    assert 0 < plan.duration.low < plan.duration.high


# --- what is refused


@pytest.mark.parametrize(
    ("sources", "facts", "wish", "expected"),
    [
        (OLD, {}, {"new_source": "old-1:3306", "new_replicas": ["old-1:3306"]}, "named twice"),
        (OLD, {}, {"new_source": "old:3306"}, "old:3306 is named twice"),
        (OLD, {}, {"under": "nowhere:3306"}, "nowhere:3306: no server of the tree"),
        (OLD, {"old-1": {"log_replica_updates": False}}, {"under": "old-1:3306"}, "not in its own binary log"),
        (OLD, {"old-1": {"unreachable": "down"}}, {"under": "old-1:3306"}, r"it is not seen \(down\)"),
        (OLD, {"old-1": {"channel": {"error": "boom"}}}, {"under": "old-1:3306"}, "replication is not running"),
        (OLD | {"new": ""}, {"old-1": {"version": NEW}}, {"under": "old-1:3306"}, "newer than MySQL 5.6.51"),
        (OLD | {"b": ""}, {}, {"under": "b:3306"}, "not a server of the old tree"),
        (OLD | {"n1": "new"}, {}, {"new_source": "new:3306"}, "is the source of a tree of its own"),
        (OLD | {"b": "", "n1": "b"}, {}, {"new_replicas": ["n1:3306"]}, r"n1:3306 .* in use and can't follow"),
        (OLD, {}, {"new_replicas": ["old-1:3306"]}, r"old-1:3306 \(MySQL 5.6.51\) is in use and can't follow"),
        (OLD, {}, {"readers": 6, "new_replicas": ["n1:3306"]}, "are 6 servers and 1 that feed them; 1 are named"),
        (OLD, {}, {"readers": 26}, "25 are the most"),
        (
            {"old": "", **{f"r{n}": "old" for n in range(6)}},
            {},
            {},
            "the tree breaks the limits as it is: old:3306 has 6",
        ),
    ],
)
def test_what_can_not_be_is_refused_with_a_hint(
    sources: dict[str, str], facts: dict[str, Any], wish: dict[str, Any], expected: str
) -> None:
    with pytest.raises(UnderstudyError, match=expected) as raised:
        make(sources, facts=facts, **wish)
    assert raised.value.hint


def test_where_no_old_server_can_feed_all_of_them_are_told_with_the_reason() -> None:
    facts = {name: {"log_bin": False} for name in OLD}
    with pytest.raises(WishError, match=r"old:3306: it writes no binary log .*; old-2:3306: it writes"):
        make(OLD, facts=facts)


def test_nothing_is_planned_on_a_loop() -> None:
    with pytest.raises(LoopError):
        make({"old": "old-1", "old-1": "old"})


def test_a_wish_is_read_from_the_settings() -> None:
    target = Target(new_source="new:3306", new_replicas=["n1:3306"], readers=1)
    assert Wish.of(Migrate(source="old:3306", target=target)) == Wish("old:3306", "new:3306", ("n1:3306",), readers=1)
    with pytest.raises(WishError, match=r"migrate\.source: nothing given"):
        Wish.of(Migrate())
    with pytest.raises(WishError, match="new_source: nothing given"):
        Wish.of(Migrate(source="old:3306"))


# --- for any tree and any wish


@st.composite
def situations(draw: st.DrawFn) -> tuple[Tree, Wish, Limits]:
    limits = draw(LIMITS)
    sources = draw(shapes(limits, ["old", *(f"r{number}" for number in range(draw(st.integers(0, 6))))]))
    facts: dict[str, dict[str, Any]] = {}
    for name in sources:
        facts[name] = {
            "backup_retention_days": draw(st.sampled_from([None, 0, 1, 7])),
            "log_replica_updates": draw(st.sampled_from([True, True, True, False])),
        }
    if draw(st.booleans()):  # some of the new tree is there already
        sources |= {"new": draw(st.sampled_from(["", *sources]))}
        facts["new"] = {"version": NEW}
        if sources["new"]:
            for number in range(draw(st.integers(0, 3))):
                sources[f"n{number}"] = draw(st.sampled_from(["new", *(n for n in sources if n.startswith("n"))]))
                facts[f"n{number}"] = {"version": NEW, "backup_retention_days": draw(st.sampled_from([None, 0, 1]))}
    named = [at(f"n{number}") for number in range(draw(st.integers(0, 8)))]
    wish = Wish(
        "old:3306",
        "new:3306",
        tuple(named),
        under=draw(st.sampled_from(["", "", *(at(name) for name in sources if name[0] in "or")])),
        rehearsal=draw(st.sampled_from(["", "try:3306"])),
        readers=draw(st.integers(0, 6)),
        build=draw(st.sampled_from(["dump", "hook: x"])),
        gtid_at_cutover=draw(st.booleans()),
    )
    return tree_of(sources, facts), wish, limits


@settings(max_examples=400, deadline=None)
@given(situations())
def test_every_moment_of_a_plan_is_legal_it_ends_as_wanted_and_each_step_can_be_undone(
    situation: tuple[Tree, Wish, Limits],
) -> None:
    tree, wish, limits = situation
    try:
        plan = plans.make(tree, wish, limits)
    except UnderstudyError:
        return
    heads = [plan.new_source]
    now = tree
    for number, step in enumerate(plan.steps, 1):
        assert step.number == number
        assert step.reason
        assert step.title
        assert 0 < step.low_s <= step.high_s
        assert step.undo
        if step.kind in (Kind.ATTACH, Kind.MOVE) and limits.retention_days:
            assert (now.servers[step.under].backup_retention_days or 0) >= limits.retention_days
        then = apply(now, step)
        broken = [found for found in violations(then, limits, heads) if found.rule is not Rule.RETENTION]
        assert not broken, (step, broken)
        undoing = reverse(step)
        assert sight(apply(then, undoing) if undoing else then) == sight(now)
        now = then
    assert not list(violations(now, limits, heads))
    assert sight(now) == sight(plan.after())
    assert_as_wanted(now, wish, plan)
    assert plans.decode(plans.encode(plan), "plan.json") == plan
    plans.require_unmoved(plan, tree)
    plans.require_unmoved(plan, now, len(plan.steps))


def assert_as_wanted(tree: Tree, wish: Wish, plan: Plan) -> None:
    shape = tree.shape
    assert tree.source(wish.new_source) == plan.under
    assert not wish.under or plan.under == wish.under
    beneath = [name for name in shape.below(wish.new_source) if name != wish.rehearsal]
    readers = [name for name in beneath if not shape.children(name)]
    assert len(readers) >= wish.readers
    assert wish.readers or set(beneath) >= set(wish.new_replicas)
    assert not wish.rehearsal or tree.source(wish.rehearsal) == wish.new_source
    assert tree.root(wish.new_source) == "old:3306"


# --- the file, and reality


def test_the_file_is_json_that_a_person_can_read() -> None:
    content = plans.encode(make(OLD))
    assert content.startswith(b'{\n  "wish": {')
    assert plans.decode(content, "plan.json") == make(OLD)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b'"format": 2', b'"format": 1', "a plan of format 1"),
        (b'"server_id": ', b'"server_id": 9', "facts and its digest don't agree"),
        (b'"kind": "attach"', b'"kind": "attack"', "not a plan: Invalid enum value"),
        (
            b'"under": "old-1:3306",\n      "source": null',
            b'"under": "x:1",\n      "source": null',
            "is not there by then",
        ),
        (b"{", b"[", "not a plan"),
        (b"\n", b"\xff", "not a plan"),
    ],
)
def test_a_file_that_is_no_plan_or_was_changed_is_refused(old: bytes, new: bytes, expected: str) -> None:
    plan = make(OLD, facts={"old-1": {"server_uuid": "", "server_id": 3}})
    with pytest.raises(PlanError, match=expected):
        plans.decode(plans.encode(plan).replace(old, new), "plan.json")


def test_a_plan_that_was_changed_to_break_the_limits_is_refused() -> None:
    plan = make(OLD | {f"r{number}": "old" for number in range(3)}, under="old-1:3306")
    changed = plans.encode(plan).replace(b'"under": "old-1:3306"', b'"under": "old:3306"')
    with pytest.raises(PlanError, match="would break the limits: old:3306 has 6 replicas"):
        plans.decode(changed, "plan.json")


REALITY = {
    "a replica that went away": (lambda s: s.pop(), "old-2:3306 is gone"),
    "a replica that came": (lambda s: s.append(server("x", "old")), "x:3306 was not there, and follows old:3306"),
    "another source": (
        lambda s: s.__setitem__(2, server("old-2", "old-1")),
        "old-2:3306 followed old:3306, and now follows old-1:3306",
    ),
    "another version": (
        lambda s: s.__setitem__(2, server("old-2", "old", version=NEW)),
        "old-2:3306: its version was MySQL 5.6.51, and now is MySQL 9.7.0",
    ),
    "another server at the same address": (
        lambda s: s.__setitem__(2, server("old-2", "old", server_uuid="other")),
        "old-2:3306: its identity was uuid-of-old-2, and now is other",
    ),
    "a server that is down": (
        lambda s: s.__setitem__(0, msgspec.structs.replace(s[0], unreachable="down")),
        "old:3306 was seen, and now is not",
    ),
    "a retention": (
        lambda s: s.__setitem__(1, server("old-1", "old", backup_retention_days=0)),
        "old-1:3306: its backup retention in days was 7, and now is 0",
    ),
    "a setting": (
        lambda s: s.__setitem__(1, server("old-1", "old", log_replica_updates=False)),
        "old-1:3306: log_replica_updates was on, and now is off",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REALITY)
def test_a_plan_is_refused_when_reality_has_moved_and_says_what(case: str) -> None:
    change, expected = REALITY[case]
    servers = [server(name, follows) for name, follows in OLD.items()]
    plan = plans.make(grow(servers), Wish("old:3306", "new:3306"), CLASSIC)
    change(servers)  # type: ignore[no-untyped-call]
    with pytest.raises(StalePlanError) as raised:
        plans.require_unmoved(plan, grow(servers))
    assert expected in raised.value.message
    assert "make a new plan" in raised.value.hint


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (FILTERED, "old-1:3306: what it filters out of replication was nothing, and now is replicate_do_db=shop"),
        ({"channel": {"delay_s": 3600}}, "old-1:3306: its delay in seconds was 0, and now is 3600"),
        (WRITABLE, "old-1:3306: read_only was on, and now is off"),
    ],
)
def test_what_a_source_is_chosen_by_makes_a_plan_stale_until_the_first_step_and_then_a_filter_above_alone(
    change: dict[str, Any], expected: str
) -> None:
    plan = make(OLD, under="old-1:3306")
    with pytest.raises(StalePlanError) as raised:
        plans.require_unmoved(plan, tree_of(OLD, {"old-1": change}))
    assert raised.value.message.endswith(f": {expected}")
    counts = [expected] if change is FILTERED else []
    assert plans.drift(plan, tree_of(OLD, {"old-1": change}), 1) == counts
    assert plans.drift(plan, tree_of(OLD, {"old-2": change}), 1) == [], "nothing comes through it"
    plans.require_unmoved(plan, tree_of(OLD, {"old-1": change}), 1, only="old-1:3306")
    plans.require_unmoved(plan, tree_of(OLD, {"old": WRITABLE}))
    assert plan.saw == make(OLD, facts={"old-1": change}, under="old-2:3306").saw, "as plans saved before say it"


def test_what_changes_all_the_time_does_not_make_a_plan_stale() -> None:
    later = {"channel": {"lag_s": 9.0, "source_pos": 77}, "uptime_s": 99, "binlog_pos": 5}
    plan = make(OLD)
    plans.require_unmoved(plan, tree_of(dict(reversed(OLD.items())), {"old-1": later}))


def test_a_digest_does_not_depend_on_the_order_in_which_servers_were_found() -> None:
    assert fingerprint(sight(tree_of(OLD))) == fingerprint(sight(tree_of(dict(reversed(OLD.items())))))


def test_while_a_plan_is_carried_out_what_was_unknown_may_turn_out_to_be_anything() -> None:
    plan = make(OLD, under="old-1:3306")
    built = tree_of(OLD | {"new": "old-1"}, {"new": {"version": NEW, "gtid_mode": "OFF"}})
    attached = next(step.number for step in plan.steps if step.kind is Kind.ATTACH)
    plans.require_unmoved(plan, built, attached)
    assert plans.drift(plan, built, attached - 1) == ["new:3306 was not there, and follows old-1:3306"]
    assert plans.drift(plan, tree_of(OLD), attached) == ["new:3306 is gone"]
