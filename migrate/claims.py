"""What one server says of others: claims, each with the addresses at which the one that is meant may be found. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from understudy.migrate.facts import Channel
from understudy.migrate.identity import from_here
from understudy.migrate.observe import Sight
from understudy.migrate.rows import Child, join_address, split_address

USUAL_PORT = 3306


class Claim(Struct, frozen=True):
    """A server's word that another one exists: the name it uses, and what else it told.

    `addresses` are tried first, `fallbacks` only where none of them leads to the server.
    """

    said: str
    speaker: Sight
    as_source: bool
    addresses: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()
    server_id: int = 0
    server_uuid: str = ""

    def fits(self, seen: Sight) -> bool:
        """Whether a server that was reached can be the one that is meant."""
        server = seen.server
        if self.server_id and server.server_id != self.server_id:
            return False
        if self.server_uuid and server.server_uuid and server.server_uuid != self.server_uuid:
            return False
        return bool(self.server_id or self.server_uuid or self.as_source) or self._follows(seen)

    def is_surely(self, seen: Sight) -> bool:
        """Whether a server that is known already must be the one that is meant, so that no address need be tried."""
        if not self.fits(seen):
            return False
        if self.server_uuid:
            return seen.server.server_uuid == self.server_uuid
        if self.as_source:
            return any(child.server_id == self.speaker.server.server_id for child in seen.children) and bool(
                self.server_id
            )
        return self._follows(seen)

    def _follows(self, seen: Sight) -> bool:
        source = self.speaker.server
        return any(
            channel.source_uuid == source.server_uuid and channel.source_id == source.server_id
            for channel in seen.server.channels
        )


class Names:
    """The operator's aliases: an address, host or UUID as servers tell it, to the address to use from here."""

    def __init__(self, aliases: Mapping[str, str]) -> None:
        self._aliases = {said.lower(): address for said, address in aliases.items()}

    def of(self, said: str, server_uuid: str = "") -> tuple[str, ...]:
        """The address that an operator has named instead; none where there's no alias."""
        if not said and not server_uuid:
            return ()
        host, port = split_address(said)
        for key in (server_uuid, said, host):
            if meant := self._aliases.get(key.lower()) if key else None:
                return (join_address(*split_address(meant, port)),)
        return ()


def claims(seen: Sight, names: Names) -> Iterator[Claim]:
    """Whom a server says it follows, and who it says follows it."""
    for channel in seen.server.channels:
        yield _source(seen, channel, names)
    for child in seen.children:
        yield _replica(seen, child, names)
    if not seen.children:
        for host in seen.dump_hosts:  # it may not list its replicas, or they did not register
            yield _replica(seen, Child(0, host, split_address(seen.server.address)[1]), names)


def _source(seen: Sight, channel: Channel, names: Names) -> Claim:
    said = from_here(seen.server, channel.source)
    return Claim(
        said=said,
        speaker=seen,
        as_source=True,
        addresses=(*names.of(channel.source, channel.source_uuid), said),
        server_id=channel.source_id,
        server_uuid=channel.source_uuid,
    )


def _replica(seen: Sight, child: Child, names: Names) -> Claim:
    reported = join_address(child.host, child.port) if child.host else ""
    said = from_here(seen.server, reported) if reported else ""
    alias = names.of(reported, child.server_uuid)
    connected = [from_here(seen.server, join_address(host, child.port)) for host in seen.dump_hosts]
    if child.port != USUAL_PORT:
        connected += [from_here(seen.server, join_address(host, USUAL_PORT)) for host in seen.dump_hosts]
    aliased = [meant for address in connected for meant in names.of(address)]
    return Claim(
        said=said,
        speaker=seen,
        as_source=False,
        addresses=(*alias, *([said] if said else [])),
        fallbacks=tuple(dict.fromkeys([*aliased, *connected])),
        server_id=child.server_id,
        server_uuid=child.server_uuid,
    )
