"""What can be odd about a replication tree, found and named. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from enum import StrEnum

from msgspec import Struct

from understudy.errors import UnderstudyError
from understudy.migrate.facts import Server
from understudy.migrate.shape import Shape


class TopologyError(UnderstudyError):
    """The replication tree is not one that can be planned on."""


class ManySourcesError(TopologyError):
    """A replica has more than one replication channel."""


class LoopError(TopologyError):
    """Servers follow one another in a circle; two of them are co-sources."""


class ClashError(TopologyError):
    """Two servers claim the same server_id or server_uuid."""


class Odd(StrEnum):
    """What can be odd about a tree."""

    MANY_CHANNELS = "many-channels"
    CO_SOURCES = "co-sources"
    LOOP = "loop"
    ID_CLASH = "server-id-clash"
    UUID_CLASH = "server-uuid-clash"
    MIXED_FLAVOURS = "mixed-flavours"
    UNREACHABLE = "unreachable"


REFUSED: dict[Odd, type[TopologyError]] = {
    Odd.MANY_CHANNELS: ManySourcesError,
    Odd.CO_SOURCES: LoopError,
    Odd.LOOP: LoopError,
    Odd.ID_CLASH: ClashError,
    Odd.UUID_CLASH: ClashError,
}


class Oddity(Struct, frozen=True):
    """Something odd about a tree: which servers, what about them, and what to do."""

    kind: Odd
    servers: tuple[str, ...]
    message: str
    hint: str = ""

    @property
    def stops_planning(self) -> bool:
        """Whether nothing can be planned on a tree with it."""
        return self.kind in REFUSED


def find(servers: Mapping[str, Server], shape: Shape, loops: list[tuple[str, ...]]) -> Iterator[Oddity]:
    """All that is odd, what stops planning first; `loops` are circles that were opened at their first server."""
    for server in servers.values():
        if len(server.channels) > 1:
            yield _many_channels(server)
    for loop in loops:
        yield _loop(loop)
    for root in shape.roots:
        members = [servers[name] for name in (root, *shape.below(root))]
        yield from _clashes(members)
        yield from _flavours(members)
    for server in servers.values():
        if server.unreachable:
            hint = "it is counted where others see it, and nothing is planned beneath it"
            yield Oddity(
                Odd.UNREACHABLE, (server.address,), f"{server.address} is not seen: {server.unreachable}", hint
            )


def _many_channels(server: Server) -> Oddity:
    channels = ", ".join(f"{channel.name or 'the default'} from {channel.source}" for channel in server.channels)
    return Oddity(
        Odd.MANY_CHANNELS,
        (server.address,),
        f"{server.address} replicates over {len(server.channels)} channels ({channels}); a plan knows only one",
        "leave it out, or give it a single channel: STOP the others and RESET ... ALL FOR CHANNEL",
    )


def _loop(loop: tuple[str, ...]) -> Oddity:
    if len(loop) == 2:
        message = f"{loop[0]} and {loop[1]} are co-sources: each follows the other"
        hint = "stop replication on the one that takes no writes, and reset it there; then plan again"
        return Oddity(Odd.CO_SOURCES, loop, message, hint)
    if len(loop) == 1:
        return Oddity(Odd.LOOP, loop, f"{loop[0]} follows itself", "its channel names the wrong source: repoint it")
    arrows = ", ".join(f"{name} follows {source}" for name, source in zip(loop, (*loop[1:], loop[0]), strict=True))
    message = f"{len(loop)} servers follow one another in a loop: {arrows}"
    return Oddity(Odd.LOOP, loop, message, "open the loop at the server that takes the writes; then plan again")


def _clashes(members: list[Server]) -> Iterator[Oddity]:
    by_id, by_uuid = defaultdict(list), defaultdict(list)
    for server in members:
        by_id[server.server_id].append(server.address)
        by_uuid[server.server_uuid].append(server.address)
    for number, clashing in by_id.items():
        if number and len(clashing) > 1:
            hint = "give each its own server_id; where it is one server under two addresses, name it by one of them"
            yield Oddity(Odd.ID_CLASH, tuple(clashing), f"{_list(clashing)} all say server_id {number}", hint)
    for uuid, clashing in by_uuid.items():
        if uuid and len(clashing) > 1:
            hint = "a copied data directory: stop the copy, remove its auto.cnf, start it again"
            yield Oddity(Odd.UUID_CLASH, tuple(clashing), f"{_list(clashing)} all say server_uuid {uuid}", hint)


def _flavours(members: list[Server]) -> Iterator[Oddity]:
    flavours: dict[str, list[str]] = defaultdict(list)
    for server in members:
        if server.version:
            flavours[str(server.version).split()[0]].append(server.address)
    if len(flavours) > 1:
        shares = "; ".join(f"{flavour}: {_list(found)}" for flavour, found in flavours.items())
        hint = "replication between flavours works by position at best, and not back"
        every = tuple(name for found in flavours.values() for name in found)
        yield Oddity(Odd.MIXED_FLAVOURS, every, f"one tree, two flavours: {shares}", hint)


def _list(found: list[str]) -> str:
    return ", ".join(found[:-1]) + f" and {found[-1]}" if len(found) > 1 else found[0]
