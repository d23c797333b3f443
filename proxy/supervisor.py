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
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from understudy import channel, logs
from understudy.config import Settings
from understudy.configfile import Address, listen_addresses
from understudy.configfile import address as parse_address
from understudy.errors import StartError, UnderstudyError
from understudy.proxy import counts, files, listeners
from understudy.proxy.control import Control
from understudy.proxy.counts import WorkerStats
from understudy.proxy.worker import Rules
from understudy.tasks import Tasks

log = logging.getLogger(__name__)

START_S = 20.0
KILLED_S = 5.0  # how long the end of a killed process may take
LOOK_S = 1.0  # between two looks at whether the workers, who report once a second, still do
DUMP_S = 2.0  # for a hanging worker to write down where it stands: it spins, and others may have its core for a while
TAKEN_S = 5.0  # how long a reload waits for the workers to say that it is in force
RELOADABLE = ("mirror", "masks", "compare", "hooks", "log")


class Patience:
    """How long a child that died waits for its next life: longer each time that it dies young."""

    FIRST_S = 0.2
    LONGEST_S = 10.0  # starting Python costs half a second of a core, so a hopeless child costs a twentieth of one
    YOUNG_S = 10.0

    def __init__(self) -> None:
        self._pause_s = self.FIRST_S

    def after(self, lived_s: float) -> float:
        """The pause after a life of this length; a life that was long enough makes up for those before."""
        if lived_s >= self.YOUNG_S:
            self._pause_s = self.FIRST_S
        pause_s = self._pause_s
        self._pause_s = min(2 * pause_s, self.LONGEST_S)
        return max(0.0, pause_s - lived_s)


class Child:
    """A child process in its current life, with what it last reported."""

    def __init__(self, name: str, argv: list[str]) -> None:
        self.name = name
        self.argv = argv
        self.process: asyncio.subprocess.Process | None = None
        self.ready = asyncio.Event()
        self.stopping = asyncio.Event()
        self.stats: dict[str, Any] = {}
        self.lives = 0
        self.silent = 0  # how often it was looked at since it was last heard
        self.settled = asyncio.Event()  # it goes by the last settings that it was sent, or is gone
        self.settled.set()
        self._untaken = 0
        self._writer: asyncio.StreamWriter | None = None
        self._farewell: object = None

    async def live(self, first: Callable[[], dict[str, Any]], fds: tuple[int, ...] = ()) -> int:
        """One life, from the process's start to its end: its exit code. Raises OSError where it can't be started.

        `first` makes the first message, as late as it can be.
        """
        reader = await self._begin(first, fds)
        assert self.process is not None
        try:
            with contextlib.suppress(ConnectionError):
                while channel.is_whole(line := await reader.readline()):
                    self._heard(channel.decode(line))
            return await self.process.wait()
        finally:
            self.ready.clear()
            self._untaken = 0
            self.settled.set()
            if self._writer is not None:
                self._writer.close()

    async def _begin(self, first: Callable[[], dict[str, Any]], fds: tuple[int, ...]) -> asyncio.StreamReader:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self.process = await asyncio.create_subprocess_exec(
                    *self.argv,
                    pass_fds=(theirs.fileno(), *fds),
                    env={**os.environ, channel.FD_VARIABLE: str(theirs.fileno())},
                    stdin=asyncio.subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C goes to the terminal's whole group, and stopping is our business
                )
            reader, writer = await asyncio.open_connection(sock=ours, limit=16 << 20)
        except BaseException:
            ours.close()
            raise
        self.lives += 1
        self._writer = writer
        self.send(first())
        if self.stopping.is_set():
            self.send(self._farewell)
        return reader

    def _heard(self, message: dict[str, Any]) -> None:
        self.silent = 0
        self.stats = message.get("stats", self.stats)
        if "ready" in message:
            self.ready.set()
        if "refused" in message:
            log.error("a reload was refused", extra={"child": self.name, "why": message["refused"]})
        if ("refused" in message or "taken" in message) and self._untaken:
            self._untaken -= 1
            if not self._untaken:
                self.settled.set()

    def use(self, settings: Settings) -> None:
        """Send it reloaded settings; one that is not there gets them with its first message."""
        if self.send({"settings": settings}):
            self._untaken += 1
            self.settled.clear()

    def send(self, message: object) -> bool:
        """Tell the child something; False where it is gone: it will be told anew when it is back."""
        if self._writer is None or self._writer.is_closing():
            return False
        self._writer.write(channel.encode(message))
        return True

    def stop(self, farewell: object) -> None:
        """Tell it to end in order, and that this was its last life."""
        self._farewell = farewell
        self.stopping.set()
        self.send(farewell)

    def look(self) -> int:
        """How often in a row it was silent, this look included; one that is not ready can't be heard."""
        self.silent = self.silent + 1 if self.ready.is_set() else 0
        return self.silent

    async def end_hanging(self) -> None:
        """Have it write down where it stands (faulthandler, in `process`), and end it."""
        process = self.process
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGUSR1)
            await asyncio.sleep(DUMP_S)
            if process is self.process:  # else it ended by itself, and its next life is not to blame
                self.kill()

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
        self._mask_key = files.mask_key(settings)
        number = os.cpu_count() or 1 if settings.proxy.workers == "auto" else settings.proxy.workers
        worker = [sys.executable, "-m", "understudy.proxy.process"]
        self.workers = [Child(f"worker {index}", worker) for index in range(number)]
        self.companions = [Child(name, argv) for name, argv in (companions or {}).items()]
        self._dead: list[WorkerStats] = []
        self._lost: Counter[str] = Counter()  # as dead companions had reported it
        self._sockets: list[socket.socket] = []
        self._stopping = asyncio.Event()
        self.draining = False
        self.started_at = time.time()
        self._handover: asyncio.Server | None = None
        self._control = Control(self)
        self._control_socket: socket.socket | None = None
        self._predecessor: socket.socket | None = None
        self._succeeded = False
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._stillborn = asyncio.Event()
        self._serving = False

    # --- life

    async def run(self) -> None:
        """Start everything, serve until told to stop, and end in order. Raises StartError."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        _make_state(self.settings)
        files.examine(self.settings)
        Rules(self.settings, self._mask_key)  # a wrong hooks file is told now, once, and not by every worker
        try:
            await self._bind()
            for index, worker in enumerate(self.workers):
                self._keep(worker, index)
            await self._all_ready()
            if not self._stopping.is_set():
                await self._serve()
            await self._stopping.wait()
        finally:
            await self._end()

    async def _serve(self) -> None:
        """Users are being served: relieve the predecessor, and take its other parts over."""
        self._serving = True
        await self._relieve_predecessor()
        await self._control.start(self._control_socket)
        self._handover = await asyncio.start_unix_server(self._hand_over, self._handover_path)
        os.chmod(self._handover_path, 0o600)
        for companion in self.companions:
            self._keep(companion)
        self._tasks.start(self._look_after_workers(), "looking after workers")
        log.info("serving", extra={"listen": self._listening(), "control": self.settings.proxy.control or "none"})

    def stop(self) -> None:
        """Drain and end; at once when told twice."""
        if self._stopping.is_set():
            for child in (*self.workers, *self.companions):
                child.kill()
        self._stopping.set()

    async def _end(self) -> None:
        self._stopping.set()
        self.draining = True
        self._close_sockets()
        within_s = self.settings.proxy.drain_ms / 1e3
        await self._stop(self.workers, {"stop": within_s}, within_s + 10.0)
        await self._stop_companions()
        await self._control.stop()
        if self._control_socket is not None:
            self._control_socket.close()
        if self._handover is not None:
            self._handover.close()
            if not self._succeeded:  # else it's the successor's by now
                Path(self._handover_path).unlink(missing_ok=True)
        await self._tasks.stop()
        log.info("ended", extra={"received": self.totals().requests["received"]})

    async def _stop_companions(self) -> None:
        await self._stop(self.companions, {"stop": True}, 10.0)

    async def _stop(self, children: list[Child], farewell: object, within_s: float) -> None:
        """Tell children to end, kill those that do not, and take in the last of what they report."""
        for child in children:
            child.stop(farewell)
        keepers = [self._keepers[child.name] for child in children if child.name in self._keepers]
        if not keepers:
            return
        _, late = await asyncio.wait(keepers, timeout=within_s)
        if late:
            for child in children:
                child.kill()
            await asyncio.wait(late, timeout=KILLED_S)

    def _close_sockets(self) -> None:
        for sock in self._sockets:
            sock.close()
        self._sockets = []

    # --- listening and taking over

    @property
    def _handover_path(self) -> str:
        return str(self.settings.state / "handover.sock")

    async def _bind(self) -> None:
        """Take over a predecessor's sockets where there is one; bind what is missing, that of the API too."""
        inherited = await self._ask_predecessor()
        taken: list[socket.socket] = []
        try:
            for address in listen_addresses(self.settings):
                mine = [sock for sock in inherited if listeners.is_at(sock, address)]
                taken += mine
                self._sockets += listeners.bind("proxy.listen", address, len(self.workers), mine)
            if self.settings.proxy.control:
                address = parse_address(self.settings.proxy.control)
                mine = [sock for sock in inherited if listeners.is_at(sock, address)]
                taken += mine
                (self._control_socket,) = listeners.bind("proxy.control", address, 1, mine)
        finally:
            for sock in inherited:
                if sock not in taken:
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
        answer = b""
        with self._predecessor as connection:
            connection.settimeout(30.0)
            with contextlib.suppress(OSError):
                await asyncio.to_thread(connection.sendall, b"ready\n")
                answer = await asyncio.to_thread(connection.recv, 16)
        self._predecessor = None
        if answer == b"taken\n":
            raise StartError("another Understudy took over first", "one for each state_dir is enough")

    async def _hand_over(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A successor asks for the sockets; once it serves, we drain. One successor is enough."""
        try:
            if await reader.readline() != b"take over\n" or self._succeeded:
                return
            channel_socket = writer.get_extra_info("socket")
            duplicate = socket.socket(fileno=os.dup(channel_socket.fileno()))
            control = [self._control_socket] if self._control_socket is not None else []
            with duplicate:
                listeners.hand_over(duplicate, [*self._sockets, *control])
            if await reader.readline() != b"ready\n":
                log.warning("a successor asked for the port and did not come up")
                return
            if self._succeeded:
                writer.write(b"taken\n")
                return
            log.info("a successor is serving: draining")
            self._succeeded = self.draining = True
            await self._stop_companions()
            await self._control.stop()
            Path(self._handover_path).unlink(missing_ok=True)
            writer.write(b"closed\n")
            await writer.drain()
            self._stopping.set()
        except ConnectionError:
            log.warning("a successor asked for the port and went away")
        finally:
            writer.close()

    def _listening(self) -> str:
        return ", ".join(sorted({str(Address(*listeners.local_address(sock))) for sock in self._sockets}))

    # --- children

    def _keep(self, child: Child, index: int | None = None) -> None:
        self._keepers[child.name] = self._tasks.start(self._lives(child, index), child.name)

    async def _lives(self, child: Child, index: int | None) -> None:
        """Give a child one life after another until it is told to stop; `index` is a worker's."""
        patience = Patience()
        while not child.stopping.is_set():
            began = time.monotonic()
            code = await self._life(child, index)
            if child.stopping.is_set():
                return
            if not self._serving:
                self._stillborn.set()
                return
            pause_s = patience.after(time.monotonic() - began)
            kind = "companion" if index is None else "worker"
            again = {"again_in_s": round(pause_s, 1)} if pause_s else {}
            log.error(f"a {kind} died and is replaced", extra={"child": child.name, "exit": code, **again})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await child.stopping.wait()

    async def _life(self, child: Child, index: int | None) -> int | str:
        """One life: its exit code, or why it never began. What a worker counted stays in the sum."""
        fds: tuple[int, ...] = ()
        if index is not None:
            fds = tuple(sock.fileno() for sock in self._sockets[index :: len(self.workers)])
        try:
            return await child.live(lambda: self._first(fds if index is not None else None), fds)
        except OSError as error:  # no memory, too many processes: it may be better later
            return str(error)
        finally:
            self._bury(child, index)

    def _bury(self, child: Child, index: int | None) -> None:
        """Keep what a child had counted in this life: in its next one it begins anew."""
        if index is None:
            self._lost.update({name: child.stats.pop(name) for name in counts.LOST if name in child.stats})
        elif child.stats:
            self._dead.append(msgspec.convert(child.stats, WorkerStats))
            child.stats = {}

    def _first(self, listen: tuple[int, ...] | None) -> dict[str, Any]:
        """What a child is told first, once there is somebody to tell: settings that were reloaded meanwhile, too."""
        first: dict[str, Any] = {"settings": self.settings, "mask_key": self._mask_key.hex()}
        return first if listen is None else {**first, "listen": listen}

    async def _all_ready(self) -> None:
        """Wait until all workers serve, or we are told to stop. Raises StartError where one dies at its start."""
        ready = self._tasks.start(self._each_ready(), "workers coming up")
        events = (self._stillborn, self._stopping)
        others = [self._tasks.start(event.wait(), "an end before the beginning") for event in events]
        await asyncio.wait([ready, *others], timeout=START_S, return_when=asyncio.FIRST_COMPLETED)
        came_up = ready.done()
        for task in (ready, *others):
            task.cancel()
        if not came_up and not self._stopping.is_set():
            raise StartError("the workers did not come up", "their own messages stand above")

    async def _each_ready(self) -> None:
        for worker in self.workers:
            await worker.ready.wait()

    async def _look_after_workers(self) -> None:
        """End those that hang: their users wait for nobody. What counts is our own looks, and not the clock: where the
        whole machine stood still, no worker is to blame.
        """
        while True:
            await asyncio.sleep(LOOK_S)
            for worker in self.workers:
                if worker.look() * LOOK_S * 1e3 > self.settings.proxy.hung_ms and not worker.stopping.is_set():
                    log.error(
                        "a worker hangs and is ended; it says below where it stands", extra={"child": worker.name}
                    )
                    await worker.end_hanging()

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
        logs.setup(settings.log.level, settings.log.json)
        self._apply(msgspec.structs.replace(self.settings, **changed))
        self._tasks.start(self._tell_reloaded(), "telling of a reload")

    async def _tell_reloaded(self) -> None:
        await self._in_force()
        log.info("settings reloaded")

    async def ramp(self, percent: float) -> None:
        """Mirror this share of the eligible requests, until the next reload or start; returns once it is so."""
        mirror = msgspec.structs.replace(self.settings.mirror, percent=percent)
        self._apply(msgspec.structs.replace(self.settings, mirror=mirror))
        await self._in_force()
        log.info("ramped", extra={"percent": percent})

    def _apply(self, settings: Settings) -> None:
        self.settings = settings
        for worker in self.workers:
            worker.use(settings)
        for companion in self.companions:
            companion.send({"settings": settings})

    async def _in_force(self) -> None:
        """Wait until no request goes by older settings any more: what is masked or left out from now on, must be."""
        try:
            async with asyncio.timeout(TAKEN_S):
                for worker in self.workers:
                    await worker.settled.wait()
        except TimeoutError:
            log.warning("a worker has not taken the settings yet: it does once it goes on")

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
        return {**merged, **{name: merged.get(name, 0) + lost for name, lost in self._lost.items()}}

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


def _make_state(settings: Settings) -> None:
    try:
        settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)  # one that is there may hold other things too
        settings.recordings.mkdir(mode=0o700, exist_ok=True)
        probe = settings.recordings / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StartError(
            f"state_dir: {settings.state_dir}: {error.strerror}", "it must be a writable folder"
        ) from error
