"""Reading what tables a server has, and what it is: not by the single table, but in slices (`slices` says why)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from understudy.migrate.build.mark import SCHEMA
from understudy.migrate.ports import Database
from understudy.migrate.rows import number, text
from understudy.migrate.sliced import sliced
from understudy.migrate.slices import WHOLE, Slice
from understudy.migrate.sqltext import string
from understudy.migrate.verify import questions
from understudy.migrate.verify.tables import Column, Key, Table

OURS = ("sys", SCHEMA)  # the last is build's mark
OWN = f"('mysql', 'information_schema', 'performance_schema', {', '.join(map(string, OURS))})"
TABLES = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE, TABLE_ROWS, DATA_LENGTH FROM information_schema.TABLES"
    f" WHERE TABLE_SCHEMA NOT IN {OWN} AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')"
)
COLUMNS = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, COLLATION_NAME, CHARACTER_SET_NAME, IS_NULLABLE, EXTRA,"
    " {} FROM information_schema.COLUMNS"
    f" WHERE TABLE_SCHEMA NOT IN {OWN}"
)
PERIOD = "GENERATION_EXPRESSION"  # ROW START and ROW END are told here, by MariaDB 10.3 and later
COLUMNS_IN_ORDER = " ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"
KEYS = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART, NULLABLE, INDEX_TYPE, {}"
    f" FROM information_schema.STATISTICS WHERE NON_UNIQUE = 0 AND TABLE_SCHEMA NOT IN {OWN}"
)
KEYS_IN_ORDER = " ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"
SESSION = (
    "SET SESSION time_zone = '+00:00'",  # a timestamp is text in the session's time zone
    "SET SESSION sql_mode = ''",  # PAD_CHAR_TO_FULL_LENGTH, ANSI_QUOTES and others change what expressions mean
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",  # each statement sees one moment, and no longer
)
IDENTITY = ("server_uuid", "server_id", "hostname", "datadir", "port")
SCAN_S = 86_400.0  # a table without a key is read in one statement
PLACES = 20  # databases and tables that are asked for one by one; of more, all is asked for at once
WILD = re.compile(r"[*?[]")
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


def tables(session: Database, only: Sequence[str] = (), folded: bool = False) -> list[Table]:
    """All tables, largest first, or those like the patterns `only` of "schema.table"; `folded`: whatever their case."""
    found: dict[str, Table] = {}
    with session.patient(SCAN_S):
        for part, where in _asked(session, [] if folded else only):  # equality asks for one case alone
            found |= {table.full_name: table for table in _tables(session, part, where)}
    wanted = [table for table in found.values() if not only or is_like(table.schema, table.name, only, folded)]
    return sorted(wanted, key=lambda table: (-table.bytes, table.full_name))


def _asked(session: Database, only: Sequence[str]) -> Iterable[tuple[Slice, str]]:
    """What is asked about at once."""
    named = places(only)
    return [(part, "") for part in sliced(session, OURS)] if named == [""] else [(WHOLE, where) for where in named]


def _tables(session: Database, part: Slice, where: str) -> Iterator[Table]:
    """The tables' own question comes first, since it opens them (`slices`)."""
    base = [row for batch in _stream(session, TABLES + where, part) for row in batch]
    columns, keys = _columns(session, part, where), _keys(session, part, where)
    for schema, table, engine, rows, length in base:
        name = text(schema), text(table)
        comparable = current(columns[name], keys[name])
        yield Table(*name, *comparable, text(engine), number(rows), number(length))


def _stream(session: Database, question: str, part: Slice, order: str = "") -> Iterator[Sequence[tuple[Any, ...]]]:
    sql, arguments = part.narrowed(question)
    return session.stream(sql + order, *arguments)


def current(columns: Sequence[Column], keys: Sequence[Key]) -> tuple[tuple[Column, ...], tuple[Key, ...]]:
    """Without what each server sets itself in a system-versioned table, whose current rows alone are read.

    Those are the end of time as ROW END, which is 2038 in MariaDB 10.5 and 2106 in 11.8, and transactions' numbers.
    ROW END is in every unique key too; current rows are unique without it.
    """
    own = {column.name for column in columns if column.generated == "period"}
    if not own:
        return tuple(columns), tuple(keys)
    left = (Key(key.name, tuple(name for name in key.columns if name not in own)) for key in keys)
    return tuple(column for column in columns if column.name not in own), tuple(key for key in left if key.columns)


def is_like(schema: str, table: str, patterns: Sequence[str], folded: bool = False) -> bool:
    """Whether one names a table: with one dot they are of database and table, else of both with a dot between.

    `folded`: whatever the case.
    """
    if folded:
        return is_like(schema.lower(), table.lower(), [pattern.lower() for pattern in patterns])

    def fits(pattern: str) -> bool:
        database, dot, rest = pattern.partition(".")
        if dot and "." not in rest:
            return fnmatchcase(schema, database) and fnmatchcase(table, rest)
        return fnmatchcase(f"{schema}.{table}", pattern)

    return any(map(fits, patterns))


def places(only: Sequence[str]) -> list[str]:
    """Conditions that together hold all that is wanted; one without any where patterns don't say in which databases.

    Equality is what servers look up: MySQL 5.6 opens every table for anything else.
    """
    named = [_place(pattern) for pattern in only]
    known = dict.fromkeys(place for place in named if place)
    if not only or None in named or len(known) > PLACES:
        return [""]
    return [_condition(*place) for place in known if not place[1] or (place[0], "") not in known]


def _place(pattern: str) -> Name | None:
    schema, dot, table = pattern.partition(".")
    if not dot or "." in table or WILD.search(schema):
        return None
    return schema, "" if WILD.search(table) else table


def _condition(schema: str, table: str) -> str:
    return f" AND TABLE_SCHEMA = {string(schema)}" + (f" AND TABLE_NAME = {string(table)}" if table else "")


def _columns(session: Database, part: Slice, where: str) -> dict[Name, list[Column]]:
    found: dict[Name, list[Column]] = defaultdict(list)
    period = PERIOD if session.version.is_mariadb(10, 3) else "''"
    for batch in _stream(session, COLUMNS.format(period) + where, part, COLUMNS_IN_ORDER):
        for row in batch:
            schema, table, *rest = map(text, row)
            found[schema, table].append(_column(*rest))
    return found


@lru_cache(4096)
def _column(name: str, sort: str, collation: str, charset: str, nullable: str, extra: str, period: str) -> Column:
    """A column; ten thousand tables have few kinds of them."""
    generated = re.search("VIRTUAL|STORED|PERSISTENT", extra.upper())
    how = "" if not generated else "virtual" if generated[0] == "VIRTUAL" else "stored"
    if period == "ROW END" or (period == "ROW START" and sort.startswith("bigint")):
        how = "period"
    return Column(name, sort.lower(), collation, charset, nullable == "YES", how)


def _keys(session: Database, part: Slice, where: str) -> dict[Name, list[Key]]:
    parts: dict[Name, dict[str, list[tuple[Any, ...]]]] = defaultdict(lambda: defaultdict(list))
    question = KEYS.format(questions.hidden(session.version)) + where
    for batch in _stream(session, question, part, KEYS_IN_ORDER):
        for schema, table, index, *rest in batch:
            parts[text(schema), text(table)][text(index)].append(tuple(rest))
    return defaultdict(list, {name: _whole(indexes) for name, indexes in parts.items()})


def _is_plain(part: tuple[Any, ...]) -> bool:
    column, prefix, nullable, sort, hidden = part
    plain = bool(column) and prefix is None and nullable != "YES" and sort == "BTREE"
    return plain and text(hidden) != "YES"  # FORCE INDEX of what is hidden is error 1176


def _whole(indexes: dict[str, list[tuple[Any, ...]]]) -> list[Key]:
    """Keys of whole columns without NULLs; the primary key first."""
    found = [
        Key(index, tuple(text(column) for column, *_ in parts))
        for index, parts in indexes.items()
        if all(map(_is_plain, parts))
    ]
    return sorted(found, key=lambda key: (key.name != "PRIMARY", len(key.columns), key.name))
