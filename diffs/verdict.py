"""Whether the shadow traffic proves that a new stack may take over: go, wait or no go, with numbers. Pure.

A request that differs, or that the shadow failed to answer, speaks against the new stack. One that the old stack
answers differently each time, or in which both agreed when asked again, says nothing and is left out. So is one that
was not asked again and differs only where those that were show noise: of an endpoint, no more requests are blamed than
its blamed places have together.

What is left is a sample. It speaks for the new stack once the upper bound of the rate of differing requests is at or
below what is allowed (`wait` before that: there is too little of it), and against it once the lower bound is above.
The average hides a page that few ask for and that is broken for all of them, so each endpoint is held against the same
limit; among k endpoints one in twenty would be blamed by chance, so the certainty asked of each is 1 - 0.05 / k
(Bonferroni). What is not in the sample is no evidence either: endpoints with few requests, what was lost or could not
be recorded, and what a shadow that was down was never asked, which the recording tells (`exchange.Missed`).

Requests are counted as if each were drawn by itself. A thousand requests for one page in one minute are fewer than a
thousand witnesses: that is what traffic over a day with its peaks is for, and no number here can tell it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from understudy import config
from understudy.diffs import bounds
from understudy.diffs.findings import GRAVEST, EndpointRow, Latencies, PlaceRow
from understudy.exchange import Missed
from understudy.verdict import Open, Reason, Ruling, ShadowVerdict, Slower, gravest

NAMED: Final = 3  # endpoints in a reason; the others are counted


class Seen(NamedTuple):
    """What a judge's database holds; `ignored` are the paths that are left out of the comparison."""

    totals: dict[str, int]
    endpoints: Sequence[EndpointRow]
    places: Sequence[PlaceRow]
    latencies: dict[str, Latencies]
    last_at: float | None
    missed: Missed
    ignored: tuple[str, ...] = ()


class Counted(NamedTuple):
    """An endpoint's requests: all, those that tell something, and those of them that differ or failed."""

    endpoint: str
    requests: int
    telling: int
    different: int


def rule(seen: Seen, shadow: str, wanted: config.Verdict) -> ShadowVerdict:
    """The verdict on one shadow."""
    rows = [row for row in seen.endpoints if row.shadow == shadow]
    counted = count(rows, [place for place in seen.places if place.shadow == shadow])
    made = _latencies(_numbers(seen, shadow, counted, wanted), seen.latencies.get(shadow))
    made = replace(made, slower=tuple(_slower(rows, wanted)), open=_open(seen.places, shadow))
    reasons = sorted(_reasons(made, counted, wanted), key=lambda one: one.ruling is not Ruling.NO_GO)
    ruling = gravest([reason.ruling for reason in reasons]) if reasons else Ruling.GO
    return replace(made, ruling=ruling, reasons=tuple(reasons))


def count(rows: Sequence[EndpointRow], places: Sequence[PlaceRow]) -> list[Counted]:
    """The endpoints of one shadow, those with the most differing requests first."""
    blamed: Counter[str] = Counter()
    for place in places:
        blamed[place.endpoint] += place.blamed
    counted = []
    for row in rows:
        unlike = row.outcomes["different"] + row.outcomes["failed"]
        same = row.outcomes["equal"] + row.outcomes["equal_after_lifting"]
        different = min(unlike, blamed[row.endpoint])
        counted.append(Counted(row.endpoint, row.requests, same + different, different))
    return sorted(counted, key=lambda one: (-one.different, -one.requests, one.endpoint))


def _numbers(seen: Seen, shadow: str, counted: list[Counted], wanted: config.Verdict) -> ShadowVerdict:
    requests = sum(one.requests for one in counted)
    telling, different = sum(one.telling for one in counted), sum(one.different for one in counted)
    rare = [one for one in counted if one.telling < wanted.min_endpoint_requests]
    lost = sum(seen.totals[name] for name in ("lost", "torn", "unjudged"))
    missed = seen.missed.shed.get(shadow, 0) + seen.missed.unrecorded
    recorded = seen.totals["judged"] + seen.totals["lost"] + seen.totals["torn"]
    return ShadowVerdict(
        shadow,
        Ruling.WAIT,
        requests=requests,
        telling=telling,
        different=different,
        different_lower=bounds.lower(different, telling),
        different_upper=bounds.upper(different, telling),
        endpoints=len(counted),
        covered=1 - sum(one.requests for one in rare) / requests if requests else 0.0,
        rare=tuple(one.endpoint for one in sorted(rare, key=lambda one: -one.requests)),
        lost=lost,
        lost_share=lost / recorded if recorded else 0.0,
        missed=missed,
        missed_share=missed / (requests + missed) if missed else 0.0,
        last_at=seen.last_at,
        ignored=seen.ignored,
    )


def _latencies(made: ShadowVerdict, latency: Latencies | None) -> ShadowVerdict:
    if latency is None:
        return made
    old_p95_ms, new_p95_ms = latency["old_ms"]["p95"], latency["new_ms"]["p95"]
    return replace(made, ratio_p50=latency["ratio"]["p50"], old_p95_ms=old_p95_ms, new_p95_ms=new_p95_ms)


def _slower(rows: Sequence[EndpointRow], wanted: config.Verdict) -> Iterator[Slower]:
    for row in rows:
        ratio = row.latency["ratio"]["p50"] or 0.0
        old_ms, new_ms = row.latency["old_ms"]["p95"] or 0.0, row.latency["new_ms"]["p95"] or 0.0
        if row.slower and (ratio >= wanted.max_slower or new_ms >= wanted.max_slower * old_ms):
            yield Slower(row.endpoint, ratio, old_ms, new_ms)


def _open(places: Sequence[PlaceRow], shadow: str) -> tuple[Open, ...]:
    requests: Counter[str] = Counter()
    endpoints: defaultdict[str, set[str]] = defaultdict(set)
    for place in places:
        if place.shadow == shadow and not place.is_forgiven:
            requests[place.name] += place.blamed
            endpoints[place.name].add(place.endpoint)
    order = {name: grave for grave, name in enumerate(GRAVEST)}
    names = sorted(requests, key=lambda name: (order.get(name, len(order)), -requests[name], name))
    return tuple(Open(name, requests[name], len(endpoints[name])) for name in names)


def _reasons(made: ShadowVerdict, counted: list[Counted], wanted: config.Verdict) -> Iterator[Reason]:
    if not made.requests:
        yield Reason(Ruling.WAIT, "no request to it was judged")
        return
    yield from _of_differences(made, counted, wanted)
    yield from _of_latency(made)
    if made.telling < wanted.min_requests:
        text = f"{made.telling:,} requests tell something: {wanted.min_requests:,} are wanted (verdict.min_requests)"
        yield Reason(Ruling.WAIT, text)
    if made.covered < wanted.min_covered:
        text = (
            f"endpoints with fewer than {wanted.min_endpoint_requests:,} telling requests have"
            f" {percent(1 - made.covered)} of the traffic: {named(made.rare)}"
        )
        yield Reason(Ruling.WAIT, text)
    if made.lost_share > wanted.max_lost:
        text = f"{made.lost:,} requests were lost or could not be judged: {percent(made.lost_share)} of the recorded"
        yield Reason(Ruling.WAIT, text)
    if made.missed_share > wanted.max_lost:
        text = f"{made.missed:,} requests were shed or not recorded: {percent(made.missed_share)}"
        yield Reason(Ruling.WAIT, text)


def _of_differences(made: ShadowVerdict, counted: list[Counted], wanted: config.Verdict) -> Iterator[Reason]:
    allowed = f"{percent(wanted.max_different)} allowed"
    of = f"{made.different:,} of {made.telling:,} requests differ"
    if made.different_lower > wanted.max_different:
        yield Reason(Ruling.NO_GO, f"{of}: {percent(made.different / made.telling)}, {allowed}")
    elif made.different_upper > wanted.max_different:
        yield Reason(Ruling.WAIT, f"{of}: so few may be up to {percent(made.different_upper)}, {allowed}")
    certainty = 1 - (1 - bounds.CERTAINTY) / max(1, len(counted))
    bad = [one for one in counted if bounds.exceeds(wanted.max_different, one.different, one.telling, certainty)]
    if bad:
        told = named([f"{one.endpoint} ({one.different:,} of {one.telling:,})" for one in bad])
        yield Reason(Ruling.NO_GO, f"endpoints that differ more often than allowed: {told}")


def _of_latency(made: ShadowVerdict) -> Iterator[Reason]:
    if made.slower:
        told = named([f"{one.endpoint} ({one.ratio:.2f}x, p95 {ms(one)} ms)" for one in made.slower])
        yield Reason(Ruling.NO_GO, f"slower: {told}")


def ms(slower: Slower) -> str:
    """ "12.0 → 40.1"."""
    return f"{slower.old_p95_ms:.1f} → {slower.new_p95_ms:.1f}"


def percent(share: float) -> str:
    """ "0.1 %", with as many digits as tell it from 0 and from 100 %."""
    value = 100 * share
    if value in (0.0, 100.0):
        return f"{value:.0f} %"
    digits = 2 if 0.1 <= value <= 99.9 else 4
    while float(shown := f"{value:.{digits}f}") in (0.0, 100.0):
        digits += 1
    return f"{shown.rstrip('0').rstrip('.')} %"


def named(names: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")
