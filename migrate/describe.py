"""A server in an operator's words: what every drawing of the tree says about it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from understudy.migrate.facts import Channel, Server
from understudy.migrate.topology import Role, Tree


class State(StrEnum):
    """How a server stands, at a glance."""

    GOOD = "good"
    WARNING = "warning"
    BROKEN = "broken"
    UNSEEN = "unseen"
    PLANNED = "planned"


LATE_S = 60.0  # a replica further behind than this is worth a look


class Line(Struct, frozen=True):
    """What is said about one server. Empty text where there is nothing to say.

    `level` is how far it is below its root; `also` is what it follows besides its source; `trouble` is one sentence
    each.
    """

    address: str
    source: str
    level: int
    role: Role
    state: State
    version: str = ""
    lag: str = ""
    threads: str = ""
    writes: str = ""
    known_as: tuple[str, ...] = ()
    trouble: tuple[str, ...] = ()
    note: str = ""
    also: tuple[str, ...] = ()

    @property
    def about(self) -> str:
        """Its version, or why there is none."""
        return {State.UNSEEN: "not seen", State.PLANNED: "not built yet"}.get(self.state, self.version)

    @property
    def facts(self) -> tuple[str, ...]:
        """All that is short, each understood without a heading."""
        lag = f"lag {self.lag}" if self.lag else ""
        return tuple(part for part in (self.about, self.role, lag, self.threads, self.writes) if part)


def describe(tree: Tree, name: str, note: str = "") -> Line:
    """One server of a tree; `note` is put beside it as it is."""
    server, also = tree.servers[name], tree.also.get(name, ())
    place = Line(name, tree.source(name), tree.shape.level(name), tree.role(name), State.UNSEEN, note=note, also=also)
    trouble = tuple(_trouble(server, also))
    if server.unreachable:
        return replace(place, known_as=server.known_as, trouble=(server.unreachable, *trouble))
    if server.version is None:
        return replace(place, state=State.PLANNED, trouble=trouble)
    return replace(
        place,
        state=_state(server, tree.role(name)),
        version=str(server.version),
        lag=_lag(server),
        threads=_threads(server.channels),
        writes=_writes(server),
        known_as=server.known_as,
        trouble=trouble,
    )


def lines(tree: Tree, notes: dict[str, str] | None = None) -> list[Line]:
    """Every server of a tree, depth first; siblings by role, host and port."""
    return [describe(tree, name, (notes or {}).get(name, "")) for name in tree.ordered().shape.walk()]


def printable(text: str, *, besides: str = "") -> str:
    """Text that came from a server, without what would command a terminal or spoil a document; `besides` may stay."""
    return "".join(char if char.isprintable() or char in besides else "?" for char in text)


def _state(server: Server, role: Role) -> State:
    if any(channel.error or not (channel.receiving and channel.applying) for channel in server.channels):
        return State.BROKEN
    late = any(channel.lag_s is None or channel.lag_s > LATE_S + channel.delay_s for channel in server.channels)
    writable = role in (Role.REPLICA, Role.INTERMEDIATE) and not server.read_only
    return State.WARNING if late or writable or len(server.channels) > 1 else State.GOOD


def _lag(server: Server) -> str:
    """The greatest lag; NULL is not zero, so it is "unknown"."""
    if not server.channels:
        return ""
    if any(channel.lag_s is None for channel in server.channels):
        return "unknown"
    lag = duration(max(channel.lag_s or 0.0 for channel in server.channels))
    delay = max(channel.delay_s for channel in server.channels)
    return f"{lag} (delayed {duration(delay)})" if delay else lag


def duration(seconds: float) -> str:
    """Seconds as people say them: 0.4 s, 50 s, 3 min, 2 h 5 min."""
    if seconds < 120:
        return f"{seconds:.3g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


def sized(bytes_: float) -> str:
    """Bytes as people say them: 512 B, 3.4 MiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if bytes_ < 1024:
            return f"{bytes_:.0f} {unit}" if unit == "B" or bytes_ >= 100 else f"{bytes_:.1f} {unit}"
        bytes_ /= 1024
    return f"{bytes_:.1f} TiB"


def _threads(channels: tuple[Channel, ...]) -> str:
    said = {_thread(channel) for channel in channels}
    return ", ".join(sorted(said))


def _thread(channel: Channel) -> str:
    match channel.receiving, channel.applying:
        case True, True:
            return "running"
        case True, False:
            return "applier stopped"
        case False, True:
            return "receiver stopped"
    return "stopped"


def _writes(server: Server) -> str:
    if server.super_read_only:
        return "super-read-only"
    return "read-only" if server.read_only else "writable"


def _trouble(server: Server, also: tuple[str, ...]) -> Iterator[str]:
    for channel in server.channels:
        if channel.error:
            number = f"error {channel.error_number}: " if channel.error_number else ""
            yield f"{f'channel {channel.name}: ' if channel.name else ''}{number}{' '.join(channel.error.split())}"
        if channel.filters:
            yield f"replicates in part only: {', '.join(channel.filters)}"
    for source in also:
        yield f"follows {source} as well" if len(server.channels) > 1 else f"follows {source}, which is beneath it"
