import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stalls import AFTER_S, BEFORE_S, Stall, Watchers, calm, permitted

ONE = Stall(1.0, 1.004)


@pytest.mark.parametrize(
    ("due", "kept"),
    [
        (0.5, True),
        (1.0 - BEFORE_S - 0.001, True),
        (1.0 - BEFORE_S + 0.001, False),  # it was under way when the core stopped
        (1.002, False),
        (1.004 + AFTER_S + 0.007, False),  # what had gathered is being worked off: twice 4 ms
        (1.004 + AFTER_S + 0.009, True),
    ],
)
def test_what_was_due_near_a_stall_is_left_out(due, kept):
    assert calm([(due, 0.5)], [ONE]) == ([0.5] if kept else [])


def test_a_slow_answer_of_a_calm_moment_stays():
    """Otherwise a proxy that stops by itself would look fast."""
    assert calm([(0.9, 0.2)], [ONE]) == [0.2]


def test_a_short_stall_within_the_wake_of_a_long_one_does_not_end_it():
    long, short = Stall(1.0, 1.1), Stall(1.101, 1.1015)
    assert calm([(1.2, 0.001)], [long, short]) == []


moments = st.floats(0, 10)
stalls = st.builds(lambda begin, length: Stall(begin, begin + length), moments, st.floats(0.0003, 0.5))


@given(st.lists(st.tuples(moments, st.floats(0, 1))), st.lists(stalls))
def test_each_is_judged_by_itself(answers, seen):
    def near(due: float) -> bool:
        return any(s.begin - BEFORE_S <= due <= s.end + AFTER_S + 2 * s.seconds for s in seen)

    assert calm(answers, seen) == [latency for due, latency in sorted(answers) if not near(due)]


@pytest.mark.skipif(not permitted(), reason="watching needs root, or CAP_SYS_NICE")
def test_a_core_that_is_held_by_something_stronger_is_seen():
    before = os.sched_getscheduler(0), os.sched_getparam(0), os.sched_getaffinity(0)
    with Watchers() as watchers:
        time.sleep(0.05)
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(90))
        os.sched_setaffinity(0, {min(before[2])})
        begin, held_s = time.perf_counter(), time.process_time()
        while time.process_time() < held_s + 0.4:  # not by the clock, or it would hold nothing where it is held itself
            pass
        os.sched_setaffinity(0, before[2])
        os.sched_setscheduler(0, before[0], before[1])
        end = time.perf_counter()
        time.sleep(0.05)
    # the host may stop another core meanwhile, and let ours wait on either side: not for most of the time
    assert any(min(s.end, end) - max(s.begin, begin) > 0.15 for s in watchers.stalls), watchers.stalls
