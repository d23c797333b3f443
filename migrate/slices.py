"""Which tables are asked about at once, so that the server opens each of them once. Pure.

On MySQL before 8.0 and on MariaDB information_schema is no table: to answer, the server opens those that it tells of
(MySQL manual, "Optimizing INFORMATION_SCHEMA Queries"), and it keeps no more open than table_open_cache allows. Asked
about more than that, each question opens all of them again: 10,000 tables with a cache for 2,000 were opened 40,000
times on MariaDB 10.5, which took 13.6 s of its CPU. Asked about a slice that fits, one question after the other, and
only then about the next, it opened 10,000 and took 4.8 s; MySQL 5.6 opened 10,000 instead of 30,000. What an open table
is defined as stays in memory with it, however small table_definition_cache is, so the first question has to be one
that opens them (Word.TABLES). The names, by which slices are made, are told without opening anything. To compare the
definitions of 10,000 tables for verify opened 60,000 and took 18 s of the CPU of MariaDB 10.5, and 4.6 s in slices.

A slice is a run of the tables of one database, for only `TABLE_SCHEMA =` spares the server to list the other
databases' files; those with a few tables each are asked about together. Together the slices hold every table of the
databases that were named, one that was made since as well, and hold it once. Names are compared as the server compares
them, so the order that counts is its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from understudy.migrate.versions import Version

FEW = 10  # a question takes longer than opening so many tables again
LEAST, MOST = 20, 1000


class Slice(Struct, frozen=True):
    """The tables of `database` whose names come after `after` and not after `to`; None is no bound.

    Without a database: those of all databases but `besides`.
    """

    database: str | None = None
    after: str | None = None
    to: str | None = None
    besides: tuple[str, ...] = ()

    def narrowed(self, sql: str, column: str = "TABLE_SCHEMA") -> tuple[str, list[object]]:
        """A statement that ends in its WHERE, about this slice alone, and its arguments; `column` is the database's."""
        conditions: list[tuple[str, list[object]]] = []
        if self.database is not None:
            conditions.append((f"{column} = %s", [self.database]))
        if self.besides:  # databases' names may differ by case alone
            conditions.append((f"BINARY {column} NOT IN ({', '.join(['%s'] * len(self.besides))})", [*self.besides]))
        if self.after is not None:
            conditions.append(("TABLE_NAME > %s", [self.after]))
        if self.to is not None:
            conditions.append(("TABLE_NAME <= %s", [self.to]))
        if not conditions:
            return sql, []
        bounds = "".join(f" AND {condition}" for condition, _ in conditions)
        return sql.replace("%", "%%") + bounds, [argument for _, given in conditions for argument in given]


WHOLE = Slice()


def are_needed(version: Version) -> bool:
    """Whether the server opens tables to tell of them; since MySQL 8.0 it reads its data dictionary."""
    return not version.is_mysql(8)


def size(open_tables: int) -> int:
    """How many tables a slice may have: half of what the server keeps open, for the application needs it too."""
    return max(LEAST, min(MOST, open_tables // 2))


def slices(names: Iterable[tuple[str, str]], most: int, besides: Iterable[str] = ()) -> list[Slice]:
    """Slices of at most so many tables, of (database, table); the tables come as the server orders them.

    `besides` are databases that are not asked about.
    """
    none = set(besides)
    by_database: dict[str, list[str]] = {}
    for database, table in names:
        if database not in none:
            by_database.setdefault(database, []).append(table)
    large = sorted(name for name, tables in by_database.items() if len(tables) >= FEW)
    found = [one for name in large for one in _of(name, by_database[name], most)]
    return found if len(large) == len(by_database) else [*found, Slice(besides=(*large, *sorted(none)))]


def _of(database: str, tables: list[str], most: int) -> list[Slice]:
    count = -(-len(tables) // most)
    ends = [tables[len(tables) * number // count - 1] for number in range(1, count)]
    return [Slice(database, after, to) for after, to in zip([None, *ends], [*ends, None], strict=True)]
