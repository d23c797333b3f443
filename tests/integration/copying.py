"""Definitions copied from one server to another as a dump does: what SHOW CREATE says, under what it was made."""

from __future__ import annotations

from understudy.migrate.mysql import Session
from understudy.migrate.sqltext import identifier

ORDER = ("SEQUENCE", "TABLE", "VIEW", "PROCEDURE", "FUNCTION", "TRIGGER", "EVENT")
SETTING = "SELECT @@SESSION.sql_mode AS m, @@SESSION.character_set_client AS c, @@SESSION.collation_connection AS l"


def copied(old: Session, new: Session, database: str) -> None:
    """All that a database holds but rows, made anew on the other server."""
    made = old.row(f"SHOW CREATE DATABASE {identifier(database)}") or {}
    new.execute(f"DROP DATABASE IF EXISTS {identifier(database)}")
    new.execute(str(made["Create Database"]))
    for session in (old, new):
        session.execute(f"USE {identifier(database)}")
    before = new.row(SETTING) or {}
    new.execute("SET SESSION foreign_key_checks = 0")
    for kind, name in _contents(old, database):
        row = old.row(f"SHOW CREATE {kind} {identifier(name)}") or {}
        if "character_set_client" in row:
            new.execute(f"SET NAMES {row['character_set_client']} COLLATE {row['collation_connection']}")
        new.execute("SET SESSION sql_mode = %s", without_unknown(str(row.get("sql_mode", "")), new))
        new.execute(next(str(row[column]) for column in row if column.startswith(("Create ", "SQL Original"))))
    new.execute("SET SESSION foreign_key_checks = 1")
    new.execute("SET SESSION sql_mode = %s", before["m"])
    new.execute(f"SET NAMES {before['c']} COLLATE {before['l']}")


def _contents(session: Session, database: str) -> list[tuple[str, str]]:
    tables = session.rows("SELECT TABLE_NAME AS n, TABLE_TYPE AS k FROM information_schema.TABLES"
                          " WHERE TABLE_SCHEMA = %s ORDER BY TABLE_TYPE, TABLE_NAME", database)  # fmt: skip
    routines = session.rows("SELECT ROUTINE_NAME AS n, ROUTINE_TYPE AS k FROM information_schema.ROUTINES"
                            " WHERE ROUTINE_SCHEMA = %s", database)  # fmt: skip
    triggers = session.rows("SELECT TRIGGER_NAME AS n, 'TRIGGER' AS k FROM information_schema.TRIGGERS"
                            " WHERE TRIGGER_SCHEMA = %s ORDER BY ACTION_ORDER", database)  # fmt: skip
    events = session.rows("SELECT EVENT_NAME AS n, 'EVENT' AS k FROM information_schema.EVENTS"
                          " WHERE EVENT_SCHEMA = %s", database)  # fmt: skip
    kinds = {"BASE TABLE": "TABLE", "SYSTEM VERSIONED": "TABLE"}
    found = [(kinds.get(row["k"], row["k"]), str(row["n"])) for row in (*tables, *routines, *triggers, *events)]
    return sorted(found, key=lambda one: ORDER.index(one[0]))


def without_unknown(mode: str, session: Session) -> str:
    """Without the mode of ours that MySQL 8.0.11 removed."""
    unknown = ("NO_AUTO_CREATE_USER",) if session.version.is_mysql(8) else ()
    return ",".join(name for name in mode.split(",") if name not in unknown)
