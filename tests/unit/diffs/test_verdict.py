"""What the shadow traffic proves, as tables; and what holds for any traffic."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.config import Verdict
from understudy.diffs import announce
from understudy.diffs.findings import EndpointRow, PlaceRow
from understudy.diffs.store import OUTCOMES
from understudy.diffs.verdict import Seen, named, percent, rule
from understudy.exchange import Missed
from understudy.verdict import Open, Reason, Ruling, ShadowVerdict, Slower, gravest

GO, WAIT, NO_GO = Ruling
QUIET = {"lost": 0, "torn": 0, "unjudged": 0}


def endpoint(name: str = "GET /a", ratio: float = 1.0, slower: bool = False, **outcomes: int) -> EndpointRow:
    counts = dict.fromkeys(OUTCOMES, 0) | outcomes
    quantiles = {"p50": 10.0, "p95": 20.0, "p99": 30.0}
    latency: dict[str, dict[str, float | None]] = {
        "old_ms": {**quantiles},
        "new_ms": {key: value * ratio for key, value in quantiles.items()},
        "delta_ms": dict.fromkeys(quantiles, 0.0),
        "ratio": dict.fromkeys(quantiles, ratio),
    }
    return EndpointRow(name, "new", sum(counts.values()), counts, latency, slower)


def place(
    requests: int, name: str = "value", at: str = "GET /a", likely_noise: bool = False, asked: int = 0
) -> PlaceRow:
    return PlaceRow(at, "new", "$.x", "value", name, requests, requests, asked, 0.0, 0.0, "1", "2", [], likely_noise)


def seen(*rows: EndpointRow | PlaceRow, **totals: int) -> Seen:
    endpoints = [row for row in rows if isinstance(row, EndpointRow)]
    judged = sum(row.requests for row in endpoints)
    places = [row for row in rows if isinstance(row, PlaceRow)]
    latencies = {"new": endpoints[0].latency} if endpoints else {}
    return Seen(QUIET | {"judged": judged} | totals, endpoints, places, latencies, 1_795_000_000.0, Missed({}))


def ruled(*rows: EndpointRow | PlaceRow, wanted: Verdict = Verdict(), **totals: int) -> ShadowVerdict:  # noqa: B008
    return rule(seen(*rows, **totals), "new", wanted)


LENIENT = Verdict(min_requests=1, min_endpoint_requests=1, max_different=0.5)


@pytest.mark.parametrize(
    ("rows", "totals", "ruling", "about"),
    [
        ([endpoint(equal=10_000)], {}, GO, ""),
        ([endpoint(equal_after_lifting=10_000)], {}, GO, ""),
        ([endpoint(equal=9_999)], {}, WAIT, "9,999 requests tell something: 10,000 are wanted"),
        ([endpoint(equal=9_999, noise=5_000, settled=5_000)], {}, WAIT, "9,999 requests tell something"),
        ([], {}, WAIT, "no request to it was judged"),
        ([endpoint(equal=9_996, different=4), place(4)], {}, GO, ""),
        ([endpoint(equal=9_995, different=5), place(5)], {}, WAIT, "5 of 10,000 requests differ: so few may be up to"),
        ([endpoint(equal=9_985, different=15), place(15)], {}, WAIT, "so few may be up to"),
        ([endpoint(equal=9_980, different=20), place(20)], {}, NO_GO, "20 of 10,000 requests differ: 0.2 %, 0.1 %"),
        ([endpoint(equal=9_980, failed=20), place(20, "failure")], {}, NO_GO, "20 of 10,000 requests differ"),
        ([endpoint(equal=10_000, different=900), place(900, likely_noise=True)], {}, GO, ""),
        ([endpoint(equal=10_000, different=900), place(900, likely_noise=True, asked=90)], {}, NO_GO, "90 of 10,090"),
        ([endpoint(equal=10_000, different=900), place(900, "noise"), place(2)], {}, GO, ""),
        ([endpoint(equal=10_000, different=900), place(900, "noise"), place(900)], {}, NO_GO, "900 of 10,900"),
        (
            [endpoint(equal=90_000), endpoint("GET /pay", different=20), place(20, at="GET /pay")],
            {},
            NO_GO,
            "endpoints that differ more often than allowed: GET /pay (20 of 20)",
        ),
        ([endpoint(equal=90_000), endpoint("GET /b", equal=20)], {}, GO, ""),
        ([endpoint(equal=90_000), endpoint("GET /b", equal=19)], {}, GO, ""),
        (
            [endpoint(equal=10_000), *(endpoint(f"GET /{n}", equal=19) for n in range(50))],
            {},
            WAIT,
            "endpoints with fewer than 20 telling requests have 8.68 % of the traffic: GET /0, GET /1, GET /10 and 47",
        ),
        ([endpoint(equal=10_000), endpoint("GET /b", noise=10_000)], {}, WAIT, "have 50 % of the traffic: GET /b"),
        ([endpoint(ratio=1.3, slower=True, equal=10_000)], {}, NO_GO, "slower: GET /a (1.30x, p95 20.0 → 26.0 ms)"),
        ([endpoint(ratio=1.3, slower=False, equal=10_000)], {}, GO, ""),
        ([endpoint(equal=10_000)], {"lost": 50, "torn": 30, "unjudged": 20}, GO, ""),
        ([endpoint(equal=10_000)], {"lost": 103}, WAIT, "103 requests were lost or could not be judged: 1.02 %"),
        ([endpoint(equal=10_000)], {"judged": 10_200, "unjudged": 200}, WAIT, "200 requests were lost or"),
    ],
)  # fmt: skip
def test_what_was_seen_decides(rows: list[Any], totals: dict[str, int], ruling: Ruling, about: str) -> None:
    made = ruled(*rows, **totals)
    assert made.ruling is ruling, made.reasons
    assert any(about in reason.text for reason in made.reasons) or not about, made.reasons
    assert bool(made.reasons) == (ruling is not GO)
    if made.reasons:
        assert made.reasons[0].ruling is ruling


@pytest.mark.parametrize(
    ("missed", "ruling", "told"),
    [
        (Missed({}), GO, "nothing"),
        (Missed({"other": 9_000}), GO, "nothing"),
        (Missed({"new": 100}, 1), GO, "101 shed or not recorded: 1 %"),
        (Missed({"new": 300}, 100), WAIT, "400 shed or not recorded: 3.85 %"),
        (Missed({}, 10_000), WAIT, "10,000 shed or not recorded: 50 %"),
    ],
)
def test_what_an_outage_kept_from_the_shadow_is_no_evidence_for_it(missed: Missed, ruling: Ruling, told: str) -> None:
    made = rule(seen(endpoint(equal=10_000))._replace(missed=missed), "new", Verdict())
    assert made.ruling is ruling
    assert dict(announce.numbers(made, Verdict()))["missed"] == told
    assert bool([one for one in announce.following([made]) if "understudy status" in one]) == bool(made.missed)


def test_what_is_enough_is_a_setting() -> None:
    half = [endpoint(equal=30, different=10), place(10)]
    assert ruled(*half).ruling is NO_GO
    assert ruled(*half, wanted=LENIENT).ruling is GO
    slow = [endpoint(ratio=1.3, slower=True, equal=10_000)]
    assert ruled(*slow, wanted=Verdict(max_slower=1.4)).ruling is GO
    assert ruled(endpoint(equal=10_000), wanted=Verdict(max_lost=0.5), lost=5_000).ruling is GO
    assert ruled(endpoint(equal=10_000), endpoint("GET /b", noise=10_000), wanted=Verdict(min_covered=0.5)).ruling is GO


def test_the_numbers_are_those_of_this_shadow() -> None:
    other = EndpointRow("GET /z", "canary", 7, dict.fromkeys(OUTCOMES, 1), endpoint().latency, False)
    made = ruled(
        endpoint(equal=90, noise=5, settled=3, different=2), place(1, "new_error"), place(1), other, lost=900
    )  # fmt: skip
    assert (made.requests, made.telling, made.different, made.endpoints) == (100, 92, 2, 1)
    assert made.different_lower < 2 / 92 < made.different_upper
    assert made.open == (Open("new_error", 1, 1), Open("value", 1, 1))
    assert ruled(endpoint(different=9), place(9, likely_noise=True, asked=2)).open == (Open("value", 2, 1),)
    assert (made.ratio_p50, made.old_p95_ms, made.new_p95_ms) == (1.0, 20.0, 20.0)
    assert (made.lost, made.last_at) == (900, 1_795_000_000.0)


outcomes = st.fixed_dictionaries({name: st.integers(0, 30_000) for name in OUTCOMES})
traffic = st.lists(outcomes, min_size=1, max_size=6)


def rows_of(counts: list[dict[str, int]], better: int = 0) -> list[EndpointRow | PlaceRow]:
    """Endpoints of these outcomes, all differences blamed; `better` of the first one's are equal instead."""
    rows: list[EndpointRow | PlaceRow] = []
    for number, one in enumerate(counts):
        moved = min(better, one["different"]) if number == 0 else 0
        mended = one | {"different": one["different"] - moved, "equal": one["equal"] + moved}
        rows.append(endpoint(f"GET /{number}", **mended))
        rows.append(place(mended["different"] + mended["failed"], at=f"GET /{number}"))
    return rows


@given(traffic)
def test_go_is_never_said_without_certainty(counts: list[dict[str, int]]) -> None:
    made = ruled(*rows_of(counts))
    if made.ruling is GO:
        assert made.telling >= 10_000
        assert made.different_upper <= 0.001
        assert made.covered >= 0.95
    assert made.requests == sum(sum(one.values()) for one in counts)
    assert made.telling == made.requests - sum(one["noise"] + one["settled"] for one in counts)
    assert made.different == sum(one["different"] + one["failed"] for one in counts)
    assert made.different_lower <= made.different_upper


@given(traffic, st.integers(1, 30_000))
def test_fewer_differences_never_make_it_worse(counts: list[dict[str, int]], better: int) -> None:
    order = [GO, WAIT, NO_GO].index
    assert order(ruled(*rows_of(counts, better)).ruling) <= order(ruled(*rows_of(counts)).ruling)


@given(traffic, st.integers(0, 30_000), st.sampled_from(["noise", "settled"]))
def test_noise_makes_no_difference_of_its_own(counts: list[dict[str, int]], more: int, name: str) -> None:
    noisier = [counts[0] | {name: counts[0][name] + more}, *counts[1:]]
    before, after = ruled(*rows_of(counts)), ruled(*rows_of(noisier))
    assert (before.telling, before.different, before.different_upper) == (
        after.telling, after.different, after.different_upper,
    )  # fmt: skip
    assert (before.ruling is NO_GO) == (after.ruling is NO_GO)


def test_the_gravest_of_several_shadows_counts_and_nothing_is_no_evidence() -> None:
    assert gravest([GO, NO_GO, WAIT]) is NO_GO
    assert gravest([GO, WAIT]) is WAIT
    assert gravest([]) is WAIT
    both = [ShadowVerdict("a", GO), ShadowVerdict("b", NO_GO)]
    assert announce.as_json(both)["exit_code"] == 4
    told = announce.ending(both, " -c site.toml").plain
    assert told == "Verdict: NO GO\n  understudy diffs verdict -c site.toml  # why"


def test_what_is_told_grows_with_what_there_is_to_tell() -> None:
    bare = dict(announce.numbers(ShadowVerdict("new", WAIT, requests=1), Verdict()))
    assert bare["lost"] == "nothing"
    assert "not known" in bare["judged"]
    assert "open" not in bare
    classes = tuple(Open(f"c{n}", n, 1) for n in range(10))
    full = ShadowVerdict(
        "new", NO_GO, (Reason(NO_GO, "x"),), 10, 9, 8, rare=("GET /x",), slower=(Slower("GET /y", 2.0, 1.0, 2.0),),
        ratio_p50=2.0, old_p95_ms=1.0, new_p95_ms=2.0, open=classes, lost=3, lost_share=0.3, ignored=("$.at",),
    )  # fmt: skip
    told = dict(announce.numbers(full, Verdict()))
    assert told["open"].endswith("c7 7 and 2 more classes")
    assert told["lost"] == "3 lost or unjudged: 30 %"
    assert told["left out"] == "$.at"
    assert told["endpoints"].endswith("too few requests: GET /x")
    assert told["latency"] == "new / old 2.00x in the median, p95 1.0 → 2.0 ms"


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0, "0 %"), (1, "100 %"), (0.5, "50 %"), (0.001, "0.1 %"), (0.1234, "12.34 %"), (0.00001, "0.001 %"),
     (0.99999, "99.999 %"), (1e-6, "0.0001 %"), (1 - 1e-7, "99.99999 %"), (1e-9, "0.0000001 %")],
)  # fmt: skip
def test_a_share_is_shown_in_percent(share: float, shown: str) -> None:
    assert percent(share) == shown


def test_the_first_few_are_named() -> None:
    assert named(["a", "b", "c"]) == "a, b, c"
    assert named(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
