"""What an account may see of a schema, by its own SHOW GRANTS, and which version is checked for."""

from __future__ import annotations

import pytest

from understudy.errors import UnderstudyError
from understudy.migrate import grants
from understudy.migrate.checks.rights import gaps, held_by
from understudy.migrate.checks.targets import choose, parse
from understudy.migrate.dialects import Dialect
from understudy.migrate.facts import Server
from understudy.migrate.topology import grow
from understudy.migrate.versions import Version

OLD = Version.parse("5.6.24")
ALL = "GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' IDENTIFIED BY PASSWORD '*B34' WITH GRANT OPTION"


def granted(version: Version, *without: str) -> list[str]:
    """SHOW GRANTS of the least account, but for these privileges."""
    found = []
    for where, names in grants.privileges(version, ["check"]).items():
        place = ".".join(part if part == "*" else f"`{part}`" for part in where.split("."))
        found.append(f"GRANT {', '.join(name for name in names if name not in without)} ON {place} TO `u`@`%`")
    return found


@pytest.mark.parametrize("version", ["5.6.24", "8.0.36", "9.7.4", "10.5.23-MariaDB", "11.8.6-MariaDB"])
def test_an_account_that_may_see_all_lacks_nothing(version: str) -> None:
    of = Version.parse(version)
    for rows in ([ALL], granted(of), [row.replace("`", '"') for row in granted(of)]):
        assert list(gaps(rows, Dialect(of))) == []


def test_what_is_not_seen_is_told_with_the_privilege_that_lacks() -> None:
    told = list(gaps(granted(OLD, "EVENT", "TRIGGER"), Dialect(OLD)))
    assert [gap.partition(":")[0] for gap in told] == ["triggers", "events"]
    assert "GRANT EVENT lets it see all" in told[1]
    of_one_database = ["GRANT ALL PRIVILEGES ON `shop`.* TO 'u'@'%'"]
    seen = " ".join(gaps(of_one_database, Dialect(OLD)))
    assert all(word in seen for word in ("tables", "views", "routines", "triggers", "events"))


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
