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
from understudy.diffs.classify import GRAVITY, OUTCOMES, Again, Judged, Outcome, again, verdicts
from understudy.diffs.compare import Rules, compare
from understudy.diffs.difference import Difference, excerpt
from understudy.diffs.endpoint import Endpoints
from understudy.diffs.store import SHED, Known, Sample
from understudy.diffs.tally import Limits, Place, Tally
from understudy.exchange import Equals, Exchange, Failure, Missed, Record, Reply, Summary

log = logging.getLogger(__name__)

MAX_SAMPLE_BYTES: Final = 512 << 20  # of all samples together, before compression
MAX_EVENTS: Final = 20  # of one exchange: what is shipped is bounded, what is counted is not
_ID_LETTERS: Final = "23456789abcdefghjkmnpqrstuvwxyz"  # none that is mistaken for another

_encode = msgspec.msgpack.Encoder().encode

Event = dict[str, Any]


def sample_id(exchange: Exchange) -> str:
    """Six letters and digits that stand for an exchange: the same whenever it is judged again.

    The X-Request-Id alone does not: a mesh gives one to all requests of a trace, and a client to each of its tries.
    """
    what = repr((exchange.id, exchange.at, exchange.request.method, exchange.request.target))
    number = int.from_bytes(hashlib.blake2b(what.encode(), digest_size=8).digest())
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
            if record.summaries:
                self.tally.last_at = max(self.tally.last_at, record.summaries[-1].at)
            return len(record.summaries)
        if isinstance(record, Missed):
            self.tally.totals["unrecorded"] += record.unrecorded
            self.tally.totals.update({f"{SHED}{shadow}": count for shadow, count in record.shed.items()})
            return 0
        try:
            outcome: str = self._exchange(record)
        except Exception:
            # One answer that breaks a parser must not end the judging of all others.
            log.exception("an exchange can't be judged and is skipped", extra={"request_id": excerpt(record.id)})
            outcome = "unjudged"
        self.tally.totals["judged"] += 1
        self.tally.totals[outcome] += 1
        self.tally.last_at = max(self.tally.last_at, record.at)
        return 1

    def _summaries(self, summaries: list[Summary]) -> None:
        name_of, pair_of = self._endpoints.of, self.tally.pair
        for summary in summaries:
            stacks = iter(summary.elapsed_ms.items())
            _, old_ms = next(stacks, ("", 0.0))
            for shadow, new_ms in stacks:
                pair = pair_of(name_of(summary.method, summary.target), shadow)
                pair.outcome("equal")
                pair.latency.add(old_ms, new_ms)
        self.tally.totals["judged"] += len(summaries)
        self.tally.totals["equal"] += len(summaries)

    def _exchange(self, exchange: Exchange) -> Outcome:
        """Judge every pair first, count afterwards: what raises has then counted nothing."""
        answers, primary = exchange.answers, exchange.primary
        old = answers[primary]
        judged = [(shadow, *self._pair(exchange, shadow)) for shadow in answers if shadow != primary]
        endpoint = self._endpoints.of(exchange.request.method, exchange.request.target)
        gravest = 0
        places: list[tuple[Place, Judged]] = []
        for shadow, found, outcome, asked in judged:
            gravest = max(gravest, GRAVITY[outcome])
            pair = self.tally.pair(endpoint, shadow)
            pair.outcome(outcome)
            new = answers[shadow]
            if isinstance(old, Reply) and isinstance(new, Reply):
                pair.latency.add(old.elapsed_ms, new.elapsed_ms)
            if found:
                places += pair.differences(found, asked, exchange.at, self._limits)
        if places:
            sample = self._sample(exchange, places)
            if self._ships:
                self._event(exchange, places, sample)
        return OUTCOMES[gravest]

    def _pair(self, exchange: Exchange, shadow: str) -> tuple[list[Judged], Outcome, bool]:
        """A pair's differences and their outcome, and whether asking again told anything."""
        old, new = exchange.answers[exchange.primary], exchange.answers[shadow]
        found = compare(old, new, self._rules)
        second = self._again(exchange, shadow, found) if exchange.again else None
        return *verdicts(found, second), second is not None

    def _again(self, exchange: Exchange, shadow: str, found: list[Difference]) -> Again | None:
        first = exchange.answers[exchange.primary]
        old, new = exchange.again.get(exchange.primary), exchange.again.get(shadow)
        if not isinstance(old, Reply) or new is None:
            return None  # a primary that gave no second answer tells nothing
        # a shadow that gave none has agreed in nothing: what differed differs still
        still = found if isinstance(new, Failure) else compare(old, new, self._rules)
        return again(compare(first, old, self._rules), still)

    def _sample(self, exchange: Exchange, places: list[tuple[Place, Judged]]) -> str:
        """Keep the exchange where a place still wants examples; answers its ID, or nothing."""
        kept, wanted = self._kept, self._samples_wanted
        lacking = [(place.key, judged.difference.path) for place, judged in places if kept.get(place.key, 0) < wanted]
        if not lacking or self._sample_bytes >= MAX_SAMPLE_BYTES:
            return ""
        for key, _ in lacking:
            kept[key] = kept.get(key, 0) + 1
        data = _encode(exchange)
        self._sample_bytes += len(data)
        sample = Sample(sample_id(exchange), exchange.id, exchange.at, lacking[0][0].endpoint, data, lacking)
        self.samples.append(sample)
        return sample.id

    def _event(self, exchange: Exchange, places: list[tuple[Place, Judged]], sample: str) -> None:
        for place, judged in places[:MAX_EVENTS]:
            key, difference = place.key, judged.difference
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
