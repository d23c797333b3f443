"""The connections of a worker to one stack: bounded, reused last in first out, over several addresses in turn."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from understudy.config import Stack
from understudy.errors import SettingsError
from understudy.proxy import files
from understudy.proxy.head import ReplyHead
from understudy.proxy.remembered import Remembered
from understudy.proxy.upstream import Upstream

log = logging.getLogger(__name__)

AVOIDED_S = 5.0  # an address that took no connection is tried after the others for so long
FRESH_S = 1.0  # a connection used within this time is trusted with a request that may not be repeated


class ConnectError(Exception):
    """No address of a stack took a connection; `reason` is refused, closed, timeout, unresolved or tls."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Address(NamedTuple):
    host: str
    port: int
    tls: ssl.SSLContext | None


class Pool:
    """A worker's connections to one stack."""

    def __init__(self, name: str, stack: Stack, connect_s: float, read_reply: Callable[[bytes], ReplyHead]) -> None:
        self.name = name
        self.reply_heads = Remembered(read_reply)
        self.open_connections = 0
        self.host = (urlsplit(stack.addresses()[0]).netloc).encode()
        self._idle: list[Upstream] = []
        self._max_idle = stack.max_idle
        self._connect_s = connect_s
        tls = _tls(name, stack)
        self._addresses = [_address(url, tls) for url in stack.addresses()]
        self._turn = 0
        self._refused_at: dict[_Address, float] = {}
        self.now = time.monotonic()  # as of the last sweep: what is idle needs no finer clock

    def forget_heads(self, read_reply: Callable[[bytes], ReplyHead]) -> None:
        """Read heads anew from now on, since what is made of them has changed."""
        self.reply_heads = Remembered(read_reply)

    def take(self, repeatable: bool) -> Upstream | None:
        """An open connection, or None. One that a stack may be about to close serves what can be repeated only."""
        idle = self._idle
        while idle:
            upstream = idle.pop()
            if upstream.transport.is_closing():
                continue
            if not repeatable and upstream.idle_since < self.now - FRESH_S:
                idle.append(upstream)
                return None
            return upstream
        return None

    def has_idle(self) -> bool:
        """Whether a connection may be at hand."""
        return bool(self._idle)

    async def connect(self) -> Upstream:
        """A new connection: each address in turn until one accepts. Raises ConnectError."""
        loop = asyncio.get_running_loop()
        reason = "refused"
        for address in self._in_turn():
            host, port, tls = address
            try:
                async with asyncio.timeout(self._connect_s):
                    _, upstream = await loop.create_connection(
                        lambda: Upstream(self), host, port, ssl=tls, server_hostname=host if tls else None
                    )
                if not upstream.transport.is_closing():  # it may be over before we came to use it
                    self._refused_at.pop(address, None)
                    return upstream
                reason = "closed"
            except TimeoutError:
                reason = "timeout"
            except socket.gaierror:
                reason = "unresolved"
            except ssl.SSLError:
                reason = "tls"
            except OSError:
                reason = "refused"
            self._refused_at[address] = time.monotonic()
        raise ConnectError(reason)

    def _in_turn(self) -> list[_Address]:
        """Every address once, the next in turn first; but those last that took no connection a moment ago, since one
        that swallows them costs a user the whole timeout.
        """
        first = self._turn % len(self._addresses)
        self._turn += 1
        good_before = time.monotonic() - AVOIDED_S
        turned = self._addresses[first:] + self._addresses[:first]
        return sorted(turned, key=lambda address: self._refused_at.get(address, good_before) > good_before)

    def give_back(self, upstream: Upstream) -> None:
        """A connection that can be used again."""
        if len(self._idle) >= self._max_idle:
            upstream.transport.close()
            return
        upstream.idle_since = self.now
        upstream.was_idle = True
        self._idle.append(upstream)

    def lost(self, upstream: Upstream) -> None:
        """A connection is gone."""
        self.open_connections -= 1
        if upstream.call is None and upstream in self._idle:
            self._idle.remove(upstream)

    def sweep(self, now: float, max_idle_s: float) -> None:
        """Close what was idle for longer: the stack is about to do so itself, in the middle of a request."""
        self.now = now
        oldest = now - max_idle_s
        expired = 0
        for upstream in self._idle:
            if upstream.idle_since >= oldest:
                break
            upstream.transport.close()
            expired += 1
        del self._idle[:expired]

    def close(self) -> None:
        """Close what is idle, and keep nothing from now on."""
        self._max_idle = 0
        for upstream in self._idle:
            upstream.transport.close()
        self._idle.clear()


def _address(url: str, tls: ssl.SSLContext | None) -> _Address:
    parts = urlsplit(url)
    assert parts.hostname
    if parts.scheme == "http":
        return _Address(parts.hostname, parts.port or 80, None)
    return _Address(parts.hostname, parts.port or 443, tls)


def _tls(name: str, stack: Stack) -> ssl.SSLContext | None:
    """A worker that replaces another must come up whatever has happened to the files since the start."""
    try:
        return files.stack_tls(name, stack)
    except SettingsError as error:
        log.error("this stack can't be asked: %s", error, extra={"stack": name})
        return files.trusting_nobody()
