"""Versions are numbers with a flavour, never strings."""

from __future__ import annotations

import operator
from collections.abc import Callable

import pytest

from understudy.errors import UnderstudyError
from understudy.migrate.versions import Flavour, Version

ORDERED = ["5.6.51-log", "5.7.44", "8.0.36", "8.1.0", "8.4.0", "9.7.0", "10.4.1"]


@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge])
def test_versions_compare_as_numbers(compare: Callable[[object, object], bool]) -> None:
    versions = [Version.parse(text) for text in ORDERED]
    for index, one in enumerate(versions):
        for place, other in enumerate(versions):
            assert compare(one, other) is compare(index, place)


@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge])
def test_versions_of_two_flavours_do_not_compare(compare: Callable[[object, object], bool]) -> None:
    with pytest.raises(TypeError, match="the flavours differ"):
        compare(Version.parse("9.7.0"), Version.parse("10.11.6-MariaDB"))


@pytest.mark.parametrize(
    ("version", "comment", "flavour", "shown"),
    [
        ("5.6.51-log", "", Flavour.MYSQL, "MySQL 5.6.51"),
        ("8.0.36-28", "Percona Server (GPL)", Flavour.MYSQL, "MySQL 8.0.36"),
        ("10.11.6-MariaDB-log", "", Flavour.MARIADB, "MariaDB 10.11.6"),
        ("5.5.5-10.5.29-MariaDB", "", Flavour.MARIADB, "MariaDB 10.5.29"),
        ("11.8.2", "mariadb.org binary distribution", Flavour.MARIADB, "MariaDB 11.8.2"),
        ("9.7", "", Flavour.MYSQL, "MySQL 9.7.0"),
    ],
)
def test_a_version_is_read_from_what_the_server_says(version: str, comment: str, flavour: Flavour, shown: str) -> None:
    read = Version.parse(version, comment)
    assert read.flavour is flavour
    assert str(read) == shown
    assert read.is_mysql(5) is (flavour is Flavour.MYSQL)
    assert read.is_mariadb(10, 5) is (flavour is Flavour.MARIADB)


def test_what_is_no_version_is_told() -> None:
    with pytest.raises(UnderstudyError, match="'unknown', which is none that is known"):
        Version.parse("unknown")
