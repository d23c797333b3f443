"""The replication tree, grown from what was seen of servers. Pure.

Growing never fails: what is odd (a loop, a replica of two sources, two servers with one ID) is kept, drawn and named
as an `Oddity`. Planning on such a tree is refused by `require_plain`, with the oddity's own error and hint. Servers
that could not be reached stay in the tree, at the place where others see them: they count.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

import msgspec
from msgspec import Struct

from understudy.migrate.facts import Channel, Server
from understudy.migrate.identity import Register, host_of, natural
from understudy.migrate.oddities import REFUSED, Odd, Oddity, TopologyError, find
from understudy.migrate.shape import Shape


class UnknownServerError(TopologyError):
    """No server of the tree goes by this address."""


class UnseenError(TopologyError):
    """A server that has to be reached was not."""


class Role(StrEnum):
    """What a server is in its tree."""

    SOURCE = "source"
    CO_SOURCE = "co-source"
    INTERMEDIATE = "intermediate"
    REPLICA = "replica"
    ALONE = "alone"


class Tree(Struct, frozen=True, dict=True):
    """Servers and who follows whom: one tree, or several where the servers don't belong together.

    `also` says what a server follows besides its source in the shape: further channels, or the way back in a loop.
    """

    servers: Mapping[str, Server]
    shape: Shape
    also: Mapping[str, tuple[str, ...]] = {}
    oddities: tuple[Oddity, ...] = ()

    def __iter__(self) -> Iterator[Server]:
        """All servers, depth first: a source comes before its replicas."""
        return (self.servers[name] for name in self.shape.walk())

    def __getitem__(self, address: str) -> Server:
        """The server of an address, or of one that it is also known as. Raises UnknownServerError."""
        wanted = address.lower()
        for server in self.servers.values():
            if wanted == server.address.lower():
                return server
        for server in self.servers.values():
            if wanted in (name.lower() for name in server.known_as):
                return server
        near = difflib.get_close_matches(address, self.servers, 1)
        hint = f"did you mean {near[0]}?" if near else "`understudy migrate status` shows the servers that were found"
        raise UnknownServerError(f"{address}: no server of the tree goes by this address", hint)

    def seen(self, address: str) -> Server:
        """The same, reached. Raises UnseenError with the reason that discovery had, and what to do about it."""
        server = self[address]
        if server.unreachable:
            raise UnseenError(f"{server.address}: {server.unreachable}", server.hint)
        return server

    def __contains__(self, address: str) -> bool:
        try:
            return bool(self[address])
        except UnknownServerError:
            return False

    def source(self, name: str) -> str:
        """The address of the server that this one follows; empty for a root."""
        return self.shape.sources[name]

    def root(self, name: str) -> str:
        """The source of the whole tree that this server is in."""
        return [name, *self.shape.above(name)][-1]

    def role(self, name: str) -> Role:
        """What the server is in its tree."""
        feeds = bool(self.shape.children(name))
        if any(odd.kind in (Odd.CO_SOURCES, Odd.LOOP) and name in odd.servers for odd in self.oddities):
            return Role.CO_SOURCE
        if not self.source(name):
            return Role.SOURCE if feeds else Role.ALONE
        return Role.INTERMEDIATE if feeds else Role.REPLICA

    def ordered(self) -> Tree:
        """The same tree; roots and siblings are in the order in which people look for them: by role, host and port."""
        roles = tuple(Role)
        names = sorted(self.servers, key=lambda name: (roles.index(self.role(name)), natural(name)))
        servers = {name: self.servers[name] for name in names}
        return Tree(servers, Shape({name: self.source(name) for name in names}), self.also, self.oddities)

    def placed(self, server: Server, under: str) -> Tree:
        """The tree once this server, new or moved with all beneath it, follows that one."""
        old = server.channels[0] if server.channels else Channel("", receiving=True, applying=True)
        server = msgspec.structs.replace(server, channels=(msgspec.structs.replace(old, source=under),))
        servers = {**self.servers, server.address: server}
        return Tree(servers, self.shape.placed(server.address, under), self.also, self.oddities)

    def changed(self, server: Server) -> Tree:
        """The tree with other facts of one of its servers."""
        return Tree({**self.servers, server.address: server}, self.shape, self.also, self.oddities)

    def without(self, name: str) -> Tree:
        """The tree without a server that nobody follows."""
        servers = {other: server for other, server in self.servers.items() if other != name}
        return Tree(servers, self.shape.without(name), self.also, self.oddities)


def grow(servers: Iterable[Server]) -> Tree:
    """The tree, or trees, that these servers form, the same in whatever order they are given: answers come in any.

    Never fails: see `Tree.oddities`.
    """
    register = Register(servers)
    follows = {
        server.address: tuple(dict.fromkeys(register.source_of(server, channel) for channel in server.channels))
        for server in _sorted(register)
    }
    sources = {name: (follows.get(name) or ("",))[0] for name in register.servers}
    sources |= _reported(register, sources)
    also = {name: found[1:] for name, found in follows.items() if found[1:]}
    sources = {server.address: sources.get(server.address, "") for server in _sorted(register)}
    loops = _loops(sources)
    for loop in loops:
        head = min(loop, key=lambda name: (register.servers[name].read_only, loop.index(name)))
        also[head] = (sources[head], *also.get(head, ()))
        sources[head] = ""
    seen, shape = {server.address: server for server in _sorted(register)}, Shape(sources)
    return Tree(seen, shape, also, tuple(find(seen, shape, loops)))


def require_plain(tree: Tree) -> None:
    """Raise the error of the first oddity that stands in the way of planning."""
    for oddity in tree.oddities:
        if oddity.stops_planning:
            raise REFUSED[oddity.kind](oddity.message, oddity.hint)


def _sorted(register: Register) -> list[Server]:
    return sorted(register.servers.values(), key=lambda server: natural(server.address))


def _reported(register: Register, sources: Mapping[str, str]) -> dict[str, str]:
    """Whom replicas follow that can't say so themselves; a replica that speaks is believed before its source."""
    found: dict[str, str] = {}
    for source in _sorted(register):
        known_hosts = {host_of(name) for name, above in sources.items() if above == source.address}
        for address in source.reported_replicas:
            if ":" not in address and address in known_hosts:
                continue
            replica = register.replica_of(source, address)
            if register.servers[replica].unreachable and replica != source.address and not sources.get(replica):
                found.setdefault(replica, source.address)
    return found


def _loops(sources: Mapping[str, str]) -> list[tuple[str, ...]]:
    """The circles in which servers follow one another, each once, in the order of the arrows' heads."""
    seen: set[str] = set()
    loops = []
    for start in sources:
        path: list[str] = []
        name = start
        while name and name not in seen:
            seen.add(name)
            path.append(name)
            name = sources[name]
        if name in path:
            loops.append(tuple(path[path.index(name) :]))
    return loops
