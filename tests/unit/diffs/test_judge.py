from __future__ import annotations

import os
import random
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from recorded import Recorder, equals, exchange, reply
from support import wait_until
from understudy.channel import FD_VARIABLE, decode, encode
from understudy.config import Settings
from understudy.diffs import examine, tally
from understudy.diffs.findings import Findings
from understudy.diffs.judge import Judge
from understudy.diffs.lock import JudgeLock
from understudy.diffs.store import Batch, SqliteStore
from understudy.errors import NoSampleError, StoreError
from understudy.exchange import Failure
from understudy.proxy.counts import BUCKETS, Totals, as_json

OUTCOMES = ("equal", "equal_after_lifting", "noise", "settled", "failed", "different", "unjudged")


def judged(settings: Settings) -> dict[str, Any]:
    judge = Judge(settings, SqliteStore(settings.database))
    judge.run_to_end()
    stats = judge.stats()
    judge.close()
    return stats


def test_every_exchange_is_counted_once_under_one_name(settings: Any) -> None:
    chosen = settings()
    Recorder(chosen.recordings).segment(
        equals(5),
        exchange("same", {"a": 1, "b": 2}, reply(b'{"b": 2, "a": 1}')),
        exchange("differs", {"a": 1}, {"a": 2}),
        exchange("noisy", {"a": 1}, {"a": 2}, old={"a": 3}, new={"a": 4}),
        exchange("lagging", {"a": 1}, {"a": 2}, old={"a": 1}, new={"a": 1}),
        exchange("real", {"a": 1}, {"a": 2}, old={"a": 1}, new={"a": 2}),
        exchange("down", {"a": 1}, Failure("refused", 1.0)),
        exchange("unanswered", {"a": 1}, {"a": 2}, old=Failure("timeout", 1.0), new={"a": 2}),
    )
    stats = judged(chosen)
    expected = {
        "equal": 5,
        "equal_after_lifting": 1,
        "different": 3,
        "noise": 1,
        "settled": 1,
        "failed": 1,
        "unjudged": 0,
    }
    assert {name: stats[name] for name in OUTCOMES} == expected
    assert stats["judged"] == sum(expected.values())
    assert stats["backlog"] == stats["lost"] == stats["torn"] == 0


@pytest.mark.parametrize(
    ("new", "second", "outcome", "name"),
    [
        (reply({"a": 1}, 500), Failure("timeout", 9.0), "different", "new_error"),
        (reply({"a": 2}), Failure("timeout", 9.0), "different", "value"),
        (reply({"a": 1, "b": 1}), reply({"a": 1, "c": 1}), "different", "extra"),
        (Failure("timeout", 9.0), reply({"a": 1}, 500), "failed", "failure"),
        (Failure("timeout", 9.0), Failure("refused", 9.0), "failed", "failure"),
        (Failure("timeout", 9.0), reply({"a": 1}), "settled", "settled"),
    ],
)
def test_a_shadow_that_fails_or_errs_otherwise_when_asked_again_has_not_settled(
    settings: Any, new: object, second: object, outcome: str, name: str
) -> None:
    chosen = settings()
    Recorder(chosen.recordings).segment(exchange("x", {"a": 1}, new, old={"a": 1}, new=second))
    assert judged(chosen)[outcome] == 1
    findings = Findings(chosen.database)
    assert {row.name for row in findings.places()} == {name}
    findings.close()


def test_what_differs_from_itself_stays_noise_where_the_shadow_fails_when_asked_again(settings: Any) -> None:
    chosen = settings()
    Recorder(chosen.recordings).segment(
        exchange("x", {"now": 1}, {"now": 2}, old={"now": 3}, new=Failure("timeout", 9.0))
    )
    assert judged(chosen)["noise"] == 1


def test_rows_that_come_in_another_order_each_time_hide_no_wrong_value(settings: Any) -> None:
    chosen = settings()
    rows = [{"id": number, "p": number} for number in range(4)]
    wrong = [row | {"p": 9} if row["id"] == 1 else row for row in rows]
    Recorder(chosen.recordings).segment(exchange("x", rows, wrong, old=rows[::-1], new=[*wrong[2:], *wrong[:2]]))
    assert judged(chosen)["different"] == 1
    findings = Findings(chosen.database)
    assert [(row.path, row.name) for row in findings.places()] == [("$[*].p", "value")]
    findings.close()


def marked(settings: Settings) -> dict[tuple[str, str], tuple[bool, int]]:
    """What is judged now: of each path and class whether it is likely noise, and how many requests are blamed."""
    judged(settings)
    findings = Findings(settings.database)
    found = {(row.path, row.name): (row.likely_noise, row.blamed) for row in findings.places()}
    findings.close()
    return found


def test_what_was_asked_again_and_confirmed_is_blamed_however_noisy_its_place_is(settings: Any) -> None:
    chosen = settings()
    good, bad = {"x": "Müller"}, {"x": "M?ller"}
    Recorder(chosen.recordings).segment(
        *(exchange(f"n{i}", {"x": "1"}, {"x": "2"}, old={"x": "3"}, new={"x": "4"}) for i in range(5)),
        *(exchange(f"c{i}", good, bad, old=good, new=bad) for i in range(3)),
        exchange("u", good, bad),
        exchange("w", good, bad, old=Failure("timeout", 9.0), new=bad),  # which confirms nothing
        *(exchange(f"v{i}", {"x": "1"}, {"x": "2"}) for i in range(4)),
        exchange("t", {"x": "1"}, {"x": None}),
    )
    assert marked(chosen) == {
        ("$.x", "noise"): (False, 0),
        ("$.x", "charset"): (True, 3),
        ("$.x", "value"): (True, 0),
        ("$.x", "type"): (False, 1),  # another kind than the noise's
    }


def test_what_stands_for_all_other_places_is_never_taken_for_noise(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("understudy.diffs.tally.MAX_PLACES", 1)
    chosen = settings()
    Recorder(chosen.recordings).segment(
        exchange("a", {"a": 1}, {"a": 2}),
        *(exchange(f"n{i}", {"x": 1}, {"x": 2}, old={"x": 3}, new={"x": 4}) for i in range(5)),
        *(exchange(f"v{i}", {"y": 1}, {"y": 2}) for i in range(4)),
    )
    assert marked(chosen) == {
        ("$.a", "value"): (False, 1),
        ("(other)", "noise"): (False, 0),
        ("(other)", "value"): (False, 4),
    }


def test_a_second_judge_goes_on_where_the_first_ended(settings: Any) -> None:
    chosen = settings()
    recorder = Recorder(chosen.recordings)
    recorder.segment(exchange("a", 1, 2))
    assert judged(chosen)["judged"] == 1
    recorder.segment(exchange("b", 1, 2))
    assert judged(chosen)["judged"] == 2
    assert judged(chosen)["judged"] == 2


def test_differences_are_counted_by_request_and_by_place(settings: Any) -> None:
    chosen = settings(samples=2)
    old, new = ({"users": [{"id": i, "score": i + add} for i in range(10)]} for add in (0, 0.5))
    Recorder(chosen.recordings).segment(*(exchange(f"x{i}", old, new, f"/users/{i}") for i in range(4)))
    judged(chosen)
    findings = Findings(chosen.database)
    (row,) = findings.places()
    assert (row.endpoint, row.shadow, row.path, row.kind) == ("GET /users/{id}", "new", "$.users[*].score", "value")
    assert (row.requests, row.places, len(row.samples)) == (4, 40, 2)
    assert (row.old, row.new) == ("0", "0.5")
    (endpoint,) = findings.endpoints()
    assert (endpoint.requests, endpoint.outcomes["different"]) == (4, 4)
    findings.close()


def test_a_sample_is_found_by_its_id_its_beginning_or_the_request_id(settings: Any) -> None:
    chosen = settings()
    whole = exchange("the-request", {"a": 1}, {"a": 2})
    Recorder(chosen.recordings).segment(whole, exchange("another", {"b": 1}, {"b": 2}))
    judged(chosen)
    findings = Findings(chosen.database)
    name = examine.sample_id(whole)
    for given in (name, name.upper(), name[:5], "the-request"):
        assert findings.sample(given).exchange == whole
    assert findings.sample(name).places == [("$.a", "value", "value", "new")]
    for wrong in ("nothing", "", "%"):
        with pytest.raises(NoSampleError):
            findings.sample(wrong)
    findings.close()


def test_each_of_several_requests_with_one_request_id_is_shown_by_its_own_sample(settings: Any) -> None:
    chosen = settings()
    here, there = exchange("trace-1", {"a": 1}, {"a": 2}, "/a"), exchange("trace-1", {"b": 1}, {"b": 2}, "/b")
    again = msgspec.structs.replace(here, at=here.at + 1.0, answers={**here.answers, "new": reply({"c": 1})})
    Recorder(chosen.recordings).segment(here, there, again)
    judged(chosen)
    findings = Findings(chosen.database)
    shown = {row.path: findings.sample(row.samples[0]).exchange for row in findings.places() if row.path != "$.a"}
    assert shown == {"$.b": there, "$.c": again}
    with pytest.raises(NoSampleError, match="several samples go by 'trace-1'"):
        findings.sample("trace-1")
    findings.close()


def test_a_store_tells_how_long_its_samples_were_before_they_were_packed(settings: Any) -> None:
    chosen = settings()
    kept = [exchange(name, {"a": name, "t": "x" * 9_000}, {"a": 2, "t": "x" * 9_000}) for name in "abc"]
    Recorder(chosen.recordings).segment(*kept)
    judged(chosen)
    store = SqliteStore(chosen.database)
    assert store.load().sample_bytes == sum(len(msgspec.msgpack.encode(one)) for one in kept) > 54_000
    store.close()


def test_ignored_paths_and_endpoint_names_can_be_reloaded(settings: Any) -> None:
    chosen = settings()
    recorder = Recorder(chosen.recordings)
    recorder.segment(exchange("a", {"t": 1}, {"t": 2}))
    judge = Judge(chosen, SqliteStore(chosen.database))
    judge.run_to_end()
    judge.use(settings(ignore_paths=["$.t"]))
    recorder.segment(exchange("b", {"t": 1}, {"t": 2}))
    judge.look_again()
    judge.run_to_end()
    stats = judge.stats()
    assert (stats["different"], stats["equal_after_lifting"]) == (1, 1)
    judge.close()


@pytest.mark.parametrize(
    ("where", "name", "poison"),
    [
        (examine, "compare", lambda old, new, rules: old.body == b"1"),
        (tally.PairTally, "differences", lambda pair, judged, *_: judged[0].difference.old == 1),
    ],
)
def test_an_exchange_that_breaks_the_judge_is_counted_and_skipped(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, where: Any, name: str, poison: Any
) -> None:
    chosen = settings()
    Recorder(chosen.recordings).segment(exchange("poison", 1, 2), exchange("good", 3, 4))
    real = getattr(where, name)

    def breaking(*given: Any) -> Any:
        if poison(*given):
            raise RuntimeError("a parser gave up")
        return real(*given)

    monkeypatch.setattr(where, name, breaking)
    stats = judged(chosen)
    assert (stats["judged"], stats["unjudged"], stats["different"]) == (2, 1, 1)
    assert caplog.records[-1].__dict__["request_id"] == "poison"


def test_places_without_end_are_bounded(settings: Any) -> None:
    chosen = settings(samples=1)
    documents = [({f"key_{chr(97 + i % 26)}{chr(97 + i // 26)}": 1}, {}) for i in range(600)]
    Recorder(chosen.recordings).segment(*(exchange(f"x{i}", old, new) for i, (old, new) in enumerate(documents)))
    judged(chosen)
    findings = Findings(chosen.database)
    rows = findings.places()
    assert len(rows) == 301
    assert sum(row.requests for row in rows) == 600
    assert next(row for row in rows if row.path == "(other)").requests == 300
    findings.close()


def test_the_database_is_its_owners_alone(settings: Any) -> None:
    chosen = settings()
    store = SqliteStore(chosen.database)
    for file in chosen.state.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    store.close()


def test_what_is_no_database_is_said(settings: Any) -> None:
    chosen = settings()
    chosen.state.mkdir()
    with pytest.raises(StoreError, match="no differences have been judged yet"):
        Findings(chosen.database)
    chosen.database.write_bytes(b"something else altogether, long enough to be no header" * 50)
    with pytest.raises(StoreError):
        SqliteStore(chosen.database)
    with pytest.raises(StoreError):
        Findings(chosen.database)


def test_a_database_with_a_part_missing_is_said(settings: Any) -> None:
    store = SqliteStore(settings().database)
    with sqlite3.connect(settings().database) as db:
        db.execute("DROP TABLE pair")
    with pytest.raises(StoreError, match=r"can't be read: no such table"):
        store.load()
    store.close()


def test_a_store_that_fails_loses_nothing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings()
    Recorder(chosen.recordings).segment(equals(3), exchange("a", 1, 2))
    store = SqliteStore(chosen.database)
    judge = Judge(chosen, store)
    monkeypatch.setattr("understudy.diffs.judge.RETRY_S", 0.0)
    real = store._samples

    def full(samples: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(store, "_samples", full)
    judge.step()
    assert judge.stats()["judged"] == 0
    monkeypatch.setattr(store, "_samples", real)
    judge.step()
    assert judge.stats()["judged"] == 4
    judge.close()
    assert judged(chosen)["judged"] == 4


def test_what_earlier_runs_lost_is_not_taken_from_this_ones_counts(settings: Any) -> None:
    chosen = settings()
    last_week = Recorder(chosen.recordings, "r1")
    last_week.segment(equals(1_000), exchange("a", 1, 2)).unlink()
    last_week.segment(equals(1))
    before = judged(chosen)
    assert (before["lost_equal"], before["lost_different"], before["lost"]) == (1_000, 1, 1_001)
    now = Recorder(chosen.recordings, "r2")
    now.segment(equals(2)).unlink()
    now.segment(equals(3))
    after = judged(chosen)
    assert (after["lost_equal"], after["lost_different"], after["lost"]) == (2, 0, 1_003)
    requests = dict.fromkeys(("received", *BUCKETS), 0) | {"received": 5, "equal": 5}
    told = as_json(Totals(requests), after)["requests"]
    assert (told["equal"], told["unrecorded"]) == (3, 2)


def test_a_store_that_fails_makes_no_loss_of_this_run_an_earlier_ones(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = settings()
    recorder = Recorder(chosen.recordings)
    recorder.segment(equals(7)).unlink()
    recorder.segment(equals(1))
    store = SqliteStore(chosen.database)
    judge = Judge(chosen, store)
    judge.run_to_end()
    monkeypatch.setattr("understudy.diffs.judge.RETRY_S", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(store, "commit", _full)
        recorder.segment(equals(1))
        judge.look_again()
        judge.step()
    judge.run_to_end()
    assert judge.stats()["lost_equal"] == 7
    judge.close()


def _full(_: Batch) -> None:
    raise StoreError("database or disk is full")


def test_a_database_has_one_judge(settings: Any) -> None:
    chosen = settings()
    first, second = JudgeLock(chosen.database), JudgeLock(chosen.database)
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()


class Child:
    """The judge's process, as the supervisor starts it."""

    def __init__(self, settings: Settings) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "understudy.diffs.judge"],
                env={**os.environ, FD_VARIABLE: str(theirs.fileno())},
                pass_fds=[theirs.fileno()],
            )
        self.socket = ours
        self.send({"settings": settings})
        self._lines = ours.makefile("rb")

    def send(self, message: object) -> None:
        self.socket.sendall(encode(message))

    def stats(self) -> dict[str, Any]:
        line = self._lines.readline()
        return decode(line)["stats"] if line else {}

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
            self.close()

    def close(self) -> int:
        self._lines.close()
        self.socket.close()
        return self.process.wait(60)


def test_the_process_judges_what_is_recorded_and_ends_in_order(settings: Any) -> None:
    chosen = settings()
    recorder = Recorder(chosen.recordings)
    recorder.segment(equals(3), exchange("a", 1, 2))
    with Child(chosen) as child:
        wait_until(lambda: child.stats()["judged"] == 4)
        recorder.segment(exchange("b", 1, 2))
        child.send({"stop": True})
        wait_until(lambda: child.stats()["judged"] == 5)
        assert child.close() == 0


def test_the_process_ends_when_its_supervisor_is_gone(settings: Any) -> None:
    with Child(settings()) as child:
        assert "judged" in child.stats()
        child.socket.shutdown(socket.SHUT_RDWR)
        assert child.close() == 0


def test_a_judge_waits_for_the_one_before_it(settings: Any) -> None:
    chosen = settings()
    lock = JudgeLock(chosen.database)
    assert lock.acquire()
    Recorder(chosen.recordings).segment(exchange("a", 1, 2))
    with Child(chosen) as child:
        lock.release()
        wait_until(lambda: child.stats()["judged"] == 1)
        child.send({"stop": True})
        assert child.close() == 0


def test_killed_again_and_again_it_counts_everything_once(settings: Any) -> None:
    chosen = settings()
    rng = random.Random(7)
    recorder = Recorder(chosen.recordings)
    records = [exchange(f"x{i}", {"a": i, "t": "x" * 99}, {"a": i + 1, "t": "x" * 99}) for i in range(500)]
    segments = stored = amid_its_work = 0
    while amid_its_work < 2:
        for _ in range(70):
            recorder.segment(*records, equals(50, "/b"))
        segments += 70
        with Child(chosen) as child:
            wait_until(lambda before=stored: _judged_so_far(chosen) > before, what="a batch is stored")
            time.sleep(rng.uniform(0.0, 0.2))  # amid the next one, or its commit
            child.process.send_signal(signal.SIGKILL)
        stored = _judged_so_far(chosen)
        amid_its_work += stored < 550 * segments
        assert segments < 1_400, "it was never killed amid its work"
    stats = judged(chosen)
    different, equal = 500 * segments, 50 * segments
    assert (stats["judged"], stats["different"], stats["equal"]) == (different + equal, different, equal)
    assert stats["lost"] == stats["torn"] == stats["unjudged"] == 0
    findings = Findings(chosen.database)
    assert [row.requests for row in findings.places()] == [different]
    assert {row.endpoint: row.requests for row in findings.endpoints()} == {"GET /a": different, "GET /b": equal}
    findings.close()


def _judged_so_far(settings: Settings) -> int:
    try:
        findings = Findings(settings.database)
    except StoreError:
        return 0
    judged = findings.totals()["judged"]
    findings.close()
    return judged


@pytest.mark.parametrize("crash_at", range(1, 6))
def test_a_commit_is_all_or_nothing_wherever_it_ends(
    settings: Any, monkeypatch: pytest.MonkeyPatch, crash_at: int
) -> None:
    chosen = settings()
    Recorder(chosen.recordings).segment(equals(3), exchange("a", 1, 2))
    store = SqliteStore(chosen.database)
    steps = ["_totals", "_positions", "_pairs", "_places", "_samples"]

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, steps[crash_at - 1], crash)
    judge = Judge(chosen, store)
    with pytest.raises(KeyboardInterrupt):
        judge.step()
    judge.close()
    assert judged(chosen)["judged"] == 4
    findings = Findings(chosen.database)
    assert [row.requests for row in findings.places()] == [1]
    findings.close()


def test_an_empty_batch_is_stored(settings: Any) -> None:
    from understudy.diffs.tally import Tally

    store = SqliteStore(settings().database)
    store.commit(Batch({}, Tally(), []))
    assert store.load().positions == {}
    store.close()


def test_a_missing_recordings_folder_is_no_error(settings: Any, tmp_path: Path) -> None:
    assert judged(settings())["judged"] == 0
