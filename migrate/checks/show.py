"""Findings as a person reads them at three in the morning: the gravest first, each with what to do about it. Pure.

Lines of SQL stand alone, unwrapped and without a frame, so that they can be copied. What servers say may hold control
characters, which a terminal would obey: they are replaced.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.text import Text

from understudy.migrate.checks.examine import ORDER
from understudy.migrate.checks.finding import Finding, Rule, Severity
from understudy.migrate.describe import printable

MOST = 10  # findings of one rule in the table; --rule and --json show all
STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
PLURAL = {Severity.ERROR: "errors", Severity.WARNING: "warnings", Severity.NOTE: "notes"}


def summary(findings: Sequence[Finding]) -> str:
    """ "2 errors, 1 warning, 0 notes; 1 waived"."""
    counts = Counter(finding.severity for finding in findings if not finding.waived)
    told = ", ".join(f"{counts[one]} {one.value if counts[one] == 1 else PLURAL[one]}" for one in ORDER)
    waived = sum(1 for finding in findings if finding.waived)
    return f"{told}; {waived} waived" if waived else told


def table(findings: Sequence[Finding], head: str, most: int = MOST) -> Text:
    """All findings, in the order in which they come; of each rule `most` in full."""
    drawn = Text(f"{printable(head)}\n{summary(findings)}\n")
    for (waived, severity), group in groupby(findings, lambda one: (bool(one.waived), one.severity)):
        title = f"WAIVED {PLURAL[severity].upper()}" if waived else PLURAL[severity].upper()
        drawn.append(f"\n{title}\n", "dim" if waived else STYLES[severity])
        for rule, found in groupby(group, lambda one: one.rule):
            _rule(drawn, rule, list(found), "dim" if waived else STYLES[severity], most)
    return drawn


def _rule(drawn: Text, rule: str, found: list[Finding], style: str, most: int) -> None:
    drawn.append(f"\n  {printable(rule)}", style)
    drawn.append(f"  {printable(found[0].why)}\n")
    for finding in found[:most]:
        for line, its_style in _lines(finding):
            drawn.append(f"    {printable(line)}\n", its_style)
    if len(found) > most:
        drawn.append(f"    … and {len(found) - most:,} more: --rule {printable(rule)}, or --json, shows all\n", "dim")


def _lines(finding: Finding) -> Iterator[tuple[str, str]]:
    place = "  ".join(filter(None, (finding.server, finding.where)))
    yield f"• {place}: {finding.found}" if place else f"• {finding.found}", ""
    if finding.waived:
        yield f"  {finding.waived}", "dim"
    else:
        for line in finding.mend:
            yield f"    {line}", "green" if ";" in line[-1:] or "; " in line else "dim"


def listed(rules: Sequence[Rule]) -> Text:
    """Every rule, for --list."""
    drawn = Text()
    widest = max(len(rule.id) for rule in rules)
    for rule in sorted(rules, key=lambda rule: (ORDER.index(rule.severity), rule.id)):
        drawn.append(f"{rule.severity.value:8}", STYLES[rule.severity])
        drawn.append(f"{rule.id:{widest}}  {rule.why}\n")
    return drawn
