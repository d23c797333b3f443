"""Rules about tables, columns, indexes and names, as tables: what they find, and what they advise."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.migrate.checks import columns, keys, names, tables
from understudy.migrate.checks.case import Case, Side
from understudy.migrate.checks.examine import examine
from understudy.migrate.checks.finding import Finding
from understudy.migrate.checks.schema import Column, Index, Schema, Table
from understudy.migrate.topology import grow
from understudy.migrate.versions import Version

RULES = (*tables.RULES, *columns.RULES, *keys.RULES, *names.RULES)


def found(rule: str, old: str, target: str, *tables: Table, **more: Any) -> list[Finding]:
    side = Side("old:3306", Version.parse(old), more.pop("variables", {}), schema=Schema(tables=tables, **more))
    case = Case(side, Version.parse(target), grow([]))
    return examine(case, [one for one in RULES if one.id == rule])


def table(*columns: Column, **more: Any) -> Table:
    return Table("shop", "t", "InnoDB", columns=columns, **more)


@pytest.mark.parametrize(
    ("old", "target", "own", "clashes"),
    [
        ("5.7.44", "8.0.36", "index_stats", ["mysql.index_stats"]),
        ("8.0.36", "9.7.4", "index_stats", []),
        ("10.11.6-MariaDB", "9.7.4", "index_stats", []),  # its own, and no MariaDB is upgraded in place to MySQL
        ("10.11.6-MariaDB", "11.8.6-MariaDB", "index_stats", []),
    ],
)
def test_only_a_mysql_upgraded_to_8_has_tables_where_the_data_dictionary_comes(
    old: str, target: str, own: str, clashes: list[str]
) -> None:
    told = found("dictionary-clash", old, target, own_tables=frozenset({own}))
    assert [one.where for one in told] == clashes
