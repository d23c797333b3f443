"""What a server itself remembers of the clone that it was made by, in performance_schema.clone_status.

That is kept beside the data, and says "Completed" for good, whatever is dropped afterwards (measured on 9.7). So it is
believed only where no mark of ours stands (`mark`): a clone takes every mark away, and dropping what was cloned leaves
one behind.
"""

from __future__ import annotations

from typing import Any

from understudy.migrate.ports import Database
from understudy.migrate.rows import text

_STATUS = (
    "SELECT state AS state, source AS source, error_no AS error_no, error_message AS error_message,"
    " binlog_file AS file, binlog_position AS position, gtid_executed AS gtid FROM performance_schema.clone_status"
)


def has_plugin(session: Database) -> bool:
    """Whether the server can clone; only then it shows what it remembers."""
    return bool(
        session.rows(
            "SELECT 1 FROM information_schema.plugins WHERE plugin_name = 'clone' AND plugin_status = 'ACTIVE'"
        )
    )


def status(session: Database) -> dict[str, Any]:
    """The last clone's row; empty where there was none."""
    if not session.version.is_mysql(8, 0, 17) or not has_plugin(session):
        return {}
    return session.row(_STATUS) or {}


def is_whole(found: dict[str, Any]) -> bool:
    """Whether that clone came to its end."""
    return text(found.get("state")) == "Completed"
