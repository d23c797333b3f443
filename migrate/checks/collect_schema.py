"""Reads what a server stores: streamed, each kind with one question for all databases.

On MySQL 5.6 and MariaDB information_schema is no table: the server opens each table's files for some of its columns. So
nothing is asked twice or by table. Texts that repeat (types, collations, names of columns) are kept once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from understudy.migrate.checks.schema import Check, Code, Column, ForeignKey, Home, Index, Kind, Schema, Table
from understudy.migrate.ports import Database
from understudy.migrate.words import Word

PATIENCE_S = 300.0
OLD_TEMPORALS_SINCE = (5, 6, 24)  # from here on, until 8.0, the server tells columns of the format before 5.6
OWN = {
    "sys": ((5, 7, 7), (10, 6)),  # from which version of MySQL, of MariaDB on the database is the server's own
    "ndbinfo": ((8, 0), None),
}

Key = tuple[str, str]
Rows = Iterator[tuple[Any, ...]]


def schema(session: Database) -> Schema:
    """What the server stores and could store. Raises `faults.ServerError`.

    What the account may not see is not there: `grants.USES["check"]` says what it needs.
    """
    with session.patient(PATIENCE_S):
        _show_old_temporals(session)
        reader = _Reader(session)
        return Schema(
            tuple(Home(name, collation) for name, collation in reader.ask(Word.DATABASES)),
            tuple(reader.tables()),
            tuple(reader.code()),
            frozenset(
                str(name).lower()
                for name, support, *_ in reader.plain("SHOW ENGINES")
                if str(support) in ("YES", "DEFAULT")
            ),
            frozenset(str(row[0]) for row in reader.plain("SHOW COLLATION")),
            frozenset(str(name) for (name,) in reader.ask(Word.OWN_TABLES)),
        )


def _show_old_temporals(session: Database) -> None:
    if session.version.is_mysql(*OLD_TEMPORALS_SINCE) and not session.version.is_mysql(8):
        session.execute("SET SESSION show_old_temporals = 1")


def _own_databases(session: Database) -> set[str]:
    maria = session.version.is_mariadb()
    found = set()
    for name, sinces in OWN.items():
        since = sinces[maria]
        if since is not None and session.version.numbers >= since:
            found.add(name)
    return found


class _Reader:
    """One reading of one server."""

    def __init__(self, session: Database) -> None:
        self._session = session
        self._own = _own_databases(session)
        self._texts: dict[str, str] = {}
        self._troubles: dict[Key, str] = {}

    def plain(self, sql: str) -> Rows:
        for batch in self._session.stream(sql):
            yield from batch

    def ask(self, word: Word) -> Rows:
        """The answer's rows; the first column is a database unless it is none of the word's."""
        if self._session.dialect.knows(word):
            for row in self.plain(self._session.dialect.sql(word)):
                if row[0] not in self._own:
                    yield row

    def tables(self) -> Iterator[Table]:
        """Every base table, with all that belongs to it; also remembers what is wrong with views."""
        base = list(self._base_tables())
        columns, indexes, keys = self._columns(), self._indexes(), self._foreign_keys()
        checks = self._checks()
        for schema, name, engine, row_format, collation, options, kind, comment in base:
            key = (schema, name)
            yield Table(
                schema,
                name,
                self._once(engine),
                self._once(row_format),
                self._once(collation),
                self._once(options),
                "" if engine else str(comment or "it can't be opened"),
                self._once(kind),
                tuple(columns.pop(key, ())),
                tuple(indexes.pop(key, ())),
                tuple(keys.pop(key, ())),
                tuple(checks.pop(key, ())),
            )

    def code(self) -> Iterator[Code]:
        """Views, routines, triggers and events, with their texts."""
        for schema, name, text, definer in self.ask(Word.VIEWS):
            yield Code(Kind.VIEW, schema, name, text or None, definer, trouble=self._troubles.get((schema, name), ""))
        parameters: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        for schema, name, kind, parameter in self.ask(Word.PARAMETERS):
            parameters[schema, name, kind].append(parameter)
        for schema, name, kind, text, definer, mode in self.ask(Word.ROUTINES):
            if kind.upper() in ("PROCEDURE", "FUNCTION"):  # MariaDB has packages too
                names = tuple(parameters.get((schema, name, kind), ()))
                yield Code(Kind(kind.lower()), schema, name, text, definer, mode, names)
        for schema, name, table, text, definer, mode in self.ask(Word.TRIGGERS):
            yield Code(Kind.TRIGGER, schema, name, text, definer, mode, where=table)
        for schema, name, text, definer, mode in self.ask(Word.EVENTS):
            yield Code(Kind.EVENT, schema, name, text, definer, mode)

    def _base_tables(self) -> Rows:
        for row in self.ask(Word.TABLES):
            kind, comment = row[6], row[7]
            if kind in ("VIEW", "SYSTEM VIEW"):
                if comment and comment != "VIEW":
                    self._troubles[row[0], row[1]] = comment
            else:
                yield row

    def _columns(self) -> dict[Key, list[Column]]:
        found: dict[Key, list[Column]] = defaultdict(list)
        maria = self._session.version.is_mariadb(10, 2, 7)  # from where on a default is an expression, NULL a word
        for schema, table, name, kind, nullable, default, extra, collation, expression in self.ask(Word.COLUMNS):
            if maria and default == "NULL":
                default = None
            column = Column(
                self._once(name),
                self._once(kind),
                nullable == "YES",
                None if default is None else self._once(str(default)),
                self._once(extra),
                self._once(collation),
                self._once(expression),
            )
            found[schema, table].append(column)
        return found

    def _indexes(self) -> dict[Key, list[Index]]:
        parts: dict[Key, dict[str, list[tuple[Any, ...]]]] = defaultdict(lambda: defaultdict(list))
        for schema, table, index, *rest in self.ask(Word.INDEXES):
            parts[schema, table][self._once(index)].append(tuple(rest))
        return {key: [self._index(name, rows) for name, rows in by.items()] for key, by in parts.items()}

    def _index(self, name: str, rows: list[tuple[Any, ...]]) -> Index:
        rows.sort(key=lambda row: int(row[5]))
        return Index(
            name,
            not int(rows[0][0]),
            self._once(rows[0][3]),
            tuple(self._once(row[1]) for row in rows),
            tuple(None if row[2] is None else int(row[2]) for row in rows),
            any(row[4] == "YES" for row in rows),
            tuple(row[6] for row in rows if row[6]),
        )

    def _foreign_keys(self) -> dict[Key, list[ForeignKey]]:
        parts: dict[Key, dict[str, list[tuple[Any, ...]]]] = defaultdict(lambda: defaultdict(list))
        for schema, table, name, *rest in self.ask(Word.FOREIGN_KEYS):
            parts[schema, table][name].append(tuple(rest))
        return {key: [_foreign_key(name, rows) for name, rows in by.items()] for key, by in parts.items()}

    def _checks(self) -> dict[Key, list[Check]]:
        found: dict[Key, list[Check]] = defaultdict(list)
        for schema, table, name, clause in self.ask(Word.CHECKS):
            found[schema, table].append(Check(name, clause))
        return found

    def _once(self, text: str | None) -> str:
        """The same text as one object; None is empty."""
        return "" if text is None else self._texts.setdefault(text, text)


def _foreign_key(name: str, rows: list[tuple[Any, ...]]) -> ForeignKey:
    rows.sort(key=lambda row: int(row[4]))
    first = rows[0]
    return ForeignKey(name, tuple(row[0] for row in rows), first[1], first[2], tuple(row[3] for row in rows))
