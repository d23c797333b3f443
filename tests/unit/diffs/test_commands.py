from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from recorded import Recorder, equals, exchange, reply
from understudy.diffs.commands import app
from understudy.diffs.examine import sample_id
from understudy.diffs.judge import Judge
from understudy.diffs.lock import JudgeLock
from understudy.diffs.store import SqliteStore
from understudy.errors import NoSampleError, StoreError
from understudy.exchange import Failure

PAGE = (("Content-Type", "text/html"),)


@pytest.fixture
def config(settings: Any, tmp_path: Path) -> Path:
    """A settings file beside a state directory in which something is judged."""
    chosen = settings()
    users = [{"id": 1, "n": "a"}, {"id": 2, "n": "b"}]
    Recorder(chosen.recordings).segment(
        equals(40, "/users/1"),
        exchange("a", {"users": users}, {"users": users[:1]}, "/users"),
        exchange("b", {"price": 24.5}, reply(b'{"price": 24.50}'), "/price/7"),
        exchange("c", {"a": 1}, reply(b"<h1>oops</h1>", 500, 90.0), "/orders/9?x=\x1b[31m"),
        exchange("d", {"a": 1}, Failure("timeout", 100.0), "/orders/9"),
        exchange("e", {"now": 1}, {"now": 2}, "/now", old={"now": 3}, new={"now": 4}),
        exchange("f", {"now": 1}, {"now": 2}, "/now"),
    )
    judge = Judge(chosen, SqliteStore(chosen.database))
    judge.run_to_end()
    judge.close()
    return _write(tmp_path)


def _write(folder: Path) -> Path:
    file = folder / "understudy.toml"
    file.write_text(
        'state_dir = "state"\n[stacks.old]\nurl = "http://127.0.0.1:1"\nrole = "primary"\n'
        '[stacks.new]\nurl = "http://127.0.0.1:2"\nrole = "shadow"\n'
    )
    return file


def run(*arguments: object, columns: int = 140) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": str(columns), "NO_COLOR": "1"})


def test_the_report_names_what_differs_and_what_to_do_next(config: Path) -> None:
    result = run("report", "-c", config)
    assert result.exit_code == 0
    for text in (
        "46 judged: 40 equal",
        "GET /users",
        "missing  $.users[*]  1 request",
        '{"id": 2, "n": "b"} → (absent)',
        "number_text  $.price",
        "24.5 → 24.50",
        "new_error  status",
        "200 → 500",
        "failure  answer",
        "likely noise",
        f"understudy diffs show {sample_id('c')}",
    ):
        assert text in result.output
    assert "\x1b" not in result.output


@pytest.mark.parametrize("columns", [30, 60, 80, 200])
def test_the_report_fits_any_terminal(config: Path, columns: int) -> None:
    lines = run("report", "-c", config, columns=columns).output.splitlines()
    commands = [line for line in lines if line.startswith("  understudy ")]  # to be copied, so never broken
    assert commands
    assert max(len(line) for line in lines if line not in commands) <= columns
    assert any("GET /users" in line for line in lines)


def test_the_report_as_json_has_the_same_facts(config: Path) -> None:
    report = json.loads(run("report", "-c", config, "--json").output)
    assert report["totals"]["judged"] == 46
    assert report["totals"]["noise"] == 1
    missing = next(row for row in report["differences"] if row["class"] == "missing")
    assert (missing["endpoint"], missing["path"], missing["requests"]) == ("GET /users", "$.users[*]", 1)
    users = next(row for row in report["endpoints"] if row["endpoint"] == "GET /users/{id}")
    assert users["outcomes"]["equal"] == 40
    assert users["slower"] is True


def test_the_list_is_filtered(config: Path) -> None:
    assert "number_text" in run("list", "-c", config, "--kind", "number_text").output
    assert "missing" not in run("list", "-c", config, "--kind", "number_text").output
    assert "GET /price" not in run("list", "-c", config, "--endpoint", "/USERS").output
    assert "no differences under these filters" in run("list", "-c", config, "--shadow", "other").output
    assert [row["class"] for row in json.loads(run("list", "-c", config, "-n", 1, "--json").output)] == ["new_error"]


@pytest.mark.parametrize("columns", [60, 140])
def test_a_sample_shows_both_answers(config: Path, columns: int) -> None:
    output = run("show", sample_id("a"), "-c", config, columns=columns).output
    for text in ("GET /users", "missing  $.users[1]", '{"id": 2, "n": "b"}', "X-Request-Id a", "2.0 ms"):
        assert text in output
    assert max(len(line) for line in output.splitlines()) <= columns


def test_a_failure_and_a_hostile_target_are_shown(config: Path) -> None:
    assert "no answer: timeout" in run("show", sample_id("d"), "-c", config).output
    hostile = run("show", "c", "-c", config).output
    assert "\x1b" not in hostile
    assert "\\x1b[31m" in hostile


def test_a_sample_as_json_has_both_bodies(config: Path) -> None:
    sample = json.loads(run("show", "b", "-c", config, "--json").output)
    assert sample["answers"]["new"]["body"] == '{"price": 24.50}'
    assert sample["differences"][0]["class"] == "number_text"


def test_an_unknown_sample_is_said(config: Path) -> None:
    assert isinstance(run("show", "nothing", "-c", config).exception, NoSampleError)


def test_without_a_database_it_says_what_to_do(settings: Any, tmp_path: Path) -> None:
    error = run("report", "-c", _write(tmp_path)).exception
    assert isinstance(error, StoreError)
    assert "understudy diffs judge" in error.hint


def test_recordings_are_judged_again_under_new_rules(config: Path) -> None:
    config.write_text(config.read_text() + '[compare]\nignore_paths = ["$.price"]\n')
    result = run("judge", "-c", config)
    assert result.exit_code == 0
    assert "46 judged" in result.output
    report = json.loads(run("report", "-c", config, "--json").output)
    assert "number_text" not in {row["class"] for row in report["differences"]}
    assert report["totals"]["equal_after_lifting"] == 1


def test_judging_again_leaves_a_working_judge_alone(config: Path, settings: Any) -> None:
    lock = JudgeLock(settings().database)
    assert lock.acquire()
    assert isinstance(run("judge", "-c", config).exception, StoreError)
    lock.release()
    assert run("judge", "-c", config, "--json").exit_code == 0
