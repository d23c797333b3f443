"""N workers and their companions: started, watched, replaced, reloaded, drained; the port handed to a successor.

The supervisor serves no user. It holds the listening sockets, adds up what the workers report, and answers the control
API (see `control`). Companions are other processes that live beside the workers, the judge among them; what they run is
handed in, since the proxy knows nothing of judging.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from understudy import channel
from understudy.config import Settings
from understudy.configfile import Address, listen_addresses
from understudy.errors import StartError, UnderstudyError
from understudy.proxy import counts, listeners
from understudy.proxy.control import Control
from understudy.proxy.counts import WorkerStats
from understudy.proxy.worker import Rules, mask_key
from understudy.tasks import Tasks

log = logging.getLogger(__name__)

RESTART_S = 0.2  # at least so long between two lives of a child that keeps dying
START_S = 20.0
RELOADABLE = ("mirror", "masks", "compare", "hooks", "log")


class Child:
    """A child process in its current life, with what it last reported."""

    def __init__(self, name: str, argv: list[str]) -> None:
        self.name = name
        self.argv = argv
        self.process: asyncio.subprocess.Process | None = None
        self.ready = asyncio.Event()
        self.stats: dict[str, Any] = {}
        self.lives = 0
        self._writer: asyncio.StreamWriter | None = None

    async def start(self, first: dict[str, Any], fds: tuple[int, ...] = ()) -> asyncio.StreamReader:
        """Begin a life: the process, its channel, and the first message."""
        ours, theirs = socket.socketpair()
        with theirs:
            environment = {**os.environ, channel.FD_VARIABLE: str(theirs.fileno())}
            self.process = await asyncio.create_subprocess_exec(
                *self.argv, pass_fds=(theirs.fileno(), *fds), env=environment, stdin=asyncio.subprocess.DEVNULL
            )
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=16 << 20)
        self.lives += 1
        self.send(first)
        return reader

    def send(self, message: object) -> None:
        """Tell the child something; one that is gone will be told anew when it is back."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(channel.encode(message))

    async def follow(self, reader: asyncio.StreamReader) -> int:
        """Take in what it reports until it ends; its exit code."""
        assert self.process is not None
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                message = channel.decode(line)
                self.stats = message.get("stats", self.stats)
                if "ready" in message:
                    self.ready.set()
                if "refused" in message:
                    log.error("a reload was refused", extra={"child": self.name, "why": message["refused"]})
        code = await self.process.wait()
        self.ready.clear()
        if self._writer is not None:
            self._writer.close()
        return code

    def kill(self) -> None:
        """End it at once."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()


class Supervisor:
    """One run of Understudy."""

    def __init__(
        self, settings: Settings, reload: Callable[[], Settings], companions: dict[str, list[str]] | None = None
    ) -> None:
        self.settings = settings
        self._reload = reload
        self._tasks = Tasks()
        self._mask_key = mask_key(settings)
        number = os.cpu_count() or 1 if settings.proxy.workers == "auto" else settings.proxy.workers
        worker = [sys.executable, "-m", "understudy.proxy.process"]
        self.workers = [Child(f"worker {index}", worker) for index in range(number)]
        self.companions = [Child(name, argv) for name, argv in (companions or {}).items()]
        self._dead: list[WorkerStats] = []
        self._sockets: list[socket.socket] = []
        self._stopping = asyncio.Event()
        self.draining = False
        self.started_at = time.time()
        self._handover: asyncio.Server | None = None
        self._control = Control(self)
        self._predecessor: socket.socket | None = None

    # --- life

    async def run(self) -> None:
        """Start everything, serve until told to stop, and end in order. Raises StartError."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        _make_state(self.settings)
        Rules(self.settings, self._mask_key)  # a wrong hooks file is told now, once, and not by every worker
        await self._bind()
        try:
            for index, worker in enumerate(self.workers):
                self._tasks.start(self._keep_worker(index, worker), worker.name)
            await self._all_ready()
            await self._relieve_predecessor()
            await self._control.start()
            self._handover = await asyncio.start_unix_server(self._hand_over, self._handover_path)
            os.chmod(self._handover_path, 0o600)
            for companion in self.companions:
                self._tasks.start(self._keep_companion(companion), companion.name)
            log.info("serving", extra={"listen": self._listening(), "control": self.settings.proxy.control or "none"})
            await self._stopping.wait()
        finally:
            await self._end()

    def stop(self) -> None:
        """Drain and end; at once when told twice."""
        if self._stopping.is_set():
            for child in (*self.workers, *self.companions):
                child.kill()
        self._stopping.set()

    async def _end(self) -> None:
        self.draining = True
        self._close_sockets()
        within_s = self.settings.proxy.drain_ms / 1e3
        for worker in self.workers:
            worker.send({"stop": within_s})
        await self._ended(self.workers, within_s + 10.0)
        await self._stop_companions()
        await self._control.stop()
        if self._handover is not None:
            self._handover.close()
            Path(self._handover_path).unlink(missing_ok=True)
        await self._tasks.stop()
        log.info("ended", extra={"received": self.totals().requests["received"]})

    async def _stop_companions(self) -> None:
        for companion in self.companions:
            companion.send({"stop": True})
        await self._ended(self.companions, 10.0)

    async def _ended(self, children: list[Child], within_s: float) -> None:
        """Wait for children that were told to end, and kill those that do not."""
        living = [child for child in children if child.process is not None and child.process.returncode is None]
        waits = [self._tasks.start(child.process.wait(), f"end of {child.name}") for child in living if child.process]
        if waits:
            await asyncio.wait(waits, timeout=within_s)
        for child in living:
            child.kill()

    def _close_sockets(self) -> None:
        for sock in self._sockets:
            sock.close()
        self._sockets = []

    # --- listening and taking over

    @property
    def _handover_path(self) -> str:
        return str(self.settings.state / "handover.sock")

    async def _bind(self) -> None:
        """Take over a predecessor's sockets where there is one; bind what is missing."""
        inherited = await self._ask_predecessor()
        for address in listen_addresses(self.settings):
            mine = [sock for sock in inherited if _is_at(sock, address)]
            self._sockets += listeners.bind(address, len(self.workers), mine)
        for sock in inherited:
            if sock not in self._sockets:
                sock.close()

    async def _ask_predecessor(self) -> list[socket.socket]:
        answer = await asyncio.to_thread(listeners.ask_for_sockets, Path(self._handover_path), 5.0)
        if answer is None:
            return []
        self._predecessor, sockets = answer
        log.info("taking over from a running Understudy", extra={"sockets": len(sockets)})
        return sockets

    async def _relieve_predecessor(self) -> None:
        """We are serving: the predecessor may drain. It answers when its judge and control API have ended."""
        if self._predecessor is None:
            return
        with self._predecessor as connection:
            connection.settimeout(30.0)
            with contextlib.suppress(OSError):
                await asyncio.to_thread(connection.sendall, b"ready\n")
                await asyncio.to_thread(connection.recv, 16)
        self._predecessor = None

    async def _hand_over(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A successor asks for the sockets; once it serves, we drain."""
        try:
            if await reader.readline() != b"take over\n":
                return
            channel_socket = writer.get_extra_info("socket")
            duplicate = socket.socket(fileno=os.dup(channel_socket.fileno()))
            with duplicate:
                listeners.hand_over(duplicate, self._sockets)
            if await reader.readline() != b"ready\n":
                log.warning("a successor asked for the port and did not come up")
                return
            log.info("a successor is serving: draining")
            self.draining = True
            await self._stop_companions()
            await self._control.stop()
            Path(self._handover_path).unlink(missing_ok=True)
            writer.write(b"closed\n")
            await writer.drain()
            self._stopping.set()
        finally:
            writer.close()

    def _listening(self) -> str:
        return ", ".join(sorted({str(Address(*listeners.local_address(sock))) for sock in self._sockets}))

    # --- children

    async def _keep_worker(self, index: int, worker: Child) -> None:
        """Give a worker one life after another until we stop."""
        while not self._stopping.is_set():
            began = time.monotonic()
            mine = self._sockets[index :: len(self.workers)]
            fds = tuple(sock.fileno() for sock in mine)
            reader = await worker.start({**self._first_message(), "listen": fds}, fds)
            code = await worker.follow(reader)
            if worker.stats:
                self._dead.append(msgspec.convert(worker.stats, WorkerStats))
                worker.stats = {}
            if self._stopping.is_set() or self.draining:
                return
            log.error("a worker died and is replaced", extra={"child": worker.name, "exit": code})
            await asyncio.sleep(max(0.0, began + RESTART_S - time.monotonic()))

    async def _keep_companion(self, companion: Child) -> None:
        while not self._stopping.is_set():
            reader = await companion.start(self._first_message())
            code = await companion.follow(reader)
            if self._stopping.is_set() or self.draining:
                return
            log.error("a companion died and is replaced", extra={"child": companion.name, "exit": code})
            await asyncio.sleep(RESTART_S)

    def _first_message(self) -> dict[str, Any]:
        return {"settings": self.settings, "mask_key": self._mask_key.hex()}

    async def _all_ready(self) -> None:
        try:
            async with asyncio.timeout(START_S):
                for worker in self.workers:
                    await worker.ready.wait()
        except TimeoutError:
            raise StartError("the workers did not come up", "their own messages stand above") from None

    # --- orders

    def reload(self) -> None:
        """Take the settings anew (SIGHUP); wrong ones change nothing."""
        try:
            settings = self._reload()
            Rules(settings, self._mask_key)
        except UnderstudyError as error:
            log.error("the settings stay as they were: %s", error)
            return
        fixed = [
            name
            for name in Settings.__struct_fields__
            if name not in RELOADABLE and getattr(settings, name) != getattr(self.settings, name)
        ]
        if fixed:
            log.warning("takes effect at the next start", extra={"changed": ", ".join(fixed)})
        changed = {name: getattr(settings, name) for name in RELOADABLE}
        self._apply(msgspec.structs.replace(self.settings, **changed))
        log.info("settings reloaded")

    def ramp(self, percent: float) -> None:
        """Mirror this share of the eligible requests, until the next reload or start."""
        mirror = msgspec.structs.replace(self.settings.mirror, percent=percent)
        self._apply(msgspec.structs.replace(self.settings, mirror=mirror))
        log.info("ramped", extra={"percent": percent})

    def _apply(self, settings: Settings) -> None:
        self.settings = settings
        for child in (*self.workers, *self.companions):
            child.send({"settings": settings})

    # --- telling

    def totals(self) -> counts.Totals:
        """The sum of what all workers have reported."""
        alive = [msgspec.convert(worker.stats, WorkerStats) for worker in self.workers if worker.stats]
        return counts.total(alive, self._dead)

    def companion_stats(self) -> dict[str, Any]:
        """What the companions reported, all in one."""
        merged: dict[str, Any] = {}
        for companion in self.companions:
            merged |= companion.stats
        return merged

    def status(self) -> dict[str, Any]:
        """What `understudy status --json` prints."""
        workers = [
            {
                "pid": worker.process.pid if worker.process else None,
                "ready": worker.ready.is_set(),
                "lives": worker.lives,
            }
            for worker in self.workers
        ]
        totals = self.totals()
        for name, stack in self.settings.stacks.items():
            totals.stacks.setdefault(name, counts.StackStats(stack.role))
        return {
            **counts.as_json(totals, self.companion_stats()),
            "percent": self.settings.mirror.percent,
            "draining": self.draining,
            "uptime_s": round(time.time() - self.started_at, 1),
            "workers": workers,
        }


def _is_at(sock: socket.socket, address: Address) -> bool:
    return listeners.local_address(sock) == (address.host, address.port)


def _make_state(settings: Settings) -> None:
    try:
        settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings.recordings.mkdir(mode=0o700, exist_ok=True)
        os.chmod(settings.state, 0o700)
        probe = settings.recordings / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StartError(
            f"state_dir: {settings.state_dir}: {error.strerror}", "it must be a writable folder"
        ) from error
