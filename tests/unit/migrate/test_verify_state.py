"""What verify remembers, where its file can't be read or written."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from understudy.errors import UnderstudyError
from understudy.migrate.verify.state import State


def test_what_is_no_state_is_told_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "a.sqlite"
    file.write_bytes(b"no database " * 1000)
    with pytest.raises(UnderstudyError, match=r"a\.sqlite: file is not a database") as raised:
        State(file)
    assert "moved away" in raised.value.hint


def test_a_full_disk_is_told_and_what_was_written_before_stays(tmp_path: Path) -> None:
    state = State(tmp_path / "a.sqlite")
    state.begin({"one": "1"})
    state._database.execute("PRAGMA max_page_count = 1")  # as a full disk is: SQLITE_FULL
    with pytest.raises(UnderstudyError, match="database or disk is full") as raised:
        state.note("two", "2" * 1_000_000)
    assert "stays proved" in raised.value.hint
    assert state.facts() == {"one": "1"}
    state._database.execute("PRAGMA max_page_count = 1000000")
    state.note("two", "2")
    assert state.facts() == {"one": "1", "two": "2"}
    state.close()


def test_a_state_that_another_holds_is_told(tmp_path: Path) -> None:
    state = State(tmp_path / "a.sqlite")
    state._database.execute("PRAGMA busy_timeout = 1")
    with sqlite3.connect(tmp_path / "a.sqlite", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnderstudyError, match="locked"):
            state.note("one", "1")
        other.execute("ROLLBACK")
    state.close()
