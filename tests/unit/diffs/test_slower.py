"""Two stacks side by side, as slow as chance has it: which endpoint is called slower."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from recorded import Recorder
from understudy.diffs.findings import Findings
from understudy.diffs.judge import Judge
from understudy.diffs.sketch import Paired
from understudy.diffs.slower import is_slower
from understudy.diffs.store import SqliteStore
from understudy.exchange import Equals, Summary

ENDPOINTS = 10
SPIKE = 10.0


def latency_ms(rng: Random, spread: float, spikes: float) -> float:
    return 20.0 * rng.lognormvariate(0, spread) * (SPIKE if rng.random() < spikes else 1.0)


def endpoint(rng: Random, requests: int, spread: float, spikes: float, factor: float = 1.0) -> Paired:
    """What two stacks took for the same requests, the new one `factor` times as long as the old one does."""
    paired = Paired()
    for _ in range(requests):
        paired.add(latency_ms(rng, spread, spikes), factor * latency_ms(rng, spread, spikes))
    return paired


@pytest.mark.parametrize("spikes", [0.0, 0.05, 0.1])
@pytest.mark.parametrize("spread", [0.3, 1.0])
@pytest.mark.parametrize("requests", [20, 55, 200])
def test_of_twenty_sites_with_stacks_that_are_alike_one_at_most_is_called_slower(
    requests: int, spread: float, spikes: float
) -> None:
    sites = 40
    slower = 0
    for site in range(sites):
        rng = Random(f"{site} {requests} {spread} {spikes}")
        slower += any(is_slower(endpoint(rng, requests, spread, spikes), ENDPOINTS) for _ in range(ENDPOINTS))
    assert slower <= sites // 20


@pytest.mark.parametrize(
    ("requests", "spread", "spikes"), [(50, 0.3, 0.0), (50, 0.3, 0.05), (100, 0.5, 0.05), (400, 1.0, 0.1)]
)
def test_a_stack_that_takes_twice_as_long_is_found(requests: int, spread: float, spikes: float) -> None:
    for site in range(20):
        rng = Random(f"{site} {requests} {spread} {spikes}")
        assert is_slower(endpoint(rng, requests, spread, spikes, factor=2.0), ENDPOINTS)


def test_a_tail_is_found_once_enough_requests_are_in_it() -> None:
    def spiky(requests: int) -> Paired:
        paired = Paired()
        for number in range(requests):
            paired.add(20.0, 200.0 if number % 10 == 0 else 22.0)
        return paired

    assert not is_slower(spiky(60), ENDPOINTS)
    assert is_slower(spiky(200), ENDPOINTS)


@pytest.mark.parametrize(
    ("old_ms", "new_ms", "requests"), [(20.0, 24.0, 1_000), (0.2, 0.9, 1_000), (20.0, 60.0, 19), (60.0, 20.0, 1_000)]
)
def test_what_is_hardly_slower_or_hardly_seen_or_faster_is_not_marked(
    old_ms: float, new_ms: float, requests: int
) -> None:
    paired = Paired()
    for _ in range(requests):
        paired.add(old_ms, new_ms)
    assert not is_slower(paired, ENDPOINTS)


def test_among_more_endpoints_more_certainty_is_asked_of_each(settings: Any) -> None:
    chosen = settings()
    slow = [(3.0, 9.0)] * 17 + [(9.0, 3.0)] * 5  # so many of 22 are slower by chance once in 118 times

    def summaries(target: str, pairs: list[tuple[float, float]]) -> Equals:
        return Equals([Summary(1.0, "GET", target, 200, {"old": old, "new": new}) for old, new in pairs])

    recorder = Recorder(chosen.recordings)
    recorder.segment(summaries("/slow", slow))
    assert marked(chosen) == ["GET /slow"]
    recorder.segment(*(summaries(f"/{name}", [(3.0, 3.0)] * 19) for name in "abcde"))
    assert marked(chosen) == ["GET /slow"], "endpoints with too few pairs to tell ask for no more certainty"
    recorder.segment(*(summaries(f"/{name}", [(3.0, 3.0)]) for name in "abcde"))
    assert marked(chosen) == []


def marked(settings: Any) -> list[str]:
    judge = Judge(settings, SqliteStore(settings.database))
    judge.run_to_end()
    judge.close()
    findings = Findings(settings.database)
    found = [row.endpoint for row in findings.endpoints() if row.slower]
    findings.close()
    return found
