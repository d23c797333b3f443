from __future__ import annotations

import contextlib
import gzip
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from understudy.coding import decode
from understudy.errors import CodingError

TEXT = b"the same text, again and again. " * 200


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(body)


CODINGS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd,
}


@pytest.mark.parametrize("name", CODINGS)
def test_a_coding_is_undone(name: str) -> None:
    assert decode(CODINGS[name](TEXT), name, len(TEXT)) == TEXT


@pytest.mark.parametrize(
    ("body", "header"),
    [
        (raw_deflate(TEXT), "deflate"),
        (brotli.compress(gzip.compress(TEXT)), "gzip, br"),
        (gzip.compress(TEXT), " GZIP "),
        (gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:]), "gzip"),
        (zstd(TEXT[:100]) + zstd(TEXT[100:]), "zstd"),
        (gzip.compress(TEXT) + b"\0\0\0", "gzip"),
        (TEXT, ""),
        (TEXT, "identity"),
    ],
)
def test_what_servers_send_is_understood(body: bytes, header: str) -> None:
    assert decode(body, header, 1 << 20) == TEXT


@pytest.mark.parametrize("name", CODINGS)
def test_a_bomb_is_refused(name: str) -> None:
    bomb = CODINGS[name](bytes(40_000_000))
    with pytest.raises(CodingError, match="more than 1000000 bytes"):
        decode(bomb, name, 1_000_000)


@pytest.mark.parametrize("name", CODINGS)
def test_a_cut_body_is_refused(name: str) -> None:
    packed = CODINGS[name](TEXT)
    with pytest.raises(CodingError):
        decode(packed[: len(packed) // 2], name, 1 << 20)


@pytest.mark.parametrize("header", ["lzma", "gzip, nonsense", "gzip," * 5 + "gzip"])
def test_unknown_codings_are_refused(header: str) -> None:
    with pytest.raises(CodingError):
        decode(gzip.compress(TEXT), header, 1 << 20)


def test_an_empty_body_needs_no_decoding() -> None:
    assert decode(b"", "gzip", 10) == b""


@given(st.binary(max_size=200), st.sampled_from([*CODINGS, "gzip, br"]))
def test_any_bytes_are_decoded_or_refused(body: bytes, header: str) -> None:
    with contextlib.suppress(CodingError):
        decode(body, header, 10_000)
