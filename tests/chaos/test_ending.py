"""SIGTERM and Ctrl-C: what is under way ends well, within a bound, and nothing stays behind."""

from __future__ import annotations

import os
import signal
import time

import pytest

from running import Client, Later, Reply, Run, Running, Stage, gone
from support import accepts, wait_until


def under_way(stage: Stage) -> None:
    wait_until(lambda: any(asked.target == "/slow" for asked in stage.old.asked), what="the request is at the primary")


def health(running: Running) -> int:
    import urllib.request

    try:
        with urllib.request.urlopen(f"{running.control_url}/health", timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize("how", ["SIGTERM", "Ctrl-C"])
def test_requests_in_flight_end_well_and_new_ones_are_refused(stage: Stage, run: Run, how: str) -> None:
    understudy = run()
    judge, pids = understudy.judge(), understudy.processes()
    later = Later(understudy.port, "/slow")
    under_way(stage)
    if how == "Ctrl-C":
        os.killpg(understudy.processes()[0], signal.SIGINT)
    else:
        understudy.signal(getattr(signal, how))
    wait_until(lambda: health(understudy) == 503, what="it drains")
    wait_until(lambda: not accepts(understudy.port), what="new connections are refused")
    assert understudy.status()["draining"] is True
    assert judge in understudy.processes(), "what is recorded at last is to be judged"
    stage.gate.set()
    reply = later.reply()
    assert isinstance(reply, Reply)
    assert reply.status == 200
    assert reply.body == b"/slow the same\n" * 20
    assert understudy.wait() == 0
    gone(pids)
    assert "received=1" in understudy.log


def test_draining_is_bounded(stage: Stage, run: Run) -> None:
    understudy = run(proxy={"drain_ms": 500})
    later = Later(understudy.port, "/slow")
    under_way(stage)
    began = time.monotonic()
    assert understudy.stop() == 0
    assert time.monotonic() - began < 20, "a request may take 30 s by default"
    assert isinstance(later.reply(), Exception)


def test_told_twice_it_ends_at_once(stage: Stage, run: Run) -> None:
    understudy = run(proxy={"drain_ms": 60_000})
    pids = understudy.processes()
    later = Later(understudy.port, "/slow")
    under_way(stage)
    understudy.signal(signal.SIGTERM)
    wait_until(lambda: health(understudy) == 503, what="it drains")
    began = time.monotonic()
    understudy.signal(signal.SIGINT)
    assert understudy.wait() == 0
    assert time.monotonic() - began < 30
    gone(pids)
    assert isinstance(later.reply(), Exception)


def test_a_start_that_is_interrupted_ends_in_order(run: Run) -> None:
    understudy = run(start=False, proxy={"workers": 3})
    understudy.configure()
    import subprocess

    from support import COMMAND

    with (understudy.folder / "understudy.log").open("wb") as log:
        understudy.process = subprocess.Popen(
            [COMMAND, "run", "-c", understudy.file], stdout=log, stderr=log, start_new_session=True
        )
    pids = wait_until(lambda: pids if len(pids := understudy.processes()) > 1 else None) or []
    os.killpg(understudy.process.pid, signal.SIGINT)
    assert understudy.wait() == 0
    gone(pids)


def test_everything_is_judged_before_the_end_and_idle_connections_do_not_hold_it_up(run: Run) -> None:
    understudy = run(proxy={"drain_ms": 60_000})
    with Client(understudy.port) as client:
        for number in range(200):
            client.get(f"/different?{number}")
        began = time.monotonic()
        assert understudy.stop() == 0
        assert time.monotonic() - began < 30
    assert understudy.report()["totals"]["judged"] == 200
