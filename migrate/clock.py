"""The machine's own time: `ports.Clock`."""

from __future__ import annotations

import time


class SystemClock:
    """Time as this machine tells it."""

    def now_s(self) -> float:
        """Seconds since 1970, for what is written down."""
        return time.time()

    def monotonic_s(self) -> float:
        """Seconds that never go back, for deadlines."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)
