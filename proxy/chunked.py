"""Chunked bodies (RFC 9112 §7.1), followed byte by byte while they are passed on as they came. Pure.

The scanner tells where a body ends and what its payload is; it changes nothing. It is strict where laxness has
let requests be smuggled: sizes are hexadecimal digits only, lines end with CRLF only, extensions and
trailers are bounded and hold no control characters, and no trailer may speak of framing.
"""

from __future__ import annotations

import re
from typing import Final

from understudy.proxy.head import FRAMING, HOP_BY_HOP, NEVER_NOMINATED, OURS, Malformed

MAX_LINE_BYTES: Final = 4096
MAX_TRAILER_BYTES: Final = 8192

_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})([ \t]*;[\t\x20-\x7e\x80-\xff]*)?")
_PADDED_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(;[\t\x20-\x7e\x80-\xff]*)?")
_TRAILER: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t\x20-\x7e\x80-\xff]*")
# Framing, routing, identity and our own marks (RFC 9110 §6.5.1): some stacks merge trailers into the head.
_FORBIDDEN_TRAILERS: Final = FRAMING | OURS | HOP_BY_HOP | NEVER_NOMINATED
_FORBIDDEN_TO_STACKS: Final = FRAMING | {b"host", b"connection"}

_SIZE, _DATA, _DATA_END, _TRAILERS, _DONE = range(5)
# What a line may have begun with: what can't become one is refused before a stack sees it, however it is cut.
_BEGUN: Final = {
    _SIZE: (re.compile(rb"(?:[0-9A-Fa-f]{1,15}(?:[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r?)?)?"), "chunk-size"),
    _DATA_END: (re.compile(rb"\r?"), "chunk-end"),
    _TRAILERS: (re.compile(rb"(?:\r|[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?::[\t\x20-\x7e\x80-\xff]*\r?)?)?"), "trailer"),
}


class ChunkScanner:
    """Follows one chunked body. `done` is set once its last byte was seen.

    A stack is trusted with more than a client: it may pad its sizes with spaces, as some old servers do, and only
    framing is forbidden in its trailers.
    """

    __slots__ = ("_forbidden", "_line", "_remaining", "_size_line", "_state", "_trailer_bytes", "done")

    def __init__(self, *, from_stack: bool = False) -> None:
        self._size_line = _PADDED_SIZE_LINE if from_stack else _SIZE_LINE
        self._forbidden = _FORBIDDEN_TO_STACKS if from_stack else _FORBIDDEN_TRAILERS
        self._state = _SIZE
        self._line = b""
        self._remaining = 0
        self._trailer_bytes = 0
        self.done = False

    def feed(self, data: bytes) -> tuple[int, bytes]:
        """Take the next bytes: how many of them belong to the body, and the payload among them.

        Raises Malformed where they are not a chunked body.
        """
        place, size = 0, len(data)
        payload: list[bytes] = []
        while place < size and not self.done:
            if self._state == _DATA:
                piece = data[place : place + self._remaining]
                payload.append(piece)
                place += len(piece)
                self._remaining -= len(piece)
                if not self._remaining:
                    self._state = _DATA_END
            else:
                place = self._take_line(data, place)
        return place, payload[0] if len(payload) == 1 else b"".join(payload)

    def _take_line(self, data: bytes, place: int) -> int:
        """Gather a line that may have begun in earlier bytes; act on it when it is whole."""
        end = data.find(b"\n", place)
        line = self._line + (data[place:end] if end >= 0 else data[place:])
        if len(line) > MAX_LINE_BYTES:
            raise Malformed("chunk-line")
        begun, reason = _BEGUN[self._state]
        if not begun.fullmatch(line):
            raise Malformed(reason)
        if end < 0:
            self._line = line
            return len(data)
        self._line = b""
        if not line.endswith(b"\r"):
            raise Malformed("bare-cr-or-lf")
        self._act(line[:-1])
        return end + 1

    def _act(self, line: bytes) -> None:
        if self._state == _SIZE:
            self._begin_chunk(line)
        elif self._state == _DATA_END:
            if line:
                raise Malformed("chunk-end")
            self._state = _SIZE
        elif line:
            self._check_trailer(line)
        else:
            self._state = _DONE
            self.done = True

    def _begin_chunk(self, line: bytes) -> None:
        size = self._size_line.fullmatch(line)
        if size is None:
            raise Malformed("chunk-size")
        self._remaining = int(size[1], 16)
        self._state = _DATA if self._remaining else _TRAILERS

    def _check_trailer(self, line: bytes) -> None:
        self._trailer_bytes += len(line)
        trailer = _TRAILER.fullmatch(line)
        if trailer is None or self._trailer_bytes > MAX_TRAILER_BYTES:
            raise Malformed("trailer")
        if trailer[1].lower().replace(b"_", b"-") in self._forbidden:
            raise Malformed("trailer")


def payload_of(wire: bytes) -> bytes:
    """The payload of a chunked body that is whole. Raises Malformed."""
    scanner = ChunkScanner()
    _, payload = scanner.feed(wire)
    if not scanner.done:
        raise Malformed("chunk-end")
    return payload
