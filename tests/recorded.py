"""Exchanges and recordings, made up for tests of the judge."""

from __future__ import annotations

import json
import time
from pathlib import Path

from understudy.config import Settings
from understudy.diffs.judge import Judge
from understudy.diffs.store import SqliteStore
from understudy.exchange import Answer, Equals, Exchange, Record, Reply, Request, Summary
from understudy.recording import MAGIC, SegmentName, Start, frame

JSON = (("Content-Type", "application/json"),)


def reply(body: object, status: int = 200, elapsed_ms: float = 2.0) -> Reply:
    """A JSON answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, JSON, data, len(data), elapsed_ms)


def exchange(name: str, old: object, new: object, target: str = "/a", /, **again: object) -> Exchange:
    """What old and new answered; `again` holds the second answers by stack name."""
    answers: dict[str, Answer] = {"old": _answer(old), "new": _answer(new)}
    second = {stack: _answer(answer) for stack, answer in again.items()}
    return Exchange(name, 1_795_000_000.0, Request("GET", target, ()), "old", answers, second)


def _answer(given: object) -> Answer:
    return given if isinstance(given, Answer) else reply(given)


def equals(count: int, target: str = "/a") -> Equals:
    """Summaries of equal answers."""
    return Equals([Summary(1_795_000_000.0, "GET", target, 200, {"old": 2.0, "new": 3.0})] * count)


class Recorder:
    """Writes segments as a worker does."""

    def __init__(self, folder: Path, run: str = "r1") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.run = folder, run
        self.equal = self.different = 0
        self.path = folder

    def begin(self) -> Path:
        """Begin a segment."""
        self.path = self.folder / str(SegmentName(self.run, self.equal + self.different))
        self.path.write_bytes(MAGIC + frame(Start(self.run, self.equal, self.different, 0.0)))
        return self.path

    def write(self, *records: Record) -> None:
        """Append to the segment."""
        with self.path.open("ab") as file:
            for record in records:
                file.write(frame(record))
                if isinstance(record, Equals):
                    self.equal += len(record.summaries)
                elif isinstance(record, Exchange):
                    self.different += 1

    def segment(self, *records: Record) -> Path:
        """A segment with these records."""
        path = self.begin()
        self.write(*records)
        return path


def judged(state: Path, same: int, different: int) -> None:
    """Have a judge find so many equal and so many differing requests of just now, equally fast, in this state_dir."""
    settings = Settings(state_dir=str(state))
    unlike = [exchange(f"x{number}", {"a": 1}, {"a": 2}) for number in range(different)]
    alike = Equals([Summary(time.time(), "GET", "/a", 200, {"old": 2.0, "new": 2.0})] * same)
    Recorder(settings.recordings, f"r{different}").segment(alike, *unlike)
    judge = Judge(settings, SqliteStore(settings.database))
    judge.run_to_end()
    judge.close()
