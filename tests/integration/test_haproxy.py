"""docker/haproxy.cfg as it is: Understudy in front of the application servers, and they behind as backup."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from containers import REPOSITORY, running
from support import Answer, AppServer, Asked, Understudy, accepts, free_port, wait_until

pytestmark = pytest.mark.integration

USERS = 8


class Load:
    """Users who ask without a pause, each on a kept-alive connection, and count what they get."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.good = 0
        self.bad: list[str] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._user, name=f"user-{n}") for n in range(USERS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(90)

    def goes_on(self) -> None:
        """Wait until each user could have asked many times more."""
        target = self.good + 50 * USERS
        wait_until(lambda: self.good >= target, 120, "traffic goes on")

    def _user(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        while not self._stop.is_set():
            try:
                connection.request("GET", "/page")
                response = connection.getresponse()
                body = response.read()
                outcome = "" if (response.status, body) == (200, b"hello") else f"{response.status} {body!r}"
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                outcome = repr(error)
            with self._lock:
                if outcome:
                    self.bad.append(outcome)
                else:
                    self.good += 1
        connection.close()


def hello(asked: Asked) -> Answer:
    return Answer(b"hello")


@contextmanager
def balancer(understudy: Understudy, apps: list[AppServer]) -> Iterator[int]:
    """HAProxy with the configuration that we ship: its port."""
    port = free_port()
    environ = {
        "SITE_BIND": f"127.0.0.1:{port}",
        "UNDERSTUDY": f"127.0.0.1:{understudy.port}",
        "APP1": f"127.0.0.1:{apps[0].port}",
        "APP2": f"127.0.0.1:{apps[1].port}",
    }
    with running(
        "haproxy-2.6", "haproxy", "-db", "-f", "/haproxy.cfg",
        environ=environ, volumes={REPOSITORY / "docker/haproxy.cfg": "/haproxy.cfg"}, network_mode="host",
    ):  # fmt: skip
        wait_until(lambda: accepts(port), 60, "HAProxy listens")
        yield port


def through_understudy(apps: list[AppServer]) -> Counter[bool]:
    """How many requests came to the application through Understudy, and how many past it; starts anew."""
    asked = [asked for app in apps for asked in app.asked]
    for app in apps:
        app.asked.clear()
    return Counter(any(name == "X-Request-Id" for name, _ in request.headers) for request in asked)


def is_all(apps: list[AppServer], through: bool) -> bool:
    """Whether all that came since the last look, and something did, came through Understudy, or past it."""
    came = through_understudy(apps)
    return came[through] > 0 and not came[not through]


def test_killing_all_of_understudy_costs_at_most_the_requests_in_flight(tmp_path: Path) -> None:
    with AppServer(hello) as app1, AppServer(hello) as app2, AppServer(hello) as shadow:
        apps = [app1, app2]
        stacks = {
            "old": {"urls": [app1.url, app2.url], "role": "primary"},
            "new": {"url": shadow.url, "role": "shadow"},
        }
        understudy = Understudy(tmp_path, {"stacks": stacks, "proxy": {"workers": 2}})
        with understudy, balancer(understudy, apps) as port, Load(port) as load:
            load.goes_on()
            assert load.bad == []
            assert through_understudy(apps)[False] == 0, "all traffic goes through Understudy"

            understudy.kill()
            load.goes_on()
            wait_until(lambda: is_all(apps, through=False), what="all traffic goes past Understudy")
            load.goes_on()
            assert len(load.bad) <= USERS, load.bad

            failed = len(load.bad)
            understudy.start()
            wait_until(lambda: is_all(apps, through=True) and load.goes_on() is None, what="it is back")
            load.goes_on()
            assert through_understudy(apps)[True] > 0
            assert len(load.bad) == failed, load.bad
