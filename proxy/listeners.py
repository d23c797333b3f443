"""The listening sockets: bound by the supervisor, shared with its workers, handed over to its successor.

Each worker has a socket of its own on every address (SO_REUSEPORT), and the supervisor holds all of them: connections that
arrive while a worker is being replaced wait in its socket's queue. A successor is handed the very sockets
(SCM_RIGHTS), so that none of the queued connections is lost, as they would be if the old socket were closed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterable
from pathlib import Path

from understudy.configfile import Address
from understudy.errors import StartError

BACKLOG = 4096
MAX_HANDED = 250  # SCM_MAX_FD is 253, unix(7)


def bind(address: Address, count: int, inherited: Iterable[socket.socket] = ()) -> list[socket.socket]:
    """At least `count` sockets listening on one address; those inherited are among them. Raises StartError."""
    sockets = list(inherited)
    try:
        if not sockets:
            _refuse_if_taken(address)
        while len(sockets) < count:
            sockets.append(_listen(address))
    except (OSError, OverflowError) as error:
        for sock in sockets:
            sock.close()
        raise _explained(address, error) from error
    return sockets


def _refuse_if_taken(address: Address) -> None:
    """SO_REUSEPORT would let us share the port with any other process of this user, without a word."""
    with _socket(address) as probe:
        probe.bind((address.host, address.port))


def _listen(address: Address) -> socket.socket:
    sock = _socket(address)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((address.host, address.port))
    sock.listen(BACKLOG)
    sock.setblocking(False)
    return sock


def _socket(address: Address) -> socket.socket:
    family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return sock


def _explained(address: Address, error: Exception) -> StartError:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return StartError(
            f"proxy.listen: {address} is in use by another process",
            f"`ss -ltnp 'sport = :{address.port}'` shows by which; or choose another port in [proxy] listen",
        )
    if number == errno.EACCES:
        return StartError(f"proxy.listen: {address}: no permission", "ports below 1024 need CAP_NET_BIND_SERVICE")
    return StartError(f"proxy.listen: {address}: {error}")


def local_address(sock: socket.socket) -> tuple[str, int]:
    """Where a socket listens."""
    host, port = sock.getsockname()[:2]
    return str(host), int(port)


def hand_over(connection: socket.socket, sockets: list[socket.socket]) -> None:
    """Send listening sockets to a successor."""
    socket.send_fds(connection, [b"sockets\n"], [sock.fileno() for sock in sockets[:MAX_HANDED]])


def ask_for_sockets(path: Path, timeout_s: float) -> tuple[socket.socket, list[socket.socket]] | None:
    """The predecessor's connection and its listening sockets; None where no one answers at `path`."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_s)
    try:
        connection.connect(os.fspath(path))
        connection.sendall(b"take over\n")
        _, fds, _, _ = socket.recv_fds(connection, 16, MAX_HANDED)
    except OSError:
        connection.close()
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        return None
    sockets = [socket.socket(fileno=fd) for fd in fds]
    for sock in sockets:
        sock.setblocking(False)
    return connection, sockets
