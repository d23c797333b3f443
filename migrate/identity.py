"""Who is who: one server may be spoken of under several addresses, and two servers may claim one identity. Pure.

Behind NAT a replica names its source, and a source its replicas, by addresses that lead nowhere from here. So what is
trusted, in this order: the UUID or ID that a connected replica was told by its source; the address under which a
server was reached; the other addresses under which it is known. MariaDB has no UUID, hence the ID and the addresses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address

import msgspec

from understudy.migrate.facts import Channel, Server
from understudy.migrate.rows import join_address, split_address

LOCALHOST = {"localhost", "127.0.0.1", "::1"}


def distinct(servers: Iterable[Server]) -> list[Server]:
    """Each server once, in the order given, under the first address that answered; the others become `known_as`."""
    found: list[Server] = []
    for server in servers:
        same = [other for other in found if _is_same(other, server)]
        if not same:
            found.append(server)
            continue
        one = same[0]
        for other in [*same[1:], server]:
            one = _merged(one, other)
        place = found.index(same[0])
        found = [other for other in found if other not in same]
        found.insert(place, one)
    return found


def names(server: Server) -> Iterator[str]:
    """Every address of a server, as keys to compare: host names know no case."""
    yield server.address.lower()
    for name in server.known_as:
        yield name.lower()


def _is_same(one: Server, other: Server) -> bool:
    if one.address.lower() == other.address.lower():
        return True
    shared = bool({*names(one)} & {*names(other)})
    if one.unreachable or other.unreachable:
        return shared
    if one.server_id != other.server_id or one.version != other.version:
        return False  # a copy that took its auto.cnf along has the UUID of another, not its ID
    if one.server_uuid or other.server_uuid:
        return one.server_uuid == other.server_uuid
    return shared


def _merged(one: Server, other: Server) -> Server:
    kept, dropped = (other, one) if one.unreachable and not other.unreachable else (one, other)
    known_as = dict.fromkeys([*kept.known_as, dropped.address, *dropped.known_as])
    return msgspec.structs.replace(
        kept,
        known_as=tuple(name for name in known_as if name.lower() != kept.address.lower()),
        reported_replicas=tuple(dict.fromkeys([*kept.reported_replicas, *dropped.reported_replicas])),
    )


class Register:
    """Finds the server that is meant by an address or by what a replica was told; adds those never seen."""

    def __init__(self, servers: Iterable[Server]) -> None:
        self.servers = {server.address: server for server in distinct(servers)}
        self._reached = {address.lower(): address for address in self.servers}

    def find(self, address: str) -> str:
        """The address under which we know the server that this one leads to; empty where there is none."""
        if reached := self._reached.get(address.lower()):
            return reached
        return self._only(lambda server: address.lower() in names(server))

    def source_of(self, replica: Server, channel: Channel) -> str:
        """The server that a channel follows; one never seen is added as unreachable."""
        said = from_here(replica, channel.source)
        told = self._told(channel)
        if found := (told or self.find(said)) if channel.receiving else (self.find(said) or told):
            return found
        why = f"named by {replica.address} as its source"
        return self._add(Server(said, server_id=channel.source_id, server_uuid=channel.source_uuid, unreachable=why))

    def replica_of(self, source: Server, address: str) -> str:
        """The server that a source names as its replica; one never seen is added as unreachable."""
        said = from_here(source, address)
        return self.find(said) or self._add(Server(said, unreachable=f"named by {source.address} as its replica"))

    def _told(self, channel: Channel) -> str:
        if channel.source_uuid:
            return self._only(lambda server: server.server_uuid == channel.source_uuid)
        return self._only(lambda server: server.server_id == channel.source_id) if channel.source_id else ""

    def _only(self, matches: Callable[[Server], bool]) -> str:
        found = [address for address, server in self.servers.items() if matches(server)]
        return found[0] if len(found) == 1 else ""

    def _add(self, server: Server) -> str:
        self.servers[server.address] = server
        self._reached[server.address.lower()] = server.address
        return server.address


def host_of(address: str) -> str:
    """The host in "host:port", brackets of IPv6 taken off."""
    host, colon, port = address.rpartition(":")
    return (host if colon and port.isdigit() else address).strip("[]")


def natural(address: str) -> tuple[tuple[str | int, ...], int, str]:
    """What to sort addresses by, as people read them: replica-2 before replica-10, :3306 before :13306, A with a."""
    host, port = split_address(address)
    parts = re.split(r"([0-9]+)", host.lower())  # text and digits take turns, so that only like is held against like
    return tuple(int(part) if turn % 2 else part for turn, part in enumerate(parts)), port, address


def from_here(speaker: Server, address: str) -> str:
    """A loopback address means the speaker's own machine, so it is told with the speaker's host.

    One of this machine's own that is no other name for the speaker's, such as 127.0.0.2, stays what it is.
    """
    (host, port), (own, _) = split_address(address), split_address(speaker.address)
    is_same = {host.lower(), own.lower()} <= LOCALHOST
    if _is_loopback(host) and (is_same or not _is_loopback(own)):
        return join_address(own, port)
    return address


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
