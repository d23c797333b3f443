"""What users wait, at a rate that does not depend on the answers."""

from __future__ import annotations

import socket
import sys

import load
from load import Outcome
from measure import in_turns
from processes import wait_for
from results import Row, Spread, difference, median, of, ratio
from stage import Stage
from subject import Understudy

PER_SECOND = 2_000
FIXED = f"{PER_SECOND:,} a second"
FIXED_HUNG = f"{FIXED}, shadow hung or not"
HUNG = "understudy, hung"
HUNG_CLOSED = "understudy, hung, no breaker"


def latency(stage: Stage) -> list[Row]:
    """The tail above nginx's plain proxy. The backend asked directly shows the generator's own share."""
    peers = stage.peers
    subjects = (peers.backend, peers.nginx_plain, peers.envoy, stage.equal(), stage.different())
    in_turns(stage, FIXED, subjects, _at_fixed_rate, stage.effort.rounds)
    return [
        _above(stage, "p99 above nginx's plain proxy, answers equal", "understudy, equal", at_most=1.0),
        _above(stage, "p99 above nginx's plain proxy, every answer different", "understudy, different"),
        _above(stage, "p99 above nginx's plain proxy, Envoy's mirror", peers.envoy.name),
        _told(stage, "p99 of the backend asked directly: generator and kernel", peers.backend.name),
    ]


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


def _above(stage: Stage, what: str, name: str, at_most: float | None = None) -> Row:
    plain = of(stage.samples, FIXED, stage.peers.nginx_plain.name)
    return _milliseconds(what, difference(of(stage.samples, FIXED, name), plain, "p99_us"), at_most)


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
