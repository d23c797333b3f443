"""Which of a server's disks holds its data."""

from __future__ import annotations

import pytest

from understudy.migrate.disks import Disk, beneath


@pytest.mark.parametrize(
    ("mounts", "datadir", "found"),
    [
        (["/", "/data"], "/data/mysql/", "/data"),
        (["/", "/data"], "/data2/mysql/", "/"),
        (["/data", "/data2"], "/data2/mysql/", "/data2"),
        (["/", "/var/lib/mysql"], "/var/lib/mysql/", "/var/lib/mysql"),
        (["/", "/var/lib/mysql"], "/var/lib/mysql", "/var/lib/mysql"),
        (["/", "/data/", "/data/mysql"], "/data/mysql-8/", "/data/"),
        (["/etc/hosts", "/data"], "/var/lib/mysql/", None),
        ([], "/var/lib/mysql/", None),
    ],
)
def test_the_disk_is_the_nearest_mount_above_the_data(mounts: list[str], datadir: str, found: str | None) -> None:
    rows = [{"path": path, "total": 4 * number, "free": number} for number, path in enumerate(mounts, 1)]
    wanted = next((row for row in rows if row["path"] == found), None)
    expected = Disk(str(found), int(wanted["total"]) * 1024, int(wanted["free"]) * 1024) if wanted else None
    assert beneath(rows, datadir) == expected
