"""Appends exchanges to segment files from a thread of its own: the loop only ever appends to a list.

What the loop hands over is bounded; beyond the bound, and when the disk does not take it, exchanges go unrecorded and
are counted, and the user's path never learns of it. When all segments together pass their bound or their age, the
oldest go; when the disk is full, the oldest of ours go first, and then writing is tried once more. A segment that some
worker still writes never goes: what it would be told is recorded would be gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from understudy.config import Recording
from understudy.exchange import Equals, Exchange, Missed, Summary
from understudy.recording import MAGIC, SegmentFile, SegmentName, Start, frame, oldest_first, to_drop

log = logging.getLogger(__name__)

SUMMARIES_A_RECORD = 256
SEGMENTS = 8  # at least so many segments make up max_bytes, so that dropping one leaves most of the evidence
UNLOCKED_S = 60.0  # an empty segment this old has no writer any more
TIDY_S = 10.0  # how often a worker without traffic looks for segments that are too old


class Batch(NamedTuple):
    """What goes to the disk together."""

    data: bytes
    equal: int
    different: int
    failures: int  # exchanges in which a shadow failed; their bucket is known without the disk
    missed: Missed | None = None


class Recorder:
    """A worker's recording. `report(batch, written)` is called once for every batch, mostly in the writing thread."""

    def __init__(self, folder: Path, run: str, settings: Recording, report: Callable[[Batch, bool], None]) -> None:
        self._summaries: list[Summary] = []
        self._frames: list[bytes] = []
        self._frames_bytes = 0
        self._different = 0
        self._equal_framed = 0
        self._failures = 0
        self._queue: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._handed_bytes = 0  # by the loop alone, and the next by the thread alone: += is no atomic step
        self._taken_bytes = 0
        self._max_held_bytes = settings.max_queued_bytes
        self._report = report
        self._writer = _Writer(folder, run, settings)
        self._thread = threading.Thread(target=self._write, name="recorder", daemon=True)
        self._thread.start()

    @property
    def written_bytes(self) -> int:
        """How much was written in this run."""
        return self._writer.written_bytes

    def equal(self, summary: Summary) -> None:
        """Record that all answers to a request were equal."""
        self._summaries.append(summary)
        if len(self._summaries) >= SUMMARIES_A_RECORD:
            self._frame_summaries()

    def different(self, exchange: Exchange) -> None:
        """Record an exchange whole."""
        self._different += 1
        self._add(exchange)

    def failure(self, exchange: Exchange) -> None:
        """Record an exchange in which a shadow gave no answer."""
        self._failures += 1
        self._add(exchange)

    def _add(self, exchange: Exchange) -> None:
        data = frame(exchange)
        self._frames.append(data)
        self._frames_bytes += len(data)
        if self._frames_bytes > 256 * 1024:
            self.flush()

    def flush(self, besides: Callable[[], Missed | None] = lambda: None) -> None:
        """Hand over what has gathered, and what is to be told besides; the worker calls this several times a second.

        What there is besides waits for exchanges: a segment without any counts as empty.
        """
        self._frame_summaries()
        if not self._frames:
            return
        if missed := besides():
            self._frames.append(frame(missed))
        batch = Batch(b"".join(self._frames), self._equal_framed, self._different, self._failures, missed)
        self._frames, self._frames_bytes = [], 0
        self._equal_framed = self._different = self._failures = 0
        if self._handed_bytes - self._taken_bytes + len(batch.data) > self._max_held_bytes:
            self._report(batch, False)
            return
        self._handed_bytes += len(batch.data)
        self._queue.put(batch)

    def close(self, timeout_s: float) -> bool:
        """Write what is left; False where the disk did not take it in time."""
        self.flush()
        self._queue.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _frame_summaries(self) -> None:
        if self._summaries:
            data = frame(Equals(self._summaries))
            self._frames.append(data)
            self._frames_bytes += len(data)
            self._equal_framed += len(self._summaries)
            self._summaries = []

    def _write(self) -> None:
        while True:
            try:
                batch = self._queue.get(timeout=TIDY_S)
            except queue.Empty:
                self._writer.tidy()
                continue
            if batch is None:
                break
            written = self._writer.write(batch)
            self._taken_bytes += len(batch.data)
            self._report(batch, written)
        self._writer.end()


class _Writer:
    """The segment being written. Lives in the recorder's thread."""

    def __init__(self, folder: Path, run: str, settings: Recording) -> None:
        self._folder = folder
        self._run = run
        self._settings = settings
        self._fd = -1
        self._size = 0
        self._segment_bytes = min(settings.segment_bytes, settings.max_bytes // SEGMENTS)
        self._equal = self._different = 0
        self._failed = False
        self.written_bytes = 0

    def write(self, batch: Batch) -> bool:
        """Append a batch; False where the disk does not take it."""
        try:
            self._append(batch.data)
        except OSError as error:
            self._give_up_segment()
            try:
                if not self._make_room(len(batch.data)):
                    raise
                self._append(batch.data)
            except OSError:
                self._give_up_segment()
                self._complain(error)
                return False
        if self._failed:
            self._failed = False
            log.info("recording again")
        self._equal += batch.equal
        self._different += batch.different + batch.failures  # whoever reads can't tell one from the other
        return True

    def tidy(self) -> None:
        """Remove what is too old, our own segment too; it would wait for the next one to begin."""
        try:
            if self._fd >= 0 and time.time() - os.fstat(self._fd).st_mtime > self._settings.max_age_s:
                self.close()
            self._drop_surplus()
        except OSError as error:
            log.warning("old segments can't be removed", extra={"folder": str(self._folder), "error": error.strerror})

    def end(self) -> None:
        """End the last segment. Where somebody removed it, a new one without exchanges tells how many are gone."""
        with contextlib.suppress(OSError):
            if self._is_removed():
                self._begin_segment()
            self.close()

    def _append(self, data: bytes) -> None:
        if self._fd < 0 or self._size >= self._segment_bytes or self._is_removed():
            self._begin_segment()
        place = self._size
        try:
            self._write_all(data)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, place)  # no half record before those that may fit later
            raise
        self._size += len(data)
        self.written_bytes += len(data)

    def _write_all(self, data: bytes) -> None:
        """os.write may take a part only, as it does on a disk that is nearly full."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def _is_removed(self) -> bool:
        """Whether our segment is in no folder any more: what is written to it, nobody will read."""
        return self._fd >= 0 and os.fstat(self._fd).st_nlink == 0

    def _begin_segment(self) -> None:
        self.close()
        self._folder.mkdir(mode=0o700, exist_ok=True)  # somebody may have removed it
        self._drop_surplus()
        path = self._folder / str(SegmentName(self._run, self._equal + self._different))
        # A file of this name can only be one of ours that never got an exchange, so truncating loses nothing.
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._size = 0
        head = MAGIC + frame(Start(self._run, self._equal, self._different, time.time()))
        self._write_all(head)
        self._size = len(head)

    def _drop_surplus(self) -> None:
        self._drop(to_drop(self._segments(), self._settings.max_bytes, self._settings.max_age_s, time.time()))

    def _segments(self) -> list[SegmentFile]:
        found = []
        for path in self._folder.glob("*.seg"):
            with contextlib.suppress(FileNotFoundError):
                stat = path.stat()
                found.append(SegmentFile(path, stat.st_size, stat.st_mtime, self._is_live(path, stat)))
        return found

    def _is_live(self, path: Path, stat: os.stat_result) -> bool:
        """Whether a worker still writes a segment: it holds the lock, or is about to take it."""
        name = SegmentName.of(path)
        if name is not None and name.run == self._run:
            return self._fd >= 0 and os.fstat(self._fd).st_ino == stat.st_ino
        if stat.st_size <= len(
            MAGIC
        ):  # nothing is written before the lock is taken, and asking for it might be in the way
            return time.time() - stat.st_mtime < UNLOCKED_S
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _make_room(self, needed: int) -> bool:
        """Drop the oldest segments until at least `needed` bytes are free; False where there is nothing to drop."""
        freed = 0
        for segment in oldest_first(self._segments()):
            if freed >= max(needed, self._segment_bytes):
                break
            self._drop([segment])
            freed += segment.size
        return freed > 0

    def _drop(self, segments: list[SegmentFile]) -> None:
        for segment in segments:
            segment.path.unlink(missing_ok=True)

    def _give_up_segment(self) -> None:
        with contextlib.suppress(OSError):
            self.close()

    def _complain(self, error: OSError) -> None:
        if not self._failed:
            self._failed = True
            log.error("exchanges go unrecorded", extra={"folder": str(self._folder), "error": error.strerror})

    def close(self) -> None:
        """End the segment."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)
