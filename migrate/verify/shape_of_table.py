"""Databases and tables of one server as things that can be compared: columns, indexes, constraints, partitions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from understudy.migrate.faults import ServerError
from understudy.migrate.ports import Database
from understudy.migrate.slices import WHOLE, Slice
from understudy.migrate.sqltext import identifier
from understudy.migrate.verify import folding, questions, spelling
from understudy.migrate.verify.expression import canonical
from understudy.migrate.verify.finding import Kind
from understudy.migrate.verify.things import Facts, Part, Shared, Thing, path

Key = tuple[str, str]
Rows = Iterator[tuple[Any, ...]]
Parts = dict[Key, dict[Part, Facts]]
NOT_THERE = 1146
JSON_TEXT = ("utf8mb3_bin", "utf8mb4_bin")


class Ask(Protocol):
    """Puts questions to a server."""

    def __call__(self, sql: str, part: Slice = WHOLE, column: str = "TABLE_SCHEMA", /) -> Rows:
        """Put one that ends in its WHERE, about a slice of the tables; `column` is what it calls a database."""
        ...


class _Column(NamedTuple):
    """What information_schema shows of a column, in the order of `questions.columns`."""

    default: str | None
    nullable: str
    data_type: str
    type: str
    charset: str | None
    collation: str | None
    extra: str
    comment: str
    expression: str | None
    srs_id: int | None


class Tables:
    """What one server says of its databases and tables; `columns_of` are the columns of tables and views, in order.

    `folded` says whether names of tables are told in lower case where something else names them.
    """

    def __init__(self, session: Database, ask: Ask, folded: bool) -> None:
        self._session = session
        self._ask = ask
        self._folded = folded
        self._maria = session.version.is_mariadb()
        self._shared = Shared()
        self._counted: set[Key] = set()
        self._kinds: dict[tuple[_Column, bool], Facts] = {}  # ten thousand tables have few kinds of columns
        self.columns_of: dict[Key, tuple[str, ...]] = {}

    def databases(self) -> Iterator[Thing]:
        """Every database with its defaults."""
        for name, charset, collation in self._ask(questions.DATABASES):
            facts = self._shared.facts(charset=spelling.charset(charset), collation=spelling.charset(collation))
            yield Thing(Kind.DATABASE, path(name), "database", facts)

    def tables(self, part: Slice = WHOLE) -> Iterator[Thing]:
        """Every table and sequence of a slice with its parts."""
        base = list(self._ask(questions.TABLES, part))  # the question that opens them comes first (`slices`)
        checks = self._checks(part)
        parts = self._columns(part, checks)
        for found in (self._indexes(part), self._foreign_keys(part), checks):
            for key, more in found.items():
                parts[key].update(more)
        partitioned = self._partitions(part, parts)
        for schema, name, kind, engine, collation, options, comment, following in base:
            key = (schema, name)
            if kind == "SEQUENCE":
                yield from self._sequence(schema, name)
            elif kind in ("BASE TABLE", "SYSTEM VERSIONED"):
                facts = self._shared.facts(
                    engine=engine or "unusable",
                    collation=spelling.charset(collation),
                    options=spelling.options(options),
                    comment=comment if engine else "",
                    partitioning=partitioned.get(key, ""),
                    versioning="by the system" if kind == "SYSTEM VERSIONED" else "",
                    auto_increment=following if key in self._counted else "",
                )
                order = self.columns_of.get(key, ())
                yield Thing(Kind.TABLE, path(schema, name), "table", facts, parts.pop(key, {}), order)

    def _sequence(self, schema: str, name: str) -> Iterator[Thing]:
        try:
            row = self._session.row(f"SELECT * FROM {identifier(schema, name)}") or {}
        except ServerError as error:
            if error.number != NOT_THERE:
                raise
            return  # it was dropped a moment ago
        facts = self._shared.facts(
            start=row.get("start_value"),
            minimum=row.get("minimum_value"),
            maximum=row.get("maximum_value"),
            increment=row.get("increment"),
            cycles="yes" if row.get("cycle_option") else "",
            cache=row.get("cache_size"),
            next_value=row.get("next_not_cached_value"),
        )
        yield Thing(Kind.TABLE, path(schema, name), "sequence", facts)

    def _columns(self, part: Slice, checks: Parts) -> Parts:
        found: Parts = defaultdict(dict)
        order: dict[Key, list[tuple[int, str]]] = defaultdict(list)
        for schema, table, place, name, *rest in self._ask(questions.columns(self._session.version), part):
            key, row = (schema, table), _Column(*rest)
            order[key].append((int(place), name))
            kind = row, self._is_json(name, row, checks.get(key, {}))
            if kind not in self._kinds:
                self._kinds[kind] = self._column(*kind)
            found[key]["column", name] = self._kinds[kind]
            if "auto_increment" in row.extra:
                self._counted.add(key)
        self.columns_of |= {key: tuple(name for _, name in sorted(names)) for key, names in order.items()}
        return found

    def _is_json(self, name: str, row: _Column, checks: dict[Part, Facts]) -> bool:
        """Whether it is MariaDB's type JSON: text with a CHECK, which goes with the type and is none of the table's."""
        if not self._maria or row.data_type != "longtext" or spelling.charset(row.collation) not in JSON_TEXT:
            return False
        return checks.pop(("check", canonical(f"json_valid({identifier(name)})")), None) is not None

    def _column(self, row: _Column, is_json: bool) -> Facts:
        generated = self._read(row.expression)
        return self._shared.facts(
            type="json" if is_json else spelling.column_type(row.type),
            nullable="yes" if row.nullable == "YES" else "",
            default="" if generated else self._default(row),
            on_update=spelling.on_update(row.extra),
            counting="auto_increment" if "auto_increment" in row.extra else "",
            generated=spelling.generated(row.extra),
            expression=generated,
            charset="" if is_json else spelling.charset(row.charset),
            collation="" if is_json else spelling.charset(row.collation),
            comment=row.comment,
            visibility="invisible" if "INVISIBLE" in row.extra else "",
            reference_system=row.srs_id,
        )

    def _default(self, row: _Column) -> str:
        shown = row.default  # MariaDB's are expressions and may name a sequence; MySQL's are texts, and it has none
        if shown and self._folded and self._maria:
            shown = folding.text(shown)
        return spelling.default(shown, row.extra, row.data_type, self._maria)

    def _indexes(self, part: Slice) -> Parts:
        rows: dict[tuple[Key, str], list[tuple[Any, ...]]] = defaultdict(list)
        for schema, table, index, *rest in self._ask(questions.indexes(self._session.version), part):
            rows[(schema, table), index].append(tuple(rest))
        found: Parts = defaultdict(dict)
        for (key, index), parts in rows.items():
            parts.sort(key=lambda part: int(part[0]))
            _, _, _, _, non_unique, kind, comment, hidden, _ = parts[0]
            found[key]["index", index] = self._shared.facts(
                columns=", ".join(self._index_column(part, kind) for part in parts),
                unique="" if int(non_unique) else "yes",
                type=kind,
                comment=comment,
                visibility="invisible" if hidden == "YES" else "",
            )
        return found

    def _foreign_keys(self, part: Slice) -> Parts:
        rules = {tuple(row[:3]): row[3:] for row in self._ask(questions.RULES, part, "CONSTRAINT_SCHEMA")}
        rows: dict[tuple[str, str, str], list[tuple[Any, ...]]] = defaultdict(list)
        for schema, table, name, *rest in self._ask(questions.FOREIGN_KEYS, part):
            rows[schema, table, name].append(tuple(rest))
        found: Parts = defaultdict(dict)
        for (schema, table, name), parts in rows.items():
            parts.sort(key=lambda part: int(part[0]))
            update, delete = rules.get((schema, table, name), ("", ""))
            refers_to = path(parts[0][2], parts[0][3])
            if self._folded:  # a name that the server made is of the table's
                name, refers_to = name.lower(), refers_to.lower()
            found[schema, table]["foreign key", name] = self._shared.facts(
                columns=", ".join(part[1] for part in parts),
                refers_to=f"{refers_to} ({', '.join(part[4] for part in parts)})",
                on_update=spelling.rule(update),
                on_delete=spelling.rule(delete),
            )
        return found

    def _checks(self, part: Slice) -> Parts:
        """By condition: MariaDB and MySQL name those without a name each in its own way."""
        found: Parts = defaultdict(dict)
        if question := questions.checks(self._session.version):
            for schema, table, _, clause, enforced in self._ask(question, part, "CONSTRAINT_SCHEMA"):
                condition = self._read(clause)
                found[schema, table]["check", condition] = self._shared.facts(enforced="no" if enforced == "NO" else "")
        return found

    def _partitions(self, part: Slice, parts: Parts) -> dict[Key, str]:
        """Each partition becomes a part of its table; how each table is partitioned."""
        found: dict[Key, str] = {}
        subs: dict[tuple[Key, str], list[str]] = defaultdict(list)
        described: dict[tuple[Key, str], tuple[str, str]] = {}
        for schema, table, name, sub, method, sub_method, by, sub_by, description, comment in self._ask(
            questions.PARTITIONS, part
        ):
            key = (schema, table)
            found[key] = f"{method} ({canonical(by or '')})" + (
                f" of {sub_method} ({canonical(sub_by or '')})" if sub_method else ""
            )
            described[key, name] = (canonical(description or ""), comment or "")
            if sub:
                subs[key, name].append(sub)
        for (key, name), (description, comment) in described.items():
            parts[key]["partition", name] = self._shared.facts(
                values=description, comment=comment, subpartitions=", ".join(sorted(subs[key, name]))
            )
        return found

    def _index_column(self, part: tuple[Any, ...], kind: str) -> str:
        _, column, prefix, order, *_, expression = part
        name = f"({self._read(expression)})" if expression else str(column)
        length = f"({prefix})" if prefix is not None and kind not in ("SPATIAL", "FULLTEXT") else ""
        return f"{name}{length}{' desc' if order == 'D' else ''}"

    def _read(self, expression: str | None) -> str:
        """An expression as it's compared; MySQL alone sets further backslashes before its quotes."""
        shown = expression or ""
        return canonical(shown if self._maria else spelling.shown_escaped(shown)) if shown else ""
