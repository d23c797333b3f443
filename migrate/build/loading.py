"""Rows from a snapshot into the target: several workers, each with a session on both sides, share out the tables.

The target is strict, so it can't take a value for another one unseen. Old servers hold values that strictness
refuses, such as an ENUM's empty error value; then the statement is run again without, and what the target warned of is
said, by table. An engine without transactions keeps the rows before the one that was refused, which would be there
twice then: its tables are loaded without from the start.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from queue import Empty, Full, Queue, SimpleQueue

from understudy.errors import UnderstudyError
from understudy.migrate.build import definitions, literals
from understudy.migrate.build.inventory import Table
from understudy.migrate.build.progress import Progress
from understudy.migrate.faults import ServerError, StatementError
from understudy.migrate.ports import Database
from understudy.migrate.rows import number, text
from understudy.migrate.sqltext import string

STATEMENT_BYTES = 1 << 20  # of one INSERT, where its rows are shorter
PATIENCE_S = 3600.0
VALUE_ERRORS = frozenset({1048, 1263, 1264, 1265, 1292, 1300, 1366, 1367, 1406, 1411, 1416, 3140, 3156, 3819, 4025})
END_2038, END_2106 = "2038-01-19 03:14:07.999999", "2106-02-07 06:28:15.999999"
WHY_NO_HISTORY = "it takes MariaDB 10.11 on the new server, and periods of times instead of transactions"
ALTERED = frozenset({1412, 1054, 1146})  # ER_TABLE_DEF_CHANGED, ER_BAD_FIELD_ERROR, ER_NO_SUCH_TABLE


class LoadError(UnderstudyError):
    """Rows could not be read or loaded."""


class Altered(LoadError):
    """A table was altered on the source while it was being copied."""


class Loader:
    """Shares out tables among workers; the first failure ends them all."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._failed = threading.Event()
        self._failure: BaseException | None = None

    def load(
        self,
        tables: Sequence[Table],
        pairs: Sequence[tuple[Database, Database]],
        dumped: Iterator[tuple[Table, str]] | None = None,
        *,
        binary: bool = False,
    ) -> None:
        """Copy the tables' rows with these pairs of sessions, (source, target). Raises what went wrong first.

        `dumped` are statements of other tables, which half of the target's sessions (at least one) take first; with
        `binary` they hold each column's bytes in its own character set.
        """
        queue: SimpleQueue[Table] = SimpleQueue()
        for table in sorted(tables, key=lambda table: -table.bytes):
            queue.put(table)
        takers = 0 if dumped is None else (len(pairs) + 1) // 2 if tables else len(pairs)
        stream = None if dumped is None else Stream(dumped, takers, self._failed.is_set)
        threads = [] if stream is None else [self._thread("dumped", stream.fill)]
        for index, pair in enumerate(pairs):
            taken = stream if index < takers else None
            threads.append(self._thread(f"copy-{index}", partial(self._copy, queue, taken, *pair, binary=binary)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failure is not None:
            raise self._failure

    def _thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        def guarded() -> None:
            try:
                work()
            except BaseException as error:
                if not self._failed.is_set():
                    self._failure = error
                self._failed.set()

        return threading.Thread(target=guarded, name=name, daemon=True)

    def _copy(
        self, queue: SimpleQueue[Table], stream: Stream | None, source: Database, target: Database, *, binary: bool
    ) -> None:
        if stream is not None:
            with _in_bytes(target) if binary else nullcontext():
                self._take(stream, source, target)
        self._work(queue, source, target)

    def _work(self, queue: SimpleQueue[Table], source: Database, target: Database) -> None:
        with source.patient(PATIENCE_S), target.patient(PATIENCE_S):
            worker = _Worker(source, target, self._progress, self._failed.is_set)
            while not self._failed.is_set():
                try:
                    table = queue.get_nowait()
                except Empty:
                    return
                worker.copy(table)

    def _take(self, stream: Stream, source: Database, target: Database) -> None:
        with target.patient(PATIENCE_S):
            worker = _Worker(source, target, self._progress, self._failed.is_set)
            for table, sql in stream:
                worker.take(table, sql)


@contextmanager
def _in_bytes(session: Database) -> Iterator[None]:
    """Have strings of the statements inside taken as the bytes that they are, by whatever column they are for."""
    names = ("character_set_client", "collation_connection")
    before = [text(session.value(f"SELECT @@SESSION.{name}")) for name in names]
    for name in names:
        session.execute(f"SET SESSION {name} = binary")
    yield
    for name, value in zip(names, before, strict=True):
        session.execute(f"SET SESSION {name} = {value}")


class Stream:
    """Statements on their way from one thread to several, a few at a time."""

    def __init__(self, statements: Iterator[tuple[Table, str]], takers: int, stopped: Callable[[], bool]) -> None:
        self._statements, self._takers, self._stopped = statements, takers, stopped
        self._queue: Queue[tuple[Table, str] | None] = Queue(2 * takers)

    def fill(self) -> None:
        """Give all to the takers."""
        try:
            for one in self._statements:
                if not self._put(one):
                    return
        finally:
            for _ in range(self._takers):
                self._put(None)

    def _put(self, one: tuple[Table, str] | None) -> bool:
        while not self._stopped():
            with suppress(Full):
                self._queue.put(one, timeout=0.2)
                return True
        return False

    def __iter__(self) -> Iterator[tuple[Table, str]]:
        while not self._stopped():
            with suppress(Empty):
                one = self._queue.get(timeout=0.2)
                if one is None:
                    return
                yield one


class _Worker:
    """Copies tables, one after another, from one session to the other."""

    def __init__(self, source: Database, target: Database, progress: Progress, stopped: Callable[[], bool]) -> None:
        self._source, self._target, self._progress, self._stopped = source, target, progress, stopped
        self._source_packet = number(source.value("SELECT @@max_allowed_packet"))
        self._target_packet = number(target.value("SELECT @@max_allowed_packet"))
        self._all_or_none = _transactional(target)
        self._said = False

    def take(self, table: Table, sql: str) -> None:
        """Run one statement that was made elsewhere."""
        taken = self._insert(table, sql)
        self._progress.moved(int(taken * table.bytes / max(1, table.rows)), taken)

    def copy(self, table: Table) -> None:
        columns = [
            column for column in table.columns if not column.generated or (column.period and self._history(table))
        ]
        if table.versioned and not self._history(table):
            self._progress.says(
                f"{table.made}: its rows are copied as they are now, without their history: {WHY_NO_HISTORY}"
            )
        self._said = False
        share = Share(table)
        head = literals.insert(table.name, columns)
        for batch in self._statements(table, head, columns):
            if self._stopped():
                return
            taken = self._insert(table, batch)
            self._progress.moved(share.of(taken), taken)
        self._progress.moved(share.rest(), 0)

    def _history(self, table: Table) -> bool:
        """Whether rows that were, too, are copied; not where transactions, instead of times, say when they were."""
        by_time = all(column.kind == "timestamp" for column in table.columns if column.period)
        return table.versioned and by_time and self._target.version.is_mariadb(10, 11)

    def _ends(self, columns: Sequence[literals.Column]) -> Mapping[str, str]:
        """The end of time moved from 2038 to 2106 in MariaDB 11.5: a current row has to have the new one."""
        if not self._target.version.is_mariadb(11, 5) or self._source.version.is_mariadb(11, 5):
            return {}
        ends = [column for column in columns if column.period == "ROW END"]
        return {column.name: literals.current_until(column, END_2038, END_2106) for column in ends}

    def _statements(self, table: Table, head: str, columns: Sequence[literals.Column]) -> Iterator[str]:
        suffix = " FOR SYSTEM_TIME ALL" if self._history(table) else ""
        reading = literals.reading(table.name, columns, self._source_packet, suffix, self._ends(columns))
        most = min(STATEMENT_BYTES, self._target_packet // 2)
        rows: list[str] = []
        size = 0
        for batch in self._read(table, reading):
            for values in batch:
                row = reading.row(values)
                rows.append(row)
                size += len(row) + 1
                if size >= most:
                    yield head + ",".join(rows)
                    rows, size = [], 0
        if rows:
            yield head + ",".join(rows)

    def _read(self, table: Table, reading: literals.Reading) -> Iterator[Sequence[tuple[object, ...]]]:
        average = table.data_bytes // max(1, table.rows)
        batch = 1 if reading.raw else 1000 if average < 4096 else 16
        try:
            yield from self._source.stream(reading.select, batch=batch)
        except StatementError as error:
            if error.number in ALTERED:
                raise Altered(
                    f"{table.made} was altered on the old server while it was being copied: {error.message}",
                    "run the same command again: it begins this copy anew; hold schema changes back meanwhile",
                ) from error
            raise

    def _insert(self, table: Table, sql: str) -> int:
        length = len(sql.encode("utf-8", "surrogateescape"))
        if length >= self._target_packet:
            raise LoadError(
                f"{table.made}: a row takes a statement of {length:,} bytes, and the new server takes"
                f" {self._target_packet:,} at most",
                f"SET GLOBAL max_allowed_packet = {_packet_for(length)} on {self._target.address}, at most 1 GiB",
            )
        if table.engine.lower() not in self._all_or_none:
            return self._insert_laxly(table, sql)
        try:
            return self._target.execute(sql)
        except StatementError as error:
            if error.number not in VALUE_ERRORS:
                raise _about(table, error) from error
        return self._insert_laxly(table, sql)

    def _insert_laxly(self, table: Table, sql: str) -> int:
        self._target.execute(f"SET SESSION sql_mode = {string(definitions.LAX)}")
        try:
            taken = self._target.execute(sql)
            warnings = self._target.rows("SHOW WARNINGS LIMIT 1")
        except StatementError as error:
            raise _about(table, error) from error
        finally:
            self._target.execute(f"SET SESSION sql_mode = {string(definitions.STRICT)}")
        if warnings and not self._said:
            self._said = True
            self._progress.says(
                f"{table.made} holds values that the new server takes with a warning only: "
                f"{text(warnings[0]['Message'])}"
            )
        return taken


class Share:
    """How much of a table's bytes so many of its rows are, by estimate; at its end all of them."""

    def __init__(self, table: Table) -> None:
        self._left = table.bytes
        self._of_row = table.bytes / max(1, table.rows)

    def of(self, rows: int) -> int:
        """The bytes of so many rows more, as far as the estimate reaches."""
        bytes_ = min(self._left, int(rows * self._of_row))
        self._left -= bytes_
        return bytes_

    def rest(self) -> int:
        """What the estimate had too much."""
        return self._left


def _transactional(session: Database) -> frozenset[str]:
    """The server's engines that take back a statement that fails."""
    rows = session.rows("SELECT engine AS engine FROM information_schema.engines WHERE transactions = 'YES'")
    return frozenset(text(row["engine"]).lower() for row in rows)


def _packet_for(length: int) -> int:
    return min(1 << 30, -(-(length + 1024) // (1 << 20)) << 20)


def _about(table: Table, error: ServerError) -> LoadError:
    return LoadError(f"{table.made}: {error.message}", error.hint)
