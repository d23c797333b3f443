"""Captures: a bounded copy that knows when it was cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from understudy.proxy.capture import Capture, Ledger, digest_of


@given(st.lists(st.binary(max_size=8), max_size=10), st.integers(0, 40), st.integers(0, 40))
def test_a_capture_holds_the_body_or_its_digest_and_gives_back_what_it_held(
    pieces: list[bytes], max_bytes: int, together: int
) -> None:
    ledger = Ledger(together)
    capture = Capture(max_bytes, ledger)
    body = b""
    for piece in pieces:
        capture.add(piece)
        body += piece
        assert 0 <= ledger.held_bytes <= min(max_bytes, together)
        if not capture.cut:
            assert capture.peek() == body
            assert capture.digest() == b""
        else:
            assert capture.peek() == b""
            assert capture.digest() == digest_of(body)
    assert capture.length == len(body)
    assert capture.cut == (len(body) > min(max_bytes, together))
    assert capture.peek() == (b"" if capture.cut else body)
    assert ledger.held_bytes == (0 if capture.cut else len(body)), "held until it is let go"
    for _ in range(2):
        capture.let_go()
        assert ledger.held_bytes == 0


def test_captures_share_what_they_may_hold() -> None:
    ledger = Ledger(10)
    first, second = Capture(100, ledger), Capture(100, ledger)
    first.add(b"12345678")
    second.add(b"abc")
    assert (first.cut, second.cut, ledger.held_bytes) == (False, True, 8)
    assert second.digest() == digest_of(b"abc")
    first.let_go()
    third = Capture(100, ledger)
    third.add(b"1234567890")
    assert not third.cut


def test_digests_tell_bodies_apart() -> None:
    assert len({digest_of(body) for body in (b"", b"a", b"b", b"aa")}) == 4
    assert len(digest_of(b"")) == 16
