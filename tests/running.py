"""Two small stacks, a load of clients, and Understudy as a process: what the tests here break."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

from support import Answer, AppServer, Asked, Understudy, bucket_sum, processes_under, wait_until


class Stage:
    """Two stacks: /slow waits for `gate`, the new stack answers /different otherwise; all but /…quiet is echoed."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.old = AppServer(lambda asked: self._answer(asked, "old"))
        self.new = AppServer(lambda asked: self._answer(asked, "new"))

    def _answer(self, asked: Asked, name: str) -> Answer:
        if asked.target.startswith("/slow"):
            self.gate.wait(60)
        said = name if asked.target.startswith("/different") else "the same"
        if "quiet" in asked.target:
            return Answer(said.encode())
        return Answer(f"{asked.target} {said}\n".encode() * 20)

    def settings(self, **sections: Any) -> dict[str, Any]:
        """Settings with these stacks."""
        stacks = {
            "old": {"url": self.old.url, "role": "primary"},
            "new": {"url": self.new.url, "role": "shadow"},
        }
        quick = {"settle_ms": 50, "settle_per_second": 0, "max_queued": 10_000}
        return {"stacks": stacks, **sections, "mirror": quick | sections.get("mirror", {})}


class Reply(NamedTuple):
    """What a client got."""

    status: int
    body: bytes
    headers: dict[str, str]


class Client:
    """One keep-alive connection, or several after one another."""

    def __init__(self, port: int, timeout: float = 60.0) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def get(self, path: str = "/") -> Reply:
        """Ask over the connection that there is."""
        self._connection.request("GET", path)
        response = self._connection.getresponse()
        return Reply(response.status, response.read(), {k.lower(): v for k, v in response.getheaders()})

    @property
    def local_port(self) -> int:
        """Stays the same as long as the connection does."""
        return int(self._connection.sock.getsockname()[1])

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Later:
    """A request in a thread of its own; `reply` waits for what came of it."""

    def __init__(self, port: int, path: str) -> None:
        self._result: Reply | Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(port, path))
        self._thread.start()

    def _run(self, port: int, path: str) -> None:
        try:
            with Client(port) as client:
                self._result = client.get(path)
        except Exception as error:
            self._result = error

    def reply(self, deadline_s: float = 60.0) -> Reply | Exception:
        """The reply, or what went wrong."""
        self._thread.join(deadline_s)
        assert self._result is not None, f"no reply within {deadline_s:g} s"
        return self._result


class Load:
    """Clients that ask one request after another, each over a connection of its own, and check every answer."""

    def __init__(self, port: int, path: str = "/", clients: int = 4, retry: bool = False) -> None:
        self.errors: list[str] = []
        self.slowest_s = 0.0
        self.served = 0
        self._counting = threading.Lock()
        self._retry = retry
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(port, path, n)) for n in range(clients)]

    def _run(self, port: int, path: str, number: int) -> None:
        for turn in itertools.count():
            if self._stop.is_set():
                return
            target = f"{path}?{number}-{turn}"
            began = time.monotonic()
            deadline = began + 60
            while (error := self._ask(port, target)) and self._retry and time.monotonic() < deadline:
                time.sleep(0.005)
            if error:
                self.errors.append(error)
            else:
                with self._counting:
                    self.served += 1
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)

    def _ask(self, port: int, target: str) -> str:
        try:
            with Client(port) as client:
                reply = client.get(target)
        except (OSError, http.client.HTTPException) as error:
            return f"{target}: {error!r}"
        return "" if reply.status == 200 and reply.body.startswith(target.encode()) else f"{target}: {reply}"

    def wait(self, more: int, deadline_s: float = 120.0) -> None:
        """Until so many more requests were served."""
        goal = self.served + more
        wait_until(lambda: self.served >= goal, deadline_s, f"{more} more requests served; {self.errors[:3]}")

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)


class Running(Understudy):
    """`Understudy`, with what these tests ask of its processes."""

    def child(self, module: str, deadline_s: float = 60.0) -> int:
        """The process id of a child: "process" is a worker, "judge" the judge."""

        def found() -> int | None:
            assert self.process is not None
            for pid in processes_under(self.process.pid)[1:]:
                with contextlib.suppress(OSError):
                    if f"understudy.{module}\0".encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                        return pid
            return None

        return wait_until(found, deadline_s, f"a child {module}") or 0

    def worker(self) -> int:
        """The first worker's process id."""
        return self.child("proxy.process")

    def judge(self) -> int:
        """The judge's process id."""
        return self.child("diffs.judge")

    def replaced(self, pid: int) -> None:
        """Wait until the worker `pid` has a successor that serves."""

        def ready() -> bool:
            return all(worker["ready"] and worker["pid"] != pid for worker in self.status()["workers"])

        wait_until(ready, what="the worker is replaced")

    def wait(self, deadline_s: float = 60.0) -> int:
        """The exit code, once it has ended."""
        assert self.process is not None
        try:
            return self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still there after {deadline_s:g} s:\n{self.log[-3000:]}") from None

    def signal(self, number: int) -> None:
        """Send the supervisor a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def takes_over(self) -> Self:
        """Start it while another with the same settings runs; wait until it is the one that answers."""
        self.launch()

        def mine() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.log
            with contextlib.suppress(OSError, http.client.HTTPException):  # the one before may close amid its answer
                return bool({worker["pid"] for worker in self.status()["workers"]} & set(self.processes()))
            return False

        wait_until(mine, what="the successor answers")
        return self


def add_up(status: dict[str, Any]) -> bool:
    """Whether every request is in a bucket or in flight."""
    requests = status["requests"]
    return bool(requests["received"] == bucket_sum(requests) + requests["rejected"] + status["in_flight"])


def gone(pids: list[int], deadline_s: float = 60.0) -> None:
    """Wait until none of these processes lives any more."""

    def living() -> list[int]:
        found = []
        for pid in pids:
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                    found.append(pid)
        return found

    wait_until(lambda: not living(), deadline_s, f"the end of {living()}")


Run = Callable[..., Running]
