"""The report that verify keeps: of each pair of servers the last run, as it was written."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from msgspec.structs import replace

from understudy.errors import UnderstudyError
from understudy.migrate.checks.collect_left import evidence
from understudy.migrate.clock import SystemClock
from understudy.migrate.verify import report, reporting
from understudy.migrate.verify.options import Outcome, Result, Side


def outcome(ours: str, theirs: str, **more: Any) -> Outcome:
    """Of two servers, each known by its first letter."""
    sides = (Side(name, "", {"server_uuid": name[0]}) for name in (ours, theirs))
    made = Outcome(Result.EQUAL, *sides, 0, 1, "", "", False, False, 5, 5.0, 1.0)
    return reporting.sealed(replace(made, **more))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "migrate" / "verify").mkdir(parents=True)
    return tmp_path / "migrate" / "verify" / "report.json"


def kept(file: Path, *runs: Outcome) -> tuple[Outcome, ...]:
    """What check reads, once these have been kept."""
    for run in runs:
        report.keep(file, run)
    found = evidence(file.parent.parent.parent, SystemClock())
    assert found.trouble == ""
    return found.runs


A_B, A_C = outcome("a:1", "b:1"), outcome("a:1", "c:1", ignore=("c.*",), ignored=("c.x",))


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([A_B], [A_B]),
        ([A_B, A_C], [A_B, A_C]),
        ([A_B, A_C, A_B], [A_C, A_B]),
        ([A_B, outcome("a:1", "b:2", rows=6)], [outcome("a:1", "b:2", rows=6)]),
        ([A_B, outcome("b:1", "a:1")], [A_B, outcome("b:1", "a:1")]),
        ([A_B, outcome("a:1", "b:1", result=Result.DIFFERENT)], [outcome("a:1", "b:1", result=Result.DIFFERENT)]),
        (
            [outcome("a:1", "b:1", old=Side("a:1")), outcome("a:1", "b:1", old=Side("a:2"))],
            [outcome("a:1", "b:1", old=Side("a:1")), outcome("a:1", "b:1", old=Side("a:2"))],
        ),
    ],
    ids=range(7),
)
def test_of_each_pair_the_last_run_is_kept_and_the_latest_is_the_last(
    file: Path, runs: list[Outcome], expected: list[Outcome]
) -> None:
    assert list(kept(file, *runs)) == expected
    assert all(reporting.sealed(run) == run for run in expected)


def test_what_was_edited_or_is_of_another_version_stays_as_it_is(file: Path) -> None:
    kept(file, A_B)
    edited = json.loads(file.read_text())
    edited["runs"][0] |= {"rows": 7, "of_another_version": [1.50]}
    file.write_text(json.dumps(edited))
    run, _ = kept(file, A_C)
    assert (run.rows, run.digest) == (7, A_B.digest)
    assert reporting.sealed(run).digest != run.digest
    assert json.loads(file.read_text())["runs"][0] == edited["runs"][0]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"runs": [{}]}', b'{"runs": "\xff"}', b"[" * 100_000])
def test_a_report_that_is_broken_is_replaced(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert kept(file, A_B) == (A_B,)


def test_pairs_and_bytes_have_a_bound_and_the_latest_stay(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "PAIRS", 3)
    runs = [outcome("a:1", f"{name}:1") for name in "bcdef"]
    assert list(kept(file, *runs)) == runs[-3:]
    monkeypatch.setattr(report, "MOST_BYTES", 10)
    assert kept(file, A_B) == (A_B,), "the last one is kept however long it is"


def test_runs_of_several_pairs_that_end_at_once_are_all_kept(file: Path) -> None:
    runs = [outcome("a:1", f"{name}:1") for name in "bcdefghijk"]
    threads = [Thread(target=report.keep, args=(file, run)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(kept(file), key=lambda run: run.new.address) == runs


def test_a_report_that_can_not_be_written_is_said(file: Path) -> None:
    file.mkdir()
    with pytest.raises(UnderstudyError, match=r"report\.json: the report can't be kept: Is a directory"):
        report.keep(file, A_B)
