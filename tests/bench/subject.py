"""Understudy itself: started as an operator would, and asked what became of every request."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, NamedTuple

import peers
from machine import Tools
from processes import BenchError, Ports, Processes, wait_for

BUCKETS = (
    "equal", "different", "skipped", "sampled_out", "shed", "too_large", "shadow_failed", "primary_failed",
    "client_gone", "unrecorded", "rejected",
)  # fmt: skip
SHADOWED = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
DRAIN_S = 90.0
FLUSH_S = 1.2  # workers tell their counts once a second: what stays the same for longer is at rest

Tables = Mapping[str, Mapping[str, Any]]


class Accounts(NamedTuple):
    """What /status says, counted from when `Understudy.mark` was called last."""

    buckets: dict[str, int]
    received: int
    in_flight: int
    judged: int
    lost: int
    backlog: int

    @property
    def complete(self) -> bool:
        """Whether every request has a bucket and every recorded one has been judged, or counted as lost."""
        failed = self.buckets["shadow_failed"] + self.buckets["primary_failed"]
        recorded = self.buckets["equal"] + self.buckets["different"]
        return (
            self.received == sum(self.buckets.values())
            and not self.backlog
            and recorded <= self.judged + self.lost <= recorded + failed + self.buckets["too_large"]
        )

    @property
    def judged_share(self) -> float:
        """The share of the requests that were mirrored, recorded and judged."""
        return self.judged / self.received if self.received else 0.0

    def __str__(self) -> str:
        named = ", ".join(f"{name} {count:,}" for name, count in self.buckets.items() if count)
        return (
            f"received {self.received:,} = {named}; judged {self.judged:,}, lost {self.lost:,}, "
            f"backlog {self.backlog:,}, in flight {self.in_flight:,}"
        )


class Understudy:
    """A running `understudy run` with one worker that mirrors, records and judges everything."""

    def __init__(self, name: str, port: int, control: int, pid: int) -> None:
        self.subject = peers.Subject(name, port, pid)
        self._control = control
        self._before = self._read()

    def _read(self) -> Accounts:
        status = self._status()
        requests, judge = status["requests"], status["judge"]
        return Accounts(
            {name: int(requests.get(name, 0)) for name in BUCKETS},
            int(requests["received"]),
            int(status.get("in_flight", 0)),
            int(judge.get("judged", 0)),
            int(judge.get("lost", 0)),
            int(judge.get("backlog", 0)),
        )

    def _status(self) -> dict[str, Any]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._control}/status", timeout=10) as reply:
                return dict(json.load(reply))
        except (OSError, ValueError) as error:
            raise BenchError(f"{self.subject.name}: /status: {error}") from error

    def mark(self) -> None:
        """Count from now on."""
        self._before = self._read()

    def accounts(self) -> Accounts:
        """What has happened since `mark`."""
        now, before = self._read(), self._before
        return Accounts(
            {name: now.buckets[name] - before.buckets[name] for name in BUCKETS},
            now.received - before.received,
            now.in_flight,
            now.judged - before.judged,
            now.lost - before.lost,
            now.backlog,
        )

    def settle(self, at_least: int = 0, patience_s: float = DRAIN_S) -> Accounts:
        """Wait until the judge has caught up with at least so many requests; at the deadline, how it stands then."""
        deadline = time.monotonic() + patience_s
        accounts, still_since = self.accounts(), time.monotonic()
        while time.monotonic() < deadline:
            if accounts.received >= at_least and accounts.complete and time.monotonic() - still_since > FLUSH_S:
                break
            time.sleep(0.1)
            if (now := self.accounts()) != accounts:
                accounts, still_since = now, time.monotonic()
        return accounts


def start(
    name: str, old: int, new: int, processes: Processes, ports: Ports, tools: Tools, tables: Tables | None = None
) -> Understudy:
    """Start Understudy between two stacks, and wait until it is healthy. `tables` override settings."""
    port, control = ports.take(), ports.take()
    slug = f"{name.replace(' ', '-')}-{port}"
    settings = processes.folder / f"{slug}.toml"
    settings.write_text(_toml(processes.folder / slug, _tables(port, control, old, new, tables or {})))
    if not tools.understudy.exists():
        raise BenchError(f"{tools.understudy} is missing: pip install -e . in this virtual environment")
    pid = processes.start(slug, [tools.understudy, "run", "-c", settings])

    def healthy() -> bool:
        if not processes.alive(pid):
            raise BenchError(f"{name} ended at once: {processes.log_of(slug)}")
        return peers.answers(f"http://127.0.0.1:{control}/health")

    wait_for(healthy, f"{name} is healthy ({processes.folder}/{slug}.log)", 20)
    return Understudy(name, port, control, pid)


def _tables(port: int, control: int, old: int, new: int, overrides: Tables) -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = {
        "proxy": {"listen": f"127.0.0.1:{port}", "control": f"127.0.0.1:{control}", "workers": 1},
        "stacks.old": {"url": f"http://127.0.0.1:{old}", "role": "primary"},
        "stacks.new": {"url": f"http://127.0.0.1:{new}", "role": "shadow"},
        "mirror": {"percent": 100.0, "methods": list(SHADOWED)},
    }
    for table, settings in overrides.items():
        tables.setdefault(table, {}).update(settings)
    return tables


def _toml(state: object, tables: Tables) -> str:
    """The settings file. JSON's texts, numbers, booleans and lists are TOML's too."""
    lines = [f"state_dir = {json.dumps(str(state))}"]
    for table, settings in tables.items():
        lines += [f"\n[{table}]", *(f"{key} = {json.dumps(value)}" for key, value in settings.items())]
    return "\n".join(lines) + "\n"
