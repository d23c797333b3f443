"""Chunked bodies: where they end, what they say, and what is none; the same however the bytes are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation import chunks
from understudy.proxy.chunked import MAX_LINE_BYTES, MAX_TRAILER_BYTES, ChunkScanner, payload_of
from understudy.proxy.head import Malformed


@pytest.mark.parametrize(
    ("wire", "payload"),
    [
        (b"0\r\n\r\n", b""),
        (b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"a\r\n0123456789\r\n00\r\n\r\n", b"0123456789"),
        (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        (b"003\r\nabc\r\n2\r\nde\r\n000\r\n\r\n", b"abcde"),
        (b"3;a\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b'3;a=b;c="d \t;e"\r\nabc\r\n0;x\r\n\r\n', b"abc"),
        (b"3 ;a=b\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n"),
        (b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", b"0\r\n\r\n"),
        (b"0\r\nX: y\r\nZ:\r\n\r\n", b""),
        (b"1\r\n\x00\r\n0\r\nX: \xe9\t\r\n\r\n", b"\x00"),
    ],
)
def test_a_chunked_body_ends_where_it_ends(wire: bytes, payload: bytes) -> None:
    assert payload_of(wire) == payload
    scanner = ChunkScanner()
    assert scanner.feed(wire + b"GET / HTTP/1.1") == (len(wire), payload)
    assert scanner.done


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (b"\r\n", "chunk-size"),
        (b"g\r\n", "chunk-size"),
        (b"0x3\r\n", "chunk-size"),
        (b"+3\r\n", "chunk-size"),
        (b"-3\r\n", "chunk-size"),
        (b"-0\r\n", "chunk-size"),
        (b"3_0\r\n", "chunk-size"),
        (b"3.0\r\n", "chunk-size"),
        (b"3,3\r\n", "chunk-size"),
        (b" 3\r\n", "chunk-size"),
        (b"\t3\r\n", "chunk-size"),
        (b"3 3\r\n", "chunk-size"),
        (b"3 \r\n", "chunk-size"),
        (b"3\t\r\n", "chunk-size"),
        (b"3h\r\n", "chunk-size"),
        (b";a=b\r\n", "chunk-size"),
        (b"\xb3\r\n", "chunk-size"),
        (b"3\x00\r\n", "chunk-size"),
        (b"3\x0b\r\n", "chunk-size"),
        (b"3\x0c;a\r\n", "chunk-size"),
        (b"1000000000000000\r\n", "chunk-size"),
        (b"ffffffffffffffff3\r\n", "chunk-size"),
        (b"00000000000000003\r\n", "chunk-size"),
        (b"3;a\x00\r\n", "chunk-size"),
        (b"3;a\rb\r\n", "chunk-size"),
        (b"3;\x7f\r\n", "chunk-size"),
        (b"3\r\r\n", "chunk-size"),
        (b"3\n", "bare-cr-or-lf"),
        (b"3;a\nb\r\n", "bare-cr-or-lf"),
        (b'3;a="\n"\r\n', "bare-cr-or-lf"),
        (b"3\r\nabc\n", "bare-cr-or-lf"),
        (b"3\r\nabcd\r\n", "chunk-end"),
        (b"3\r\nabc0\r\n", "chunk-end"),
        (b"3\r\nabc\r\r\n", "chunk-end"),
        (b"0\r\n\n", "bare-cr-or-lf"),
        (b"0\r\nX\r\n", "trailer"),
        (b"0\r\n X: y\r\n", "trailer"),
        (b"0\r\nX: y\r\n z\r\n", "trailer"),
        (b"0\r\nX : y\r\n", "trailer"),
        (b"0\r\n: y\r\n", "trailer"),
        (b"0\r\nX: \x00\r\n", "trailer"),
        (b"0\r\nX: a\rb\r\n", "trailer"),
        (b"0\r\nGET / HTTP/1.1\r\n", "trailer"),
        (b"0\r\nContent-Length: 5\r\n", "trailer"),
        (b"0\r\ncontent-length:5\r\n", "trailer"),
        (b"0\r\nTransfer-Encoding: chunked\r\n", "trailer"),
        (b"0\r\nTransfer_Encoding: chunked\r\n", "trailer"),
        (b"0\r\nHost: b\r\n", "trailer"),
        (b"0\r\nConnection: close\r\n", "trailer"),
        (b"0\r\nUnderstudy-Shadow: x\r\n", "trailer"),
        (b"0\r\nAuthorization: x\r\n", "trailer"),
        (b"0\r\nX-Forwarded-For: 1.1.1.1\r\n", "trailer"),
        (b"3;" + b"a" * MAX_LINE_BYTES + b"\r\n", "chunk-line"),
        (b"3;" + b"a" * MAX_LINE_BYTES, "chunk-line"),
        (b"0\r\n" + b"X: yyyyyyyyyyyyy\r\n" * (MAX_TRAILER_BYTES // 16 + 1), "trailer"),
    ],
)
def test_what_is_no_chunked_body_is_refused_at_once(wire: bytes, reason: str) -> None:
    for feed in ([wire], [wire[i : i + 1] for i in range(len(wire))]):
        scanner = ChunkScanner()
        with pytest.raises(Malformed) as refused:
            _feed(scanner, feed)
        assert refused.value.reason == reason
        assert not scanner.done


@pytest.mark.parametrize(
    ("wire", "good"),
    [
        (b"3\r\nabcd", 6),
        (b"3\r\nabc\rd", 7),
        (b"3\r\nabcGET / HTTP/1.1", 6),
        (b"g", 0),
        (b"3x", 1),
        (b"3;a\rb", 4),
        (b"3;\x00", 2),
        (b"1000000000000000", 15),
        (b"0\r\n X", 3),
        (b"0\r\nGET / ", 6),
        (b"0\r\nX: \x00", 6),
    ],
)
def test_not_a_byte_is_passed_on_that_no_chunked_body_can_have(wire: bytes, good: int) -> None:
    scanner = ChunkScanner()
    for place in range(good):
        assert scanner.feed(wire[place : place + 1])[0] == 1
    with pytest.raises(Malformed):
        scanner.feed(wire[good : good + 1])


def _feed(scanner: ChunkScanner, pieces: list[bytes]) -> None:
    for piece in pieces:
        scanner.feed(piece)


def test_a_stack_may_pad_its_sizes_with_spaces() -> None:
    """Some old servers do; a client's request may not, since stacks differ in what they make of it."""
    assert ChunkScanner(from_stack=True).feed(b"3  \r\nabc\r\n0 \r\n\r\n") == (16, b"abc")


@pytest.mark.parametrize(("name", "taken"), [("Via", True), ("X-Request-Id", True), ("Content-Length", False)])
def test_a_stack_may_say_what_it_likes_in_trailers_but_for_framing(name: str, taken: bool) -> None:
    wire = f"0\r\n{name}: 5\r\n\r\n".encode()
    scanner = ChunkScanner(from_stack=True)
    if taken:
        assert scanner.feed(wire) == (len(wire), b"")
    else:
        with pytest.raises(Malformed):
            scanner.feed(wire)


def test_a_body_that_is_cut_has_no_payload() -> None:
    with pytest.raises(Malformed):
        payload_of(b"3\r\nabc\r\n")


@st.composite
def cut(draw: st.DrawFn, wires: st.SearchStrategy[bytes]) -> tuple[bytes, list[bytes]]:
    wire = draw(wires)
    places = sorted(draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    return wire, [wire[a:b] for a, b in zip([0, *places], [*places, len(wire)], strict=True)]


BODIES = st.builds(
    lambda pieces, trailers: chunks(*pieces, trailers=trailers),
    st.lists(st.binary(min_size=1, max_size=20), max_size=5),
    st.sampled_from([b"", b"X: y\r\n", b"A: b\r\nC:\r\n"]),
)
ALMOST = st.lists(
    st.sampled_from(
        [b"0", b"3", b"\r", b"\n", b"\r\n", b"abc", b"0\r\n", b"\r\n\r\n", b";a", b"X: y\r\n", b"ff", b" "]
    ),
    max_size=12,
).map(b"".join)


def outcome(pieces: list[bytes]) -> tuple[object, ...]:
    """How much was used and what it meant, or that it was refused."""
    scanner, used, payload = ChunkScanner(), 0, b""
    try:
        for piece in pieces:
            if scanner.done:
                break
            more, meant = scanner.feed(piece)
            used += more
            payload += meant
    except Malformed as error:
        return ("refused", error.reason)
    return (scanner.done, used, payload)


@given(cut(BODIES | ALMOST | st.binary(max_size=40)))
def test_the_same_comes_out_however_the_bytes_are_cut(case: tuple[bytes, list[bytes]]) -> None:
    wire, pieces = case
    assert outcome(pieces) == outcome([wire]) == outcome([wire[i : i + 1] for i in range(len(wire))])


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=6), st.binary(max_size=20))
def test_what_was_chunked_comes_out_and_not_a_byte_more(pieces: list[bytes], after: bytes) -> None:
    wire = chunks(*pieces)
    assert ChunkScanner().feed(wire + after) == (len(wire), b"".join(pieces))
