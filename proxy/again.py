"""The old stack is asked twice before anyone is blamed.

When a safe request differed, old and new are asked once more after a settling time, within a budget. If the primary
then differs from itself the difference was noise; if the pair agrees it was lag or a race. The judge decides; here the
second answers are only gathered. Nobody waits for them but the record.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from understudy.proxy.beside import Beside
from understudy.proxy.pool import ConnectError, Pool
from understudy.proxy.turn import Turn
from understudy.proxy.upstream import Upstream

if TYPE_CHECKING:
    from understudy.proxy.worker import Worker


class Budget:
    """So many a second, none saved up for later. Pure."""

    __slots__ = ("_left", "_per_second", "_second")

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._second = -1
        self._left = 0

    def take(self, now: float) -> bool:
        """Whether there is one left in the second of `now`."""
        if int(now) != self._second:
            self._second, self._left = int(now), self._per_second
        self._left -= 1
        return self._left >= 0


class SecondAsking(Beside):
    """One stack's second answer, as a `Call`."""

    __slots__ = ("_again", "_message", "_over", "_pool")

    def __init__(self, again: Again, worker: Worker, pool: Pool, message: bytes, bodiless: bool) -> None:
        super().__init__()
        self._again = again
        self._worker = worker
        self._pool = pool
        self._message = message
        self._over = self._retried = False
        self.bodiless = bodiless
        self.sent_whole = True
        self._upstream = None

    async def start(self) -> None:
        """Send the request once more."""
        self._worker.again_timer.start(self)
        await self._send(self._pool.take(repeatable=True))

    async def _send(self, upstream: Upstream | None) -> None:
        try:
            upstream = upstream or await self._pool.connect()
        except ConnectError as error:
            self._ended(error.reason)
            return
        if self._over:  # it took too long meanwhile
            self._pool.give_back(upstream)
            return
        self._upstream = upstream
        self.sent_at = time.perf_counter()
        upstream.send(self, self._message)

    def failed(self, reason: str, retryable: bool) -> None:
        """Call: no reply; a connection that was closed while it was idle says nothing about the stack."""
        if retryable and not self._retried:
            self._retried = True
            self._upstream = None
            self._worker.tasks.start(self._send(None), "ask again")
        else:
            self._ended(reason)

    def _ended(self, failure: str) -> None:
        if not self._over:
            self._over = True
            self._worker.again_timer.stop(self)
            self.failure = failure
            self._upstream = None
            self.let_go()
            self._again.one_ended()


class Again:
    """A turn asked again: the primary and every shadow that answered otherwise."""

    __slots__ = ("_askings", "_turn", "_waiting_for", "_worker")

    def __init__(self, worker: Worker, turn: Turn) -> None:
        self._worker = worker
        self._turn = turn
        self._askings: dict[str, SecondAsking] = {}
        self._waiting_for = 0

    def start(self) -> None:
        """Ask now."""
        worker, turn = self._worker, self._turn
        messages = {worker.primary: _marked(turn.primary_head())}
        for asked in turn.asked:
            message = None if asked.failure else asked.shadow.message(turn)
            if message is not None:
                messages[asked.shadow.pool] = _marked(message)
        self._waiting_for = len(messages)
        self._askings = {
            pool.name: SecondAsking(self, worker, pool, message, turn.bodiless) for pool, message in messages.items()
        }
        for asking in self._askings.values():
            worker.tasks.start(asking.start(), "ask again")

    def one_ended(self) -> None:
        """One of the second answers is in."""
        self._waiting_for -= 1
        if not self._waiting_for:
            askings, self._askings = self._askings, {}  # a ring of references, which the collector would leave for long
            masker = self._worker.rules.masker
            self._worker.record(self._turn, {name: asking.answer(masker) for name, asking in askings.items()})
            for asking in askings.values():
                asking.let_go()


def _marked(message: bytes) -> bytes:
    """The head with a mark that says, to whoever reads the stack's log, why the request comes twice."""
    return message.removesuffix(b"\r\n") + b"Understudy-Again: 1\r\n\r\n"
