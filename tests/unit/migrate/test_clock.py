"""Which of several clocks is believed, and what is said of those that are off."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from understudy.migrate.clock import Ahead, believed_ms
from understudy.migrate.errorlog import Entry, Severity
from understudy.migrate.logreader import Log, clocks

BOUND_MS = 1000.0


@pytest.mark.parametrize(
    ("offsets_ms", "believed"),
    [
        ([], 0),
        ([0, 0, 0], 0),
        ([900, -900], 0),
        ([5000], 0),
        ([5000, 0], 0),
        ([5000, -5000], 0),
        ([5000, 5100], 5100),
        ([5000, 5100, 0], 0),
        ([5000, 5100, 5200, 0], 5100),
        ([-7000, -7000, -7000, 90_000], -7000),
        ([5000, 5100, -8000, -8100], 0),
    ],
)
def test_our_clock_is_believed_unless_more_than_half_of_all_agree_on_another_time(
    offsets_ms: list[float], believed: float
) -> None:
    seen = {f"s{at}:3306": Ahead(ms, 0.1) for at, ms in enumerate(offsets_ms)}
    assert believed_ms(seen, BOUND_MS) == believed


def log(server: str, ahead_ms: float | None, error_ms: float = 1.0) -> Log:
    entry = Entry(datetime(2026, 11, 21, 8, 0, 30, tzinfo=UTC), server, Severity.ERROR, "", "text")
    return Log(server, "a file", (entry,), clock=None if ahead_ms is None else Ahead(ahead_ms, error_ms))


def test_entries_of_a_clock_that_is_off_are_put_right_and_others_are_left_alone() -> None:
    logs = [log("fast:1", 5000), log("fine:1", 400), log("down:1", None), log("far:1", 1500, 800)]
    judged = clocks(logs, BOUND_MS)
    assert [judged.right(one)[0].at.second for one in logs] == [25, 30, 30, 30], "far: it may be the way there"
    assert list(judged.told()) == [
        "fast:1: its clock is 5.0 s ahead of this machine's now, and its entries are put right by that"
    ]


def test_where_this_machines_clock_is_off_the_servers_are_left_as_they_are() -> None:
    logs = [log("a:1", -7000), log("b:1", -7000), log("c:1", -7000), log("slow:1", -20_000)]
    judged = clocks(logs, BOUND_MS)
    assert [judged.right(one)[0].at.second for one in logs] == [30, 30, 30, 43]
    assert list(judged.told()) == [
        "this machine's clock is 7.0 s ahead of the servers': times are the servers'",
        "slow:1: its clock is 13.0 s behind the other servers' now, and its entries are put right by that",
    ]
