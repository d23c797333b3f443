"""Many timers of one length."""

from __future__ import annotations

import pytest

from understudy.proxy.deadlines import Deadlines


def make(expired: list[str]) -> Deadlines[str]:
    return Deadlines(1.0, expired.append, 0.0)


def test_timers_end_in_their_order_and_not_early() -> None:
    expired: list[str] = []
    timers = make(expired)
    timers.start("a")
    timers.sweep(0.5)
    timers.start("b")
    timers.sweep(0.9)
    assert expired == []
    timers.sweep(1.0)
    assert expired == ["a"]
    timers.sweep(1.5)
    assert expired == ["a", "b"]
    assert len(timers) == 0


def test_a_timer_that_is_started_anew_ends_later() -> None:
    expired: list[str] = []
    timers = make(expired)
    timers.start("a")
    timers.start("b")
    timers.sweep(0.5)
    timers.start("a")
    timers.sweep(1.2)
    assert expired == ["b"]
    timers.sweep(1.5)
    assert expired == ["b", "a"]


def test_a_timer_that_runs_is_not_started_once_more() -> None:
    expired: list[str] = []
    timers = make(expired)
    timers.start_once("a")
    timers.sweep(0.5)
    timers.start_once("a")
    timers.sweep(1.0)
    assert expired == ["a"]


def test_a_stopped_timer_does_not_end() -> None:
    expired: list[str] = []
    timers = make(expired)
    timers.start("a")
    assert timers.stop("a")
    assert not timers.stop("a")
    timers.sweep(9.0)
    assert expired == []


def test_what_ends_may_start_itself_or_others_and_stop_others() -> None:
    expired: list[str] = []

    def expire(item: str) -> None:
        expired.append(item)
        timers.start("a")
        timers.start("new")
        timers.stop("c")

    timers: Deadlines[str] = Deadlines(1.0, expire, 0.0)
    for item in ("a", "b", "c"):
        timers.start(item)
    timers.sweep(1.0)
    assert expired == ["a", "b"]
    timers.sweep(1.9)
    assert expired == ["a", "b"]
    timers.sweep(2.0)
    assert expired == ["a", "b", "a"]
    assert len(timers) == 2


def test_one_that_raises_does_not_stand_before_the_others_for_ever() -> None:
    expired: list[str] = []

    def expire(item: str) -> None:
        expired.append(item)
        if item == "bad":
            raise ValueError(item)

    timers: Deadlines[str] = Deadlines(1.0, expire, 0.0)
    timers.start("bad")
    timers.start("good")
    with pytest.raises(ValueError, match="bad"):
        timers.sweep(1.0)
    timers.sweep(1.0)
    assert expired == ["bad", "good"]
