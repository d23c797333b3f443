"""Asking a running Understudy: its answer, or a line that says why there is none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from understudy import client
from understudy.config import Settings, Stack
from understudy.errors import NotRunningError, UnderstudyError

Serve = Callable[[bytes], None]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings({"old": Stack("primary", url="http://h:1")}, state_dir=str(tmp_path))


@pytest.fixture
def serve(settings: Settings) -> Iterator[Serve]:
    """Answer the next connection with these bytes, and hang up."""
    with socket.socket(socket.AF_UNIX) as listening:
        threads: list[threading.Thread] = []

        def answer(raw: bytes) -> None:
            listening.bind(str(settings.control_socket))
            listening.listen()

            def one() -> None:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(raw)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):  # closing before all is read would reset the connection
                        pass

            threads.append(threading.Thread(target=one))
            threads[-1].start()

        yield answer
        for thread in threads:
            thread.join(10)


def reply(status: str, body: bytes) -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status.encode(), len(body), body)


def test_the_answer_is_read(settings: Settings, serve: Serve) -> None:
    serve(reply("200 OK", b'{"received": 7}'))
    assert client.ask(settings, "GET", "/status") == {"received": 7}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (reply("400 Bad Request", b'{"error": "percent: 200 given"}'), "refused: percent: 200 given"),
        (reply("500 Internal Server Error", b"500: Internal Server Error"), "answered 500 Internal Server Error"),
        (reply("200 OK", b""), "answered 200 OK, and not in JSON"),
        (reply("404 Not Found", b"[]"), "refused: 404"),
    ],
)
def test_a_refusal_is_told(settings: Settings, serve: Serve, raw: bytes, expected: str) -> None:
    serve(raw)
    with pytest.raises(UnderstudyError, match=expected):
        client.ask(settings, "POST", "/ramp", {"percent": 200})


@pytest.mark.parametrize("raw", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"])
def test_whoever_does_not_speak_http_is_no_understudy(settings: Settings, serve: Serve, raw: bytes) -> None:
    serve(raw)
    with pytest.raises(NotRunningError):
        client.ask(settings, "GET", "/status")


def test_nobody_there_is_told_with_what_to_do(settings: Settings) -> None:
    with pytest.raises(NotRunningError, match=r"no Understudy answers on .*control\.sock") as raised:
        client.ask(settings, "GET", "/status")
    assert "understudy run" in raised.value.hint


def test_an_understudy_that_was_killed_leaves_a_socket_that_nobody_answers(settings: Settings) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(settings.control_socket))
    with pytest.raises(NotRunningError):
        client.ask(settings, "GET", "/status")
