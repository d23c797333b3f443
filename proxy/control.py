"""The control API: health, status, metrics, ramp; over TCP and over a socket in the state directory.

Who reaches the socket owns the state directory and may do all. Over TCP the bearer token of `token_file` is asked for
where one is set, save for /health, which balancers ask.

    GET  /health    200 while users are served, 503 while starting or draining
    GET  /status    the buckets, stacks, judge and workers as JSON
    GET  /metrics   the same for Prometheus
    POST /ramp      {"percent": 12.5}
"""

from __future__ import annotations

import hmac
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from understudy.errors import StartError
from understudy.proxy import files, metrics

if TYPE_CHECKING:
    from understudy.proxy.supervisor import Supervisor

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Ramp(msgspec.Struct, forbid_unknown_fields=True):
    percent: float


class Control:
    """The API's servers."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._runners: list[web.AppRunner] = []

    async def start(self, listening: socket.socket | None) -> None:
        """Answer from now on, over TCP on the socket that is listening already. Raises StartError."""
        settings = self._supervisor.settings
        path = settings.control_socket
        try:
            path.unlink(missing_ok=True)
            await web.UnixSite(await self._runner(""), str(path)).start()
            os.chmod(path, 0o600)
        except OSError as error:
            raise StartError(f"{path}: {error.strerror or error}") from error
        if listening is not None:
            await web.SockSite(await self._runner(files.token(settings)), listening).start()

    async def stop(self) -> None:
        """Answer no more."""
        runners, self._runners = self._runners, []
        for runner in runners:
            await runner.cleanup()

    async def _runner(self, token: str) -> web.AppRunner:
        app = web.Application(middlewares=[_guard(token)])
        app.add_routes(
            [
                web.get("/health", self._health),
                web.get("/status", self._status),
                web.get("/metrics", self._metrics),
                web.post("/ramp", self._ramp),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._runners.append(runner)
        return runner

    async def _health(self, request: web.Request) -> web.Response:
        ready = any(worker.ready.is_set() for worker in self._supervisor.workers)
        if self._supervisor.draining or not ready:
            return web.Response(status=503, text="draining\n" if ready else "no worker is ready\n")
        return web.Response(text="ok\n")

    async def _status(self, request: web.Request) -> web.Response:
        return _json(self._supervisor.status())

    async def _metrics(self, request: web.Request) -> web.Response:
        body = metrics.exposition(self._supervisor.status(), self._supervisor.totals().requests)
        return web.Response(body=body, headers={"Content-Type": metrics.CONTENT_TYPE})

    async def _ramp(self, request: web.Request) -> web.Response:
        # A browser can't send this type to another site without asking first, so no page can ramp for its visitor.
        if request.content_type != "application/json":
            return _json({"error": "Content-Type must be application/json"}, 415)
        try:
            percent = msgspec.json.decode(await request.read(), type=_Ramp).percent
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            return _json({"error": str(error)}, 400)
        if not 0 <= percent <= 100:
            return _json({"error": f"percent: {percent} given; accepted: a number from 0 to 100"}, 400)
        await self._supervisor.ramp(percent)
        return _json({"percent": percent})


def _guard(token: str) -> Any:
    expected = f"Bearer {token}".encode()

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if token and request.path != "/health" and not hmac.compare_digest(given, expected):
            return _json({"error": "the token of [proxy] token_file is needed, as Authorization: Bearer TOKEN"}, 401)
        return await handler(request)

    return guard


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value) + b"\n", status=status, content_type="application/json")
