"""Is this request mirrored? Decided for each request from its head and the client's address. Pure."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable

from understudy.config import Mirror
from understudy.proxy.head import RequestHead

SAFE_METHODS = frozenset((b"GET", b"HEAD"))
IDEMPOTENT_METHODS = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))  # RFC 9110 §9.2.2


class Policy:
    """The `[mirror]` settings, ready to be asked."""

    def __init__(self, mirror: Mirror, chance: Callable[[], float] = random.random) -> None:
        self._methods = frozenset(method.upper().encode() for method in mirror.methods)
        self._skip = [re.compile(pattern) for pattern in mirror.skip_paths]
        self._only = [re.compile(pattern) for pattern in mirror.only_paths]
        self._kind, _, self._name = mirror.sample_by.partition(":")
        self._chance = chance
        self.percent = mirror.percent

    def eligible(self, head: RequestHead) -> bool:
        """Whether method and path let the request be mirrored; the same for every request with this head."""
        if head.method not in self._methods or head.block.upgrade:
            return False
        path = _path(head.target)
        if any(pattern.search(path) for pattern in self._skip):
            return False
        return not self._only or any(pattern.search(path) for pattern in self._only)

    def sampled(self, head: RequestHead, client: bytes) -> bool:
        """Whether the sample holds this request. A key that was in at 10 % is in at 20 % too."""
        if self.percent >= 100.0:
            return True
        if self._kind == "random":
            return self._chance() * 100.0 < self.percent
        key = self._key(head, client)
        if not key:  # no header, no cookie: what all of these requests share is nothing to sample them by
            return self._chance() * 100.0 < self.percent
        return share_of(key) * 100.0 < self.percent

    def _key(self, head: RequestHead, client: bytes) -> bytes:
        if self._kind == "client":
            return client
        if self._kind == "header":
            return head.value(self._name.lower().encode())
        return cookie(head.value(b"cookie"), self._name.encode())


def _path(target: bytes) -> str:
    """The path of a target, of an absolute one too (RFC 9112 §3.2.2): a rule for /a holds for http://host/a."""
    path = target.partition(b"?")[0].decode("latin-1")
    if path.startswith("/"):
        return path
    _, scheme, rest = path.partition("://")
    return f"/{rest.partition('/')[2]}" if scheme else path


def share_of(key: bytes) -> float:
    """Where a key stands between 0 and 1: stable between processes, machines and versions."""
    return int.from_bytes(hashlib.blake2b(key, digest_size=6).digest(), "big") / 2**48


def cookie(header: bytes, name: bytes) -> bytes:
    """A cookie's value from a Cookie header, or empty."""
    for pair in header.split(b";"):
        key, _, value = pair.strip().partition(b"=")
        if key == name:
            return value
    return b""
