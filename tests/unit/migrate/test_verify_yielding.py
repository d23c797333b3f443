"""How verify leaves the old side's users their throughput: how much of the time it reads, on models of servers."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.migrate.verify.yielding import AIM, LEAST, LONGEST_READ_S, QUIET, READ_S, REST_S, UNWATCHED_S, Share

MOST = 0.1
CHUNK_S = 0.5


def lived(share: Share, alone: Callable[[], float], falls: float, stretches: int) -> tuple[float, float]:
    """The part of the time that was read, and the part of their statements that others lost."""
    reading = resting = lost = whole = 0.0
    share.saw(None, alone())
    for _ in range(stretches):
        rate = alone()
        read_s = share.read_s + CHUNK_S / 2
        rest_s = share.rest_s(read_s)
        share.saw(rate * (1 - falls), alone())
        reading, resting = reading + read_s, resting + rest_s
        lost, whole = lost + read_s * rate * falls, whole + (read_s + rest_s) * rate
    return reading / (reading + resting), lost / whole if whole else 0.0


@given(falls=st.floats(0, 1), rate=st.floats(QUIET, 1e6))
def test_users_lose_no_more_than_they_may(falls: float, rate: float) -> None:
    share = Share(MOST)
    lived(share, lambda: rate, falls, 20)
    read, lost = lived(share, lambda: rate, falls, 200)
    assert lost <= MOST * 1.001
    if falls > MOST:
        assert read >= min(AIM * MOST / falls, READ_S / (READ_S + REST_S)) * 0.99, (
            "nor is more time lost than that takes"
        )


@pytest.mark.parametrize("falls", [0.0, 0.05, 0.5])
def test_where_rates_have_ups_and_downs_of_their_own_it_holds_on_average(falls: float) -> None:
    dice = random.Random(1)
    read, lost = lived(Share(MOST), lambda: dice.gauss(1000, 100), falls, 2_000)
    assert lost <= MOST * 1.1
    if falls == 0:
        assert read > 0.7


def test_nobody_there_is_nobody_to_rest_for_and_whoever_comes_is_seen() -> None:
    share = Share(MOST)
    assert lived(share, lambda: QUIET / 2, 0.9, 50)[0] > 0.97
    assert share.read_s == UNWATCHED_S
    share.saw(0.0, 1000.0)
    assert share.read_s == READ_S, "it looks again soon"
    share.saw(100.0, 1000.0)
    assert share.share < 0.2


def test_the_longer_it_does_no_harm_the_less_often_it_looks_and_once_it_does_harm_it_looks_again() -> None:
    share = Share(MOST)
    lived(share, lambda: 1000.0, 0.0, 10)
    assert share.read_s == LONGEST_READ_S
    for _ in range(5):
        share.saw(500.0, 1000.0)
    assert share.read_s == READ_S
    assert share.share < 0.5


def test_it_always_gets_on() -> None:
    share = Share(0.001)
    for _ in range(50):
        share.saw(0.0, 1000.0)
    assert share.share == LEAST
    assert share.rest_s(READ_S) <= READ_S / LEAST
