"""Makes on the target what the inventory holds, in an order that works and that fails early.

Everything is made before any row is loaded, so that a definition that the new server refuses is found in the first
minute and not after hours; triggers are then taken away, and come back when the rows are there. Views come in rounds,
since one may rest on another whatever their names; those that no round can make are broken on the old server as well,
or refused, and the error says which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from understudy.errors import UnderstudyError
from understudy.migrate.build import definitions
from understudy.migrate.build.inventory import Inventory, Made, Schema
from understudy.migrate.faults import LostError, ServerError, SilentError, StatementError, UnreachableError
from understudy.migrate.ports import Database
from understudy.migrate.rows import number, text
from understudy.migrate.sqltext import identifier, string

NO_TABLE, BROKEN_VIEW, NO_COLUMN, NO_ROUTINE, NO_ZONE = 1146, 1356, 1054, 1305, 1298
Says = Callable[[str], None]


class RefusedError(UnderstudyError):
    """The new server does not take a definition of the old one."""


def schemas(target: Database, wanted: Iterable[Schema]) -> None:
    """Make the schemas, or give those that are there the old one's defaults."""
    for schema in wanted:
        name = identifier(schema.name)
        charset = definitions.charset(schema.charset, target.version)
        defaults = f"CHARACTER SET {charset} COLLATE {definitions.charset(schema.collation, target.version)}"
        target.execute(f"CREATE DATABASE IF NOT EXISTS {name} {defaults}")
        target.execute(f"ALTER DATABASE {name} {defaults}")


def definitions_of(source: Database, target: Database, found: Inventory, says: Says) -> None:
    """Make all but the schemas, without rows; triggers are made, and taken away again until the rows are there."""
    for made in found.of("SEQUENCE"):
        with refusing(made):
            _in(target, made.schema, made.sql)
    for table in found.tables:
        converted = definitions.table(table.made.sql, target.version)
        for note in converted.notes:
            says(f"{table.made}: {note}")
        with refusing(table.made):
            _in(target, table.made.schema, converted.sql)
    for kind in ("FUNCTION", "PROCEDURE", "PACKAGE", "PACKAGE BODY"):
        for made in found.of(kind):
            make(target, made)
    _views(source, target, list(found.of("VIEW")), says)
    triggers(target, found)
    for made in found.of("TRIGGER"):
        target.execute(f"DROP TRIGGER {identifier(made.schema, made.name)}")
    for made in found.of("EVENT"):
        make(target, made, definitions.event(made.sql, enabled=made.enabled))


def triggers(target: Database, found: Inventory) -> None:
    """Make the triggers, in the order in which they run."""
    for made in found.of("TRIGGER"):
        make(target, made)


def make(target: Database, made: Made, sql: str = "") -> None:
    """Make one under the modes, character sets and time zone under which it was made. Raises RefusedError."""
    if not made.sql:
        raise RefusedError(
            f"{made}: the old server does not show its definition to this account",
            "`understudy migrate grants build` prints what the account needs",
        )
    sql = sql or made.sql
    with refusing(made), _under(target, made):
        target.execute(definitions.sent(sql, made.charset) or sql)


@contextmanager
def refusing(made: Made) -> Iterator[None]:
    """Have an error say which definition it is about."""
    try:
        yield
    except (LostError, SilentError, UnreachableError):
        raise
    except ServerError as error:
        hint = (
            "change it on the old source, or drop it there: `understudy migrate check` finds what the new version lacks"
        )
        if error.number == NO_ZONE:
            hint = "load the time zone tables on the new server: mysql_tzinfo_to_sql /usr/share/zoneinfo | mysql mysql"
        raise RefusedError(f"{made} is refused: {error.message}", hint) from error


def _in(target: Database, schema: str, sql: str) -> None:
    target.execute(f"USE {identifier(schema)}")
    target.execute(sql)


def _views(source: Database, target: Database, wanted: list[Made], says: Says) -> None:
    while wanted:
        later: list[tuple[Made, RefusedError]] = []
        for view in wanted:
            try:
                make(target, view)
            except RefusedError as error:
                cause = error.__cause__
                if not isinstance(cause, StatementError) or cause.number not in (
                    NO_TABLE, BROKEN_VIEW, NO_COLUMN, NO_ROUTINE,
                ):  # fmt: skip
                    raise
                later.append((view, error))
        if len(later) == len(wanted):
            _left_over(source, later, says)
            return
        wanted = [view for view, _ in later]


def _left_over(source: Database, views: list[tuple[Made, RefusedError]], says: Says) -> None:
    """Views that can't be made: those that don't work on the old server either are left out, and that is said."""
    for view, error in views:
        try:
            source.rows(f"SELECT 1 FROM {identifier(view.schema, view.name)} LIMIT 0")
        except StatementError as broken:
            says(f"{view} is left out: it does not work on the old server either: {broken.what}")
        else:
            raise error


@contextmanager
def _under(target: Database, made: Made) -> Iterator[None]:
    """The session as it was when the definition was made; afterwards as it was before."""
    before = target.row("SELECT @@sql_mode AS sql_mode, @@time_zone AS time_zone") or {}
    if made.kind != "VIEW":
        target.execute(f"SET SESSION sql_mode = {string(definitions.modes(made.sql_mode, target.version))}")
    if made.time_zone:
        target.execute(f"SET SESSION time_zone = {string(made.time_zone)}")
    try:
        with _schema_collation(target, made):
            target.execute(f"USE {identifier(made.schema)}")
            if made.charset and definitions.sent(made.sql, made.charset):
                target.execute(
                    f"SET SESSION character_set_client = {definitions.charset(made.charset, target.version)}"
                )
                target.execute(
                    f"SET SESSION collation_connection = {definitions.charset(made.collation, target.version)}"
                )
            yield
    finally:
        target.execute("SET NAMES utf8mb4")
        target.execute(f"SET SESSION sql_mode = {string(text(before['sql_mode']))}")
        target.execute(f"SET SESSION time_zone = {string(text(before['time_zone']))}")


@contextmanager
def _schema_collation(target: Database, made: Made) -> Iterator[None]:
    """A routine keeps the collation that its schema had when it was made, which may have changed since."""
    now = text(
        target.value(
            "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = %s", made.schema
        )
    )
    then = definitions.charset(made.schema_collation, target.version)
    if not then or then == now:
        yield
        return
    name = identifier(made.schema)
    target.execute(f"ALTER DATABASE {name} COLLATE {then}")
    try:
        yield
    finally:
        target.execute(f"ALTER DATABASE {name} COLLATE {now}")


def sequences(source: Database, target: Database, found: Inventory) -> None:
    """Have MariaDB's sequences go on where they are now."""
    for made in found.of("SEQUENCE"):
        name = identifier(made.schema, made.name)
        following = number(source.value(f"SELECT next_not_cached_value FROM {name}"))
        target.rows(f"SELECT SETVAL({name}, %s, 0)", following)
