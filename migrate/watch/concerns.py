"""What is wrong with a server, or is becoming so: judged from several looks at it and its source's log. Pure.

Lag is judged by its course: it may be large after a night's load and be no concern while it falls. What stands still is
told by places in logs, which don't lie as Seconds_Behind does (it is 0 while the receiver is cut off).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum
from itertools import pairwise

from msgspec import Struct

from understudy.migrate.answering import FULL, ROOM
from understudy.migrate.watch.channels import Channel, order
from understudy.migrate.watch.look import End, Sighting

LOOKS = 4  # lag that has grown over so many looks in a row grows


class Level(IntEnum):
    """How bad it is; the command line's exit codes of `watch --once`."""

    FINE = 0
    SLOW = 3  # lagging, or not known
    BROKEN = 4


class Bounds(Struct, frozen=True):
    """From when on it is a concern."""

    lag_s: float = 60.0
    stalled_s: float = 30.0


class Concern(Struct, frozen=True):
    """Something that is wrong with a server. `kind` stays the same while it lasts, `text` may change."""

    server: str
    kind: str
    level: Level
    text: str
    channel: str = ""


def concerns(looks: Sequence[Sighting], source_ends: Sequence[End], bounds: Bounds) -> list[Concern]:
    """The concerns of one server; `looks` are the last ones, oldest first, and `source_ends` its source's log then."""
    now = looks[-1]
    if now.unreachable:
        return [Concern(now.server, "unreachable", Level.SLOW, f"not known: {now.unreachable}")]
    if now.full:
        return [Concern(now.server, "disk", Level.BROKEN, now.full)]
    found = list(_of_server(now))
    for channel in now.channels:
        found += _of_channel(channel, looks, source_ends, bounds)
    return found


def worst(found: Sequence[Concern]) -> Level:
    """The gravest level."""
    return max((concern.level for concern in found), default=Level.FINE)


def _of_server(now: Sighting) -> Iterator[Concern]:
    if not now.channels:
        yield Concern(now.server, "alone", Level.SLOW, "it follows nobody")
    if now.channels and now.own_events:
        text = f"something other than replication writes to it: {now.own_events} events in its log since the last look"
        yield Concern(now.server, "written-to", Level.SLOW, text)
    if now.channels and now.writable:
        yield Concern(now.server, "writable", Level.FINE, "read_only is off: nothing keeps others from writing to it")


def _of_channel(
    channel: Channel, looks: Sequence[Sighting], source_ends: Sequence[End], bounds: Bounds
) -> Iterator[Concern]:
    now = looks[-1]

    def concern(kind: str, level: Level, text: str) -> Concern:
        return Concern(now.server, kind, level, text, channel.name)

    for broken in now.broken:
        if broken.channel == channel.name:
            yield concern("broken", Level.BROKEN, f"{broken.thread} stopped: error {broken.number}, {broken.what}")
    if any(broken.channel == channel.name for broken in now.broken):
        return
    stopped = [
        name for name, runs in (("receiver", channel.receiver != "No"), ("applier", channel.applying)) if not runs
    ]
    if stopped:
        yield concern(
            "stopped", Level.BROKEN, f"{' and '.join(stopped)} stopped without an error: by hand, or at start"
        )
        return
    if "waiting for disk space" in _states(channel):
        yield concern("disk", Level.BROKEN, f"{FULL}; {ROOM}")
        return  # which is why all else stands still
    yield from (concern(kind, Level.SLOW, text) for kind, text in _waits(channel, now))
    yield from (concern(kind, Level.SLOW, text) for kind, text in _lags(channel, looks, bounds))
    yield from (concern(kind, Level.SLOW, text) for kind, text in _stalls(channel, looks, source_ends, bounds))


def _waits(channel: Channel, now: Sighting) -> Iterator[tuple[str, str]]:
    if "relay log space" in _states(channel) or 0 < now.relay_limit_bytes <= channel.relay_bytes:
        yield "relay-space", f"its relay logs have reached relay_log_space_limit ({now.relay_limit_bytes:,} bytes)"
    if channel.receiver == "Connecting":
        yield "connecting", "its receiver is trying to connect"


def _states(channel: Channel) -> str:
    return f"{channel.receiver_state} {channel.applier_state}".lower()


def _lags(channel: Channel, looks: Sequence[Sighting], bounds: Bounds) -> Iterator[tuple[str, str]]:
    if channel.lag_s is None:
        if channel.receiver == "Yes":
            yield "lag-unknown", "its lag is not known"
        return
    lag_s = max(channel.lag_s - channel.delay_s, 0.0)
    course = [one.lag_s for look in looks[-LOOKS:] for one in look.channels if one.name == channel.name]
    known = [value for value in course if value is not None]
    grows = len(known) == LOOKS and all(a < b for a, b in pairwise(known))
    if grows:
        yield "lag-grows", f"its lag grows: {known[0]:g} s, then {known[-1]:g} s"
    elif lag_s > bounds.lag_s:
        yield "lagging", f"it lags by {lag_s:g} s"


def _stalls(
    channel: Channel, looks: Sequence[Sighting], source_ends: Sequence[End], bounds: Bounds
) -> Iterator[tuple[str, str]]:
    now = looks[-1]
    reads = _behind_s(channel, looks, source_ends)
    if reads >= bounds.stalled_s:
        at = f"{channel.read.file}:{channel.read.position}"
        text = f"its receiver has stood at {at} for {reads:.0f} s, while the source's log went on"
        yield "receiver-stalled", f"{text}: {_reconnects(channel, now)}"
    if source_ends and source_ends[-1].unseen and channel.receiver == "Yes":
        text = f"{channel.source} is not seen ({source_ends[-1].unseen}): nobody knows whether something should come"
        yield "source-unseen", f"{text}; {_reconnects(channel, now)}"
    stands = _since(channel, looks)
    if not channel.is_idle and stands >= bounds.stalled_s:
        what = now.applying.get(channel.name, "")
        yield "applier-stalled", f"its applier has stood still for {stands:.0f} s" + (f" at {what}" if what else "")


def _reconnects(channel: Channel, now: Sighting) -> str:
    after = f" after {now.net_timeout_s} s without a word (replica_net_timeout)" if now.net_timeout_s else ""
    return (
        f"look at the network between {now.server} and {channel.source}; it connects anew by itself{after}, and at once"
        " when its receiver is stopped and started"
    )


def _since(channel: Channel, looks: Sequence[Sighting]) -> float:
    """For how many seconds its applier has not moved, as far back as was looked."""
    begun = looks[-1].at_s
    for look in reversed(looks[:-1]):
        if not any(one.name == channel.name and one.done == channel.done for one in look.channels):
            break
        begun = look.at_s
    return looks[-1].at_s - begun


def _behind_s(channel: Channel, looks: Sequence[Sighting], ends: Sequence[End]) -> float:
    """For how many seconds its receiver has not moved though the source's log had gone on by then."""
    begun = now_s = looks[-1].at_s
    for look, end in reversed(list(zip(looks, ends, strict=False))):
        stood = any(one.name == channel.name and one.read == channel.read for one in look.channels)
        if not (stood and end.at.file and order(end.at) > order(channel.read)):
            break
        begun = look.at_s
    return now_s - begun
