from __future__ import annotations

from collections.abc import Callable

import pytest

from understudy.proxy.spare import SHARE, SpareTime


class Loop:
    """Runs in each turn what was asked for before it."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.turns = 0

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def turn(self) -> None:
        self.turns += 1
        callbacks, self.soon = self.soon, []
        for callback in callbacks:
            callback()

    def until_idle(self) -> None:
        while self.soon:
            self.turn()


def test_pieces_are_done_in_order_one_in_a_turn() -> None:
    loop, done = Loop(), list[int]()
    spare = SpareTime(loop.call_soon)
    for number in range(3):
        spare.do(done.append, number)
    assert done == []
    loop.turn()
    assert done == [0]
    loop.until_idle()
    assert done == [0, 1, 2]
    assert loop.turns == 3


def test_what_has_piled_up_is_done_in_few_turns() -> None:
    loop, done = Loop(), list[int]()
    spare = SpareTime(loop.call_soon)
    for number in range(20 * SHARE):
        spare.do(done.append, number)
    loop.until_idle()
    assert done == list(range(20 * SHARE))
    assert loop.turns < 5 * SHARE


def test_the_loop_is_left_alone_when_nothing_waits_and_asked_again_when_something_does() -> None:
    loop, done = Loop(), list[int]()
    spare = SpareTime(loop.call_soon)
    spare.do(done.append, 1)
    loop.until_idle()
    assert not loop.soon
    spare.do(done.append, 2)
    assert len(loop.soon) == 1
    loop.until_idle()
    assert done == [1, 2]


def test_work_may_bring_work() -> None:
    loop, done = Loop(), list[int]()
    spare = SpareTime(loop.call_soon)

    def twice(number: int) -> None:
        done.append(number)
        if number < 3:
            spare.do(twice, number + 1)

    spare.do(twice, 1)
    loop.until_idle()
    assert done == [1, 2, 3]


def test_a_piece_that_fails_does_not_keep_the_others_from_being_done() -> None:
    loop, done = Loop(), list[int]()
    spare = SpareTime(loop.call_soon)

    def fail(_: int) -> None:
        raise ValueError("a hook's own")

    spare.do(fail, 0)
    spare.do(done.append, 1)
    with pytest.raises(ValueError, match="a hook's own"):
        loop.turn()
    loop.until_idle()
    assert done == [1]
