"""The line between the supervisor and its children."""

from __future__ import annotations

import os
import socket

import msgspec
import pytest

from understudy import channel
from understudy.config import Mirror, Settings, Stack


def settings() -> Settings:
    return Settings({"old": Stack("primary", url="http://h:1")}, mirror=Mirror(percent=12.5, skip_paths=["^/é"]))


def test_settings_go_over_the_wire_whole() -> None:
    line = channel.encode({"settings": settings(), "listen": (3, 4)})
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    message = channel.decode(line)
    assert channel.settings_in(message) == settings()
    assert message["listen"] == [3, 4]
    assert channel.settings_in({"stop": True}) is None


def test_garbage_is_an_error() -> None:
    with pytest.raises(msgspec.DecodeError):
        channel.decode(b"garbage\n")


def test_a_child_finds_its_end_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    monkeypatch.setenv(channel.FD_VARIABLE, str(os.dup(theirs.fileno())))
    theirs.close()
    with ours, channel.socket_from_environment() as child:
        child.sendall(b"x")
        assert ours.recv(1) == b"x"


def test_a_child_without_a_loop_hears_everything_until_the_supervisor_is_gone() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        child = channel.BlockingChannel(theirs)
        with ours:
            child.send({"stats": {"judged": 1}})
            assert channel.decode(ours.recv(1000)) == {"stats": {"judged": 1}}
            ours.sendall(channel.encode({"a": 1}) + channel.encode({"stop": True}))
        assert list(child.receive()) == [{"a": 1}, {"stop": True}]
        for _ in range(3):
            child.send({"stats": {}})  # nobody listens: no error
        child._file.close()


def test_half_a_line_is_the_end_and_no_message() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(channel.encode({"a": 1}) + b'{"settings": {"st')
        ours.shutdown(socket.SHUT_WR)
        assert list(channel.BlockingChannel(theirs).receive()) == [{"a": 1}]
