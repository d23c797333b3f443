"""Findings that somebody answers for until a day, and what becomes of it afterwards. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from msgspec.structs import replace

from understudy.config import Waiver
from understudy.errors import SettingsError
from understudy.migrate.checks.finding import Finding, Rule, Severity

SHELL = "mysqlsh/"  # its ids are known only once it has run
EXPIRED = Rule(
    "waiver-expired",
    Severity.WARNING,
    "Its day is past, so what it covered counts again: mend it, or have somebody answer for it anew.",
    lambda _: iter(()),
)


def require_known(waivers: Sequence[Waiver], rules: Iterable[Rule], file: str) -> None:
    """Raise SettingsError for a waiver of a rule that there is not."""
    known = {rule.id for rule in rules}
    for index, waiver in enumerate(waivers):
        if waiver.id in known or waiver.id.startswith(SHELL):
            continue
        near = difflib.get_close_matches(waiver.id, known, 1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        raise SettingsError(
            f"{file}: migrate.check.waivers[{index}].id: {waiver.id!r} given; accepted: a rule's id{meant}",
            "`understudy migrate check --list` names them",
        )


def apply(findings: Iterable[Finding], waivers: Sequence[Waiver], today: date) -> Iterator[Finding]:
    """The findings, those that a waiver covers marked, and one more for each waiver that has expired."""
    in_force = [waiver for waiver in waivers if waiver.until >= today]
    for finding in findings:
        covering = next((waiver for waiver in in_force if _covers(waiver, finding)), None)
        yield replace(finding, waived=_told(covering)) if covering else finding
    for waiver in waivers:
        if waiver.until < today:
            found = f"the waiver of {waiver.id} by {waiver.owner} ended on {waiver.until}: {waiver.why}"
            mend = ("Take it out of [[migrate.check.waivers]], or give it a new day.",)
            yield Finding(EXPIRED.id, EXPIRED.severity, "", found, EXPIRED.why, waiver.where or waiver.id, mend)


def _covers(waiver: Waiver, finding: Finding) -> bool:
    return waiver.id == finding.rule and waiver.where in ("", finding.where)


def _told(waiver: Waiver) -> str:
    return f"waived by {waiver.owner} until {waiver.until}: {waiver.why}"
