"""A clock for tests of what waits."""

from __future__ import annotations

from understudy.migrate.clock import SystemClock


class Hurried(SystemClock):
    """Time that passes while nobody waits for it."""

    def __init__(self) -> None:
        self._slept_s = 0.0

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self._slept_s

    def sleep(self, seconds: float) -> None:
        self._slept_s += seconds
