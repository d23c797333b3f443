"""Processes are killed: users who ask again are served, every request stays in one bucket, nothing counts twice."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from running import Client, Later, Load, Reply, Run, Running, Stage, add_up, gone
from support import accepts, bucket_sum, wait_until
from understudy.proxy.supervisor import Patience


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    gone([pid])


def test_a_worker_that_is_killed_is_replaced_and_what_it_counted_stays(run: Run) -> None:
    understudy = run(proxy={"workers": 2})
    with Load(understudy.port, "/different", retry=True) as load:
        for _ in range(3):
            load.wait(100)
            worker, before = understudy.worker(), bucket_sum(understudy.status()["requests"])
            kill(worker)
            understudy.replaced(worker)
            assert add_up(status := understudy.status())
            assert bucket_sum(status["requests"]) >= before
        load.wait(100)
    assert load.errors == []
    status = understudy.settled(1)
    assert sum(worker["lives"] for worker in status["workers"]) == 5
    assert understudy.log.count("a worker died and is replaced") == 3
    assert status["requests"]["different"] > 0


def test_a_judge_that_is_killed_goes_on_where_it_was_and_counts_nothing_twice(run: Run) -> None:
    understudy = run(recording={"segment_bytes": 65_536})
    with Load(understudy.port, "/different") as load:
        for _ in range(3):
            load.wait(150)
            kill(understudy.judge())
    assert load.errors == []
    status = understudy.settled(load.served)
    judge = status["judge"]
    assert status["requests"]["received"] == status["requests"]["different"] == status["recorded"] == load.served
    assert (judge["judged"], judge["different"], judge["lost"], judge["torn"]) == (load.served, load.served, 0, 0)
    assert understudy.report()["totals"]["judged"] == load.served


def test_without_their_supervisor_the_others_end_in_order(stage: Stage, run: Run) -> None:
    understudy = run(proxy={"workers": 2})
    understudy.judge()
    later = Later(understudy.port, "/slow")
    wait_until(lambda: stage.old.asked, what="the request is at the primary")
    supervisor, *children = understudy.processes()
    kill(supervisor)
    assert understudy.wait() == -signal.SIGKILL
    wait_until(lambda: not accepts(understudy.port), what="new connections are refused")
    stage.gate.set()
    reply = later.reply()
    assert isinstance(reply, Reply)
    assert reply.status == 200
    gone(children)
    understudy.start()  # what it left behind is no hindrance
    with Client(understudy.port) as client:
        assert client.get().status == 200


def test_a_worker_comes_back_without_its_hooks_file_and_mirrors_nothing(run: Run, tmp_path: Path) -> None:
    hooks = tmp_path / "hooks.py"
    hooks.write_text("def select(request):\n    return True\n")
    understudy = run(hooks="hooks.py")
    hooks.unlink()
    worker = understudy.worker()
    kill(worker)
    understudy.replaced(worker)
    with Client(understudy.port) as client:
        assert client.get().status == 200
    wait_until(lambda: understudy.status()["requests"]["skipped"] == 1)
    assert "nothing is mirrored until a reload finds usable hooks" in understudy.log
    hooks.write_text("def select(request):\n    return True\n")
    understudy.reload()
    wait_until(lambda: "settings reloaded" in understudy.log)
    with Client(understudy.port) as client:
        assert client.get().status == 200
    wait_until(lambda: understudy.status()["requests"]["equal"] == 1)


def test_a_judge_that_can_not_start_costs_users_nothing_and_is_tried_ever_more_slowly(run: Run, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "diffs.sqlite").write_bytes(b"garbage" * 1000)
    understudy = run()
    with Load(understudy.port, clients=2) as load:
        wait_until(lambda: max(pauses(understudy), default=0.0) > 2 * Patience.FIRST_S, what="it is tried more slowly")
        load.wait(50)
    assert load.errors == []
    assert understudy.log.count("a companion died and is replaced") >= 3
    (tmp_path / "state" / "diffs.sqlite").unlink()
    understudy.settled(load.served)


def pauses(understudy: Running) -> list[float]:
    """How long it was waited after a life: what is left of the time from one start to the next, which grows."""
    return [float(line.partition("again_in_s=")[2]) for line in understudy.log.splitlines() if "again_in_s=" in line]


@pytest.mark.slow
def test_workers_that_can_not_start_again_do_not_spin_and_come_back_when_they_can(
    run: Run, tmp_path: Path, certificate: Path
) -> None:
    understudy = run(proxy={"tls_cert": str(certificate), "tls_key": str(certificate)})
    aside = shutil.move(certificate, tmp_path / "aside.pem")
    began = time.monotonic()
    kill(understudy.worker())
    wait_until(lambda: understudy.log.count("a worker died and is replaced") >= 4)
    assert time.monotonic() - began > 0.4 + 0.8
    assert "proxy.tls_cert: " in understudy.log
    shutil.move(aside, certificate)
    wait_until(lambda: understudy.status()["workers"][0]["ready"], what="the worker is back")


STUCK = """
def select(request):
    while "/stuck" in request.target:
        pass
    return True
"""


@pytest.mark.slow
def test_a_worker_that_hangs_in_a_hook_is_replaced_and_says_where_it_stood(run: Run, tmp_path: Path) -> None:
    (tmp_path / "hooks.py").write_text(STUCK)
    understudy = run(hooks="hooks.py", proxy={"hung_ms": 3_000})
    worker = understudy.worker()
    with Load(understudy.port, clients=2) as load:
        load.wait(2_000)  # a worker that has much to do hangs not
    assert load.errors == []
    assert understudy.worker() == worker
    stuck = Later(understudy.port, "/stuck")
    understudy.replaced(worker)
    assert isinstance(stuck.reply(), Exception)
    with Client(understudy.port) as client:
        assert client.get().status == 200
    assert "a worker hangs and is ended" in understudy.log
    assert 'hooks.py", line 3 in select' in understudy.log
    assert add_up(understudy.settled(1))
