"""A client's connection: requests are read strictly, answered in order, and never wait for a shadow.

One request is under way at a time; what a pipelining client sends meanwhile is kept, up to a bound, and read
when its turn comes. Back-pressure runs between client and primary only: either one that does not take its bytes
stops the reading from the other.

    HEAD  --head whole-->  TURN  --answer and request whole-->  HEAD, or closed
    HEAD  --malformed, too slow-->  LINGER      TURN  --101-->  tunnel (another protocol object)

LINGER: the answer is out, our side is closed, and what the client still sends is thrown away for a moment, since
closing at once would reset the connection under the answer (RFC 9112 §9.6).
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from understudy.proxy.chunked import ChunkScanner
from understudy.proxy.head import CHUNKED, END, MAX_HEAD_BYTES, Malformed, ReplyHead
from understudy.proxy.prepare import Prepared
from understudy.proxy.remembered import Remembered
from understudy.proxy.tunnel import tunnel
from understudy.proxy.turn import Turn, ends_by_close
from understudy.proxy.upstream import Upstream

if TYPE_CHECKING:
    from understudy.proxy.worker import Worker

MAX_PIPELINED_BYTES = 64 * 1024
_FAILURE_STATUS = {"timeout": 504}
_EMPTY_LINE = (b"\r", b"\n")
_NO_LINGER = struct.pack("ii", 1, 0)
_TRANSFER_ENCODING = re.compile(rb"(?i)\r\ntransfer-encoding:[^\r\n]*")


class Downstream(asyncio.Protocol):
    """One client's connection."""

    __slots__ = (
        "_body",
        "_buffer",
        "_closing",
        "_eof",
        "_held",
        "_lingering",
        "_paused",
        "_prepared",
        "_remaining",
        "_scanner",
        "_unsent",
        "client_address",
        "id",
        "transport",
        "turn",
        "worker",
    )

    transport: asyncio.Transport

    def __init__(self, worker: Worker, prepared: Remembered[Prepared]) -> None:
        self.worker = worker
        self._prepared = prepared
        self.turn: Turn | None = None
        self.client_address = b""
        self.id = ""
        self._buffer = b""
        self._body = False  # the current request's body is not whole
        self._remaining = 0
        self._scanner: ChunkScanner | None = None
        self._held = False  # reading is paused
        self._paused = False  # the client does not take what we write
        self._closing = False  # after the current answer
        self._eof = False  # the client sends no more
        self._lingering = False
        self._unsent = 0  # what the client had not taken when it was last looked at

    # --- the connection's life

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: a client connected."""
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.client_address = str(peer[0]).encode() if isinstance(peer, tuple) else b"unknown"
        worker = self.worker
        self.id = worker.next_connection_id()
        if not worker.admit(self):
            self._reject("too-many-connections", 503)
            return
        worker.head_timer.start(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the client is gone."""
        worker = self.worker
        worker.dismiss(self)
        turn, self.turn = self.turn, None
        if turn is not None:
            turn.client_lost()

    def eof_received(self) -> bool:
        """asyncio: the client sends no more; it may still wait for its answer."""
        if self._lingering or self._body or (self.turn is None and not self._buffer):
            return False
        self._eof = True
        if self.turn is None:
            self.worker.loop.call_soon(self._read_on)
        return self.transport.get_extra_info("ssl_object") is None

    def drain(self) -> None:
        """Close when the current answer is out, or now where there is none."""
        self._closing = True
        if self.turn is None and not self._lingering:
            self._close()

    def remember_with(self, prepared: Remembered[Prepared]) -> None:
        """The rules have changed: prepare heads anew."""
        self._prepared = prepared

    # --- reading

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes from the client."""
        if self.turn is None:
            if self._lingering:
                return
            if self._buffer:
                data = self._buffer + data
                self._buffer = b""
            self._read_head(data)
        elif self._body:
            self._read_body(self.turn, data)
        else:
            self._buffer += data
            if len(self._buffer) > MAX_PIPELINED_BYTES:
                self.hold_reading()

    def _read_head(self, data: bytes) -> None:
        end = data.find(END) + 4
        if end == 3 or end > MAX_HEAD_BYTES or data[:1] in _EMPTY_LINE:
            if end > 3 and data[:1] in _EMPTY_LINE:
                self._read_head(data.lstrip(b"\r\n"))
            else:
                self._incomplete_head(data)
            return
        whole = end == len(data)
        raw = data if whole else data[:end]
        prepared = self._prepared.young.get(raw)
        if prepared is None:
            try:
                prepared = self._prepared.read(raw)
            except Malformed as error:
                self._reject(error.reason, error.status)
                return
        worker = self.worker
        worker.head_timer.stop(self)
        self.turn = turn = Turn(worker, self, prepared, prepared.request_id or worker.next_request_id())
        worker.choose(turn)
        length = prepared.head.length
        if not prepared.may_keep:
            self._closing = True
        if length:
            self._begin_body(turn, length, data[end:])
            return
        if not whole:
            self._buffer = data[end:]
        turn.start()

    def _incomplete_head(self, data: bytes) -> None:
        data = data.lstrip(b"\r\n")  # RFC 9112 §2.2: empty lines before a request-line
        if len(data) >= MAX_HEAD_BYTES:
            self._reject("head-too-long", 400)
        elif b"\n\n" in data or b"\n\r\n" in data:
            self._reject("bare-cr-or-lf", 400)
        elif b"\x00" in data or data[:1] == b"\x16":  # \x16 begins TLS, spoken to a port without it
            self._reject("control-character", 400)
        elif self._eof:
            self._close()
        elif data:
            self.worker.head_timer.start_once(self)
            self._buffer = data

    def _begin_body(self, turn: Turn, length: int, rest: bytes) -> None:
        self._body = True
        self._scanner = ChunkScanner() if length == CHUNKED else None
        self._remaining = length
        turn.start()
        if self.turn is turn:
            self.worker.head_timer.start(self)
            if rest:
                self._read_body(turn, rest)

    def _read_body(self, turn: Turn, data: bytes) -> None:
        rest = b""
        if self._scanner is not None:
            try:
                used, _ = self._scanner.feed(data)
            except Malformed as error:
                self._refuse_body(turn, error.reason, error.status)
                return
            data, rest = data[:used], data[used:]
            last = self._scanner.done
        else:
            if len(data) > self._remaining:
                data, rest = data[: self._remaining], data[self._remaining :]
            self._remaining -= len(data)
            last = self._remaining == 0
        if last:
            self._body = False
            self._buffer = rest
            self.worker.head_timer.stop(self)
        else:
            self.worker.head_timer.start(self)
        turn.send_body(data, last)

    # --- answering: what the turn calls

    def answer(self, turn: Turn, head: ReplyHead, wire: bytes, payload: bytes) -> None:
        """The whole reply is here."""
        if self._body or self.worker.draining:
            self._closing = True
        if turn.prepared.head.minor and not self._closing:
            self.transport.write(head.kept + wire if wire else head.kept)
        else:
            start = self._head_bytes(turn, head)
            self.transport.write(start + (payload if self._unchunks(turn, head) else wire))
        self._turn_over()

    def begin_answer(self, turn: Turn, head: ReplyHead) -> None:
        """The head is here."""
        if ends_by_close(head, turn.bodiless) or self._body or self.worker.draining:
            self._closing = True
        self.transport.write(self._head_bytes(turn, head))

    def continue_answer(self, wire: bytes, payload: bytes) -> None:
        """A piece of the body is here."""
        turn = self.turn
        if turn is not None and turn.head is not None and self._unchunks(turn, turn.head):
            self.transport.write(payload)
        else:
            self.transport.write(wire)

    def end_answer(self, turn: Turn) -> None:
        """The body is whole."""
        self._turn_over()

    def interim(self, head: ReplyHead) -> None:
        """A 1xx reply, which HTTP/1.0 does not know."""
        if self.turn is not None and self.turn.prepared.head.minor:
            self.transport.write(head.kept)

    def fail(self, turn: Turn, reason: str) -> None:
        """The primary failed: say so, or, where the answer has begun, break off so that it can't be taken for whole."""
        if turn.head is not None:
            self.turn = None
            self._break_off()
            return
        status = _FAILURE_STATUS.get(reason, 502)
        closing = self._closing or self._body or self.worker.draining or not turn.prepared.head.minor
        self._closing = closing
        self.transport.write(error_reply(status, f"primary-{reason}", closing, bodiless=turn.bodiless))
        self._turn_over()

    def become_tunnel(self, head: ReplyHead, upstream: Upstream, rest: bytes) -> None:
        """The primary switched protocols: from here on bytes only pass through."""
        self.turn = None
        self._body = False
        self.worker.dismiss(self)
        if self._held:
            self.resume_reading()
        upgrade = b"Connection: Upgrade\r\nUpgrade: %b\r\n\r\n" % head.upgrade
        self.transport.write(head.sent_on + upgrade + rest)
        tunnel(self.worker, self.transport, upstream, self._buffer, ended=self._eof)

    def _head_bytes(self, turn: Turn, head: ReplyHead) -> bytes:
        if not turn.prepared.head.minor:
            return self._old_head(turn, head)
        return head.closing if self._closing else head.kept

    def _old_head(self, turn: Turn, head: ReplyHead) -> bytes:
        """A head for an HTTP/1.0 client: no chunks, and a connection that goes on must be promised."""
        sent_on = head.sent_on
        if head.length == CHUNKED:
            sent_on = _TRANSFER_ENCODING.sub(b"", sent_on)
            self._closing = self._closing or not turn.bodiless
        return sent_on + (b"Connection: close\r\n\r\n" if self._closing else b"Connection: keep-alive\r\n\r\n")

    def _unchunks(self, turn: Turn, head: ReplyHead) -> bool:
        return head.length == CHUNKED and not turn.prepared.head.minor

    def _turn_over(self) -> None:
        """The answer is out: close, or go on with the next request."""
        self.turn = None
        if self._closing or self._eof:
            if self._eof and self._buffer and not self._closing:
                self.worker.loop.call_soon(self._read_on)
            elif (self._body or self._buffer) and not self._eof:
                self._linger()
            else:
                self._close()
            return
        self.worker.idle_timer.start(self)
        if self._paused:
            self.hold_reading()  # it shall take its answers before it is heard again
        else:
            self._go_on()

    def _go_on(self) -> None:
        if self._held:
            self.resume_reading()
        if self._buffer:
            self.worker.loop.call_soon(self._read_on)

    def _close(self) -> None:
        """Close when all is sent; a client that does not take it is not waited for without end."""
        self.transport.close()
        self._unsent = self.transport.get_write_buffer_size()
        if self._unsent:
            self.worker.stall_timer.start(self)

    def _break_off(self) -> None:
        """Reset the connection: an answer that ends by close could be taken for whole after an orderly end."""
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()

    def _read_on(self) -> None:
        """Go on with what a pipelining client sent ahead; on a new call stack, however many requests that are."""
        if self.turn is None and self._buffer and not self._paused and not self.transport.is_closing():
            data, self._buffer = self._buffer, b""
            self._read_head(data)

    # --- refusing

    def _reject(self, reason: str, status: int, *, counted: bool = False) -> None:
        """Answer what no stack shall see, and close."""
        if not counted:
            self.worker.rejected(reason)
        self.transport.write(error_reply(status, reason, closing=True))
        self._linger()

    def _refuse_body(self, turn: Turn, reason: str, status: int) -> None:
        """The request's body is malformed or does not come: the primary sees no end of it."""
        self.turn = None
        turn.refuse(reason)
        if turn.head is not None:  # the answer has begun, so there is no room for another
            self._break_off()
        else:
            self._reject(reason, status, counted=True)

    def _linger(self) -> None:
        self._lingering = self._closing = True
        self._buffer = b""
        self._body = False
        if self.transport.get_extra_info("ssl_object") is not None or not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write_eof()
        if self._held:
            self.resume_reading()
        self.worker.linger_timer.start(self)

    def head_timed_out(self) -> None:
        """The client began a request and does not go on with it, or never began one."""
        if self._lingering or self._held:
            return
        if self.turn is not None:
            self._refuse_body(self.turn, "client-timeout", 408)
        else:
            self._reject("client-timeout", 408, counted=not self._buffer)  # a silent connection is no request

    def idle_timed_out(self) -> None:
        """No request came over a kept-alive connection for long enough."""
        if self.turn is None and not self._buffer:
            self._close()

    def linger_timed_out(self) -> None:
        """The client was told that the connection ends, and does not end it; what it still takes it may have."""
        if self.transport.get_write_buffer_size():
            self.worker.linger_timer.start(self)
            self.worker.stall_timer.start_once(self)
        else:
            self.transport.abort()

    def stalled(self) -> None:
        """The client has not taken a byte of its answer for long enough."""
        before, self._unsent = self._unsent, self.transport.get_write_buffer_size()
        if self._unsent and self._unsent == before:
            self._break_off()
        elif self._unsent:
            self.worker.stall_timer.start(self)

    # --- back-pressure

    def hold_reading(self) -> None:
        """Take no more from the client."""
        if not self._held and not self.transport.is_closing():
            self._held = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Take from the client again."""
        if self._held and not self.transport.is_closing():
            self._held = False
            self.transport.resume_reading()
            if self._body:
                self.worker.head_timer.start(self)

    def is_holding_up(self) -> bool:
        """Whether it is the client that keeps its request from going on."""
        return self._paused or (self._body and not self._held)

    def pause_writing(self) -> None:
        """asyncio: the client takes no more."""
        self._paused = True
        self._unsent = self.transport.get_write_buffer_size()
        self.worker.stall_timer.start(self)
        if self.turn is not None:
            self.turn.hold_reply()

    def resume_writing(self) -> None:
        """asyncio: the client takes again."""
        self._paused = False
        if self.transport.is_closing() or self._lingering:
            return
        self.worker.stall_timer.stop(self)
        if self.turn is not None:
            self.turn.resume_reply()
        else:
            self._go_on()


def error_reply(status: int, reason: str, closing: bool, bodiless: bool = False) -> bytes:
    """An answer of our own, its reason in Understudy-Error."""
    phrase = HTTPStatus(status).phrase
    body = f"{status} {phrase}: {reason}\n".encode()
    connection = "Connection: close\r\n" if closing else ""
    head = (
        f"HTTP/1.1 {status} {phrase}\r\nUnderstudy-Error: {reason}\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n{connection}\r\n"
    )
    return head.encode() + (b"" if bodiless else body)
