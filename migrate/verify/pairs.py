"""Two copies of a table and what to ask of either: the SQL of verify. Pure.

A copy with an ordered key is asked in ranges; its rows are told apart by their keys. Any other is asked as a whole: its
rows are told apart by their numbers, and counted, since there may be several of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from understudy.migrate.sqltext import identifier
from understudy.migrate.verify import hashing, keys
from understudy.migrate.verify.hashing import Term
from understudy.migrate.verify.keys import KeyColumn, Value
from understudy.migrate.verify.tables import Column, Table

LONG = ("mediumtext", "longtext", "mediumblob", "longblob", "json", *hashing.GEOMETRY, *hashing.COLLECTIONS)
LONG_BYTES = 2 << 20


class Copy(Struct, frozen=True):
    """One side of a table. `source` is it in SQL, `hint` makes ranges use the key, `row` is a row's number."""

    source: str
    hint: str
    keys: tuple[KeyColumn, ...]
    terms: tuple[Term, ...]
    row: str
    ordered: bool

    def total(self, lower: Value | None = None, upper: Value | None = None) -> str:
        """How many rows, and their number together."""
        if not self.ordered:
            return f"SELECT COUNT(*), SUM({self.row}) FROM {self.source}"
        where = keys.between(self.keys, lower, upper)
        return f"SELECT COUNT(*), BIT_XOR({self.row}) FROM {self.source}{self.hint} WHERE {where}"

    def boundary(self, lower: Value | None, upper: Value | None, rows: int) -> str:
        """The key of the last of so many rows after `lower`; no row where there are fewer up to `upper`."""
        order = ", ".join(identifier(key.name) for key in self.keys)
        where = keys.between(self.keys, lower, upper)
        return f"SELECT {self._key} FROM {self.source}{self.hint} WHERE {where} ORDER BY {order} LIMIT {rows - 1}, 1"

    def ends(self) -> str:
        """The least and the greatest key, of a key of one column."""
        name = identifier(self.keys[0].name)
        return f"SELECT MIN({name}), MAX({name}) FROM {self.source}"

    def estimated(self, lower: Value, upper: Value) -> str:
        """What the server thinks how many rows there are, by two dives into the index."""
        where = keys.between(self.keys, lower, upper)
        return f"EXPLAIN SELECT COUNT(*) FROM {self.source}{self.hint} WHERE {where}"

    def listed(self, lower: Value | None, upper: Value | None) -> str:
        """Each row's key and number."""
        return self._rows(keys.between(self.keys, lower, upper))

    def these(self, values: Sequence[Value], locked: bool = False) -> str:
        """The same of these keys; `locked` until the transaction ends."""
        if not self.ordered:
            numbers = ", ".join(str(int(value[0])) for value in values)
            return (
                f"SELECT {self.row} AS number, COUNT(*) FROM {self.source} WHERE {self.row} IN ({numbers}) GROUP BY 1"
            )
        return self._rows(keys.among(self.keys, values)) + (" LOCK IN SHARE MODE" if locked else "")

    def buckets(self, count: int) -> str:
        """Of a copy without an ordered key: how many rows, and their number together, by the rest of their numbers."""
        return f"SELECT {self.row} % {count} AS bucket, COUNT(*), SUM({self.row}) FROM {self.source} GROUP BY 1"

    def within(self, buckets: Sequence[int], count: int) -> str:
        """The numbers of the rows in these buckets, and how many there are of each."""
        chosen = ", ".join(map(str, buckets))
        where = f"{self.row} % {count} IN ({chosen})"
        return f"SELECT {self.row} AS number, COUNT(*) FROM {self.source} WHERE {where} GROUP BY 1"

    def columns(self, values: Sequence[Value]) -> str:
        """The key and all numbers of all columns of these rows."""
        numbers = ", ".join(one for term in self.terms for one in (*term.numbers, *term.again))
        where = keys.among(self.keys, values)
        return f"SELECT {self._key}, {numbers} FROM {self.source}{self.hint} WHERE {where}"

    def changed(self, ours: Sequence[object], theirs: Sequence[object]) -> tuple[str, ...]:
        """The columns in which two answers to `columns` differ."""
        place, found = len(self.keys), []
        for term in self.terms:
            width = len(term.numbers) + len(term.again)
            if tuple(ours[place : place + width]) != tuple(theirs[place : place + width]):
                found.append(term.column)
            place += width
        return tuple(found)

    @property
    def _key(self) -> str:
        return ", ".join(key.selected for key in self.keys)

    def _rows(self, where: str) -> str:
        return f"SELECT {self._key}, {self.row} FROM {self.source}{self.hint} WHERE {where}"


class Pair(Struct, frozen=True):
    """A table on both sides.

    `left_out` are columns that can't be compared, with the reason; `locks_rows`: the old side can lock single ones;
    `long`: a value may take megabytes.
    """

    name: str
    old: Copy
    new: Copy
    ordered: bool
    is_counter: bool
    rows: int
    bytes: int
    digest: str
    left_out: tuple[str, ...] = ()
    locks_rows: bool = False

    long: bool = False

    @property
    def row_bytes(self) -> int:
        """How long a row may well be: as on average by estimate, which may be stale, but not short where it is long."""
        return max(self.bytes // max(1, self.rows), LONG_BYTES if self.long else 0)

    def shown(self, key: Value) -> dict[str, str]:
        """A row's key for a person; without a key, the row's number."""
        if not self.ordered:
            return {"row's number": key[0]}
        return {column.name: column.shown(text) for column, text in zip(self.old.keys, key, strict=True)}


def digest(old: Table, new: Table) -> str:
    """What a change of either definition changes."""
    return f"{old.digest()}/{new.digest()}"


def paired(old: Table, new: Table, thorough: bool) -> Pair:
    """What to ask of a table on both sides."""
    key = keys.pairing(old, new)
    common = [(column, other) for column in old.columns if (other := new.column(column.name))]
    stored = [(ours, theirs) for ours, theirs in common if hashing.is_hashable(ours) and hashing.is_hashable(theirs)]
    terms = [hashing.terms(*columns) for columns in stored if hashing.comparable(*columns)]
    return Pair(
        old.full_name,
        _copy(old, [ours for ours, _ in terms], key.old, key.index_old, key.ordered, thorough),
        _copy(new, [theirs for _, theirs in terms], key.new, key.index_new, key.ordered, thorough),
        key.ordered,
        key.ordered and key.is_counter,
        max(old.rows, new.rows),
        max(old.bytes, new.bytes),
        digest(old, new),
        tuple(_left_out(old, new, stored)),
        key.ordered and old.engine == "InnoDB",
        any(column.base in LONG for column in old.columns),
    )


def _copy(
    table: Table, terms: Sequence[Term], columns: tuple[KeyColumn, ...], index: str, ordered: bool, thorough: bool
) -> Copy:
    hint = f" FORCE INDEX ({identifier(index)})" if ordered else ""
    named = [column.name for column in columns] if ordered else []
    row = hashing.row(terms, named, thorough or not ordered)
    return Copy(identifier(table.schema, table.name), hint, columns if ordered else (), tuple(terms), row, ordered)


def _left_out(old: Table, new: Table, stored: Sequence[tuple[Column, Column]]) -> Iterator[str]:
    for ours, theirs in stored:
        if not hashing.comparable(ours, theirs):
            yield f"{ours.name}: {ours.type} can't be compared with {theirs.type}"
    for mine, others, side in ((old, new, "old"), (new, old, "new")):
        for column in mine.columns:
            if others.column(column.name) is None:
                yield f"{column.name}: only the {side} side has it"
