"""How long a child that died waits for its next life."""

from __future__ import annotations

from understudy.proxy.supervisor import Patience


def test_a_child_that_keeps_dying_young_is_started_ever_more_slowly_and_never_given_up() -> None:
    patience = Patience()
    pauses = [patience.after(0.0) for _ in range(12)]
    assert pauses[:4] == [0.2, 0.4, 0.8, 1.6]
    assert pauses[-1] == Patience.LONGEST_S


def test_a_first_death_is_made_up_for_at_once() -> None:
    assert Patience().after(0.5) == 0.0


def test_a_long_life_makes_up_for_short_ones() -> None:
    patience = Patience()
    for _ in range(10):
        patience.after(0.0)
    assert patience.after(Patience.YOUNG_S) == 0.0
    assert patience.after(0.0) == 0.4
