"""What users wait, at a rate that does not depend on the answers."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence

import load
from beside import Beside
from load import Outcome
from measure import Participant, in_turns
from msgspec import structs
from processes import wait_for
from results import Row, Spread, difference, median, of, ratio
from stage import Stage
from subject import Understudy

PER_SECOND = 2_000
FIXED = f"{PER_SECOND:,} a second"
FIXED_HUNG = f"{FIXED}, shadow hung or not"
HUNG = "understudy, hung"
HUNG_CLOSED = "understudy, hung, no breaker"
MORE = 6  # times the rounds asked for, until so many were calm


def latency(stage: Stage) -> list[Row]:
    """The tail above nginx's plain proxy. The backend asked directly shows the generator's own share."""
    peers, equal = stage.peers, stage.equal()
    subjects = (peers.backend, peers.nginx_plain, equal, stage.different(), peers.envoy)
    in_turns(stage, FIXED, subjects, _at_fixed_rate, stage.effort.rounds)
    kinds = {
        "answers equal": Beside(FIXED, "understudy, equal", peers.nginx_plain.name),
        "every answer different": Beside(FIXED, "understudy, different", peers.nginx_plain.name),
        "Envoy's mirror": Beside(FIXED, peers.envoy.name, peers.nginx_plain.name),
    }
    targets = {"answers equal": 1.0}
    _until_calm(stage, kinds["answers equal"], (equal, peers.nginx_plain))
    return [
        *(_above(stage, f"p99 above nginx's plain proxy, {kind}", kinds[kind], targets.get(kind)) for kind in kinds),
        *(_raw(stage, f"the same with what the host held up, {kind}", kinds[kind]) for kind in kinds),
        _told(stage, "p99 of the backend asked directly: generator, kernel, host", peers.backend.name),
    ]


def _until_calm(stage: Stage, beside: Beside, both: Sequence[Participant]) -> None:
    """More rounds of the two that matter most, where the host held up too much in those that were asked for."""
    for number in range(MORE * stage.effort.rounds):
        if not beside.lacks(stage.samples, stage.effort.rounds):
            return
        in_turns(stage, beside.load, both if number % 2 else both[::-1], _at_fixed_rate, 1)


def hung(stage: Stage) -> list[Row]:
    """What users notice of a shadow that takes connections and never answers."""
    port = stage.ports.take()
    stage.processes.start(f"hung-{port}", [sys.executable, load.HERE / "backends.py", "hung", str(port)])
    wait_for(lambda: _accepts(port), "the hung stack accepts", 10)
    never = {"mirror": {"breaker_failures": 1_000_000}, "timeouts": {"shadow": 1_000}}
    healthy, hung, closed = stage.equal(), stage.understudy(HUNG, port), stage.understudy(HUNG_CLOSED, port, never)
    # as plain subjects, not waited for between rounds: their shadows' timeouts are part of what is measured
    in_turns(stage, FIXED_HUNG, (healthy, hung.subject, closed.subject), _at_fixed_rate, 2 * stage.effort.rounds)
    _until_calm(stage, Beside(FIXED_HUNG, HUNG, healthy.subject.name), (healthy, hung.subject))
    rows = [
        _over_healthy(stage, "users' p99, shadow hung over shadow healthy", hung, at_most=1.1),
        _over_healthy(stage, "the same, breaker never opens, 1 s timeout", closed),
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


def _above(stage: Stage, what: str, beside: Beside, at_most: float | None) -> Row:
    told = beside.told(stage.samples, difference, stage.effort.rounds)
    failed = at_most is not None and not told.enough
    return structs.replace(_milliseconds(what, told.spread, at_most), note=told.note, failed=failed)


def _raw(stage: Stage, what: str, beside: Beside) -> Row:
    return _milliseconds(what, beside.raw(stage.samples, difference))


def _told(stage: Stage, what: str, name: str) -> Row:
    return _milliseconds(what, median(of(stage.samples, FIXED, name), "p99_us"))


def _milliseconds(what: str, us: Spread, at_most: float | None = None) -> Row:
    return Row(what, us.value / 1e3, "ms", None, at_most, us.low / 1e3, us.high / 1e3)


def _over_healthy(stage: Stage, what: str, hung: Understudy, at_most: float | None = None) -> Row:
    name = hung.subject.name
    told = Beside(FIXED_HUNG, name, "understudy, equal").told(stage.samples, ratio, stage.effort.rounds)
    errors = [s.errors for s in of(stage.samples, FIXED_HUNG, name) if s.errors]
    became = f"users' errors: {errors}" if errors else f"no user had an error; {hung.settle(patience_s=20)}"
    failed = bool(errors) or (at_most is not None and not told.enough)
    spread = told.spread
    return Row(what, spread.value, "x", None, at_most, spread.low, spread.high, f"{told.note}; {became}", failed)
