"""How fast the judge goes: at full speed while there is room, in short turns while users need the machine.

Priorities alone are not enough. Two hyperthreads share one core, so a judge on one slows a worker on the other:
measured on two, every answer different, users got 6,500 requests/s beside a judge at full speed and 8,400 beside none.
What is not judged at once waits in the recording; when that fills, the judge goes at full speed whatever else there is.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final, NamedTuple

ROOM: Final = 0.5  # share of the machine that must be free, the judge's own part included
TURN_S: Final = 0.05
DUTY: Final = 0.15
FULL: Final = 0.25  # share of the recording's bound that may wait
_STAT: Final = Path("/proc/stat")


class Usage(NamedTuple):
    """CPU time since the machine started and since the judge did, in seconds."""

    idle_s: float
    total_s: float
    own_s: float


class Pace:
    """Looks at the machine now and then, and says how long to rest after a step."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._before = usage()
        self.hurried = True

    def look(self, waiting_bytes: int) -> None:
        """Decide anew, by what the machine did since the last look."""
        now = usage()
        self.hurried = waiting_bytes > FULL * self._max_bytes or has_room(self._before, now)
        self._before = now

    def rest_s(self, worked_s: float) -> float:
        """How long to rest after working so long."""
        return 0.0 if self.hurried else worked_s * (1 - DUTY) / DUTY


def has_room(before: Usage | None, after: Usage | None) -> bool:
    """Whether enough of the machine was free between two looks, or nothing is known of it. Pure."""
    if before is None or after is None or after.total_s <= before.total_s:
        return True
    free_s = (after.idle_s - before.idle_s) + (after.own_s - before.own_s)
    return free_s >= ROOM * (after.total_s - before.total_s)


def usage() -> Usage | None:
    """What the kernel says, proc(5); None where it says nothing."""
    try:
        ticks = [int(field) for field in _STAT.read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return None
    per_second = os.sysconf("SC_CLK_TCK")
    return Usage((ticks[3] + ticks[4]) / per_second, sum(ticks) / per_second, time.process_time())
