"""Looking at the new side again and again: who is watched, what is remembered, what is new. Read only.

The tree is discovered anew now and then, and whenever a server is lost; whoever was once seen is watched on, so that a
server that goes away is told of, and told of again when it is back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from msgspec import Struct

from understudy.config import Target
from understudy.errors import UnderstudyError
from understudy.migrate.ports import Clock, Servers
from understudy.migrate.topology import Tree
from understudy.migrate.watch.concerns import Bounds, Concern, Level, concerns, worst
from understudy.migrate.watch.explain import Explanation
from understudy.migrate.watch.look import End, Sighting, look, look_above

AT_ONCE = 16
REMEMBERED = 120  # looks of each server
DISCOVER_EVERY = 12  # looks


class NobodyError(UnderstudyError):
    """There is no server to watch."""


class Watched(Struct, frozen=True):
    """A server, the one it follows (empty for none), and what its channels' sources are called to what we call them."""

    address: str
    source: str = ""
    sources: Mapping[str, str] = {}


class State(Struct, frozen=True):
    """One server after a look: its worst lag in seconds, None where unknown, and what is wrong with it."""

    server: str
    level: Level
    lag_s: float | None
    concerns: tuple[Concern, ...]


class Report(Struct, frozen=True):
    """One look at all of them. `fresh` are explanations that were not told before, `over` concerns that ended."""

    at: datetime
    states: tuple[State, ...]
    fresh: tuple[Explanation, ...]
    over: tuple[Concern, ...]

    @property
    def level(self) -> Level:
        """The worst of all."""
        return max((state.level for state in self.states), default=Level.FINE)


def of_tree(tree: Tree, new_source: str, *, everyone: bool) -> list[Watched]:
    """The new source and all beneath it; all replicas of the tree where everyone is wanted, or there is no new side."""
    if everyone or not new_source:
        names = [server.address for server in tree if tree.source(server.address) or server.channels]
    else:
        top = tree[new_source].address if new_source in tree else new_source
        names = [top, *(tree.shape.below(top) if top in tree.shape else ())]
    return [watched(tree, name) for name in names]


def watched(tree: Tree, name: str) -> Watched:
    """A server of the tree, as it is to be watched."""
    if name not in tree.servers:
        return Watched(name)
    said = [channel.source for channel in tree.servers[name].channels]
    above = [tree.source(name), *tree.also.get(name, ())]
    return Watched(name, tree.source(name), dict(zip(said, above, strict=False)))


def is_new(tree: Tree, target: Target, address: str) -> bool:
    """Whether a server is the new source or beneath it, or named as new; it may follow nobody for a while."""
    named = [tree[name].address for name in (*target.new_replicas, target.rehearsal) if name and name in tree]
    below = [one.address for one in of_tree(tree, target.new_source, everyone=False)] if target.new_source else []
    return address in (*named, *below)


class Watching:
    """The watch: `report` looks once. `discover` tells whom to watch; it is asked seldom."""

    def __init__(
        self, servers: Servers, discover: Callable[[], Iterable[Watched]], clock: Clock, bounds: Bounds
    ) -> None:
        self._servers, self._discover, self._clock, self._bounds = servers, discover, clock, bounds
        self._watched: dict[str, Watched] = {}
        self._looks: dict[str, list[Sighting]] = {}
        self._ends: dict[str, list[End]] = {}
        self._told: dict[tuple[str, str, str], Explanation] = {}
        self._open: dict[tuple[str, str, str], Concern] = {}
        self._count = 0
        self._is_lost = False

    def report(self) -> Report:
        """Look at every server once. Raises NobodyError where there is none, and what discovery raises at first."""
        self._refresh()
        at = datetime.fromtimestamp(self._clock.now_s(), UTC)
        with ThreadPoolExecutor(AT_ONCE, "watch") as pool:
            above = {name: pool.submit(look_above, self._servers, name) for name in self._above()}
            sightings = list(pool.map(self._look, self._watched.values()))
            ends = {name: asked.result() for name, asked in above.items()}
        self._is_lost = any(one.unreachable for one in sightings)
        self._remember(sightings, ends)
        states = tuple(self._state(one) for one in sightings)
        return Report(at, states, tuple(self._fresh(sightings)), tuple(self._over(states)))

    def _refresh(self) -> None:
        if not self._watched or self._is_lost or self._count % DISCOVER_EVERY == 0:
            try:
                found = {one.address: one for one in self._discover()}
                self._watched |= {name: one for name, one in found.items() if one.source or name not in self._watched}
            except UnderstudyError:
                if not self._watched:
                    raise
        self._count += 1
        if not self._watched:
            hint = "name [migrate.target] new_source, or watch `--all`"
            raise NobodyError("there is no replica to watch", hint)

    def _look(self, watched: Watched) -> Sighting:
        before = self._looks.get(watched.address, [])
        last = before[-1] if before and not before[-1].unreachable else None
        return look(self._servers, watched.address, watched.sources, self._clock.monotonic_s(), last)

    def _above(self) -> set[str]:
        """Whom the watched servers follow, and who is not watched: as a rule one old server."""
        return {one.source for one in self._watched.values() if one.source and one.source not in self._watched}

    def _remember(self, sightings: list[Sighting], above: Mapping[str, End]) -> None:
        ends = {**above, **{one.server: End(one.end) for one in sightings}}
        for one in sightings:
            source = self._watched[one.server].source
            self._looks.setdefault(one.server, []).append(one)
            self._ends.setdefault(one.server, []).append(ends.get(source, End()))
            del self._looks[one.server][:-REMEMBERED], self._ends[one.server][:-REMEMBERED]

    def _state(self, now: Sighting) -> State:
        found = concerns(self._looks[now.server], self._ends[now.server], self._bounds)
        lags = [channel.lag_s for channel in now.channels]
        known = [lag for lag in lags if lag is not None]
        lag = max(known) if known and len(known) == len(lags) else None
        return State(now.server, worst(found), lag, tuple(found))

    def _fresh(self, sightings: list[Sighting]) -> Iterable[Explanation]:
        """Each break is told once, and again when something else is wrong there."""
        told: dict[tuple[str, str, str], Explanation] = {}
        for one in sightings:
            if one.unreachable or one.full:
                told |= {key: said for key, said in self._told.items() if key[0] == one.server}
            for said in one.broken:
                key = (said.server, said.channel, said.thread.value)
                told[key] = said
                if _essence(self._told.get(key)) != _essence(said):
                    yield said
        self._told = told

    def _over(self, states: tuple[State, ...]) -> Iterable[Concern]:
        now = {(one.server, one.channel, one.kind): one for state in states for one in state.concerns}
        ended = [concern for key, concern in self._open.items() if key not in now]
        self._open = now
        return ended


def _essence(said: Explanation | None) -> tuple[object, ...]:
    """What makes it the same break: a receiver's text counts its attempts, so texts don't."""
    return (said.number, said.case, said.expect, said.statements) if said else ()
