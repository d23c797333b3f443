"""One record of a recording, and what it adds to the tally: compared, classified, counted, sampled. Does no I/O.

The totals count exchanges, each once: `judged` is the sum of `equal` (summaries, which workers found equal),
`equal_after_lifting`, `noise`, `settled`, `failed`, `different` and `unjudged`. With several shadows the gravest
outcome counts. Per endpoint and shadow every pair of answers is counted.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Any, Final

import msgspec

from understudy.config import Compare
from understudy.diffs.classify import GRAVITY, Again, Judged, Outcome, again, verdicts
from understudy.diffs.compare import Rules, compare
from understudy.diffs.difference import excerpt
from understudy.diffs.endpoint import Endpoints
from understudy.diffs.store import Known, Sample
from understudy.diffs.tally import Limits, Pair, PlaceKey, Tally
from understudy.exchange import Equals, Exchange, Record, Reply, Summary

log = logging.getLogger(__name__)

MAX_SAMPLE_BYTES: Final = 512 << 20  # of all samples together, before compression
MAX_EVENTS: Final = 20  # of one exchange: what is shipped is bounded, what is counted is not
_ID_LETTERS: Final = "23456789abcdefghjkmnpqrstuvwxyz"  # none that is mistaken for another

_encode = msgspec.msgpack.Encoder().encode

Event = dict[str, Any]


def sample_id(exchange_id: str) -> str:
    """Six letters and digits that stand for an exchange: the same whenever it is judged again."""
    number = int.from_bytes(hashlib.blake2b(exchange_id.encode("utf-8", "replace"), digest_size=8).digest())
    letters = ""
    for _ in range(6):
        number, place = divmod(number, len(_ID_LETTERS))
        letters += _ID_LETTERS[place]
    return letters


class Examiner:
    """Adds records to a tally under rules that may be exchanged at any time.

    `known` is what a store holds already. `ships` says whether events for a log are wanted.
    """

    def __init__(self, rules: Compare, known: Known, ships: bool = False) -> None:
        self._limits = Limits(known.places)
        self._kept = dict(known.samples)
        self._sample_bytes = known.sample_bytes
        self._endpoints = Endpoints(rules.endpoints, known.endpoints)
        self._ships = ships
        self.reset()
        self.use(rules)

    def use(self, rules: Compare) -> None:
        """Judge by these settings from now on."""
        self._rules = Rules(rules)
        self._samples_wanted = rules.samples
        self._endpoints = Endpoints(rules.endpoints, self._endpoints.names)

    def reset(self) -> None:
        """Begin a new tally: the last one is stored."""
        self.tally = Tally()
        self.samples: list[Sample] = []
        self.events: list[Event] = []

    def record(self, record: Record) -> int:
        """Count one record; answers how many exchanges it held. Never raises for what an exchange contains."""
        if isinstance(record, Equals):
            self._summaries(record.summaries)
            return len(record.summaries)
        try:
            outcome: str = self._exchange(record)
        except Exception:
            # One answer that breaks a parser must not end the judging of all others.
            log.exception("an exchange can't be judged and is skipped", extra={"request_id": excerpt(record.id)})
            outcome = "unjudged"
        self.tally.totals["judged"] += 1
        self.tally.totals[outcome] += 1
        return 1

    def _summaries(self, summaries: list[Summary]) -> None:
        name_of, pair_of = self._endpoints.of, self.tally.pair
        for summary in summaries:
            stacks = iter(summary.elapsed_ms.items())
            _, old_ms = next(stacks, ("", 0.0))
            endpoint = name_of(summary.method, summary.target)
            for shadow, new_ms in stacks:
                pair = pair_of(Pair(endpoint, shadow))
                pair.outcomes["equal"] += 1
                pair.latency.add(old_ms, new_ms)
        self.tally.totals["judged"] += len(summaries)
        self.tally.totals["equal"] += len(summaries)

    def _exchange(self, exchange: Exchange) -> Outcome:
        """Judge every pair first, count afterwards: what raises has then counted nothing."""
        endpoint = self._endpoints.of(exchange.request.method, exchange.request.target)
        judged = [
            (Pair(endpoint, shadow), *self._pair(exchange, shadow))
            for shadow in exchange.answers
            if shadow != exchange.primary
        ]
        gravest = 0
        places: list[tuple[PlaceKey, Judged]] = []
        for pair, found, outcome in judged:
            gravest = max(gravest, GRAVITY.index(outcome))
            self._count(exchange, pair, outcome)
            if found:
                asked = bool(exchange.again)
                places += self.tally.differences(pair, found, asked, exchange.at, self._limits).items()
        if places:
            sample = self._sample(exchange, places)
            if self._ships:
                self._event(exchange, places, sample)
        return GRAVITY[gravest]

    def _pair(self, exchange: Exchange, shadow: str) -> tuple[list[Judged], Outcome]:
        old, new = exchange.answers[exchange.primary], exchange.answers[shadow]
        return verdicts(compare(old, new, self._rules), self._again(exchange, shadow) if exchange.again else None)

    def _again(self, exchange: Exchange, shadow: str) -> Again | None:
        first = exchange.answers[exchange.primary]
        old, new = exchange.again.get(exchange.primary), exchange.again.get(shadow)
        if not isinstance(old, Reply) or new is None:
            return None  # a primary that gave no second answer tells nothing
        return again(compare(first, old, self._rules), compare(old, new, self._rules))

    def _count(self, exchange: Exchange, pair: Pair, outcome: Outcome) -> None:
        counts = self.tally.pair(pair)
        counts.outcomes[outcome] += 1
        old, new = exchange.answers[exchange.primary], exchange.answers[pair.shadow]
        if isinstance(old, Reply) and isinstance(new, Reply):
            counts.latency.add(old.elapsed_ms, new.elapsed_ms)

    def _sample(self, exchange: Exchange, places: list[tuple[PlaceKey, Judged]]) -> str:
        """Keep the exchange where a place still wants examples; answers its ID, or nothing."""
        kept, wanted = self._kept, self._samples_wanted
        if all(kept.get(key, 0) >= wanted for key, _ in places) or self._sample_bytes >= MAX_SAMPLE_BYTES:
            return ""
        lacking = [(key, judged.difference.path) for key, judged in places if kept.get(key, 0) < wanted]
        for key, _ in lacking:
            kept[key] = kept.get(key, 0) + 1
        data = _encode(exchange)
        self._sample_bytes += len(data)
        sample = Sample(sample_id(exchange.id), exchange.id, exchange.at, places[0][0].endpoint, data, lacking)
        self.samples.append(sample)
        return sample.id

    def _event(self, exchange: Exchange, places: list[tuple[PlaceKey, Judged]], sample: str) -> None:
        for key, judged in places[:MAX_EVENTS]:
            difference = judged.difference
            self.events.append(
                {
                    "at": exchange.at,
                    "request_id": excerpt(exchange.id),
                    "sample": sample,
                    "method": exchange.request.method,
                    "target": excerpt(exchange.request.target, 1_000),
                    "endpoint": key.endpoint,
                    "shadow": key.shadow,
                    "path": excerpt(difference.path, 1_000),
                    "kind": key.kind,
                    "class": key.name,
                    "old": excerpt(difference.old),
                    "new": excerpt(difference.new),
                }
            )
