"""Lines of error logs, whatever wrote them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from understudy.errors import UnderstudyError
from understudy.migrate.errorlog import Entry, Severity, merged, parse, parse_since, severity

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "offset_s", "expected"),
    [
        (
            "2026-11-21T12:00:00.250000Z 0 [Warning] [MY-010068] [Server] CA certificate ca.pem is self signed.",
            0,
            Entry(
                NOON.replace(microsecond=250_000),
                "db",
                Severity.WARNING,
                "MY-010068",
                "CA certificate ca.pem is self signed.",
            ),
        ),
        ("2026-11-21T13:00:00+01:00 7 [ERROR] [MY-1] [Repl] x", 0, Entry(NOON, "db", Severity.ERROR, "MY-1", "x")),
        ("2026-11-21 12:00:00 1 [Note] Server hostname", 0, Entry(NOON, "db", Severity.NOTE, "", "Server hostname")),
        ("2026-11-21 14:00:00 1 [Note] local time", 7200, Entry(NOON, "db", Severity.NOTE, "", "local time")),
        ("2026-11-21 12:00:00 139 [ERROR] mariadbd: x", 0, Entry(NOON, "db", Severity.ERROR, "", "mariadbd: x")),
        ("261121 12:00:00 [Warning] of 5.5", 0, Entry(NOON, "db", Severity.WARNING, "", "of 5.5")),
        ("2026-11-21  8:00:00 0 [Note] x", 0, Entry(NOON.replace(hour=8), "db", Severity.NOTE, "", "x")),
        ("2026-11-21 12:00:00 0x7f [Note] InnoDB: x", 0, Entry(NOON, "db", Severity.NOTE, "", "InnoDB: x")),
    ],
)
def test_a_line_of_each_version_is_read(line: str, offset_s: int, expected: Entry) -> None:
    assert list(parse([line + "\n"], "db", offset_s)) == [expected]


def test_lines_without_a_time_belong_to_the_entry_before_and_before_the_first_to_none() -> None:
    lines = [
        "leftover",
        "2026-11-21 12:00:00 1 [ERROR] crashed",
        "stack_bottom = 0",
        "",
        "  frame",
        "2026-13-99 12:00:00 [Note] x",
    ]
    assert [entry.text for entry in parse(lines, "db")] == [
        "crashed\nstack_bottom = 0\n  frame\n2026-13-99 12:00:00 [Note] x"
    ]


def test_logs_are_merged_by_time_and_filtered() -> None:
    def entry(minute: int, server: str, grave: Severity) -> Entry:
        return Entry(NOON.replace(minute=minute), server, grave, "", "")

    one = [entry(1, "a", Severity.ERROR), entry(5, "a", Severity.NOTE), entry(4, "a", Severity.ERROR)]
    two = [entry(2, "b", Severity.WARNING), entry(3, "b", Severity.ERROR)]
    kept = merged([one, two], Severity.WARNING, NOON.replace(minute=2))
    assert [(found.at.minute, found.server) for found in kept] == [(2, "b"), (3, "b"), (4, "a")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15m", NOON.replace(hour=11, minute=45)),
        ("2h", NOON.replace(hour=10)),
        ("1d", NOON.replace(day=20)),
        ("2026-11-21T08:00", NOON.replace(hour=8)),
        ("2026-11-21T09:00+01:00", NOON.replace(hour=8)),
    ],
)
def test_since_when(text: str, expected: datetime) -> None:
    assert parse_since(text, NOON) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "15", "m15", "99999999999999d"])
def test_what_is_no_time_is_refused_with_what_is(text: str) -> None:
    with pytest.raises(UnderstudyError, match="accepted: "):
        parse_since(text, NOON)


def test_severities_have_several_names_and_no_others() -> None:
    assert [severity(name) for name in ("NOTE", "System", "warning", "Error")] == [0, 0, 1, 2]
    with pytest.raises(UnderstudyError, match="accepted: note, warning, error"):
        severity("grave")
