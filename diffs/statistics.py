"""A minute's statistics as one event for a log. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from understudy.diffs.sketch import Paired, milliseconds, ratio
from understudy.diffs.tally import Tally

EVERY_S: Final = 60.0
MAX_ENDPOINTS: Final = 20
QUANTILES: Final = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


class Minute:
    """Gathers tallies until a minute is over."""

    def __init__(self) -> None:
        self._since = 0.0
        self._clear()

    def _clear(self) -> None:
        self._totals: Counter[str] = Counter()
        self._latency: dict[str, Paired] = {}
        self._different: Counter[str] = Counter()

    def add(self, tally: Tally) -> None:
        """Add what was counted."""
        self._totals.update(tally.totals)
        for (endpoint, shadow), counts in tally.pairs.items():
            self._latency.setdefault(shadow, Paired()).merge(counts.latency)
            if different := counts.outcomes.get("different"):
                self._different[endpoint] += different

    def event(self, now: float) -> dict[str, Any] | None:
        """The event of the minute that is over at `now` (unix seconds), if one is."""
        if not self._since:
            self._since = now
        if now - self._since < EVERY_S:
            return None
        event = {
            "at": now,
            "seconds": round(now - self._since, 3),
            **self._totals,
            "latency": {shadow: latency_summary(paired) for shadow, paired in self._latency.items()},
            "most_different": dict(self._different.most_common(MAX_ENDPOINTS)),
        }
        self._since = now
        self._clear()
        return event


def latency_summary(paired: Paired) -> dict[str, dict[str, float | None]]:
    """p50, p95 and p99 of old, new and new - old in ms, and of new / old."""
    shown = {"old_ms": (paired.old, milliseconds), "new_ms": (paired.new, milliseconds)}
    shown |= {"delta_ms": (paired.delta, milliseconds), "ratio": (paired.ratio, ratio)}
    return {
        name: {
            label: round(value(number), 3) if (number := sketch.at(quantile)) is not None else None
            for label, quantile in QUANTILES.items()
        }
        for name, (sketch, value) in shown.items()
    }
