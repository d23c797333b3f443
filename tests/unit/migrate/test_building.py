"""What build decides without a server: GTID modes, places in logs, progress in words, plans and journals as text."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicas import tree_of
from understudy.migrate import plan as plans
from understudy.migrate.build import telling
from understudy.migrate.build.progress import Amount, Events, Lines
from understudy.migrate.build.rehearsing import Rehearsed
from understudy.migrate.build.replication import bytes_between, order
from understudy.migrate.build.state import Stage
from understudy.migrate.describe import sized
from understudy.migrate.goal import Wish
from understudy.migrate.gtidmode import MODES, mode_to_follow, way
from understudy.migrate.journal import Entry, Event
from understudy.migrate.limits import CLASSIC
from understudy.migrate.rows import Coordinates
from understudy.migrate.step import Kind
from understudy.migrate.versions import Version

NEW, MARIA = Version.parse("9.7.0"), Version.parse("11.8.2-MariaDB")


@pytest.mark.parametrize(
    ("mode", "under", "version", "needed", "before_cutover"),
    [
        ("ON", "OFF", NEW, "OFF", "ON_PERMISSIVE"),
        ("ON", "", NEW, "OFF", "ON_PERMISSIVE"),  # 5.5 has no such thing
        ("ON", "ON_PERMISSIVE", NEW, "ON_PERMISSIVE", "ON_PERMISSIVE"),
        ("ON", "OFF_PERMISSIVE", NEW, "ON_PERMISSIVE", "ON_PERMISSIVE"),
        ("OFF", "ON_PERMISSIVE", NEW, "OFF_PERMISSIVE", "ON_PERMISSIVE"),
        ("ON", "ON", NEW, "", ""),
        ("OFF", "OFF", NEW, "", "ON_PERMISSIVE"),
        ("OFF", "ON", NEW, "ON_PERMISSIVE", "ON_PERMISSIVE"),
        ("OFF_PERMISSIVE", "OFF", NEW, "", "ON_PERMISSIVE"),
        ("OFF_PERMISSIVE", "ON", NEW, "ON_PERMISSIVE", "ON_PERMISSIVE"),
        ("ON_PERMISSIVE", "OFF", NEW, "OFF", ""),
        ("ON_PERMISSIVE", "ON", NEW, "", ""),
        ("", "OFF", MARIA, "", ""),
        ("ON", "OFF", None, "", ""),
    ],
)
def test_a_server_gets_the_gtid_mode_with_which_it_can_follow_and_no_gtids_unless_they_are_wanted(
    mode: str, under: str, version: Version | None, needed: str, before_cutover: str
) -> None:
    assert mode_to_follow(mode, under, version) == needed
    assert mode_to_follow(mode, under, version, at_cutover=True) == before_cutover


@given(st.sampled_from(MODES), st.sampled_from(MODES))
def test_a_gtid_mode_is_reached_in_single_steps(mode: str, wanted: str) -> None:
    steps = way(mode, wanted)
    assert (steps or (mode,))[-1] == wanted
    for before, after in zip((mode, *steps), steps, strict=False):
        assert abs(MODES.index(before) - MODES.index(after)) == 1


def test_a_plan_says_which_server_gets_another_gtid_mode_and_why() -> None:
    tree = tree_of({"old": "", "old-1": "old", "new": ""}, {"new": {"version": NEW, "gtid_mode": "ON"}})
    plan = plans.make(tree, Wish("old:3306", "new:3306"), CLASSIC)
    (attach,) = (step for step in plan.steps if step.kind is Kind.ATTACH)
    assert attach.gtid_mode == "OFF"
    assert "its gtid_mode becomes OFF, since that of old-1:3306 is OFF" in attach.reason
    assert plan.after().servers["new:3306"].gtid_mode == "OFF"


LOGS = [{"Log_name": f"binlog.{number:06}", "File_size": 1000} for number in (9, 10, 11)]


@pytest.mark.parametrize(
    ("begin", "end", "left"),
    [
        (("binlog.000009", 400), ("binlog.000009", 700), 300),
        (("binlog.000009", 400), ("binlog.000010", 100), 700),
        (("binlog.000009", 400), ("binlog.000011", 100), 1700),
        (("binlog.000010", 4), ("binlog.000010", 4), 0),
        (("binlog.000011", 500), ("binlog.000010", 100), 0),
    ],
)
def test_what_is_left_of_a_binary_log_is_counted_over_its_files(
    begin: tuple[str, int], end: tuple[str, int], left: int
) -> None:
    assert bytes_between(LOGS, Coordinates(*begin), Coordinates(*end)) == left


def test_places_are_ordered_by_the_files_number_and_not_as_text() -> None:
    assert order(Coordinates("binlog.999999", 5)) < order(Coordinates("binlog.1000000", 4))
    assert order(Coordinates("host-bin.000002", 4)) > order(Coordinates("host-bin.000001", 9999))


def test_progress_says_how_much_of_how_much_and_what_is_left() -> None:
    amount = Amount("copying", 4 << 20, 2000, now_s=100.0)
    assert amount.told(100.0) == "copying, 0 B of 4.0 MiB, 0 of 2,000 rows"
    amount.bytes, amount.rows = 1 << 20, 500
    assert amount.told(110.0) == "copying, 1.0 MiB of 4.0 MiB, 500 of 2,000 rows, 30 s left"
    unknown = Amount("reading", None, None, now_s=0.0)
    assert (unknown.told(5.0), unknown.left_s(5.0)) == ("reading", None)
    assert [sized(size) for size in (0, 1023, 1024, 200 << 20, 3 << 40)] == [
        "0 B", "1023 B", "1.0 KiB", "200 MiB", "3.0 TiB",
    ]  # fmt: skip


def test_without_a_terminal_a_line_is_a_line_and_as_json_an_object() -> None:
    out = io.StringIO()
    lines = Lines(out, every_s=0.0)
    lines.begins("copying", 10)
    lines.moved(bytes_=5)
    assert out.getvalue().splitlines()[0] == "   copying, 0 B of 10 B"
    assert "5 B of 10 B" in out.getvalue().splitlines()[1]
    out = io.StringIO()
    events = Events(out, every_s=0.0)
    events.moved(1)
    events.begins("copying", 10)
    events.moved(5)
    events.says("a word")
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [one["event"] for one in told] == ["moved", "begins", "moved", "says"]
    assert told[2]["bytes"] == 5


def test_a_plan_in_words_has_reasons_durations_undoing_and_both_trees() -> None:
    tree = tree_of({"old": "", "old-1": "old", "new": ""})
    plan = plans.make(tree, Wish("old:3306", "new:3306"), CLASSIC, 1 << 30)
    said = telling.plan_in_words(plan, "plan.json", 80)
    for words in ("why:", "undo:", "Now:", "Then:", "Saved to plan.json", "let new:3306 follow old-1:3306", " min"):
        assert words in said
    assert max(map(len, said.splitlines())) <= 120
    nothing = telling.plan_in_words(plans.make(plan.after(), plan.wish, CLASSIC), "plan.json")
    assert nothing.startswith("Nothing is to be done")


def test_a_dry_run_says_so_and_a_journal_shows_no_control_characters() -> None:
    plan = plans.make(tree_of({"old": "", "old-1": "old", "new": ""}), Wish("old:3306", "new:3306"), CLASSIC)
    lines = list(telling.rehearsal([Rehearsed(plan.steps[0], Stage.BEGUN, ("a> b;",))], undoing=False))
    assert lines[0].endswith("(begun, not finished)")
    assert lines[1:] == ["     a> b;", telling.DRY]
    assert list(telling.rehearsal([], undoing=True)) == ["Nothing is left to be done."]
    entry = Entry(
        datetime(2026, 11, 21, 11, 0, tzinfo=UTC), "run", Event.FAILED, "01-copy-a", {"why": "\x1b[31mno", "n": 3}
    )
    assert telling.entry(entry) == "2026-11-21 11:00:00  failed    01-copy-a  why=?[31mno n=3"
