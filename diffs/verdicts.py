"""The verdict on every shadow, read from the judge's database."""

from __future__ import annotations

from understudy.config import Settings
from understudy.diffs.findings import Findings
from understudy.diffs.verdict import Seen, rule
from understudy.verdict import ShadowVerdict


def verdicts(settings: Settings) -> list[ShadowVerdict]:
    """Of the shadows that the settings name, else of all that were judged. Raises StoreError where nothing ever was."""
    findings = Findings(settings.database)
    try:
        return of(findings, settings)
    finally:
        findings.close()


def of(findings: Findings, settings: Settings) -> list[ShadowVerdict]:
    """The same of a database that is open."""
    with findings.at_one_moment():
        seen = Seen(
            findings.totals(),
            findings.endpoints(),
            findings.places(),
            findings.latencies(),
            findings.last_at(),
            findings.missed(),
            tuple(settings.compare.ignore_paths),
        )
    judged = sorted({row.shadow for row in seen.endpoints})
    return [rule(seen, shadow, settings.verdict) for shadow in settings.shadows or judged]
