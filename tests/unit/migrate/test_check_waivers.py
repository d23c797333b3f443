"""Waivers, exit codes, and which rules are run."""

from __future__ import annotations

from datetime import date

import pytest
from typer.testing import CliRunner

from understudy.config import Waiver
from understudy.errors import SettingsError, UnderstudyError
from understudy.migrate.checks.examine import chosen, exit_code, ordered
from understudy.migrate.checks.finding import Finding, Rule, Severity
from understudy.migrate.checks.waivers import apply, require_known
from understudy.migrate.commands import app

TODAY = date(2026, 11, 21)
WAIVER = Waiver("slow-table", "Ada", TODAY, "it is dropped in May")
RULES = tuple(Rule(name, Severity.ERROR, "why", lambda _: iter(())) for name in ("slow-table", "fast-table"))


def finding(rule: str = "slow-table", severity: Severity = Severity.ERROR, where: str = "shop.t") -> Finding:
    return Finding(rule, severity, "db:3306", "it is slow", "it waits", where)


def test_a_waiver_holds_on_its_last_day_and_not_after() -> None:
    (covered,) = apply([finding()], [WAIVER], TODAY)
    assert covered.waived == "waived by Ada until 2026-11-21: it is dropped in May"
    counted, expired = apply([finding()], [WAIVER], date(2026, 11, 22))
    assert counted.waived == ""
    assert (expired.rule, expired.severity, expired.where) == ("waiver-expired", Severity.WARNING, "slow-table")
    assert "by Ada ended on 2026-11-21" in expired.found


@pytest.mark.parametrize(("where", "covers"), [("", True), ("shop.t", True), ("shop.u", False)])
def test_a_waiver_may_be_for_one_place(where: str, covers: bool) -> None:
    (found,) = apply([finding()], [Waiver("slow-table", "Ada", TODAY, "why", where)], TODAY)
    assert bool(found.waived) is covers


def test_an_unknown_rule_is_a_wrong_setting_but_mysqlshs_are_not_known_beforehand() -> None:
    require_known([WAIVER, Waiver("mysqlsh/removedFunctions", "Ada", TODAY, "why")], RULES, "u.toml")
    with pytest.raises(SettingsError) as raised:
        require_known([WAIVER, Waiver("fast-tabel", "Ada", TODAY, "why")], RULES, "u.toml")
    assert raised.value.message == (
        "u.toml: migrate.check.waivers[1].id: 'fast-tabel' given; accepted: a rule's id (did you mean fast-table?)"
    )


@pytest.mark.parametrize(
    ("severities", "expected"),
    [((), 0), (("note",), 0), (("note", "warning"), 3), (("warning", "error", "note"), 4)],
)
def test_the_gravest_finding_is_the_exit_code(severities: tuple[str, ...], expected: int) -> None:
    assert exit_code(finding(severity=Severity(one)) for one in severities) == expected


def test_what_is_waived_does_not_count() -> None:
    assert exit_code(apply([finding()], [WAIVER], TODAY)) == 0


def test_the_gravest_come_first_and_waived_ones_last() -> None:
    given = [finding("b", Severity.NOTE), finding("slow-table"), finding("a", Severity.WARNING), finding("c")]
    shown = ordered(apply(given, [WAIVER], TODAY))
    assert [one.rule for one in shown] == ["c", "a", "b", "slow-table"]


def test_help_names_every_exit_code() -> None:
    told = " ".join(CliRunner().invoke(app, ["check", "--help"], env={"COLUMNS": "120"}).output.split())
    assert "0 nothing but notes, 3 warnings, 4 errors; 1 it could not be checked, 2 wrong settings" in told
    assert "(migrate.check.waivers) covers are shown, and don't count" in told


def test_rules_are_chosen_by_id() -> None:
    assert chosen(RULES, ["fast-table"]) == (RULES[1],)
    assert chosen(RULES, []) == RULES
    with pytest.raises(UnderstudyError, match="fast-tabel: no such rule: did you mean fast-table"):
        chosen(RULES, ["fast-tabel"])
