"""The listening sockets: bound, refused where taken, handed from one supervisor to the next."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from support import free_port
from understudy.configfile import Address
from understudy.errors import StartError
from understudy.proxy import listeners


def close(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_every_worker_gets_a_socket_of_its_own_on_an_address(host: str) -> None:
    address = Address(host, free_port())
    sockets = listeners.bind("proxy.listen", address, 3)
    try:
        assert len({sock.fileno() for sock in sockets}) == 3
        assert all(listeners.is_at(sock, address) for sock in sockets)
        assert not any(listeners.is_at(sock, Address(host, address.port + 1)) for sock in sockets)
    finally:
        close(sockets)


def test_an_address_in_use_is_refused_although_the_port_could_be_shared() -> None:
    address = Address("127.0.0.1", free_port())
    mine = listeners.bind("proxy.listen", address, 1)
    try:
        with pytest.raises(StartError, match=rf"^proxy\.control: 127\.0\.0\.1:{address.port} is in use") as raised:
            listeners.bind("proxy.control", address, 1)
        assert f":{address.port}" in raised.value.hint
        more = listeners.bind("proxy.listen", address, 2, mine)
        assert more[0] is mine[0]
        close(more)
    finally:
        close(mine)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_that_is_not_ours_is_told_in_a_line(host: str) -> None:
    with pytest.raises(StartError, match=rf"^proxy\.listen: {host}:80: ") as raised:
        listeners.bind("proxy.listen", Address(host, 80), 1)
    assert "\n" not in raised.value.message


def test_sockets_go_over_with_the_connections_that_wait_in_them(tmp_path: Path) -> None:
    address = Address("127.0.0.1", free_port())
    sockets = listeners.bind("proxy.listen", address, 2)
    path = tmp_path / "handover.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def predecessor() -> None:
            connection, _ = listening.accept()
            with connection:
                assert connection.recv(64) == b"take over\n"
                listeners.hand_over(connection, sockets)
                close(sockets)
                connection.recv(1)

        thread = threading.Thread(target=predecessor)
        thread.start()
        clients = [socket.create_connection(tuple(address)) for _ in range(20)]
        answer = listeners.ask_for_sockets(path, 5.0)
        assert answer is not None
        connection, inherited = answer
        connection.close()
        thread.join(10)
    accepted = 0
    for sock in inherited:
        while True:
            try:
                sock.accept()[0].close()
                accepted += 1
            except BlockingIOError:
                break
    close(inherited)
    close(clients)
    assert accepted == 20


def test_nobody_there_or_a_dead_ones_socket_means_that_there_is_no_predecessor(tmp_path: Path) -> None:
    assert listeners.ask_for_sockets(tmp_path / "none.sock", 1.0) is None
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead.sock"))
    assert listeners.ask_for_sockets(tmp_path / "dead.sock", 1.0) is None


@pytest.mark.parametrize("says", [b"", None], ids=["hangs up", "is silent"])
def test_a_predecessor_that_does_not_answer_keeps_its_socket(tmp_path: Path, says: bytes | None) -> None:
    path = tmp_path / "handover.sock"
    done = threading.Event()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def predecessor() -> None:
            connection, _ = listening.accept()
            with connection:
                if says is None:
                    done.wait(10)

        thread = threading.Thread(target=predecessor)
        thread.start()
        with pytest.raises(StartError, match="does not hand over"):
            listeners.ask_for_sockets(path, 0.2)
        done.set()
        thread.join(10)
    assert path.exists()
