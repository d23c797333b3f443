"""Another type for a column, with all else that it is. Pure.

MODIFY redefines a column: what it doesn't say of NOT NULL, default, comment and the like is gone (MySQL manual, "ALTER
TABLE Statement"; MariaDB's is the same, and there a CHECK of the column goes as well). So the whole definition is
written, where the facts tell the whole of it; where they don't, what to do is said, and no SQL is there to be copied.
"""

from __future__ import annotations

import re

from understudy.migrate.checks.schema import Column, Table
from understudy.migrate.sqltext import identifier, string
from understudy.migrate.versions import Version

WRITTEN = {"AUTO_INCREMENT", "INVISIBLE"}  # of what EXTRA tells: nothing but this is written as it is told


def retyped(version: Version, table: Table, column: Column, to: str, collation: str = "") -> str:
    """The ALTER TABLE that gives a column of a server of this version another type, or a sentence that says how.

    `collation` is the new type's, where the column has none now.
    """
    head = f"ALTER TABLE {identifier(table.schema, table.name)} MODIFY {identifier(column.name)} {to}"
    extras = [extra for extra in re.split(r"[,\s]+", column.extra.upper()) if extra]
    if not set(extras) <= WRITTEN or _has_check(version, table, column):
        return f"{head} … with all else that SHOW CREATE TABLE says of it: what MODIFY doesn't say is lost."
    collation = column.collation or collation
    said = [f"COLLATE {collation}"] if collation else []
    said += [] if column.nullable else ["NOT NULL"]
    said += [] if column.default is None else [f"DEFAULT {_default(version, column.default)}"]
    said += extras
    said += [f"COMMENT {string(column.comment)}"] if column.comment else []
    return " ".join((head, *said)) + ";"


def _has_check(version: Version, table: Table, column: Column) -> bool:
    """MariaDB names a column's own CHECK after it; MySQL's all belong to the table, and stay."""
    return version.is_mariadb() and any(check.name.lower() == column.name.lower() for check in table.checks)


def _default(version: Version, default: str) -> str:
    """MariaDB tells SQL (since 10.2.7), MySQL a value."""
    return default if version.is_mariadb(10, 2, 7) else string(default)
