"""Follows the recordings: which exchanges come next, how many wait, how many are lost.

A run (one worker's life) writes one segment after another. Files grow while they are read, end in a torn record
after a crash, and are removed by retention whenever it must. Reading gives `Chunk`s; each carries the `Position` to
store in the transaction that stores what became of its records: nothing is counted twice, nothing goes uncounted.

What is lost is known exactly: a segment's `Start` says how many exchanges its run had recorded before it, and the
position how many of them were read.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from pathlib import Path
from typing import BinaryIO, Final

from msgspec import Struct
from msgspec.structs import replace

from understudy.errors import RecordingError
from understudy.exchange import Equals, Exchange, Record
from understudy.recording import HEAD, MAGIC, MAX_RECORD_BYTES, SegmentName, Start, count_ahead, scan

log = logging.getLogger(__name__)

CHUNK_BYTES: Final = 64 * 1024  # read, decoded and held at once; 256 KiB were measured to be no faster
_EMPTY_FOR_S: Final = 60.0  # an unlocked segment without a record, this old, has no writer any more


class Position(Struct, frozen=True, gc=False):
    """How far a run is read: up to `offset` of the segment `first`, or all of it when `done`.

    `equal` and `different` count the run's exchanges that are accounted for, read or lost; `unseen` those that went
    with a removed segment and of which it isn't known yet what they were.
    """

    run: str
    first: int
    offset: int = 0
    done: bool = False
    equal: int = 0
    different: int = 0
    unseen: int = 0


class Chunk(Struct, frozen=True, gc=False):
    """What one reading gave, and the position after it."""

    records: list[Record]
    position: Position
    torn: int = 0
    lost_equal: int = 0
    lost_different: int = 0
    lost_unseen: int = 0


class _Segment:
    """A segment file on disk, and how many of its exchanges wait."""

    def __init__(self, path: Path, first: int) -> None:
        self.path, self.first = path, first
        self.waiting = 0
        self.counted_to = 0

    def count(self, offset: int) -> int:
        """How many exchanges stand from `offset` on, as far as their records are whole."""
        try:
            with self.path.open("rb") as file:
                more, self.counted_to = count_ahead(file, max(offset, self.counted_to))
                self.waiting += more
        except OSError:
            pass
        return self.waiting

    def consumed(self, exchanges: int, offset: int) -> None:
        """Exchanges up to `offset` were read."""
        if offset >= self.counted_to:
            self.waiting, self.counted_to = 0, offset
        else:
            self.waiting = max(0, self.waiting - exchanges)


class Run:
    """One run's segments, read in their order."""

    def __init__(self, name: str, position: Position | None) -> None:
        self.name = name
        self.position = position or Position(name, -1, done=True)
        self._segments: dict[int, _Segment] = {}
        self._file: BinaryIO | None = None
        self._file_first = -1

    def found(self, paths: dict[int, Path]) -> int:
        """Take note of the segments that there are now; answers how many waiting exchanges went with removed ones."""
        gone = 0
        for first in [first for first in self._segments if first not in paths]:
            segment = self._segments.pop(first)
            # an open file can still be read to its end, and one that was passed is accounted for
            if first != self._file_first and not self._is_past(first):
                gone += segment.waiting
        for first, path in paths.items():
            if first not in self._segments and not self._is_past(first):
                self._segments[first] = _Segment(path, first)
        return gone

    def _is_past(self, first: int) -> bool:
        return first < self.position.first or (first == self.position.first and self.position.done)

    def waiting(self) -> int:
        """How many exchanges are recorded and not read."""
        return sum(
            segment.count(self.position.offset if first == self.position.first else 0)
            for first, segment in self._segments.items()
        )

    def waiting_bytes(self) -> int:
        """How much of the run is not read."""
        total = 0
        for first, segment in self._segments.items():
            with contextlib.suppress(OSError):
                read = self.position.offset if first == self.position.first else 0
                total += max(0, segment.path.stat().st_size - read)
        return total

    def read(self, max_bytes: int = CHUNK_BYTES) -> Chunk | None:
        """What comes next; None where nothing does for now."""
        while (file := self._current()) is not None:
            chunk = self._read(file, max_bytes)
            if chunk is not None or not self.position.done:
                return chunk
        return None

    def unseen(self, exchanges: int) -> Chunk:
        """Account for exchanges that went with a removed segment."""
        self.position = replace(self.position, unseen=self.position.unseen + exchanges)
        return Chunk([], self.position, lost_unseen=exchanges)

    def is_over(self) -> bool:
        """Whether nothing is left to read."""
        return self._file is None and not self._segments

    def close(self) -> None:
        """Let the open segment go."""
        if self._file is not None:
            self._file.close()
            self._file, self._file_first = None, -1

    def _current(self) -> BinaryIO | None:
        """The segment to read from, opened."""
        if self._file is not None:
            return self._file
        for first in sorted(self._segments):
            if self._is_past(first):
                self._segments.pop(first)
                continue
            try:
                self._file = self._segments[first].path.open("rb", buffering=0)
            except FileNotFoundError:
                continue  # it went just now; the next look at the folder accounts for it
            except OSError as error:
                log.warning("a segment can't be read", extra={"segment": first, "run": self.name, "error": error})
                continue
            self._file_first = first
            if first != self.position.first:
                self.position = replace(self.position, first=first, offset=0, done=False)
            return self._file
        return None

    def _read(self, file: BinaryIO, max_bytes: int) -> Chunk | None:
        position = self.position
        ended = self._has_ended(file)  # asked before reading: what is read afterwards is then all there is
        data = os.pread(file.fileno(), max_bytes, position.offset)
        size = os.fstat(file.fileno()).st_size
        wanted = _first_record_bytes(data, position.offset)
        if len(data) < wanted <= size - position.offset:
            data = os.pread(file.fileno(), wanted, position.offset)
        try:
            found = scan(data, position.offset)
        except RecordingError:
            log.warning("not a segment, skipped", extra={"segment": position.first, "run": self.name})
            return self._done(torn=1)
        if found.offset == position.offset:
            return self._done(torn=1 if size > position.offset else 0) if ended else None
        return self._chunk(found.records, found.offset, found.skipped_records)

    def _chunk(self, records: list[Record | Start], offset: int, torn: int) -> Chunk:
        position = self.position
        equal, different, unseen = position.equal, position.different, position.unseen
        lost_equal = lost_different = lost_unseen = read = 0
        kept: list[Record] = []
        for record in records:
            if isinstance(record, Start):
                lost_equal += max(0, record.equal - equal)
                lost_different += max(0, record.different - different)
                lost_unseen -= unseen  # now it is known what those were
                equal, different, unseen = max(equal, record.equal), max(different, record.different), 0
                continue
            kept.append(record)
            if isinstance(record, Equals):
                equal += len(record.summaries)
                read += len(record.summaries)
            elif isinstance(record, Exchange):
                different += 1
                read += 1
        self.position = replace(position, offset=offset, equal=equal, different=different, unseen=unseen)
        if segment := self._segments.get(position.first):
            segment.consumed(read, offset)
        return Chunk(kept, self.position, torn, lost_equal, lost_different, lost_unseen)

    def _done(self, torn: int) -> Chunk:
        self.close()
        self._segments.pop(self.position.first, None)
        self.position = replace(self.position, done=True)
        return Chunk([], self.position, torn=torn)

    def _has_ended(self, file: BinaryIO) -> bool:
        """Whether the segment will grow no more: its writer let go of it, or went on to the next."""
        if any(first > self.position.first for first in self._segments):
            return True
        if self.position.offset <= len(MAGIC):
            # Nothing is written before the lock is taken; an empty file may be one that is just being begun.
            return time.time() - os.fstat(file.fileno()).st_mtime > _EMPTY_FOR_S and _lock_is_free(file)
        return _lock_is_free(file)


def _lock_is_free(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True


def _first_record_bytes(data: bytes, offset: int) -> int:
    """How many bytes from `offset` on make up the first record; 0 where that can't be told."""
    start = len(MAGIC) if offset == 0 else 0
    if len(data) < start + HEAD.size:
        return 0
    length = int(HEAD.unpack_from(data, start)[0])
    return start + HEAD.size + length if length <= MAX_RECORD_BYTES else 0


class Recordings:
    """All runs in a folder."""

    def __init__(self, folder: Path, positions: dict[str, Position]) -> None:
        self._folder = folder
        self._positions = positions
        self.runs: dict[str, Run] = {}

    def look(self) -> list[Chunk]:
        """Find new segments and removed ones; answers what is to be accounted for, as chunks without records."""
        paths: dict[str, dict[int, Path]] = {}
        try:
            entries = list(os.scandir(self._folder))
        except OSError:  # somebody removed it, or put something else in its place; the workers make it anew
            entries = []
        for entry in entries:
            if segment := SegmentName.of(Path(entry.path)):
                paths.setdefault(segment.run, {})[segment.first] = Path(entry.path)
        for run in paths.keys() - self.runs.keys():
            self.runs[run] = Run(run, self._positions.get(run))
        for name in [name for name, run in self.runs.items() if name not in paths and run.is_over()]:
            self._positions[name] = self.runs.pop(name).position
        removed = [(run, run.found(paths.get(name, {}))) for name, run in self.runs.items()]
        return [run.unseen(gone) for run, gone in removed if gone]

    def waiting_bytes(self) -> int:
        """How much is recorded and not read."""
        return sum(run.waiting_bytes() for run in self.runs.values())

    def waiting(self) -> int:
        """The backlog: exchanges recorded and not read."""
        return sum(run.waiting() for run in self.runs.values())

    def close(self) -> None:
        """Close what is open."""
        for run in self.runs.values():
            run.close()
