"""The disk beneath a server's data, where SQL can tell: MariaDB's plugin disks does, to accounts with FILE alone."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from understudy.migrate.ports import Database, Row
from understudy.migrate.rows import number, text

KIB = 1024


class Disk(Struct, frozen=True):
    """The disk that holds a server's data."""

    path: str
    total_bytes: int
    free_bytes: int


def has_plugin(session: Database) -> bool:
    """Whether the server can tell."""
    plugin = "SELECT 1 FROM information_schema.plugins WHERE plugin_name = 'DISKS' AND plugin_status = 'ACTIVE'"
    return session.version.is_mariadb() and bool(session.rows(plugin))


def of_data(session: Database) -> Disk | None:
    """The disk beneath the data directory, of a server that can tell; None where the plugin doesn't list it."""
    mounts = session.rows("SELECT Path AS path, Total AS total, Available AS free FROM information_schema.DISKS")
    return beneath(mounts, text(session.value("SELECT @@datadir")))


def beneath(mounts: Iterable[Row], folder: str) -> Disk | None:
    """The one of the mounts (path, total and free in KiB) that holds a folder. Pure."""
    found = [row for row in mounts if _within(folder, text(row["path"]))]
    nearest = max(found, key=lambda row: len(text(row["path"])), default=None)
    if nearest is None:
        return None
    return Disk(text(nearest["path"]), number(nearest["total"]) * KIB, number(nearest["free"]) * KIB)


def _within(folder: str, mount: str) -> bool:
    """/data holds /data/mysql, and not /data2."""
    return f"{folder.rstrip('/')}/".startswith(f"{mount.rstrip('/')}/")
