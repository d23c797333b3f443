"""Segments can be torn and spoilt anywhere: what is whole is read, what is not is counted, nothing is fatal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.errors import RecordingError
from understudy.exchange import Equals, Exchange, Failure, Record, Reply, Request, Summary
from understudy.recording import (
    HEAD,
    MAGIC,
    MAX_RECORD_BYTES,
    SegmentFile,
    SegmentName,
    Start,
    count_ahead,
    frame,
    scan,
    to_drop,
)

EXCHANGE = Exchange(
    "id-1",
    1.5,
    Request("GET", "/a", (("Host", "h"),), b"", "c-1"),
    "old",
    {"old": Reply(200, (("A", "b"),), b"one", 3, 1.0), "new": Failure("timeout", 9.0)},
)
EQUALS = Equals([Summary(1.0, "GET", "/a", 200, {"old": 1.0, "new": 2.0})] * 3)
RECORDS: list[Record | Start] = [Start("run", 0, 0, 1.0), EXCHANGE, EQUALS, EXCHANGE]
FRAMES = [frame(record) for record in RECORDS]
SEGMENT = MAGIC + b"".join(FRAMES)
ENDS = [len(MAGIC) + sum(map(len, FRAMES[: n + 1])) for n in range(len(FRAMES))]


def whole_up_to(length: int) -> int:
    return sum(end <= length for end in ENDS)


@pytest.mark.parametrize("length", range(len(SEGMENT) + 1))
def test_a_segment_torn_at_any_byte_gives_its_whole_records_and_goes_on_from_there(length: int) -> None:
    torn = scan(SEGMENT[:length], 0)
    assert torn.records == RECORDS[: whole_up_to(length)]
    assert (torn.skipped_records, torn.skipped_bytes) == (0, 0)
    rest = scan(SEGMENT[torn.offset :], torn.offset)
    assert torn.records + rest.records == RECORDS
    assert rest.offset == len(SEGMENT)


@pytest.mark.parametrize("length", range(len(SEGMENT) + 1))
def test_counting_ahead_of_any_torn_tail_reads_heads_only(length: int) -> None:
    counted, place = count_ahead(io.BytesIO(SEGMENT[:length]), 0)
    assert counted == sum([0, 1, 3, 1][: whole_up_to(length)])
    assert count_ahead(io.BytesIO(SEGMENT), place) == (5 - counted, len(SEGMENT))


@pytest.mark.parametrize("place", range(ENDS[0] + HEAD.size, ENDS[1]))
def test_a_record_whose_checksum_is_wrong_is_skipped_and_counted(place: int) -> None:
    spoilt = bytearray(SEGMENT)
    spoilt[place] ^= 0x10
    found = scan(bytes(spoilt), 0)
    assert found.records == [RECORDS[0], *RECORDS[2:]]
    assert (found.skipped_records, found.skipped_bytes) == (1, len(FRAMES[1]))
    assert found.offset == len(SEGMENT)


def test_a_payload_that_is_no_record_is_skipped_although_its_checksum_is_right() -> None:
    import zlib

    payload = b"\xc1 not msgpack"
    data = MAGIC + FRAMES[0] + HEAD.pack(len(payload), zlib.crc32(payload), 1) + payload + FRAMES[1]
    found = scan(data, 0)
    assert found.records == RECORDS[:2]
    assert found.skipped_records == 1


def test_a_length_that_can_not_be_ends_the_reading() -> None:
    data = SEGMENT + HEAD.pack(MAX_RECORD_BYTES + 1, 0, 9) + b"x" * 100
    assert scan(data, 0).offset == len(SEGMENT)
    assert count_ahead(io.BytesIO(data), 0) == (5, len(SEGMENT))


def test_another_file_is_refused() -> None:
    with pytest.raises(RecordingError):
        scan(b"PK\x03\x04" + b"x" * 100, 0)


def test_reading_stops_at_the_limit_and_goes_on_after_it() -> None:
    first = scan(SEGMENT, 0, limit=2)
    assert first.records == RECORDS[:2]
    assert scan(SEGMENT[first.offset :], first.offset).records == RECORDS[2:]


@given(st.binary(max_size=400), st.integers(0, len(SEGMENT)))
def test_garbage_anywhere_is_never_fatal(garbage: bytes, place: int) -> None:
    found = scan(SEGMENT[:place] + garbage, 0 if place >= len(MAGIC) else 1)
    assert found.offset <= place + len(garbage) + 1
    count_ahead(io.BytesIO(SEGMENT[:place] + garbage), 0)


@pytest.mark.parametrize("name", ["1700000000000-42-000000000007.seg", "a-000000000000.seg"])
def test_a_segment_name_goes_there_and_back(name: str) -> None:
    taken_apart = SegmentName.of(Path("/r") / name)
    assert taken_apart is not None
    assert str(taken_apart) == name


@pytest.mark.parametrize("name", ["x.seg", "a-1.txt", "a-b.seg", ".probe"])
def test_other_files_are_no_segments(name: str) -> None:
    assert SegmentName.of(Path(name)) is None


SEGMENTS = st.lists(
    st.builds(
        SegmentFile,
        st.integers(0, 10**6).map(lambda n: Path(f"run-{n:012d}.seg")),
        st.integers(0, 1000),
        st.floats(0, 1000),
        st.booleans(),
    ),
    max_size=20,
    unique_by=lambda s: s.path,
)


@given(SEGMENTS, st.integers(0, 5000), st.floats(1, 1000))
def test_retention_drops_the_oldest_and_no_more_than_it_must(
    segments: list[SegmentFile], max_bytes: int, max_age_s: float
) -> None:
    now = 1000.0
    dropped = to_drop(segments, max_bytes, max_age_s, now)
    kept = [segment for segment in segments if segment not in dropped]
    ended = [segment for segment in kept if not segment.live]
    assert not any(segment.live for segment in dropped)
    assert all(now - segment.modified <= max_age_s for segment in ended)
    assert sum(s.size for s in kept) <= max_bytes or not ended
    assert all(gone.modified <= stays.modified for gone in dropped for stays in ended)
    if dropped:  # without the last one it would not have been enough
        last = dropped[-1]
        assert now - last.modified > max_age_s or sum(s.size for s in kept) + last.size > max_bytes
