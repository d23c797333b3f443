"""Stacks that a file server can't play, each a process of its own.

python backends.py hung PORT      accepts, reads, never answers
python backends.py stream PORT    GET /download/BYTES sends that many; a request with a body is read and counted
"""

from __future__ import annotations

import asyncio
import re
import socketserver
import sys
from typing import BinaryIO, cast

PIECE = bytes(range(256)) * 1024


async def _swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await reader.read(65_536):
            pass
    except ConnectionError:
        pass
    writer.close()


async def hung(port: int) -> None:
    """Accept for ever, answer never."""
    server = await asyncio.start_server(_swallow, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


class Streamer(socketserver.StreamRequestHandler):
    """A kept-alive connection: sends or takes any number of bytes while holding a quarter of a megabyte."""

    rbufsize = len(PIECE)

    def handle(self) -> None:
        """Answer until the client goes."""
        try:
            while self._one():
                pass
        except ConnectionError:
            pass

    def _one(self) -> bool:
        head = self._head()
        if not head:
            return False
        if wanted := re.match(rb"GET /download/(\d+)", head):
            self._send(int(wanted[1]))
            return True
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        taken = self._take(int(length[1]) if length else 0)
        self._answer(b'{"bytes": %d}' % taken)
        return True

    def _head(self) -> bytes:
        lines = []
        while (line := self.rfile.readline(65_536)) not in (b"\r\n", b""):
            lines.append(line)
        return b"".join(lines)

    def _take(self, count: int) -> int:
        source, left = cast(BinaryIO, self.rfile), count
        while left and (piece := source.read(min(left, len(PIECE)))):
            left -= len(piece)
        return count - left

    def _send(self, count: int) -> None:
        self.wfile.write(_head_of(b"application/octet-stream", count))
        for _ in range(count // len(PIECE)):
            self.wfile.write(PIECE)
        self.wfile.write(PIECE[: count % len(PIECE)])

    def _answer(self, body: bytes) -> None:
        self.wfile.write(_head_of(b"application/json", len(body)) + body)


def _head_of(kind: bytes, length: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind, length)


class Server(socketserver.ThreadingTCPServer):
    """A thread a connection."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024


def stream(port: int) -> None:
    """Serve streams for ever."""
    with Server(("127.0.0.1", port), Streamer) as server:
        server.serve_forever()


if __name__ == "__main__":
    kind, port = sys.argv[1], int(sys.argv[2])
    if kind == "hung":
        asyncio.run(hung(port))
    else:
        stream(port)
