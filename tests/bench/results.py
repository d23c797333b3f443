"""What a run yields: samples as measured, and rows that say what they mean."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct


class Calm(Struct, frozen=True):
    """The requests of a load that were due while the host let us have all cores (stalls.py).

    `stalled_ms` is how long the watchers of all cores were kept waiting, `stolen_ms` what the host says it took.
    """

    requests: int
    p99_us: float
    stalled_ms: float
    stolen_ms: float


class Sample(Struct, frozen=True):
    """One subject under one load, once. Times in microseconds; `cpu_us` is per request, 0 where not counted."""

    load: str
    subject: str
    requests: int
    per_second: float
    p50_us: float
    p99_us: float
    cpu_us: float = 0.0
    errors: str = ""
    calm: Calm | None = None

    @property
    def calm_p99_us(self) -> float:
        """Of the requests of calm moments; not a number where nobody watched."""
        return self.calm.p99_us if self.calm else float("nan")


class Spread(Struct, frozen=True):
    """A headline figure and the lowest and highest that single rounds gave."""

    value: float
    low: float
    high: float


class Row(Struct, frozen=True):
    """A line of the report. Without a bound it is only told; with one, `met` says whether it was reached."""

    what: str
    value: float
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""
    failed: bool = False  # the note says that something is wrong, whatever the value

    @property
    def met(self) -> bool | None:
        """Whether the target was reached; None where there is none."""
        if self.at_least is None and self.at_most is None and not self.failed:
            return None
        enough = self.at_least is None or self.value >= self.at_least
        return enough and (self.at_most is None or self.value <= self.at_most) and not self.failed


def of(samples: Iterable[Sample], load: str, subject: str) -> list[Sample]:
    """The samples of one subject under one load, in order of rounds."""
    return [s for s in samples if s.load == load and s.subject == subject]


def median(samples: Sequence[Sample], field: str) -> Spread:
    """The median of a field over the rounds."""
    return _spread([getattr(s, field) for s in samples], statistics.median(getattr(s, field) for s in samples))


def ratio(one: Sequence[Sample], other: Sequence[Sample], field: str) -> Spread:
    """The ratio of the medians, and the lowest and highest of the rounds' own ratios."""
    return _related(one, other, field, lambda a, b: a / b)


def difference(one: Sequence[Sample], other: Sequence[Sample], field: str) -> Spread:
    """The difference of the medians, and the lowest and highest of the rounds' own differences."""
    return _related(one, other, field, lambda a, b: a - b)


def _related(
    one: Sequence[Sample], other: Sequence[Sample], field: str, relate: Callable[[float, float], float]
) -> Spread:
    single = [relate(getattr(a, field), getattr(b, field)) for a, b in zip(one, other, strict=True)]
    return _spread(single, relate(median(one, field).value, median(other, field).value))


def _spread(values: Sequence[float], value: float) -> Spread:
    return Spread(value, min(values), max(values))
