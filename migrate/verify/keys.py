"""Keys: which one a table is cut by, its values as SQL that every version reads the same, and ranges of it. Pure.

A value travels as text: numbers and dates as the server prints them, strings as hexadecimal of their bytes. So quotes,
NULs and bytes that are no text are nothing special, and a literal is in the column's own charset and compared under
its own collation. Both sides must have one order for a range to mean the same: strings need the same collation on both
(utf8 is utf8mb3's older name), and enums, whose order is not that of their text, floats and bits are not cut by.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from understudy.errors import UnderstudyError
from understudy.migrate.sqltext import identifier
from understudy.migrate.verify.tables import INTEGERS, MOMENTS, Column, Table

Value = tuple[str, ...]  # of a key, a text for each column


class KeyColumn(Struct, frozen=True):
    """A column of a key on one side; `sort` is number, moment, text or bytes."""

    name: str
    sort: str
    charset: str = ""

    @property
    def selected(self) -> str:
        """The expression that yields its value as text."""
        own = identifier(self.name)
        return f"HEX({own})" if self.sort in ("text", "bytes") else f"CAST({own} AS CHAR)"

    def literal(self, value: str) -> str:
        """SQL for a value. Raises UnderstudyError for one that no such column can have."""
        pattern = {"number": r"-?\d+(\.\d+)?", "moment": r"[-\d: .]+"}.get(self.sort, r"([0-9A-F]{2})*")
        if not re.fullmatch(pattern, value):
            raise UnderstudyError(f"{self.name}: a key's value can't be {value!r}")
        if self.sort == "number":
            return value
        return f"'{value}'" if self.sort == "moment" else f"_{self.charset or 'binary'} x'{value}'"

    def shown(self, value: str) -> str:
        """The value for a person."""
        if self.sort not in ("text", "bytes"):
            return value
        raw = bytes.fromhex(value)
        try:
            text = raw.decode(
                {"latin1": "cp1252", "utf8mb4": "utf-8", "utf8": "utf-8", "utf8mb3": "utf-8"}[self.charset]
            )
        except (KeyError, UnicodeDecodeError):
            return f"0x{value}"
        return text if text.isprintable() else f"0x{value}"


class Pairing(Struct, frozen=True):
    """The key that two tables are compared by, on either side; empty where they share none.

    `ordered`: ranges of it mean the same on both. `index_old` and `index_new` are what the sides call it.
    """

    old: tuple[KeyColumn, ...] = ()
    new: tuple[KeyColumn, ...] = ()
    ordered: bool = False
    index_old: str = ""
    index_new: str = ""

    @property
    def is_counter(self) -> bool:
        """Whether it is one integer, so that ranges can be reckoned instead of being looked for."""
        return len(self.old) == 1 and self.old[0].sort == "number" and self.old[0].charset == "integer"


def pairing(old: Table, new: Table) -> Pairing:
    """The best key that both have: one that is ordered, the primary key first."""
    found: list[Pairing] = []
    for key in old.keys:
        same = [other for other in new.keys if _folded(other.columns) == _folded(key.columns)]
        if same:
            found.append(_paired(old, new, key.columns, key.name, same[0].name))
    return next((one for one in found if one.ordered), found[0] if found else Pairing())


def _paired(old: Table, new: Table, columns: Sequence[str], index_old: str, index_new: str) -> Pairing:
    pairs = [(_column(old, name), _column(new, name)) for name in columns]
    ordered = all(_has_one_order(ours, theirs) for ours, theirs in pairs)
    return Pairing(
        tuple(_key_column(ours) for ours, _ in pairs), tuple(_key_column(theirs) for _, theirs in pairs),
        ordered, index_old, index_new,
    )  # fmt: skip


def _column(table: Table, name: str) -> Column:
    column = table.column(name)
    if column is None:
        raise UnderstudyError(f"{table.full_name}: its key names {name!r}, which is no column of it")
    return column


def _folded(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name.lower() for name in names)


def _key_column(column: Column) -> KeyColumn:
    if column.base in INTEGERS:
        return KeyColumn(column.name, "number", "integer")
    if column.base in ("decimal", "year"):
        return KeyColumn(column.name, "number")
    if column.base in MOMENTS:
        return KeyColumn(column.name, "moment")
    return KeyColumn(column.name, "text" if column.charset else "bytes", column.charset)


def _has_one_order(ours: Column, theirs: Column) -> bool:
    if ours.base in ("char", "varchar"):
        return theirs.base in ("char", "varchar") and _order(ours.collation) == _order(theirs.collation)
    if ours.base in INTEGERS:
        return theirs.base in INTEGERS
    return ours.base == theirs.base and ours.base in ("decimal", "year", "binary", "varbinary", *MOMENTS)


def _order(collation: str) -> str:
    return re.sub("^utf8_", "utf8mb3_", collation)


def between(columns: Sequence[KeyColumn], lower: Value | None, upper: Value | None) -> str:
    """The rows after `lower` up to and with `upper`; None is without a bound. Each part is an index's range."""
    parts = [" AND ".join(part) for part in _parts(columns, lower, upper)]
    return " OR ".join(f"({part})" for part in parts) if len(parts) > 1 else parts[0]


def _parts(columns: Sequence[KeyColumn], lower: Value | None, upper: Value | None) -> Iterator[list[str]]:
    if lower is None and upper is None:
        yield ["1 = 1"]
        return
    first, last = columns[0], len(columns) == 1
    name = identifier(first.name)
    low = first.literal(lower[0]) if lower is not None else ""
    high = first.literal(upper[0]) if upper is not None else ""
    if last:
        yield [f"{name} > {low}"] * bool(low) + [f"{name} <= {high}"] * bool(high)
        return
    rest = columns[1:]
    if low and low == high and lower is not None and upper is not None:
        yield from ([f"{name} = {low}", *part] for part in _parts(rest, lower[1:], upper[1:]))
        return
    if low and lower is not None:
        yield from ([f"{name} = {low}", *part] for part in _parts(rest, lower[1:], None))
    yield [f"{name} > {low}"] * bool(low) + [f"{name} < {high}"] * bool(high)
    if high and upper is not None:
        yield from ([f"{name} = {high}", *part] for part in _parts(rest, None, upper[1:]))


def among(columns: Sequence[KeyColumn], values: Sequence[Value]) -> str:
    """The rows with these keys."""
    if len(columns) == 1:
        return f"{identifier(columns[0].name)} IN ({', '.join(columns[0].literal(value[0]) for value in values)})"
    return " OR ".join(f"({' AND '.join(_equal(columns, value))})" for value in values)


def _equal(columns: Sequence[KeyColumn], value: Value) -> Iterator[str]:
    for column, text in zip(columns, value, strict=True):
        yield f"{identifier(column.name)} = {column.literal(text)}"
