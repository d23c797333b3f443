"""What a fact that differs is worth, and names that go into statements."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.migrate.verify.counters import SHOWN, is_behind
from understudy.migrate.verify.finding import Kind
from understudy.migrate.verify.things import Thing, names, path
from understudy.migrate.verify.weighing import weigh
from understudy.migrate.versions import Version

OLD, NEW = Version.parse("5.6.24"), Version.parse("9.7.4")
EVENT = Thing(Kind.EVENT, "shop.`e``1`", "event", (("definer", "o'neil@%"),))
WAITS = "REPLICA_SIDE_DISABLED"
SQL = "ALTER DEFINER = 'o''neil'@'%' EVENT `shop`.`e``1`"


@pytest.mark.parametrize(
    ("was", "now", "note", "mend"),
    [
        ("ENABLED", WAITS, True, f"{SQL} ENABLE;"),
        ("ENABLED", "SLAVESIDE_DISABLED", True, f"{SQL} ENABLE;"),
        ("ENABLED", "DISABLED", True, f"{SQL} ENABLE;"),
        ("DISABLED", WAITS, True, f"{SQL} DISABLE;"),
        ("DISABLED", "ENABLED", False, ""),
        ("SLAVESIDE_DISABLED", "ENABLED", False, ""),
        ("SLAVESIDE_DISABLED", "DISABLED", False, ""),
    ],
)
def test_an_event_that_waits_is_a_note_for_the_cutover_and_one_that_was_off_must_not_wait(
    was: str, now: str, note: bool, mend: str
) -> None:
    found = weigh(OLD, NEW)(EVENT, "status", was, now)
    assert found is not None
    assert (found.note, "".join(found.mend)) == (note, mend)
    assert found.found.endswith(mend)


def test_an_event_that_waits_on_both_sides_is_the_same_in_the_old_word_and_the_new() -> None:
    assert weigh(OLD, NEW)(EVENT, "status", "SLAVESIDE_DISABLED", WAITS) is None


MOVED = {("utf8mb4_general_ci", "utf8mb4_0900_ai_ci")}


@pytest.mark.parametrize(
    ("was", "now", "note"),
    [
        ("a utf8mb4_general_ci", "a utf8mb4_0900_ai_ci", True),
        ("the result utf8mb4_general_ci, a utf8mb4_bin", "the result utf8mb4_0900_ai_ci, a utf8mb4_bin", True),
        ("a utf8mb4_general_ci, b utf8mb4_bin", "a utf8mb4_0900_ai_ci, b utf8mb4_general_ci", False),
        ("a utf8mb4_0900_ai_ci", "a utf8mb4_general_ci", False),
        ("a utf8mb4_general_ci", "b utf8mb4_0900_ai_ci", False),
        ("a utf8mb4_general_ci", "", False),
        ("a, b utf8mb4_general_ci", "a, b utf8mb4_0900_ai_ci", True),
    ],
)
def test_a_routines_collations_are_a_note_where_the_default_moved_and_nothing_else(
    was: str, now: str, note: bool
) -> None:
    found = weigh(OLD, NEW, MOVED)(Thing(Kind.ROUTINE, "shop.f", "function"), "collations", was, now)
    assert found is not None
    assert found.note is note


@pytest.mark.parametrize(
    ("was", "now", "behind"),
    [("5", "4", True), ("5", "5", False), ("5", "6", False), ("5", "", True), ("1", "", False), ("", "", False)],
)
def test_a_counter_is_behind_where_it_would_give_out_numbers_again(was: str, now: str, behind: bool) -> None:
    assert is_behind(was, now) is behind


@pytest.mark.parametrize(
    ("shown", "counter"),
    [
        ("CREATE TABLE `t` (\n  `id` int\n) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=latin1", "7"),
        ("CREATE TABLE `t` (\n  `id` int\n) /*!50100 TABLESPACE `x` */ ENGINE=InnoDB AUTO_INCREMENT=8", "8"),
        ("CREATE TABLE `t` (\n  `id` int COMMENT ') AUTO_INCREMENT=9'\n) ENGINE=InnoDB DEFAULT CHARSET=latin1", None),
        ("CREATE TABLE `t` (\n  `id` int\n) ENGINE=InnoDB AUTO_INCREMENT=7 COMMENT=' AUTO_INCREMENT=9'", "7"),
        ("CREATE TABLE `t` (\n  `id` int\n) ENGINE=InnoDB COMMENT='it is AUTO_INCREMENT=9'", None),
    ],
)
def test_a_counter_is_read_of_the_tables_options_alone(shown: str, counter: str | None) -> None:
    found = SHOWN.search(shown)
    assert (found[1] if found else None) == counter


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_a_path_can_be_taken_apart_again(given_names: list[str]) -> None:
    assert names(path(*given_names)) == tuple(given_names)
