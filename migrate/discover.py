"""The replication tree as it is, found from one server upward and downward.

Servers speak of one another under addresses that may lead nowhere from here: names of another network, a report_host
behind NAT, none at all. So an address is only a candidate. What answers there is taken for the server that is meant
when it has the server_id, and the UUID where there is one, that was told; whoever else answers is left alone.

A replica is looked for, in this order: among the servers already known, under the operator's alias, under its
report_host, at the hosts from which replicas are connected now. A source: known already, alias, as the replica says.
Every wave of servers is asked in parallel, each address once; a server that fails spoils nothing for the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from understudy.errors import UnderstudyError
from understudy.migrate.claims import Claim, Names, claims
from understudy.migrate.facts import Server
from understudy.migrate.faults import ServerError
from understudy.migrate.identity import natural
from understudy.migrate.observe import Sight, observe
from understudy.migrate.ports import Servers
from understudy.migrate.rows import join_address, split_address

AT_ONCE = 32


def discover(servers: Servers, starts: Sequence[str], aliases: Mapping[str, str] | None = None) -> list[Server]:
    """Every server of the trees that `starts` ("host:port") belong to; those that can't be reached say why.

    `aliases` maps an address, host or UUID as servers tell it to the address to use from here. No server's failure
    raises: it is in `Server.unreachable` or `Server.missing`.
    """
    with ThreadPoolExecutor(AT_ONCE, "discover") as pool:
        return _Walk(servers, pool, aliases or {}).run([join_address(*split_address(start)) for start in starts])


class _Found:
    """A server that was reached, and what was learnt about it since."""

    def __init__(self, sight: Sight) -> None:
        self.sight = sight
        self.known_as: dict[str, None] = {}
        self.replicas: dict[str, None] = {}

    @property
    def address(self) -> str:
        return self.sight.server.address

    def goes_by(self, address: str) -> bool:
        return address.lower() in (self.address.lower(), *(name.lower() for name in self.known_as))

    def facts(self) -> Server:
        known_as = (name for name in self.known_as if name.lower() != self.address.lower())
        return msgspec.structs.replace(
            self.sight.server,
            known_as=tuple(sorted(known_as, key=natural)),
            reported_replicas=tuple(sorted(self.replicas, key=natural)),
        )


class _Walk:
    def __init__(self, servers: Servers, pool: ThreadPoolExecutor, aliases: Mapping[str, str]) -> None:
        self._servers = servers
        self._pool = pool
        self._names = Names(aliases)
        self._asked: dict[str, Sight | UnderstudyError] = {}
        self._found: dict[str, _Found] = {}
        self._lost: dict[str, Server] = {}

    def run(self, starts: Sequence[str]) -> list[Server]:
        self._ask(starts)
        for start in starts:
            answer = self._asked[start]
            if isinstance(answer, Sight):
                self._keep(answer, start)
            else:
                self._lost[start.lower()] = Server(start, unreachable=_why(answer), hint=answer.hint)
        fresh = list(self._found.values())
        while fresh:
            fresh = self._wave([claim for found in fresh for claim in claims(found.sight, self._names)])
        return [*(found.facts() for found in self._found.values()), *self._lost.values()]

    def _wave(self, made: list[Claim]) -> list[_Found]:
        """Settle what was claimed; the servers seen for the first time."""
        before = set(self._found)
        unsettled = [claim for claim in made if not self._is_known(claim)]
        for first in (True, False):
            tried = [(claim, claim.addresses if first else claim.fallbacks) for claim in unsettled]
            self._ask([address for _, addresses in tried for address in addresses])
            unsettled = [claim for claim, addresses in tried if not self._is_reached(claim, addresses)]
        for claim in unsettled:
            if not self._is_known(claim):  # reached meanwhile under another server's word
                self._lose(claim)
        return [found for identity, found in self._found.items() if identity not in before]

    def _is_known(self, claim: Claim) -> bool:
        fitting = [found for found in self._found.values() if claim.fits(found.sight)]
        sure = [one for one in fitting if claim.is_surely(one.sight)] or [
            one for one in fitting if one.goes_by(claim.said)
        ]
        if len(sure) != 1:
            return False
        self._link(claim, sure[0])
        return True

    def _is_reached(self, claim: Claim, addresses: Iterable[str]) -> bool:
        for address in addresses:
            answer = self._asked[address]
            if isinstance(answer, Sight) and claim.fits(answer):
                self._link(claim, self._keep(answer, address))
                return True
        return False

    def _keep(self, seen: Sight, address: str) -> _Found:
        found = self._found.setdefault(seen.identity, _Found(seen))
        found.known_as[address] = None
        return found

    def _link(self, claim: Claim, found: _Found) -> None:
        if claim.said:
            found.known_as[claim.said] = None
        if not claim.as_source:
            self._found[claim.speaker.identity].replicas[found.address] = None

    def _lose(self, claim: Claim) -> None:
        speaker, role = claim.speaker.server.address, "source" if claim.as_source else "replica"
        name = claim.said or f"server_id {claim.server_id} under {speaker}"
        tried = [
            f"{address}: {self._why_not(address)}" for address in dict.fromkeys((*claim.addresses, *claim.fallbacks))
        ]
        why = f"named by {speaker} as its {role}; {'; '.join(tried) or 'it reports no address'}"
        lost = Server(name, server_id=claim.server_id, server_uuid=claim.server_uuid, unreachable=why)
        kept = self._lost.setdefault((claim.server_uuid or name).lower(), lost)
        if not claim.as_source:
            self._found[claim.speaker.identity].replicas[kept.address] = None

    def _why_not(self, address: str) -> str:
        answer = self._asked[address]
        if isinstance(answer, UnderstudyError):
            return _why(answer)
        return f"is another server (server_id {answer.server.server_id})"

    def _ask(self, addresses: Iterable[str]) -> None:
        new = [address for address in dict.fromkeys(addresses) if address not in self._asked]
        self._asked |= zip(new, self._pool.map(self._look, new), strict=True)

    def _look(self, address: str) -> Sight | UnderstudyError:
        try:
            with self._servers.open(address) as database:
                return observe(database)
        except UnderstudyError as error:
            return error


def _why(error: UnderstudyError) -> str:
    return error.what if isinstance(error, ServerError) else error.message
