from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from conversation import deaf_address
from recorded import Recorder, exchange
from support import free_port, wait_until
from understudy.config import Fluentd
from understudy.diffs.judge import Judge
from understudy.diffs.ship import TIMEOUT_S, Shipper, shipper
from understudy.diffs.sketch import Paired
from understudy.diffs.statistics import Minute
from understudy.diffs.store import SqliteStore
from understudy.diffs.tally import Tally


class Fluent:
    """As much of fluentd's forward protocol as takes events: a stream of [tag, time, record]."""

    def __init__(self, port: int) -> None:
        self.events: list[tuple[str, Any, dict[str, Any]]] = []
        self._server = socket.create_server(("127.0.0.1", port))
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._read(connection)

    def _read(self, connection: socket.socket) -> None:
        data = b""
        while True:
            try:
                more = connection.recv(65_536)
            except OSError:
                return
            if not more:
                return
            data = self._decode(data + more)

    def _decode(self, data: bytes) -> bytes:
        """Take whole events off the front; a msgpack value says by itself where it ends, so try ever longer pieces."""
        import msgpack

        unpacker = msgpack.Unpacker(raw=False)
        unpacker.feed(data)
        used = 0
        try:
            while True:
                tag, at, record = unpacker.unpack()
                self.events.append((tag, at, record))
                used = unpacker.tell()
        except msgpack.OutOfData:
            return data[used:]

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):  # the other side may have gone first
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        for connection in self._connections:
            connection.close()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def fluent(port: int) -> Iterator[Fluent]:
    server = Fluent(port)
    yield server
    server.close()


def test_nothing_is_shipped_where_no_host_is_set() -> None:
    assert shipper(Fluentd()) is None


def test_events_arrive_under_their_tag(fluent: Fluent, port: int) -> None:
    ship = Shipper(Fluentd("127.0.0.1", port, "shop"))
    ship.put("difference", [{"n": n} for n in range(1_000)])
    wait_until(lambda: len(fluent.events) == 1_000)
    assert {tag for tag, _, _ in fluent.events} == {"shop.difference"}
    assert [record["n"] for _, _, record in fluent.events] == list(range(1_000))
    ship.close()
    assert ship.stats() == {"sent": 1_000, "dropped": 0, "connected": True}


def test_what_is_too_much_is_dropped_oldest_first_and_counted(port: int) -> None:
    ship = Shipper(Fluentd("127.0.0.1", port, max_queued=10))
    ship.put("difference", [{"n": n} for n in range(500)])
    wait_until(lambda: ship.stats()["dropped"] == 490)
    server = Fluent(port)
    wait_until(lambda: len(server.events) == 10)
    assert [record["n"] for _, _, record in server.events] == list(range(490, 500))
    ship.close()
    server.close()


def test_nobody_waits_for_a_fluentd_that_takes_no_connection() -> None:
    with deaf_address() as url:
        ship = Shipper(Fluentd("127.0.0.1", int(url.rpartition(":")[2]), max_queued=10))
        began = time.monotonic()
        for n in range(500):
            ship.put("difference", [{"n": n}])
        assert time.monotonic() - began < TIMEOUT_S - 0.5
        ship.close()


def test_it_connects_again(port: int) -> None:
    ship = Shipper(Fluentd("127.0.0.1", port))
    server = Fluent(port)
    ship.put("difference", [{"n": 1}])
    wait_until(lambda: len(server.events) == 1)
    server.close()
    ship.put("difference", [{"n": 2}])
    wait_until(lambda: not ship.stats()["connected"])
    server = Fluent(port)
    ship.put("difference", [{"n": 3}])
    wait_until(lambda: len(server.events) == 2)
    assert [record["n"] for _, _, record in server.events] == [2, 3]
    ship.close()
    server.close()


def test_closing_counts_what_could_not_be_sent(port: int) -> None:
    ship = Shipper(Fluentd("127.0.0.1", port))
    ship.put("difference", [{"n": 1}, {"n": 2}])
    ship.close()
    assert ship.stats()["dropped"] == 2


def test_the_judge_ships_an_event_for_each_difference(settings: Any, fluent: Fluent, port: int) -> None:
    chosen = settings()
    Recorder(chosen.recordings).segment(exchange("a", {"x": 1, "y": 1}, {"x": 2, "y": 2}, "/users/7"))
    ship = Shipper(Fluentd("127.0.0.1", port))
    judge = Judge(chosen, SqliteStore(chosen.database), ship)
    judge.run_to_end()
    wait_until(lambda: len(fluent.events) == 2)
    tag, _, event = fluent.events[0]
    assert tag == "understudy.difference"
    wanted = {"endpoint": "GET /users/{id}", "path": "$.x", "kind": "value", "class": "value", "old": "1", "new": "2"}
    assert {name: event[name] for name in wanted} == wanted
    judge.close()
    ship.close()


def test_a_minute_is_one_event() -> None:
    minute = Minute()
    assert minute.event(1_000.0) is None
    for _ in range(2):
        tally = Tally()
        tally.totals.update({"judged": 5, "different": 2})
        pair = tally.pair("GET /a", "new")
        pair.outcome("different", 2)
        pair.latency = Paired()
        pair.latency.add(10.0, 20.0)
        minute.add(tally)
    assert minute.event(1_059.0) is None
    event = minute.event(1_060.0)
    assert event is not None
    assert (event["judged"], event["different"], event["most_different"]) == (10, 4, {"GET /a": 4})
    assert event["latency"]["new"]["ratio"]["p50"] == pytest.approx(2.0, rel=0.05)
    msgspec.msgpack.encode(event)
    assert minute.event(1_061.0) is None
