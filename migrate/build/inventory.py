"""What a server holds that has to be copied: schemas, tables, sequences, views, routines, triggers, events.

Definitions are read as SHOW CREATE prints them, together with the sql_mode, character set and collation under which
they were made: those decide what the same text means. Statements of SHOW know no snapshot, so `copying` reads the
inventory before the snapshot and after it, and goes on only when both are the same.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from understudy.migrate import faults
from understudy.migrate.build.literals import Column
from understudy.migrate.build.mark import SCHEMA as OWN
from understudy.migrate.ports import Database
from understudy.migrate.rows import number, text
from understudy.migrate.sqltext import identifier

SYSTEM = frozenset({"mysql", "information_schema", "performance_schema", "sys", "ndbinfo", OWN})
SIGHT = ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT")
_NEXT = re.compile(r"(?<=\s)AUTO_INCREMENT=\d+ ")
_EVENT_STATES = {"ENABLED": True, "SLAVESIDE_DISABLED": True, "REPLICA_SIDE_DISABLED": True, "DISABLED": False}


class Made(Struct, frozen=True):
    """A definition and what it was made under. `kind` is as SHOW CREATE takes it: TABLE, VIEW, TRIGGER and others."""

    kind: str
    schema: str
    name: str
    sql: str
    sql_mode: str = ""
    charset: str = ""
    collation: str = ""
    schema_collation: str = ""
    time_zone: str = ""
    enabled: bool = True  # of an event: whether it runs, here or on the source that it came from

    def __str__(self) -> str:
        return f"{self.kind.lower()} {identifier(self.schema, self.name)}"


class Table(Struct, frozen=True):
    """A table: definition, columns, and how much is in it by the server's own estimate. `bytes` is data and indexes."""

    made: Made
    engine: str
    columns: tuple[Column, ...]
    rows: int
    bytes: int
    data_bytes: int
    versioned: bool = False

    @property
    def name(self) -> str:
        """`schema`.`table`, quoted."""
        return identifier(self.made.schema, self.made.name)


class Schema(Struct, frozen=True):
    """A schema and its defaults."""

    name: str
    charset: str
    collation: str


class Inventory(Struct, frozen=True):
    """All that is to be copied from a server."""

    schemas: tuple[Schema, ...] = ()
    tables: tuple[Table, ...] = ()
    others: tuple[Made, ...] = ()  # sequences, routines, views, triggers, events

    def of(self, *kinds: str) -> Iterator[Made]:
        """The definitions of these kinds, in the order in which they were found."""
        return (made for made in self.others if made.kind in kinds)

    @property
    def bytes(self) -> int:
        """Data and indexes, by the server's own estimate."""
        return sum(table.bytes for table in self.tables)

    @property
    def rows(self) -> int:
        """By the server's own estimate."""
        return sum(table.rows for table in self.tables)

    def shape(self) -> Inventory:
        """The same without what writing rows changes: to tell whether definitions have moved."""
        tables = (
            replace(table, made=replace(table.made, sql=_NEXT.sub("", table.made.sql)), rows=0, bytes=0, data_bytes=0)
            for table in self.tables
        )
        return replace(self, tables=tuple(tables))


def user_schemas(session: Database) -> list[Schema]:
    """The schemas that are not the server's own."""
    found = session.rows(
        "SELECT schema_name AS name, default_character_set_name AS charset, default_collation_name AS collation"
        " FROM information_schema.schemata ORDER BY schema_name"
    )
    return [
        Schema(text(row["name"]), text(row["charset"]), text(row["collation"]))
        for row in found
        if text(row["name"]).lower() not in SYSTEM
    ]


def require_sight(session: Database) -> None:
    """Raise PrivilegeError where the account would be shown no triggers or no events, and not told that there are any.

    Measured: without TRIGGER and EVENT on *.* information_schema leaves them out on every flavour, without an error.
    """
    everywhere = [text(next(iter(row.values()))) for row in session.rows("SHOW GRANTS")]
    held = " ".join(line.partition(" ON *.*")[0] for line in everywhere if " ON *.*" in line)
    for name in SIGHT:
        if "ALL PRIVILEGES" not in held and not re.search(rf"\b{name}\b", held):
            raise faults.lacking(session.address, f"{name} ON *.*", 1142)


def read(session: Database) -> Inventory:
    """All that is to be copied from the session's server. Raises `faults.ServerError`."""
    schemas = user_schemas(session)
    tables: list[Table] = []
    others: list[Made] = []
    for schema in schemas:
        session.execute(f"USE {identifier(schema.name)}")  # else a view's text names its own schema
        columns = _columns(session, schema.name)
        for row in _tables(session, schema.name):
            made = _table_or_view(session, schema.name, text(row["name"]), text(row["kind"]))
            if made.kind == "TABLE":
                tables.append(_table(made, row, columns[made.name]))
            else:
                others.append(made)
        others += _routines(session, schema.name)
        others += _triggers(session, schema.name)
        others += _events(session, schema.name)
    return Inventory(tuple(schemas), tuple(tables), tuple(others))


def _tables(session: Database, schema: str) -> list[dict[str, object]]:
    return session.rows(
        "SELECT table_name AS name, table_type AS kind, engine AS engine, table_rows AS row_count,"
        " data_length AS data_bytes, index_length AS index_bytes"
        " FROM information_schema.tables WHERE table_schema = %s ORDER BY table_name",
        schema,
    )


def _table(made: Made, row: Mapping[str, object], columns: Iterable[Column]) -> Table:
    data_bytes = number(row["data_bytes"])
    versioned = text(row["kind"]) == "SYSTEM VERSIONED"
    return Table(
        made=made,
        engine=text(row["engine"]),
        columns=_with_period(list(columns), versioned=versioned),
        rows=number(row["row_count"]),
        bytes=data_bytes + number(row["index_bytes"]),
        data_bytes=data_bytes,
        versioned=versioned,
    )


def _with_period(columns: list[Column], *, versioned: bool) -> tuple[Column, ...]:
    """A table that was made WITH SYSTEM VERSIONING alone has two columns that are nowhere listed."""
    if not versioned or any(column.period for column in columns):
        return tuple(columns)
    hidden = [Column(f"row_{at}", "timestamp", generated=True, period=f"ROW {at.upper()}") for at in ("start", "end")]
    return (*columns, *hidden)


def _columns(session: Database, schema: str) -> Mapping[str, list[Column]]:
    found: dict[str, list[Column]] = defaultdict(list)
    made_of = "generation_expression" if session.version.is_mariadb(10, 2, 5) else "''"
    for row in session.rows(
        "SELECT table_name AS of_table, column_name AS name, data_type AS kind,"
        f" character_maximum_length AS length, extra AS extra, {made_of} AS made_of FROM information_schema.columns"
        " WHERE table_schema = %s ORDER BY table_name, ordinal_position",
        schema,
    ):
        generated = re.search(r"\b(VIRTUAL|STORED|PERSISTENT)\b", text(row["extra"]).upper()) is not None
        period = text(row["made_of"]).upper() if text(row["made_of"]).upper() in ("ROW START", "ROW END") else ""
        column = Column(text(row["name"]), text(row["kind"]).lower(), number(row["length"]), generated, period)
        found[text(row["of_table"])].append(column)
    return found


def _table_or_view(session: Database, schema: str, name: str, kind: str) -> Made:
    if kind == "SEQUENCE":
        return Made("SEQUENCE", schema, name, _created(session, "SEQUENCE", schema, name, "Create Table"))
    if kind != "VIEW":
        return Made("TABLE", schema, name, _created(session, "TABLE", schema, name, "Create Table"))
    return _made("VIEW", schema, name, "Create View", session.row(f"SHOW CREATE VIEW {identifier(schema, name)}"))


def _created(session: Database, kind: str, schema: str, name: str, column: str) -> str:
    row = session.row(f"SHOW CREATE {kind} {identifier(schema, name)}") or {}
    return text(row.get(column))


def _routines(session: Database, schema: str) -> Iterator[Made]:
    for row in session.rows(
        "SELECT routine_name AS name, routine_type AS kind FROM information_schema.routines"
        " WHERE routine_schema = %s ORDER BY routine_type, routine_name",
        schema,
    ):
        kind, name = text(row["kind"]), text(row["name"])
        if kind in ("PROCEDURE", "FUNCTION", "PACKAGE", "PACKAGE BODY"):
            shown = session.row(f"SHOW CREATE {kind} {identifier(schema, name)}")
            yield _made(kind, schema, name, f"Create {kind.title()}", shown)


def _triggers(session: Database, schema: str) -> Iterator[Made]:
    order = "event_object_table, action_timing, event_manipulation, action_order"  # several of a kind run in this order
    for row in session.rows(
        f"SELECT trigger_name AS name FROM information_schema.triggers WHERE trigger_schema = %s ORDER BY {order}",
        schema,
    ):
        name = text(row["name"])
        shown = session.row(f"SHOW CREATE TRIGGER {identifier(schema, name)}")
        yield _made("TRIGGER", schema, name, "SQL Original Statement", shown)


def _events(session: Database, schema: str) -> Iterator[Made]:
    for row in session.rows(
        "SELECT event_name AS name, status AS state FROM information_schema.events"
        " WHERE event_schema = %s ORDER BY event_name",
        schema,
    ):
        name = text(row["name"])
        made = _made(
            "EVENT", schema, name, "Create Event", session.row(f"SHOW CREATE EVENT {identifier(schema, name)}")
        )
        yield replace(made, enabled=_EVENT_STATES.get(text(row["state"]), True))


def _made(kind: str, schema: str, name: str, column: str, row: Mapping[str, object] | None) -> Made:
    """Out of SHOW CREATE's row; without SELECT on mysql.proc, SHOW_ROUTINE or SHOW VIEW the text is NULL."""
    shown = row or {}
    return Made(
        kind=kind,
        schema=schema,
        name=name,
        sql=text(shown.get(column)),
        sql_mode=text(shown.get("sql_mode")),
        charset=text(shown.get("character_set_client")),
        collation=text(shown.get("collation_connection")),
        schema_collation=text(shown.get("Database Collation")),
        time_zone=text(shown.get("time_zone")),
    )
