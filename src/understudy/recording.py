"""Segment files: how exchanges travel from the workers that record to the judge that reads.

A segment is named RUN-FIRST.seg. RUN is one worker's life; FIRST is how many exchanges that life had
recorded before this segment, in 12 digits, so that a reader who finds a gap between segments knows
exactly how many it lost. The file:

    magic (8 bytes)  then records, each:  length (u32)  crc32 of payload (u32)  exchanges in it (u32)  payload

The first payload is a `Start`, every other one a msgpack `Record`. Integers are little-endian. A writer
holds `flock` on its segment: a reader that gets the lock knows that the tail will not grow any more.

A tail that is torn (a crash, a full disk) or a payload whose checksum is wrong is never fatal: reading
says how many bytes it skipped.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
from msgspec import Struct

from understudy.errors import RecordingError
from understudy.exchange import Equals, Exchange, Record

MAGIC = b"USTUDY\x00\x01"
HEAD = struct.Struct("<III")
MAX_RECORD_BYTES = 256 * 1024 * 1024  # a length beyond this is garbage, not a record


class Start(Struct, frozen=True, array_like=True, tag="start"):
    """The first record of a segment: which run, and the run's recorded counts when the segment began.

    `equal` and `different` add up to FIRST in the file's name; a gap between two segments of a run
    therefore tells how many of each were lost.
    """

    run: str
    equal: int
    different: int
    at: float


class SegmentName(NamedTuple):
    """A segment's file name, taken apart."""

    run: str
    first: int

    def __str__(self) -> str:
        return f"{self.run}-{self.first:012d}.seg"

    @classmethod
    def of(cls, path: Path) -> SegmentName | None:
        """The name of a segment file, or None where the file is not one."""
        run, dash, first = path.stem.rpartition("-")
        if path.suffix != ".seg" or not dash or not first.isdigit():
            return None
        return cls(run, int(first))


class Scan(NamedTuple):
    """What one reading of a segment gave: payload records, where to go on, and what was spoilt.

    `offset` is the file offset of the first byte not consumed; `skipped_bytes` counts records whose checksum
    or payload was wrong; `skipped_records` how many those were.
    """

    records: list[Record | Start]
    offset: int
    skipped_records: int
    skipped_bytes: int


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record | Start] = msgspec.msgpack.Decoder(Record | Start)


def frame(record: Record | Start) -> bytes:
    """A record as it stands in a segment: length, checksum, how many exchanges, payload."""
    payload = _encoder.encode(record)
    return HEAD.pack(len(payload), zlib.crc32(payload), _exchanges_in(record)) + payload


def _exchanges_in(record: Record | Start) -> int:
    if isinstance(record, Equals):
        return len(record.summaries)
    return 1 if isinstance(record, Exchange) else 0


def count_ahead(file: BinaryIO, offset: int) -> tuple[int, int]:
    """How many exchanges stand in the whole records from `offset` on, and the offset after them.

    Only heads are read, so that a reader far behind can tell cheaply how far.
    """
    size = file.seek(0, 2)
    exchanges, place = 0, max(offset, len(MAGIC))
    while place + HEAD.size <= size:
        file.seek(place)
        length, _, count = HEAD.unpack(file.read(HEAD.size))
        if length > MAX_RECORD_BYTES or place + HEAD.size + length > size:
            break
        exchanges += count
        place += HEAD.size + length
    return exchanges, place


def scan(data: bytes, offset: int, limit: int | None = None) -> Scan:
    """Read the whole records in `data`, which is the segment's content from file offset `offset` on.

    At offset 0 the magic is checked (RecordingError where it is not a segment). Reading stops before the first
    record that is not whole, at most `limit` records in; a record with a wrong checksum is skipped.
    """
    place = 0
    if offset == 0:
        if len(data) < len(MAGIC):
            return Scan([], 0, 0, 0)
        if data[: len(MAGIC)] != MAGIC:
            raise RecordingError("not a segment: it does not begin with the magic number")
        place = len(MAGIC)
    records: list[Record | Start] = []
    skipped_records = skipped_bytes = 0
    for start, end, checksum in _frames(data, place):
        payload = data[start:end]
        place = end
        record = _decode(payload) if zlib.crc32(payload) == checksum else None
        if record is None:
            skipped_records += 1
            skipped_bytes += len(payload) + HEAD.size
            continue
        records.append(record)
        if limit is not None and len(records) >= limit:
            break
    return Scan(records, offset + place, skipped_records, skipped_bytes)


def _frames(data: bytes, place: int) -> Iterator[tuple[int, int, int]]:
    """The bounds and checksums of the whole records from `place` on."""
    while place + HEAD.size <= len(data):
        length, checksum, _ = HEAD.unpack_from(data, place)
        start, end = place + HEAD.size, place + HEAD.size + length
        if length > MAX_RECORD_BYTES or end > len(data):
            return
        yield start, end, checksum
        place = end


def _decode(payload: bytes) -> Record | Start | None:
    try:
        return _decoder.decode(payload)
    except msgspec.DecodeError:
        return None


class SegmentFile(NamedTuple):
    """A segment on disk, as retention sees it; a `live` one is still being written."""

    path: Path
    size: int
    modified: float
    live: bool = False


def oldest_first(segments: list[SegmentFile]) -> list[SegmentFile]:
    """The segments that may go, in the order in which they do."""
    return sorted((s for s in segments if not s.live), key=lambda s: (s.modified, s.path.name))


def to_drop(segments: list[SegmentFile], max_bytes: int, max_age_s: float, now: float) -> list[SegmentFile]:
    """Which segments must go: those too old, then the oldest until the rest fits. Those being written always stay."""
    total = sum(s.size for s in segments)
    dropped = []
    for segment in oldest_first(segments):
        if total <= max_bytes and now - segment.modified <= max_age_s:
            break
        dropped.append(segment)
        total -= segment.size
    return dropped
