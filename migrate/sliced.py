"""In which slices a server is asked about its tables, by what it says of itself (`slices` tells why)."""

from __future__ import annotations

from collections.abc import Iterable

from understudy.migrate.ports import Database
from understudy.migrate.slices import WHOLE, Slice, are_needed, size, slices
from understudy.migrate.words import Word


def sliced(session: Database, besides: Iterable[str] = ()) -> list[Slice]:
    """Slices that together hold all tables, but for databases in `besides`; one where the server needs no slices."""
    if not are_needed(session.version):
        return [WHOLE]
    names = session.rows(session.dialect.sql(Word.TABLE_NAMES))
    open_tables = int(session.value("SELECT @@table_open_cache"))
    if session.version.is_mysql(5, 6, 6):  # a session uses one instance; MariaDB's have the whole number each
        open_tables //= int(session.value("SELECT @@table_open_cache_instances"))
    return slices(((row["TABLE_SCHEMA"], row["TABLE_NAME"]) for row in names), size(open_tables), besides)
