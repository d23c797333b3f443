"""Requests/s and CPU time per request, side by side: in each round every subject once, the order turning."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import load
from load import Load, Outcome
from peers import Subject
from processes import cpu_us
from results import Row, Sample, Spread, median, of, ratio
from stage import Stage
from subject import FLUSH_S, Accounts, Understudy

KAGE = 0.235  # kage's requests/s over Envoy's mirror's, measured once on loopback, 1 KB JSON, everything mirrored
WARM_UP_S = 1
Participant = Subject | Understudy


class Aftermath(NamedTuple):
    """What became of one load's requests, and how long the judge needed after the load to get there."""

    accounts: Accounts
    seconds: float


def throughput(stage: Stage) -> list[Row]:
    """The 1 KB JSON table."""
    peers = stage.peers
    subjects = (peers.nginx_plain, peers.nginx_mirror, peers.envoy, stage.equal(), stage.different())
    ends = compare(stage, load.USERS, subjects)
    equal, different = (_over_envoy(stage, load.USERS, f"understudy, {kind}") for kind in ("equal", "different"))
    cpu = _over_envoy(stage, load.USERS, "understudy, equal", "cpu_us")
    kage = Spread(equal.value / KAGE, equal.low / KAGE, equal.high / KAGE)
    return [
        _row("requests/s over Envoy's mirror, answers equal", equal, at_least=2.0),
        _row("CPU per request over Envoy's mirror, answers equal", cpu, at_most=0.6),
        _row("requests/s over Envoy's mirror, every answer different", different, at_least=1.2),
        judged("judged of the received, answers equal", ends["understudy, equal"]),
        judged("judged of the received, every answer different", ends["understudy, different"]),
        _row(f"requests/s over kage's {KAGE} of Envoy's mirror", kage, at_least=8),
    ]


def heads(stage: Stage) -> list[Row]:
    """No two heads alike: what is left where nothing about a head can be remembered."""
    return _extra(stage, load.HEADS, stage.different())


def large(stage: Stage) -> list[Row]:
    """Answers of 100 KB."""
    return _extra(stage, load.LARGE, stage.different())


def posts(stage: Stage) -> list[Row]:
    """Requests with a body, mirrored with it."""
    return _extra(stage, load.ORDERS, stage.different())


def _extra(stage: Stage, asked: Load, different: Understudy) -> list[Row]:
    subjects = (stage.peers.nginx_mirror, stage.peers.envoy, stage.equal(), different)
    ends = compare(stage, asked, subjects)
    rows = [
        _row(f"requests/s over Envoy's mirror, {kind}; {asked.name}", _over_envoy(stage, asked, f"understudy, {kind}"))
        for kind in ("equal", "different")
    ]
    cpu = _over_envoy(stage, asked, "understudy, equal", "cpu_us")
    rows.append(_row(f"CPU per request over Envoy's mirror, equal; {asked.name}", cpu))
    return rows + [judged(f"judged of the received, {name[12:]}; {asked.name}", end) for name, end in ends.items()]


def judged(what: str, ends: Sequence[Aftermath]) -> Row:
    """Whether all that arrived is accounted for, in every round, and how much of it was judged."""
    shares = [100 * end.accounts.judged_share for end in ends]
    worst = min(range(len(ends)), key=lambda i: (ends[i].accounts.complete, shares[i]))
    complete = all(end.accounts.complete for end in ends)
    slowest = max(end.seconds for end in ends)
    note = f"{'all' if complete else 'NOT all'} accounted for, {slowest:.1f} s after the load; {ends[worst].accounts}"
    middle = sorted(shares)[len(shares) // 2]
    return Row(what, middle, "%", low=min(shares), high=max(shares), note=note, failed=not complete)


def _row(what: str, spread: Spread, at_least: float | None = None, at_most: float | None = None) -> Row:
    return Row(what, spread.value, "x", at_least, at_most, spread.low, spread.high)


def _over_envoy(stage: Stage, asked: Load, name: str, field: str = "per_second") -> Spread:
    envoy = of(stage.samples, asked.name, stage.peers.envoy.name)
    return ratio(of(stage.samples, asked.name, name), envoy, field)


def compare(stage: Stage, asked: Load, participants: Sequence[Participant]) -> dict[str, list[Aftermath]]:
    """Rounds of wrk over all participants: samples go to the stage, the aftermath of each Understudy is returned."""

    def run(port: int, seconds: float) -> Outcome:
        return load.closed(stage.tools, port, asked, seconds)

    return in_turns(stage, asked.name, participants, run, stage.effort.rounds)


def in_turns(
    stage: Stage, name: str, participants: Sequence[Participant], run: Callable[[int, float], Outcome], rounds: int
) -> dict[str, list[Aftermath]]:
    """Warm each up, then `rounds` rounds; whoever is first in one is last in the next."""
    ends: dict[str, list[Aftermath]] = {p.subject.name: [] for p in participants if isinstance(p, Understudy)}
    for participant in participants:
        _once(participant, name, run, WARM_UP_S)
    for number in range(rounds):
        turned = [*participants[number % len(participants) :], *participants[: number % len(participants)]]
        for participant in turned:
            sample, end = _once(participant, name, run, stage.effort.seconds)
            stage.samples.append(sample)
            if end:
                ends[sample.subject].append(end)
            _tell(number, rounds, sample)
    return ends


def _once(
    participant: Participant, name: str, run: Callable[[int, float], Outcome], seconds: float
) -> tuple[Sample, Aftermath | None]:
    """One load on one subject. What Understudy does afterwards to catch up is waited for and counts as its CPU time."""
    subject = participant if isinstance(participant, Subject) else participant.subject
    if isinstance(participant, Understudy):
        participant.mark()
    before = cpu_us(subject.pid) if subject.pid else 0.0
    outcome = run(subject.port, seconds)
    end = _aftermath(participant, outcome) if isinstance(participant, Understudy) else None
    used = cpu_us(subject.pid) - before if subject.pid else 0.0
    spent = used / outcome.requests if outcome.requests else 0.0
    return Sample(name, subject.name, *outcome[:4], cpu_us=spent, errors=outcome.errors, calm=outcome.calm), end


def _aftermath(understudy: Understudy, outcome: Outcome) -> Aftermath:
    start = time.monotonic()
    accounts = understudy.settle(outcome.requests)
    return Aftermath(accounts, max(0.0, time.monotonic() - start - FLUSH_S))


def _tell(number: int, rounds: int, sample: Sample) -> None:
    print(
        f"{sample.load}, round {number + 1}/{rounds}: {sample.subject:28} {sample.per_second:8,.0f}/s "
        f"p99 {sample.p99_us / 1000:7.2f} ms  CPU {sample.cpu_us:6.1f} us  {sample.errors}",
        file=sys.stderr,
    )


def medians(samples: Sequence[Sample]) -> list[tuple[str, str, Spread, Spread, Spread, Spread, str]]:
    """A line for each load and subject: requests/s, p50, p99, CPU, errors."""
    lines = []
    for asked, subject in dict.fromkeys((s.load, s.subject) for s in samples):
        mine = of(samples, asked, subject)
        figures = [median(mine, field) for field in ("per_second", "p50_us", "p99_us", "cpu_us")]
        errors = "; ".join(dict.fromkeys(s.errors for s in mine if s.errors))
        lines.append((asked, subject, figures[0], figures[1], figures[2], figures[3], errors))
    return lines
