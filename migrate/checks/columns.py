"""Rules about columns: types, defaults and attributes that the new version refuses or takes otherwise. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from understudy.migrate.checks.case import Case
from understudy.migrate.checks.defaults import is_on, mode_of
from understudy.migrate.checks.definition import retyped
from understudy.migrate.checks.finding import Found, Rule, Severity
from understudy.migrate.checks.schema import Column, Table
from understudy.migrate.checks.spans import MARIA, Span, holds, maria, my, turn
from understudy.migrate.sqltext import identifier

TYPES: dict[str, tuple[Span, ...]] = {
    "json": (my((5, 7, 8)), MARIA),
    "uuid": (maria((10, 7)),),
    "inet6": (maria((10, 5)),),
    "inet4": (maria((10, 10)),),
    "xmltype": (maria((12,)),),
    "vector": (my((9, 0)), maria((11, 7))),
    "geomcollection": (my((8, 0)),),  # what MySQL calls GEOMETRYCOLLECTION since 8.0.11
}
COMPRESSED = re.compile(r" /\*M?!\d+ COMPRESSED\b[^']*$")  # as MariaDB tells it; an element of ENUM ends in a quote
ELEMENT = re.compile(r"'((?:[^']|'')*)'")
ELEMENT_LENGTH = 255
JSON_COLLATION = "utf8mb4_bin"  # of MySQL's JSON, and of MariaDB's

Look = Callable[[Case, Table, Column], "tuple[str, tuple[str, ...]] | None"]


def _each(look: Look, concerns: Callable[[Case], bool]) -> Callable[[Case], Iterator[Found]]:
    """A rule that looks at every column, where it concerns these versions at all."""

    def find(case: Case) -> Iterator[Found]:
        if not concerns(case):
            return
        for table, column in case.old.schema.all_columns():
            if said := look(case, table, column):
                yield Found(case.old.address, said[0], f"{table.path}.{column.name}", said[1])

    return find


def _to_mysql(*since: int) -> Callable[[Case], bool]:
    """From before this version of MySQL, or from MariaDB, to it or a later one."""
    return lambda case: case.target.is_mysql(*since) and not case.old.version.is_mysql(*since)


def _year(case: Case, table: Table, column: Column) -> tuple[str, tuple[str, ...]] | None:
    if column.type.lower() != "year(2)":
        return None
    return "its type is YEAR(2)", (retyped(case.old.version, table, column, "YEAR"),)


def _old_temporal(case: Case, table: Table, column: Column) -> tuple[str, tuple[str, ...]] | None:
    if "5.5 binary format" in column.type or "mariadb-5.3" in column.type:
        return f"it is stored in the format of MySQL 5.5: {column.type}", (
            f"ALTER TABLE {identifier(table.schema, table.name)} FORCE;",
        )
    return None


def _old_numbers(case: Case, table: Table, column: Column) -> tuple[str, tuple[str, ...]] | None:
    kind = column.type.lower()
    if column.base in ("float", "double", "decimal") and " unsigned" in kind:
        return f"its type is {column.type}: UNSIGNED is deprecated for it", ("Use a CHECK constraint instead.",)
    if column.base in ("float", "double") and "," in kind:
        return f"its type is {column.type}: digits are deprecated for it", (
            retyped(case.old.version, table, column, column.base.upper()),
        )
    if "zerofill" in kind:
        return f"its type is {column.type}: ZEROFILL is deprecated", ("Use LPAD() in the application.",)
    return None


def _float_increment(case: Case, table: Table, column: Column) -> tuple[str, tuple[str, ...]] | None:
    if column.base not in ("float", "double") or "auto_increment" not in column.extra.lower():
        return None
    integer = "BIGINT UNSIGNED" if "unsigned" in column.type.lower() else "BIGINT"
    mend = ("Where it holds whole numbers alone:", retyped(case.old.version, table, column, integer))
    return f"AUTO_INCREMENT on {column.type}", mend


def _long_element(case: Case, table: Table, column: Column) -> tuple[str, tuple[str, ...]] | None:
    if column.base not in ("enum", "set"):
        return None
    longest = max((len(element.replace("''", "'")) for element in ELEMENT.findall(column.type)), default=0)
    if longest <= ELEMENT_LENGTH:
        return None
    return f"an element of its {column.base.upper()} has {longest} characters", ("Shorten it to 255.",)


def _zero_default(case: Case, table: Table, column: Column) -> tuple[str, tuple[str, ...]] | None:
    default = (column.default or "").strip("'")
    is_temporal = column.base in ("date", "datetime", "timestamp")
    if not is_temporal or not re.match(r"\d{4}-(?:00-\d\d|\d\d-00)", default):
        return None
    return f"its default is {default}, which the new sql_mode refuses", (
        f"ALTER TABLE {identifier(table.schema, table.name)} ALTER {identifier(column.name)} SET DEFAULT '1970-01-02';",
        "or on the new servers: sql_mode without NO_ZERO_DATE and NO_ZERO_IN_DATE",
    )


def _refuses_zero(case: Case) -> bool:
    new, old = mode_of(case.new, case.target), mode_of(case.old, case.old.version)
    gained = set(new.split(",")) - set(old.split(","))
    return bool(gained & {"NO_ZERO_DATE", "NO_ZERO_IN_DATE"})


def _null_timestamp(case: Case, table: Table, column: Column) -> tuple[str, tuple[str, ...]] | None:
    """Whatever its default is (MySQL manual, "Automatic Initialization and Updating for TIMESTAMP and DATETIME")."""
    if column.base != "timestamp" or column.nullable:
        return None
    mend = (
        "Write CURRENT_TIMESTAMP or DEFAULT, not NULL,",
        "or on the new servers: explicit_defaults_for_timestamp = OFF",
    )
    return "NULL written to it is now the current time, there an error", mend


def _explicit_timestamps(case: Case) -> bool:
    name = "explicit_defaults_for_timestamp"
    return is_on(case.new, case.target, name) and not is_on(case.old, case.old.version, name)


def _type_missing(case: Case, table: Table, column: Column) -> tuple[str, tuple[str, ...]] | None:
    if case.target.is_mysql() and COMPRESSED.search(column.type):
        return "it is COMPRESSED, which MySQL's columns can't be", (
            retyped(case.old.version, table, column, COMPRESSED.sub("", column.type)),
        )
    spans = TYPES.get(column.base)
    if spans is None or holds(spans, case.target):
        return None
    return f"{case.target} has no type {column.base.upper()}: {turn(spans, case.target)}", (
        "Convert it on the old server, to BINARY, VARCHAR or BLOB.",
    )


def _json(case: Case, table: Table, column: Column) -> tuple[str, tuple[str, ...]] | None:
    if column.base != "json":
        return None
    return "its type is JSON", (retyped(case.old.version, table, column, "LONGTEXT", JSON_COLLATION),)


def _invisible(case: Case, table: Table, column: Column) -> tuple[str, tuple[str, ...]] | None:
    if "INVISIBLE" in column.extra.upper():
        return "it is invisible", ("Make it visible, and name the columns in INSERT and SELECT.",)
    return None


RULES: tuple[Rule, ...] = (
    Rule(
        "year-two-digits",
        Severity.ERROR,
        "MySQL has no YEAR(2) since 5.7.5 (error 1818).",
        _each(_year, _to_mysql(5, 7, 5)),
    ),
    Rule(
        "temporal-old-format",
        Severity.ERROR,
        "Columns of the format before MySQL 5.6 stop an upgrade to 8.0 in place; MariaDB's of before"
        " 10.1 differ from MySQL's.",
        _each(_old_temporal, _to_mysql(8)),
    ),
    Rule(
        "number-type-deprecated",
        Severity.NOTE,
        "Digits of FLOAT and DOUBLE, UNSIGNED on them and DECIMAL, and ZEROFILL are deprecated since MySQL 8.0.17.",
        _each(_old_numbers, _to_mysql(8, 0, 17)),
    ),
    Rule(
        "auto-increment-on-float",
        Severity.ERROR,
        "MySQL 8.4 removed AUTO_INCREMENT on FLOAT and DOUBLE (error 1063).",
        _each(_float_increment, _to_mysql(8, 4)),
    ),
    Rule(
        "enum-element-too-long",
        Severity.ERROR,
        "Since MySQL 8.0 an element has at most 255 characters or 1,020 bytes (error 3505).",
        _each(_long_element, _to_mysql(8)),
    ),
    Rule(
        "zero-default",
        Severity.ERROR,
        "NO_ZERO_DATE is in MySQL's default sql_mode since 5.7: the table's own definition is refused (error 1067).",
        _each(_zero_default, _refuses_zero),
    ),
    Rule(
        "timestamp-null",
        Severity.WARNING,
        "explicit_defaults_for_timestamp is on by default since MySQL 8.0.2 and MariaDB 10.10.",
        _each(_null_timestamp, _explicit_timestamps),
    ),
    Rule(
        "type-missing",
        Severity.ERROR,
        "The table can't be created in the new version.",
        _each(_type_missing, lambda _: True),
    ),
    Rule(
        "json-is-text",
        Severity.ERROR,
        "MariaDB's JSON is LONGTEXT: it can't apply row events with MySQL's binary JSON, and compares it as text.",
        _each(_json, lambda case: case.old.version.is_mysql() and case.target.is_mariadb()),
    ),
    Rule(
        "invisible-column",
        Severity.ERROR,
        "MySQL has invisible columns since 8.0.23.",
        _each(_invisible, lambda case: case.target.is_mysql() and not case.target.is_mysql(8, 0, 23)),
    ),
)
