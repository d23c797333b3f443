"""The journal: whatever a crash leaves of the file reads back as the first of its entries, and one process writes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import wait_until
from understudy.migrate.clock import SystemClock
from understudy.migrate.journal import Event, Journal, JournalError, JournalHeldError, parse, place, read
from understudy.migrate.sqltext import Secret

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
ENTRIES = st.lists(
    st.tuples(st.sampled_from(Event), st.text(max_size=20), st.dictionaries(st.text(min_size=1), JSON, max_size=3)),
    max_size=6,
)


def opened(path: Path):  # type: ignore[no-untyped-def]
    return Journal.open(path, SystemClock(), "a test")


@settings(max_examples=30, deadline=None)
@given(ENTRIES, st.data())
def test_any_prefix_of_the_file_reads_back_as_a_prefix_of_its_entries(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[Event, str, dict[str, object]]], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    with opened(path) as journal:
        for event, step, detail in entries:
            detail = {name: value for name, value in detail.items() if name not in ("self", "event", "step")}
            journal.write(event, step, **detail)
        written = tuple(journal.entries)
    content = path.read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    reading = parse(content[:cut])
    assert reading.entries == (*written, *read(path).entries[-1:])[: len(reading.entries)]
    whole_lines = content[:cut].count(b"\n")
    assert len(reading.entries) in (whole_lines, whole_lines + 1), "what is whole is never lost"
    assert len(reading.torn) <= 1


def test_after_a_torn_line_the_journal_goes_on_and_tells_of_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with opened(path) as journal:
        journal.write(Event.INTENT, "01-copy-a")
    with path.open("ab") as file:
        file.write(b'{"at":"2026-11-21T11:0')
    with opened(path) as journal:
        assert journal.torn == (4,)
        journal.write(Event.DONE, "01-copy-a", rows=3)
    reading = read(path)
    assert [entry.event for entry in reading.entries] == ["begun", "intent", "ended", "begun", "done", "ended"]
    assert reading.entries[4].detail == {"rows": 3}
    assert reading.torn == (4,)


def test_it_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = place(tmp_path)
    with opened(path):
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_second_process_is_told_who_holds_it_since_when_and_for_what(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with opened(path), pytest.raises(JournalHeldError) as refused, opened(path):
        raise AssertionError("it was held twice")
    for told in (f"process {os.getpid()}", "since 2", "a test", os.uname().nodename):
        assert told in refused.value.message
    with opened(path):
        pass  # and it is free again


def test_a_secret_can_not_be_written_down(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with opened(path) as journal, pytest.raises(TypeError):
        journal.write(Event.NOTE, password=Secret("hidden from all"))
    assert b"hidden" not in path.read_bytes()


def test_where_the_disk_is_full_nothing_goes_on_and_no_later_entry_is_spoilt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    real = os.write

    def full(file: int, content: bytes) -> int:
        real(file, content[:5])
        raise OSError(28, "No space left on device")

    with opened(path) as journal:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(JournalError, match="No space left on device"):
            journal.write(Event.INTENT, "01-copy-a")
        monkeypatch.undo()
        journal.write(Event.NOTE, "01-copy-a")
    assert [entry.event for entry in read(path).entries] == ["begun", "note", "ended"]
    assert len(read(path).torn) == 1


@pytest.mark.parametrize(
    ("event", "detail", "hint"),
    [
        (Event.PLAN, {}, "nothing was done; make room"),
        (Event.INTENT, {}, "nothing was done; make room"),
        (Event.UNDOING, {}, "nothing was done; make room"),
        (Event.SKIP, {}, "nothing was done; make room"),
        (Event.NOTE, {}, "the step at hand may be done in part; make room for it"),
        (Event.DONE, {}, "the step itself is done; make room"),
        (Event.UNDONE, {}, "the step itself is undone; make room"),
        (Event.FAILED, {"why": "no such host"}, "the step had failed before: no such host; make room"),
    ],
)
def test_what_has_happened_is_said_truly_where_it_can_not_be_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: Event, detail: dict[str, str], hint: str
) -> None:
    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    with opened(tmp_path / "journal.jsonl") as journal:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(JournalError, match="No space left on device") as refused:
            journal.write(event, "01-copy-a", **detail)
        monkeypatch.undo()
    assert refused.value.hint.startswith(hint)


WRITER = """
import sys
from pathlib import Path
from understudy.migrate.clock import SystemClock
from understudy.migrate.journal import Event, Journal
with Journal.open(Path(sys.argv[1]), SystemClock(), "a writer") as journal:
    number = 0
    while True:
        journal.write(Event.NOTE, number=number)
        print(number, flush=True)
        number += 1
"""


def test_killed_while_it_writes_it_has_what_it_said_was_written_and_is_free_at_once(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        wait_until(lambda: path.exists() and path.stat().st_size > 20_000, 120, "entries")
        writer.send_signal(signal.SIGKILL)
        said = [int(line) for line in writer.stdout.read().split()]
    reading = read(path)
    numbers = [entry.detail["number"] for entry in reading.entries if entry.event is Event.NOTE]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= len(said)
    with opened(path) as journal:
        assert len(journal.entries) == len(numbers) + 2


def test_a_line_is_json_that_others_can_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with opened(path) as journal:
        journal.write(Event.INTENT, "01-copy-a", title="copy")
    line = json.loads(path.read_text().splitlines()[1])
    assert line["event"] == "intent"
    assert line["step"] == "01-copy-a"
    assert line["at"].endswith("Z")
