"""What is measured rather than read: the age of a server's newest heartbeat."""

from __future__ import annotations

from datetime import UTC, datetime

from understudy.migrate.faults import PrivilegeError, StatementError
from understudy.migrate.ports import Database
from understudy.migrate.rows import text
from understudy.migrate.sqltext import identifier

NO_SUCH_TABLE = (1049, 1146)  # ER_BAD_DB_ERROR, ER_NO_SUCH_TABLE


def heartbeat(database: Database, table: str, missing: list[str]) -> tuple[float | None, float | None]:
    """The newest row of a heartbeat table in pt-heartbeat's layout: its time, its age by the server's clock.

    The time is read as if it were UTC, in seconds since 1970. pt-heartbeat writes local time unless it was told --utc,
    so the age is the nearer to now of the two.
    """
    if not table:
        return None, None
    try:
        row = database.row(
            f"SELECT MAX(ts) AS newest, NOW(6) AS here, UTC_TIMESTAMP(6) AS utc FROM {identifier(*table.split('.', 1))}"
        )
    except PrivilegeError as error:
        missing.append(f"its heartbeat: {error.what}; GRANT SELECT ON {table} lets it")
        return None, None
    except StatementError as error:
        if error.number not in NO_SUCH_TABLE:
            missing.append(f"its heartbeat: {error.what}")
        return None, None
    if row is None or row["newest"] is None:
        return None, None
    try:
        newest = _seconds(row["newest"])
    except ValueError:
        missing.append(f"its heartbeat: {table}.ts holds no time")
        return None, None
    return newest, min((_seconds(row["here"]) - newest, _seconds(row["utc"]) - newest), key=abs)


def _seconds(moment: object) -> float:
    if not isinstance(moment, datetime):
        moment = datetime.fromisoformat(text(moment))
    return moment.replace(tzinfo=UTC).timestamp()
