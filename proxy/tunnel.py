"""After an upgrade: bytes pass between client and primary until either side ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from understudy.proxy.upstream import Upstream
    from understudy.proxy.worker import Worker


class TunnelEnd(asyncio.Protocol):
    """One end: what it receives goes out at the other."""

    def __init__(self, worker: Worker, own: asyncio.Transport, other: asyncio.Transport) -> None:
        self._worker = worker
        self._own = own
        self._other = other
        self._ended = False  # this side sends no more
        self.opposite: TunnelEnd | None = None

    def data_received(self, data: bytes) -> None:
        """asyncio: pass on."""
        self._other.write(data)

    def eof_received(self) -> bool:
        """asyncio: this side sends no more; the other may, and when neither does the tunnel ends."""
        self._ended = True
        other_ended = self.opposite is None or self.opposite._ended
        if other_ended or self._other.is_closing() or not self._other.can_write_eof():
            return False
        self._other.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: this side is gone, so the other ends too."""
        self._worker.tunnels.discard(self)
        self.opposite = None
        self._other.close()

    def pause_writing(self) -> None:
        """asyncio: this side does not take its bytes, so no more are read at the other."""
        if not self._other.is_closing():
            self._other.pause_reading()

    def resume_writing(self) -> None:
        """asyncio: this side takes its bytes again."""
        if not self._other.is_closing():
            self._other.resume_reading()

    def close(self) -> None:
        """End the tunnel."""
        self._own.close()


def tunnel(
    worker: Worker, client: asyncio.Transport, upstream: Upstream, sent_ahead: bytes, *, ended: bool = False
) -> None:
    """Join a client and a primary's connection; `sent_ahead` has already come from the client, all where it `ended`."""
    primary = upstream.transport
    upstream.call = None
    upstream.pool.open_connections -= 1
    to_primary, to_client = TunnelEnd(worker, client, primary), TunnelEnd(worker, primary, client)
    to_primary.opposite, to_client.opposite = to_client, to_primary
    worker.tunnels.add(to_primary)
    primary.set_protocol(to_client)
    client.set_protocol(to_primary)
    if sent_ahead:
        primary.write(sent_ahead)
    if ended:
        to_primary.eof_received()
