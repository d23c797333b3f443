"""What every measurement is handed: the peers, Understudy between any two stacks, and how long to measure."""

from __future__ import annotations

from typing import NamedTuple

import subject
from machine import Tools
from peers import Peers
from processes import Ports, Processes
from results import Sample
from subject import Tables, Understudy


class Effort(NamedTuple):
    """How long: seconds of each load, and rounds of the whole."""

    seconds: float
    rounds: int


class Stage:
    """The peers, started; each Understudy is started when first asked for, by name."""

    def __init__(self, processes: Processes, ports: Ports, tools: Tools, peers: Peers, effort: Effort) -> None:
        self.processes = processes
        self.ports = ports
        self.tools = tools
        self.peers = peers
        self.effort = effort
        self.samples: list[Sample] = []
        self._understudies: dict[str, Understudy] = {}

    def understudy(self, name: str, shadow: int, tables: Tables | None = None, old: int = 0) -> Understudy:
        """The Understudy of that name; started with `shadow` as its shadow's port where it does not run yet."""
        if name not in self._understudies:
            primary = old or self.peers.stacks["old"]
            self._understudies[name] = subject.start(
                name, primary, shadow, self.processes, self.ports, self.tools, tables
            )
        return self._understudies[name]

    def equal(self) -> Understudy:
        """Understudy whose shadow answers the same."""
        return self.understudy("understudy, equal", self.peers.stacks["same"])

    def different(self) -> Understudy:
        """Understudy whose shadow answers differently each time."""
        return self.understudy("understudy, different", self.peers.stacks["different"])

    def dismiss(self, understudy: Understudy) -> None:
        """Stop one."""
        self._understudies.pop(understudy.subject.name, None)
        self.processes.end(understudy.subject.pid)
