"""What a server says before anybody has logged in: its version."""

from __future__ import annotations

import socket

from understudy.migrate.faults import SilentError, UnreachableError, of_network, translated
from understudy.migrate.rows import split_address
from understudy.migrate.versions import Version
from understudy.migrate.wire import deadline

MOST_BYTES = 1024  # a greeting has about a hundred


def greeting(address: str, timeout_s: float = 3.0) -> Version:
    """The version of the server at "host:port"; no account is needed. Raises ServerError."""
    try:
        with (
            socket.create_connection(split_address(address), timeout_s) as peer,
            deadline(peer, timeout_s, SilentError),
        ):
            packet = _packet(peer, address)
    except OSError as error:
        raise of_network(address, error) from error
    if packet[:1] == b"\xff":  # too many connections, or this host is blocked
        number = int.from_bytes(packet[1:3], "little")
        raise translated(address, number, packet[3:].decode("utf-8", "replace"))
    if packet[:1] != b"\x0a":  # protocol version 10, of all servers since 3.21
        raise UnreachableError(address, "what answers there is no MySQL or MariaDB server")
    return Version.parse(packet[1:].partition(b"\0")[0].decode("utf-8", "replace"))


def _packet(peer: socket.socket, address: str) -> bytes:
    head = _exactly(peer, 4, address)
    length = int.from_bytes(head[:3], "little")
    if length > MOST_BYTES:
        raise UnreachableError(address, "what answers there is no MySQL or MariaDB server")
    return _exactly(peer, length, address)


def _exactly(peer: socket.socket, length: int, address: str) -> bytes:
    got = b""
    while len(got) < length:
        if not (piece := peer.recv(length - len(got))):
            raise SilentError(address, "the connection was closed without a greeting")
        got += piece
    return got
