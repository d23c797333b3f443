"""Where the judge keeps what it found: SQLite, behind a small protocol.

A `Batch` is all or nothing: the positions in the recordings, the counts and the samples that came of reading up to
there are one transaction. A judge that is killed at any moment goes on from the last one: nothing counts twice,
nothing is missing.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import zstandard
from msgspec import Struct

from understudy.diffs.schema import SCHEMA, VERSION
from understudy.diffs.segments import Position
from understudy.diffs.sketch import Paired, Sketch
from understudy.diffs.tally import Pair, PlaceKey, Tally
from understudy.errors import StoreError

SHED: Final = "shed:"  # before a shadow's name, among the totals
OUTCOMES: Final = ("equal", "equal_after_lifting", "noise", "settled", "failed", "different")
_ZSTD_HEADER_BYTES: Final = 18  # at most (RFC 8878 3.1.1); it tells how long the content is


class Sample(NamedTuple):
    """An exchange that is kept whole (as msgpack), and the places it is an example of, with their concrete paths."""

    id: str
    exchange_id: str
    at: float
    endpoint: str
    exchange: bytes
    places: list[tuple[PlaceKey, str]]


class Batch(NamedTuple):
    """What came of reading the recordings up to `positions`."""

    positions: dict[str, Position]
    tally: Tally
    samples: list[Sample]


class Known(Struct):
    """What a judge must know to go on: totals, positions, and what is counted and kept already.

    `sample_bytes` is the length of all samples before they were packed.
    """

    totals: dict[str, int]
    positions: dict[str, Position]
    endpoints: set[str]
    places: list[PlaceKey]
    samples: dict[PlaceKey, int]
    sample_bytes: int


class Store(Protocol):
    """What the judge needs of a store."""

    def load(self) -> Known:
        """What is stored. Raises StoreError."""

    def commit(self, batch: Batch) -> None:
        """Store all of a batch or nothing of it. Raises StoreError."""

    def close(self) -> None:
        """Let go of it."""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open a judge's database that exists. Raises StoreError where there is none, or not one of this version.

    With `read_only` it keeps no judge from writing: a reader of a WAL blocks nobody, and one that may not write folds
    nothing in when it lets go (sqlite.org/wal.html).
    """
    try:
        is_there = path.exists()
    except OSError as error:
        raise StoreError(f"{path}: can't be read: {error.strerror}") from error
    none_yet = StoreError(
        f"{path}: no differences have been judged yet",
        "`understudy run` judges while it runs; `understudy diffs judge` judges what is recorded",
    )
    if not is_there:
        raise none_yet
    try:
        mode = "ro" if read_only else "rw"
        connection = sqlite3.connect(f"file:{_quoted(path)}?mode={mode}", uri=True, isolation_level=None, timeout=10)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    except sqlite3.Error as error:
        raise StoreError(f"{path}: can't be read: {error}", "move it away and run `understudy diffs judge`") from error
    if version != VERSION:
        connection.close()
        if not tables:
            raise none_yet  # the judge has just made the file, and is about to fill it
        raise StoreError(
            f"{path}: made by another version of Understudy ({version}, not {VERSION})",
            "move it away and run `understudy diffs judge` to judge what is recorded again",
        )
    return connection


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


class SqliteStore:
    """A store in one file, readable by its owner alone; for one judge at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite's own files take their mode from it
            path.chmod(0o600)
        except OSError as error:
            raise StoreError(f"{path}: can't be written: {error}") from error
        self._db = self._open()
        self._latencies: dict[Pair, Paired] = {}
        self._pack = zstandard.ZstdCompressor(level=1).compress

    def _open(self) -> sqlite3.Connection:
        try:
            fresh = sqlite3.connect(self._path, isolation_level=None)
            fresh.execute("PRAGMA journal_mode=WAL")
            if fresh.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
                fresh.executescript(f"BEGIN IMMEDIATE; {SCHEMA}; PRAGMA user_version={VERSION}; COMMIT")
            fresh.close()
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}", "move it away and run `understudy diffs judge`") from error
        db = connect(self._path)
        db.execute("PRAGMA synchronous=NORMAL")  # a power cut may undo the last batches, whole: they are judged again
        return db

    def load(self) -> Known:
        """What is stored. Raises StoreError."""
        try:
            return self._known()
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: can't be read: {error}") from error

    def _known(self) -> Known:
        rows = self._db.execute
        return Known(
            totals=dict(rows("SELECT name, count FROM total")),
            positions={
                row[0]: Position(row[0], row[1], row[2], bool(row[3]), row[4], row[5], row[6])
                for row in rows("SELECT * FROM position")
            },
            endpoints={row[0] for row in rows("SELECT DISTINCT endpoint FROM pair")},
            places=[PlaceKey(*row) for row in rows("SELECT endpoint, shadow, path, kind, class FROM place")],
            samples={
                PlaceKey(*row[:5]): row[5]
                for row in rows(
                    "SELECT endpoint, shadow, place.path, kind, class, count(*)"
                    " FROM place JOIN sample_of ON place = place.id GROUP BY place.id"
                )
            },
            sample_bytes=sum(
                zstandard.frame_content_size(beginning)
                for (beginning,) in rows(f"SELECT substr(exchange, 1, {_ZSTD_HEADER_BYTES}) FROM sample")
            ),
        )

    def commit(self, batch: Batch) -> None:
        """Store all of a batch or nothing of it. Raises StoreError."""
        try:
            with self._transaction():
                self._totals(batch.tally)
                self._positions(batch.positions)
                self._pairs(batch.tally)
                self._places(batch.tally)
                self._samples(batch.samples)
        except sqlite3.Error as error:
            self._latencies.clear()  # they may hold what was not stored
            raise StoreError(f"{self._path}: {error}") from error

    def close(self) -> None:
        """Let go of it; what SQLite wrote beside it is folded in."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _totals(self, tally: Tally) -> None:
        self._db.executemany(
            "INSERT INTO total VALUES (?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
            tally.totals.items(),
        )
        if tally.last_at:
            self._db.execute(
                "INSERT INTO total VALUES ('last_at', ?) ON CONFLICT DO UPDATE SET count = max(count, excluded.count)",
                (int(tally.last_at),),
            )

    def _positions(self, positions: dict[str, Position]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO position VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(p.run, p.first, p.offset, p.done, p.equal, p.different, p.unseen) for p in positions.values()],
        )

    def _pairs(self, tally: Tally) -> None:
        for counts in tally.pairs.values():
            pair = counts.pair
            latency = self._merged(pair, counts.latency)
            sketches = [s.encode() for s in (latency.old, latency.new, latency.delta, latency.ratio)]
            outcomes = [counts.outcomes.get(name, 0) for name in OUTCOMES]
            self._db.execute(
                f"INSERT INTO pair VALUES (?, ?, {', '.join('?' * 10)}) ON CONFLICT DO UPDATE SET "
                + ", ".join(f"{name} = {name} + excluded.{name}" for name in OUTCOMES)
                + ", old = excluded.old, new = excluded.new, delta = excluded.delta, ratio = excluded.ratio",
                (*pair, *outcomes, *sketches),
            )

    def _merged(self, pair: Pair, more: Paired) -> Paired:
        """The latencies of a pair so far. Kept in memory: reading them back for each batch costs more than writing."""
        known = self._latencies.get(pair)
        if known is None:
            known = self._latencies[pair] = Paired()
            row = self._db.execute(
                "SELECT old, new, delta, ratio FROM pair WHERE endpoint = ? AND shadow = ?", pair
            ).fetchone()
            if row:
                known.old, known.new, known.delta, known.ratio = (Sketch.decode(data) for data in row)
        known.merge(more)
        return known

    def _places(self, tally: Tally) -> None:
        self._db.executemany(
            "INSERT INTO place"
            " (endpoint, shadow, path, kind, class, requests, places, asked, first_at, last_at, old, new)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " requests = requests + excluded.requests, places = places + excluded.places,"
            " asked = asked + excluded.asked, first_at = min(first_at, excluded.first_at),"
            " last_at = max(last_at, excluded.last_at)",
            [(*p.key, p.requests, p.places, p.asked, p.first_at, p.last_at, p.old, p.new) for p in tally.places()],
        )

    def _samples(self, samples: list[Sample]) -> None:
        for sample in samples:
            self._db.execute(
                "INSERT OR IGNORE INTO sample VALUES (?, ?, ?, ?, ?)",
                (sample.id, sample.exchange_id, sample.at, sample.endpoint, self._pack(sample.exchange)),
            )
            self._db.executemany(
                "INSERT OR IGNORE INTO sample_of SELECT id, ?, ? FROM place"
                " WHERE endpoint = ? AND shadow = ? AND path = ? AND kind = ? AND class = ?",
                [(sample.id, path, *key) for key, path in sample.places],
            )
