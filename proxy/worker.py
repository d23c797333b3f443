"""One process of the data path: listeners, clients, the primary, the mirror, the recorder, under one loop.

Started by the supervisor (see `supervisor`) with its listening sockets and a channel. What a reload may change is in
`Rules`; all else stays as the process was started with.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import os
import resource
import secrets
import socket
import time
from collections.abc import Callable
from typing import Any

from understudy.config import Settings
from understudy.errors import SettingsError
from understudy.exchange import Answer, Exchange, Missed, Summary
from understudy.proxy import files
from understudy.proxy import hooks as hooks_file
from understudy.proxy.again import Again, Budget, SecondAsking
from understudy.proxy.breaker import Breaker
from understudy.proxy.capture import Capture, Ledger
from understudy.proxy.counts import Counts, StackStats, WorkerStats
from understudy.proxy.deadlines import Deadlines
from understudy.proxy.downstream import Downstream
from understudy.proxy.head import Comparable, ReplyHead, read_reply
from understudy.proxy.hooks import Hooks
from understudy.proxy.masks import Masker
from understudy.proxy.mirror import ENDED_AT_ONCE, SHED, UNSENDABLE, Asked, Mirror, Shadow
from understudy.proxy.missing import Missing
from understudy.proxy.policy import Policy
from understudy.proxy.pool import Pool
from understudy.proxy.prepare import Prepared, Preparer
from understudy.proxy.recorder import Batch, Recorder
from understudy.proxy.remembered import Remembered
from understudy.proxy.spare import SpareTime
from understudy.proxy.tunnel import TunnelEnd
from understudy.proxy.turn import Turn
from understudy.tasks import Tasks

log = logging.getLogger(__name__)

SWEEP_S = 0.05
LINGER_S = 1.0
FIRST_REQUEST_S = 1.0  # how long a connection without a request is waited for while draining
CAPTURED_BYTES = 64 << 20  # what all captures of bodies in pieces may hold; beyond it they go by digest


class Rules:
    """What a reload may change: policy, masks, what is compared, hooks. Raises SettingsError where they are wrong."""

    def __init__(self, settings: Settings, mask_key: bytes, hooks: Hooks | None = None) -> None:
        self.policy = Policy(settings.mirror)
        self.masker = Masker(settings.masks, mask_key)
        self.hooks = hooks_file.load(settings.hooks) if hooks is None else hooks
        self.comparable = Comparable(settings.compare.headers, settings.compare.ignore_headers)

    def read_reply(self, raw: bytes) -> ReplyHead:
        """Read a reply's head under these rules."""
        return read_reply(raw, self.comparable)


class Worker:
    """The data path's composition: what its parts share, and what happens to a turn when it is settled."""

    def __init__(self, settings: Settings, run: str, mask_key: bytes) -> None:
        self.loop = asyncio.get_running_loop()
        self.settings = settings
        self.mask_key = mask_key
        self.rules = _rules(settings, mask_key)
        self.counts = Counts()
        self.tasks = Tasks()
        self.ledger = Ledger(CAPTURED_BYTES)
        self.clients: set[Downstream] = set()
        self.tunnels: set[TunnelEnd] = set()
        self.draining = False
        self.reloads = 0
        self.recorder = Recorder(settings.recordings, run, settings.recording, self._recorded)
        self.recorded = 0
        self.shadow_timeout_s = settings.timeouts.shadow / 1e3
        self.upstream_idle_s = settings.timeouts.upstream_idle / 1e3
        self._take_limits(settings)
        connect_s = settings.timeouts.connect / 1e3
        pools = {name: Pool(name, stack, connect_s, self.rules.read_reply) for name, stack in settings.stacks.items()}
        self.primary = pools[settings.primary]
        self._primary_failed: dict[str, int] = {}
        self.spare = SpareTime(self.loop.call_soon)
        self._missing = Missing()
        self.mirror = Mirror([self._shadow(pools[name]) for name in settings.shadows])
        self._shadows = tuple(self.mirror.shadows.values())
        self._prepared: dict[bytes, Remembered[Prepared]] = {}
        timeouts, now = settings.timeouts, time.monotonic()
        self.head_timer: Deadlines[Downstream] = Deadlines(timeouts.client_head / 1e3, Downstream.head_timed_out, now)
        self.idle_timer: Deadlines[Downstream] = Deadlines(timeouts.client_idle / 1e3, Downstream.idle_timed_out, now)
        self.stall_timer: Deadlines[Downstream] = Deadlines(timeouts.client_idle / 1e3, Downstream.stalled, now)
        self.linger_timer: Deadlines[Downstream] = Deadlines(LINGER_S, Downstream.linger_timed_out, now)
        self.primary_timer: Deadlines[Turn] = Deadlines(timeouts.primary / 1e3, Turn.timed_out, now)
        self.again_timer: Deadlines[SecondAsking] = Deadlines(self.shadow_timeout_s, SecondAsking.timed_out, now)
        self._connection_ids = itertools.count(1)
        self._request_ids = itertools.count(1)
        self._id_prefix = secrets.token_hex(6)
        self._servers: list[asyncio.Server] = []

    def _take_limits(self, settings: Settings) -> None:
        self.max_in_flight = settings.mirror.max_in_flight
        self.max_queued = settings.mirror.max_queued
        self.max_body_bytes = settings.mirror.max_body_bytes
        self._settle_s = settings.mirror.settle_ms / 1e3
        self._again = Budget(settings.mirror.settle_per_second)

    def _shadow(self, pool: Pool) -> Shadow:
        mirror = self.settings.mirror
        return Shadow(self, pool.name, pool, Breaker(mirror.breaker_failures, mirror.breaker_probe_ms / 1e3))

    # --- life

    async def serve(self, sockets: list[socket.socket]) -> None:
        """Accept clients on these sockets from now on."""
        tls = files.server_tls(self.settings)
        scheme = b"https" if tls else b"http"
        remembered = self._remembered(scheme)
        for sock in sockets:
            server = await self.loop.create_server(
                lambda: Downstream(self, self._prepared.get(scheme, remembered)), sock=sock, ssl=tls, backlog=4096
            )
            self._servers.append(server)
        self.tasks.start(self._sweep(), "sweep timers")

    def _remembered(self, scheme: bytes) -> Remembered[Prepared]:
        preparer = Preparer(self.rules.policy, self.rules.masker, scheme, self.primary.host)
        self._prepared[scheme] = remembered = Remembered(preparer)
        return remembered

    def reload(self, settings: Settings) -> None:
        """Take over mirror, mask, compare and hook settings. Raises SettingsError, and then nothing has changed."""
        rules = Rules(settings, self.mask_key)
        rules.hooks.failures = self.rules.hooks.failures  # a counter goes on
        self.rules = rules
        self._take_limits(settings)
        for shadow in self._shadows:
            shadow.breaker.limit(settings.mirror.breaker_failures, settings.mirror.breaker_probe_ms / 1e3)
        self._remember_anew()

    def _remember_anew(self) -> None:
        """What is remembered of heads follows from rules that have changed."""
        for scheme in list(self._prepared):
            remembered = self._remembered(scheme)
            for client in self.clients:
                client.remember_with(remembered)
        for pool in self._pools():
            pool.forget_heads(self.rules.read_reply)
        self.reloads += 1

    def _pools(self) -> list[Pool]:
        return [self.primary, *(shadow.pool for shadow in self.mirror.shadows.values())]

    def stop_accepting(self) -> None:
        """Leave new connections to whoever else holds the listening sockets; close those that wait for nothing.

        A client that has connected this moment is about to ask, and would take the end of its connection for a
        failure: it has a while to do so, as has one whose head is on its way.
        """
        self.draining = True
        for server in self._servers:
            server.close()
        for client in list(self.clients):
            if client not in self.head_timer:
                client.drain()
        self.loop.call_later(FIRST_REQUEST_S, self._drain_late_ones)

    def _drain_late_ones(self) -> None:
        for client in list(self.clients):
            client.drain()

    async def drain(self, within_s: float) -> None:
        """Let requests in flight end, for a bounded time, and write down what is known."""
        self.stop_accepting()
        await asyncio.sleep(SWEEP_S)  # what was accepted last is not among the clients before the loop has turned
        deadline = time.monotonic() + within_s
        await self._until(lambda: not self.clients and not self.tunnels, deadline)
        shadows_until = min(deadline, time.monotonic() + self.shadow_timeout_s)
        await self._until(lambda: not self.counts.in_flight(), shadows_until)
        for client in list(self.clients):
            client.transport.abort()
        for tunnel in list(self.tunnels):
            tunnel.close()
        for pool in self._pools():
            pool.close()
        self._flush()
        if not await asyncio.to_thread(self.recorder.close, 5.0):
            log.warning("the disk did not take the last exchanges in time")
        await asyncio.sleep(0)
        await self.tasks.stop()

    async def _until(self, condition: Callable[[], bool], deadline: float) -> None:
        """Go on sweeping until the condition holds or the deadline has passed."""
        for _ in iter(lambda: not condition() and time.monotonic() < deadline, False):
            await asyncio.sleep(SWEEP_S)

    async def _sweep(self) -> None:
        """End timers, flush the recorder, expire idle connections to stacks."""
        timers: tuple[Deadlines[Any], ...] = (
            self.head_timer,
            self.idle_timer,
            self.stall_timer,
            self.linger_timer,
            self.primary_timer,
            self.again_timer,
        )
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                self._sweep_once(timers, time.monotonic())
            except Exception:  # whatever one timer runs into, the others must go on
                log.exception("a timer failed")

    def _sweep_once(self, timers: tuple[Deadlines[Any], ...], now: float) -> None:
        for timer in timers:
            timer.sweep(now)
        for shadow in self._shadows:
            self._end_shadows(shadow, now)
        for pool in self._pools():
            pool.sweep(now, self.upstream_idle_s)
        self._flush()

    def _flush(self) -> None:
        self.recorder.flush(self._missed)

    def _missed(self) -> Missed | None:
        return self._missing.since({shadow.name: shadow.shed for shadow in self._shadows}, self.counts.unrecorded)

    def _end_shadows(self, shadow: Shadow, now: float) -> None:
        """End the shadows that took too long, a few at a time, so that users are served in between."""
        if shadow.timer.sweep(now, ENDED_AT_ONCE):
            self.loop.call_soon(self._end_shadows, shadow, now)

    # --- clients

    def admit(self, client: Downstream) -> bool:
        """Whether there is room for one more client."""
        if len(self.clients) >= self.settings.proxy.max_connections:
            return False
        self.clients.add(client)
        return True

    def dismiss(self, client: Downstream) -> None:
        """A client is gone, or is no business of ours any more."""
        self.clients.discard(client)
        for timer in (self.head_timer, self.idle_timer, self.stall_timer, self.linger_timer):
            timer.stop(client)

    def next_connection_id(self) -> str:
        """A name for a client connection, unlike any other's."""
        return f"{self._id_prefix}-{next(self._connection_ids)}"

    def next_request_id(self) -> bytes:
        """A name for a request, unlike any other's."""
        return f"{self._id_prefix}{next(self._request_ids):010x}".encode()

    def rejected(self, reason: str) -> None:
        """A request was refused before it was one."""
        self.counts.received += 1
        self.counts.rejected += 1
        self.counts.refused[reason] += 1

    # --- a turn's way

    def choose(self, turn: Turn) -> None:
        """Decide which shadows get the request; where none does, its bucket."""
        self.counts.received += 1
        prepared, rules = turn.prepared, self.rules
        if not prepared.eligible or not self._shadows:
            turn.bucket = "skipped"
            return
        if rules.policy.percent < 100.0 and not rules.policy.sampled(prepared.head, turn.client_address):
            turn.bucket = "sampled_out"
            return
        if prepared.head.length > self.max_body_bytes:
            turn.bucket = "too_large"
            return
        if rules.hooks.selects:
            chosen = rules.hooks.select(turn.request(None), self.mirror.shadows)
            turn.targets = tuple(shadow for shadow in self._shadows if shadow.name in chosen)
            if not turn.targets:
                turn.bucket = "skipped"
                return
        else:
            turn.targets = self._shadows
        if prepared.head.length:
            turn.request_body = Capture(self.max_body_bytes, self.ledger)

    def settle(self, turn: Turn) -> None:
        """All answers are in: find the bucket, and record."""
        failed = bool(turn.failure)
        bucket = "primary_failed" if failed and turn.bucket not in ("client_gone", "rejected") else turn.bucket
        if not bucket:
            asked = turn.asked
            if len(asked) == 1 and not asked[0].failure and turn.same_as(asked[0]):  # nearly always
                only = asked[0]
                shadow = only.shadow
                shadow.equal += 1
                if turn.digest:
                    self.counts.by_digest += 1
                elapsed = {self.primary.name: turn.elapsed_ms, shadow.name: only.elapsed_ms}
                self._record_equal(turn, elapsed)
                return
            bucket = self._compare_all(turn)
        if bucket == "recorded":
            return
        self.counts.add(bucket)
        self._release(turn)

    def _compare_all(self, turn: Turn) -> str:
        """The bucket where it is not recorded; "recorded" where the recorder will tell."""
        outcomes = set()
        elapsed = {self.primary.name: turn.elapsed_ms}
        for asked in turn.asked:
            outcome = _outcome(turn, asked)
            outcomes.add(outcome)
            if outcome == "different":
                asked.shadow.different += 1
            elif outcome == "equal":
                asked.shadow.equal += 1
                elapsed[asked.shadow.name] = asked.elapsed_ms
        if turn.digest:
            self.counts.by_digest += 1
        if "different" in outcomes:
            if turn.prepared.safe and self._settle_s and not self.draining and self._again.take(time.monotonic()):
                self.counts.asked_again += 1
                self.loop.call_later(self._settle_s, Again(self, turn).start)
            else:
                self.record(turn, {})
            return "recorded"
        if "shadow_failed" in outcomes:
            self._record_failure(turn)
            return "shadow_failed"
        if outcomes == {"equal"}:
            self._record_equal(turn, elapsed)
            return "recorded"
        return "shed" if "shed" in outcomes else "skipped"

    def _record_equal(self, turn: Turn, elapsed: dict[str, float]) -> None:
        prepared = turn.prepared
        assert turn.head is not None
        self.recorder.equal(Summary(turn.at, prepared.method, prepared.masked_target, turn.head.status, elapsed))
        if self.rules.hooks.observes:
            self.rules.hooks.on_exchange(self._exchange(turn, {}))
        self._release(turn)

    def _record_failure(self, turn: Turn) -> None:
        exchange = self._exchange(turn, {})
        self.recorder.failure(exchange)
        if self.rules.hooks.observes:
            self.rules.hooks.on_exchange(exchange)

    def record(self, turn: Turn, again: dict[str, Answer]) -> None:
        """Record an exchange whose answers differ, with the second answers where there are any."""
        exchange = self._exchange(turn, again)
        self.recorder.different(exchange)
        if self.rules.hooks.observes:
            self.rules.hooks.on_exchange(exchange)
        self._release(turn)

    def _exchange(self, turn: Turn, again: dict[str, Answer]) -> Exchange:
        masker = self.rules.masker
        answers = {self.primary.name: turn.answer(masker)}
        for asked in turn.asked:
            if asked.failure not in (SHED, UNSENDABLE):
                answers[asked.shadow.name] = asked.answer(masker)
        request_id = turn.request_id.decode("latin-1")
        return Exchange(request_id, turn.at, turn.request(masker), self.primary.name, answers, again)

    def _release(self, turn: Turn) -> None:
        """Give back what the turn holds, and break its ring of references so that it goes at once."""
        if turn.request_body is not None:
            turn.request_body.let_go()
        turn.let_go()
        for asked in turn.asked:
            asked.let_go()
        turn.asked = []

    def _recorded(self, batch: Batch, written: bool) -> None:
        """The recorder's thread says what became of a batch."""
        self.loop.call_soon_threadsafe(self._count_recorded, batch, written)

    def _count_recorded(self, batch: Batch, written: bool) -> None:
        if written:
            self.counts.equal += batch.equal
            self.counts.different += batch.different
            self.recorded += batch.equal + batch.different + batch.failures
        else:
            self.counts.unrecorded += batch.equal + batch.different
            if batch.missed is not None:
                self._missing.untold(batch.missed)

    def stack_failed(self, name: str, reason: str) -> None:
        """The primary gave no answer."""
        self._primary_failed[reason] = self._primary_failed.get(reason, 0) + 1

    # --- telling

    def stats(self) -> WorkerStats:
        """What the supervisor is told once a second."""
        counts = self.counts
        stacks = {
            self.primary.name: StackStats(
                role="primary",
                requests=counts.received - counts.rejected,
                failed=dict(self._primary_failed),
                connections=self.primary.open_connections,
            )
        }
        for name, shadow in self.mirror.shadows.items():
            stacks[name] = StackStats(
                role="shadow",
                requests=shadow.asked,
                equal=shadow.equal,
                different=shadow.different,
                shed=shadow.shed,
                failed=dict(shadow.failed),
                connections=shadow.pool.open_connections,
                in_flight=shadow.in_flight,
                breaker=shadow.breaker.state.value,
                breaker_opened=shadow.breaker.opened,
            )
        return WorkerStats(
            requests=counts.requests(),
            in_flight=counts.in_flight(),
            connections=len(self.clients) + len(self.tunnels),
            stacks=stacks,
            refused=dict(counts.refused),
            recorded=self.recorded,
            recorded_bytes=self.recorder.written_bytes,
            by_digest=counts.by_digest,
            asked_again=counts.asked_again,
            hook_failures=self.rules.hooks.failures,
            settings=self.reloads,
        )


def _rules(settings: Settings, mask_key: bytes) -> Rules:
    """The rules to begin with. The supervisor has tried the hooks; where they are gone since, users are served all the
    same, and nothing is mirrored.
    """
    try:
        return Rules(settings, mask_key)
    except SettingsError as error:
        log.error("nothing is mirrored until a reload finds usable hooks: %s", error)
        return Rules(settings, mask_key, hooks_file.Hooks.refusing())


def _outcome(turn: Turn, asked: Asked) -> str:
    if asked.failure == SHED:
        return "shed"
    if asked.failure == UNSENDABLE:
        return "skipped"
    if asked.failure:
        return "shadow_failed"
    return "equal" if turn.same_as(asked) else "different"


def tune_process() -> None:
    """Make room for many connections, and keep the collector from walking over what never goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.collect()
    gc.freeze()
    # Turns break their own rings, so collecting often only costs: half a microsecond a request at the default 700.
    gc.set_threshold(50_000, 20, 20)


def run_name() -> str:
    """This worker life's name in the recording: sorts by start, unique by process."""
    return f"{int(time.time() * 1000):013d}-{os.getpid()}"
