"""Whether a shadow is asked at all: a breaker that opens when it fails too often, probes, and closes. Pure.

A failure adds one to a score and a success takes one off, so the breaker opens when more requests fail than
succeed for long enough, in a row or not. Transitions:

    CLOSED  --score reaches `failures`-->  OPEN  --`probe_s` later, one request-->  PROBING
    PROBING --success-->  CLOSED           PROBING --failure-->  OPEN
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


class Breaker:
    """The breaker of one shadow in one worker. Times are seconds of any monotonic clock."""

    __slots__ = ("_failures", "_opened_at", "_probe_s", "_score", "opened", "state")

    def __init__(self, failures: int, probe_s: float) -> None:
        self.limit(failures, probe_s)
        self._score = 0
        self._opened_at = 0.0
        self.state = State.CLOSED
        self.opened = 0

    def limit(self, failures: int, probe_s: float) -> None:
        """Open at this score from now on, and probe after so long."""
        self._failures = failures
        self._probe_s = probe_s

    def allows(self, now: float) -> bool:
        """Whether a request may be sent; true once for a probe, and then the outcome must be told."""
        if self.state is State.CLOSED:
            return True
        if self.state is State.OPEN and now >= self._opened_at + self._probe_s:
            self.state = State.PROBING
            return True
        return False

    def succeeded(self) -> None:
        """The shadow answered, whatever it answered."""
        if self._score:
            self._score -= 1
        if self.state is State.PROBING:
            self.state = State.CLOSED
            self._score = 0

    def not_sent(self) -> None:
        """What was allowed was not sent after all; the next one may probe in its place."""
        if self.state is State.PROBING:
            self.state = State.OPEN

    def failed(self, now: float) -> None:
        """The shadow gave no answer. Failures of requests sent before the breaker opened change nothing."""
        if self.state is State.OPEN:
            return
        self._score += 1
        if self.state is State.PROBING or self._score >= self._failures:
            self.state = State.OPEN
            self.opened += 1
            self._opened_at = now
            self._score = 0
