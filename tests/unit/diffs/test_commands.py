from __future__ import annotations

import errno
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import zstandard
from typer.testing import CliRunner, Result

from recorded import Recorder, equals, exchange, reply
from understudy.diffs.commands import app
from understudy.diffs.examine import sample_id
from understudy.diffs.findings import Findings
from understudy.diffs.judge import Judge
from understudy.diffs.lock import JudgeLock
from understudy.diffs.store import Batch, SqliteStore
from understudy.diffs.tally import Tally
from understudy.errors import NoSampleError, StoreError
from understudy.exchange import Failure, Missed

USERS = [{"id": 1, "n": "a"}, {"id": 2, "n": "b"}]
EXCHANGES = [
    exchange("a", {"users": USERS}, {"users": USERS[:1]}, "/users"),
    exchange("b", {"price": 24.5}, reply(b'{"price": 24.50}'), "/price/7"),
    exchange("c", {"a": 1}, reply(b"<h1>oops</h1>", 500, 90.0), "/orders/9?x=\x1b[31m"),
    exchange("d", {"a": 1}, Failure("timeout", 100.0), "/orders/9"),
    exchange("e", {"now": 1}, {"now": 2}, "/now", old={"now": 3}, new={"now": 4}),
    exchange("f", {"now": 1}, {"now": 2}, "/now"),
]
SAMPLES = {one.id: sample_id(one) for one in EXCHANGES}


@pytest.fixture
def config(settings: Any, tmp_path: Path) -> Path:
    """A settings file beside a state directory in which something is judged."""
    chosen = settings()
    Recorder(chosen.recordings).segment(equals(40, "/users/1"), *EXCHANGES)
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
        f"understudy diffs show {SAMPLES['c']}",
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
    output = run("show", SAMPLES["a"], "-c", config, columns=columns).output
    for text in ("GET /users", "missing  $.users[1]", '{"id": 2, "n": "b"}', "X-Request-Id a", "2.0 ms"):
        assert text in output
    assert max(len(line) for line in output.splitlines()) <= columns


def test_a_failure_and_a_hostile_target_are_shown(config: Path) -> None:
    assert "no answer: timeout" in run("show", SAMPLES["d"], "-c", config).output
    hostile = run("show", "c", "-c", config).output
    assert "\x1b" not in hostile
    assert "\\x1b[31m" in hostile


def test_a_sample_as_json_has_both_bodies(config: Path) -> None:
    sample = json.loads(run("show", "b", "-c", config, "--json").output)
    assert sample["answers"]["new"]["body"] == '{"price": 24.50}'
    assert sample["differences"][0]["class"] == "number_text"


@pytest.mark.parametrize("depth", [300, 5_000])
def test_a_deeply_nested_sample_is_shown(settings: Any, tmp_path: Path, depth: int) -> None:
    old, new = (reply(b"[" * depth + end + b"]" * depth) for end in (b"1", b"2"))
    chosen = settings()
    Recorder(chosen.recordings).segment(exchange("deep", old, new))
    judge = Judge(chosen, SqliteStore(chosen.database))
    judge.run_to_end()
    judge.close()
    config = _write(tmp_path)
    for arguments in (["show", "deep"], ["show", "deep", "--json"], ["report"], ["list"]):
        assert run(*arguments, "-c", config).exit_code == 0


@pytest.mark.parametrize("spoilt", [b"no zstd at all", zstandard.compress(b"\xc1"), b""])
def test_a_sample_that_is_spoilt_on_disk_is_said(config: Path, settings: Any, spoilt: bytes) -> None:
    with sqlite3.connect(settings().database) as db:
        db.execute("UPDATE sample SET exchange = ?", (spoilt,))
    error = run("show", "a", "-c", config).exception
    assert isinstance(error, StoreError)
    assert "is spoilt" in error.message
    assert "diffs judge" in error.hint


@pytest.mark.parametrize("method", ["replace", "unlink"])
def test_a_disk_that_refuses_the_new_findings_is_said(
    config: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(Path, method, refused)
        error = run("judge", "-c", config).exception
    assert isinstance(error, StoreError)
    assert "Read-only file system" in error.message
    assert run("judge", "-c", config).exit_code == 0


def test_an_unknown_sample_is_said(config: Path) -> None:
    assert isinstance(run("show", "nothing", "-c", config).exception, NoSampleError)


def test_without_a_database_it_says_what_to_do(settings: Any, tmp_path: Path) -> None:
    error = run("report", "-c", _write(tmp_path)).exception
    assert isinstance(error, StoreError)
    assert "understudy diffs judge" in error.hint


def test_a_database_that_the_judge_has_only_just_made_is_none_yet(settings: Any, tmp_path: Path) -> None:
    database = settings().database
    database.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(database)) as db:
        db.execute("PRAGMA journal_mode = WAL")
    error = run("report", "-c", _write(tmp_path)).exception
    assert isinstance(error, StoreError)
    assert "no differences have been judged yet" in error.message


def test_recordings_are_judged_again_under_new_rules(config: Path) -> None:
    config.write_text(config.read_text() + '[compare]\nignore_paths = ["$.price"]\n')
    result = run("judge", "-c", config)
    assert result.exit_code == 0
    assert "46 judged" in result.output
    report = json.loads(run("report", "-c", config, "--json").output)
    assert "number_text" not in {row["class"] for row in report["differences"]}
    assert report["totals"]["equal_after_lifting"] == 1


def test_judging_again_leaves_what_was_judged_whole_until_the_new_is_there(
    config: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run("report", "-c", config, "--json").output
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", _killed)
        assert isinstance(run("judge", "-c", config).exception, KeyboardInterrupt | SystemExit)
    assert run("report", "-c", config, "--json").output == before
    assert run("judge", "-c", config).exit_code == 0
    assert sorted(path.name for path in settings().database.parent.glob("*.new*")) == []


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_judging_again_leaves_a_working_judge_alone(config: Path, settings: Any) -> None:
    lock = JudgeLock(settings().database)
    assert lock.acquire()
    assert isinstance(run("judge", "-c", config).exception, StoreError)
    lock.release()
    assert run("judge", "-c", config, "--json").exit_code == 0


def test_the_verdict_is_told_with_its_reasons_and_numbers_and_is_the_exit_code(config: Path) -> None:
    result = run("verdict", "-c", config)
    assert result.exit_code == 4
    assert result.output.splitlines()[0] == "NO GO for new"
    for text in (
        "no go 4 of 44 requests differ: 9.09 %, 0.1 % allowed",
        "GET /orders/{id} (2 of 2)",
        "no go slower: GET /users/{id}",
        "wait  44 requests tell something: 10,000 are wanted (verdict.min_requests)",
        "46 requests, 44 of which tell something; the last at 2026-11-18 11:06:40 UTC",
        "new_error 1, failure 1",
        f"understudy diffs report -c {config}",
    ):
        assert text in result.output, text
    assert "\x1b" not in result.output


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_the_verdict_fits_any_terminal(config: Path, columns: int) -> None:
    lines = run("verdict", "-c", config, columns=columns).output.splitlines()
    assert max(len(line) for line in lines if not line.startswith("  understudy ")) <= columns


def test_the_verdict_as_json_has_the_same_facts(config: Path) -> None:
    result = run("verdict", "-c", config, "--json")
    assert result.exit_code == 4
    said = json.loads(result.output)
    assert (said["verdict"], said["exit_code"]) == ("no_go", 4)
    (new,) = said["shadows"]
    assert (new["shadow"], new["verdict"], new["requests"], new["telling"]) == ("new", "no_go", 46, 44)
    assert new["reasons"][0]["verdict"] == "no_go"
    assert [one["name"] for one in new["open"]][:2] == ["new_error", "failure"]


def test_what_a_shadow_was_not_sent_is_held_against_it_though_no_proxy_runs_any_more(
    config: Path, settings: Any
) -> None:
    Recorder(settings().recordings, "later").segment(Missed({"new": 2}, 1), equals(1), Missed({"new": 1, "other": 9}))
    assert run("judge", "-c", config).exit_code == 0
    result = run("verdict", "-c", config)
    assert "wait  4 requests were shed or not recorded: 7.84 %" in result.output
    assert "missed    4 shed or not recorded" in result.output
    assert json.loads(run("verdict", "-c", config, "--json").output)["shadows"][0]["missed"] == 4


ENOUGH = "min_requests = 40\nmin_endpoint_requests = 1\nmin_covered = 0.9\nmax_different = 0.9\nmax_slower = 2\n"


@pytest.mark.parametrize(
    ("rules", "code", "word"),
    [
        (ENOUGH, 0, "GO"),
        (ENOUGH.replace("40", "45"), 3, "WAIT"),
        (ENOUGH.replace("0.9\nmax_s", "0.01\nmax_s"), 4, "NO GO"),
    ],
)
def test_what_is_enough_is_set_and_the_exit_code_says_go_wait_or_no_go(
    config: Path, rules: str, code: int, word: str
) -> None:
    config.write_text(f"{config.read_text()}[verdict]\n{rules}")
    result = run("verdict", "-c", config)
    assert (result.exit_code, result.output.splitlines()[0]) == (code, f"{word} for new")
    told = f"Verdict: {word}\n  understudy diffs verdict -c {config}  # why\n"
    assert run("report", "-c", config).output.endswith(told)


def test_a_shadow_of_the_settings_that_was_never_asked_makes_it_wait(config: Path) -> None:
    config.write_text(
        f'{config.read_text()}[stacks.canary]\nurl = "http://127.0.0.1:3"\nrole = "shadow"\n[verdict]\n{ENOUGH}'
    )
    result = run("verdict", "-c", config)
    assert (result.exit_code, result.output.splitlines()[0]) == (3, "WAIT")
    assert "GO for new" in result.output
    assert "WAIT for canary\n  wait no request to it was judged" in result.output


def test_without_stacks_in_the_settings_all_shadows_that_were_judged_are_ruled_on(config: Path) -> None:
    config.write_text('state_dir = "state"\n[migrate]\nsource = "db:3306"\n')
    assert run("verdict", "-c", config).output.splitlines()[0] == "NO GO for new"


def test_before_anything_was_judged_there_is_an_error_and_after_it_began_a_wait(settings: Any, tmp_path: Path) -> None:
    config = _write(tmp_path)
    assert isinstance(run("verdict", "-c", config).exception, StoreError)
    SqliteStore(settings().database).close()
    result = run("verdict", "-c", config)
    assert result.exit_code == 3
    assert "no request to it was judged" in result.output
    assert "does it get traffic?" in result.output


def test_a_database_without_any_shadow_makes_it_wait(settings: Any, tmp_path: Path) -> None:
    config = _write(tmp_path)
    config.write_text('state_dir = "state"\n[migrate]\nsource = "db:3306"\n')
    SqliteStore(settings().database).close()
    result = run("verdict", "-c", config)
    assert (result.exit_code, result.output.splitlines()[:3]) == (3, ["WAIT", "", "no request was judged"])
    assert json.loads(run("verdict", "-c", config, "--json").output)["shadows"] == []


def test_reading_the_verdict_writes_nothing_and_keeps_no_judge_from_writing(config: Path, settings: Any) -> None:
    database = settings().database
    before = database.read_bytes()
    judge = SqliteStore(database)
    findings = Findings(database)
    with findings.at_one_moment():
        judged = findings.totals()["judged"]
        tally = Tally()
        tally.totals["judged"] += 5
        judge.commit(Batch({}, tally, []))
        assert findings.totals()["judged"] == judged
    assert findings.totals()["judged"] == judged + 5
    with pytest.raises(StoreError, match="readonly"):
        findings._rows("DELETE FROM total")
    assert database.read_bytes() == before, "what the judge wrote stands beside it still"
    judge.close()
    findings.close()


def test_a_database_of_which_the_last_time_is_not_kept_tells_when_it_last_saw_a_difference(
    config: Path, settings: Any
) -> None:
    store = SqliteStore(settings().database)
    store._db.execute("DELETE FROM total WHERE name = 'last_at'")
    store.close()
    assert json.loads(run("verdict", "-c", config, "--json").output)["shadows"][0]["last_at"] == 1_795_000_000.0


def test_help_names_every_exit_code_of_the_verdict() -> None:
    assert "0 go, 3 wait, 4 no go; 1 no database" in " ".join(run("verdict", "--help").output.split())
