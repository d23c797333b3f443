"""Content codings (RFC 9110 §8.4): the bytes that an application wrote, from the bytes that travelled.

A body that grows beyond what the caller can hold is refused while it is being decoded, so that a small body
that unpacks into gigabytes costs no more than the bound.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Final

import brotli
import zstandard

from understudy.errors import CodingError

MAX_CODINGS = 4  # nobody stacks more; each layer is another chance to explode
_ZSTD_WINDOW: Final = 1 << 27  # RFC 9659 lets a web server use no more than 8 MiB; be generous, not boundless
# decompressobj has no bound of its own, and a block of 3 bytes unpacks to 128 KiB: 256 bytes to 11 MiB at the worst
_ZSTD_PIECE: Final = 256
_GZIP_BITS: Final = 16 + zlib.MAX_WBITS


def decode(body: bytes, content_encoding: str, max_bytes: int) -> bytes:
    """Undo every coding that a Content-Encoding header names, the last one first; "" and identity undo nothing.

    gzip (several members too), deflate (zlib's wrapping, or raw as some servers send it), br and zstd are known.
    Raises CodingError where a coding is unknown, the body is spoilt or cut, or any layer is longer than `max_bytes`.
    """
    codings = [name for part in content_encoding.split(",") if (name := part.strip().lower()) not in ("", "identity")]
    if len(codings) > MAX_CODINGS:
        raise CodingError(f"{len(codings)} content codings; at most {MAX_CODINGS} are undone")
    for name in reversed(codings):
        decoder = _DECODERS.get(name)
        if decoder is None:
            raise CodingError(f"content coding {name[:40]!r} is not known")
        if not body:
            return body  # the answer to a HEAD carries the header and no body
        try:
            body = decoder(body, max_bytes)
        except (zlib.error, brotli.error, zstandard.ZstdError) as error:
            raise CodingError(f"the body is not {name}: {error}") from error
    return body


def _too_long(max_bytes: int) -> CodingError:
    return CodingError(f"the body unpacks to more than {max_bytes} bytes")


def _gzip(body: bytes, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    room = max_bytes
    while body:
        member = zlib.decompressobj(_GZIP_BITS)
        part = _inflate(member, body, room, max_bytes)
        parts.append(part)
        room -= len(part)
        body = member.unused_data.lstrip(b"\0")  # some pad the end with zeros, as gzip(1) allows
    return b"".join(parts)


def _deflate(body: bytes, max_bytes: int) -> bytes:
    try:
        return _inflate(zlib.decompressobj(), body, max_bytes, max_bytes)
    except zlib.error:
        return _inflate(zlib.decompressobj(-zlib.MAX_WBITS), body, max_bytes, max_bytes)


def _inflate(member: zlib._Decompress, body: bytes, room: int, max_bytes: int) -> bytes:
    out = member.decompress(body, room + 1)  # zlib takes 0 for "no limit"
    if len(out) > room:
        raise _too_long(max_bytes)
    if not member.eof:
        raise zlib.error("it is cut")
    return out


def _brotli(body: bytes, max_bytes: int) -> bytes:
    decompressor = brotli.Decompressor()
    parts: list[bytes] = []
    size = 0
    while not decompressor.is_finished():
        part = decompressor.process(body, output_buffer_limit=65_536)
        if not part and not body:
            raise CodingError("the body is not br: it is cut")
        body = b""
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            raise _too_long(max_bytes)
    return b"".join(parts)


def _zstd(body: bytes, max_bytes: int) -> bytes:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    parts: list[bytes] = []
    room = max_bytes
    while body:
        frame = decompressor.decompressobj()
        part, used = _zstd_frame(frame, body, room, max_bytes)
        parts.append(part)
        room -= len(part)
        body = body[used:]
    return b"".join(parts)


def _zstd_frame(frame: zstandard.ZstdDecompressionObj, body: bytes, room: int, max_bytes: int) -> tuple[bytes, int]:
    out = BytesIO()
    used = 0
    while not frame.eof:
        if used >= len(body):
            raise CodingError("the body is not zstd: it is cut")
        piece = body[used : used + _ZSTD_PIECE]
        out.write(frame.decompress(piece))
        used += len(piece) - len(frame.unused_data)
        if out.tell() > room:
            raise _too_long(max_bytes)
    return out.getvalue(), used


_DECODERS: Final[dict[str, Callable[[bytes, int], bytes]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
