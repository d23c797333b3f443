"""What users wait, at a rate that does not depend on the answers."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence

import load
from load import Outcome
from measure import in_turns
from msgspec import structs
from processes import wait_for
from results import Row, Sample, Spread, difference, median, of, ratio
from stage import Stage
from subject import Understudy

PER_SECOND = 2_000
FIXED = f"{PER_SECOND:,} a second"
FIXED_HUNG = f"{FIXED}, shadow hung or not"
HUNG = "understudy, hung"
HUNG_CLOSED = "understudy, hung, no breaker"
ENOUGH = 1_000  # requests of calm moments in a round, since a p99 rests on a hundredth of them
MORE = 6  # times the rounds asked for, until so many were calm


def latency(stage: Stage) -> list[Row]:
    """The tail above nginx's plain proxy. The backend asked directly shows the generator's own share."""
    peers, equal = stage.peers, stage.equal()
    subjects = (peers.backend, peers.nginx_plain, equal, stage.different(), peers.envoy)
    in_turns(stage, FIXED, subjects, _at_fixed_rate, stage.effort.rounds)
    _until_calm(stage, equal)
    kinds = (
        ("answers equal", "understudy, equal", 1.0),
        ("every answer different", "understudy, different", None),
        ("Envoy's mirror", peers.envoy.name, None),
    )
    return [
        *(_calmly_above(stage, f"p99 above nginx's plain proxy, {kind}", name, most) for kind, name, most in kinds),
        *(_above(stage, f"the same with what the host held up, {kind}", name) for kind, name, _ in kinds),
        _told(stage, "p99 of the backend asked directly: generator, kernel, host", peers.backend.name),
    ]


def _until_calm(stage: Stage, equal: Understudy) -> None:
    """More rounds of the two that matter most, where the host held up too much in those that were asked for."""
    plain, rounds = stage.peers.nginx_plain, stage.effort.rounds
    for number in range(MORE * rounds):
        if not _watched(stage) or len(_calm_rounds(stage, equal.subject.name)) >= rounds:
            return
        in_turns(stage, FIXED, (plain, equal) if number % 2 else (equal, plain), _at_fixed_rate, 1)


def hung(stage: Stage) -> list[Row]:
    """What users notice of a shadow that takes connections and never answers."""
    port = stage.ports.take()
    stage.processes.start(f"hung-{port}", [sys.executable, load.HERE / "backends.py", "hung", str(port)])
    wait_for(lambda: _accepts(port), "the hung stack accepts", 10)
    never = {"mirror": {"breaker_failures": 1_000_000}, "timeouts": {"shadow": 1_000}}
    hung = stage.understudy(HUNG, port)
    closed = stage.understudy(HUNG_CLOSED, port, never)
    # as plain subjects, not waited for between rounds: their shadows' timeouts are part of what is measured
    in_turns(stage, FIXED_HUNG, (stage.equal(), hung.subject, closed.subject), _at_fixed_rate, 2 * stage.effort.rounds)
    rows = [
        _over_healthy(stage, "users' p99, shadow hung over shadow healthy", HUNG, hung, at_most=1.1),
        _over_healthy(stage, "the same, breaker never opens, 1 s timeout", HUNG_CLOSED, closed),
    ]
    for understudy in (hung, closed):
        stage.dismiss(understudy)
    return rows


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _at_fixed_rate(port: int, seconds: float) -> Outcome:
    return load.open_loop(port, PER_SECOND, seconds)


def _watched(stage: Stage) -> bool:
    return all(sample.calm for sample in stage.samples if sample.load == FIXED)


def _rounds(stage: Stage, name: str) -> list[tuple[Sample, Sample]]:
    """A subject's samples, each with nginx's of the same round."""
    plain = of(stage.samples, FIXED, stage.peers.nginx_plain.name)
    return list(zip(of(stage.samples, FIXED, name), plain, strict=False))  # only some are in the rounds added


def _calm_rounds(stage: Stage, name: str) -> list[tuple[Sample, Sample]]:
    """Those in which the host left enough of both."""
    return [pair for pair in _rounds(stage, name) if all(s.calm and s.calm.requests >= ENOUGH for s in pair)]


def _calmly_above(stage: Stage, what: str, name: str, at_most: float | None) -> Row:
    """Of the requests that were due while the host let us have all cores, where that could be watched."""
    row = _above(stage, what, name, at_most)
    if not _watched(stage):
        return structs.replace(row, note="with what the host held up: only root can watch for that")
    calm, rounds = _calm_rounds(stage, name), _rounds(stage, name)
    if 2 * len(calm) < stage.effort.rounds:
        note = f"with what the host held up: calm enough in {len(calm)} of {len(rounds)} rounds; try again"
        return structs.replace(row, note=note, failed=at_most is not None)
    apart = difference([mine for mine, _ in calm], [plain for _, plain in calm], "calm_p99_us")
    note = f"{len(calm)} of {len(rounds)} rounds were calm enough; {_left_out(calm)}"
    return structs.replace(_milliseconds(what, apart, at_most), note=note)


def _left_out(calm: Sequence[tuple[Sample, Sample]]) -> str:
    """How much of them was left out, and whether what the watchers saw is what the host says."""
    told = []
    for who, samples in (("ours", [mine for mine, _ in calm]), ("nginx's", [plain for _, plain in calm])):
        seen = [sample.calm for sample in samples if sample.calm]
        left = sum(c.requests for c in seen) / sum(sample.requests for sample in samples)
        held, stolen = (sum(getattr(c, field) for c in seen) / 1e3 for field in ("stalled_ms", "stolen_ms"))
        told.append(f"{left:.0%} of {who} due in calm moments (cores stood still {held:.2f} s; stolen {stolen:.2f} s)")
    return ", ".join(told)


def _above(stage: Stage, what: str, name: str, at_most: float | None = None) -> Row:
    rounds = _rounds(stage, name)
    apart = difference([mine for mine, _ in rounds], [plain for _, plain in rounds], "p99_us")
    return _milliseconds(what, apart, at_most)


def _told(stage: Stage, what: str, name: str) -> Row:
    return _milliseconds(what, median(of(stage.samples, FIXED, name), "p99_us"))


def _milliseconds(what: str, us: Spread, at_most: float | None = None) -> Row:
    return Row(what, us.value / 1e3, "ms", None, at_most, us.low / 1e3, us.high / 1e3)


def _over_healthy(stage: Stage, what: str, name: str, hung: Understudy, at_most: float | None = None) -> Row:
    healthy = of(stage.samples, FIXED_HUNG, "understudy, equal")
    mine = of(stage.samples, FIXED_HUNG, name)
    spread = ratio(mine, healthy, "p99_us")
    errors = [s.errors for s in mine if s.errors]
    note = f"users' errors: {errors}" if errors else f"no user had an error; {hung.settle(patience_s=20)}"
    return Row(what, spread.value, "x", None, at_most, spread.low, spread.high, note, bool(errors))
