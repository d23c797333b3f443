"""What is told of a server after several looks at it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from understudy.migrate.rows import Coordinates
from understudy.migrate.watch.channels import Channel
from understudy.migrate.watch.concerns import Bounds, Level, concerns, worst
from understudy.migrate.watch.look import End, Sighting

FINE = Channel(
    "old:3306", receiver="Yes", applying=True, lag_s=0.0, read=Coordinates("b.1", 100), done=Coordinates("b.1", 100)
)
BEHIND = replace(FINE, done=Coordinates("b.1", 50), lag_s=5.0)
END, FAR = End(Coordinates("b.1", 100)), End(Coordinates("b.1", 900))


def looks(*channels: Channel, every_s: float = 20.0, **more: Any) -> list[Sighting]:
    return [
        Sighting("new:3306", at * every_s, channels=(channel,), **(more if at == len(channels) - 1 else {}))
        for at, channel in enumerate(channels)
    ]


def kinds(seen: list[Sighting], *ends: End) -> dict[str, Level]:
    found = concerns(seen, ends or (END,) * len(seen), Bounds())
    return {concern.kind: concern.level for concern in found}


def lagging(*seconds: float) -> list[Channel]:
    return [replace(FINE, lag_s=lag, done=Coordinates("b.1", at)) for at, lag in enumerate(seconds)]


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (looks(FINE, FINE), {}),
        (looks(replace(FINE, applying=False)), {"stopped": Level.BROKEN}),
        (looks(replace(FINE, receiver="No")), {"stopped": Level.BROKEN}),
        (looks(replace(FINE, receiver="Connecting", lag_s=None)), {"connecting": Level.SLOW}),
        (looks(replace(FINE, lag_s=None)), {"lag-unknown": Level.SLOW}),
        (looks(*lagging(100.0)), {"lagging": Level.SLOW}),
        (looks(replace(FINE, lag_s=3600.0, delay_s=3600)), {}),
        (looks(*lagging(1.0, 2.0, 3.0, 4.0)), {"lag-grows": Level.SLOW}),
        (looks(*lagging(1.0, 2.0, 2.0, 4.0)), {}),
        (looks(*lagging(9.0, 5.0, 3.0, 1.0)), {}),
        (looks(BEHIND, BEHIND, BEHIND), {"applier-stalled": Level.SLOW}),
        (looks(BEHIND, BEHIND), {}),
        (looks(FINE, own_events=3), {"written-to": Level.SLOW}),
        (looks(FINE, writable=True), {"writable": Level.FINE}),
        (looks(replace(FINE, relay_bytes=200), relay_limit_bytes=100), {"relay-space": Level.SLOW}),
        (looks(replace(FINE, receiver_state="Waiting for disk space")), {"disk": Level.BROKEN}),
        ([Sighting("new:3306", 0.0, full="its disk is full")], {"disk": Level.BROKEN}),
        ([Sighting("new:3306", 0.0)], {"alone": Level.SLOW}),
        ([Sighting("new:3306", 0.0, unreachable="refused")], {"unreachable": Level.SLOW}),
    ],
)
def test_a_server_is_judged_by_its_course(seen: list[Sighting], told: dict[str, Level]) -> None:
    assert kinds(seen) == told


def test_a_receiver_that_stands_while_its_source_goes_on_is_told_and_one_that_has_all_is_not() -> None:
    seen = looks(FINE, FINE, FINE)
    assert kinds(seen, FAR, FAR, FAR) == {"receiver-stalled": Level.SLOW}
    assert kinds(seen, END, END, FAR) == {}
    assert kinds(looks(*[FINE] * 4), END, FAR, FAR, FAR) == {"receiver-stalled": Level.SLOW}, "it had all, until then"
    assert kinds(seen, END, END, END) == {}
    assert kinds(seen, *(End(),) * 3) == {}, "nobody knows how far the source is"


def test_a_source_that_is_not_seen_is_told_and_its_replica_is_not_said_to_have_all() -> None:
    unseen = End(unseen="no answer in time")
    assert kinds(looks(FINE, FINE), END, unseen) == {"source-unseen": Level.SLOW}
    assert kinds(looks(FINE, FINE), unseen, END) == {}
    connecting = replace(FINE, receiver="Connecting", lag_s=None)
    assert kinds(looks(connecting), unseen) == {"connecting": Level.SLOW}, "which says as much"
    (concern,) = concerns(looks(FINE, net_timeout_s=60), (unseen,), Bounds())
    assert "after 60 s without a word" in concern.text


def test_where_an_applier_stands_is_said() -> None:
    seen = looks(BEHIND, BEHIND, BEHIND, applying={"": "b.t, which has no primary key"})
    (concern,) = concerns(seen, (END,) * 3, Bounds())
    assert "40 s at b.t, which has no primary key" in concern.text


def test_the_worst_counts() -> None:
    found = concerns(looks(replace(FINE, applying=False)), (END,), Bounds())
    assert worst(found) is Level.BROKEN
    assert worst([]) is Level.FINE
