"""What a server stores, as far as rules look at it. Pure data.

Ten thousand tables are two hundred thousand columns: these are without a garbage collector's header, texts that repeat
are one object (see `collect_schema`), and what no rule reads is not kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """What has a text of statements in it."""

    VIEW = "view"
    PROCEDURE = "procedure"
    FUNCTION = "function"
    TRIGGER = "trigger"
    EVENT = "event"


class Column(Struct, frozen=True, gc=False):
    """A column. `type` is as the server writes it: "int(10) unsigned", "enum('a','b')".

    `default` is a value, or an expression where the server says so; None is no default, or NULL. `expression` is that
    of a generated column.
    """

    name: str
    type: str
    nullable: bool
    default: str | None
    extra: str
    collation: str
    expression: str = ""
    comment: str = ""

    @property
    def base(self) -> str:
        """The type without length, list and attributes: "int"."""
        return self.type.partition("(")[0].partition(" ")[0].lower()


class Index(Struct, frozen=True):
    """An index. `prefixes` has a length in characters, or None, for each of `columns`; an expression has no name.

    `descending` are the columns, counted from 0, that it has from the greatest down. One that isn't `visible` (MariaDB:
    that is ignored) no statement uses.
    """

    name: str
    unique: bool
    type: str
    columns: tuple[str, ...]
    prefixes: tuple[int | None, ...]
    nullable: bool = False
    expressions: tuple[str, ...] = ()
    descending: frozenset[int] = frozenset()
    visible: bool = True


class ForeignKey(Struct, frozen=True):
    """A foreign key: these columns refer to those of another table."""

    name: str
    columns: tuple[str, ...]
    parent_schema: str
    parent: str
    parent_columns: tuple[str, ...]


class Check(Struct, frozen=True):
    """A CHECK constraint and its condition."""

    name: str
    clause: str


class Table(Struct, frozen=True):
    """A base table. `engine` is empty where the server can't open it, and `trouble` says why.

    `options` is what CREATE TABLE was given besides: "row_format=COMPRESSED partitioned".
    """

    schema: str
    name: str
    engine: str
    row_format: str = ""
    collation: str = ""
    options: str = ""
    trouble: str = ""
    kind: str = ""  # BASE TABLE, SEQUENCE, SYSTEM VERSIONED
    columns: tuple[Column, ...] = ()
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()

    @property
    def path(self) -> str:
        """ "schema.table", for people."""
        return f"{self.schema}.{self.name}"

    @property
    def is_partitioned(self) -> bool:
        """Whether it is in partitions; information_schema.PARTITIONS would open every table once more to say so."""
        return "partitioned" in self.options.split()

    @property
    def has_key(self) -> bool:
        """Whether it has a primary key, or a unique one without NULL, by which a row is found."""
        return any(index.unique and not index.nullable for index in self.indexes)


class Code(Struct, frozen=True):
    """A view, routine, trigger or event. `text` is None where the server would not show it.

    `where` is the table of a trigger; `trouble` is why a view can't be used; `names` are those of parameters.
    """

    kind: Kind
    schema: str
    name: str
    text: str | None
    definer: str  # user@host
    sql_mode: str = ""
    names: tuple[str, ...] = ()
    where: str = ""
    trouble: str = ""

    @property
    def path(self) -> str:
        """ "schema.name", for people."""
        return f"{self.schema}.{self.name}"


class Home(Struct, frozen=True):
    """A database (schema) and its default collation."""

    name: str
    collation: str


class Schema(Struct, frozen=True):
    """Everything in the databases of a server that are not the server's own, and what the server could store.

    `engines` are in lower case. `own_tables` are the names of tables in the database `mysql`.
    """

    homes: tuple[Home, ...] = ()
    tables: tuple[Table, ...] = ()
    code: tuple[Code, ...] = ()
    engines: frozenset[str] = frozenset()
    collations: frozenset[str] = frozenset()
    own_tables: frozenset[str] = frozenset()

    def all_columns(self) -> Iterator[tuple[Table, Column]]:
        """Every column of every table."""
        for table in self.tables:
            for column in table.columns:
                yield table, column
