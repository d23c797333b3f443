"""Rules about rehearsals: that the new stack has played its part in the shadow, and that the way back was tried. Pure.

Like the rules about `verify` they speak once the new source follows the old one: before that nobody can have rehearsed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from understudy.migrate.checks.case import Case, Side
from understudy.migrate.checks.evidence import DAY_S, following
from understudy.migrate.checks.finding import Found, Rule, Severity
from understudy.verdict import Ruling, ShadowVerdict

VERDICT = ("understudy diffs verdict",)
TRAFFIC = (
    "Let `understudy run`, with this state_dir, mirror production's requests to servers whose database is the new one.",
    *VERDICT,
)
WAY_BACK = (
    "Rehearse it on throwaway servers: the application writes to the new version, an old one follows it, and the "
    "application is turned back to the old one; count what was lost, and how long it took.",
    "No command leaves evidence of that yet: waive this by id in [[migrate.check.waivers]], with who rehearsed it "
    "(owner), until when that holds (until), and what came of it (why).",
)  # fmt: skip


def _missing(case: Case) -> Iterator[Found]:
    new = following(case)
    if new is None:
        return
    left = case.evidence
    if not left.shadows:
        yield Found(new.address, left.no_shadow or "no shadow traffic was judged", mend=TRAFFIC)
    for one in left.shadows:
        if not one.requests:
            yield Found(new.address, "no request to it was judged", one.shadow, mend=TRAFFIC)


def _of_each(find: Callable[[Case, Side, ShadowVerdict], Iterator[Found]]) -> Callable[[Case], Iterator[Found]]:
    """What is found of each shadow that was judged."""

    def found(case: Case) -> Iterator[Found]:
        new = following(case)
        for one in case.evidence.shadows if new else ():
            if new and one.requests:
                yield from find(case, new, one)

    return found


def _not_go(_: Case, new: Side, one: ShadowVerdict) -> Iterator[Found]:
    if one.ruling is not Ruling.GO:
        severity = Severity.ERROR if one.ruling is Ruling.NO_GO else Severity.WARNING
        why = "; ".join(reason.text for reason in one.reasons)
        told = f"{one.ruling.replace('_', ' ')} after {one.requests:,} requests: {why}"
        yield Found(new.address, told, one.shadow, VERDICT, severity)


def _old(case: Case, new: Side, one: ShadowVerdict) -> Iterator[Found]:
    if one.last_at is None:
        yield Found(new.address, "when its traffic was judged is not known", one.shadow, TRAFFIC)
        return
    age_s = case.evidence.now_s - one.last_at
    if age_s > case.wishes.shadow_days * DAY_S:
        yield Found(
            new.address, f"the last request that was judged is {age_s / DAY_S:.0f} days old", one.shadow, TRAFFIC
        )


def _way_back(case: Case) -> Iterator[Found]:
    if new := following(case):
        yield Found(new.address, "no rehearsal of the way back is known", mend=WAY_BACK)


RULES: tuple[Rule, ...] = (
    Rule(
        "shadow-missing",
        Severity.WARNING,
        "Equal data may be answered differently: only production's own requests show what a new version makes of them.",
        _missing,
    ),
    Rule(
        "shadow-not-go",
        Severity.ERROR,
        "What the new stack answered differently, or slower, in the shadow is what users will get after the cutover.",
        _of_each(_not_go),
    ),
    Rule(
        "shadow-old",
        Severity.WARNING,
        "It tells of the application and the data as they were.",
        _of_each(_old),
    ),
    Rule(
        "rollback-not-rehearsed",
        Severity.WARNING,
        "Once the new source is written to, the way back is replication to the old version, which a write may break.",
        _way_back,
    ),
)
