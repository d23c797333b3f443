"""The journal: what was meant to be done, written down and on the disk before it is done, and what came of it.

One JSON object a line, only ever appended, in `<state_dir>/migrate/journal.jsonl`. A crash may tear the last line, as
may a full disk: a torn line was followed by no act, since an act waits until its line is on the disk. So it is left
where it is, ended, reported, and otherwise passed over.

One process at a time may write: it holds a lock on the file, which ends with the process however that ends. Reading
takes no lock. The first entry of each run says who it is.
"""

from __future__ import annotations

import fcntl
import getpass
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from understudy.errors import UnderstudyError
from understudy.migrate.ports import Clock


class JournalError(UnderstudyError):
    """The journal can't be read or written; the hint says what of the step has happened all the same."""


class JournalHeldError(JournalError):
    """Another process holds the journal."""


class Event(StrEnum):
    """What an entry tells."""

    BEGUN = "begun"  # a run: who, from where, which command
    PLAN = "plan"  # which plan the run's steps belong to, by its digest
    INTENT = "intent"  # a step is about to be taken
    DONE = "done"
    FAILED = "failed"
    UNDOING = "undoing"  # a step is about to be undone
    UNDONE = "undone"
    NOTE = "note"  # something that a later run must know
    SKIP = "skip"  # a transaction is about to be left out by a replica
    ENDED = "ended"


_HAPPENED = {  # by the time that an entry is written; all others are written before anything is done
    Event.NOTE: "the step at hand may be done in part",
    Event.DONE: "the step itself is done",
    Event.UNDONE: "the step itself is undone",
    Event.FAILED: "the step had failed before: {why}",
}


class Entry(Struct, frozen=True, omit_defaults=True):
    """One line. `step` is a step's id, empty where the entry is about none; `detail` holds no secrets, ever."""

    at: datetime
    run: str
    event: Event
    step: str = ""
    detail: Mapping[str, Any] = {}


class Reading(Struct, frozen=True):
    """What a journal holds: its entries in order, and the numbers of lines that can't be read, counted from 1."""

    entries: tuple[Entry, ...] = ()
    torn: tuple[int, ...] = ()


def place(state: Path) -> Path:
    """Where the journal is, beneath the state directory."""
    return state / "migrate" / "journal.jsonl"


def read(path: Path) -> Reading:
    """All that is written; nothing where there is no such file yet. Raises JournalError."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Reading()
    except OSError as error:
        raise JournalError(f"{path}: can't be read: {error.strerror}") from None
    return parse(content)


def parse(content: bytes) -> Reading:
    """A file's content. A last line without its end is an entry if it is whole, and torn if it is not."""
    entries, torn = [], []
    for number, line in enumerate(content.split(b"\n"), 1):
        if line:
            try:
                entries.append(msgspec.json.decode(line, type=Entry))
            except (msgspec.DecodeError, UnicodeDecodeError):
                torn.append(number)
    return Reading(tuple(entries), tuple(torn))


class Journal:
    """The journal of a run, held for writing. `entries` are all of it, those of earlier runs too."""

    def __init__(self, path: Path, file: int, clock: Clock, run: str, reading: Reading) -> None:
        self.path = path
        self.run = run
        self.entries = list(reading.entries)
        self.torn = reading.torn
        self._file = file
        self._clock = clock
        self._at_line_start = True

    @classmethod
    @contextmanager
    def open(cls, path: Path, clock: Clock, command: str) -> Iterator[Journal]:
        """Hold it for a run of `command`. Raises JournalHeldError, which says who holds it, or JournalError."""
        file = _opened(path)
        try:
            _lock(file, path)
            run = f"{datetime.fromtimestamp(clock.now_s(), UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}"
            journal = cls(path, file, clock, run, read(path))
            journal._at_line_start = _ends_with_newline(file)
            journal.write(Event.BEGUN, command=command, pid=os.getpid(), host=socket.gethostname(), user=_user())
            try:
                yield journal
            finally:
                with suppress(JournalError):
                    journal.write(Event.ENDED)
        finally:
            os.close(file)

    def write(self, event: Event, step: str = "", **detail: Any) -> Entry:
        """Append an entry; it is on the disk when this returns. Raises JournalError where it is not."""
        entry = Entry(datetime.fromtimestamp(self._clock.now_s(), UTC), self.run, event, step, detail)
        line = msgspec.json.encode(entry) + b"\n"
        try:
            _write_all(self._file, line if self._at_line_start else b"\n" + line)
            os.fsync(self._file)
        except OSError as error:
            self._at_line_start = False
            happened = _HAPPENED.get(event, "nothing was done").format(why=detail.get("why"))
            hint = f"{happened}; make room for it, and give the command again: it looks at the servers first"
            raise JournalError(f"{self.path}: can't be written: {error.strerror}", hint) from None
        self._at_line_start = True
        self.entries.append(entry)
        return entry


def _opened(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_new = not path.exists()
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if is_new:
            _sync_folder(path.parent)
    except OSError as error:
        raise JournalError(f"{path}: can't be opened: {error.strerror}") from None
    return file


def _sync_folder(folder: Path) -> None:
    """A new file's name is on the disk only when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _lock(file: int, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise JournalHeldError(f"{path}: held by {_holder(path)}", "wait until it has ended, or end it") from None


def _holder(path: Path) -> str:
    begun = [entry for entry in read(path).entries if entry.event is Event.BEGUN]
    if not begun:
        return "another process that is only just beginning"
    who = begun[-1].detail
    since = f"since {begun[-1].at:%Y-%m-%d %H:%M:%S} UTC"
    return f"process {who.get('pid')} of {who.get('user')} on {who.get('host')} {since}: {who.get('command')}"


def _ends_with_newline(file: int) -> bool:
    size = os.fstat(file).st_size
    return size == 0 or os.pread(file, 1, size - 1) == b"\n"


def _write_all(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]


def _user() -> str:
    with suppress(OSError, KeyError):  # an account without a name, as in some containers
        return getpass.getuser()
    return str(os.getuid())
