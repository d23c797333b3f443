"""The product's image: settings mounted, state in a volume, nobody's root, an orderly end."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from containers import Service, running
from support import Answer, AppServer, Asked, as_toml, wait_until

pytestmark = pytest.mark.integration

GATEWAY = "stack.internal"


class SlowOnce:
    """Answers at once, but for /slow, which waits until it is let go."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.go = threading.Event()

    def __call__(self, asked: Asked) -> Answer:
        if asked.target == "/slow":
            self.asked.set()
            assert self.go.wait(60)
        return Answer(b"from the application")


@pytest.fixture
def app() -> Iterator[tuple[AppServer, SlowOnce]]:
    respond = SlowOnce()
    with AppServer(respond, host="0.0.0.0") as server:
        yield server, respond
        respond.go.set()


@pytest.fixture
def product(app: tuple[AppServer, SlowOnce], tmp_path: Path) -> Iterator[Service]:
    """The image, with a settings file mounted and an application on this machine as both stacks."""
    url = f"http://{GATEWAY}:{app[0].port}"
    stacks = {"old": {"url": url, "role": "primary"}, "new": {"url": url, "role": "shadow"}}
    file = tmp_path / "understudy.toml"
    file.write_text(as_toml({"proxy": {"listen": "0.0.0.0:8080"}, "stacks": stacks}))
    with running(
        "understudy-dev", port=8080,
        volumes={file: "/etc/understudy/understudy.toml"}, extra_hosts={GATEWAY: "host-gateway"},
        healthcheck={"interval": 1_000_000_000},
    ) as service:  # fmt: skip
        wait_until(lambda: is_served(service), 60, f"the image serves: {service.log()}")
        yield service


def is_served(service: Service) -> bool:
    try:
        return ask(service, "/") == b"from the application"
    except OSError:
        return False


def ask(service: Service, path: str) -> bytes:
    with urllib.request.urlopen(service.url + path, timeout=40) as answer:
        body: bytes = answer.read()
        return body


def test_it_serves_as_nobodys_root_and_says_that_it_is_healthy(product: Service) -> None:
    assert ask(product, "/page") == b"from the application"
    assert product.run("id", "-un").strip() == "understudy"
    assert "0700" in oct_mode(product, "/var/lib/understudy")
    assert product.run("ls", "/var/lib/understudy").split(), "its state is in the volume"
    report = product.run("understudy", "status", "-c", "/etc/understudy/understudy.toml", "--json")
    assert '"received"' in report
    wait_until(lambda: product.state()["Health"]["Status"] == "healthy", 60, "its health check passes")


def oct_mode(product: Service, path: str) -> str:
    return "0" + product.run("stat", "-c", "%a", path).strip()


def test_docker_stop_lets_a_request_in_flight_finish(product: Service, app: tuple[AppServer, SlowOnce]) -> None:
    slow = app[1]
    with ThreadPoolExecutor(2) as pool:
        in_flight = pool.submit(ask, product, "/slow")
        assert slow.asked.wait(60)
        stopping = pool.submit(product.container.stop, timeout=40)
        wait_until(lambda: not is_served(product), 20, "it takes no new connections")
        slow.go.set()
        assert in_flight.result(timeout=40) == b"from the application"
        stopping.result(timeout=60)
    assert product.state()["ExitCode"] == 0, product.log()
