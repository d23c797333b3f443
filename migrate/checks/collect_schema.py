"""Reads what a server stores: streamed, never by the single table, and by one session.

Nothing is asked for in an order, for which servers would have to sort, and MySQL 8 tells it in any (there
information_schema is views): it is put in order here. Of tables it asks in slices, so that a server opens each of them
once (`slices` tells why). A second session would halve the time and double what the source has to do meanwhile; most
of the work is the source's, so one must be enough. Texts that repeat (types, collations, names of columns) are kept
once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from understudy.migrate.checks.schema import Check, Code, Column, ForeignKey, Home, Index, Kind, Schema, Table
from understudy.migrate.ports import Database
from understudy.migrate.sliced import sliced
from understudy.migrate.slices import WHOLE, Slice
from understudy.migrate.words import Word

PATIENCE_S = 300.0
DATABASE = {Word.CHECKS: "CONSTRAINT_SCHEMA"}  # what it is called where it isn't TABLE_SCHEMA
OLD_TEMPORALS_SINCE = (5, 6, 24)  # from here on, until 8.0, the server tells columns of the format before 5.6
OWN = {
    "sys": ((5, 7, 7), (10, 6)),  # from which version of MySQL, of MariaDB on the database is the server's own
    "ndbinfo": ((8, 0), None),
}

Key = tuple[str, str]
Rows = Iterator[tuple[Any, ...]]


def schema(session: Database, *, with_tables: bool = True) -> Schema:
    """What the server stores and could store, its tables only if wanted. Raises `faults.ServerError`.

    What the account may not see is not there: `grants.USES["check"]` says what it needs.
    """
    with session.patient(PATIENCE_S):
        _show_old_temporals(session)
        reader = _Reader(session)
        tables, views = reader.tables() if with_tables else ([], [*reader.views()])
        return Schema(
            tuple(Home(name, collation) for name, collation in sorted(reader.ask(Word.DATABASES))),
            tuple(tables),
            (*views, *sorted(reader.code(), key=_place)),
            frozenset(
                str(name).lower()
                for name, support, *_ in reader.plain("SHOW ENGINES")
                if str(support) in ("YES", "DEFAULT")
            ),
            frozenset(str(name) for (name,) in reader.ask(Word.COLLATIONS)),
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


def _place(one: Table | Code) -> Key:
    return one.schema, one.name


class _Reader:
    """One reading of one server."""

    def __init__(self, session: Database) -> None:
        self._session = session
        self._own = _own_databases(session)
        self._texts: dict[str, str] = {}
        self._troubles: dict[Key, str] = {}

    def plain(self, sql: str, *arguments: object) -> Rows:
        for batch in self._session.stream(sql, *arguments):
            yield from batch

    def ask(self, word: Word, part: Slice = WHOLE) -> Rows:
        """The answer's rows; the first column is a database unless it is none of the word's."""
        if self._session.dialect.knows(word):
            sql, arguments = part.narrowed(self._session.dialect.sql(word), DATABASE.get(word, "TABLE_SCHEMA"))
            for row in self.plain(sql, *arguments):
                if row[0] not in self._own:
                    yield row

    def tables(self) -> tuple[list[Table], list[Code]]:
        """Every base table, with all that belongs to it, and every view."""
        tables: list[Table] = []
        views: list[Code] = []
        for part in sliced(self._session, self._own):
            tables += self._tables(part)
            views += self.views(part)
        return sorted(tables, key=_place), sorted(views, key=_place)

    def views(self, part: Slice = WHOLE) -> Iterator[Code]:
        """Views; what is wrong with one is known once the tables of the slice have been asked for."""
        for schema, name, text, definer in self.ask(Word.VIEWS, part):
            yield Code(Kind.VIEW, schema, name, text or None, definer, trouble=self._troubles.get((schema, name), ""))

    def _tables(self, part: Slice) -> Iterator[Table]:
        base = list(self._base_tables(part))
        columns, indexes, keys = self._columns(part), self._indexes(part), self._foreign_keys(part)
        checks = self._checks(part)
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
        """Routines, triggers and events, with their texts."""
        parameters: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        for schema, name, kind, parameter in self.ask(Word.PARAMETERS):
            parameters[schema, name, kind].append(parameter)
        for schema, name, kind, text, definer, mode in self.ask(Word.ROUTINES):
            if kind.upper() in ("PROCEDURE", "FUNCTION"):  # MariaDB has packages too
                names = tuple(sorted(parameters.get((schema, name, kind), ())))
                yield Code(Kind(kind.lower()), schema, name, text, definer, mode, names)
        for schema, name, table, text, definer, mode in self.ask(Word.TRIGGERS):
            yield Code(Kind.TRIGGER, schema, name, text, definer, mode, where=table)
        for schema, name, text, definer, mode in self.ask(Word.EVENTS):
            yield Code(Kind.EVENT, schema, name, text, definer, mode)

    def _base_tables(self, part: Slice) -> Rows:
        for row in self.ask(Word.TABLES, part):
            kind, comment = row[6], row[7]
            if kind in ("VIEW", "SYSTEM VIEW"):
                if comment and comment != "VIEW":
                    self._troubles[row[0], row[1]] = comment
            else:
                yield row

    def _columns(self, part: Slice) -> dict[Key, list[Column]]:
        found: dict[Key, dict[int, Column]] = defaultdict(dict)
        maria = self._session.version.is_mariadb(10, 2, 7)  # from where on a default is an expression, NULL a word
        for schema, table, place, name, kind, nullable, default, extra, *texts in self.ask(Word.COLUMNS, part):
            collation, comment, expression = map(self._once, texts)
            if maria and default == "NULL":
                default = None
            found[schema, table][int(place)] = Column(
                self._once(name),
                self._once(kind),
                nullable == "YES",
                None if default is None else self._once(str(default)),
                self._once(extra),
                collation,
                expression,
                comment,
            )
        return {key: [by[place] for place in sorted(by)] for key, by in found.items()}

    def _indexes(self, part: Slice) -> dict[Key, list[Index]]:
        parts: dict[Key, dict[str, list[tuple[Any, ...]]]] = defaultdict(lambda: defaultdict(list))
        for schema, table, index, *rest in self.ask(Word.INDEXES, part):
            parts[schema, table][self._once(index)].append(tuple(rest))
        return {key: [self._index(name, rows) for name, rows in sorted(by.items())] for key, by in parts.items()}

    def _index(self, name: str, rows: list[tuple[Any, ...]]) -> Index:
        rows.sort(key=lambda row: int(row[5]))
        return Index(
            name,
            not int(rows[0][0]),
            self._once(rows[0][3]),
            tuple(self._once(row[1]) for row in rows),
            tuple(None if row[2] is None else int(row[2]) for row in rows),
            any(row[4] == "YES" for row in rows),
            tuple(row[8] for row in rows if row[8]),
            frozenset(number for number, row in enumerate(rows) if row[6] == "D"),
            rows[0][7] == "YES",
        )

    def _foreign_keys(self, part: Slice) -> dict[Key, list[ForeignKey]]:
        parts: dict[Key, dict[str, list[tuple[Any, ...]]]] = defaultdict(lambda: defaultdict(list))
        for schema, table, name, *rest in self.ask(Word.FOREIGN_KEYS, part):
            parts[schema, table][name].append(tuple(rest))
        return {key: [_foreign_key(name, rows) for name, rows in sorted(by.items())] for key, by in parts.items()}

    def _checks(self, part: Slice) -> dict[Key, list[Check]]:
        found: dict[Key, list[Check]] = defaultdict(list)
        for schema, table, name, clause in self.ask(Word.CHECKS, part):
            found[schema, table].append(Check(name, clause))
        return {key: sorted(checks, key=lambda check: check.name) for key, checks in found.items()}

    def _once(self, text: str | None) -> str:
        """The same text as one object; None is empty."""
        return "" if text is None else self._texts.setdefault(text, text)


def _foreign_key(name: str, rows: list[tuple[Any, ...]]) -> ForeignKey:
    rows.sort(key=lambda row: int(row[4]))
    first = rows[0]
    return ForeignKey(name, tuple(row[0] for row in rows), first[1], first[2], tuple(row[3] for row in rows))
