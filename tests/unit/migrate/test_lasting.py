"""What servers forget at a restart, and which lines of configuration keep it."""

from __future__ import annotations

import pytest

from replicas import server
from understudy.migrate.lasting import configuration, told
from understudy.migrate.step import Kind, Step
from understudy.migrate.topology import grow
from understudy.migrate.versions import Version

NAME = "new:3306"


def step(kind: Kind, gtid_mode: str = "") -> Step:
    days = 7 if kind is Kind.RETENTION else None
    return Step(1, kind, NAME, "", 1, 1, days=days, gtid_mode=gtid_mode)


@pytest.mark.parametrize(
    ("version", "steps", "lines"),
    [
        ("9.7.0", [step(Kind.RETENTION), step(Kind.ATTACH, "OFF")], ()),
        ("8.0.11", [step(Kind.ATTACH)], ()),
        ("5.7.44", [step(Kind.ATTACH, "ON_PERMISSIVE")], ("super_read_only = ON", "gtid_mode = ON_PERMISSIVE")),
        ("5.6.51", [step(Kind.ATTACH), step(Kind.RETENTION)], ("read_only = ON", "expire_logs_days = 7")),
        ("10.5.23-MariaDB", [step(Kind.RETENTION)], ("expire_logs_days = 7",)),
        ("11.8.6-MariaDB", [step(Kind.RETENTION)], ("binlog_expire_logs_seconds = 604800",)),
        ("11.8.6-MariaDB", [step(Kind.ATTACH), step(Kind.WRITABLE)], ("read_only = OFF",)),
        ("11.8.6-MariaDB", [step(Kind.COPY), step(Kind.CATCH_UP)], ()),
    ],
)
def test_what_a_server_can_not_keep_itself_belongs_into_its_configuration(
    version: str, steps: list[Step], lines: tuple[str, ...]
) -> None:
    tree = grow([server("new", version=Version.parse(version))])
    found = configuration(steps, tree)
    assert found == ({NAME: lines} if lines else {})
    assert all("; ".join(lines) in sentence and NAME in sentence for sentence in told(found, tree))


def test_of_a_server_that_is_not_seen_nothing_is_said() -> None:
    assert configuration([step(Kind.ATTACH)], grow([server("new", version=None)])) == {}
    assert configuration([step(Kind.ATTACH)], grow([server("other")])) == {}
