"""A table's rows as text of an INSERT, made by the source server itself wherever that is possible. Pure.

The source is asked for literals: one column of text for a whole row, with strings quoted, bytes in hex, NULL as the
word. So what arrives is what is sent on, and nothing is converted on the way: a FLOAT comes as the double that it is,
since its own text has six digits only and would not be the same value when read back (MySQL manual, "Problems with
Floating-Point Values"); times come in the session's time zone, which is UTC on both sides.

A row that may be longer than the source's max_allowed_packet can't be put together there: CONCAT would answer NULL.
Such a table's columns are asked for one by one, and the long ones are made literals here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from understudy.migrate.sqltext import identifier, string

NUMBERS = frozenset(
    {"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "numeric", "double", "year", "bool", "boolean"}
)
TIMES = frozenset({"date", "time", "datetime", "timestamp"})
TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"})
BYTES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector"})
NAMES = frozenset({"inet4", "inet6", "uuid", "xmltype"})  # MariaDB's types whose text is also their literal
LONG_KINDS = (TEXTS | BYTES) - {"vector", "enum", "set"}  # which the driver reads as they are
SHORT = 64  # characters; no literal of a number or time is longer
LONG = 1 << 32  # of what has no declared length


class Column(Struct, frozen=True):
    """A column: `kind` is its data type without length, `length` the most characters or bytes, 0 where it has none."""

    name: str
    kind: str
    length: int = 0
    generated: bool = False
    period: str = ""  # ROW START or ROW END of a system-versioned table

    @property
    def most(self) -> int:
        """The most bytes that its literal takes."""
        if self.kind in NUMBERS | TIMES | NAMES | {"float", "bit"}:
            return SHORT
        if self.kind in TEXTS:
            return self.length * 8 + 2  # four bytes a character, each perhaps escaped
        return (self.length or LONG) * 2 + 2


class Reading(Struct, frozen=True):
    """How a table is read: the SELECT, and which of its columns are to be made literals here."""

    select: str
    raw: tuple[bool, ...] = ()  # empty where each row comes whole

    def row(self, values: Sequence[object]) -> str:
        """ "(1,'two',0x03)" of a row as the SELECT answers it."""
        if not self.raw:
            if values[0] is None:
                raise ValueError("a row came as NULL: it is longer than its columns' lengths allow")
            return str(values[0])
        parts = (literal(value) if raw else str(value) for raw, value in zip(self.raw, values, strict=True))
        return f"({','.join(parts)})"


def expression(column: Column) -> str:
    """SQL whose value is the column's literal, NULL as the word."""
    name = identifier(column.name)
    if column.kind in NUMBERS:
        return f"IFNULL({name},'NULL')"
    if column.kind == "float":
        return f"IFNULL({name}+0e0,'NULL')"
    if column.kind in TIMES | NAMES:
        return f"QUOTE({name})"
    if column.kind == "bit":
        return f"IFNULL({name}+0,'NULL')"
    if column.kind in TEXTS:
        return f"QUOTE(CONVERT({name} USING utf8mb4))"
    if column.kind == "json":
        return f"QUOTE(CAST({name} AS CHAR CHARACTER SET utf8mb4))"
    return f"IF({name} IS NULL,'NULL',IF(LENGTH({name})=0,\"''\",CONCAT('0x',HEX({name}))))"


def current_until(column: Column, then: str, now: str) -> str:
    """The literal of a ROW END: in a row that is current it is the end of time, which was another in the old server."""
    name = identifier(column.name)
    return f"QUOTE(IF({name}={string(then)},{string(now)},{name}))"


def reading(
    table: str, columns: Sequence[Column], most_bytes: int, suffix: str = "", ends: Mapping[str, str] = {}
) -> Reading:
    """How to read a table, given in quotes, whose source takes and gives packets of so many bytes.

    `ends` are expressions that stand in for columns of these names.
    """
    if sum(column.most + 1 for column in columns) < most_bytes:
        packed = ",',',".join(ends.get(column.name) or expression(column) for column in columns)
        return Reading(f"SELECT CONCAT('(',{packed},')') FROM {table}{suffix}")
    raw = tuple(column.kind in LONG_KINDS and column.most >= most_bytes // 8 for column in columns)
    items = (
        identifier(column.name) if is_raw else ends.get(column.name) or expression(column)
        for column, is_raw in zip(columns, raw, strict=True)
    )
    return Reading(f"SELECT {','.join(items)} FROM {table}{suffix}", raw)


def literal(value: object) -> str:
    """A literal of a value as the driver gives it."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"0x{value.hex()}" if value else "''"
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def insert(table: str, columns: Iterable[Column]) -> str:
    """The beginning of an INSERT, to which rows are added with commas between; names are given in quotes."""
    return f"INSERT INTO {table} ({','.join(identifier(column.name) for column in columns)}) VALUES "
