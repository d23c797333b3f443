"""One request's way: to the primary and back to the client, beside it to the shadows, and then into one bucket.

A `Turn` is the primary's `Call`: it relays the reply to the client as it comes, and keeps what is needed to compare.
It ends for the client when the primary's reply has ended; it is settled (compared, counted, recorded) when
the last shadow has ended too. Whatever a shadow does happens after, and beside, what the client sees.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from understudy.exchange import Answer, Failure, Reply, Request
from understudy.proxy.capture import Capture, digest_of
from understudy.proxy.chunked import payload_of
from understudy.proxy.head import CHUNKED, UNTIL_CLOSE, Malformed, ReplyHead
from understudy.proxy.masks import without_encoding
from understudy.proxy.policy import IDEMPOTENT_METHODS
from understudy.proxy.pool import ConnectError
from understudy.proxy.upstream import Upstream

if TYPE_CHECKING:
    from understudy.proxy.downstream import Downstream
    from understudy.proxy.masks import Masker
    from understudy.proxy.mirror import Asked, Shadow
    from understudy.proxy.prepare import Prepared
    from understudy.proxy.worker import Worker

LIGHT_BYTES = 16 << 10  # a body that came in one piece and is no longer is not worth an entry in the ledger


class Heard:
    """What one stack answered, as far as comparing needs it."""

    __slots__ = ("body", "capture", "digest", "elapsed_ms", "failure", "head", "length", "sent_at")

    def __init__(self) -> None:
        self.head: ReplyHead | None = None
        self.body = b""
        self.length = 0
        self.digest = b""
        self.failure = ""
        self.capture: Capture | None = None
        self.sent_at = 0.0
        self.elapsed_ms = 0.0

    def hear(self, head: ReplyHead, body: bytes, worker: Worker) -> None:
        """The reply was whole."""
        self.elapsed_ms = (time.perf_counter() - self.sent_at) * 1e3
        self.head = head
        self.length = len(body)
        if self.length <= LIGHT_BYTES and self.length <= worker.max_body_bytes:
            self.body = body
        else:
            self.capture = Capture(worker.max_body_bytes, worker.ledger)
            self.capture.add(body)
            self._captured(self.capture)

    def hear_end(self) -> None:
        """The last piece of the reply came."""
        self.elapsed_ms = (time.perf_counter() - self.sent_at) * 1e3
        if self.capture is not None:
            self._captured(self.capture)

    def _captured(self, capture: Capture) -> None:
        """The capture stays until `let_go`: what waits to be compared is held too, for as long as a shadow may take."""
        self.length, self.digest, self.body = capture.length, capture.digest(), capture.peek()

    def let_go(self) -> None:
        """Give back what is held of a reply once nobody compares it any more."""
        if self.capture is not None:
            self.capture.let_go()
            self.capture = None

    def same_as(self, other: Heard) -> bool:
        """Whether both stacks answered the same: status, headers that count, body."""
        mine, theirs = self.head, other.head
        if mine is not theirs:
            assert mine is not None
            assert theirs is not None
            if mine.status != theirs.status or mine.comparable != theirs.comparable:
                return False
        if self.digest or other.digest:
            return self.length == other.length and self._any_digest() == other._any_digest()
        return self.body == other.body

    def _any_digest(self) -> bytes:
        return self.digest or digest_of(self.body)

    def answer(self, masker: Masker) -> Answer:
        """What was answered as it is recorded: masked."""
        if self.head is None or self.failure:
            return Failure(self.failure or "closed", self.elapsed_ms)
        head = self.head
        body = masker.body(self.body, head.text(b"content-type"), head.text(b"content-encoding"))
        headers = head.masked_headers(masker.headers)
        if body is self.body:
            return Reply(head.status, headers, body, self.length, self.elapsed_ms, self.digest)
        if body is None:  # it can't be examined for secrets
            return Reply(head.status, headers, b"", self.length, self.elapsed_ms, digest_of(self.body))
        return Reply(head.status, without_encoding(headers), body, self.length, self.elapsed_ms)


class Turn(Heard):
    """A request between its arrival and its bucket."""

    __slots__ = (
        "_retried",
        "_upstream",
        "asked",
        "at",
        "bodiless",
        "bucket",
        "client_address",
        "connection",
        "downstream",
        "prepared",
        "request_body",
        "request_id",
        "sent_whole",
        "targets",
        "unsent",
        "waiting_for",
        "worker",
    )

    def __init__(self, worker: Worker, downstream: Downstream, prepared: Prepared, request_id: bytes) -> None:
        # Heard's fields and the turn's own, in one go: this runs for every request.
        self.head = None
        self.body = self.digest = b""
        self.failure = self.bucket = ""
        self.length = 0
        self.capture = None
        self.sent_at = self.elapsed_ms = 0.0
        self.worker = worker
        self.downstream: Downstream | None = downstream
        self.client_address = downstream.client_address
        self.connection = downstream.id
        self.prepared = prepared
        self.request_id = request_id
        self.at = time.time()
        self.bodiless = prepared.bodiless
        self.sent_whole = prepared.head.length == 0
        self.targets: tuple[Shadow, ...] = ()
        self.request_body: Capture | None = None
        self.unsent: list[bytes] = []
        self.asked: list[Asked] = []
        self.waiting_for = 1
        self._upstream: Upstream | None = None
        self._retried = False

    # --- toward the primary

    def start(self) -> None:
        """Send the head to the primary, over a connection at hand or a new one."""
        upstream = self.worker.primary.take(self.prepared.retryable)
        if upstream is None:
            self._connect()
        else:
            self._send(upstream)

    def _connect(self) -> None:
        if self.downstream is not None and not self.sent_whole:
            self.downstream.hold_reading()
        self.worker.tasks.start(self._connected(), "connect to the primary")

    async def _connected(self) -> None:
        try:
            upstream = await self.worker.primary.connect()
        except ConnectError as error:
            if self.downstream is not None:
                self.failed(error.reason, retryable=False)
            return
        if self.downstream is None:
            self.worker.primary.give_back(upstream)
        else:
            self._send(upstream)
            self.downstream.resume_reading()

    def _send(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self.sent_at = time.perf_counter()
        head = self.primary_head()
        if self.unsent:
            head = b"".join((head, *self.unsent))
            self.unsent = []
        upstream.send(self, head)
        self.worker.primary_timer.start(self)

    def primary_head(self) -> bytes:
        """The request's head as the primary gets it."""
        template = self.prepared.primary
        return b"".join((template.before, self.client_address, template.after, self.id_line(), b"\r\n"))

    def id_line(self) -> bytes:
        """The X-Request-Id line, where the client sent none."""
        return b"" if self.prepared.request_id else b"X-Request-Id: %b\r\n" % self.request_id

    def send_body(self, wire: bytes, last: bool) -> None:
        """Pass on a piece of the request's body, as it came; the shadows get it when it is whole."""
        if self.request_body is not None:
            self.request_body.add(wire)
        if last:
            self.sent_whole = True
        if self._upstream is not None:
            self._upstream.transport.write(wire)
            self.sent_at = time.perf_counter()
            self.worker.primary_timer.start(self)
        elif self.head is None and not self.failure:
            self.unsent.append(wire)
        if last and self.head is not None:
            self._ask_shadows()

    # --- from the primary

    def whole(self, head: ReplyHead, wire: bytes, payload: bytes) -> None:
        """Call: the whole reply."""
        self.worker.primary_timer.stop(self)
        self._upstream = None
        if self.targets:
            self.hear(head, payload, self.worker)
        else:
            self.head = head
        downstream = self.downstream
        if downstream is not None:
            downstream.answer(self, head, wire, payload)
        if self.sent_whole:
            self._ask_shadows()
        self._done()

    def begin(self, head: ReplyHead) -> None:
        """Call: the head, its body is still coming."""
        self.head = head
        if self.targets:
            self.capture = Capture(self.worker.max_body_bytes, self.worker.ledger)
        if self.downstream is not None:
            self.downstream.begin_answer(self, head)
        self.worker.primary_timer.start(self)
        if self.sent_whole:
            self._ask_shadows()

    def piece(self, wire: bytes, payload: bytes) -> None:
        """Call: a piece of the body."""
        if self.capture is not None:
            self.capture.add(payload)
        if self.downstream is not None:
            self.downstream.continue_answer(wire, payload)
            self.worker.primary_timer.start(self)

    def end(self) -> None:
        """Call: the body is whole."""
        self.worker.primary_timer.stop(self)
        self._upstream = None
        self.hear_end()
        if self.downstream is not None:
            self.downstream.end_answer(self)
        self._done()

    def interim(self, head: ReplyHead, upstream: Upstream, rest: bytes) -> None:
        """Call: a 1xx reply."""
        if self.downstream is None:
            return
        if head.status != 101:
            self.worker.primary_timer.start(self)
            self.downstream.interim(head)
        elif self.prepared.head.block.upgrade:
            self.worker.primary_timer.stop(self)
            self._upstream = None
            downstream, self.downstream = self.downstream, None
            self.bucket = "skipped"
            downstream.become_tunnel(head, upstream, rest)
            self._done()
        else:
            upstream.drop()
            self.failed("garbled", retryable=False)

    def failed(self, reason: str, retryable: bool) -> None:
        """Call: the primary failed; tell the client, unless asking once more is allowed and may help."""
        self.worker.primary_timer.stop(self)
        self._upstream = None
        downstream = self.downstream
        # RFC 9112 §9.3.1: once, automatically, only what is idempotent, and only with all of it at hand
        if retryable and not self._retried and self.prepared.retryable and downstream is not None:
            self._retried = True
            self._connect()
            return
        self.failure = reason
        self.let_go()
        self.worker.stack_failed(self.worker.primary.name, reason)
        if downstream is not None:
            downstream.fail(self, reason)
        self._done()

    def timed_out(self) -> None:
        """The primary was silent for too long."""
        upstream, downstream = self._upstream, self.downstream
        if downstream is not None and downstream.is_holding_up():
            self.worker.primary_timer.start(self)  # it is the client who does not take, or does not send
            return
        if upstream is not None:
            upstream.drop()
            self.failed("timeout", retryable=False)

    def pause(self) -> None:
        """Call: the primary takes no more of the request."""
        if self.downstream is not None:
            self.downstream.hold_reading()

    def resume(self) -> None:
        """Call: the primary takes more again."""
        if self.downstream is not None:
            self.downstream.resume_reading()

    def hold_reply(self) -> None:
        """The client takes no more of the reply."""
        if self._upstream is not None:
            self._upstream.hold_reading()

    def resume_reply(self) -> None:
        """The client takes more again."""
        if self._upstream is not None:
            self._upstream.resume_reading()
            self.worker.primary_timer.start(self)

    def client_lost(self) -> None:
        """The client is gone before its answer was whole: the primary need not go on."""
        self.downstream = None
        self._abandon("client_gone")

    def refuse(self, reason: str) -> None:
        """The client's message turned out malformed in its body, or stopped: no stack may see an end of it."""
        self.downstream = None
        self.worker.counts.refused[reason] += 1
        self._abandon("rejected")

    def _abandon(self, bucket: str) -> None:
        self.bucket = bucket
        self.unsent = []
        self.worker.primary_timer.stop(self)
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.drop()
        self.let_go()
        self._done()

    # --- toward the shadows

    def _ask_shadows(self) -> None:
        """Ask them now: the request is whole, and the primary has begun to answer it.

        Not before: on a machine that they share, the shadows' work would delay the answer that the user waits for (at
        2,000 requests/s on two cores, p99 above nginx's was 1.6 ms, and is 1.1 ms so), and a request that the primary
        never answers has nothing to compare.
        """
        if self.targets:
            self.worker.mirror.ask(self)

    # --- toward the bucket

    def _done(self) -> None:
        """The primary has ended, one way or another."""
        self.downstream = None
        if self.targets and not self.sent_whole and not self.bucket and not self.failure:
            self.bucket = "skipped"  # answered before the request was whole: shadows never had it
        self.shadow_ended()

    def shadow_ended(self) -> None:
        """One of those waited for has ended."""
        self.waiting_for -= 1
        if not self.waiting_for:
            self.worker.settle(self)

    def request(self, masker: Masker | None) -> Request:
        """The request as a hook sees it, or masked, as it is recorded."""
        prepared = self.prepared
        if masker is None:
            return Request(prepared.method, prepared.target, prepared.headers(), self._payload(), self.connection)
        headers, body = prepared.masked_headers(masker), self._payload()
        if body:
            headers, body = masker.request_body(headers, body)
        return Request(prepared.method, prepared.masked_target, headers, body, self.connection)

    def _payload(self) -> bytes:
        wire = self.request_wire()
        if not wire or self.prepared.head.length != CHUNKED:
            return wire
        try:
            return payload_of(wire)
        except Malformed:
            return b""

    def request_wire(self) -> bytes:
        """The request's body as it came, while the capture holds it."""
        capture = self.request_body
        return b"" if capture is None or capture.cut else capture.peek()


def ends_by_close(head: ReplyHead, bodiless: bool) -> bool:
    """Whether only the end of the connection ends this reply."""
    return head.length == UNTIL_CLOSE and not bodiless


def retryable(method: bytes, length: int) -> bool:
    """Whether a request may be sent again when a reused connection closed (RFC 9110 §9.2.2): no body, idempotent."""
    return length == 0 and method in IDEMPOTENT_METHODS
