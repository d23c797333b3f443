"""What leaves no exchange behind, told to the recording: what a shadow was not sent, and what the disk did not take.

The judge counts it as it counts exchanges, so that a shadow's outage is in the evidence after a restart too. What the
disk does not take of it is told again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from understudy.exchange import Missed


class Missing:
    """What was told so far, of counters that only grow."""

    def __init__(self) -> None:
        self._shed: Counter[str] = Counter()
        self._unrecorded = 0

    def since(self, shed: Mapping[str, int], unrecorded: int) -> Missed | None:
        """What is to be told now; None where there is nothing new."""
        more = Counter(shed) - self._shed
        missed = Missed(dict(more), unrecorded - self._unrecorded)
        if not more and not missed.unrecorded:
            return None
        self._shed += more
        self._unrecorded = unrecorded
        return missed

    def untold(self, missed: Missed) -> None:
        """The disk did not take it."""
        self._shed -= Counter(missed.shed)
        self._unrecorded -= missed.unrecorded
