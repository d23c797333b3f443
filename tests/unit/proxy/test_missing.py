"""What leaves no exchange is told to the recording once, and again where the disk did not take it."""

from __future__ import annotations

from understudy.exchange import Missed
from understudy.proxy.missing import Missing


def test_only_what_is_new_is_told() -> None:
    missing = Missing()
    assert missing.since({"new": 0, "other": 0}, 0) is None
    assert missing.since({"new": 3, "other": 0}, 0) == Missed({"new": 3}, 0)
    assert missing.since({"new": 3, "other": 0}, 0) is None
    assert missing.since({"new": 3, "other": 0}, 2) == Missed({}, 2)
    assert missing.since({"new": 5, "other": 1}, 4) == Missed({"new": 2, "other": 1}, 2)


def test_what_the_disk_did_not_take_is_told_again() -> None:
    missing = Missing()
    told = missing.since({"new": 3}, 1)
    assert told == Missed({"new": 3}, 1)
    missing.untold(told)
    assert missing.since({"new": 5}, 9) == Missed({"new": 5}, 9)
    assert missing.since({"new": 5}, 9) is None
