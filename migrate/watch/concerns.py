"""What is wrong with a server, or is becoming so: judged from several looks at it and its source's log. Pure.

Lag is judged by its course: it may be large after a night's load and be no concern while it falls. What stands still is
told by places in logs, which don't lie as Seconds_Behind does (it is 0 while the receiver is cut off).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum
from itertools import pairwise

from msgspec import Struct

from understudy.migrate.rows import Coordinates
from understudy.migrate.watch.channels import Channel, order
from understudy.migrate.watch.look import Sighting

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


def concerns(looks: Sequence[Sighting], source_ends: Sequence[Coordinates], bounds: Bounds) -> list[Concern]:
    """The concerns of one server; `looks` are the last ones, oldest first, and `source_ends` its source's log then."""
    now = looks[-1]
    if now.unreachable:
        return [Concern(now.server, "unreachable", Level.SLOW, f"not known: {now.unreachable}")]
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
    channel: Channel, looks: Sequence[Sighting], source_ends: Sequence[Coordinates], bounds: Bounds
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
    yield from (concern(kind, Level.SLOW, text) for kind, text in _waits(channel, now))
    yield from (concern(kind, Level.SLOW, text) for kind, text in _lags(channel, looks, bounds))
    yield from (concern(kind, Level.SLOW, text) for kind, text in _stalls(channel, looks, source_ends, bounds))


def _waits(channel: Channel, now: Sighting) -> Iterator[tuple[str, str]]:
    states = f"{channel.receiver_state} {channel.applier_state}".lower()
    if "disk space" in states:
        yield "disk", "it waits for disk space"
    if "relay log space" in states or 0 < now.relay_limit_bytes <= channel.relay_bytes:
        yield "relay-space", f"its relay logs have reached relay_log_space_limit ({now.relay_limit_bytes:,} bytes)"
    if channel.receiver == "Connecting":
        yield "connecting", "its receiver is trying to connect"


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
    channel: Channel, looks: Sequence[Sighting], source_ends: Sequence[Coordinates], bounds: Bounds
) -> Iterator[tuple[str, str]]:
    now = looks[-1]
    reads = _since(channel, looks, "read")
    if reads >= bounds.stalled_s and source_ends and _is_behind(channel.read, source_ends, looks, reads):
        at = f"{channel.read.file}:{channel.read.position}"
        yield "receiver-stalled", f"its receiver has stood at {at} for {reads:g} s, while the source's log went on"
    stands = _since(channel, looks, "done")
    if not channel.is_idle and stands >= bounds.stalled_s:
        what = now.applying.get(channel.name, "")
        yield "applier-stalled", f"its applier has stood still for {stands:g} s" + (f" at {what}" if what else "")


def _since(channel: Channel, looks: Sequence[Sighting], place: str) -> float:
    """For how many seconds a place has not moved, as far back as was looked."""
    begun = looks[-1].at_s
    for look in reversed(looks[:-1]):
        if not any(
            one.name == channel.name and getattr(one, place) == getattr(channel, place) for one in look.channels
        ):
            break
        begun = look.at_s
    return looks[-1].at_s - begun


def _is_behind(read: Coordinates, ends: Sequence[Coordinates], looks: Sequence[Sighting], seconds: float) -> bool:
    """Whether the source's log had gone on already when the receiver was first seen standing, and so ever since."""
    since = [end for look, end in zip(looks, ends, strict=False) if looks[-1].at_s - look.at_s <= seconds]
    return len(since) > 1 and all(end.file and order(end) > order(read) for end in since[1:])
