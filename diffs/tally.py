"""What is counted, between two commits: per endpoint, per place and class of difference, latencies. Pure.

Differences are counted by request: `requests` in which a place differed in a way, and `places`, how many such places
those requests had. Everything here is bounded: endpoints by `endpoint.Endpoints`, places by `Limits`.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from understudy.diffs.classify import Judged
from understudy.diffs.difference import Difference, excerpt, general
from understudy.diffs.sketch import Paired

MAX_PLACES: Final = 300  # (path, kind, class) of one endpoint; beyond it they are counted at the path `(other)`
MAX_PLACES_IN_ALL: Final = 50_000
OTHER_PATH: Final = "(other)"


class Pair(NamedTuple):
    """An endpoint as one shadow answers it."""

    endpoint: str
    shadow: str


class PlaceKey(NamedTuple):
    """Which difference is counted: where, of what kind, of what class."""

    endpoint: str
    shadow: str
    path: str
    kind: str
    name: str


class Place:
    """The counts of a place since the last commit, and an example."""

    __slots__ = ("asked", "first_at", "key", "last_at", "new", "old", "places", "requests")

    def __init__(self, key: PlaceKey, at: float, old: str, new: str) -> None:
        self.key = key
        self.requests = self.places = self.asked = 0
        self.first_at = self.last_at = at
        self.old, self.new = old, new


class Limits:
    """How many places there may be; `known` are those counted already."""

    def __init__(self, known: list[PlaceKey] | None = None) -> None:
        self._known = set(known or ())
        self._per_pair = Counter((key.endpoint, key.shadow) for key in self._known)

    def bounded(self, key: PlaceKey) -> PlaceKey:
        """The key itself, or the one that stands for all others where there are too many."""
        if key in self._known:
            return key
        pair = (key.endpoint, key.shadow)
        if self._per_pair[pair] >= MAX_PLACES or len(self._known) >= MAX_PLACES_IN_ALL:
            return key._replace(path=OTHER_PATH)
        self._known.add(key)
        self._per_pair[pair] += 1
        return key


class PairTally:
    """What came of an endpoint's requests to one shadow: how many by outcome, latencies, places."""

    __slots__ = ("latency", "outcomes", "pair", "places")

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.outcomes: dict[str, int] = {}
        self.latency = Paired()
        self.places: dict[tuple[str, str, str], Place] = {}

    def outcome(self, name: str, times: int = 1) -> None:
        """Count how a pair of answers came out."""
        self.outcomes[name] = self.outcomes.get(name, 0) + times

    def differences(self, judged: list[Judged], asked: bool, at: float, limits: Limits) -> list[tuple[Place, Judged]]:
        """Count one request's differences; answers the places they fall into, with the first difference of each.

        `asked` says that the request was asked again and the old stack answered, `at` when it was made (unix seconds).
        """
        firsts: list[tuple[Place, Judged]] = []
        seen: set[int] = set()
        for verdict in judged:
            found = verdict.difference
            key = (general(found.path), found.kind, verdict.name)
            place = self.places.get(key)
            if place is None:
                place = self._begin(key, found, at, limits)
            place.places += 1
            if id(place) in seen:
                continue
            seen.add(id(place))
            firsts.append((place, verdict))
            place.requests += 1
            place.asked += asked
            if at > place.last_at:
                place.last_at = at
            elif at < place.first_at:
                place.first_at = at
        return firsts

    def _begin(self, key: tuple[str, str, str], found: Difference, at: float, limits: Limits) -> Place:
        bounded = limits.bounded(PlaceKey(*self.pair, *key))
        place = self.places.get(bounded[2:])
        if place is None:
            place = Place(bounded, at, excerpt(found.old), excerpt(found.new))
            self.places[bounded[2:]] = place
        if len(self.places) < MAX_PLACES * 2:
            self.places[key] = place  # the next one like it is found at once
        return place


class Tally:
    """The counts since the last commit; `last_at` is when the last request of them was made (unix seconds)."""

    def __init__(self) -> None:
        self.totals: Counter[str] = Counter()
        self.last_at = 0.0
        self.pairs: dict[tuple[str, str], PairTally] = {}

    def pair(self, endpoint: str, shadow: str) -> PairTally:
        """The counts of a pair, to add to."""
        found = self.pairs.get((endpoint, shadow))
        if found is None:
            found = self.pairs[endpoint, shadow] = PairTally(Pair(endpoint, shadow))
        return found

    def places(self) -> list[Place]:
        """Every place that was counted, once."""
        return list({id(p): p for pair in self.pairs.values() for p in pair.places.values()}.values())
