"""Rows through a dump program that the settings name, instead of read by ourselves.

The program is begun while the server stands still, and the server goes on once its transaction is open: so it sees the
very moment of the coordinates. It writes INSERT statements of rows only; what else it writes for a session is left out,
as our own session is set already. Which program fits which server is the operator's choice (`dumping` says what was
measured); one that fails says why.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO

from understudy.migrate.build.defaults import Client, ProgramError, flavour_of, given_by_pipe
from understudy.migrate.build.inventory import Made, Table
from understudy.migrate.faults import PrivilegeError, StatementError
from understudy.migrate.logins import Logins
from understudy.migrate.ports import Database
from understudy.migrate.rows import number, text
from understudy.migrate.versions import Flavour, Version

BEGIN_S = 20.0  # how long the server stands still, at most, until the program has begun its transaction
END_S = 60.0  # how long it may take to end once all is written
ASKED_EVERY_S = (
    0.12  # InnoDB shows the same list again to who asks within 100 ms of the last time: measured, 5.6 to 9.7
)
CHUNK = 1 << 20
NAMES = ("mysqldump", "mariadb-dump")  # what they call themselves to a server: measured, both say the first
UNFIT = "a program of the server's own flavour, and no older than the server, fits best; without one Understudy reads"
_SESSION = re.compile(rb"/\*[!M]|--|SET |LOCK TABLES|UNLOCK TABLES|COMMIT|commit|set autocommit|$")
_USE = re.compile(rb"USE (`(?:[^`]|``)+`)")
_INSERT = re.compile(rb"INSERT(?: /\*.*?\*/)? INTO (`(?:[^`]|``)+`)")
_COMMENTS = re.compile(rb"\A(?:\s*(?:--[^\n]*\n|/\*M!999999[^\n]*\n))*\s*")


def arguments(flavour: Flavour, old: Version, tables: Iterable[Table], left_out: Iterable[str]) -> list[str]:
    """What the program is asked for: the rows of these tables' schemas without the tables that are left out."""
    schemas = list(dict.fromkeys(table.made.schema for table in tables))
    own = ["--set-gtid-purged=OFF", "--column-statistics=0"] if flavour is Flavour.MYSQL else []
    if flavour is Flavour.MYSQL and not old.is_mysql(8, 0, 1):
        # It logs in with a collation that such a server does not know, and would be answered in latin1: measured, 9.7
        # with 5.6, whose names came in latin1 and whose other letters as question marks.
        own += ["--init-command=SET NAMES utf8mb4"]
    return [
        "--single-transaction", "--quick", "--no-create-db", "--no-create-info", "--skip-triggers", "--skip-comments",
        "--no-tablespaces", "--complete-insert", "--extended-insert", "--hex-blob", "--tz-utc", "--skip-add-locks",
        "--skip-disable-keys", "--skip-lock-tables", "--default-character-set=utf8mb4", "--max-allowed-packet=1G",
        *own, *(f"--ignore-table={name}" for name in left_out), "--databases", *schemas,
    ]  # fmt: skip


def why_not(table: Table) -> str:
    """Why a table's rows are not exact in a dump program's text; empty where they are."""
    kinds = {column.kind for column in table.columns if not column.generated}
    if kinds & {"float", "vector"}:
        return "a FLOAT's text has six digits"
    if table.versioned:
        return "it has a history"
    if any(column.generated for column in table.columns):
        return "programs differ in what they do with generated columns"
    return ""


class Program:
    """A dump program that is running."""

    binary = False  # its statements are in utf8mb4

    def __init__(self, running: subprocess.Popen[bytes], said: IO[bytes], name: str) -> None:
        self._running, self._said, self._name = running, said, name

    def statements(self) -> Iterator[tuple[str, bytes]]:
        """Each INSERT with the table that it is for. Raises ProgramError where the program failed."""
        assert self._running.stdout is not None
        schema = ""
        for piece in pieces(self._running.stdout):
            if found := _USE.match(piece):
                schema = found[1].decode()
            elif found := _INSERT.match(piece):
                table = f"{schema}.{found[1].decode()}"
                yield table, b"INSERT INTO " + table.encode() + piece[found.end() :]
            elif not _SESSION.match(piece):
                raise ProgramError(f"{self._name} wrote what no dump of rows should hold: {piece[:80]!r}")
        try:
            code = self._running.wait(END_S)
        except subprocess.TimeoutExpired:
            why = f"{self._name} has written all, and not ended within {END_S:g} s: {self.complaint()}"
            raise ProgramError(why, "look what it waits for, and give the command again") from None
        if code:
            raise ProgramError(f"{self._name} ended with {code}: {self.complaint()}", UNFIT)

    def complaint(self) -> str:
        """What it said on standard error."""
        self._said.seek(0)
        return self._said.read().decode(errors="replace").strip()[-1000:]

    @property
    def pid(self) -> int:
        """The process that was begun; the program's own where nothing stands between."""
        return self._running.pid

    def code(self) -> int | None:
        """With what it ended; None while it is running."""
        return self._running.poll()


def pieces(stream: IO[bytes]) -> Iterator[bytes]:
    """The statements of a dump, each without its semicolon: within a string a newline is written as \\n."""
    held = b""
    parts: list[bytes] = []
    while chunk := stream.read(CHUNK):
        parts.append(chunk)
        if b"\n" not in chunk:
            continue  # amid a long row
        *whole, held = b"".join(parts).split(b";\n")
        parts = [held]
        for piece in whole:
            yield _COMMENTS.sub(b"", piece, count=1)
    if last := _COMMENTS.sub(b"", b"".join(parts), count=1).strip():
        yield last


@contextmanager
def dumping(
    command: str, logins: Logins, source: Database, tables: Sequence[Table], left_out: Sequence[Made]
) -> Iterator[Program]:
    """The program, begun. Standard error goes to a file without a name; with the block's end the program ends."""
    words = shlex.split(command)
    flavour = flavour_of(words)
    login = logins.of(source.address)
    client = Client(source.address, login, flavour, source.is_encrypted)
    names = [f"{made.schema}.{made.name}" for made in left_out]
    with tempfile.TemporaryFile() as said, given_by_pipe(client) as (option, pipe):
        running = subprocess.Popen(
            [*words, option, *arguments(flavour, source.version, tables, names)],
            stdin=pipe, stdout=subprocess.PIPE, stderr=said,
        )  # fmt: skip
        try:
            yield Program(running, said, words[0])
        finally:
            if running.stdout is not None:
                running.stdout.close()
            end(running)


def end(running: subprocess.Popen[bytes]) -> None:
    """Have a program end, by force where it takes too long; one that has ended is left as it is."""
    if running.poll() is None:
        running.terminate()
    try:
        running.wait(10)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()


def sessions(session: Database, user: str) -> set[int]:
    """The sessions of this user. Unlike the list of transactions, they are those of this very moment."""
    found = session.rows("SELECT ID AS id FROM information_schema.processlist WHERE USER = %s", user)
    return {number(row["id"]) for row in found}


def await_begun(program: Program, session: Database, before: set[int], user: str) -> None:
    """Wait until the transaction is open of a program that was begun when `before` were the user's `sessions`.

    Raises ProgramError where the program ended, or takes too long.
    """
    end = time.monotonic() + BEGIN_S
    while time.monotonic() < end:
        if (code := program.code()) == 0:
            return  # so little to read that all is read by now
        if code is not None:
            raise ProgramError(f"the dump program ended with {code}: {program.complaint()}", UNFIT)
        if (new := sessions(session, user) - before) and _in_transaction(session) & own(
            new, _told(session), program.pid
        ):
            return
        time.sleep(ASKED_EVERY_S)
    raise ProgramError(f"the dump program has not begun its transaction within {BEGIN_S:g} s: {program.complaint()}")


def own(new: set[int], told: Mapping[int, Mapping[str, str]], pid: int) -> set[int]:
    """Those of the new sessions that may be the program's, by what they told the server of themselves. Pure.

    One that tells nothing may be, for many servers listen to nobody. A program in a container has another pid there.
    """
    named = {one for one in new if told.get(one, {}).get("program_name", NAMES[0]) in NAMES}
    return {one for one in named if told.get(one, {}).get("_pid") == str(pid)} or named


def _in_transaction(session: Database) -> set[int]:
    found = session.rows("SELECT trx_mysql_thread_id AS id FROM information_schema.innodb_trx")
    return {number(row["id"]) for row in found}


def _told(session: Database) -> Mapping[int, Mapping[str, str]]:
    """What this account's sessions told the server of themselves; nothing without its performance_schema."""
    found: dict[int, dict[str, str]] = {}
    with suppress(PrivilegeError, StatementError):  # 5.6 wants SELECT for it; 5.5 has none
        for row in session.rows(
            "SELECT PROCESSLIST_ID AS id, ATTR_NAME AS name, ATTR_VALUE AS value"
            " FROM performance_schema.session_account_connect_attrs"
        ):
            found.setdefault(number(row["id"]), {})[text(row["name"])] = text(row["value"])
    return found
