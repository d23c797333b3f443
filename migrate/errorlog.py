"""Error logs: what their lines say, whatever wrote them, and many logs as one. Pure.

Four forms are read: MySQL 5.7 and later (2026-11-21T08:30:25.123456Z 0 [Warning] [MY-010068] [Server] text), MySQL 5.6
and MariaDB from 10.1 (2026-11-21  8:30:25 12 [Note] text, in the server's own time), and MySQL 5.5 (261121  8:30:25).
A line that begins with no time belongs to the entry before it: a stack trace, a long statement.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from msgspec import Struct

from understudy.errors import UnderstudyError


class Severity(IntEnum):
    """How grave an entry is. MySQL's System (started, stopped) stands with notes."""

    NOTE = 0
    WARNING = 1
    ERROR = 2


NAMES = {
    "note": Severity.NOTE,
    "system": Severity.NOTE,
    "info": Severity.NOTE,
    "warning": Severity.WARNING,
    "warn": Severity.WARNING,
    "error": Severity.ERROR,
    "fatal": Severity.ERROR,
}


class Entry(Struct, frozen=True, order=True):
    """One entry of a server's error log; `at` is in UTC. `code` is empty where the version writes none."""

    at: datetime
    server: str
    severity: Severity
    code: str
    text: str


LINE = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d|\d{6})[T ] ?(?P<time>\d{1,2}:\d\d:\d\d)(?P<fraction>\.\d+)?(?P<zone>Z|[+-]\d\d:\d\d)?"
    r"(?: +(?:\d+|0x[0-9a-f]+))? +\[(?P<severity>\w+)\](?: \[(?P<code>MY-\d+)\](?: \[\w+\])?)? ?(?P<text>.*)"
)


def severity(name: str) -> Severity:
    """The severity of a name, in any case. Raises UnderstudyError."""
    try:
        return NAMES[name.lower()]
    except KeyError:
        raise UnderstudyError(f"{name!r} is no severity; accepted: note, warning, error") from None


def parse(lines: Iterable[str], server: str, offset_s: int = 0) -> Iterator[Entry]:
    """The entries of a log file; times without a zone are the server's own, so many seconds ahead of UTC."""
    entry: Entry | None = None
    for line in lines:
        begun = _entry(line.rstrip("\r\n"), server, offset_s)
        if begun is not None:
            if entry is not None:
                yield entry
            entry = begun
        elif entry is not None and line.strip():
            entry = Entry(entry.at, server, entry.severity, entry.code, f"{entry.text}\n{line.rstrip()}")
    if entry is not None:
        yield entry


def _entry(line: str, server: str, offset_s: int) -> Entry | None:
    match = LINE.match(line)
    if match is None:
        return None
    try:
        at = _time(match, offset_s)
    except ValueError:
        return None
    return Entry(at, server, NAMES.get(match["severity"].lower(), Severity.NOTE), match["code"] or "", match["text"])


def _time(match: re.Match[str], offset_s: int) -> datetime:
    date = match["date"] if "-" in match["date"] else f"20{match['date'][:2]}-{match['date'][2:4]}-{match['date'][4:]}"
    at = datetime.fromisoformat(f"{date}T{match['time']:0>8}{(match['fraction'] or '')[:7]}")
    if zone := match["zone"]:
        return datetime.fromisoformat(at.isoformat() + zone.replace("Z", "+00:00")).astimezone(UTC)
    return (at - timedelta(seconds=offset_s)).replace(tzinfo=UTC)


def merged(logs: Iterable[Iterable[Entry]], least: Severity, since: datetime | None) -> Iterator[Entry]:
    """All logs as one, by time; each is in its own order already, or nearly so."""
    kept = (
        [entry for entry in log if entry.severity >= least and (since is None or entry.at >= since)] for log in logs
    )
    return heapq.merge(*(sorted(log, key=lambda entry: entry.at) for log in kept), key=lambda entry: entry.at)


def parse_since(text: str, now: datetime) -> datetime:
    """A time such as 2026-11-21T08:00 (UTC where no zone is given), or how long ago: 30s, 15m, 2h, 1d. Raises."""
    if ago := re.fullmatch(r"(\d+)([smhd])", text.strip()):
        unit = {"s": 1, "m": 60, "h": 3600, "d": 86_400}[ago[2]]
        try:
            return now - timedelta(seconds=int(ago[1]) * unit)
        except OverflowError:
            pass
    else:
        try:
            at = datetime.fromisoformat(text.strip())
            return at if at.tzinfo else at.replace(tzinfo=UTC)
        except ValueError:
            pass
    raise UnderstudyError(f"{text!r} is no time; accepted: 2026-11-21T08:00, or how long ago, such as 15m, 2h, 1d")
