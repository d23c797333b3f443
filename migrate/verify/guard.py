"""Holds reading back while a replica lags or the old side is busy: a thread of its own that looks once in a while."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from understudy.migrate import answering, rows
from understudy.migrate.faults import LoginError, PrivilegeError, ServerError
from understudy.migrate.ports import Database, Servers
from understudy.migrate.verify.moments import StalledError
from understudy.migrate.words import Word

LOOK_S = 0.5


class Guard:
    """Why reading is held, and for how long it may be. A context manager: looks inside."""

    def __init__(
        self,
        servers: Servers,
        old: str,
        replicas: Sequence[str],
        limits: tuple[float, int, float],
    ) -> None:
        self._servers, self._old, self._replicas = servers, old, tuple(replicas)
        self._max_lag_s, self._max_running, self._patience_s = limits
        self._sessions: dict[str, Database] = {}
        self._why = ""
        self._refused: ServerError | None = None
        self.lag_s: float | None = 0.0
        self._free, self._end = threading.Event(), threading.Event()
        self._free.set()
        self._thread = threading.Thread(target=self._run, name="verify-guard", daemon=True)

    @property
    def why(self) -> str:
        """Why reading is held now; empty where it is not."""
        return self._why

    def wait(self, is_ending: threading.Event) -> None:
        """Return once reading is free. Raises StalledError where it is held too long, LoginError, PrivilegeError."""
        waited = 0.0
        while True:
            if self._refused:  # also where that begins while it is held
                raise self._refused
            if self._free.wait(LOOK_S) or is_ending.is_set():
                return
            waited += LOOK_S
            if waited > self._patience_s:
                raise StalledError(
                    f"held for {self._patience_s:g} s: {self._why}",
                    "look at `understudy migrate status`; run verify again: it goes on from here",
                )

    def __enter__(self) -> Guard:
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        for session in self._sessions.values():
            session.close()

    def _run(self) -> None:
        while not self._end.wait(LOOK_S):
            self._look()

    def _look(self) -> None:
        lags = {address: self._lag_s(address) for address in self._replicas}
        self.lag_s = (
            None if None in lags.values() else max((lag for lag in lags.values() if lag is not None), default=0.0)
        )
        self._why = held(lags, self._running(), self._max_lag_s, self._max_running)
        if self._why:
            self._free.clear()
        else:
            self._free.set()

    def _lag_s(self, address: str) -> float | None:
        try:
            session = self._session(address)
            answering.require(session, Word.REPLICA_STATUS)  # or each look would leave a session with a full disk
            channels = rows.channels(session.rows(session.dialect.sql(Word.REPLICA_STATUS)))
        except (LoginError, PrivilegeError) as error:
            self._refused = error
        except ServerError:
            self._forget(address)
        else:
            lags = [channel.lag_s for channel in channels]
            return None if not lags or None in lags else max(lag for lag in lags if lag is not None)
        return None

    def _running(self) -> int | None:
        try:
            said = self._session(self._old).row("SHOW GLOBAL STATUS LIKE 'Threads_running'")
        except (LoginError, PrivilegeError) as error:
            self._refused = error
        except ServerError:
            self._forget(self._old)
        else:
            return rows.number(said["Value"]) if said else 0
        return None

    def _session(self, address: str) -> Database:
        if address not in self._sessions:
            self._sessions[address] = self._servers.open(address)
        return self._sessions[address]

    def _forget(self, address: str) -> None:
        if session := self._sessions.pop(address, None):
            session.close()


def held(lags: Mapping[str, float | None], running: int | None, max_lag_s: float, max_running: int) -> str:
    """Why reading is to be held; empty where it is not. None is not known, which is no zero."""
    for address, lag in lags.items():
        if lag is None:
            return f"{address} does not replicate"
        if lag > max_lag_s:
            return f"{address} lags {lag:g} s"
    if running is None:
        return "the old side does not answer"
    return f"{running} threads run on the old side" if running > max_running else ""
