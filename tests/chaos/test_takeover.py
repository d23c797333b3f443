"""A new `understudy run` takes the port over from the old one: no user notices."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from running import Client, Later, Load, Reply, Run, Running, Stage, gone
from support import COMMAND, accepts, free_port, wait_until


def judges(*all_of: Running) -> int:
    found = 0
    for understudy in all_of:
        for pid in understudy.processes()[1:]:
            with contextlib.suppress(OSError):
                found += b"understudy.diffs.judge" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return found


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_under_load_not_one_request_fails(run: Run, before: int, after: int) -> None:
    old = run(proxy={"workers": before})
    ports = {"listen": old.settings["proxy"]["listen"], "control": old.settings["proxy"]["control"]}
    with Load(old.port, "/different", clients=6) as load:
        load.wait(100)
        new = run(start=False, proxy={**ports, "workers": after}).takes_over()
        assert old.wait() == 0
        load.wait(200)
    assert load.errors == []
    received = int(old.log.partition("ended received=")[2].split()[0])
    status = new.settled(load.served - received)
    assert received + status["requests"]["received"] == load.served
    wait_until(lambda: new.status()["judge"]["judged"] == load.served, what="the new judge goes on where the old was")
    assert judges(new) == 1
    assert load.slowest_s < 10


def test_what_the_old_one_has_under_way_ends_well_while_a_third_takes_over(stage: Stage, run: Run) -> None:
    first = run()
    ports = {"listen": first.settings["proxy"]["listen"], "control": first.settings["proxy"]["control"]}
    later = Later(first.port, "/slow")
    wait_until(lambda: stage.old.asked, what="the request is at the primary")
    second = run(start=False, proxy=ports).takes_over()
    assert first.process is not None
    assert first.process.poll() is None
    stage.gate.set()
    reply = later.reply()
    assert isinstance(reply, Reply)
    assert reply.status == 200
    assert first.wait() == 0
    third = run(start=False, proxy=ports).takes_over()
    assert second.wait() == 0
    with Client(third.port) as client:
        assert client.get().status == 200
    assert third.judge()
    assert judges(third) == 1


def test_a_kept_connection_is_closed_in_order(run: Run) -> None:
    old = run()
    ports = {"listen": old.settings["proxy"]["listen"], "control": old.settings["proxy"]["control"]}
    with Client(old.port) as client:
        assert client.get().status == 200
        new = run(start=False, proxy=ports).takes_over()
        assert old.wait() == 0
        assert client._connection.sock.recv(100) == b"", "an idle connection is closed, not reset"
        client.close()
        assert client.get().status == 200
    new.settled(1)


def test_a_successor_whose_control_port_is_taken_leaves_the_old_one_in_place(run: Run) -> None:
    old = run()
    with socket.create_server(("127.0.0.1", 0)) as taken, Load(old.port, clients=2) as load:
        control = f"127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run(
            [COMMAND, "run", "-c", old.file], capture_output=True, text=True, timeout=120,
            env={**old.environ, "UNDERSTUDY_PROXY__CONTROL": control},
        )  # fmt: skip
        assert done.returncode == 1
        assert f"proxy.control: {control} is in use" in done.stderr
        load.wait(50)
    assert load.errors == []
    assert old.status()["draining"] is False


def test_a_name_for_the_address_is_the_same_address(run: Run) -> None:
    port = free_port()
    old = run(proxy={"listen": f"127.0.0.1:{port}"})
    control = old.settings["proxy"]["control"]
    new = run(start=False, proxy={"listen": [f"0177.0.0.1:{port}"], "control": control}).takes_over()
    assert old.wait() == 0
    with Client(new.port) as client:
        assert client.get().status == 200


def test_a_successor_takes_over_from_one_that_is_draining(stage: Stage, run: Run) -> None:
    old = run()
    ports = {"listen": old.settings["proxy"]["listen"], "control": old.settings["proxy"]["control"]}
    later = Later(old.port, "/slow")
    wait_until(lambda: stage.old.asked, what="the request is at the primary")
    old.signal(signal.SIGTERM)
    wait_until(lambda: old.status()["draining"])
    wait_until(lambda: not accepts(old.port), what="its workers too have let go of the port")
    new = run(start=False, proxy=ports).takes_over()
    with Client(new.port) as client:
        assert client.get().status == 200
    stage.gate.set()
    assert isinstance(later.reply(), Reply)
    assert old.wait() == 0
    gone(old.processes()[1:])
