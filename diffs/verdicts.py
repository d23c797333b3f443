"""The verdict on every shadow, read from the judge's database, and from the proxy that runs, what never came there."""

from __future__ import annotations

from typing import Any

from understudy.config import Settings
from understudy.diffs.findings import Findings
from understudy.diffs.verdict import Missed, Seen, rule
from understudy.errors import UnderstudyError
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
            tuple(settings.compare.ignore_paths),
        )
    seen = seen._replace(missed=missed(_status(settings)))
    judged = sorted({row.shadow for row in seen.endpoints})
    return [rule(seen, shadow, settings.verdict) for shadow in settings.shadows or judged]


def _status(settings: Settings) -> Any:
    from understudy import client  # its HTTP costs every other command's start

    try:
        return client.ask(settings, "GET", "/status")
    except UnderstudyError:
        return None  # none runs here, or none of ours: the verdict says that it is not known


def missed(status: Any) -> dict[str, Missed]:
    """By shadow, what a proxy has shed or could not record since it started, as its status tells.

    What was recorded and lost before it was judged is among the unrecorded there; here the judge tells it, so it isn't.
    """
    try:
        lost = status["judge"].get("lost_equal", 0) + status["judge"].get("lost_different", 0)
        unrecorded = max(0, status["requests"]["unrecorded"] - lost)
        return {
            name: Missed(stack["shed"] + unrecorded, stack["requests"] + stack["shed"])
            for name, stack in status["stacks"].items()
        }
    except (KeyError, TypeError, AttributeError):
        return {}  # of another version
