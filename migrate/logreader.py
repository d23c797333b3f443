"""Where each server's error log can be read, and reading it: a table, a file here, a file there; or why not.

Each server writes by its own clock. How far that is off is measured while it is asked, so that many logs can be put in
order; it tells nothing of how far it was off when something was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from understudy.migrate.clock import Ahead, ahead, believed_ms
from understudy.migrate.errorlog import NAMES, Entry, Severity, parse
from understudy.migrate.faults import ServerError
from understudy.migrate.ports import Clock, Database, Servers
from understudy.migrate.rows import number, split_address, text
from understudy.migrate.words import Word

BEGINNING = datetime(1970, 1, 2, tzinfo=UTC)
MARGIN = timedelta(hours=1)  # what is read before the time that is asked for, since clocks differ
TOO_LARGE = 1301  # ER_WARN_ALLOWED_PACKET_OVERFLOWED
NOWHERE = ("", "stderr")  # what @@log_error says of a log that goes to standard error


class Log(Struct, frozen=True):
    """A server's entries and where they are from; `why_not` where there are none to be had.

    `clock` is None where the server was not reached.
    """

    server: str
    origin: str = ""
    entries: tuple[Entry, ...] = ()
    why_not: str = ""
    clock: Ahead | None = None


class Clocks(Struct, frozen=True):
    """Which clocks are off, in ms ahead: servers' from the time that is believed, and how far that is from ours."""

    servers: Mapping[str, float]
    believed_ms: float = 0.0

    def right(self, log: Log) -> tuple[Entry, ...]:
        """A log's entries at the times that a right clock would have shown."""
        off = timedelta(milliseconds=self.servers.get(log.server, 0.0))
        return tuple(replace(entry, at=entry.at - off) for entry in log.entries) if off else log.entries

    def told(self) -> Iterator[str]:
        """A sentence for each clock that is off."""
        if self.believed_ms:
            yield f"this machine's clock is {_apart(-self.believed_ms)} the servers': times are the servers'"
        for server, off_ms in self.servers.items():
            others = "the other servers'" if self.believed_ms else "this machine's"
            yield f"{server}: its clock is {_apart(off_ms)} {others} now, and its entries are put right by that"


def clocks(logs: Iterable[Log], bound_ms: float) -> Clocks:
    """Judge the clocks of servers that were reached; what is within the bound is left as it is.

    To 10 ms, which is what an asking is good for: whole seconds that a log was written in are to stay so.
    """
    seen = {log.server: log.clock for log in logs if log.clock is not None}
    believed = believed_ms(seen, bound_ms)
    off = {name: round(one.ms - believed, -1) for name, one in seen.items() if one.is_off(believed, bound_ms)}
    return Clocks(off, believed)


def _apart(ms: float) -> str:
    return f"{abs(ms) / 1000:.1f} s {'ahead of' if ms > 0 else 'behind'}"


def read(
    servers: Servers,
    clock: Clock,
    address: str,
    files: Mapping[str, str],
    since: datetime | None,
    unreachable: str = "",
) -> Log:
    """One server's log. `files` maps a pattern of its address to a file on this machine. Never raises for a server.

    `unreachable` says why it needn't be asked: it just didn't answer.
    """
    file = _file_for(address, files)
    if unreachable:
        return _from_file(address, Path(file), 0) if file else Log(address, why_not=unreachable)
    try:
        with servers.open(address) as database:
            off = ahead(database, clock)
            if file:
                log = _from_file(address, Path(file), _offset_s(database))
            else:
                log = _from_server(
                    database, since and since + min(timedelta(milliseconds=off.ms), timedelta()) - MARGIN
                )
            return replace(log, clock=off)
    except ServerError as error:
        if file:  # the reason why it does not answer may well be in there
            return _from_file(address, Path(file), 0)
        return Log(address, why_not=error.what)


def _file_for(address: str, files: Mapping[str, str]) -> str:
    host = split_address(address)[0]
    return next(
        (file for pattern, file in files.items() if fnmatchcase(address, pattern) or fnmatchcase(host, pattern)), ""
    )


def _from_file(address: str, file: Path, offset_s: int) -> Log:
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            return Log(address, str(file), tuple(parse(lines, address, offset_s)))
    except OSError as error:
        return Log(address, why_not=f"{file}: can't be read: {error.strerror}")


def _from_server(database: Database, since: datetime | None) -> Log:
    if database.dialect.knows(Word.ERROR_LOG):
        return _from_table(database, since)
    where = text(database.value("SELECT @@GLOBAL.log_error"))
    if where in NOWHERE:
        hint = "it goes to standard error: look with journalctl or docker logs, or name a file under error_logs"
        return Log(database.address, why_not=f"{database.version} has no table of its error log, and {hint}")
    content = _server_file(database, where)
    if content is None:
        hint = f"{_why_unread(database, where)}: name a copy of it under error_logs"
        return Log(database.address, why_not=f"{database.version} has no table of its error log, and {hint}")
    lines = content.decode("utf-8", "replace").splitlines()
    return Log(database.address, f"{where} on the server", tuple(parse(lines, database.address, _offset_s(database))))


def _from_table(database: Database, since: datetime | None) -> Log:
    """performance_schema.error_log holds the newest 5 MB, in UTC (MySQL manual, "The error_log Table")."""
    database.execute("SET SESSION time_zone = '+00:00'")
    begin = (since or BEGINNING).astimezone(UTC).replace(tzinfo=None)
    rows = database.rows(database.dialect.sql(Word.ERROR_LOG), begin)
    entries = tuple(
        Entry(
            row["LOGGED"].replace(tzinfo=UTC),
            database.address,
            NAMES.get(text(row["PRIO"]).lower(), Severity.NOTE),
            text(row["ERROR_CODE"]),
            text(row["DATA"]),
        )
        for row in rows
    )
    return Log(database.address, "performance_schema.error_log", entries)


def _server_file(database: Database, path: str) -> bytes | None:
    """A file on the server; None where it is too large, or FILE, secure_file_priv or its mode forbids."""
    datadir = text(database.value("SELECT @@GLOBAL.datadir"))
    whole = path if path.startswith("/") else f"{datadir.rstrip('/')}/{path.removeprefix('./')}"
    try:
        content = database.value("SELECT CAST(LOAD_FILE(%s) AS BINARY)", whole)
    except ServerError:
        return None
    return content if isinstance(content, bytes) else None


def _why_unread(database: Database, path: str) -> str:
    """What LOAD_FILE had against a file, asked just after: a warning is left where it is too large, else none."""
    if any(number(row["Code"]) == TOO_LARGE for row in database.rows("SHOW WARNINGS")):
        most = database.value("SELECT @@max_allowed_packet")
        return f"{path} is larger than max_allowed_packet, {most} bytes, and LOAD_FILE reads no such file"
    return f"this account can't read {path} on the server"


def _offset_s(database: Database) -> int:
    """How far the server's own clock is ahead of UTC, which is what MySQL 5.6 and MariaDB write times in."""
    database.execute("SET SESSION time_zone = 'SYSTEM'")
    return int(database.value("SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW())") or 0)
