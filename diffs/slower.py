"""Whether a new stack is slower at an endpoint, by more than chance and by enough to matter. Pure.

Both stacks answered the same requests, so each is a witness: of those in which they were not equally fast, as many
should be faster as slower where the stacks are alike (the sign test). A median ratio says "slower" only where more
were slower than chance has it. The tail has few witnesses, the slowest fortieth of all answers (a twentieth of one
stack's, where that one has the tail alone): they too come from either stack as often where the two are alike. So a
tail counts once there are enough of them to tell, however far apart two bare 95th percentiles lie: of 60 requests
each, with one spike in twenty, those of two equal stacks were twice as far apart at one endpoint in ten.

Among k endpoints, with two questions each, one in twenty sites of equal stacks would be called slower by chance, so
the certainty asked of each is 1 - 0.05 / 2k (Bonferroni), as for differences.
"""

from __future__ import annotations

from typing import Final

from understudy.diffs import bounds
from understudy.diffs.sketch import Paired, Sketch, milliseconds, ratio

SLOWER_RATIO: Final = 1.25  # the median of the paired ratios from which on an endpoint is marked
SLOWER_TAIL: Final = 2.0  # or new's 95th percentile against old's, where most of the pairs are slower
SLOWER_MS: Final = 1.0  # and so much in milliseconds: twice of nothing is nothing
SLOWER_REQUESTS: Final = 20  # fewer tell nothing about latency
TAIL: Final = 0.95
TAIL_OF_BOTH: Final = 0.975
_EVEN: Final = 0.5


def is_slower(paired: Paired, endpoints: int) -> bool:
    """Whether the new stack is slower at this one of so many endpoints that `can_tell`."""
    if not can_tell(paired):
        return False
    certainty = 1 - (1 - bounds.CERTAINTY) / (2 * max(1, endpoints))
    return _is_usually(paired, certainty) or _is_at_the_end(paired, certainty)


def can_tell(paired: Paired) -> bool:
    """Whether there are enough pairs to say anything."""
    return len(paired.ratio) >= SLOWER_REQUESTS


def _is_usually(paired: Paired, certainty: float) -> bool:
    middle, delta = paired.ratio.at(0.5), paired.delta.at(0.5)
    if middle is None or delta is None or ratio(middle) < SLOWER_RATIO or milliseconds(delta) < SLOWER_MS:
        return False
    slower, faster = _from(paired.ratio, 1), _to(paired.ratio, -1)
    return bounds.exceeds(_EVEN, slower, slower + faster, certainty)


def _is_at_the_end(paired: Paired, certainty: float) -> bool:
    """By the tail of each stack; that of the paired ratios says nothing: jitter alone stretches it."""
    old, new, middle = paired.old.at(TAIL), paired.new.at(TAIL), paired.ratio.at(0.5)
    if old is None or new is None or middle is None or middle <= 0:
        return False
    old_ms, new_ms = milliseconds(old), milliseconds(new)
    if new_ms < SLOWER_TAIL * old_ms or new_ms - old_ms < SLOWER_MS:
        return False
    both = Sketch()
    both.merge(paired.old)
    both.merge(paired.new)
    end = both.at(TAIL_OF_BOTH)
    assert end is not None
    of_old, of_new = _from(paired.old, end), _from(paired.new, end)
    return bounds.exceeds(_EVEN, of_new, of_old + of_new, certainty)


def _from(sketch: Sketch, least: int) -> int:
    return sum(times for number, times in sketch.counts.items() if number >= least)


def _to(sketch: Sketch, most: int) -> int:
    return sum(times for number, times in sketch.counts.items() if number <= most)
