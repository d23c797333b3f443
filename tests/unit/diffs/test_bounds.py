"""The bounds of a rate, against sums of binomial terms that are added up one by one."""

from __future__ import annotations

from fractions import Fraction
from math import comb, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.diffs.bounds import chance_of_at_least, exceeds, lower, upper

samples = st.integers(1, 150).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))
rates = st.fractions(0, 1, max_denominator=10_000)


def added_up(hits: int, trials: int, rate: Fraction) -> Fraction:
    """How likely `hits` or more are, exactly."""
    terms = (comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in range(hits, trials + 1))
    return sum(terms, Fraction())


@given(samples, rates)
def test_the_chance_is_what_the_binomial_terms_add_up_to(sample: tuple[int, int], rate: Fraction) -> None:
    hits, trials = sample
    assert isclose(
        chance_of_at_least(hits, trials, float(rate)), added_up(hits, trials, rate), rel_tol=1e-9, abs_tol=1e-12
    )


@given(samples, st.sampled_from([0.9, 0.95, 0.999]))
def test_at_the_bounds_what_was_seen_is_just_as_unlikely_as_is_allowed(
    sample: tuple[int, int], certainty: float
) -> None:
    hits, trials = sample
    low, high = lower(hits, trials, certainty), upper(hits, trials, certainty)
    assert 0 <= low <= hits / trials <= high <= 1
    if hits:
        assert isclose(added_up(hits, trials, Fraction(low)), 1 - certainty, rel_tol=1e-6)
    if hits < trials:
        assert isclose(1 - added_up(hits + 1, trials, Fraction(high)), 1 - certainty, rel_tol=1e-6)


@given(samples, st.sampled_from([0.9, 0.95, 0.999]))
def test_what_does_not_differ_has_the_other_bounds_the_other_way_round(
    sample: tuple[int, int], certainty: float
) -> None:
    hits, trials = sample
    assert isclose(lower(hits, trials, certainty), 1 - upper(trials - hits, trials, certainty), abs_tol=1e-9)


@given(st.integers(0, 50), st.integers(51, 1_000_000))
def test_more_hits_raise_the_bounds_and_more_trials_lower_them(hits: int, trials: int) -> None:
    assert upper(hits, trials) < upper(hits + 1, trials)
    assert lower(hits, trials) < lower(hits + 1, trials)
    assert upper(hits, 2 * trials) < upper(hits, trials)


@given(samples, rates)
def test_a_rate_is_exceeded_where_the_lower_bound_is_above_it(sample: tuple[int, int], rate: Fraction) -> None:
    hits, trials = sample
    low = lower(hits, trials)
    if abs(low - rate) > 1e-9:
        assert exceeds(float(rate), hits, trials) == (low > rate)


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        (0, 0, 0, 1),
        (0, 1, 0, 0.95),
        (1, 1, 0.05, 1),
        (0, 3_000, 0, 1 - 0.05 ** (1 / 3_000)),
        (0, 1_000_000_000, 0, 2.9957e-9),  # the rule of three
        (5, 5, 0.05**0.2, 1),
        (10, 100, 0.0552633, 0.1637176),
        (10_000, 10_000_000, 0.000983617, 0.001016598),
    ],
)
def test_known_bounds(hits: int, trials: int, low: float, high: float) -> None:
    assert isclose(lower(hits, trials), low, rel_tol=1e-4)
    assert isclose(upper(hits, trials), high, rel_tol=1e-4)
