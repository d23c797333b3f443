"""How fast the judge goes."""

from __future__ import annotations

import pytest

from understudy.diffs.pace import DUTY, Pace, Usage, has_room, usage


@pytest.mark.parametrize(
    ("idle_s", "own_s", "room"),
    [(2.0, 0.0, True), (0.0, 0.0, False), (0.9, 0.0, False), (0.5, 0.5, True), (0.1, 0.6, False)],
)
def test_there_is_room_where_half_the_machine_would_be_free_without_the_judge(
    idle_s: float, own_s: float, room: bool
) -> None:
    before = Usage(100.0, 200.0, 10.0)
    assert has_room(before, Usage(100.0 + idle_s, 202.0, 10.0 + own_s)) is room


def test_where_nothing_is_known_of_the_machine_nothing_holds_the_judge_back() -> None:
    assert has_room(None, Usage(1, 2, 3))
    assert has_room(Usage(1, 2, 3), None)
    assert has_room(Usage(1, 2, 3), Usage(1, 2, 3))


def test_the_kernel_tells_how_the_machine_is_used() -> None:
    now = usage()
    assert now is not None
    assert 0 <= now.idle_s <= now.total_s
    assert now.own_s > 0


def test_a_judge_without_room_rests_most_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace(1000)
    assert pace.rest_s(1.0) == 0
    monkeypatch.setattr("understudy.diffs.pace.has_room", lambda before, after: False)
    pace.look(waiting_bytes=100)
    assert 1.0 / (1.0 + pace.rest_s(1.0)) == pytest.approx(DUTY)


def test_a_recording_that_fills_hurries_the_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.diffs.pace.has_room", lambda before, after: False)
    pace = Pace(1000)
    pace.look(waiting_bytes=251)
    assert pace.hurried
