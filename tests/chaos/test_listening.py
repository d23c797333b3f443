"""Where users arrive: several addresses, IPv6, TLS, several workers; and stacks behind TLS."""

from __future__ import annotations

import contextlib
import http.client
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import Client, Load, Run, Stage
from support import Answer, AppServer, free_port, wait_until


def ask(connection: http.client.HTTPConnection) -> tuple[int, dict[str, str], bytes]:
    with contextlib.closing(connection):
        connection.request("GET", "/x")
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


def test_all_addresses_serve_ipv6_too(run: Run) -> None:
    ports = [free_port(), free_port(), free_port()]
    understudy = run(
        proxy={
            "listen": [f"127.0.0.1:{ports[0]}", f"[::1]:{ports[1]}", f"127.0.0.1:{ports[2]}"],
            "control": f"[::1]:{free_port()}",
            "workers": 2,
        },
        start=False,
    )
    control = int(understudy.settings["proxy"]["control"].rpartition(":")[2])
    understudy._is_ready = lambda: ask_health(control)  # type: ignore[method-assign]
    understudy.start()
    for host, port in [("127.0.0.1", ports[0]), ("::1", ports[1]), ("127.0.0.1", ports[2])]:
        assert ask(http.client.HTTPConnection(host, port, timeout=60))[0] == 200
    assert understudy.json("status")["requests"]["received"] <= 3


def ask_health(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("::1", port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
    except OSError:
        return False


def test_clients_are_served_over_tls(run: Run, certificate: Path) -> None:
    understudy = run(proxy={"tls_cert": str(certificate), "tls_key": str(certificate)})
    trusting = ssl.create_default_context(cafile=str(certificate))
    status, _, body = ask(http.client.HTTPSConnection("127.0.0.1", understudy.port, context=trusting, timeout=60))
    assert (status, body) == (200, b"/x the same\n" * 20)
    understudy.settled(1)


@pytest.fixture
def tls_stage(stage: Stage, certificate: Path) -> Iterator[Stage]:
    """The old stack behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    app = AppServer(lambda asked: Answer(f"{asked.target} the same\n".encode() * 20))
    app._server.socket = context.wrap_socket(app._server.socket, server_side=True, do_handshake_on_connect=False)
    with app:
        stage.tls = app  # type: ignore[attr-defined]
        yield stage


@pytest.mark.parametrize(
    ("trust", "status"),
    [("its authority", 200), ("anyone", 200), ("the system", 502), ("a lost file", 502)],
)
def test_a_stack_behind_tls_is_asked_as_the_settings_trust_it(
    tls_stage: Stage, run: Run, certificate: Path, tmp_path: Path, trust: str, status: int
) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(certificate.read_bytes())
    extra: dict[str, object] = {
        "its authority": {"ca_file": str(ca)},
        "anyone": {"verify": False},
        "the system": {},
        "a lost file": {"ca_file": str(ca)},
    }[trust]
    understudy = run(start=False)
    port = tls_stage.tls.port  # type: ignore[attr-defined]
    understudy.settings["stacks"]["old"] = {"url": f"https://127.0.0.1:{port}", "role": "primary", **extra}
    understudy.start()
    if trust == "a lost file":
        ca.unlink()
        worker = understudy.worker()
        os.kill(worker, 9)
        understudy.replaced(worker)
    found, headers, body = ask(http.client.HTTPConnection("127.0.0.1", understudy.port, timeout=60))
    assert found == status
    if status == 502:
        assert headers["understudy-error"] == "primary-tls"
        assert b"certificate" not in body.lower()
    else:
        assert body == b"/x the same\n" * 20
    done = understudy.settled(1)["requests"]
    assert done["equal" if status == 200 else "primary_failed"] == 1


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_all_workers_serve_and_their_counts_are_one_sum(run: Run) -> None:
    understudy = run(proxy={"workers": 2})
    pids = [worker["pid"] for worker in understudy.status()["workers"]]
    before = {pid: descriptors(pid) for pid in pids}
    with contextlib.ExitStack() as clients:
        for _ in range(40):
            client = clients.enter_context(Client(understudy.port))
            assert client.get().status == 200
        wait_until(lambda: understudy.status()["connections"] == 40, what="all connections are counted")
        assert all(descriptors(pid) > before[pid] + 2 for pid in pids), "each has some of them"
    status = understudy.settled(40)
    assert status["requests"]["received"] == status["requests"]["equal"] == 40
    assert [worker["ready"] for worker in status["workers"]] == [True, True]
    assert understudy.json("status")["requests"] == status["requests"]


def test_auto_is_one_worker_a_core(run: Run) -> None:
    understudy = run(proxy={"workers": "auto"})
    assert len(understudy.status()["workers"]) == os.cpu_count()


def resident_kib(pid: int) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0])


@pytest.mark.slow
def test_many_short_connections_leave_nothing_behind(run: Run) -> None:
    understudy = run(timeouts={"upstream_idle": 500})
    worker = understudy.worker()
    with Load(understudy.port, clients=8) as load:
        load.wait(200)
    understudy.settled(load.served)

    def at_rest() -> bool:
        stacks = understudy.status()["stacks"].values()
        return understudy.status()["connections"] == 0 == sum(stack["connections"] for stack in stacks)

    wait_until(at_rest, what="idle connections to the stacks are closed too")
    before, memory = descriptors(worker), resident_kib(worker)
    with Load(understudy.port, clients=8) as load:
        load.wait(2_000)
    assert load.errors == []
    understudy.settled(load.served)
    wait_until(at_rest)
    wait_until(lambda: descriptors(worker) <= before + 1, what="nothing more is open")
    assert resident_kib(worker) < memory + 16 * 1024
