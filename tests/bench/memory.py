"""How large a worker gets: many idle connections, and bodies of a gigabyte passing through."""

from __future__ import annotations

import contextlib
import re
import socket
import sys
import time
from collections.abc import Iterator

from load import HERE
from processes import BenchError, forget_peak, holder_of, memory_kib, tree, wait_for
from results import Row
from stage import Stage
from subject import Understudy

IDLE = 5_000
GIBIBYTE = 1 << 30
PIECE = bytes(range(256)) * 1024
PATIENCE_S = 300


def idle(stage: Stage) -> list[Row]:
    """Connections that have had one answer each and stay open."""
    understudy = stage.understudy("understudy, idle", stage.peers.stacks["same"])
    root, port = understudy.subject.pid, understudy.subject.port
    with contextlib.ExitStack() as open_connections:
        first = open_connections.enter_context(_connected(port))
        _get(first, "/users")
        worker = holder_of(port, root)
        before = memory_kib(worker)
        for _ in range(IDLE - 1):
            _get(open_connections.enter_context(_connected(port)), "/users")
        time.sleep(2)  # what a pool closes or a collector frees after the rush is not held for idle connections
        after = memory_kib(worker)
        whole = sum(memory_kib(pid) for pid in tree(root))
        _get(first, "/users")  # still there
    stage.dismiss(understudy)
    note = f"{before / 1024:.0f} MiB with one; {(after - before) / IDLE:.1f} KiB a connection"
    return [
        Row(f"RSS of a worker, {IDLE:,} idle connections", after / 1024, "MiB", at_most=120, note=note),
        Row("the whole tree then (shared pages counted in each)", whole / 1024, "MiB"),
    ]


def gigabyte(stage: Stage) -> list[Row]:
    """A gibibyte up and one down, the shadow on."""
    old, new = (_streamer(stage) for _ in range(2))
    understudy = stage.understudy("understudy, bodies", new, old=old)
    port = understudy.subject.port
    with _connected(port) as connection:
        _download(connection, 65_536)
        _upload(connection, 65_536)
        worker = holder_of(port, understudy.subject.pid)
    understudy.settle(2)
    rows = [
        _grown("1 GiB upload", understudy, worker, upload=True),
        _grown("1 GiB download", understudy, worker, upload=False),
    ]
    stage.dismiss(understudy)
    return rows


def _grown(what: str, understudy: Understudy, worker: int, upload: bool) -> Row:
    understudy.mark()
    before = memory_kib(worker)
    forget_peak(worker)
    start = time.monotonic()
    with _connected(understudy.subject.port) as connection:
        (_upload if upload else _download)(connection, GIBIBYTE)
    seconds = time.monotonic() - start
    accounts = understudy.settle(1, patience_s=30)
    grown = memory_kib(worker, "VmHWM") - before
    note = f"{GIBIBYTE / seconds / 1e6:,.0f} MB/s; {accounts}"
    return Row(f"a worker's RSS grows at most by, {what}", grown / 1024, "MiB", at_most=32, note=note)


def _streamer(stage: Stage) -> int:
    port = stage.ports.take()
    stage.processes.start(f"stream-{port}", [sys.executable, HERE / "backends.py", "stream", str(port)])

    def ready() -> bool:
        try:
            with _connected(port) as connection:
                _download(connection, 1)
        except OSError:
            return False
        return True

    wait_for(ready, "the streaming stack answers", 10)
    return port


@contextlib.contextmanager
def _connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        yield connection


def _get(connection: socket.socket, path: str) -> int:
    """A GET on a kept-alive connection; the body's length."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
    return _answer(connection)


def _download(connection: socket.socket, count: int) -> None:
    got = _get(connection, f"/download/{count}")
    if got != count:
        raise BenchError(f"a download of {count:,} bytes brought {got:,}")


def _upload(connection: socket.socket, count: int) -> None:
    head = f"PUT /upload HTTP/1.1\r\nHost: bench\r\nContent-Length: {count}\r\n\r\n"
    connection.sendall(head.encode())
    for _ in range(count // len(PIECE)):
        connection.sendall(PIECE)
    connection.sendall(PIECE[: count % len(PIECE)])
    _answer(connection, expect=b'{"bytes": %d}' % count)


def _answer(connection: socket.socket, expect: bytes | None = None) -> int:
    """Read a whole 200 and return its body's length, holding no more than a piece of it."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    if not head.startswith(b"HTTP/1.1 200") or not length:
        raise BenchError(f"not the answer that was asked for: {head[:200]!r}")
    got, buffer = len(body), bytearray(len(PIECE))
    while got < int(length[1]):
        more = connection.recv_into(buffer)
        if not more:
            raise BenchError(f"the answer ended after {got:,} of {int(length[1]):,} bytes")
        got += more
        body += bytes(buffer[:more]) if expect else b""
    if expect and body != expect:
        raise BenchError(f"{body[:100]!r} was answered, not {expect!r}")
    return got


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise BenchError("the connection was closed without an answer")
    return data
