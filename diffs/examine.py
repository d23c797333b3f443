"""One record of a recording, and what it adds to the tally: compared, classified, counted, sampled. Does no I/O.

The totals count exchanges, each once: `judged` is the sum of `equal` (summaries, which workers found equal),
`equal_after_lifting`, `noise`, `settled`, `failed`, `different` and `unjudged`. With several shadows the gravest
outcome counts. Per endpoint and shadow every pair of answers is counted.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
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
_Pair = tuple[str, list[Judged], Outcome, bool]  # the shadow, the differences, and whether asking again told anything


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


def _skip(exchange: Exchange) -> None:
    """Say so, from where it was raised: one answer that breaks a parser must not end the judging of all others."""
    log.exception("an exchange can't be judged and is skipped", extra={"request_id": excerpt(exchange.id)})


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

    def records(self, records: Iterable[Record]) -> int:
        """Count records; answers how many exchanges they held. Never raises for what an exchange contains.

        All exchanges are judged before any is counted: what raises has then counted nothing, and the code for the one
        is not driven out of a core's cache by that for the other (5 us of the 60 that a pair of 1 KB takes).
        """
        exchanges: list[Exchange] = []
        equal = 0
        for record in records:
            if isinstance(record, Exchange):
                exchanges.append(record)
            elif isinstance(record, Equals):
                equal += len(record.summaries)
                self._summaries(record.summaries)
            elif isinstance(record, Missed):
                self._missed(record)
        judged = [self._judged(exchange) for exchange in exchanges]
        totals = self.tally.totals
        totals.update(map(self._counted, exchanges, judged))
        totals["judged"] += len(exchanges)
        self.tally.last_at = max([self.tally.last_at, *(exchange.at for exchange in exchanges)])
        return len(exchanges) + equal

    def _missed(self, missed: Missed) -> None:
        self.tally.totals["unrecorded"] += missed.unrecorded
        self.tally.totals.update({f"{SHED}{shadow}": count for shadow, count in missed.shed.items()})

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
        if summaries:
            self.tally.last_at = max(self.tally.last_at, summaries[-1].at)

    def _judged(self, exchange: Exchange) -> list[_Pair] | None:
        """What became of an exchange's pairs; None where that can't be told."""
        try:
            return [self._pair(exchange, shadow) for shadow in exchange.answers if shadow != exchange.primary]
        except Exception:
            _skip(exchange)
            return None

    def _pair(self, exchange: Exchange, shadow: str) -> _Pair:
        old, new = exchange.answers[exchange.primary], exchange.answers[shadow]
        found = compare(old, new, self._rules)
        second = self._again(exchange, shadow, found) if exchange.again else None
        return shadow, *verdicts(found, second), second is not None

    def _counted(self, exchange: Exchange, pairs: list[_Pair] | None) -> str:
        """Count an exchange's pairs; answers what it counts as."""
        try:
            return "unjudged" if pairs is None else self._gravest(exchange, pairs)
        except Exception:
            _skip(exchange)
            return "unjudged"

    def _gravest(self, exchange: Exchange, pairs: list[_Pair]) -> Outcome:
        answers = exchange.answers
        old = answers[exchange.primary]
        endpoint = self._endpoints.of(exchange.request.method, exchange.request.target)
        gravest = 0
        places: list[tuple[Place, Judged]] = []
        for shadow, found, outcome, asked in pairs:
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
