"""Reading what tables a server has, and what it is, in a few statements whatever their number."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from understudy.migrate.build.mark import SCHEMA
from understudy.migrate.ports import Database
from understudy.migrate.rows import number, text
from understudy.migrate.verify.tables import Column, Key, Table

OWN = f"('mysql', 'information_schema', 'performance_schema', 'sys', '{SCHEMA}')"  # the last is build's mark
TABLES = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE, TABLE_ROWS, DATA_LENGTH FROM information_schema.TABLES"
    f" WHERE TABLE_SCHEMA NOT IN {OWN} AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')"
    " ORDER BY TABLE_SCHEMA, TABLE_NAME"
)
COLUMNS = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, COLLATION_NAME, CHARACTER_SET_NAME, IS_NULLABLE, EXTRA"
    f" FROM information_schema.COLUMNS WHERE TABLE_SCHEMA NOT IN {OWN}"
    " ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"
)
KEYS = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART, NULLABLE, INDEX_TYPE"
    f" FROM information_schema.STATISTICS WHERE NON_UNIQUE = 0 AND TABLE_SCHEMA NOT IN {OWN}"
    " ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"
)
SESSION = (
    "SET SESSION time_zone = '+00:00'",  # a timestamp is text in the session's time zone
    "SET SESSION sql_mode = ''",  # PAD_CHAR_TO_FULL_LENGTH, ANSI_QUOTES and others change what expressions mean
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",  # each statement sees one moment, and no longer
)
IDENTITY = ("server_uuid", "server_id", "hostname", "datadir", "port")
SCAN_S = 86_400.0  # a table without a key is read in one statement
Name = tuple[str, str]


def prepare(session: Database) -> None:
    """Make the session see what other sessions of verify see, whatever the server's settings."""
    for statement in SESSION:
        session.execute(statement)
    cache = session.row("SHOW VARIABLES LIKE 'query_cache_type'")
    if cache and text(cache["Value"]) != "OFF":
        session.execute("SET SESSION query_cache_type = OFF")


def variables(session: Database) -> dict[str, str]:
    """The global variables that verify looks at, by name."""
    names = (*IDENTITY, "lower_case_table_names", "version")
    said = session.rows(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({', '.join(['%s'] * len(names))})", *names)
    return {text(row["Variable_name"]).lower(): text(row["Value"]) for row in said}


def tables(session: Database, only: Sequence[str], ignore: Sequence[str]) -> list[Table]:
    """All tables that are wanted, largest first; `only` and `ignore` are patterns of "schema.table"."""
    with session.patient(SCAN_S):
        columns, keys = _columns(session), _keys(session)
        found = [
            Table(
                text(schema), text(name), tuple(columns[text(schema), text(name)]),
                tuple(keys[text(schema), text(name)]), text(engine), number(rows), number(length),
            )
            for batch in session.stream(TABLES)
            for schema, name, engine, rows, length in batch
        ]  # fmt: skip
    wanted = [table for table in found if _is_wanted(table.full_name, only, ignore)]
    return sorted(wanted, key=lambda table: (-table.bytes, table.full_name))


def _is_wanted(name: str, only: Sequence[str], ignore: Sequence[str]) -> bool:
    taken = not only or any(fnmatchcase(name, pattern) for pattern in only)
    return taken and not any(fnmatchcase(name, pattern) for pattern in ignore)


def _columns(session: Database) -> dict[Name, list[Column]]:
    found: dict[Name, list[Column]] = defaultdict(list)
    for batch in session.stream(COLUMNS):
        for row in batch:
            schema, table, name, sort, collation, charset, nullable, extra = map(text, row)
            generated = re.search("VIRTUAL|STORED|PERSISTENT", extra.upper())
            how = "" if not generated else "virtual" if generated[0] == "VIRTUAL" else "stored"
            found[schema, table].append(Column(name, sort.lower(), collation, charset, nullable == "YES", how))
    return found


def _keys(session: Database) -> dict[Name, list[Key]]:
    parts: dict[Name, dict[str, list[tuple[Any, ...]]]] = defaultdict(lambda: defaultdict(list))
    for batch in session.stream(KEYS):
        for schema, table, index, *rest in batch:
            parts[text(schema), text(table)][text(index)].append(tuple(rest))
    return defaultdict(list, {name: _whole(indexes) for name, indexes in parts.items()})


def _is_plain(part: tuple[Any, ...]) -> bool:
    column, prefix, nullable, sort = part
    return bool(column) and prefix is None and nullable != "YES" and sort == "BTREE"


def _whole(indexes: dict[str, list[tuple[Any, ...]]]) -> list[Key]:
    """Keys of whole columns without NULLs; the primary key first."""
    found = [
        Key(index, tuple(text(column) for column, *_ in parts))
        for index, parts in indexes.items()
        if all(map(_is_plain, parts))
    ]
    return sorted(found, key=lambda key: (key.name != "PRIMARY", len(key.columns), key.name))
