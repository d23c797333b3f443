"""Rules about indexes and foreign keys. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from understudy.migrate.checks.case import Case
from understudy.migrate.checks.finding import Found, Rule, Severity
from understudy.migrate.checks.schema import ForeignKey, Index, Table
from understudy.migrate.sqltext import identifier

NAME_LENGTH = 64


def _long_names(case: Case) -> Iterator[Found]:
    """MySQL 5.6 and 5.7 cut the names that they show here, so one that InnoDB made is known by its missing end."""
    if not case.target.is_mysql(8) or case.old.version.is_mysql(8):
        return
    for table in case.old.schema.tables:
        for key in table.foreign_keys:
            is_cut = key.name.startswith(table.name) and not re.search(r"_ibfk_\d+$", key.name)
            if len(key.name) > NAME_LENGTH or (len(key.name) == NAME_LENGTH and is_cut):
                path = identifier(table.schema, table.name)
                mend = (
                    f"SHOW CREATE TABLE {path};  -- tells the whole name",
                    f"ALTER TABLE {path} DROP FOREIGN KEY …, and add it under a shorter one, with its ON DELETE and"
                    f" ON UPDATE: ADD CONSTRAINT … {_definition(key)} …",
                )
                yield Found(case.old.address, f"the name of a foreign key is too long: {key.name}…", table.path, mend)


def _definition(key: ForeignKey) -> str:
    columns, parents = (", ".join(identifier(name) for name in names) for names in (key.columns, key.parent_columns))
    return f"FOREIGN KEY ({columns}) REFERENCES {identifier(key.parent_schema, key.parent)} ({parents})"


def _not_unique(case: Case) -> Iterator[Found]:
    if not case.target.is_mysql(8, 4) or case.old.version.is_mysql(8, 4):
        return
    tables = {(table.schema.lower(), table.name.lower()): table for table in case.old.schema.tables}
    for table in case.old.schema.tables:
        for key in table.foreign_keys:
            parent = tables.get((key.parent_schema.lower(), key.parent.lower()))
            if parent and not _has_unique(parent, key):
                columns = ", ".join(identifier(name) for name in key.parent_columns)
                mend = (
                    f"ALTER TABLE {identifier(parent.schema, parent.name)} ADD UNIQUE ({columns});",
                    "or on the new servers:",
                    "SET GLOBAL restrict_fk_on_non_standard_key = OFF;",
                )
                refers = f"{parent.path} ({', '.join(key.parent_columns)})"
                found = f"the foreign key {key.name} refers to {refers}, which is not unique"
                yield Found(case.old.address, found, table.path, mend)


def _has_unique(parent: Table, key: ForeignKey) -> bool:
    wanted = sorted(name.lower() for name in key.parent_columns)
    return any(
        index.unique and not any(index.prefixes) and sorted(name.lower() for name in index.columns) == wanted
        for index in parent.indexes
    )


def _duplicates(case: Case) -> Iterator[Found]:
    for table in case.old.schema.tables:
        kept: list[Index] = []
        for index in sorted(table.indexes, key=lambda one: (one.name != "PRIMARY", not one.unique, not one.visible)):
            other = next((one for one in kept if _replaces(one, index)), None)
            if other is None:
                kept.append(index)
                continue
            mend = (f"ALTER TABLE {identifier(table.schema, table.name)} DROP INDEX {identifier(index.name)};",)
            yield Found(case.old.address, f"it is the same as {other.name}", f"{table.path}.{index.name}", mend)


def _replaces(one: Index, other: Index) -> bool:
    """Whether one does all that the other does: nothing uses an invisible one, which may still have to be unique."""
    return (one.unique or not other.unique) and (one.visible or not other.visible) and _key(one) == _key(other)


def _key(index: Index) -> tuple[object, ...]:
    return index.type, index.columns, index.prefixes, index.expressions, index.descending


def _functional(case: Case) -> Iterator[Found]:
    if not case.target.is_mariadb():
        return
    for table in case.old.schema.tables:
        for index in table.indexes:
            if index.expressions:
                mend = ("Index a generated column with this expression instead.",)
                found = f"it is on an expression: {', '.join(index.expressions)}"
                yield Found(case.old.address, found, f"{table.path}.{index.name}", mend)


def _spatial(case: Case) -> Iterator[Found]:
    if not case.target.is_mysql(8) or case.old.version.is_mysql(8):
        return
    for table in case.old.schema.tables:
        for index in table.indexes:
            if index.type.upper() == "SPATIAL":
                column = identifier(index.columns[0])
                mend = (
                    f"On the new servers: ALTER TABLE {identifier(table.schema, table.name)} MODIFY {column} … SRID 0,"
                    " with all else that SHOW CREATE TABLE says of it",
                )
                yield Found(
                    case.old.address, f"its column {index.columns[0]} has no SRID", f"{table.path}.{index.name}", mend
                )


RULES: tuple[Rule, ...] = (
    Rule(
        "foreign-key-name-too-long",
        Severity.ERROR,
        "Since MySQL 8.0 names have at most 64 characters; InnoDB gave longer ones to foreign keys"
        " of tables with long names.",
        _long_names,
    ),
    Rule(
        "foreign-key-to-non-unique",
        Severity.ERROR,
        "Since MySQL 8.4 restrict_fk_on_non_standard_key refuses it (error 6125), so the table can't be created there.",
        _not_unique,
    ),
    Rule(
        "duplicate-index",
        Severity.NOTE,
        "Every write pays for both; MySQL warns since 5.6, and may refuse one day.",
        _duplicates,
    ),
    Rule("functional-index", Severity.ERROR, "MariaDB has no indexes on expressions.", _functional),
    Rule(
        "spatial-index-without-srid",
        Severity.WARNING,
        "Since MySQL 8.0 the optimiser uses a SPATIAL index only where the column has an SRID.",
        _spatial,
    ),
)
