"""What is counted, between two commits: per endpoint, per place and class of difference, latencies. Pure.

Differences are counted by request: `requests` in which a place differed in a way, and `places`, how many such places
those requests had. Everything here is bounded: endpoints by `endpoint.Endpoints`, places by `Limits`.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from understudy.diffs.classify import Judged
from understudy.diffs.difference import excerpt, general
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

    __slots__ = ("asked", "first_at", "last_at", "new", "old", "places", "requests")

    def __init__(self, at: float, old: str, new: str) -> None:
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
    """What came of an endpoint's requests to one shadow: how many by outcome, and the latencies."""

    __slots__ = ("latency", "outcomes")

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.latency = Paired()


class Tally:
    """The counts since the last commit."""

    def __init__(self) -> None:
        self.totals: Counter[str] = Counter()
        self.pairs: dict[Pair, PairTally] = {}
        self.places: dict[PlaceKey, Place] = {}

    def pair(self, pair: Pair) -> PairTally:
        """The counts of a pair, to add to."""
        found = self.pairs.get(pair)
        if found is None:
            found = self.pairs[pair] = PairTally()
        return found

    def differences(
        self, pair: Pair, judged: list[Judged], asked: bool, at: float, limits: Limits
    ) -> dict[PlaceKey, Judged]:
        """Count one request's differences; answers the places they fall into, with the first difference of each.

        `asked` says that the request was asked again, `at` when it was made (unix seconds).
        """
        firsts: dict[PlaceKey, Judged] = {}
        for verdict in judged:
            found = verdict.difference
            key = limits.bounded(PlaceKey(pair.endpoint, pair.shadow, general(found.path), found.kind, verdict.name))
            place = self.places.get(key)
            if place is None:
                place = self.places[key] = Place(at, excerpt(found.old), excerpt(found.new))
            place.places += 1
            if key not in firsts:
                firsts[key] = verdict
                place.requests += 1
                place.asked += asked
                place.last_at = max(place.last_at, at)
                place.first_at = min(place.first_at, at)
        return firsts
