"""For how long binary logs are kept, set and set back: the statements of each version."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.migrate.build.switching import BEFORE, DAYS, DAYS_SAVED, SAVED, keeps, keeps_as_before
from understudy.migrate.dialects import Dialect
from understudy.migrate.versions import Version
from understudy.migrate.words import Word

DAY_S = 86_400
EITHER = (
    "SELECT IF(@@GLOBAL.binlog_expire_logs_seconds, @@GLOBAL.binlog_expire_logs_seconds,"
    " @@GLOBAL.expire_logs_days * 86400)"
)
SECONDS, IN_DAYS = "SELECT @@GLOBAL.binlog_expire_logs_seconds", "SELECT @@GLOBAL.expire_logs_days * 86400"
GLOBAL_S, GLOBAL_DAYS = "SET GLOBAL binlog_expire_logs_seconds = ", "SET GLOBAL expire_logs_days = "
PERSIST_S, PERSIST_DAYS = "SET PERSIST binlog_expire_logs_seconds = ", "SET PERSIST expire_logs_days = "
CEILING = "SET GLOBAL expire_logs_days = CEILING(864000 / 86400)"
FORGET_S = "RESET PERSIST IF EXISTS binlog_expire_logs_seconds"
FORGET_DAYS = "RESET PERSIST IF EXISTS expire_logs_days"


def dialect(version: str) -> Dialect:
    return Dialect(Version.parse(version))


@pytest.mark.parametrize(
    ("version", "asked", "has_days", "said"),
    [
        ("5.6.24", IN_DAYS, False, [CEILING]),
        ("5.7.44", IN_DAYS, False, [CEILING]),
        ("8.0.1", EITHER, True, [f"{GLOBAL_DAYS}0", f"{GLOBAL_S}864000"]),
        ("8.0.11", EITHER, True, [f"{PERSIST_DAYS}0", f"{PERSIST_S}864000"]),
        ("8.0.42", EITHER, True, [f"{PERSIST_DAYS}0", f"{PERSIST_S}864000"]),
        ("8.1.0", EITHER, True, [f"{PERSIST_DAYS}0", f"{PERSIST_S}864000"]),
        ("8.2.0", SECONDS, False, [f"{PERSIST_S}864000"]),
        ("8.4.5", SECONDS, False, [f"{PERSIST_S}864000"]),
        ("9.7.4", SECONDS, False, [f"{PERSIST_S}864000"]),
        ("10.5.23-MariaDB", IN_DAYS, False, [CEILING]),
        ("11.8.6-MariaDB", SECONDS, False, [f"{GLOBAL_S}864000"]),
    ],
)
def test_days_that_a_configuration_of_8_0_still_sets_count_and_go_before_seconds_are_set(
    version: str, asked: str, has_days: bool, said: list[str]
) -> None:
    words = dialect(version)
    assert words.sql(Word.LOGS_KEPT) == asked
    assert words.knows(Word.DAYS_KEPT) == words.knows(Word.KEEP_DAYS) == has_days
    assert [one.shown() for one in keeps(words, 10 * DAY_S, 7 if has_days else 0)] == said
    assert [one.shown() for one in keeps(words, 10 * DAY_S, 0)] == said[-1:]


@pytest.mark.parametrize(
    ("version", "recorded", "said"),
    [
        ("8.0.42", {}, []),
        ("8.0.42", {BEFORE: 7 * DAY_S, SAVED: "604800"}, [f"{PERSIST_S}604800"]),
        ("8.0.42", {BEFORE: 7 * DAY_S, SAVED: None}, [f"{PERSIST_S}604800", FORGET_S]),
        (
            "8.0.42",
            {BEFORE: 7 * DAY_S, SAVED: None, DAYS: 7, DAYS_SAVED: None},
            [f"{PERSIST_S}0", f"{PERSIST_DAYS}7", FORGET_S, FORGET_DAYS],
        ),
        (
            "8.0.42",
            {BEFORE: 7 * DAY_S, SAVED: "0", DAYS: 7, DAYS_SAVED: "7"},
            [f"{PERSIST_S}0", f"{PERSIST_DAYS}7"],
        ),
        (  # both in the configuration: the seconds count, and the days can't be set beside them
            "8.0.42",
            {BEFORE: 3600, SAVED: None, DAYS: 7, DAYS_SAVED: None},
            [f"{PERSIST_S}3600", FORGET_S, FORGET_DAYS],
        ),
        ("8.0.4", {BEFORE: 30 * DAY_S, SAVED: None, DAYS: 30, DAYS_SAVED: None}, [f"{GLOBAL_S}0", f"{GLOBAL_DAYS}30"]),
        ("9.7.4", {BEFORE: 2_592_000, SAVED: None}, [f"{PERSIST_S}2592000", FORGET_S]),
        ("5.6.24", {BEFORE: 10 * DAY_S, SAVED: None}, [CEILING]),
        ("10.11.9-MariaDB", {BEFORE: 0, SAVED: None}, [f"{GLOBAL_S}0"]),
    ],
)
def test_what_was_noted_is_set_back_with_the_days_where_these_were_in_force(
    version: str, recorded: dict[str, Any], said: list[str]
) -> None:
    assert [one.shown() for one in keeps_as_before(dialect(version), recorded)] == said
