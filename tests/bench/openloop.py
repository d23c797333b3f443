"""A load generator that sends at a fixed rate, whatever the answers do (open loop).

    python openloop.py PORT RATE SECONDS [CONNECTIONS]

Requests are due at times drawn beforehand (memoryless gaps, as independent users arrive; the same draw each
run). A request's latency counts from when it was *due*: one that waits because every connection is busy, or
because the generator itself was late, is not forgiven (no coordinated omission). `late_p99_us` says how late
the generator's own sends were, `from_send_*` leaves that out. `calm` is of the requests that were due while the host
let us have all cores (stalls.py), `null` where that can't be watched.

Prints one JSON object. A plain epoll loop, because at 2,000 requests/s it takes a few percent of a core
and adds microseconds; asyncio's and uvloop's timers count in milliseconds.
"""

from __future__ import annotations

import contextlib
import gc
import json
import random
import re
import select
import socket
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from stalls import Watchers, calm, permitted

GRACE_S = 15.0
WARM_UP_S = 0.3
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Connection:
    """A kept-alive connection with at most one request on its way."""

    __slots__ = ("buffer", "due", "sent", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.buffer = b""
        self.due = 0.0
        self.sent = 0.0

    def answered(self) -> bool | None:
        """Read what came: True for a whole 200, False for anything wrong, None while it is not whole."""
        try:
            data = self.socket.recv(262_144)
        except BlockingIOError:
            return None
        except OSError:
            return False
        if not data:
            return False
        self.buffer = data = self.buffer + data if self.buffer else data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return None
        length = _LENGTH.search(data, 0, end)
        if length is None:
            return False
        if len(data) < end + 4 + int(length[1]):
            return None
        self.buffer = b""
        return data[9:12] == b"200"


class Generator:
    """Sends what is due, collects latencies in seconds."""

    def __init__(self, port: int, connections: int) -> None:
        self.port = port
        self.request = f"GET /users HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: openloop\r\n\r\n".encode()
        self.epoll = select.epoll()
        self.connections: dict[int, Connection] = {}
        self.idle: deque[Connection] = deque()
        self.dues: list[float] = []  # of each of the latencies
        self.latencies: list[float] = []
        self.from_send: list[float] = []
        self.late: list[float] = []
        self.errors = 0
        for _ in range(connections):
            self._connect()

    def _connect(self) -> None:
        connection = Connection(self.port)
        self.connections[connection.socket.fileno()] = connection
        self.epoll.register(connection.socket, select.EPOLLIN)
        self.idle.append(connection)

    def run(self, due: list[float]) -> None:
        """Send a request at each of the times of time.perf_counter(), wait for the answers."""
        waiting: deque[float] = deque()
        clock, position, total = time.perf_counter, 0, len(due)
        while len(self.latencies) + self.errors < total:
            now = clock()
            while position < total and due[position] <= now:
                waiting.append(due[position])
                self.late.append(now - due[position])
                position += 1
            while waiting and self.idle:
                self._send(self.idle.popleft(), waiting.popleft())
            if now > due[-1] + GRACE_S:
                break
            pause = due[position] - clock() if position < total else 0.1
            # epoll's own timeout counts in milliseconds, select's in microseconds
            if select.select([self.epoll], [], [], max(0.0, pause))[0]:
                for number, _ in self.epoll.poll(0):
                    if connection := self.connections.get(number):
                        self._receive(connection)
        self.errors += total - len(self.latencies) - self.errors

    def _send(self, connection: Connection, due: float) -> None:
        connection.due, connection.sent = due, time.perf_counter()
        try:
            connection.socket.send(self.request)
        except OSError:
            self._fail(connection)

    def _receive(self, connection: Connection) -> None:
        good = connection.answered()
        if good is None:
            return
        if not good or not connection.due:
            self._fail(connection)
            return
        now = time.perf_counter()
        self.dues.append(connection.due)
        self.latencies.append(now - connection.due)
        self.from_send.append(now - connection.sent)
        connection.due = 0.0
        self.idle.append(connection)

    def _fail(self, connection: Connection) -> None:
        """Count the request (if one was on its way) and use a new connection."""
        self.errors += bool(connection.due)
        number = connection.socket.fileno()
        self.epoll.unregister(number)
        del self.connections[number]
        with contextlib.suppress(ValueError):
            self.idle.remove(connection)
        connection.socket.close()
        with contextlib.suppress(OSError):
            self._connect()

    def close(self) -> None:
        """Let go of every connection."""
        for connection in self.connections.values():
            connection.socket.close()
        self.epoll.close()

    def forget(self) -> None:
        """Drop what the warm-up has counted."""
        self.dues.clear()
        self.latencies.clear()
        self.from_send.clear()
        self.late.clear()
        self.errors = 0


def arrivals(rate: float, seconds: float, seed: int = 1) -> list[float]:
    """When requests are due, in seconds from the start: `rate` a second on average, gaps exponential."""
    draw = random.Random(seed)
    times, at = [], 0.0
    while (at := at + draw.expovariate(rate)) < seconds:
        times.append(at)
    return times


def quantile_us(values: list[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed, in microseconds."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e6 if ordered else float("nan")


def measure(port: int, rate: float, seconds: float, connections: int) -> dict[str, Any]:
    """Warm up, send for `seconds`, and sum up."""
    with contextlib.suppress(OSError):
        Path("/proc/self/timerslack_ns").write_text("1")  # 50 us otherwise
    generator = Generator(port, connections)
    gc.disable()
    _send(generator, arrivals(rate, WARM_UP_S, 2))
    generator.forget()
    watchers = Watchers() if permitted() else None
    with watchers or contextlib.nullcontext():
        _send(generator, arrivals(rate, seconds))
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
    return {
        "requests": len(generator.latencies),
        "errors": generator.errors,
        **{f"{name}_us": quantile_us(generator.latencies, share) for name, share in shares.items()},
        "from_send_p99_us": quantile_us(generator.from_send, 0.99),
        "late_p99_us": quantile_us(generator.late, 0.99),
        "calm": None if watchers is None else _calm(generator, watchers),
    }


def _send(generator: Generator, times: list[float]) -> None:
    start = time.perf_counter() + 0.01
    generator.run([start + at for at in times])


def _calm(generator: Generator, watchers: Watchers) -> dict[str, float]:
    left = calm(zip(generator.dues, generator.latencies, strict=True), watchers.stalls)
    return {
        "requests": len(left),
        "p99_us": quantile_us(left, 0.99) if left else 0.0,
        "stalled_ms": 1e3 * sum(stall.seconds for stall in watchers.stalls),
        "stolen_ms": 1e3 * watchers.stolen_s,
    }


if __name__ == "__main__":
    port, rate, seconds, *rest = sys.argv[1:]
    print(json.dumps(measure(int(port), float(rate), float(seconds), int(rest[0]) if rest else 64)))
