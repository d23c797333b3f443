"""One subject's latencies beside another's, round by round: of calm moments, where they could be watched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from results import Sample, Spread, of

ENOUGH = 1_000  # requests of calm moments in a round, since a p99 rests on a hundredth of them
Rounds = list[tuple[Sample, Sample]]
Relate = Callable[[Sequence[Sample], Sequence[Sample], str], Spread]  # results.ratio or results.difference


class Told(NamedTuple):
    """How the p99 of the one relates to that of the other; `note` says what that rests on, `enough` if it may."""

    spread: Spread
    note: str
    enough: bool = True


class Beside(NamedTuple):
    """A subject and the one that it is held against, under one load."""

    load: str
    subject: str
    other: str

    def rounds(self, samples: Sequence[Sample]) -> Rounds:
        """Each sample with the other's of the same round; rounds that were added hold only some subjects."""
        one, other = (of(samples, self.load, name) for name in (self.subject, self.other))
        return list(zip(one, other, strict=False))

    def calm(self, samples: Sequence[Sample]) -> Rounds:
        """The rounds in which the host left enough of both."""
        return [pair for pair in self.rounds(samples) if all(s.calm and s.calm.requests >= ENOUGH for s in pair)]

    def lacks(self, samples: Sequence[Sample], wanted: int) -> bool:
        """Whether there are fewer calm rounds than wanted, and more of them could be had."""
        return _watched(self.rounds(samples)) and len(self.calm(samples)) < wanted

    def raw(self, samples: Sequence[Sample], relate: Relate) -> Spread:
        """Of all requests, with what the host held up."""
        return relate(*_sides(self.rounds(samples)), "p99_us")

    def told(self, samples: Sequence[Sample], relate: Relate, wanted: int) -> Told:
        """Of the requests of calm moments; where nobody could watch, or hardly a round was calm, of all."""
        rounds, calm = self.rounds(samples), self.calm(samples)
        if not _watched(rounds):
            return Told(self.raw(samples, relate), "with what the host held up: only root can watch for that")
        if 2 * len(calm) < wanted:
            note = f"with what the host held up: calm enough in {len(calm)} of {len(rounds)} rounds; try again"
            return Told(self.raw(samples, relate), note, enough=False)
        note = f"{len(calm)} of {len(rounds)} rounds were calm enough; {_left_out(calm)}"
        return Told(relate(*_sides(calm), "calm_p99_us"), note)


def _watched(rounds: Rounds) -> bool:
    return all(sample.calm for pair in rounds for sample in pair)


def _sides(rounds: Rounds) -> tuple[list[Sample], list[Sample]]:
    return [one for one, _ in rounds], [other for _, other in rounds]


def _left_out(calm: Rounds) -> str:
    """How much was left out, and whether what the watchers saw is what the host says."""
    told = []
    for samples in _sides(calm):
        seen = [sample.calm for sample in samples if sample.calm]
        left = sum(c.requests for c in seen) / sum(sample.requests for sample in samples)
        held, stolen = (sum(getattr(c, field) for c in seen) / 1e3 for field in ("stalled_ms", "stolen_ms"))
        who = samples[0].subject
        told.append(f"{who}: {left:.0%} due in calm moments (cores stood still {held:.2f} s; stolen {stolen:.2f} s)")
    return ", ".join(told)
