"""MySQL and MariaDB through PyMySQL: sessions that answer in time or fail with an error that says what to do.

TLS is used wherever the server has it. Only a server that says in its greeting that it has none is spoken to in
plaintext, and only where the settings allow; the greeting comes first, so nothing secret has been sent until then.
The login has a deadline as a whole, so a peer that dribbles bytes can't hold us; a statement may be silent for
`Login.read_s`, or longer inside `patient`.
"""

from __future__ import annotations

import codecs
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Self

import pymysql
from pymysql.constants import CLIENT, CR, ER
from pymysql.cursors import Cursor, DictCursor, SSCursor

from understudy.migrate import faults, logins
from understudy.migrate.dialects import Dialect
from understudy.migrate.logins import Login, Logins
from understudy.migrate.rows import split_address
from understudy.migrate.sqltext import Secret, Statement
from understudy.migrate.versions import Version
from understudy.migrate.wire import deadline, translating
from understudy.migrate.words import Word

CUT = "utf-8-cut"  # for what a server shows of itself: it cuts statements and errors by bytes, within a character too
EXACT = "SHOW CREATE"  # of all that it shows, what is to be said again
LOCK_WAIT_S = 10  # for metadata locks the servers' default is a year, or a day; nothing of ours shall queue for long
XAER_RMERR = 1401  # MySQL 8.0's answer to an XA RECOVER without XA_RECOVER_ADMIN


def _cut(name: str) -> codecs.CodecInfo | None:
    """The codec that shows a mark in the place of half a character."""
    if name.replace("_", "-") != CUT:
        return None
    utf8 = codecs.lookup("utf-8")
    return codecs.CodecInfo(utf8.encode, lambda data, _="strict": utf8.decode(data, "replace"), name=CUT)


codecs.register(_cut)


class _NeverInClear:
    """Refuses the plugin that sends the password as it is, unless the connection is within TLS."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def authenticate(self, _: object) -> Any:
        if not self._connection._secure:
            raise pymysql.err.OperationalError(CR.CR_AUTH_PLUGIN_CANNOT_LOAD, "the password is asked for without TLS")
        self._connection.write_packet(self._connection.password + b"\0")
        return self._connection._read_packet()


class MySql:
    """Opens sessions: `ports.Servers`."""

    def __init__(self, given: Logins) -> None:
        self._logins = given

    def open(self, address: str, database: str = "") -> Session:
        """A session with the server at "host:port"."""
        login = self._logins.of(address)
        connection = self._connect(address, login, database)
        try:
            return Session(address, connection, login)
        except BaseException:
            connection._force_close()
            raise

    def _connect(self, address: str, login: Login, database: str) -> Any:
        host, port = split_address(address)
        connection: Any = pymysql.connect(
            host=host, port=port, user=login.user, password=login.password.reveal().encode(),
            database=database or None, charset="utf8mb4", autocommit=True, ssl=logins.context(login.tls),
            read_timeout=login.connect_s, write_timeout=login.connect_s, program_name="understudy",
            auth_plugin_map={"mysql_clear_password": _NeverInClear}, defer_connect=True,
        )  # fmt: skip
        if not login.tls.required:  # a server whose greeting offers no TLS is spoken to in plaintext
            connection._ssl_required = False
            connection.client_flag &= ~CLIENT.SSL
        with translating(address, login.password):
            peer = socket.create_connection((host, port), login.connect_s)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            try:
                with deadline(peer, login.connect_s):
                    connection.connect(peer)
            except (struct.error, IndexError, ValueError, AttributeError, AssertionError, KeyError) as error:
                peer.close()  # the driver stumbles over what is no greeting
                raise faults.UnreachableError(address, "what answers there is no MySQL or MariaDB server") from error
        return connection


class Session:
    """One session with one server: `ports.Database`."""

    def __init__(self, address: str, connection: Any, login: Login) -> None:
        self.address = address
        self._connection = connection
        self._password = login.password
        self.asked = 0
        self._patience(login.read_s)
        self.execute(f"SET SESSION lock_wait_timeout = {LOCK_WAIT_S}")
        said = self._run("SELECT @@version, @@version_comment", (), lambda cursor: cursor.fetchone(), Cursor)
        self.version = Version.parse(str(said[0]), str(said[1]))
        self.dialect = Dialect(self.version)

    def __repr__(self) -> str:
        return f"<session with {self.address}>"

    @property
    def is_encrypted(self) -> bool:
        """Whether the session is within TLS."""
        return bool(self._connection._secure)

    @property
    def id(self) -> int:
        """The session's id on the server, for KILL."""
        return int(self._connection.thread_id())

    def rows(self, sql: str, *arguments: object) -> list[dict[str, Any]]:
        """All rows of the answer, by column name."""
        found: list[dict[str, Any]] = self._run(sql, arguments, lambda cursor: list(cursor.fetchall()))
        return found

    def row(self, sql: str, *arguments: object) -> dict[str, Any] | None:
        """The first row; None where there is none."""
        found: dict[str, Any] | None = self._run(sql, arguments, lambda cursor: cursor.fetchone())
        return found

    def value(self, sql: str, *arguments: object) -> Any:
        """The first column of the first row; None where there is none."""
        first = self._run(sql, arguments, lambda cursor: cursor.fetchone(), Cursor)
        return first[0] if first else None

    def execute(self, sql: str | Statement, *arguments: object) -> int:
        """Run it: how many rows were affected."""
        statement = sql if isinstance(sql, Statement) else Statement(sql, arguments)
        return int(self._run(statement.sql, statement.arguments, lambda cursor: cursor.rowcount))

    def stream(self, sql: str, *arguments: object, batch: int = 1000) -> Iterator[Sequence[tuple[Any, ...]]]:
        """The rows as tuples, `batch` at a time, never all in memory; the session does nothing else meanwhile."""
        self.asked += 1
        with translating(self.address, self._password, _secrets(arguments), logged_in=True):
            cursor = self._connection.cursor(SSCursor)
            whole = False
            try:
                cursor.execute(sql, _revealed(arguments))
                while rows := cursor.fetchmany(batch):
                    yield rows
                whole = True
            finally:
                if not whole:
                    self._abandon(cursor)
                cursor.close()

    def _abandon(self, cursor: Any) -> None:
        """End the session instead of reading the rest of an answer, which may be gigabytes, as the driver would."""
        self._connection._force_close()
        if cursor._result is not None:
            cursor._result.unbuffered_active = False
            cursor._result.connection = None

    @contextmanager
    def unlogged(self) -> Iterator[Self]:
        """What is written inside is not written to the binary log."""
        self.execute(self.dialect.sql(Word.UNLOGGED))
        try:
            yield self
        finally:
            self._afterwards(lambda: self.execute(self.dialect.sql(Word.LOGGED)))

    @contextmanager
    def transaction(self, *, snapshot: bool = False, read_only: bool = False) -> Iterator[Self]:
        """Commit at the end, roll back where it fails; `snapshot` sees one moment of all InnoDB tables."""
        if snapshot:
            self.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        marks = ["WITH CONSISTENT SNAPSHOT"] * snapshot + ["READ ONLY"] * read_only
        self.execute(f"START TRANSACTION {', '.join(marks)}")
        try:
            yield self
        except BaseException:
            with suppress(faults.ServerError):
                self._afterwards(lambda: self.execute("ROLLBACK"))
            raise
        self.execute("COMMIT")

    @contextmanager
    def patient(self, seconds: float) -> Iterator[Self]:
        """Statements inside may keep silent for so long."""
        before = self._connection._read_timeout
        self._patience(seconds)
        try:
            yield self
        finally:
            self._patience(before)

    def close(self) -> None:
        """End the session; a second time does nothing."""
        with suppress(pymysql.Error, OSError):
            if self._connection.open:
                self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _patience(self, seconds: float) -> None:
        self._connection._read_timeout = self._connection._write_timeout = seconds

    def _afterwards(self, undo: Callable[[], object]) -> None:
        """Leave no session behind in a state that was meant for a while: where that fails, it ends."""
        if not self._connection.open:
            return  # the server forgot the state together with the session
        try:
            undo()
        except BaseException:
            self._connection._force_close()
            raise

    def _run(
        self, sql: str, arguments: tuple[object, ...], take: Callable[[Any], Any], kind: type[Cursor] = DictCursor
    ) -> Any:
        self.asked += 1
        try:
            with (
                translating(self.address, self._password, _secrets(arguments), logged_in=True),
                self._reading(sql),
                self._connection.cursor(kind) as cursor,
            ):
                # A text may hold bytes of another character set, which the driver itself would refuse to send.
                sent = sql if arguments or sql.isascii() else sql.encode("utf-8", "surrogateescape")
                cursor.execute(sent, _revealed(arguments))
                return take(cursor)
        except (faults.LoginError, faults.StatementError) as error:
            needed = error.number == XAER_RMERR and "XA RECOVER" in sql
            if error.number != ER.ACCESS_DENIED_ERROR and not needed:
                raise
            raise faults.lacking(self.address, self.dialect.needs(sql), error.number) from error

    @contextmanager
    def _reading(self, sql: str) -> Iterator[None]:
        """Texts as they are, or with a mark for what was cut; one that can't be read ends the session, out of step."""
        usual = self._connection.encoding
        if sql.startswith("SHOW") and not sql.startswith(EXACT):
            self._connection.encoding = CUT
        try:
            yield
        except UnicodeDecodeError:
            self._connection._force_close()
            raise
        finally:
            self._connection.encoding = usual


def _secrets(arguments: tuple[object, ...]) -> list[Secret]:
    return [argument for argument in arguments if isinstance(argument, Secret)]


def _revealed(arguments: tuple[object, ...]) -> tuple[object, ...] | None:
    if not arguments:
        return None
    return tuple(argument.reveal() if isinstance(argument, Secret) else argument for argument in arguments)
