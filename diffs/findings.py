"""Reads what the judge found, while it runs or after: the facts that the report, the list and a sample's view show."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import zstandard
from msgspec import Struct

from understudy.diffs import slower
from understudy.diffs.sketch import Paired, Sketch
from understudy.diffs.statistics import latency_summary
from understudy.diffs.store import OUTCOMES, SHED, connect
from understudy.diffs.tally import OTHER_PATH
from understudy.errors import NoSampleError, StoreError
from understudy.exchange import Exchange, Missed

NOISY_SHARE: Final = 0.5  # of the requests asked again, the old stack differed from itself
Latencies = dict[str, dict[str, float | None]]
_DECODER = msgspec.msgpack.Decoder(Exchange)

# the gravest first; what isn't named here comes after these
GRAVEST: Final = ("new_error", "failure", "status", "type", "missing", "extra", "charset", "value", "text", "binary")
_FORGIVEN: Final = ("noise", "settled")


class EndpointRow(Struct):
    """An endpoint as one shadow answers it; latencies as `statistics.latency_summary` gives them."""

    endpoint: str
    shadow: str
    requests: int
    outcomes: dict[str, int]
    latency: dict[str, dict[str, float | None]]
    slower: bool


class PlaceRow(Struct):
    """A place in which answers differ; `samples` are IDs for `diffs show`.

    Of `requests`, `asked` were asked again. `likely_noise` says that in half of those or more the old stack differed
    from itself here, in this kind: that excuses what was not asked again, and nothing that was, and was confirmed.
    """

    endpoint: str
    shadow: str
    path: str
    kind: str
    name: str
    requests: int
    places: int
    asked: int
    first_at: float
    last_at: float
    old: str
    new: str
    samples: list[str]
    likely_noise: bool = False

    @property
    def blamed(self) -> int:
        """In how many requests the new stack is to blame: none of noise, or of what settled when asked again."""
        if self.name in _FORGIVEN:
            return 0
        return self.asked if self.likely_noise else self.requests

    @property
    def is_forgiven(self) -> bool:
        """Whether the new stack is to blame in none of the requests."""
        return not self.blamed


class KeptSample(Struct):
    """A kept exchange and the places that it shows: (path, kind, class, shadow)."""

    id: str
    at: float
    endpoint: str
    exchange: Exchange
    places: list[tuple[str, str, str, str]]


class Findings:
    """What is stored in a judge's database. Raises StoreError where there is none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = connect(path, read_only=True)

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    @contextmanager
    def at_one_moment(self) -> Iterator[None]:
        """What is read inside is of one moment, whatever the judge stores meanwhile."""
        self._rows("BEGIN")
        try:
            yield
        finally:
            self._rows("ROLLBACK")

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: can't be read: {error}") from error

    def totals(self) -> dict[str, int]:
        """The judge's totals: judged, and by outcome; torn and lost records."""
        counts = dict(self._rows("SELECT name, count FROM total"))
        lost = sum(counts.pop(name, 0) for name in ("lost_equal", "lost_different", "lost_unseen"))
        names = ("judged", *OUTCOMES, "unjudged", "torn")
        return {name: counts.get(name, 0) for name in names} | {"lost": lost}

    def missed(self) -> Missed:
        """What a shadow was not sent, by its name, and what could not be recorded."""
        counts = dict(self._rows("SELECT name, count FROM total"))
        shed = {name.removeprefix(SHED): count for name, count in counts.items() if name.startswith(SHED)}
        return Missed(shed, counts.get("unrecorded", 0))

    def last_at(self) -> float | None:
        """When the last request that was judged was made (unix seconds); None where that is not known."""
        known = self._rows("SELECT count FROM total WHERE name = 'last_at'") or self._rows(
            "SELECT max(last_at) FROM place"  # made before it was kept: of what differs at least
        )
        return float(known[0][0]) if known[0][0] is not None else None

    def latencies(self) -> dict[str, Latencies]:
        """Each shadow's latencies over all endpoints, as `statistics.latency_summary` gives them."""
        shadows: dict[str, Paired] = {}
        for shadow, *sketches in self._rows("SELECT shadow, old, new, delta, ratio FROM pair"):
            shadows.setdefault(shadow, Paired()).merge(_paired(sketches))
        return {shadow: latency_summary(paired) for shadow, paired in shadows.items()}

    def endpoints(self) -> list[EndpointRow]:
        """Every endpoint, those with the most differences first."""
        columns = f"endpoint, shadow, {', '.join(OUTCOMES)}, old, new, delta, ratio"
        found = [(row, _paired(row[-4:])) for row in self._rows(f"SELECT {columns} FROM pair")]
        telling = Counter(row[1] for row, paired in found if slower.can_tell(paired))
        rows = [_endpoint(row, paired, telling[row[1]]) for row, paired in found]
        return sorted(rows, key=lambda r: (-r.outcomes["different"] - r.outcomes["failed"], -r.requests, r.endpoint))

    def places(self, endpoint: str = "", kind: str = "", shadow: str = "") -> list[PlaceRow]:
        """The places in which answers differ, the gravest first; filtered by parts of a name where given."""
        samples: dict[int, list[str]] = {}
        for place, sample in self._rows("SELECT place, sample FROM sample_of ORDER BY place, sample"):
            samples.setdefault(place, []).append(sample)
        query = (
            "SELECT endpoint, shadow, path, kind, class, requests, places, asked, first_at, last_at, old, new, id"
            " FROM place"
        )
        rows = [_place(row, samples.get(row[-1], [])) for row in self._rows(query)]
        _mark_noise(rows)
        kept = [
            row
            for row in rows
            if endpoint.lower() in row.endpoint.lower()
            and (not kind or kind in (row.kind, row.name))
            and (not shadow or shadow == row.shadow)
        ]
        return sorted(kept, key=_gravity)

    def sample(self, name: str) -> KeptSample:
        """A kept exchange by its ID, the beginning of it, or its request's ID. Raises NoSampleError, StoreError."""
        found = self._rows(
            "SELECT id, at, endpoint, exchange, (id = ?1) * 2 + (exchange_id = ?1) AS grade FROM sample"
            " WHERE grade OR substr(id, 1, length(?1)) = ?1 ORDER BY grade DESC LIMIT 2",
            name.strip().lower() if len(name.strip()) <= 8 else name.strip(),
        )
        hint = "`understudy diffs list` shows the IDs"
        if not found or not name.strip():
            raise NoSampleError(f"no sample goes by {name!r}", hint)
        if len(found) > 1 and found[0][-1] == found[1][-1]:
            raise NoSampleError(f"several samples go by {name!r}", hint)
        sample, at, endpoint, data, _ = found[0]
        exchange = self._unpacked(sample, data)
        places = self._rows(
            "SELECT s.path, p.kind, p.class, p.shadow FROM sample_of s JOIN place p ON p.id = s.place"
            " WHERE s.sample = ? ORDER BY s.path",
            sample,
        )
        return KeptSample(sample, at, endpoint, exchange, [(a, b, c, d) for a, b, c, d in places])

    def _unpacked(self, sample: str, data: bytes) -> Exchange:
        try:
            return _DECODER.decode(zstandard.ZstdDecompressor().decompress(data))
        except (zstandard.ZstdError, msgspec.MsgspecError, MemoryError) as error:
            hint = "`understudy diffs judge` judges what is recorded again, into a new database"
            raise StoreError(f"{self._path}: the sample {sample} is spoilt: {error}", hint) from error


def _place(row: tuple[Any, ...], samples: list[str]) -> PlaceRow:
    endpoint, shadow, path, kind, name, requests, places, asked, first_at, last_at, old, new, _ = row
    return PlaceRow(
        endpoint, shadow, path, kind, name, requests, places, asked, first_at, last_at, old, new, samples
    )  # fmt: skip


def _endpoint(row: tuple[Any, ...], paired: Paired, endpoints: int) -> EndpointRow:
    outcomes = dict(zip(OUTCOMES, row[2 : 2 + len(OUTCOMES)], strict=True))
    is_slower = slower.is_slower(paired, endpoints)
    return EndpointRow(row[0], row[1], sum(outcomes.values()), outcomes, latency_summary(paired), is_slower)


def _paired(sketches: Sequence[bytes]) -> Paired:
    paired = Paired()
    paired.old, paired.new, paired.delta, paired.ratio = (Sketch.decode(data) for data in sketches)
    return paired


def _gravity(row: PlaceRow) -> tuple[bool, int, int, str, str]:
    grave = GRAVEST.index(row.name) if row.name in GRAVEST else len(GRAVEST)
    return row.is_forgiven, grave, -row.requests, row.endpoint, row.path


def _mark_noise(rows: list[PlaceRow]) -> None:
    """Mark the places that were found noisy, in the same kind of difference, where they were asked again.

    The one that stands for all places beyond the limit is none: noise in some of them says nothing of the others.
    """
    asked: Counter[tuple[str, ...]] = Counter()
    noisy: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        place = (row.endpoint, row.shadow, row.path, row.kind)
        asked[place] += row.asked
        if row.name == "noise":
            noisy[place] += row.requests
    for row in rows:
        place = (row.endpoint, row.shadow, row.path, row.kind)
        if row.name not in _FORGIVEN and row.path != OTHER_PATH:
            row.likely_noise = noisy[place] >= NOISY_SHARE * asked[place] > 0
