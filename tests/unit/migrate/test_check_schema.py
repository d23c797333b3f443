"""Rules about tables, columns, indexes and names, as tables: what they find, and what they advise."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.migrate.checks import columns, keys, names, tables, variables
from understudy.migrate.checks.case import Case, Side
from understudy.migrate.checks.examine import examine
from understudy.migrate.checks.finding import Finding
from understudy.migrate.checks.schema import Check, Column, Index, Schema, Table
from understudy.migrate.topology import grow
from understudy.migrate.versions import Version

NEW = Version.parse("9.7.4")
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


def index(name: str, *, unique: bool = False, **more: Any) -> Index:
    return Index(name, unique, "BTREE", ("x",), (None,), **more)


@pytest.mark.parametrize(
    ("indexes", "dropped"),
    [
        ((index("a"), index("b")), ["b"]),
        ((index("a"), index("b", unique=True)), ["a"]),
        ((index("a"), index("b", descending=frozenset({0}))), []),
        ((index("a", visible=False), index("b")), ["a"]),
        ((index("a", visible=False), index("b", visible=False)), ["b"]),
        ((index("a", visible=False, unique=True), index("b")), []),  # a is needed for its rule, b for its speed
        ((index("a", visible=False, unique=True), index("b"), index("c")), ["c"]),
        ((index("a", visible=False, unique=True), index("b", unique=True)), ["a"]),
        ((index("PRIMARY", unique=True), index("a", unique=True), index("b", visible=False)), ["a", "b"]),
    ],
)
def test_an_index_is_dropped_only_where_another_does_all_that_it_does(
    indexes: tuple[Index, ...], dropped: list[str]
) -> None:
    told = found("duplicate-index", "8.0.36", "9.7.4", table(indexes=indexes))
    assert [one.mend for one in told] == [(f"ALTER TABLE `shop`.`t` DROP INDEX `{name}`;",) for name in dropped]


def column(kind: str, default: str | None = None, **more: Any) -> Column:
    return Column("c", kind, more.pop("nullable", False), default, more.pop("extra", ""), **{"collation": "", **more})


@pytest.mark.parametrize(
    ("old", "kind", "told"),
    [
        ("5.6.24", "enum('raw','compressed')", 0),
        ("10.5.23-MariaDB", "enum('raw','compressed')", 0),
        ("10.5.23-MariaDB", "enum('/*!100301 COMPRESSED*/')", 0),
        ("10.5.23-MariaDB", "text /*!100301 COMPRESSED*/", 1),
        ("11.8.6-MariaDB", "varchar(20) /*M!100301 COMPRESSED*/", 1),
    ],
)
def test_only_a_columns_attribute_makes_it_compressed(old: str, kind: str, told: int) -> None:
    assert len(found("type-missing", old, "9.7.4", table(column(kind)))) == told


@pytest.mark.parametrize(
    ("kind", "default", "nullable", "told"),
    [
        ("timestamp", "CURRENT_TIMESTAMP", False, 1),
        ("timestamp", "0000-00-00 00:00:00", False, 1),  # an old idiom: NULL written to it is the current time too
        ("timestamp(3)", "2000-01-01 00:00:00.000", False, 1),
        ("timestamp", None, False, 1),
        ("timestamp", None, True, 0),
        ("datetime", "CURRENT_TIMESTAMP", False, 0),
    ],
)
def test_null_becomes_now_in_every_timestamp_that_takes_no_null(
    kind: str, default: str | None, nullable: bool, told: int
) -> None:
    it = table(column(kind, default, nullable=nullable))
    assert len(found("timestamp-null", "5.6.24", "9.7.4", it)) == told
    assert found("timestamp-null", "8.0.36", "9.7.4", it) == []


def test_what_is_said_of_utf8mb3_holds_in_either_flavour() -> None:
    it = table(collation="utf8mb3_general_ci")
    for old, target in (("5.7.44", "9.7.4"), ("10.5.23-MariaDB", "11.8.6-MariaDB")):
        (told,) = found("charset-utf8mb3", old, target, it)
        assert "MySQL deprecates it" in told.why
        assert "MariaDB" in told.why


MODIFY = "ALTER TABLE `shop`.`t` MODIFY `c` "


@pytest.mark.parametrize(
    ("rule", "old", "target", "it", "mend"),
    [
        (
            "number-type-deprecated", "5.7.44", "9.7.4", column("float(10,2)", "0.00", comment="it's"),
            "FLOAT NOT NULL DEFAULT '0.00' COMMENT 'it''s';",
        ),
        ("number-type-deprecated", "5.7.44", "9.7.4", column("double(10,2)", nullable=True), "DOUBLE;"),
        ("year-two-digits", "5.6.24", "9.7.4", column("year(2)", "99"), "YEAR NOT NULL DEFAULT '99';"),
        ("year-two-digits", "10.5.23-MariaDB", "9.7.4", column("year(2)", "99"), "YEAR NOT NULL DEFAULT 99;"),
        (
            "type-missing", "10.5.23-MariaDB", "9.7.4",
            column("varchar(9) /*!100301 COMPRESSED*/", "'a''b'", collation="utf8mb4_bin", extra="INVISIBLE"),
            "varchar(9) COLLATE utf8mb4_bin NOT NULL DEFAULT 'a''b' INVISIBLE;",
        ),
        ("auto-increment-on-float", "5.7.44", "9.7.4", column("float", extra="auto_increment"),
         "BIGINT NOT NULL AUTO_INCREMENT;"),
        ("json-is-text", "8.0.36", "11.8.6-MariaDB", column("json"), "LONGTEXT COLLATE utf8mb4_bin NOT NULL;"),
    ],
)  # fmt: skip
def test_a_mend_that_changes_a_type_keeps_all_else_of_the_column(
    rule: str, old: str, target: str, it: Column, mend: str
) -> None:
    (told,) = found(rule, old, target, table(it))
    assert told.mend[-1] == MODIFY + mend


@pytest.mark.parametrize(
    ("rule", "old", "it", "checks"),
    [
        ("json-is-text", "8.0.36", column("json", "json_object()", extra="DEFAULT_GENERATED"), ()),
        ("json-is-text", "8.0.36", column("json", extra="STORED GENERATED", expression="1"), ()),
        ("year-two-digits", "10.5.23-MariaDB", column("year(2)", "99"), (Check("c", "`c` > 10"),)),
    ],
)
def test_where_the_facts_dont_tell_the_whole_column_there_is_nothing_to_be_copied(
    rule: str, old: str, it: Column, checks: tuple[Check, ...]
) -> None:
    (told,) = found(rule, old, "11.8.6-MariaDB" if "json" in rule else "9.7.4", table(it, checks=checks))
    assert ";" not in told.mend[-1]
    assert "is lost" in told.mend[-1]


@pytest.mark.parametrize(
    ("old", "indexes", "is_sql"),
    [
        ("5.6.24", (Index("PRIMARY", True, "BTREE", ("c",), (None,)),), True),
        ("5.6.24", (Index("PRIMARY", True, "BTREE", ("d", "c"), (None, None)),), False),  # error 1075
        (
            "5.6.24",
            (Index("PRIMARY", True, "BTREE", ("c",), (None,)), Index("g", False, "SPATIAL", ("g",), (32,))),
            False,
        ),
        (
            "5.7.44",
            (Index("PRIMARY", True, "BTREE", ("c",), (None,)), Index("g", False, "SPATIAL", ("g",), (32,))),
            True,
        ),
    ],
)
def test_innodb_is_advised_in_sql_only_where_the_server_takes_it(
    old: str, indexes: tuple[Index, ...], is_sql: bool
) -> None:
    it = Table("shop", "t", "MyISAM", columns=(column("int", extra="auto_increment"),), indexes=indexes)
    (told,) = found("table-not-transactional", old, "9.7.4", it)
    assert (told.mend == ("ALTER TABLE `shop`.`t` ENGINE=InnoDB;",)) == is_sql
    assert told.mend[0].endswith(";") == is_sql


def test_no_table_is_numbered_by_alter_table_and_a_unique_key_with_null_is_named() -> None:
    it = table(column("int", nullable=True), indexes=(Index("u", True, "BTREE", ("c",), (None,), nullable=True),))
    (told,) = found("table-without-primary-key", "5.6.24", "9.7.4", it)
    assert "say NOT NULL of c, which u keeps unique" in told.mend[0]
    assert not any(line.endswith(";") for line in told.mend)
    (told,) = found("table-without-primary-key", "5.6.24", "9.7.4", table(column("int")))
    assert told.mend[0] == "Make columns that identify a row its PRIMARY KEY."


@pytest.mark.parametrize(
    ("name", "value", "target", "mend"),
    [
        ("wait_timeout", "600", "9.7.4", "SET GLOBAL wait_timeout = 600;"),
        ("slave_parallel_workers", "0", "9.7.4", "SET GLOBAL slave_parallel_workers = 1;"),
        ("autocommit", "OFF", "9.7.4", "SET GLOBAL autocommit = 'OFF';"),
        ("ft_min_word_len", "3", "9.7.4", "ft_min_word_len = 3"),
        ("event_scheduler", "DISABLED", "9.7.4", "event_scheduler = DISABLED"),
        ("log_bin", "OFF", "9.7.4", "skip_log_bin"),
        ("sql_mode", "NO_AUTO_CREATE_USER,ANSI_QUOTES", "9.7.4", "SET GLOBAL sql_mode = 'ANSI_QUOTES';"),
        ("sql_mode", "ANSI_QUOTES", "11.8.6-MariaDB", "SET GLOBAL sql_mode = 'ANSI_QUOTES';"),
        ("collation_server", "utf8mb4_uca1400_ai_ci", "9.7.4", "both have"),
    ],
)
def test_a_variable_is_kept_by_what_the_new_server_takes(name: str, value: str, target: str, mend: str) -> None:
    line = variables.kept(name, value, Version.parse(target))
    assert mend in line
    assert line.startswith("SET GLOBAL") == mend.endswith(";") == (";" in line)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"tx_isolation": "READ-COMMITTED"}, {"transaction_isolation": "REPEATABLE-READ"}, ["transaction_isolation"]),
        ({"transaction_isolation": "READ-COMMITTED"}, {"tx_isolation": "REPEATABLE-READ"}, ["tx_isolation"]),
        (
            {"tx_isolation": "READ-COMMITTED", "transaction_isolation": "READ-COMMITTED"},
            {"transaction_isolation": "REPEATABLE-READ"},
            ["transaction_isolation"],
        ),
        ({"tx_isolation": "READ-COMMITTED"}, {"tx_isolation": "READ-COMMITTED"}, []),
        (  # empty is MariaDB's word for that of other tables
            {"default_tmp_storage_engine": "", "default_storage_engine": "InnoDB"},
            {"default_tmp_storage_engine": "InnoDB", "default_storage_engine": "InnoDB"},
            [],
        ),
    ],
)
def test_a_variable_is_compared_and_set_under_the_name_that_the_new_server_has(
    old: dict[str, str], new: dict[str, str], told: list[str]
) -> None:
    sides = [Side(f"{name}:3306", NEW, has) for name, has in (("old", old), ("new", new))]
    case = Case(sides[0], NEW, grow([]), new=sides[1])
    found = examine(case, [one for one in variables.RULES if one.id == "variable-differs"])
    assert [one.where for one in found] == told
    assert [one.mend[0].split()[2] for one in found] == told
