"""A request asked beside the user's way, as a `Call`: its reply is gathered within bounds, and nobody waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.proxy.capture import Capture
from understudy.proxy.head import ReplyHead
from understudy.proxy.turn import Heard
from understudy.proxy.upstream import Upstream

if TYPE_CHECKING:
    from understudy.proxy.worker import Worker


class Beside(Heard):
    """What a shadow's first asking and any second asking share; `_ended` is where they part."""

    __slots__ = ("_retried", "_upstream", "_worker", "bodiless", "sent_whole")

    _worker: Worker
    _upstream: Upstream | None

    def whole(self, head: ReplyHead, wire: bytes, payload: bytes) -> None:
        """Call: the whole reply."""
        self.hear(head, payload, self._worker)
        self._ended("")

    def begin(self, head: ReplyHead) -> None:
        """Call: the head."""
        self.head = head
        self.capture = Capture(self._worker.max_body_bytes, self._worker.ledger)

    def piece(self, wire: bytes, payload: bytes) -> None:
        """Call: a piece of the body."""
        if self.capture is not None:
            self.capture.add(payload)

    def end(self) -> None:
        """Call: the body is whole."""
        self.hear_end()
        self._ended("")

    def interim(self, head: ReplyHead, upstream: Upstream, rest: bytes) -> None:
        """Call: 1xx means nothing here, and what is asked beside is never upgraded."""
        if head.status == 101:
            upstream.drop()
            self._ended("garbled")

    def timed_out(self) -> None:
        """The answer took too long."""
        if self._upstream is not None:
            self._upstream.drop()
        self._ended("timeout")

    def pause(self) -> None:
        """Call: the request is already with the transport, whole."""

    def resume(self) -> None:
        """Call: see pause."""

    def _ended(self, failure: str) -> None:
        """The reply is in, or `failure` says why there is none."""
        raise NotImplementedError
