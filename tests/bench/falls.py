"""What a contender leaves of the source's own work: sysbench alone, and beside each contender that runs meanwhile.

Two loads: as much as a few sessions can get done, which takes all of a small machine, so that whatever else works there
shows; and a rate that leaves the machine half idle, as production does, where a fall means that users are held up.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

import offered
from contenders import Contender
from offered import Load
from pair import Pair
from results import Row, Sample

ALONE = "the source alone"
CLOSED, AT_RATE = "sysbench, 4 threads", "sysbench at a fixed rate"
THREADS = 4
THREADS_AT_RATE = 16  # so that slow transactions do not hold back those that are due
SHARE = 0.4  # of what the source does without anything beside it, in the load at a fixed rate
MOST_PERCENT = 10.0


class Loaded(NamedTuple):
    """One load, with one contender beside it or none; `wrong` is what the contender stumbled over."""

    load: str
    subject: str
    measured: Load
    wrong: str = ""

    def sample(self) -> Sample:
        """For the report."""
        load = self.measured
        errors = ", ".join(filter(None, [f"{load.retried} retried" if load.retried else "", self.wrong]))
        return Sample(
            self.load,
            self.subject,
            load.transactions,
            load.per_second,
            load.p50_ms * 1e3,
            load.p99_ms * 1e3,
            errors=errors,
        )


def measure(pair: Pair, contenders: Sequence[Contender], seconds: float, rounds: int) -> list[Loaded]:
    """Every load with every subject, in turn; the rate is a share of what the source does alone at first."""
    found: list[Loaded] = []
    rate = max(1.0, round(SHARE * offered.run(pair, THREADS, seconds).per_second))
    for _ in range(rounds):
        for load, threads, per_second in ((CLOSED, THREADS, 0.0), (AT_RATE, THREADS_AT_RATE, rate)):
            found.append(Loaded(load, ALONE, offered.run(pair, threads, seconds, per_second)))
            for contender in contenders:
                with contender.beside() as wrong:
                    measured = offered.run(pair, threads, seconds, per_second)
                found.append(Loaded(load, contender.name, measured, "; ".join(wrong)))
                pair.forget_checksums()
    return found


def rows(found: Sequence[Loaded], ours: str, peer: str) -> list[Row]:
    """How far the throughput falls, in percent, and what users wait; beside our own it may fall by a tenth."""
    made = []
    for load in (AT_RATE, CLOSED):
        alone = _of(found, load, ALONE)
        for subject in (ours, peer):
            beside = _of(found, load, subject)
            single = [_fall(one, other) for one, other in zip(alone, beside, strict=True)]
            most = MOST_PERCENT if subject == ours else None
            wrong = [one.wrong for one in found if one.load == load and one.subject == subject and one.wrong]
            made.append(
                Row(
                    f"{load}: throughput falls, {subject} beside it", _fall(_median(alone), _median(beside)), "%",
                    at_most=most, low=min(single), high=max(single),
                    note="; ".join([_told(alone, beside), *wrong]), failed=bool(wrong),
                )
            )  # fmt: skip
    return made


def _of(found: Sequence[Loaded], load: str, subject: str) -> list[Load]:
    return [one.measured for one in found if one.load == load and one.subject == subject]


def _median(loads: Sequence[Load]) -> Load:
    return Load(*(statistics.median(values) for values in zip(*loads, strict=True)))  # type: ignore[arg-type]


def _fall(alone: Load, beside: Load) -> float:
    return 100 * (1 - beside.per_second / alone.per_second)


def _told(alone: Sequence[Load], beside: Sequence[Load]) -> str:
    one, other = _median(alone), _median(beside)
    return (
        f"{one.per_second:,.0f} to {other.per_second:,.0f} transactions/s, p95 {one.p95_ms:.0f} to "
        f"{other.p95_ms:.0f} ms, {other.retried:.0f} had to be tried again"
    )
