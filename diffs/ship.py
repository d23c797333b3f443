"""Ships events to fluentd without ever making the judge wait.

A thread of its own sends through fluent-logger; between it and the judge is a queue whose oldest events go when it is
full, counted. fluent-logger's own ways are not used for that: its sender keeps everything in one growing buffer while
fluentd is away and throws all of it away at once when that is full; its asynchronous sender waits for the network
inside of `close`, and neither says what was lost.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import Any, Final

from fluent.sender import EventTime, FluentSender

from understudy.config import Fluentd

log = logging.getLogger(__name__)

BATCH_EVENTS: Final = 256  # a write each: 2.5 us an event, where one write an event takes 17.5
RETRY_S: Final = (0.5, 1.0, 2.0, 5.0)
TIMEOUT_S: Final = 3.0
CLOSE_S: Final = 2.0

Event = dict[str, Any]


class _Sender(FluentSender):  # type: ignore[misc]
    """Sends several events in one write, and keeps nothing back."""

    def send_all(self, events: list[tuple[str, float, Event]]) -> bool:
        """Send events as one piece; False where that failed, and then all of it has to be sent again."""
        packets = [self._make_packet(label, EventTime(at), event) for label, at, event in events]
        sent = bool(self._send(b"".join(packets)))
        if not sent:
            self.pendings = None  # it would be sent before the next piece, which holds the same events
        return sent


class Shipper:
    """A bounded queue of events and the thread that empties it."""

    def __init__(self, settings: Fluentd) -> None:
        self._max = settings.max_queued
        self._sender = _Sender(settings.tag, host=settings.host, port=settings.port, timeout=TIMEOUT_S)
        self._where = f"{settings.host}:{settings.port}"
        self._queue: deque[tuple[str, float, Event]] = deque()
        self._lock = threading.Condition()
        self._sent = self._dropped = 0
        self._connected = False
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="fluentd", daemon=True)
        self._thread.start()

    def put(self, label: str, events: list[Event]) -> None:
        """Queue events under TAG.label; the oldest go where there are too many. Never waits for the network."""
        with self._lock:
            now = time.time()
            self._queue.extend((label, event.get("at", now), event) for event in events)
            self._shorten()
            self._lock.notify()

    def stats(self) -> dict[str, Any]:
        """How many events were sent and dropped, and whether fluentd took the last ones."""
        with self._lock:
            return {"sent": self._sent, "dropped": self._dropped, "connected": self._connected}

    def close(self) -> None:
        """Send what is queued, for at most CLOSE_S seconds, and end; the rest is dropped and counted."""
        with self._lock:
            self._closing = True
            self._lock.notify()
        self._thread.join(CLOSE_S)
        with self._lock:
            self._dropped += len(self._queue)
            self._queue.clear()

    def _shorten(self) -> None:
        while len(self._queue) > self._max:
            self._queue.popleft()
            self._dropped += 1

    def _take(self) -> list[tuple[str, float, Event]]:
        """Wait for events and take some; nothing when it is time to end."""
        with self._lock:
            while not self._queue and not self._closing:
                self._lock.wait()
            return [self._queue.popleft() for _ in range(min(BATCH_EVENTS, len(self._queue)))]

    def _give_back(self, events: list[tuple[str, float, Event]]) -> None:
        with self._lock:
            self._queue.extendleft(reversed(events))
            self._shorten()

    def _work(self) -> None:
        try:
            self._send_until_closed()
        finally:
            self._sender.close()

    def _send_until_closed(self) -> None:
        failures = 0
        while events := self._take():
            if self._send(events):
                failures = 0
                continue
            self._give_back(events)
            with self._lock:
                if self._closing:
                    return  # one try is enough for a goodbye
                self._lock.wait_for(lambda: self._closing, RETRY_S[min(failures, len(RETRY_S) - 1)])
            failures += 1

    def _send(self, events: list[tuple[str, float, Event]]) -> bool:
        try:
            sent = self._sender.send_all(events)
        except Exception:
            log.exception("events can't be encoded and are dropped", extra={"events": len(events)})
            with self._lock:
                self._dropped += len(events)
            return True
        if sent != self._connected:
            log.info("fluentd takes events again" if sent else "fluentd is away", extra={"fluentd": self._where})
        with self._lock:
            self._connected = sent
            self._sent += len(events) if sent else 0
        return sent


def shipper(settings: Fluentd) -> Shipper | None:
    """A shipper, where fluentd is configured."""
    return Shipper(settings) if settings.host else None
