"""What an account may see of a schema, by its own SHOW GRANTS, and which version is checked for."""

from __future__ import annotations

import pytest

from understudy.errors import UnderstudyError
from understudy.migrate.checks.rights import gaps, held_by
from understudy.migrate.checks.targets import choose, parse
from understudy.migrate.dialects import Dialect
from understudy.migrate.facts import Server
from understudy.migrate.topology import grow
from understudy.migrate.versions import Version

OLD = Version.parse("5.6.24")
NEEDED = "GRANT REFERENCES, SHOW DATABASES, SHOW VIEW, EVENT, TRIGGER ON *.* TO 'u'@'%' IDENTIFIED BY PASSWORD '*B34'"


@pytest.mark.parametrize(
    "grants",
    [
        ["GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' IDENTIFIED BY PASSWORD '*B34' WITH GRANT OPTION"],
        [NEEDED, "GRANT SELECT ON `mysql`.`proc` TO 'u'@'%'"],
        [NEEDED, "GRANT SELECT ON `mysql`.* TO 'u'@'%'"],
        ["GRANT SELECT, SHOW VIEW, EVENT, TRIGGER ON *.* TO `u`@`%`"],
    ],
)
def test_an_account_that_may_see_all_lacks_nothing(grants: list[str]) -> None:
    assert list(gaps(grants, Dialect(OLD))) == []


def test_what_is_not_seen_is_told_with_the_privilege_that_lacks() -> None:
    grants = [NEEDED.replace(", EVENT, TRIGGER", ""), "GRANT SELECT ON `mysql`.`proc` TO 'u'@'%'"]
    assert [gap.partition(":")[0] for gap in gaps(grants, Dialect(OLD))] == ["triggers", "events"]
    assert "GRANT EVENT lets it see all" in list(gaps(grants, Dialect(OLD)))[1]
    of_one_database = ["GRANT ALL PRIVILEGES ON `shop`.* TO 'u'@'%'"]
    assert len(list(gaps(of_one_database, Dialect(Version.parse("9.7.4"))))) == 6


def test_a_grant_on_columns_is_none_on_the_table() -> None:
    assert list(held_by(["GRANT SELECT (a, b), INSERT ON `s`.`t` TO `u`@`%`", "GRANT `r1`@`%` TO `u`@`%`"])) == [
        ("SELECT", "s.t"),
        ("INSERT", "s.t"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9.7", "MySQL 9.7.0"),
        ("mysql-8.0.36", "MySQL 8.0.36"),
        ("mariadb-11.8", "MariaDB 11.8.0"),
        ("MariaDB-10.11.6", "MariaDB 10.11.6"),
    ],
)
def test_a_version_has_the_old_ones_flavour_unless_it_names_one(text: str, expected: str) -> None:
    assert str(parse(text, OLD)) == expected
    assert parse("11.8", Version.parse("10.5.23-MariaDB")).is_mariadb(11, 8)


@pytest.mark.parametrize("text", ["new", "percona-8.0", "9", "-"])
def test_what_is_no_version_is_said(text: str) -> None:
    with pytest.raises(UnderstudyError, match="is no version: "):
        parse(text, OLD)


def test_what_was_asked_for_goes_before_what_is_there_and_that_before_the_settings() -> None:
    tree = grow([Server("old:3306", OLD), Server("new:3306", Version.parse("8.4.2"))])
    assert str(choose(tree, OLD, "new:3306", "8.0", "9.7")) == "MySQL 9.7.0"
    assert str(choose(tree, OLD, "new:3306", "8.0", "")) == "MySQL 8.4.2"
    assert str(choose(tree, OLD, "gone:3306", "8.0", "")) == "MySQL 8.0.0"
    with pytest.raises(UnderstudyError, match="the new version is not known"):
        choose(tree, OLD, "gone:3306", "", "")
