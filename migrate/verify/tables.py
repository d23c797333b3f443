"""Tables as verify looks at them, and which of one server is which of another. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from understudy.migrate.verify.folding import Name, keys

INTEGERS = ("tinyint", "smallint", "mediumint", "int", "bigint")
TEXTS = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext")
BYTES = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob")
MOMENTS = ("date", "datetime", "timestamp", "time")


class Column(Struct, frozen=True):
    """A column; `type` is COLUMN_TYPE in lower case, `generated` is virtual, stored, period or empty."""

    name: str
    type: str
    collation: str = ""
    charset: str = ""
    nullable: bool = True
    generated: str = ""

    @property
    def base(self) -> str:
        """The type's own name: "int" of "int(10) unsigned"."""
        return re.match(r"\w*", self.type)[0]  # type: ignore[index]  # it matches every text


class Key(Struct, frozen=True):
    """A unique key of whole columns that are never NULL."""

    name: str
    columns: tuple[str, ...]


class Table(Struct, frozen=True):
    """A table of one server. `rows` and `bytes` are the engine's estimates. Keys: the primary key comes first."""

    schema: str
    name: str
    columns: tuple[Column, ...]
    keys: tuple[Key, ...] = ()
    engine: str = ""
    rows: int = 0
    bytes: int = 0

    @property
    def full_name(self) -> str:
        """ "shop.orders"."""
        return f"{self.schema}.{self.name}"

    def column(self, name: str) -> Column | None:
        """The column of that name; names of columns know no case."""
        return next((column for column in self.columns if column.name.lower() == name.lower()), None)

    def digest(self) -> str:
        """What a change of the definition changes."""
        shape = (self.schema, self.name, self.columns, self.keys)
        return hashlib.sha256(msgspec.json.encode(shape)).hexdigest()[:16]


class Matched(Struct, frozen=True):
    """Which table is which, and those that only one side has."""

    both: tuple[tuple[Table, Table], ...]
    missing: tuple[Table, ...]  # the old side alone has them
    extra: tuple[Table, ...]


def match(old: Sequence[Table], new: Sequence[Table], folded: bool) -> Matched:
    """Tables by name; `folded` where either side's lower_case_table_names keeps or compares names without case."""

    def by_name(tables: Sequence[Table]) -> Mapping[Name, Table]:
        return dict(zip(keys([(table.schema, table.name) for table in tables], folded), tables, strict=True))

    ours, theirs = by_name(old), by_name(new)
    return Matched(
        both=tuple((table, theirs[name]) for name, table in ours.items() if name in theirs),
        missing=tuple(table for name, table in ours.items() if name not in theirs),
        extra=tuple(table for name, table in theirs.items() if name not in ours),
    )
