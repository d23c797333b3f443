"""The line between the supervisor and a child process: a socket pair with one JSON object a line.

The child finds its end's file descriptor in UNDERSTUDY_CHANNEL_FD. The first message is `{"settings": …}`;
`{"settings": …}` again is a reload, `{"stop": true}` asks for an orderly end. The child sends `{"stats": …}`
once a second. The end of the stream means that the other side is gone: a child then ends in order too. A last line
without its end is what somebody was killed over, and no message.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import msgspec

from understudy.config import Settings

FD_VARIABLE = "UNDERSTUDY_CHANNEL_FD"

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


def encode(message: object) -> bytes:
    """A message as it goes over the wire."""
    return _encoder.encode(message) + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """A message from the wire. Raises msgspec.DecodeError."""
    message: dict[str, Any] = _decoder.decode(line)
    return message


def is_whole(line: bytes) -> bool:
    """Whether a line has its end; b"" and half a line mean that no more will come."""
    return line.endswith(b"\n")


def settings_in(message: dict[str, Any]) -> Settings | None:
    """The settings that a message carries, if it does."""
    return msgspec.convert(message["settings"], Settings) if "settings" in message else None


def socket_from_environment() -> socket.socket:
    """The child's end of its channel."""
    return socket.socket(fileno=int(os.environ[FD_VARIABLE]))


class BlockingChannel:
    """A child's end for a process without an event loop."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._file = sock.makefile("rb")

    def send(self, message: object) -> None:
        """Send a message; a supervisor that is gone is not an error."""
        try:
            self._socket.sendall(encode(message))
        except OSError:
            return

    def receive(self) -> Iterator[dict[str, Any]]:
        """The messages as they come, until the supervisor is gone."""
        try:
            for line in takewhile(is_whole, self._file):
                yield decode(line)
        except OSError:
            return
