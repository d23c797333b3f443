"""The recorder: what it says is recorded can be read, what it can't write is counted, and the loop never waits."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from support import wait_until
from understudy.config import Recording
from understudy.exchange import Equals, Exchange, Reply, Request, Summary
from understudy.proxy import recorder
from understudy.proxy.recorder import Batch, Recorder
from understudy.recording import MAGIC, SegmentName, Start, frame, scan

SETTINGS = Recording(max_bytes=1 << 20, segment_bytes=4096)
SUMMARY = Summary(1.0, "GET", "/", 200, {"old": 1.0, "new": 1.0})


def exchange(size: int = 100) -> Exchange:
    reply = Reply(200, (), b"x" * size, size, 1.0)
    return Exchange("id", 1.0, Request("GET", "/", ()), "old", {"old": reply, "new": reply})


class Reports:
    """What a recorder reports."""

    def __init__(self) -> None:
        self.written = self.lost = 0

    def __call__(self, batch: Batch, written: bool) -> None:
        number = batch.equal + batch.different + batch.failures
        if written:
            self.written += number
        else:
            self.lost += number


Make = Callable[..., Recorder]


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def make(tmp_path: Path, reports: Reports) -> Iterator[Make]:
    made: list[Recorder] = []

    def one(run: str = "run", **changes: int) -> Recorder:
        made.append(Recorder(tmp_path / "r", run, msgspec.structs.replace(SETTINGS, **changes), reports))
        return made[-1]

    (tmp_path / "r").mkdir()
    yield one
    for each in made:
        assert each.close(10)


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.seg"))


def put(to: Recorder, number: int, size: int = 100) -> None:
    for _ in range(number):
        to.different(exchange(size))
        to.flush()


def read(path: Path) -> tuple[Start, list[object]]:
    first, *rest = scan(path.read_bytes(), 0).records
    assert isinstance(first, Start)
    return first, list(rest)


def count(records: list[object]) -> int:
    return sum(len(r.summaries) if isinstance(r, Equals) else 1 for r in records)


def test_what_is_recorded_can_be_read_and_every_segment_knows_what_was_before(
    make: Make, reports: Reports, tmp_path: Path
) -> None:
    r = make()
    for number in range(40):
        r.equal(SUMMARY)
        r.different(exchange(500))
        r.failure(exchange())
        if number % 3 == 0:
            r.flush()
    assert r.close(10)
    assert (reports.written, reports.lost) == (120, 0)
    equal = different = 0
    assert len(segments(tmp_path / "r")) > 2
    for path in segments(tmp_path / "r"):
        start, records = read(path)
        name = SegmentName.of(path)
        assert name is not None
        assert name.first == start.equal + start.different == equal + different
        assert (start.equal, start.different) == (equal, different)
        equal += sum(len(record.summaries) for record in records if isinstance(record, Equals))
        different += sum(isinstance(record, Exchange) for record in records)
    assert (equal, different) == (40, 80)


def test_segments_are_for_their_owner_alone(make: Make, tmp_path: Path) -> None:
    put(r := make(), 1)
    assert r.close(10)
    assert segments(tmp_path / "r")[0].stat().st_mode & 0o777 == 0o600


def test_the_oldest_go_first_when_the_bound_is_reached(make: Make, reports: Reports, tmp_path: Path) -> None:
    put(r := make(segment_bytes=1 << 18), 300, 5_000)
    assert r.close(10)
    left = segments(tmp_path / "r")
    assert sum(path.stat().st_size for path in left) <= (1 << 20) + (1 << 17) + 20_000
    assert len(left) >= 6, "a bound of few segments would lose most of the evidence at once"
    assert sum(count(read(path)[1]) for path in left) + read(left[0])[0].different == reports.written == 300


def test_what_another_worker_still_writes_is_never_removed(make: Make, reports: Reports, tmp_path: Path) -> None:
    put(idle := make("a"), 1)
    wait_until(lambda: reports.written == 1)
    (live,) = segments(tmp_path / "r")
    os.utime(live, (1, 1))
    put(busy := make("b", segment_bytes=1 << 16), 400, 5_000)
    assert busy.close(10)
    assert live.exists()
    put(idle, 1)
    assert idle.close(10)
    assert count(read(live)[1]) == 2


def test_what_a_dead_worker_left_does_go(make: Make, tmp_path: Path) -> None:
    left = tmp_path / "r" / "dead-000000000000.seg"
    left.write_bytes(MAGIC + frame(Start("dead", 0, 0, 1.0)))
    empty = tmp_path / "r" / "dead-000000000007.seg"
    empty.touch()
    for path in (left, empty):
        os.utime(path, (1, 1))
    put(r := make(max_age_s=10), 1)
    assert r.close(10)
    assert not left.exists()
    assert not empty.exists()


def test_without_traffic_too_what_is_too_old_goes(
    make: Make, reports: Reports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "TIDY_S", 0.05)
    put(r := make(max_age_s=10), 1)
    wait_until(lambda: reports.written == 1)
    os.utime(segments(tmp_path / "r")[0], (1, 1))
    wait_until(lambda: not segments(tmp_path / "r"))
    put(r, 1)
    assert r.close(10)
    (path,) = segments(tmp_path / "r")
    assert read(path)[0].different == 1


def test_a_folder_that_is_removed_is_made_anew_and_tells_what_went_with_it(
    make: Make, reports: Reports, tmp_path: Path
) -> None:
    put(r := make(), 1)
    wait_until(lambda: reports.written == 1)
    shutil.rmtree(tmp_path / "r")
    put(r, 1)
    assert r.close(10)
    (path,) = segments(tmp_path / "r")
    start, records = read(path)
    assert (start.different, count(records)) == (1, 1)
    assert (tmp_path / "r").stat().st_mode & 0o777 == 0o700


def test_a_last_segment_that_was_removed_is_told_of_at_the_end(make: Make, reports: Reports, tmp_path: Path) -> None:
    put(r := make(), 3)
    wait_until(lambda: reports.written == 3)
    segments(tmp_path / "r")[0].unlink()
    assert r.close(10)
    (path,) = segments(tmp_path / "r")
    assert read(path) == (read(path)[0], [])
    assert read(path)[0].different == 3


def test_a_folder_that_can_not_be_written_makes_exchanges_unrecorded_until_it_can(
    make: Make, reports: Reports, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    shutil.rmtree(tmp_path / "r")
    (tmp_path / "r").write_text("a file in its place")
    put(r := make(), 5)
    wait_until(lambda: reports.lost == 5)
    (tmp_path / "r").unlink()
    put(r, 1)
    assert r.close(10)
    assert (reports.written, reports.lost) == (1, 5)
    assert [record.message for record in caplog.records] == ["exchanges go unrecorded", "recording again"]
    assert read(segments(tmp_path / "r")[0])[0].different == 0


@pytest.mark.parametrize("takes", range(0, 200, 7))
def test_a_disk_that_takes_a_part_only_leaves_no_half_record(
    make: Make, reports: Reports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, takes: int
) -> None:
    """A write may be short, and the next one fail: at any byte of a segment's head or of a record."""
    real_write = os.write
    room = takes

    def write(fd: int, data: memoryview) -> int:
        nonlocal room
        if room <= 0:
            raise OSError(28, "No space left on device")
        part = min(room, len(data), 13)
        room -= part
        return real_write(fd, data[:part])

    monkeypatch.setattr(recorder.os, "write", write)
    put(r := make(), 1)
    wait_until(lambda: reports.lost + reports.written == 1)
    room = 10**9
    put(r, 2)
    assert r.close(10)
    assert reports.written + reports.lost == 3
    readable = 0
    for path in segments(tmp_path / "r"):
        data = path.read_bytes()
        found = scan(data, 0)
        assert found.skipped_records == 0
        assert found.offset == len(data)
        readable += count([record for record in found.records if not isinstance(record, Start)])
    assert readable == reports.written


def test_what_a_slow_disk_does_not_take_goes_unrecorded_and_the_bound_holds_for_ever(
    make: Make, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    real_write = os.write

    def write(fd: int, data: memoryview) -> int:
        assert gate.wait(10)
        return real_write(fd, data)

    monkeypatch.setattr(recorder.os, "write", write)
    r = make(max_queued_bytes=1 << 16)
    put(r, 100, 2_000)
    assert reports.lost > 50, "the loop is told at once"
    gate.set()
    wait_until(lambda: reports.lost + reports.written == 100)
    lost = reports.lost
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for number in range(1, 2_001):  # neither thread's counting may undo the other's
            put(r, 1, 10)
            if number % 40 == 0:
                wait_until(lambda number=number: reports.written + reports.lost == 100 + number)
    finally:
        sys.setswitchinterval(interval)
    assert reports.lost == lost
    assert r._handed_bytes == r._taken_bytes


def test_a_segment_is_locked_while_it_is_written(make: Make, reports: Reports, tmp_path: Path) -> None:
    put(r := make(), 1)
    wait_until(lambda: reports.written == 1)
    with segments(tmp_path / "r")[0].open("rb") as file:
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        assert r.close(10)
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)


def test_a_segment_begun_this_moment_is_left_alone_although_it_is_not_locked_yet(make: Make, tmp_path: Path) -> None:
    begun = tmp_path / "r" / "other-000000000000.seg"
    begun.touch()
    put(r := make(), 300, 5_000)
    assert r.close(10)
    assert begun.exists()
    assert time.time() - begun.stat().st_mtime < 60
