"""A TCP relay to put between Understudy and a stack: it keeps every byte, and can be told to misbehave."""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import NamedTuple, Self

GARBAGE = b"\x00\x17SMTP what? \xff\xfe\r\n" * 40


class Answered(NamedTuple):
    """An answer as it was on the wire: framing taken off, nothing decoded, headers in order."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Conversation:
    """The bytes of one connection, both ways."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.received = bytearray()

    def answers(self) -> Iterator[tuple[str, Answered]]:
        """Each answer with the X-Request-Id of its request."""
        stream = _Unclosed(bytes(self.received))
        for method, request_id in _requests(bytes(self.sent)):
            with contextlib.suppress(http.client.HTTPException):  # cut off: there is no answer
                yield request_id, read_answer(stream, method)


class _Unclosed(io.BytesIO):
    """HTTPResponse closes what it read from; here the next answer follows."""

    def makefile(self, *_: object) -> Self:
        return self

    def close(self) -> None:
        pass


def read_answer(stream: _Unclosed, method: str) -> Answered:
    """The next answer in a stream of bytes."""
    response = HTTPResponse(stream, method=method)  # type: ignore[arg-type]
    response.begin()
    return Answered(response.status, response.getheaders(), response.read())


def _requests(data: bytes) -> Iterator[tuple[str, str]]:
    """The method and X-Request-Id of each request."""
    while (end := data.find(b"\r\n\r\n")) >= 0:
        lines = data[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        assert "transfer-encoding" not in headers, "a chunked request: teach the relay to read it"
        yield lines[0].split()[0], headers.get("x-request-id", "")
        data = data[end + 4 + int(headers.get("content-length", 0)) :]


class Relay:
    """Listens on `host`:`port` and passes all on to 127.0.0.1:`target`. A context manager.

    `delay_s` holds each piece of an answer back; `garbage` answers any request with what is not HTTP.
    """

    def __init__(self, target: int, host: str = "127.0.0.1") -> None:
        self.target = target
        self.delay_s = 0.0
        self.garbage = False
        self.conversations: list[Conversation] = []
        self._listener = socket.create_server((host, 0), backlog=256)
        self._open: set[socket.socket] = set()
        self._closing = False

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        """As a stack's `url`."""
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> dict[str, Answered]:
        """The first answer to each X-Request-Id; a later one with the same is Understudy asking again."""
        found: dict[str, Answered] = {}
        for conversation in list(self.conversations):
            for request_id, answered in conversation.answers():
                found.setdefault(request_id, answered)
        return found

    def cut(self) -> None:
        """Close every connection that is open."""
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="relay", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while not self._closing:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), name="relay-connection", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                stack = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                return
            stack.settimeout(None)
            for sock in (client, stack):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with stack:
                self._open |= {client, stack}
                self._pass_on(client, stack)
                self._open -= {client, stack}

    def _pass_on(self, client: socket.socket, stack: socket.socket) -> None:
        conversation = Conversation()
        self.conversations.append(conversation)
        back = threading.Thread(target=self._pass_back, args=(client, stack, conversation), daemon=True)
        back.start()
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                conversation.sent += data
                if self.garbage:
                    client.sendall(GARBAGE)
                    break
                stack.sendall(data)
        with contextlib.suppress(OSError):
            stack.shutdown(socket.SHUT_WR if not self.garbage else socket.SHUT_RDWR)
        back.join()

    def _pass_back(self, client: socket.socket, stack: socket.socket, conversation: Conversation) -> None:
        with contextlib.suppress(OSError):
            while data := stack.recv(65536):
                conversation.received += data
                if self.delay_s:
                    time.sleep(self.delay_s)  # what the relay is for, not a way to wait for something
                client.sendall(data)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_WR)
