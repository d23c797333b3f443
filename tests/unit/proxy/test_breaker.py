"""The breaker: opens, probes, closes."""

from __future__ import annotations

import pytest

from understudy.proxy.breaker import Breaker, State


@pytest.mark.parametrize(
    ("steps", "states"),
    [
        ("fff", "closed closed open"),
        ("fsfsfsfs", "closed closed closed closed closed closed closed closed"),
        ("ffsff", "closed closed closed closed open"),
        ("ffssff", "closed closed closed closed closed closed"),
        ("fffa", "closed closed open open"),
        ("fffAa", "closed closed open probing probing"),
        ("fffAs", "closed closed open probing closed"),
        ("fffAf", "closed closed open probing open"),
        ("fffAsff", "closed closed open probing closed closed closed"),
        ("fffAsfff", "closed closed open probing closed closed closed open"),
        ("fffffA", "closed closed open open open probing"),
        ("fffs", "closed closed open open"),
        ("fffAn", "closed closed open probing open"),
        ("fffAnAs", "closed closed open probing open probing closed"),
        ("n", "closed"),
    ],
)
def test_transitions(steps: str, states: str) -> None:
    """f fails, s succeeds, a asks at once, A asks when the probe's time has come, n: what was allowed was not sent."""
    breaker, now, found = Breaker(failures=3, probe_s=5.0), 100.0, []
    for step in steps:
        if step == "f":
            breaker.failed(now)
        elif step == "s":
            breaker.succeeded()
        elif step == "n":
            breaker.not_sent()
        else:
            now += 5.0 if step == "A" else 0.0
            before = breaker.state
            assert breaker.allows(now) is (before is State.CLOSED or (before is State.OPEN and step == "A"))
        found.append(breaker.state)
    assert " ".join(found) == states


def test_only_one_request_probes() -> None:
    breaker = Breaker(1, 1.0)
    breaker.failed(0.0)
    assert [breaker.allows(now) for now in (0.5, 1.0, 1.0, 9.0)] == [False, True, False, False]


def test_it_counts_how_often_it_opened() -> None:
    breaker = Breaker(1, 0.0)
    for _ in range(3):
        breaker.failed(1.0)
        assert breaker.allows(1.0)
    assert breaker.opened == 3
