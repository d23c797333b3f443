"""The listening sockets: bound by the supervisor, shared with its workers, handed over to its successor.

Each worker has a socket of its own on every address (SO_REUSEPORT), and the supervisor holds all of them: connections
that arrive while a worker is being replaced wait in its socket's queue. A successor is handed the very sockets
(SCM_RIGHTS), so that none of the queued connections is lost, as they would be if the old socket were closed.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable
from pathlib import Path

from understudy.configfile import Address
from understudy.errors import StartError

BACKLOG = 4096
MAX_HANDED = 250  # SCM_MAX_FD is 253, unix(7)


def bind(setting: str, address: Address, count: int, inherited: Iterable[socket.socket] = ()) -> list[socket.socket]:
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
        raise _explained(setting, address, error) from error
    return sockets


def is_at(sock: socket.socket, address: Address) -> bool:
    """Whether a socket listens on this address, however that is written."""
    try:
        return local_address(sock) == _resolved(address)[1][:2]
    except OSError:
        return False


def _refuse_if_taken(address: Address) -> None:
    """SO_REUSEPORT would let us share the port with any other process of this user, without a word."""
    _bound(address).close()


def _listen(address: Address) -> socket.socket:
    sock = _bound(address, socket.SO_REUSEPORT)
    try:
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def _bound(address: Address, *options: int) -> socket.socket:
    family, place = _resolved(address)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        for option in (socket.SO_REUSEADDR, *options):
            sock.setsockopt(socket.SOL_SOCKET, option, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(place)
    except OSError:
        sock.close()
        raise
    return sock


def _resolved(address: Address) -> tuple[int, tuple[object, ...]]:
    """The address family, and the address as the system writes it."""
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return found[0], found[4]


def _explained(setting: str, address: Address, error: Exception) -> StartError:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return StartError(
            f"{setting}: {address} is in use by another process",
            f"`ss -ltnp 'sport = :{address.port}'` shows by which; or choose another one in the settings",
        )
    if number == errno.EACCES:
        return StartError(f"{setting}: {address}: no permission", "ports below 1024 need CAP_NET_BIND_SERVICE")
    return StartError(f"{setting}: {address}: {getattr(error, 'strerror', None) or error}")


def local_address(sock: socket.socket) -> tuple[str, int]:
    """Where a socket listens."""
    host, port = sock.getsockname()[:2]
    return str(host), int(port)


def hand_over(connection: socket.socket, sockets: list[socket.socket]) -> None:
    """Send listening sockets to a successor."""
    socket.send_fds(connection, [b"sockets\n"], [sock.fileno() for sock in sockets[:MAX_HANDED]])


def ask_for_sockets(path: Path, timeout_s: float) -> tuple[socket.socket, list[socket.socket]] | None:
    """The predecessor's connection and its listening sockets; None where no one answers at `path`.

    Raises StartError where someone is there and does not hand them over.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_s)
    try:
        connection.connect(os.fspath(path))
    except (FileNotFoundError, ConnectionRefusedError):  # the second: its owner was killed
        connection.close()
        return None
    except OSError as error:
        connection.close()
        raise StartError(f"{path}: {error.strerror or error}") from error
    try:
        connection.sendall(b"take over\n")
        said, fds, _, _ = socket.recv_fds(connection, 16, MAX_HANDED)
    except OSError:
        said, fds = b"", []
    sockets = [socket.socket(fileno=fd) for fd in fds]
    if not said:
        connection.close()
        raise StartError(
            "a running Understudy with this state_dir does not hand over its port",
            "it may be ending, or handing over to another; try again, or give this one a state_dir of its own",
        )
    for sock in sockets:
        sock.setblocking(False)
    return connection, sockets
