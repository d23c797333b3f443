"""Conversations with a real worker, as transcripts: scripted stacks behind it, clients before it, loopback between.

    stage.stack("old", ok(b"hi"))
    stage.stack("new", ok(b"ho"))
    async with stage.client() as client:
        await client.send(GET("/"))
        assert (await client.answer()).body == b"hi"
    await stage.settled(different=1)

A stack plays one act for each request: bytes are sent, an `asyncio.Event` is waited for, `CLOSE`, `RESET` and `HANG` do
what they say, a function makes an act of the request, a tuple is played in order. The last act is repeated.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

import msgspec

from understudy.config import Settings
from understudy.exchange import Equals, Exchange, Missed
from understudy.proxy.counts import BUCKETS
from understudy.proxy.worker import Worker
from understudy.recording import scan

T = TypeVar("T")

DEADLINE_S = 30.0
KEY = b"a key for tests"


class Do(Enum):
    """What a stack does instead of answering."""

    CLOSE = "close"
    RESET = "reset"
    HANG = "hang"
    HALF_CLOSE = "half-close"


CLOSE, RESET, HANG, HALF_CLOSE = Do

Act = bytes | Do | asyncio.Event | tuple[Any, ...] | Callable[["Heard"], Any]


class Heard(NamedTuple):
    """A request as a stack got it: the exact bytes, what they mean, and the connection, for acts that need it."""

    raw: bytes
    head: bytes
    body: bytes
    connection: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def line(self) -> str:
        return self.head.partition(b"\r\n")[0].decode("latin-1")

    @property
    def fields(self) -> list[tuple[str, str]]:
        return fields_of(self.head)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def value(self, name: str) -> str:
        return ", ".join(self.all(name))

    def one(self, name: str) -> str:
        (value,) = self.all(name)
        return value


class Answered(NamedTuple):
    """A reply as the client got it; `body` is de-chunked."""

    raw: bytes
    head: bytes
    body: bytes
    trailers: bytes = b""

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1])

    @property
    def fields(self) -> list[tuple[str, str]]:
        return fields_of(self.head)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def value(self, name: str) -> str:
        return ", ".join(self.all(name))

    @property
    def error(self) -> str:
        return self.value("Understudy-Error")


def fields_of(head: bytes) -> list[tuple[str, str]]:
    """A head's fields in order, split by a reader that shares no code with the proxy."""
    lines = head.decode("latin-1").split("\r\n")[1:]
    return [(line.partition(":")[0], line.partition(":")[2].strip()) for line in lines if line]


def request(method: str, target: str, *fields: str, body: bytes = b"", host: str = "shop.example") -> bytes:
    """A request; Host is added, and Content-Length where there is a body."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def GET(target: str = "/", *fields: str) -> bytes:
    return request("GET", target, *fields)


def POST(target: str, body: bytes, *fields: str) -> bytes:
    return request("POST", target, *fields, body=body)


def reply(status: str, body: bytes = b"", *fields: str) -> bytes:
    """A reply with a Content-Length."""
    lines = [f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def ok(body: bytes = b"", *fields: str) -> bytes:
    return reply("200 OK", body, *fields)


def chunks(*pieces: bytes, trailers: bytes = b"") -> bytes:
    """A chunked body."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n" + trailers + b"\r\n"


def chunked(*pieces: bytes, trailers: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(*pieces, trailers=trailers)


async def until(condition: Callable[[], T], what: str = "", deadline_s: float = DEADLINE_S) -> T:
    """Let the loop go on until `condition` answers something true, and return that."""
    end = time.monotonic() + deadline_s
    while not (answer := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s:g} s: {what or condition}")
        await asyncio.sleep(0.002)
    return answer


async def soon(work: Any, deadline_s: float = DEADLINE_S) -> Any:
    """Await with a deadline."""
    async with asyncio.timeout(deadline_s):
        return await work


def reset(writer: asyncio.StreamWriter) -> None:
    """Break a connection off, so that the other side sees a reset."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class ScriptedStack:
    """An application stack that keeps what it got and plays its acts. `reads` is "all", "head" or "nothing"."""

    def __init__(self, *acts: Act, reads: str = "all") -> None:
        self.acts = list(acts) or [ok()]
        self.reads = reads
        self.heard: list[Heard] = []
        self.connections = 0
        self.open = 0
        self.after_head = bytearray()  # what came after a head where only heads are read
        self.writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._sock = socket.socket()
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        self._sock.bind(("127.0.0.1", 0))
        self.port = int(self._sock.getsockname()[1])
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def lines(self) -> list[str]:
        return [heard.line for heard in self.heard]

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, sock=self._sock, backlog=512)

    async def close(self) -> None:
        if self._server is None:
            self._sock.close()
            return
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self.writers:
            writer.transport.abort()
        await self._server.wait_closed()
        self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.writers.append(writer)
        self.connections += 1
        self.open += 1
        try:
            await self._serve(reader, writer, self.connections)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        except RuntimeError as error:  # what uvloop raises where asyncio has a ConnectionResetError
            if "the handler is closed" not in str(error):
                raise
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.transport.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while True:
            if self.reads == "nothing":
                heard = Heard(b"", b"", b"", number, reader, writer)
            else:
                head = await reader.readuntil(b"\r\n\r\n")
                wire, body = (b"", b"") if self.reads == "head" else await read_body(reader, head)
                heard = Heard(head + wire, head, body, number, reader, writer)
            self.heard.append(heard)
            act = self.acts[0] if len(self.acts) == 1 else self.acts.pop(0)
            if not await self._play(act, heard, reader, writer):
                return
            if self.reads != "all":
                while data := await reader.read(65536):
                    self.after_head += data
                return

    async def _play(self, act: Any, heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Play an act; False where the connection does not go on."""
        if isinstance(act, tuple):
            for part in act:
                if not await self._play(part, heard, reader, writer):
                    return False
            return True
        if isinstance(act, bytes):
            if act:
                writer.write(act)
                await writer.drain()
            return True
        if isinstance(act, asyncio.Event):
            await act.wait()
            return True
        if isinstance(act, Do):
            return await self._do(act, reader, writer)
        made = act(heard)
        if asyncio.iscoroutine(made):
            made = await made
        return await self._play(made, heard, reader, writer)

    async def _do(self, act: Do, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if act is HANG:
            while data := await reader.read(65536):
                self.after_head += data
        elif act is RESET:
            reset(writer)
        elif act is HALF_CLOSE:
            writer.write_eof()
            return True
        return False


async def read_body(reader: asyncio.StreamReader, head: bytes) -> tuple[bytes, bytes]:
    """A request's body, as it came and as it was meant."""
    names = {name.lower(): value for name, value in fields_of(head)}
    if "transfer-encoding" in names:
        wire, payload, _ = await read_chunks(reader)
        return wire, payload
    body = await reader.readexactly(int(names.get("content-length", 0)))
    return body, body


async def read_chunks(reader: asyncio.StreamReader) -> tuple[bytes, bytes, bytes]:
    """A chunked body: as it came, its payload, its trailers."""
    wire, payload = bytearray(), bytearray()
    while True:
        line = await reader.readuntil(b"\r\n")
        wire += line
        size = int(re.split(rb"[;\s]", line)[0], 16)
        if not size:
            break
        piece = await reader.readexactly(size + 2)
        assert piece.endswith(b"\r\n"), (wire, line, piece)
        wire += piece
        payload += piece[:-2]
    trailers = bytearray()
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
        trailers += line
    return bytes(wire + trailers + b"\r\n"), bytes(payload), bytes(trailers)


@contextlib.contextmanager
def deaf_address() -> Iterator[str]:
    """The URL of a port that takes no connection and refuses none: its queue of connections is full."""
    with socket.socket() as listener, contextlib.ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            sock = waiting.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


class Client:
    """A client's connection, by hand. `answer` reads one reply; its framing is checked by code of its own."""

    def __init__(self, port: int, buffer_bytes: int = 0, local: str = "127.0.0.1") -> None:
        self._port = port
        self._buffer_bytes = buffer_bytes
        self._local = local
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        sock = socket.socket()
        sock.setblocking(False)
        if self._buffer_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer_bytes)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._buffer_bytes)
        sock.bind((self._local, 0))
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self._port))
        limit = self._buffer_bytes or 65536
        self.reader, self.writer = await asyncio.open_connection(sock=sock, limit=limit)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def send(self, *pieces: bytes) -> None:
        """Send each piece in a segment of its own."""
        for piece in pieces:
            self.writer.write(piece)
            await soon(self.writer.drain())
            if len(pieces) > 1:
                await asyncio.sleep(0)

    async def answer(self, method: str = "GET") -> Answered:
        """The next reply, whole."""
        return await soon(self._answer(method))  # type: ignore[no-any-return]

    async def _answer(self, method: str) -> Answered:
        head = await self.reader.readuntil(b"\r\n\r\n")
        names = {name.lower(): value for name, value in fields_of(head)}
        status = int(head.split(b" ", 2)[1])
        if method == "HEAD" or status < 200 or status in (204, 304):
            return Answered(head, head, b"")
        if "transfer-encoding" in names:
            assert "content-length" not in names
            wire, payload, trailers = await read_chunks(self.reader)
            return Answered(head + wire, head, payload, trailers)
        if "content-length" in names:
            body = await self.reader.readexactly(int(names["content-length"]))
        else:
            body = await self.reader.read()
        return Answered(head + body, head, body)

    async def answer_begins(self) -> bytes:
        """The next reply's head."""
        return await soon(self.reader.readuntil(b"\r\n\r\n"))  # type: ignore[no-any-return]

    async def ask(self, message: bytes) -> Answered:
        """Send a request, and read its reply."""
        await self.send(message)
        return await self.answer(message.split(b" ", 1)[0].decode())

    async def exactly(self, size: int) -> bytes:
        return await soon(self.reader.readexactly(size))  # type: ignore[no-any-return]

    async def rest(self) -> bytes:
        """All that still comes, to the end of the connection."""
        return await soon(self.reader.read())  # type: ignore[no-any-return]

    async def is_closed(self) -> bool:
        """Whether the other side has closed, and sent nothing before."""
        return await self.rest() == b""

    def end(self) -> None:
        """Send no more, go on reading."""
        self.writer.write_eof()

    def reset(self) -> None:
        reset(self.writer)


class Stage:
    """A worker with its stacks. The worker starts with the first client, under `settings` (sections as dicts)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stacks: dict[str, ScriptedStack] = {}
        self.sections: dict[str, Any] = {
            "mirror": {"settle_per_second": 0, "breaker_failures": 1000},
            "timeouts": {"client_head": 5000, "client_idle": 10_000, "primary": 5000, "shadow": 5000},
        }
        self.stack_settings: dict[str, dict[str, Any]] = {}
        self.hooks = ""
        self.expected_errors: list[str] = []
        self.loop_errors: list[str] = []
        self._worker: Worker | None = None
        self._port = 0

    # --- before

    def stack(self, name: str, *acts: Act, reads: str = "all", **settings: Any) -> ScriptedStack:
        """A stack; the first one is the primary."""
        stack = ScriptedStack(*acts, reads=reads)
        role = "shadow" if self.stacks else "primary"
        self.stacks[name] = stack
        self.stack_settings[name] = {"role": role, **({} if "urls" in settings else {"url": stack.url}), **settings}
        return stack

    def setting(self, **sections: dict[str, Any]) -> None:
        """Lay values over the settings."""
        for name, values in sections.items():
            self.sections[name] = {**self.sections.get(name, {}), **values}

    def hook(self, source: str) -> None:
        """A hooks file with this source."""
        path = self.folder / "hooks.py"
        path.write_text(source)
        self.hooks = str(path)

    def settings(self) -> Settings:
        return msgspec.convert(
            {
                "stacks": self.stack_settings,
                "state_dir": str(self.folder / "state"),
                "hooks": self.hooks,
                **self.sections,
            },
            Settings,
        )

    # --- during

    @property
    def worker(self) -> Worker:
        assert self._worker is not None
        return self._worker

    async def up(self) -> None:
        """Start what does not run yet."""
        if self._worker is not None:
            return
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.loop_errors.append(str(context)))
        if not self.stacks:
            self.stack("old")
        for stack in self.stacks.values():
            await stack.start()
        settings = self.settings()
        settings.recordings.mkdir(parents=True, exist_ok=True)
        self._worker = Worker(settings, "0000000000000-1", KEY)
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        self._port = int(sock.getsockname()[1])
        await self._worker.serve([sock])

    @contextlib.asynccontextmanager
    async def client(self, buffer_bytes: int = 0, local: str = "127.0.0.1") -> Any:
        await self.up()
        async with Client(self._port, buffer_bytes, local) as client:
            yield client

    async def ask(self, message: bytes) -> Answered:
        """One request over a connection of its own."""
        async with self.client() as client:
            answer: Answered = await client.ask(message)
            return answer

    # --- after

    async def settled(self, **expected: int) -> dict[str, int]:
        """Wait until every request is in a bucket; with any expected, the buckets must hold just that."""
        worker = self.worker
        wanted = sum(expected.values())

        def at_rest() -> bool:
            return worker.counts.in_flight() == 0 and worker.counts.received >= wanted

        try:
            await until(at_rest)
        except AssertionError:
            raise AssertionError(f"not at rest: {worker.counts.requests()}") from None
        requests = worker.counts.requests()
        assert requests["received"] == sum(requests[bucket] for bucket in BUCKETS), requests
        if expected:
            found = {bucket: number for bucket, number in requests.items() if number and bucket != "received"}
            assert found == {bucket: number for bucket, number in expected.items() if number}, found
        return requests

    async def curtain(self) -> None:
        """End, and look whether anything is left on the stage."""
        try:
            if self._worker is not None:
                await self._balance(self.worker)
        finally:
            if self._worker is not None:
                await self.worker.drain(0.5)
                for server in self.worker._servers:
                    await server.wait_closed()
            for stack in self.stacks.values():
                await stack.close()
        assert not self.loop_errors, self.loop_errors

    async def _balance(self, worker: Worker) -> None:
        await until(lambda: not worker.clients, "all clients are gone")
        await self.settled()
        await until(lambda: not worker.tunnels, "all tunnels are gone")
        await until(lambda: not worker.tasks._tasks - self._lasting(worker), "all tasks have ended")
        assert worker.ledger.held_bytes == 0
        assert len(worker.primary_timer) == 0
        assert len(worker.again_timer) == 0
        for shadow in worker.mirror.shadows.values():
            assert shadow.in_flight == 0
            assert not shadow.queue
            assert len(shadow.timer) == 0
        for pool in worker._pools():
            assert all(upstream.call is None for upstream in pool._idle)
            assert pool.open_connections >= len(pool._idle) >= 0
        assert len(worker.head_timer) == len(worker.stall_timer) == len(worker.linger_timer) == 0

    def _lasting(self, worker: Worker) -> set[asyncio.Task[Any]]:
        return {task for task in worker.tasks._tasks if task.get_name() == "sweep timers"}

    def recordings(self) -> bytes:
        """All bytes of all segment files."""
        return b"".join(path.read_bytes() for path in sorted((self.folder / "state" / "recordings").glob("*.seg")))

    def exchanges(self) -> list[Exchange]:
        """What was recorded whole."""
        return [record for record in self._records() if isinstance(record, Exchange)]

    def summaries(self) -> list[Any]:
        """What was recorded of equal answers."""
        return [one for record in self._records() if isinstance(record, Equals) for one in record.summaries]

    def missed(self) -> tuple[Counter[str], int]:
        """What was recorded of what no exchange tells: not sent, by shadow, and unrecorded."""
        records = [record for record in self._records() if isinstance(record, Missed)]
        shed: Counter[str] = Counter()
        for record in records:
            shed.update(record.shed)
        return shed, sum(record.unrecorded for record in records)

    def _records(self) -> list[Any]:
        found: list[Any] = []
        for path in sorted((self.folder / "state" / "recordings").glob("*.seg")):
            found += scan(path.read_bytes(), 0).records
        return found
