"""From facts to findings, and from findings to an exit code. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from understudy.errors import UnderstudyError
from understudy.migrate.checks.case import Case
from understudy.migrate.checks.finding import Finding, Rule, Severity

ORDER = (Severity.ERROR, Severity.WARNING, Severity.NOTE)
EXIT = {Severity.ERROR: 4, Severity.WARNING: 3, Severity.NOTE: 0}


def examine(case: Case, rules: Iterable[Rule]) -> list[Finding]:
    """All that the rules find, in the rules' order."""
    return [
        Finding(rule.id, found.severity or rule.severity, found.server, found.found, rule.why, found.where, found.mend)
        for rule in rules
        for found in rule.find(case)
    ]


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """The gravest first, a rule's findings together, waived ones last."""
    return sorted(findings, key=lambda one: (bool(one.waived), ORDER.index(one.severity), one.rule))


def exit_code(findings: Iterable[Finding]) -> int:
    """4 where there is an error, 3 where there is a warning, 0 otherwise; waived findings don't count."""
    return max((EXIT[finding.severity] for finding in findings if not finding.waived), default=0)


def chosen(rules: Sequence[Rule], wanted: Sequence[str]) -> tuple[Rule, ...]:
    """The rules of these ids; all where none is named. Raises UnderstudyError for an unknown id."""
    known = {rule.id: rule for rule in rules}
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            meant = f": did you mean {near[0]}?" if near else ""
            raise UnderstudyError(f"{name}: no such rule{meant}", "`understudy migrate check --list` names them")
    return tuple(known[name] for name in wanted) if wanted else tuple(rules)
