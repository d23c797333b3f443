"""A connection to a stack: one request at a time goes out, its reply is followed to its end.

The theory: the connection knows framing and nothing else. Whoever asks is a `Call`; it is handed the reply
as it comes, and the connection goes back to its pool before the call learns of the end, so that the next request
can use it at once. A reply that is whole in one read, as most are, takes the short way (`whole`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, cast

from understudy.proxy.chunked import ChunkScanner
from understudy.proxy.head import CHUNKED, END, MAX_HEAD_BYTES, UNTIL_CLOSE, Malformed, ReplyHead

if TYPE_CHECKING:
    from understudy.proxy.pool import Pool

MAX_INTERIM = 100  # 1xx heads before a reply; a stack that only ever says "wait" does not answer

_BEGINNING = b"HTTP/1."


class Call(Protocol):
    """Who asked. `wire` is what came, `payload` what it means: they differ in chunked bodies."""

    bodiless: bool  # the reply has no body whatever its head says: HEAD
    sent_whole: bool  # the request was sent to its end: otherwise the connection can't be used again

    def whole(self, head: ReplyHead, wire: bytes, payload: bytes) -> None:
        """The reply, whole."""

    def begin(self, head: ReplyHead) -> None:
        """The head of a reply whose body comes in pieces."""

    def piece(self, wire: bytes, payload: bytes) -> None:
        """A piece of the body."""

    def end(self) -> None:
        """The body is whole."""

    def interim(self, head: ReplyHead, upstream: Upstream, rest: bytes) -> None:
        """A 1xx head. After 101 the call owns the connection, and `rest` has already come over it."""

    def failed(self, reason: str, retryable: bool) -> None:
        """There is no reply, or no end of it. `retryable`: a reused connection closed before a byte came."""

    def pause(self) -> None:
        """The stack does not take more of the request for now."""

    def resume(self) -> None:
        """The stack takes more again."""


class Upstream(asyncio.Protocol):
    """One connection to a stack, in its pool while `call` is None."""

    __slots__ = (
        "_answered",
        "_buffer",
        "_head",
        "_held",
        "_interim",
        "_remaining",
        "_scanner",
        "call",
        "idle_since",
        "pool",
        "transport",
        "was_idle",
    )

    transport: asyncio.Transport

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.call: Call | None = None
        self.idle_since = 0.0
        self.was_idle = False  # and may have been closed by the stack just as it was taken
        self._buffer = b""
        self._head: ReplyHead | None = None  # of the reply whose body is being read
        self._remaining = 0
        self._scanner: ChunkScanner | None = None
        self._answered = False
        self._held = False  # reading is paused
        self._interim = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the stack accepted."""
        self.transport = cast(asyncio.Transport, transport)
        self.pool.open_connections += 1

    def send(self, call: Call, head: bytes) -> None:
        """Send a request's head (and body, where it is at hand) for `call`."""
        self.call = call
        self._answered = False
        self.transport.write(head)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes of a reply."""
        call = self.call
        if call is None:  # nothing was asked: the stack has lost its way, or was misled
            self.transport.abort()
            return
        self._answered = True
        if self._head is not None:
            self._body(call, self._head, data)
            return
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        end = data.find(END) + 4
        if end == 3 or end > MAX_HEAD_BYTES:
            self._incomplete_head(data)
            return
        raw = data[:end]
        head = self.pool.reply_heads.young.get(raw)
        if head is None:
            try:
                head = self.pool.reply_heads.read(raw)
            except Malformed:
                self._fail("garbled")
                return
        length = 0 if call.bodiless else head.length
        if length >= 0 and end + length == len(data) and head.status >= 200:
            self._release(head.keep_alive and call.sent_whole)
            body = data[end:] if length else b""
            call.whole(head, body, body)
        else:
            self._begin(call, head, length, data[end:])

    def _incomplete_head(self, data: bytes) -> None:
        if len(data) > MAX_HEAD_BYTES or not (data.startswith(_BEGINNING) or _BEGINNING.startswith(data)):
            self._fail("garbled")
        else:
            self._buffer = data

    def _begin(self, call: Call, head: ReplyHead, length: int, rest: bytes) -> None:
        """A reply that is not whole yet, or is chunked, interim, or followed by what was not asked for."""
        if head.status < 200:
            self._interim += 1
            if self._interim > MAX_INTERIM:
                self._fail("garbled")
                return
            call.interim(head, self, rest)
            if head.status != 101 and rest and self.call is call:
                self.data_received(rest)
            return
        self._head, self._remaining = head, length
        if length == CHUNKED:
            self._scanner = scanner = ChunkScanner(from_stack=True)
            try:
                used, payload = scanner.feed(rest)
            except Malformed:
                self._fail("garbled")
                return
            if scanner.done and used == len(rest):
                self._release(head.keep_alive and call.sent_whole)
                call.whole(head, rest, payload)
                return
            call.begin(head)
            self._pass_on(call, head, rest[:used], payload, used < len(rest))
            return
        call.begin(head)
        if rest or length == 0:
            self._body(call, head, rest)

    def _body(self, call: Call, head: ReplyHead, data: bytes) -> None:
        surplus = False
        payload = data
        if self._scanner is not None:
            try:
                used, payload = self._scanner.feed(data)
            except Malformed:
                self._fail("garbled")
                return
            surplus = used < len(data)
            data = data[:used] if surplus else data
        elif self._remaining != UNTIL_CLOSE:
            surplus = len(data) > self._remaining
            payload = data = data[: self._remaining] if surplus else data
            self._remaining -= len(data)
        self._pass_on(call, head, data, payload, surplus)

    def _pass_on(self, call: Call, head: ReplyHead, wire: bytes, payload: bytes, surplus: bool) -> None:
        if wire:
            call.piece(wire, payload)
        if self.call is call and (self._scanner.done if self._scanner is not None else self._remaining == 0):
            self._release(head.keep_alive and call.sent_whole and not surplus)
            call.end()

    def _release(self, reusable: bool) -> None:
        """The reply is whole: back to the pool, or closed where it can't be used again."""
        self._forget()
        if reusable:
            if self._held:
                self.resume_reading()
            self.pool.give_back(self)
        else:
            self.transport.close()

    def _forget(self) -> None:
        self.call = self._head = self._scanner = None
        self._buffer = b""
        self._interim = 0

    def _fail(self, reason: str, retryable: bool = False) -> None:
        call = self.call
        self._forget()
        self.transport.abort()
        if call is not None:
            call.failed(reason, retryable)

    def drop(self) -> None:
        """Whoever asked does not want the answer any more."""
        self._forget()
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the connection is gone, in order where `exc` is None."""
        self.pool.lost(self)
        call = self.call
        if call is None:
            return
        if self._head is not None and self._remaining == UNTIL_CLOSE and exc is None:
            self._forget()
            call.end()
        else:
            self._fail("closed", retryable=self.was_idle and not self._answered)

    def hold_reading(self) -> None:
        """Take no more of the reply."""
        if not self._held and not self.transport.is_closing():
            self._held = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Take the reply again."""
        if self._held and not self.transport.is_closing():
            self._held = False
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        """asyncio: what is to be sent piles up."""
        if self.call is not None:
            self.call.pause()

    def resume_writing(self) -> None:
        """asyncio: it drained."""
        if self.call is not None:
            self.call.resume()
