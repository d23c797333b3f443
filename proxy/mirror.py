"""The shadows: asked what the primary was asked, within a budget, and never waited for.

For each shadow a breaker says whether it is asked at all, at most `max_in_flight` requests are under way, and at most
`max_queued` wait for a free place; what is more is shed and counted. A shadow gets the request when it is whole, with a
head of its own.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from typing import TYPE_CHECKING

from understudy.exchange import Headers
from understudy.proxy.beside import Beside
from understudy.proxy.breaker import Breaker, State
from understudy.proxy.deadlines import Deadlines
from understudy.proxy.pool import ConnectError, Pool
from understudy.proxy.turn import Turn

if TYPE_CHECKING:
    from understudy.proxy.worker import Worker

SHED = "shed"
UNSENDABLE = "hook"
MAX_CONNECTING = 16  # connecting costs the loop 0.1 ms: 256 at once held the users up for 25 ms
ENDED_AT_ONCE = 4  # shadows that time out together end in groups of this size, for the same reason


class Asked(Beside):
    """A shadow's side of a turn, and its `Call`. `failure` is empty, SHED, or why there is no answer."""

    __slots__ = ("shadow", "turn")

    def __init__(self, shadow: Shadow, turn: Turn) -> None:
        self.head = None
        self.body = self.digest = b""
        self.failure = ""
        self.length = 0
        self.capture = None
        self.sent_at = self.elapsed_ms = 0.0
        self.shadow = shadow
        self.turn = turn
        self._worker = shadow.worker
        self.bodiless = turn.bodiless
        self.sent_whole = True
        self._upstream = None
        self._retried = False

    def start(self, message: bytes) -> None:
        """Send the request, over a connection at hand or a new one."""
        shadow = self.shadow
        upstream = shadow.pool.take(self.turn.prepared.retryable)
        shadow.timer.start(self)
        if upstream is None:
            self._connect(message)
            return
        self._upstream = upstream
        self.sent_at = time.perf_counter()
        upstream.send(self, message)

    def _connect(self, message: bytes) -> None:
        self.shadow.connecting += 1
        self._worker.spare.do(self._begin_connecting, message)

    def _begin_connecting(self, message: bytes) -> None:
        self._worker.tasks.start(self._connected(message), "connect to a shadow")

    async def _connected(self, message: bytes) -> None:
        shadow = self.shadow
        try:
            upstream = await shadow.pool.connect()
        except ConnectError as error:
            if not self.failure:
                self._ended(error.reason)
            return
        finally:
            shadow.connecting -= 1
            shadow.worker.loop.call_soon(shadow.start_queued)
        if self.failure:  # it took too long meanwhile
            self.shadow.pool.give_back(upstream)
            return
        self._upstream = upstream
        self.sent_at = time.perf_counter()
        upstream.send(self, message)

    def failed(self, reason: str, retryable: bool) -> None:
        """Call: there is no reply."""
        if retryable and not self._retried and self.turn.prepared.retryable:
            self._retried = True
            message = self.shadow.message(self.turn)
            if message is not None:
                self._connect(message)
                return
        self._ended(reason)

    def _ended(self, failure: str) -> None:
        self.failure = failure
        self._upstream = None
        if failure:
            self.elapsed_ms = (time.perf_counter() - self.sent_at) * 1e3 if self.sent_at else 0.0
            self.let_go()
        self.shadow.ended(self)
        self._worker.spare.do(Turn.shadow_ended, self.turn)


class Shadow:
    """One shadow stack, as one worker sees it."""

    def __init__(self, worker: Worker, name: str, pool: Pool, breaker: Breaker) -> None:
        self.worker = worker
        self.name = name
        self.pool = pool
        self.breaker = breaker
        self.in_flight = 0
        self.connecting = 0
        self.queue: deque[Asked] = deque()
        self.timer: Deadlines[Asked] = Deadlines(worker.shadow_timeout_s, Asked.timed_out, time.monotonic())
        self.asked = self.equal = self.different = self.shed = 0
        self.failed: Counter[str] = Counter()
        self._mark = b"Understudy-Shadow: %b\r\n\r\n" % name.encode()

    def ask(self, asked: Asked) -> None:
        """Send, queue or shed."""
        if self.breaker.state is not State.CLOSED and not self.breaker.allows(time.monotonic()):
            self._shed(asked)
        elif self._has_place():
            self._start(asked)
        elif len(self.queue) < self.worker.max_queued:
            self.queue.append(asked)
        else:
            self.breaker.not_sent()
            self._shed(asked)

    def _has_place(self) -> bool:
        return self.in_flight < self.worker.max_in_flight and (self.connecting < MAX_CONNECTING or self.pool.has_idle())

    def _shed(self, asked: Asked) -> None:
        asked.failure = SHED
        self.shed += 1
        asked.turn.shadow_ended()

    def _start(self, asked: Asked) -> None:
        message = self.message(asked.turn)
        if message is None:
            self.breaker.not_sent()
            asked.failure = UNSENDABLE
            asked.turn.shadow_ended()
            return
        self.in_flight += 1
        self.asked += 1
        asked.start(message)

    def ended(self, asked: Asked) -> None:
        """An answer or a failure is in: a place is free."""
        self.timer.stop(asked)
        self.in_flight -= 1
        if not asked.failure:
            self.breaker.succeeded()
        else:
            self.failed[asked.failure] += 1
            self.breaker.failed(time.monotonic())
        if self.queue:
            self.start_queued()

    def start_queued(self) -> None:
        """Send what waited, as far as there is room now."""
        while self.queue and self._has_place():
            queued = self.queue.popleft()
            if self.breaker.state is State.OPEN:
                self._shed(queued)
            else:
                self._start(queued)

    def message(self, turn: Turn) -> bytes | None:
        """The request as this shadow gets it: its own head, the body as it came. None where a hook refuses."""
        template = turn.prepared.shadow
        if self.worker.rules.hooks.rewrites:
            return self._rewritten(turn)
        return b"".join(
            (template.before, turn.client_address, template.after, turn.id_line(), self._mark, turn.request_wire())
        )

    def _rewritten(self, turn: Turn) -> bytes | None:
        template = turn.prepared.shadow
        head = b"".join((template.before, turn.client_address, template.after, turn.id_line()))
        line, *fields = head.removesuffix(b"\r\n").split(b"\r\n")
        pairs: Headers = tuple(
            (name.decode("latin-1"), value.lstrip(b" ").decode("latin-1"))
            for name, _, value in (field.partition(b":") for field in fields)
        )
        changed = self.worker.rules.hooks.shadow_headers(turn.request(None), self.name, pairs)
        if changed is None:
            return None
        framing = {"content-length", "transfer-encoding", "connection", "understudy-shadow"}
        kept = [(name, value) for name, value in changed if name.lower() not in framing]
        kept += [(name, value) for name, value in pairs if name.lower() in framing]
        lines = [f"{name}: {value}\r\n".encode("latin-1") for name, value in kept]
        return b"".join((line, b"\r\n", *lines, self._mark, turn.request_wire()))


class Mirror:
    """All shadows of a worker."""

    def __init__(self, shadows: list[Shadow]) -> None:
        self.shadows = {shadow.name: shadow for shadow in shadows}

    def ask(self, turn: Turn) -> None:
        """Ask the turn's shadows, once the users' bytes that are already here have been passed on."""
        turn.waiting_for += 1
        turn.worker.spare.do(self._ask_now, turn)

    def _ask_now(self, turn: Turn) -> None:
        self._ask(turn)
        turn.shadow_ended()

    def _ask(self, turn: Turn) -> None:
        if turn.bucket or turn.failure:  # the client or the primary has gone meanwhile
            return
        capture = turn.request_body
        if capture is not None and capture.cut:
            turn.targets = ()
            turn.bucket = "too_large"
            return
        turn.waiting_for += len(turn.targets)
        for shadow in turn.targets:
            asked = Asked(shadow, turn)
            turn.asked.append(asked)
            shadow.ask(asked)
