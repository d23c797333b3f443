"""The shadow's verdict and the way back, as rules judge them; and what is known where there is no verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from understudy.config import Settings
from understudy.errors import StoreError
from understudy.migrate.checks.case import Case, Side, Wishes
from understudy.migrate.checks.collect_left import evidence, shadowed
from understudy.migrate.checks.examine import examine
from understudy.migrate.checks.finding import Finding, Severity
from understudy.migrate.checks.left import Evidence
from understudy.migrate.checks.rehearsals import RULES
from understudy.migrate.clock import SystemClock
from understudy.migrate.facts import Channel, Server
from understudy.migrate.topology import grow
from understudy.migrate.versions import Version
from understudy.verdict import Reason, Ruling, ShadowVerdict

OLD, NEW = "old:3306", "new:3306"
DAY_S = 86_400
NOW_S = 1_800_000_000.0
FOLLOWS = Channel(OLD, receiving=True, applying=True)
REASONS = (Reason(Ruling.NO_GO, "20 of 10,000 requests differ"), Reason(Ruling.WAIT, "few went to GET /a"))


def verdict(ruling: Ruling = Ruling.GO, **more: Any) -> ShadowVerdict:
    """Of 10,000 requests, the last of them yesterday."""
    made = ShadowVerdict("next", ruling, REASONS, requests=10_000, telling=9_000, last_at=NOW_S - DAY_S)
    return replace(made, **more)


def case(*shadows: ShadowVerdict, channel: Channel | None = FOLLOWS, is_there: bool = True, **more: Any) -> Case:
    """5.6, and beneath it 9.7, with these verdicts."""
    old, new = Version.parse("5.6.24"), Version.parse("9.7.4")
    seen = [Server(OLD, old, 1)]
    if is_there:
        seen.append(Server(NEW, new, 3, channels=(channel,) if channel else ()))
    side = Side(NEW, new, {}) if is_there else None
    return Case(Side(OLD, old, {}), new, grow(seen), new=side, evidence=Evidence(NOW_S, shadows=shadows, **more))


def told(made: Case) -> list[Finding]:
    """What is found besides the way back."""
    return [one for one in examine(made, RULES) if one.rule != "rollback-not-rehearsed"]


@pytest.mark.parametrize(
    ("made", "rule", "severity", "about"),
    [
        (case(verdict()), "", "", ""),
        (case(), "shadow-missing", "warning", "no shadow traffic was judged"),
        (case(no_shadow="x.sqlite: can't be read"), "shadow-missing", "warning", "x.sqlite: can't be read"),
        (case(verdict(requests=0, ruling=Ruling.WAIT)), "shadow-missing", "warning", "no request to it was judged"),
        (case(verdict(), verdict(shadow="b", requests=0)), "shadow-missing", "warning", "no request to it"),
        (case(verdict(Ruling.NO_GO)), "shadow-not-go", "error", "no go after 10,000 requests: 20 of 10,000 requests"),
        (case(verdict(Ruling.NO_GO)), "shadow-not-go", "error", "differ; few went to GET /a"),
        (case(verdict(Ruling.WAIT)), "shadow-not-go", "warning", "wait after 10,000 requests: "),
        (case(verdict(), verdict(Ruling.WAIT, shadow="b")), "shadow-not-go", "warning", "wait after"),
        (case(verdict(last_at=NOW_S - 7 * DAY_S)), "", "", ""),
        (case(verdict(last_at=NOW_S - 8 * DAY_S)), "shadow-old", "warning", "judged is 8 days old"),
        (case(verdict(last_at=None)), "shadow-old", "warning", "is not known"),
        (case(is_there=False), "", "", ""),
        (case(verdict(Ruling.NO_GO), channel=None), "", "", ""),
        (case(verdict(Ruling.NO_GO), channel=replace(FOLLOWS, applying=False)), "", "", ""),
        (case(channel=replace(FOLLOWS, source="elsewhere:3306")), "", "", ""),
    ],
)  # fmt: skip
def test_a_verdict_of_go_that_is_recent_is_wanted(made: Case, rule: str, severity: str, about: str) -> None:
    found = told(made)
    assert [one.rule for one in found] == [rule] * bool(rule), found
    assert all(about in one.found and one.server == NEW and one.severity == severity for one in found), found
    assert all("understudy diffs verdict" in one.mend for one in found)


def test_each_shadow_is_told_at_its_own_place_so_that_it_can_be_waived_alone() -> None:
    found = told(case(verdict(Ruling.NO_GO), verdict(Ruling.WAIT, shadow="canary")))
    assert [(one.where, one.severity) for one in found] == [("next", Severity.ERROR), ("canary", Severity.WARNING)]


def test_how_old_is_too_old_is_a_setting() -> None:
    made = case(verdict(last_at=NOW_S - 8 * DAY_S))
    assert told(replace(made, wishes=Wishes(shadow_days=9))) == []
    assert [one.rule for one in told(replace(case(verdict()), wishes=Wishes(shadow_days=0)))] == ["shadow-old"]


@pytest.mark.parametrize(
    ("made", "is_told"),
    [(case(verdict()), True), (case(), True), (case(channel=None), False), (case(is_there=False), False)],
)
def test_the_way_back_is_asked_for_as_long_as_nothing_can_tell_that_it_was_rehearsed(made: Case, is_told: bool) -> None:
    found = [one for one in examine(made, RULES) if one.rule == "rollback-not-rehearsed"]
    assert [(one.server, one.severity) for one in found] == [(NEW, Severity.WARNING)] * is_told
    for one in found:
        assert "Rehearse it on throwaway servers" in one.mend[0]
        assert "waive this by id" in one.mend[1]


class Given:
    """Shadows of which these verdicts are known, or of which the error says why none is."""

    def __init__(self, *verdicts: ShadowVerdict, error: str = "") -> None:
        self._verdicts, self._error = verdicts, error

    def verdicts(self, settings: Settings) -> tuple[ShadowVerdict, ...]:
        if self._error:
            raise StoreError(self._error, "a hint")
        return self._verdicts


def test_verdicts_are_taken_over_and_an_error_is_why_there_is_none(tmp_path: Path) -> None:
    left, settings = evidence(tmp_path, SystemClock()), Settings()
    assert shadowed(left, None, settings) == left
    assert shadowed(left, Given(verdict()), settings).shadows == (verdict(),)
    failed = shadowed(left, Given(error="diffs.sqlite: can't be read"), settings)
    assert (failed.shadows, failed.no_shadow) == ((), "diffs.sqlite: can't be read")
    assert left.now_s > 0
