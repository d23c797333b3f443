"""One request, one bucket: a worker's counts, and their sum over workers, alive and dead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.proxy.counts import BUCKETS, Counts, StackStats, WorkerStats, as_json, total, without_lost


def stats(in_flight: int = 0, breaker: str = "closed", **buckets: int) -> WorkerStats:
    requests = {**dict.fromkeys(BUCKETS, 0), **buckets}
    requests["received"] = sum(requests.values()) + in_flight
    stacks = {
        "old": StackStats("primary", requests=requests["received"], failed={"timeout": 1}, connections=2),
        "new": StackStats("shadow", 5, 3, 2, 1, {"refused": 1}, 4, 1, breaker, 1),
    }
    return WorkerStats(requests, in_flight, 7, stacks, {"framing": 1}, 5, 100, 1, 2, 3, 0)


def test_a_request_is_in_flight_until_it_has_a_bucket() -> None:
    counts = Counts()
    counts.received = 3
    assert counts.in_flight() == 3
    counts.add("equal")
    counts.add("client_gone", 2)
    assert counts.in_flight() == 0
    assert counts.requests() == {"received": 3, **dict.fromkeys(BUCKETS, 0), "equal": 1, "client_gone": 2}


@given(
    st.lists(st.builds(stats, st.integers(0, 9), equal=st.integers(0, 9), shed=st.integers(0, 9)), max_size=4),
    st.lists(st.builds(stats, st.integers(0, 9), different=st.integers(0, 9)), max_size=4),
)
def test_received_is_the_sum_of_all_buckets_and_what_is_in_flight(
    alive: list[WorkerStats], dead: list[WorkerStats]
) -> None:
    totals = total(alive, dead)
    assert totals.requests["received"] == sum(totals.requests[bucket] for bucket in BUCKETS) + totals.in_flight
    assert totals.in_flight == sum(one.in_flight for one in alive)
    assert totals.requests["different"] == sum(one.requests["different"] for one in dead)


def test_counters_of_the_dead_stay_and_their_gauges_go() -> None:
    totals = total([stats(2, equal=1)], [stats(3, equal=4)])
    assert (totals.requests["equal"], totals.requests["received"], totals.in_flight) == (5, 7, 2)
    assert (totals.connections, totals.recorded, totals.by_digest, totals.asked_again) == (7, 10, 2, 4)
    assert totals.refused == {"framing": 2}
    new, old = totals.stacks["new"], totals.stacks["old"]
    assert (new.requests, new.equal, new.different, new.shed, new.failed) == (10, 6, 4, 2, {"refused": 2})
    assert (new.connections, new.in_flight, new.breaker_opened) == (4, 1, 2)
    assert (old.role, old.failed, old.connections) == ("primary", {"timeout": 2}, 2)


@pytest.mark.parametrize(
    ("breakers", "worst"),
    [(["closed", "open"], "open"), (["closed", "probing"], "probing"), (["closed"], "closed"), ([], "")],
)
def test_the_worst_breaker_of_all_workers_is_told(breakers: list[str], worst: str) -> None:
    totals = total([stats(breaker=breaker) for breaker in breakers], [stats(breaker="open")])
    assert totals.stacks["new"].breaker == worst


def test_adding_up_changes_no_workers_own_report() -> None:
    one = stats(1, equal=1)
    before = repr(one)
    total([one, one], [one])
    assert repr(one) == before


@pytest.mark.parametrize(
    ("equal", "different", "lost_equal", "lost_different", "expected"),
    [(5, 3, 2, 1, (3, 2, 3)), (5, 3, 0, 0, (5, 3, 0)), (1, 0, 5, 5, (0, 0, 1))],
)
def test_what_went_before_it_was_judged_is_unrecorded(
    equal: int, different: int, lost_equal: int, lost_different: int, expected: tuple[int, int, int]
) -> None:
    requests = stats(equal=equal, different=different).requests
    found = without_lost(requests, lost_equal, lost_different)
    assert (found["equal"], found["different"], found["unrecorded"]) == expected
    assert found["received"] == sum(found[bucket] for bucket in BUCKETS)


def test_the_status_has_every_name_of_the_contract() -> None:
    status = as_json(total([stats(1, equal=2)]), {"judged": 1, "backlog": 1, "lost_equal": 1})
    assert list(status["requests"]) == ["received", *BUCKETS]
    assert (status["requests"]["equal"], status["requests"]["unrecorded"]) == (1, 1)
    assert (status["in_flight"], status["judge"]["judged"], status["judge"]["backlog"]) == (1, 1, 1)
    assert status["stacks"]["new"]["breaker"] == "closed"
