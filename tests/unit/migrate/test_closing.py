"""How a server is closed over restarts, and set back to what was found, each as the statements that are said."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.migrate.build.closing import Before, closes, opens
from understudy.migrate.dialects import Dialect
from understudy.migrate.versions import Version

NEW, FORMER, MARIA = "9.7.4", "5.7.44", "11.8.6-MariaDB"
FORGET, OPEN = "RESET PERSIST IF EXISTS super_read_only", "SET GLOBAL read_only = 0"


def dialect(version: str) -> Dialect:
    return Dialect(Version.parse(version))


@pytest.mark.parametrize(
    ("version", "closed", "opened"),
    [
        (NEW, "SET PERSIST super_read_only = 1", [FORGET, OPEN]),
        (FORMER, "SET GLOBAL super_read_only = 1", [OPEN]),
        ("5.6.51", "SET GLOBAL read_only = 1", [OPEN]),
        (MARIA, "SET GLOBAL read_only = 1", [OPEN]),
    ],
)
def test_what_is_closed_stays_closed_where_it_can_and_what_is_opened_forgets_that(
    version: str, closed: str, opened: list[str]
) -> None:
    assert closes(dialect(version)).shown() == closed
    assert [one.shown() for one in opens(dialect(version))] == opened


def noted(read_only: bool, is_super: bool, **kept: str) -> dict[str, Any]:
    return {Before.READ_ONLY: read_only, Before.SUPER_READ_ONLY: is_super, Before.KEPT: kept}


@pytest.mark.parametrize(
    ("version", "recorded", "said"),
    [
        (NEW, {}, []),
        (NEW, noted(False, False), [FORGET, OPEN]),
        (NEW, noted(True, False), [FORGET, "SET GLOBAL super_read_only = 0"]),
        (NEW, noted(True, True), [FORGET]),
        (NEW, noted(True, True, super_read_only="ON"), ["SET PERSIST super_read_only = 1"]),
        (NEW, noted(False, False, super_read_only="OFF"), ["SET PERSIST super_read_only = 0", OPEN]),
        (FORMER, noted(True, False), ["SET GLOBAL super_read_only = 0"]),
        (MARIA, noted(True, False), []),
        (MARIA, noted(False, False), [OPEN]),
        (NEW, {Before.READ_ONLY: False}, [OPEN]),  # as a journal of before had it
    ],
)
def test_undoing_sets_back_what_was_found_and_forgets_what_nobody_had_kept(
    version: str, recorded: dict[str, Any], said: list[str]
) -> None:
    assert [one.shown() for one in Before.restores(recorded, dialect(version))] == said


def test_a_kept_gtid_mode_is_forgotten_only_where_none_was_kept_before() -> None:
    assert Before.forgets_mode(noted(False, False))
    assert not Before.forgets_mode(noted(False, False, gtid_mode="ON"))
    assert not Before.forgets_mode({})
