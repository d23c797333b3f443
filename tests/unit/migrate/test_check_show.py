"""Findings as a person reads them."""

from __future__ import annotations

from understudy.migrate.checks.finding import Finding, Rule, Severity
from understudy.migrate.checks.show import listed, summary, table

ERROR = Finding(
    "table-lost",
    Severity.ERROR,
    "old:3306",
    "it is lost",
    "Nobody finds it.",
    "shop.t",
    ("DROP TABLE shop.t;", "Or look."),
)
WARNING = Finding("slow", Severity.WARNING, "old:3306", "it is slow", "It waits.")
WAIVED = Finding(
    "slow", Severity.WARNING, "new:3306", "it is slow", "It waits.", waived="waived by Ada until 2027-01-31: x"
)

DRAWN = """\
old to new
1 error, 1 warning, 0 notes; 1 waived

ERRORS

  table-lost  Nobody finds it.
    • old:3306  shop.t: it is lost
        DROP TABLE shop.t;
        Or look.

WARNINGS

  slow  It waits.
    • old:3306: it is slow

WAIVED WARNINGS

  slow  It waits.
    • new:3306: it is slow
      waived by Ada until 2027-01-31: x
"""


def test_the_gravest_first_each_with_what_to_do() -> None:
    assert table([ERROR, WARNING, WAIVED], "old to new").plain == DRAWN


def test_of_one_rule_ten_are_shown_and_the_rest_counted() -> None:
    many = [Finding("slow", Severity.WARNING, "old:3306", "it is slow", "It waits.", f"t{i}") for i in range(1234)]
    drawn = table(many, "old to new").plain
    assert drawn.count("it is slow") == 10
    assert "… and 1,224 more: --rule slow, or --json, shows all" in drawn
    assert table(many, "old to new", most=2000).plain.count("it is slow") == 1234


def test_nothing_found_is_said() -> None:
    assert table([], "old to new").plain == "old to new\n0 errors, 0 warnings, 0 notes\n"


def test_what_servers_say_can_not_steer_the_terminal() -> None:
    drawn = table(
        [Finding("x", Severity.NOTE, "old:3306", "\x1b[2Jgone\r\nline", "why", "\x07")], "old\x1b to new"
    ).plain
    assert not {"\x1b", "\x07", "\r"} & set(drawn)


def test_the_counts_know_one_from_many() -> None:
    assert summary([ERROR, ERROR, WAIVED]) == "2 errors, 0 warnings, 0 notes; 1 waived"


def test_rules_are_listed_gravest_first() -> None:
    rules = (
        Rule("b", Severity.NOTE, "Good to know.", lambda _: iter(())),
        Rule("long-name", Severity.ERROR, "It fails.", lambda _: iter(())),
    )
    assert listed(rules).plain == "error   long-name  It fails.\nnote    b          Good to know.\n"
