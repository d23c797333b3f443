"""What tests of the running product share: Understudy as a process, waiting for conditions, small servers."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar
from urllib.error import URLError

T = TypeVar("T")

COMMAND = Path(sys.executable).with_name("understudy")
BUCKETS = (
    "equal",
    "different",
    "skipped",
    "sampled_out",
    "shed",
    "too_large",
    "shadow_failed",
    "primary_failed",
    "client_gone",
    "unrecorded",
    "rejected",
)


def wait_until(condition: Callable[[], T], deadline_s: float = 60.0, what: str = "") -> T:
    """Ask until `condition` answers something true, and return that. Raises AssertionError past the deadline."""
    end = time.monotonic() + deadline_s
    while not (answer := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s:g} s: {what or condition}")
        time.sleep(0.02)
    return answer


# Below Linux' ephemeral ports, so that neither an outgoing connection nor whoever binds port 0 takes one meanwhile, and
# below the benchmark's.
PORTS = range(10_000, 21_000)
_given: set[int] = set()
_locks: list[int] = []


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now, and that no process of tests was given that still lives."""
    if not _locks:
        _locks.append(os.open(Path(tempfile.gettempdir(), "understudy-tests-ports"), os.O_RDWR | os.O_CREAT, 0o666))
    for _ in PORTS:
        port = random.choice(PORTS)
        if port in _given:
            continue
        _given.add(port)
        with contextlib.suppress(OSError), socket.socket() as probe:
            fcntl.lockf(_locks[0], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)  # a byte for each, for as long as we live
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError(f"no free port from {PORTS.start} to {PORTS.stop}")


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def processes_under(pid: int) -> list[int]:
    """A process and all of its descendants that live now, parents first."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state_and_parent = stat.read_text().rpartition(")")[2].split()
            if state_and_parent[0] != "Z":
                children.setdefault(int(state_and_parent[1]), []).append(int(stat.parent.name))
    tree = [pid]
    for member in tree:
        tree += children.get(member, [])
    return tree


class Understudy:
    """`understudy run -c FILE` as an operator runs it: a process of its own, with settings in a file.

    `settings` is understudy.toml as nested dicts. Listening addresses are chosen where they aren't given, the
    state is kept in `folder`/state, standard error in `folder`/understudy.log. A context manager: started and
    ready inside, stopped in order afterwards.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.settings = {"state_dir": "state", **settings}
        self.settings["proxy"] = {
            "listen": f"127.0.0.1:{free_port()}",
            "control": f"127.0.0.1:{free_port()}",
            **settings.get("proxy", {}),
        }
        self.environ = {**os.environ, **(environ or {})}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def file(self) -> Path:
        """The settings file."""
        return self.folder / "understudy.toml"

    @property
    def log(self) -> str:
        """What it has said on standard error, over all its starts in this folder."""
        return (self.folder / "understudy.log").read_text(errors="replace")

    @property
    def port(self) -> int:
        """Where users are served; the first address where there are several."""
        listen = self.settings["proxy"]["listen"]
        return int((listen if isinstance(listen, str) else listen[0]).rpartition(":")[2])

    @property
    def url(self) -> str:
        """Where users are served, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def control_port(self) -> int:
        """Where health, metrics and status are."""
        return int(self.settings["proxy"]["control"].rpartition(":")[2])

    @property
    def control_url(self) -> str:
        """Where health, metrics and status are, without a slash at the end."""
        return f"http://127.0.0.1:{self.control_port}"

    def configure(self, **sections: Mapping[str, Any]) -> None:
        """Lay `sections` over the settings and write the file; a running process sees it after `reload`."""
        for name, values in sections.items():
            self.settings[name] = {**self.settings.get(name, {}), **values}
        self.file.write_text(as_toml(self.settings))

    def start(self, deadline_s: float = 60.0) -> Self:
        """Start it and wait until it says that it is healthy."""
        self.launch()
        wait_until(self._is_ready, deadline_s, "understudy is healthy")
        return self

    def launch(self) -> None:
        """Start it, and don't wait."""
        self.configure()
        with (self.folder / "understudy.log").open("ab") as log:
            self.process = subprocess.Popen(
                [COMMAND, "run", "-c", self.file],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environ, start_new_session=True,
            )  # fmt: skip

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"understudy ended with {self.process.returncode}:\n{self.log}"
        try:
            with urllib.request.urlopen(f"{self.control_url}/health", timeout=10) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def status(self) -> dict[str, Any]:
        """What GET /status says: the same as `understudy status --json`."""
        with urllib.request.urlopen(f"{self.control_url}/status", timeout=30) as answer:
            status: dict[str, Any] = json.load(answer)
            return status

    def metrics(self) -> str:
        """What GET /metrics says."""
        with urllib.request.urlopen(f"{self.control_url}/metrics", timeout=30) as answer:
            text: str = answer.read().decode()
            return text

    def command(self, *arguments: str, expect: int = 0) -> str:
        """What `understudy ARGUMENTS -c FILE` prints; its exit code has to be `expect`."""
        done = subprocess.run(
            [COMMAND, *arguments, "-c", self.file], capture_output=True, text=True, timeout=180, env=self.environ
        )
        assert done.returncode == expect, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """What `understudy ARGUMENTS -c FILE --json` prints, read."""
        return json.loads(self.command(*arguments, "--json"))

    def report(self) -> Any:
        """`understudy diffs report --json`."""
        return self.json("diffs", "report")

    def settled(self, received: int = 0, deadline_s: float = 120.0) -> dict[str, Any]:
        """The status once at least `received` requests have come, each is in a bucket, and all are judged."""

        def status() -> dict[str, Any] | None:
            now = self.status()
            requests, judge = now["requests"], now["judge"]
            at_rest = now["in_flight"] == 0 and requests["received"] == bucket_sum(requests) >= received
            all_judged = judge["backlog"] == 0 and judge["judged"] + judge.get("lost", 0) >= now["recorded"]
            return now if at_rest and all_judged else None

        try:
            return wait_until(status, deadline_s) or {}
        except AssertionError:
            raise AssertionError(f"not settled after {deadline_s:g} s: {self.status()}\n{self.log[-4000:]}") from None

    def reload(self) -> None:
        """SIGHUP: read the settings file again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def stop(self, deadline_s: float = 90.0) -> int:
        """SIGTERM, and wait for the end in order: its exit code."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"understudy did not stop within {deadline_s:g} s:\n{self.log[-4000:]}") from None

    def processes(self) -> list[int]:
        """The process ids of the whole tree, the supervisor first."""
        assert self.process is not None
        return processes_under(self.process.pid)

    def kill(self) -> None:
        """`kill -9` of the whole process tree at one moment: stopped first, so that none outlives another."""
        assert self.process is not None
        tree = self.processes()
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in tree:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        self.process.wait(60)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop() if error is None else self.kill()


def bucket_sum(requests: Mapping[str, int]) -> int:
    """How many requests are in a bucket."""
    return sum(requests[bucket] for bucket in BUCKETS)


def as_toml(settings: Mapping[str, Any]) -> str:
    """Nested dicts as TOML."""
    return "\n".join(_toml_lines(settings, "")) + "\n"


def _toml_lines(table: Mapping[str, Any], path: str) -> Iterator[str]:
    tables = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    yield from (f"{key} = {_toml_value(value)}" for key, value in table.items() if key not in tables)
    for key, value in tables.items():
        inner = f"{path}.{key}" if path else key
        yield f"[{inner}]"
        yield from _toml_lines(value, inner)


def _toml_value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml_value(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    return json.dumps(value if isinstance(value, bool | int | float) else str(value), ensure_ascii=False)


class Asked(NamedTuple):
    """A request as `AppServer` got it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes


class Answer(NamedTuple):
    """What `AppServer` is to answer."""

    body: bytes
    status: int = 200
    content_type: str = "text/plain"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


class AppServer:
    """A small application server: `respond` makes the answer, `asked` keeps what came.

    A context manager; threads, so that an answer may wait for something in the test.
    """

    def __init__(self, respond: Callable[[Asked], Answer], port: int = 0, host: str = "127.0.0.1") -> None:
        self.respond = respond
        self.asked: list[Asked] = []
        app = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two writes: else the second waits 40 ms for an ACK

            def handle_one_request(self) -> None:
                with contextlib.suppress(ConnectionError):
                    super().handle_one_request()

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked = Asked(self.command, self.path, self.headers.items(), body)
                app.asked.append(asked)
                answer = app.respond(asked)
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.content_type)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Server((host, port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="app-server")

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """As a stack's `url`."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
