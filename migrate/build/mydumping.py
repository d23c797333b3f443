"""mydumper, running: begun in a moment of the source, its files read as they grow.

It is begun while the server stands still, as `program` has it, and with --no-locks: the lock is ours, which waits no
longer than it should. Its log names a schema only after each of its threads has begun its transaction; the coordinates
that it writes down itself, where it can (MySQL 9.7 knows no SHOW MASTER STATUS), have to be ours.

Its files are loaded by ourselves and not by myloader, which would begin when all is written, take no value that
strictness refuses, and tell nothing until its end.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from understudy.migrate.build import mydumper, program, scratch
from understudy.migrate.build.defaults import ProgramError
from understudy.migrate.build.inventory import Made, Table
from understudy.migrate.faults import ServerError
from understudy.migrate.logins import Logins
from understudy.migrate.ports import Database, Servers
from understudy.migrate.rows import Coordinates, number

ROWS, LOG, LOGIN, SKIPPED, SOURCE = "rows", "log", "login.cnf", "skipped", "source"
_FILE = re.compile(r"(.+?)\.(.+?)(?:\.\d+)?\.sql")
_INSERT = re.compile(rb"\s*INSERT INTO `([^`]+)`")
_SESSION = re.compile(rb"\s*(/\*!.*\*/)?\s*\Z")
_RECORDED = re.compile(r"SHOW MASTER STATUS:\n\tLog: (\S+)\n\tPos: (\d+)\n")
_THREAD = re.compile(r"connected using MySQL connection ID (\d+)")
_TABLE = re.compile(r"Thread \d+ dumping data for (`[^`]+`\.`[^`]+`)")
_BEGUN = "dumping db information for"


class Mydumper:
    """A mydumper that is running; its folder holds what it writes."""

    binary = True  # its statements are bytes as the tables hold them

    def __init__(self, running: subprocess.Popen[bytes], folder: Path, tables: Sequence[Table], threads: int) -> None:
        self._running, self._folder, self._tables, self._threads = running, folder, tables, threads

    def await_begun(self) -> None:
        """Wait until all its threads see the moment. Raises ProgramError where it ended, or takes too long."""
        end = time.monotonic() + program.BEGIN_S
        while time.monotonic() < end:
            ended = self._running.poll()
            if ended:
                raise ProgramError(f"mydumper ended with {ended}: {self.complaint()}")
            log = _log(self._folder)
            if _BEGUN in log and len(_THREAD.findall(log)) >= self._threads:
                (self._folder / LOGIN).unlink(missing_ok=True)  # all its connections are made
                return
            time.sleep(0.005)
        raise ProgramError(f"mydumper has not begun within {program.BEGIN_S:g} s: {self.complaint()}")

    def require_same(self, at: Coordinates) -> None:
        """Raise ProgramError where it wrote down other coordinates than ours."""
        for name in ("metadata.partial", "metadata"):
            with suppress(OSError):
                if found := _RECORDED.search((self._folder / ROWS / name).read_text(errors="replace")):
                    if (found[1], int(found[2])) != (at.file, at.position):
                        raise ProgramError(f"mydumper began at {found[1]}:{found[2]}, and not at {at}")
                    return

    def statements(self) -> Iterator[tuple[str, bytes]]:
        """Each INSERT with the table that it is for, as they are written. Raises ProgramError where it failed."""
        names = {(table.made.schema, table.made.name): table.name for table in self._tables}
        tails: dict[str, Tail] = {}
        ended = False
        while not ended:
            ended = self._running.poll() is not None  # asked before reading: then all is there
            moved = False
            for path in sorted((self._folder / ROWS).glob("*.sql")):
                if path.name not in tails:
                    tails[path.name] = Tail(path, _name(path, names))
                for one in tails[path.name].statements():
                    moved = True
                    yield one
            if not (ended or moved):
                time.sleep(0.1)
        self._require_whole(tails.values())

    def _require_whole(self, tails: Iterable[Tail]) -> None:
        if code := self._running.wait():
            raise ProgramError(f"mydumper ended with {code}: {self.complaint()}")
        seen = set(_TABLE.findall(_log(self._folder)))
        missing = [table.name for table in self._tables if table.name not in seen]
        missing += [tail.table for tail in tails if tail.held]
        if missing or not (self._folder / ROWS / "metadata").exists():
            raise ProgramError(f"mydumper ended without all rows of {', '.join(missing[:5]) or 'its tables'}")

    def complaint(self) -> str:
        """What its log says of errors, or else its last line."""
        lines = _log(self._folder).strip().splitlines()
        said = [line for line in lines if "[ERROR]" in line or "CRITICAL" in line] or lines[-1:]
        with suppress(OSError):
            said += (self._folder / "stderr").read_text(errors="replace").split("\n\n")[-1:]
        return " ".join(line.strip() for line in said if line.strip())[-1000:]


class Tail:
    """A file that grows, of one table."""

    def __init__(self, path: Path, table: str) -> None:
        self._path, self.table, self._read, self.held = path, table, 0, b""

    def statements(self) -> Iterator[tuple[str, bytes]]:
        """Those that have ended by now: within a string a newline is written as \\n."""
        try:
            file = self._path.open("rb")
        except FileNotFoundError:  # mydumper begins a file for a table without rows too, and removes it again
            if self._read:
                raise
            return
        parts = [self.held]
        with file:
            if os.fstat(file.fileno()).st_size == self._read:
                return
            file.seek(self._read)
            while chunk := file.read(program.CHUNK):
                self._read += len(chunk)
                parts.append(chunk)
                if b"\n" not in chunk:
                    continue  # amid a long row
                *whole, self.held = b"".join(parts).split(b";\n")
                parts = [self.held]
                for piece in whole:
                    yield from self._statement(piece)
        self.held = b"".join(parts).lstrip(b"\n")

    def _statement(self, piece: bytes) -> Iterator[tuple[str, bytes]]:
        if found := _INSERT.match(piece):
            yield self.table, b"INSERT INTO " + self.table.encode() + piece[found.end() :]
        elif not _SESSION.match(piece):
            raise ProgramError(f"mydumper wrote to {self._path.name} what no dump of rows should hold: {piece[:80]!r}")


def _name(path: Path, names: dict[tuple[str, str], str]) -> str:
    found = _FILE.fullmatch(path.name)
    if not found or (found[1], found[2]) not in names:
        raise ProgramError(f"mydumper wrote a file that it was not asked for: {path.name}")
    return names[found[1], found[2]]


def _log(folder: Path) -> str:
    with suppress(OSError):
        return (folder / LOG).read_text(errors="replace")
    return ""


@contextmanager
def dumping(
    command: str, servers: Servers, logins: Logins, source: Database, where: Path, threads: int,
    tables: Sequence[Table], left_out: Sequence[Made],
) -> Iterator[Mydumper]:  # fmt: skip
    """The program, begun, in a folder under `where`; with the block's end it has ended, and the folder is gone."""
    login = logins.of(source.address)
    with scratch.folder(where) as folder:
        (folder / ROWS).mkdir(0o700)
        (folder / SOURCE).write_text(source.address)
        (folder / SKIPPED).write_text(
            "".join(f"{mydumper.dotted(made)}\n" for made in left_out if "\n" not in made.name)
        )
        descriptor = os.open(folder / LOGIN, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(mydumper.login_file(source.address, login, source.version))
        arguments = [
            f"--defaults-file={folder / LOGIN}", *mydumper.tls_options(login.tls, encrypted=source.is_encrypted),
            f"--outputdir={folder / ROWS}", f"--logfile={folder / LOG}", "--verbose=3", "--no-locks", "--no-schemas",
            "--no-views", "--complete-insert", f"--threads={threads}", f"--omit-from-file={folder / SKIPPED}",
            f"--regex={mydumper.pattern(tables)}",
        ]  # fmt: skip
        with (folder / "stderr").open("wb") as said:
            running = subprocess.Popen(
                [*shlex.split(command), *arguments], stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
        try:
            yield Mydumper(running, folder, tables, threads)
        finally:
            program.end(running)
            with suppress(ServerError), servers.open(source.address) as session:
                end_sessions(session, folder)


def forget_logins(where: Path) -> None:
    """Remove the passwords of those that were killed before they had logged in."""
    scratch.forget(where, LOGIN)


def end_sessions(session: Database, folder: Path) -> None:
    """End what a mydumper that was killed, or runs on within a container, still reads on the source.

    Its log names the sessions. A server that has been restarted since has given their ids to others.
    """
    since_s = time.time() - (folder / SOURCE).stat().st_mtime
    uptime = session.row("SHOW GLOBAL STATUS LIKE 'Uptime'") or {}
    if number(uptime.get("Value")) < since_s:
        return
    ids = {int(found) for found in _THREAD.findall(_log(folder))}
    reading = session.rows(
        "SELECT ID AS id FROM information_schema.processlist WHERE INFO LIKE '%SQL_NO_CACHE %'"
        " AND USER = (SELECT USER FROM information_schema.processlist WHERE ID = CONNECTION_ID())"
    )
    for found in ids & {number(row["id"]) for row in reading}:
        with suppress(ServerError):
            session.execute(f"KILL {found}")


def swept(session: Database) -> Callable[[Path], None]:
    """What to do before a killed copy's folder is removed."""

    def end(folder: Path) -> None:
        if (folder / SOURCE).read_text() == session.address:
            end_sessions(session, folder)

    return end
