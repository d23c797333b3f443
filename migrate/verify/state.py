"""What is proved so far, in a SQLite file: a killed run goes on from it.

Of a table only what is not proved is kept: the ranges that were begun, and the key up to which ranges were cut. A range
leaves when it is equal or all of its suspects are settled. So what is neither cut nor listed is proved.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from understudy.errors import UnderstudyError
from understudy.migrate.verify.finding import Finding
from understudy.migrate.verify.keys import Value

SCHEMA = """
CREATE TABLE IF NOT EXISTS run (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tables (
    name TEXT PRIMARY KEY, digest TEXT NOT NULL, reached TEXT, cut INTEGER NOT NULL DEFAULT 0,
    rows INTEGER NOT NULL DEFAULT 0, chunks INTEGER NOT NULL DEFAULT 0, differing INTEGER NOT NULL DEFAULT 0,
    undecided INTEGER NOT NULL DEFAULT 0, rechecked INTEGER NOT NULL DEFAULT 0,
    unsearched INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS open (id INTEGER PRIMARY KEY, name TEXT NOT NULL, lower TEXT, upper TEXT);
CREATE TABLE IF NOT EXISTS findings (name TEXT NOT NULL, finding TEXT NOT NULL, UNIQUE (name, finding));
"""


class TableState(Struct, frozen=True):
    """How far a table is. `reached` is the key up to which ranges were cut, `cut` whether that is all of it."""

    name: str
    digest: str
    reached: Value | None = None
    cut: bool = False
    rows: int = 0
    chunks: int = 0
    differing: int = 0
    undecided: int = 0
    rechecked: int = 0
    unsearched: int = 0


class Opened(Struct, frozen=True):
    """A range that was begun."""

    id: int
    name: str
    lower: Value | None
    upper: Value | None


class State:
    """The file; used by several threads. All raise UnderstudyError where it can't be read or written."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.RLock()
        with self._told():
            self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")  # what a power cut loses is proved again
            self._database.executescript(SCHEMA)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What SQLite says of the file, for a person."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            hint = (
                "what it holds is only how far the comparison is: moved away, all is compared anew"
                if error.sqlite_errorcode in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
                else "what is proved so far stays proved, and the next run goes on from there"
            )
            raise UnderstudyError(f"{self._file}: {error}", hint) from error

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._told():
            yield self._database

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._told():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:  # a full disk has ended it by itself
                    self._database.execute("ROLLBACK")
                raise

    def begin(self, facts: Mapping[str, str]) -> None:
        """Forget all, and begin a run of which these facts are known."""
        with self._writing() as sql:
            for table in ("run", "tables", "open", "findings"):
                sql.execute(f"DELETE FROM {table}")
            sql.executemany("INSERT INTO run VALUES (?, ?)", facts.items())

    def note(self, name: str, value: str) -> None:
        """Know a fact of the run."""
        with self._writing() as sql:
            sql.execute("INSERT OR REPLACE INTO run VALUES (?, ?)", (name, value))

    def facts(self) -> dict[str, str]:
        """What is known of the run; nothing before the first."""
        with self._reading() as sql:
            return dict(sql.execute("SELECT name, value FROM run"))

    def tables(self) -> dict[str, TableState]:
        """How far each table is."""
        query = (
            "SELECT name, digest, reached, cut, rows, chunks, differing, undecided, rechecked, unsearched FROM tables"
        )
        with self._reading() as sql:
            found = sql.execute(query).fetchall()
        return {row[0]: TableState(row[0], row[1], _value(row[2]), bool(row[3]), *row[4:]) for row in found}

    def anew(self, tables: Mapping[str, str]) -> None:
        """Begin these tables, by name and digest, whatever was known of them."""
        with self._writing() as sql:
            for name in tables:
                for table in ("tables", "open", "findings"):
                    sql.execute(f"DELETE FROM {table} WHERE name = ?", (name,))
            sql.executemany("INSERT INTO tables (name, digest) VALUES (?, ?)", tables.items())

    def forget(self, names: Iterable[str]) -> None:
        """Tables that are no more."""
        with self._writing() as sql:
            for name in names:
                for table in ("tables", "open", "findings"):
                    sql.execute(f"DELETE FROM {table} WHERE name = ?", (name,))

    def unfinished(self) -> set[str]:
        """The tables of which not all is proved."""
        with self._reading() as sql:
            rows = sql.execute("SELECT name FROM tables WHERE NOT cut UNION SELECT name FROM open")
            return {name for (name,) in rows}

    def left(self, name: str) -> list[Opened]:
        """The ranges of a table that were begun and are not proved."""
        with self._reading() as sql:
            rows = sql.execute("SELECT id, name, lower, upper FROM open WHERE name = ?", (name,)).fetchall()
        return [Opened(id_, table, _value(lower), _value(upper)) for id_, table, lower, upper in rows]

    def opened(self, name: str, lower: Value | None, upper: Value | None, last: bool) -> Opened:
        """A range is begun, and the table cut up to its upper end."""
        with self._writing() as sql:
            row = sql.execute(
                "INSERT INTO open (name, lower, upper) VALUES (?, ?, ?)", (name, _text(lower), _text(upper))
            )
            sql.execute("UPDATE tables SET reached = ?, cut = ? WHERE name = ?", (_text(upper), last, name))
            return Opened(int(row.lastrowid or 0), name, lower, upper)

    def settled(
        self, chunk: Opened, rows: int, differing: int = 0, undecided: int = 0, rechecked: int = 0
    ) -> None:  # fmt: skip
        """Nothing is left to find out about a range."""
        self.proved(chunk.name, rows, differing, undecided, rechecked, chunk.id)

    def proved(
        self, name: str, rows: int, differing: int = 0, undecided: int = 0, rechecked: int = 0, opened: int = 0
    ) -> None:
        """So many rows more of a table are looked at; `opened` is the range's id."""
        with self._writing() as sql:
            if opened and not sql.execute("DELETE FROM open WHERE id = ?", (opened,)).rowcount:
                return  # the table was begun anew meanwhile
            sql.execute(
                "UPDATE tables SET rows = rows + ?, chunks = chunks + 1, differing = differing + ?,"
                " undecided = undecided + ?, rechecked = rechecked + ? WHERE name = ?",
                (rows, differing, undecided, rechecked, name),
            )

    def differing(self, name: str) -> int:
        """How many rows of a table are known to differ."""
        with self._reading() as sql:
            row = sql.execute("SELECT differing FROM tables WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def unsearched(self, chunk: Opened, rows: int) -> None:
        """A range was unequal, and its rows are not looked for: the table has differences enough."""
        with self._writing() as sql:
            sql.execute("UPDATE tables SET unsearched = unsearched + 1 WHERE name = ?", (chunk.name,))
        self.settled(chunk, rows)

    def whole(self, rows: Mapping[str, int]) -> None:
        """These tables were proved equal, each at once; how many rows they have."""
        with self._writing() as sql:
            sql.executemany(
                "UPDATE tables SET rows = ?, chunks = 1, cut = 1 WHERE name = ?",
                [(count, name) for name, count in rows.items()],
            )

    def found(self, name: str, findings: Sequence[Finding], keep: int) -> None:
        """Findings of a table; at most `keep` of it are kept."""
        with self._writing() as sql:
            kept = sql.execute("SELECT COUNT(*) FROM findings WHERE name = ?", (name,)).fetchone()[0]
            sql.executemany(
                "INSERT OR IGNORE INTO findings VALUES (?, ?)",
                [(name, msgspec.json.encode(finding).decode()) for finding in findings[: max(0, keep - kept)]],
            )

    def findings(self) -> list[Finding]:
        """What was found."""
        with self._reading() as sql:
            rows = sql.execute("SELECT finding FROM findings ORDER BY name, rowid").fetchall()
        return [msgspec.json.decode(text, type=Finding) for (text,) in rows]


def _text(value: Value | None) -> str | None:
    return None if value is None else json.dumps(value)


def _value(text: str | None) -> Value | None:
    return None if text is None else tuple(json.loads(text))
