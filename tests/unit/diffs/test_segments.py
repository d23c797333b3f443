from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorded import Recorder, equals, exchange
from understudy.diffs.segments import Chunk, Position, Recordings
from understudy.recording import MAGIC, Start, frame, scan

Follow = Callable[..., Recordings]


@pytest.fixture
def follow(tmp_path: Path) -> Iterator[Follow]:
    """Makes what follows the recordings in the test's folder."""
    made: list[Recordings] = []

    def follow(positions: dict[str, Position] | None = None) -> Recordings:
        made.append(Recordings(tmp_path, positions or {}))
        return made[-1]

    yield follow
    for recordings in made:
        recordings.close()


def drain(recordings: Recordings) -> list[Chunk]:
    """All that there is to read for now."""
    chunks = recordings.look()
    while more := [chunk for run in recordings.runs.values() if (chunk := run.read()) is not None]:
        chunks += more
    return chunks


def ids(chunks: list[Chunk]) -> list[str]:
    return [getattr(record, "id", "equals") for chunk in chunks for record in chunk.records]


def positions(chunks: list[Chunk]) -> dict[str, Position]:
    return {chunk.position.run: chunk.position for chunk in chunks}


def lost(chunks: list[Chunk]) -> tuple[int, int, int]:
    return sum(c.lost_equal for c in chunks), sum(c.lost_different for c in chunks), sum(c.lost_unseen for c in chunks)


def test_segments_are_read_in_order_and_once(tmp_path: Path, follow: Follow) -> None:
    recorder = Recorder(tmp_path)
    recorder.segment(exchange("a", 1, 2), equals(3))
    recorder.segment(exchange("b", 1, 2))
    recordings = follow()
    chunks = drain(recordings)
    assert ids(chunks) == ["a", "equals", "b"]
    assert drain(recordings) == []
    again = follow(positions(chunks))
    assert drain(again) == []


def test_reading_goes_on_where_a_stored_position_is(tmp_path: Path, follow: Follow) -> None:
    recorder = Recorder(tmp_path)
    path = recorder.segment(exchange("a", 1, 2))
    with path.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        first = drain(follow())
        recorder.write(exchange("b", 1, 2))
        assert ids(drain(follow(positions(first)))) == ["b"]


def test_a_growing_segment_is_followed_while_its_writer_holds_it(tmp_path: Path, follow: Follow) -> None:
    recorder = Recorder(tmp_path)
    path = recorder.begin()
    recordings = follow()
    with path.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        for name in "abc":
            recorder.write(exchange(name, 1, 2))
            assert ids(drain(recordings)) == [name]
        assert not recordings.runs["r1"].position.done
    assert drain(recordings)[-1].position.done


def test_an_empty_new_file_is_waited_for(tmp_path: Path, follow: Follow) -> None:
    path = tmp_path / "r1-000000000000.seg"
    path.write_bytes(b"")
    recordings = follow()
    assert drain(recordings) == []
    path.write_bytes(MAGIC + frame(Start("r1", 0, 0, 0.0)) + frame(exchange("a", 1, 2)))
    assert ids(drain(recordings)) == ["a"]


def test_a_torn_tail_is_counted_once_the_writer_is_gone(tmp_path: Path, follow: Follow) -> None:
    recorder = Recorder(tmp_path)
    path = recorder.segment(exchange("a", 1, 2), exchange("b", 1, 2))
    path.write_bytes(path.read_bytes()[:-5])
    chunks = drain(follow())
    assert ids(chunks) == ["a"]
    assert sum(chunk.torn for chunk in chunks) == 1


def test_a_spoilt_record_is_skipped_and_counted(tmp_path: Path, follow: Follow) -> None:
    recorder = Recorder(tmp_path)
    path = recorder.segment(exchange("a", 1, 2))
    size = path.stat().st_size
    recorder.write(exchange("b", 1, 2), exchange("c", 1, 2))
    data = bytearray(path.read_bytes())
    data[size + 20] ^= 255
    path.write_bytes(data)
    recorder.segment(exchange("d", 1, 2))
    chunks = drain(follow())
    assert ids(chunks) == ["a", "c", "d"]
    assert sum(chunk.torn for chunk in chunks) == 1
    assert lost(chunks) == (0, 1, 0)


def test_what_is_no_segment_is_skipped(tmp_path: Path, follow: Follow) -> None:
    (tmp_path / "r0-000000000000.seg").write_bytes(b"something else altogether")
    (tmp_path / "notes.txt").write_text("hello")
    Recorder(tmp_path).segment(exchange("a", 1, 2))
    chunks = drain(follow())
    assert ids(chunks) == ["a"]
    assert sum(chunk.torn for chunk in chunks) == 1


def test_exchanges_of_removed_segments_are_counted_exactly(tmp_path: Path, follow: Follow) -> None:
    recorder = Recorder(tmp_path)
    gone = recorder.segment(exchange("a", 1, 2), equals(7))
    also = recorder.segment(exchange("b", 1, 2), exchange("c", 1, 2))
    recorder.segment(exchange("d", 1, 2))
    gone.unlink()
    also.unlink()
    chunks = drain(follow())
    assert ids(chunks) == ["d"]
    assert lost(chunks) == (7, 3, 0)


def test_a_segment_that_vanishes_while_it_waits_is_counted_and_later_told_apart(tmp_path: Path, follow: Follow) -> None:
    recorder = Recorder(tmp_path)
    path = recorder.segment(exchange("a", 1, 2), equals(7))
    recordings = follow()
    recordings.look()
    assert recordings.waiting() == 8
    path.unlink()
    chunks = drain(recordings)
    assert lost(chunks) == (0, 0, 8)
    recorder.segment(exchange("b", 1, 2))
    chunks += drain(recordings)
    assert ids(chunks) == ["b"]
    assert lost(chunks) == (7, 1, 0)


def test_an_open_segment_is_read_to_its_end_though_it_was_removed(tmp_path: Path, follow: Follow) -> None:
    recorder = Recorder(tmp_path)
    path = recorder.segment(exchange("a", 1, 2))
    recordings = follow()
    with path.open("ab") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert ids(drain(recordings)) == ["a"]
        path.unlink()
        writer.write(frame(exchange("b", 1, 2)))
        writer.flush()
        assert ids(drain(recordings)) == ["b"]


def test_a_record_larger_than_a_reading_is_read(tmp_path: Path, follow: Follow) -> None:
    Recorder(tmp_path).segment(exchange("a", "x" * 1_000_000, 2), exchange("b", 1, 2))
    assert ids(drain(follow())) == ["a", "b"]


def test_the_backlog_is_what_is_recorded_and_not_read(tmp_path: Path, follow: Follow) -> None:
    recorder = Recorder(tmp_path)
    recorder.segment(exchange("a", 1, 2), equals(7))
    recorder.segment(equals(2))
    recordings = follow()
    recordings.look()
    assert recordings.waiting() == 10
    recordings.runs["r1"].read()
    assert recordings.waiting() == 2
    drain(recordings)
    assert recordings.waiting() == 0


def test_runs_are_read_side_by_side(tmp_path: Path, follow: Follow) -> None:
    Recorder(tmp_path, "r1").segment(exchange("a", 1, 2))
    Recorder(tmp_path, "r2").segment(exchange("b", 1, 2))
    assert sorted(ids(drain(follow()))) == ["a", "b"]


WHOLE = MAGIC + frame(Start("r1", 0, 0, 0.0)) + b"".join(frame(exchange(name, 1, 2)) for name in "abc")


@given(st.integers(0, len(WHOLE)))
def test_a_segment_torn_at_any_byte_is_read_up_to_there(cut: int) -> None:
    records = scan(WHOLE[:cut], 0).records
    whole = scan(WHOLE, 0).records
    assert records == whole[: len(records)]
    assert len(WHOLE[:cut]) - scan(WHOLE[:cut], 0).offset < len(WHOLE) / 3
