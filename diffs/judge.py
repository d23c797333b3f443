"""The judge: the process that follows the recordings and keeps what it finds in the store.

Started by the supervisor as `python -m understudy.diffs.judge` with a channel (see `channel`), or used as a library.
It keeps its place in the store, in the transaction that stores the counts; it may be killed at any moment.
"""

from __future__ import annotations

import gc
import logging
import os
import queue
import signal
import sys
import threading
import time
from typing import Any, Final

from understudy import logs
from understudy.channel import BlockingChannel, settings_in, socket_from_environment
from understudy.config import Settings
from understudy.diffs.examine import Examiner
from understudy.diffs.lock import JudgeLock
from understudy.diffs.pace import TURN_S, Pace
from understudy.diffs.segments import Chunk, Position, Recordings
from understudy.diffs.ship import Shipper, shipper
from understudy.diffs.statistics import Minute
from understudy.diffs.store import Batch, SqliteStore, Store
from understudy.errors import StoreError, UnderstudyError

log = logging.getLogger(__name__)

BATCH_S: Final = 0.5  # what a kill costs in work done twice; a commit costs milliseconds
BATCH_EXCHANGES: Final = 20_000
BUSY_EXCHANGES: Final = 2_000  # fewer wait a moment for others to come: each batch costs a commit
IDLE_S: Final = 0.1
STATS_S: Final = 1.0
LOOK_S: Final = 0.2
RETRY_S = 1.0  # after which a store that failed is tried again
_TOTALS: Final = (
    "judged", "equal", "equal_after_lifting", "noise", "settled", "failed", "different", "unjudged", "torn",
)  # fmt: skip
_LOST: Final = ("lost_equal", "lost_different", "lost_unseen")


class Judge:
    """Reads the recordings, step by step, into a store."""

    def __init__(self, settings: Settings, store: Store, ship: Shipper | None = None) -> None:
        self._store = store
        self._ship = ship
        self._folder = settings.recordings
        self._compare = settings.compare
        self._minute = Minute()
        self._begin()
        self._lost_before = {name: self._totals.get(name, 0) for name in _LOST}

    def _begin(self) -> None:
        """Start from what is stored."""
        known = self._store.load()
        self._totals = dict(known.totals)
        self._recordings = Recordings(self._folder, known.positions)
        self._examiner = Examiner(self._compare, known, ships=self._ship is not None)
        self._positions: dict[str, Position] = {}
        self._looked = 0.0

    def use(self, settings: Settings) -> None:
        """Judge by reloaded settings from now on."""
        self._compare = settings.compare
        self._examiner.use(settings.compare)

    def step(self, max_exchanges: int = BATCH_EXCHANGES, max_s: float = BATCH_S) -> int:
        """Judge what is recorded, up to a batch, and store it; answers how many exchanges that were.

        Where the store fails (a full disk), nothing of the batch counts, and it is read again the next time.
        """
        until = time.monotonic() + max_s
        exchanges = self._account(self._look())
        while exchanges < max_exchanges and time.monotonic() < until:
            chunks = [chunk for run in self._recordings.runs.values() if (chunk := run.read()) is not None]
            if not chunks:
                break
            exchanges += self._account(chunks)
        if self._positions:
            self._commit()
        return exchanges

    def run_to_end(self) -> int:
        """Judge everything that is recorded; answers how many exchanges that were."""
        total = 0
        while exchanges := self.step():
            total += exchanges
        return total

    def backlog(self) -> int:
        """How many exchanges are recorded and not judged."""
        return self._recordings.waiting()

    def waiting_bytes(self) -> int:
        """How much is recorded and not judged."""
        return self._recordings.waiting_bytes()

    def stats(self) -> dict[str, Any]:
        """What the judge tells the supervisor.

        Counts are cumulative in the store, but for `lost_equal` and `lost_different`: they count from this judge's
        start, since the supervisor takes them from what its own workers counted.
        """
        lost = {name: self._totals.get(name, 0) for name in _LOST}
        return {
            **{name: self._totals.get(name, 0) for name in _TOTALS},
            **{name: lost[name] - self._lost_before[name] for name in ("lost_equal", "lost_different")},
            "lost": sum(lost.values()),
            "backlog": self.backlog(),
            "fluentd": self._ship.stats() if self._ship else {"sent": 0, "dropped": 0, "connected": False},
        }

    def close(self) -> None:
        """Let go of the recordings and the store."""
        self._recordings.close()
        self._store.close()

    def look_again(self) -> None:
        """Look at the recordings' folder with the next step, however soon that is."""
        self._looked = 0.0

    def _look(self) -> list[Chunk]:
        now = time.monotonic()
        if now - self._looked < LOOK_S and self._looked:
            return []
        self._looked = now
        return self._recordings.look()

    def _account(self, chunks: list[Chunk]) -> int:
        exchanges = 0
        for chunk in chunks:
            exchanges += self._examiner.records(chunk.records)
            self._positions[chunk.position.run] = chunk.position
            totals = self._examiner.tally.totals
            for name in ("torn", *_LOST):
                if count := getattr(chunk, name):
                    totals[name] += count
        return exchanges

    def _commit(self) -> None:
        tally, events = self._examiner.tally, self._examiner.events
        try:
            self._store.commit(Batch(self._positions, tally, self._examiner.samples))
        except StoreError as error:
            log.error("what was judged can't be stored; it will be judged again", extra={"error": error.message})
            self._recordings.close()
            self._begin()
            time.sleep(RETRY_S)
            return
        for name, count in tally.totals.items():
            self._totals[name] = self._totals.get(name, 0) + count
        self._positions = {}
        self._examiner.reset()
        if self._ship:
            self._minute.add(tally)
            self._ship.put("difference", events)
            if event := self._minute.event(time.time()):
                self._ship.put("statistics", [event])


class _Process:
    """The judge as the supervisor's child: settings come in, statistics go out."""

    def __init__(self, channel: BlockingChannel) -> None:
        self._channel = channel
        self._messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._stopping = False
        self._settings: Settings | None = None
        threading.Thread(target=self._listen, name="channel", daemon=True).start()

    def _listen(self) -> None:
        for message in self._channel.receive():
            self._messages.put(message)
        self._messages.put({"stop": True})  # the supervisor is gone

    def run(self) -> None:
        """Wait for the settings, become the only judge, and judge until told to stop."""
        while self._settings is None and not self._stopping:
            self._wait(STATS_S)
        if self._settings is None:
            return
        lock = JudgeLock(self._settings.database)
        while not self._stopping and not lock.acquire():
            self._wait(STATS_S)  # after a takeover, the judge before this one ends its batch
        if self._stopping:
            return
        ship = shipper(self._settings.fluentd)
        judge = Judge(self._settings, SqliteStore(self._settings.database), ship)
        try:
            self._judge(judge)
        finally:
            judge.close()
            if ship:
                ship.close()
            lock.release()

    def _judge(self, judge: Judge) -> None:
        assert self._settings is not None
        pace = Pace(self._settings.recording.max_bytes)
        told = 0.0
        while not self._stopping:
            began = time.process_time()
            exchanges = judge.step(max_s=BATCH_S if pace.hurried else TURN_S)
            rest_s = pace.rest_s(time.process_time() - began)
            if time.monotonic() - told >= STATS_S:
                told = time.monotonic()
                self._channel.send({"stats": judge.stats()})
                pace.look(judge.waiting_bytes())
            self._wait(rest_s if exchanges >= BUSY_EXCHANGES else max(rest_s, IDLE_S), judge)
        judge.look_again()
        judge.step()  # what was recorded up to the stop
        self._channel.send({"stats": judge.stats()})

    def _wait(self, seconds: float, judge: Judge | None = None) -> None:
        """Take messages for a while, or just those that are there."""
        try:
            message = self._messages.get(timeout=seconds) if seconds else self._messages.get_nowait()
        except queue.Empty:
            return
        if message.get("stop"):
            self._stopping = True
        if (settings := settings_in(message)) is not None:
            self._settings = settings
            logs.setup(settings.log.level, settings.log.json)
            if judge is not None:
                judge.use(settings)
                log.info("the judge uses the reloaded settings")


def prepare() -> None:
    """Make the process fit for judging: the collector looks for cycles a hundred times less often (1 us a pair).

    Lifting makes and drops thousands of containers, none of them in a cycle.
    """
    gc.set_threshold(100_000, 20, 20)


def yield_to_users() -> None:
    """Take only the CPU that nobody else wants: whoever serves users is woken at once on a core that judges."""
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except OSError:
        os.nice(19)


def main() -> int:
    """The process's entry; exits with 0 after an orderly end."""
    prepare()
    yield_to_users()
    # Ctrl-C goes to the whole process group; the supervisor drains its workers first, and then tells the judge.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        _Process(BlockingChannel(socket_from_environment())).run()
    except UnderstudyError as error:
        log.error(error.message, extra={"hint": error.hint} if error.hint else {})
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
