"""What a plan leaves to the cutover: GTID where it is wanted and can be turned on then, writing, events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from replicas import MARIA, NEW, tree_of
from understudy.migrate import plan as plans
from understudy.migrate.at_cutover import Act, AtCutover, When
from understudy.migrate.goal import Wish, WishError
from understudy.migrate.gtidmode import uses_gtid
from understudy.migrate.limits import CLASSIC
from understudy.migrate.plan import Plan
from understudy.migrate.step import Kind
from understudy.migrate.versions import Version

OLD = {"old": "", "old-1": "old", "new": "", "n1": "", "try": ""}
WISH = Wish("old:3306", "new:3306", ("n1:3306",), "old-1:3306", "try:3306", gtid_at_cutover=True)
ALWAYS = [Act.WRITABLE, Act.EVENTS]
ALL_NEW = {name: {"version": NEW, "gtid_mode": "ON"} for name in ("new", "n1", "try")}


def plan_of(facts: Mapping[str, Mapping[str, Any]], wish: Wish = WISH) -> Plan:
    return plans.make(tree_of(OLD, facts), wish, CLASSIC)


def acts(plan: Plan) -> list[Act]:
    return [one.act for one in plan.at_cutover]


def one(plan: Plan, act: Act, server: str = "new:3306") -> AtCutover:
    (found,) = (one for one in plan.at_cutover if one.act is act and one.server == server)
    return found


def modes(plan: Plan) -> dict[str, str]:
    return {step.server: step.gtid_mode for step in plan.steps if step.kind is Kind.ATTACH}


def test_gtid_is_turned_on_between_the_cut_and_the_first_write_and_every_statement_can_be_taken_back() -> None:
    plan = plan_of(ALL_NEW)
    two = [Act.GTID_ON] * 2
    assert acts(plan) == [
        Act.ENFORCE_GTID, Act.ENFORCE_GTID, Act.FRESH_LOG, Act.AWAIT_APPLIED, *two, Act.USE_GTID, *ALWAYS,
    ]  # fmt: skip
    assert [one.number for one in plan.at_cutover] == list(range(1, len(plan.at_cutover) + 1))
    assert [one.when for one in plan.at_cutover][-3:] == [When.DETACHED, When.PROMOTE, When.AFTER]
    assert set(modes(plan).values()) == {"ON_PERMISSIVE"}
    on = one(plan, Act.GTID_ON)
    assert on.sql == ("SET PERSIST gtid_mode = 'ON'",)
    assert on.undo_sql == ("SET PERSIST gtid_mode = 'ON_PERMISSIVE'",)
    followed = one(plan, Act.USE_GTID, "n1:3306")
    assert followed.sql == ("STOP REPLICA", "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1", "START REPLICA")
    assert followed.undo_sql[1] == "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 0"
    assert not any(one.server == "try:3306" for one in plan.at_cutover), "what may be broken must not stand in the way"
    assert all(one.reason and one.needs and one.undo and one.title for one in plan.at_cutover)
    assert plan.notes[0] == (
        "old-1:3306 has no GTID: the new tree is followed by position, and GTID is turned on at the cutover."
    )


def test_without_it_being_wanted_gtid_stays_off_where_there_is_none() -> None:
    plan = plan_of(ALL_NEW, Wish("old:3306", "new:3306", ("n1:3306",), "old-1:3306"))
    assert acts(plan) == ALWAYS
    assert set(modes(plan).values()) == {"OFF"}
    assert plan.notes[0].endswith("is followed by position, and stays so.")


@pytest.mark.parametrize("wanted", [True, False])
def test_where_the_old_tree_has_gtid_the_new_one_is_built_by_it_and_the_cutover_has_nothing_to_do(wanted: bool) -> None:
    on = {name: {"gtid_mode": "ON"} for name in ("old", "old-1")}
    plan = plan_of(ALL_NEW | on, Wish("old:3306", "new:3306", (), "old-1:3306", gtid_at_cutover=wanted))
    assert acts(plan) == ALWAYS
    assert set(modes(plan).values()) == {""}
    assert plan.notes[0].startswith("old-1:3306 goes by GTID")
    assert ("asks for nothing" in plan.notes[0]) is wanted


def test_a_mode_that_the_servers_have_not_reached_yet_is_reached_step_by_step() -> None:
    there = {"old": "", "old-1": "old", "new": "old-1"}
    tree = tree_of(there, {"new": {"version": NEW, "gtid_mode": "OFF"}})
    plan = plans.make(tree, Wish("old:3306", "new:3306", gtid_at_cutover=True), CLASSIC)
    assert plan.steps == ()
    asked = [sql.rpartition(" ")[2] for sql in one(plan, Act.GTID_ON).sql]
    assert asked == ["'OFF_PERMISSIVE'", "'ON_PERMISSIVE'", "'ON'"]
    assert one(plan, Act.GTID_ON).undo_sql[-1].endswith("'OFF'")


def test_a_server_that_forgets_its_mode_at_a_restart_has_it_in_its_configuration_too() -> None:
    facts = {name: {"version": Version.parse("5.7.44"), "gtid_mode": "OFF"} for name in ("new", "n1", "try")}
    on = one(plan_of(facts), Act.GTID_ON)
    assert on.sql == ("SET GLOBAL gtid_mode = 'ON'",)
    assert "belong into its configuration too" in on.reason
    assert "configuration" not in one(plan_of(ALL_NEW), Act.GTID_ON).reason


def test_servers_that_can_not_change_their_mode_while_they_run_are_refused() -> None:
    facts = {name: {"version": Version.parse("5.6.51"), "gtid_mode": "OFF"} for name in ("new", "n1", "try")}
    with pytest.raises(WishError, match=r"gtid_at_cutover: new:3306 is MySQL 5\.6\.51, which turns GTID on only") as no:
        plan_of(facts)
    assert "5.7.6" in no.value.hint
    assert acts(plan_of(facts, Wish("old:3306", "new:3306"))) == ALWAYS


def test_mariadb_only_has_its_replicas_go_by_the_gtids_that_it_always_writes() -> None:
    facts = {name: {"version": MARIA, "gtid_mode": ""} for name in OLD}
    plan = plan_of(facts)
    assert acts(plan) == [Act.USE_GTID, *ALWAYS]
    assert one(plan, Act.USE_GTID, "n1:3306").sql[1] == "CHANGE MASTER TO MASTER_USE_GTID = slave_pos"
    by_gtid = facts | {"old-1": {"version": MARIA, "gtid_mode": "", "channel": {"auto_position": True}}}
    assert acts(plan_of(by_gtid)) == ALWAYS
    assert uses_gtid(tree_of(OLD, by_gtid), "old:3306")
    assert not uses_gtid(tree_of(OLD, facts), "old:3306")


def test_a_server_that_is_not_seen_has_no_statements_yet() -> None:
    tree = tree_of({"old": "", "old-1": "old"})
    plan = plans.make(tree, Wish("old:3306", "new:3306", gtid_at_cutover=True), CLASSIC)
    assert Act.GTID_ON in acts(plan)
    assert all(one.sql == () for one in plan.at_cutover)


def test_promoting_forgets_what_would_close_the_new_source_again_at_its_next_restart() -> None:
    plan = plan_of(ALL_NEW)
    assert one(plan, Act.WRITABLE).sql == (
        "SET GLOBAL read_only = 0", "RESET PERSIST IF EXISTS super_read_only",
    )  # fmt: skip
    maria = plan_of({name: {"version": MARIA} for name in OLD}, Wish("old:3306", "new:3306"))
    assert one(maria, Act.WRITABLE).sql == ("SET GLOBAL read_only = 0",)
    assert "taken out of its configuration" in one(maria, Act.WRITABLE).needs


def test_events_are_those_that_the_journal_names() -> None:
    plan = plan_of(ALL_NEW)
    copy = next(step for step in plan.steps if step.kind is Kind.COPY and step.server == "new:3306")
    assert copy.id in one(plan, Act.EVENTS).reason
