"""A bounded copy of a body, that knows when it was cut. Pure.

Most bodies come whole with their head and never need more than a reference. A longer one is gathered piece by
piece; past the bound (its own, or what all captures of the worker may hold together) the pieces are let go and
only a digest goes on, so that two long bodies can still be told apart.
"""

from __future__ import annotations

import hashlib
from typing import Any


class Ledger:
    """How much all captures of a worker hold, and how much they may."""

    __slots__ = ("held_bytes", "max_bytes")

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.held_bytes = 0


class Capture:
    """Gathers a body of at most `max_bytes`. `cut` says that it was longer, and `body` is then empty."""

    __slots__ = ("_digest", "_ledger", "_max_bytes", "_parts", "cut", "length")

    def __init__(self, max_bytes: int, ledger: Ledger) -> None:
        self._max_bytes = max_bytes
        self._ledger = ledger
        self._parts: list[bytes] = []
        self._digest: Any = None
        self.length = 0
        self.cut = False

    def add(self, data: bytes) -> None:
        """Take the next piece of the body."""
        size = len(data)
        self.length += size
        if self.cut:
            self._digest.update(data)
            return
        self._parts.append(data)
        self._ledger.held_bytes += size
        if self.length > self._max_bytes or self._ledger.held_bytes > self._ledger.max_bytes:
            self._cut()

    def _cut(self) -> None:
        self.cut = True
        self._digest = hashlib.blake2b(digest_size=16)
        for part in self._parts:
            self._digest.update(part)
        self._forget(sum(map(len, self._parts)))

    def _forget(self, held: int) -> None:
        self._ledger.held_bytes -= held
        self._parts = []

    def let_go(self) -> None:
        """Hold nothing any more: whoever has the body of `peek` lets go of it too."""
        self._forget(sum(map(len, self._parts)))

    def peek(self) -> bytes:
        """The body so far, empty where it was cut. The capture goes on holding it."""
        if len(self._parts) > 1:
            self._parts = [b"".join(self._parts)]
        return self._parts[0] if self._parts else b""

    def digest(self) -> bytes:
        """The digest of a body that was cut; empty otherwise."""
        return bytes(self._digest.digest()) if self.cut else b""


def digest_of(body: bytes) -> bytes:
    """The digest that a capture of this body would have."""
    return hashlib.blake2b(body, digest_size=16).digest()
