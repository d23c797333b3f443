"""Lays a tree for a wanted number of reading replicas: the fewest levels, then the fewest servers that only feed. Pure.

A server with replicas of its own is a feeder: it is there for those beneath it, and not counted as a reader. With at
most k replicas a source, making one leaf a feeder gains at most k - 1 readers, so n readers beneath a source with room
for r replicas of its own need ceil((n - r) / (k - 1)) feeders, and fit on d levels where n <= r * k^(d - 1). Feeders
are put as high as possible, then readers are: each level more is lag more. Servers that are there already stay where
they are as long as that costs neither a level nor a feeder.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from understudy.errors import UnderstudyError
from understudy.migrate.limits import Limits
from understudy.migrate.shape import Shape


class ImpossibleError(UnderstudyError):
    """What is wanted can't be had under the limits; the hint says what comes nearest."""


class Need(Struct, frozen=True):
    """What so many readers take."""

    readers: int
    levels: int
    feeders: int

    @property
    def servers(self) -> int:
        """All replicas, reading or feeding."""
        return self.readers + self.feeders


class Layout(Struct, frozen=True):
    """Who follows whom beneath `top`; `unused` are servers that were offered and not needed.

    `unnamed` are stand-ins for servers that are needed beyond those offered.
    """

    top: str
    sources: Mapping[str, str]
    need: Need
    unused: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()

    @property
    def feeders(self) -> tuple[str, ...]:
        """The servers that are there only to feed others."""
        return tuple(name for name in self.sources if name in set(self.sources.values()))

    @property
    def readers(self) -> tuple[str, ...]:
        """The servers that are there to be read from."""
        return tuple(name for name in self.sources if name not in set(self.sources.values()))


def most_readers(limits: Limits, reserved: int = 0, levels: int | None = None) -> int | None:
    """How many readers can be had beneath a source that has `reserved` other replicas; None for any number.

    `levels` is how many are left, where the source itself is not at the top.
    """
    each, deepest = limits.replicas_per_source, _levels(limits, levels)
    if deepest == 0:
        return 0
    if each is None:
        return None
    room = max(each - reserved, 0)
    if room == 0 or each == 1:
        return room
    return None if deepest is None else room * each ** (deepest - 1)


def need(readers: int, limits: Limits, reserved: int = 0, levels: int | None = None) -> Need:
    """The fewest levels and feeders for so many readers. Raises ImpossibleError, which names the nearest."""
    most = most_readers(limits, reserved, levels)
    if most is not None and readers > most:
        raise _impossible(readers, most, limits, reserved, levels)
    each = limits.replicas_per_source
    if each is None or readers == 0:
        return Need(readers, min(readers, 1), 0)
    room, deep = each - reserved, 1
    while room * each ** (deep - 1) < readers:
        deep += 1
    return Need(readers, deep, -(-(readers - room) // (each - 1)) if readers > room else 0)


def need_of_servers(servers: int, limits: Limits, reserved: int = 0, levels: int | None = None) -> Need:
    """The fewest levels and feeders where so many servers are all to be used. Raises ImpossibleError."""
    each, deepest = limits.replicas_per_source, _levels(limits, levels)
    if each is None or servers == 0:
        return need(servers, limits, reserved, levels)
    room = max(each - reserved, 0)
    deep, held = 0, 0
    while held < servers:
        if deep == deepest or room == 0:
            raise ImpossibleError(
                f"{servers} replicas don't fit under {limits}{_circumstances(limits, reserved, levels)}: {held} do",
                f"name {held} new replicas at most, or choose other limits",
            )
        deep, held = deep + 1, held + room * each**deep
    feeders = max(-(-(servers - room) // each), 0)
    return Need(servers - feeders, deep, feeders)


def lay(
    top: str,
    readers: int,
    offered: Sequence[str],
    limits: Limits,
    *,
    there: Shape | None = None,
    reserved: Collection[str] = (),
    levels: int | None = None,
    leaves_only: Collection[str] = (),
) -> Layout:
    """A tree beneath `top` for so many readers, or for all that is offered where `readers` is 0.

    `there` is the shape that is; what already is beneath `top` is used first, and never taken away. `reserved` hang
    beneath `top` for other reasons and take its room. `leaves_only` can't feed others. Raises ImpossibleError.
    """
    present = [name for name in (there.below(top) if there and top in there else ()) if name not in reserved]
    pool = list(dict.fromkeys([*present, *offered]))
    if readers and (found := need(readers, limits, len(reserved), levels)).servers >= len(present):
        wanted = found
    else:
        wanted = need_of_servers(len(present if readers else pool), limits, len(reserved), levels)
    unnamed = [f"replica-{number}" for number in range(len(pool) + 1, wanted.servers + 1)]
    used, unused = [*pool, *unnamed][: wanted.servers], pool[wanted.servers :]
    sources = _Laying(top, used, wanted, limits, there, len(reserved), leaves_only).lay()
    return Layout(top, sources, wanted, tuple(unused), tuple(unnamed))


def _levels(limits: Limits, left: int | None) -> int | None:
    return limits.levels if left is None else left


def _circumstances(limits: Limits, reserved: int, levels: int | None) -> str:
    parts = []
    if levels is not None and levels != limits.levels:
        parts.append(f"with {levels} of the levels left beneath the new source")
    if reserved:
        parts.append(f"with {reserved} of its places taken")
    return f", {' and '.join(parts)}" if parts else ""


def _impossible(readers: int, most: int, limits: Limits, reserved: int, levels: int | None) -> ImpossibleError:
    about = ""
    nearest = (
        f"the nearest that is possible is readers = {most}" if most else "the nearest is a new source without replicas"
    )
    if most:
        full = need(most, limits, reserved, levels)
        about = f" ({full.servers} replicas, {full.feeders} of them only feed)" if full.feeders else ""
    return ImpossibleError(
        f"{readers} readers are not possible under {limits}{_circumstances(limits, reserved, levels)}: "
        f"{most} are the most{about}",
        f"{nearest}; a larger instance or provisioned IOPS may serve as much, and other limits can be set where the "
        "servers are your own",
    )


class _Laying:
    """One laying-out: feeders first, level by level, then the readers that can stay, then the others."""

    def __init__(
        self,
        top: str,
        servers: Sequence[str],
        wanted: Need,
        limits: Limits,
        there: Shape | None,
        reserved: int,
        leaves_only: Collection[str],
    ) -> None:
        self.top, self.servers, self.wanted, self.leaves_only = top, servers, wanted, leaves_only
        each = limits.replicas_per_source
        self.each = len(servers) + reserved if each is None else each
        self.there = there
        self.load = {top: reserved}  # replicas of each source so far, from the top down
        self.sources: dict[str, str] = {}

    def lay(self) -> dict[str, str]:
        self._feeders()
        for name in self._unplaced():
            if self._has_room(self._was_under(name)):
                self._put(name, self._was_under(name))
        for name in self._unplaced():
            self._put(name, self._least_loaded(self._highest_with_room()))
        return {name: self.sources[name] for name in self.servers}

    def _feeders(self) -> None:
        above, lacking = [self.top], self.wanted.feeders
        while lacking:
            room = sum(self.each - self.load[name] for name in above)
            chosen = self._candidates(above)[: min(lacking, room)]
            if not chosen:
                raise ImpossibleError(
                    f"{self.wanted.readers} readers need {self.wanted.feeders} servers that feed others, and "
                    f"{', '.join(self.leaves_only)} can't: what they apply is not in their own binary log",
                    "turn on log_bin and log_replica_updates (log_slave_updates in older versions), or name others",
                )
            for name in chosen:
                stays = self._was_under(name) in above and self._has_room(self._was_under(name))
                self._put(name, self._was_under(name) if stays else self._least_loaded(above))
            self.load |= dict.fromkeys(chosen, 0)
            above, lacking = chosen, lacking - len(chosen)

    def _candidates(self, above: Sequence[str]) -> list[str]:
        """Servers that may feed, best first: already in place, with most replicas already, in the order offered."""

        def fitness(name: str) -> tuple[bool, int]:
            beneath = len(self.there.children(name)) if self.there and name in self.there else 0
            return self._was_under(name) not in above, -beneath

        return sorted((name for name in self._unplaced() if name not in self.leaves_only), key=fitness)

    def _unplaced(self) -> list[str]:
        return [name for name in self.servers if name not in self.sources]

    def _was_under(self, name: str) -> str:
        return self.there.sources[name] if self.there and name in self.there else ""

    def _has_room(self, name: str) -> bool:
        return name in self.load and self.load[name] < self.each

    def _highest_with_room(self) -> list[str]:
        shape = Shape({self.top: "", **self.sources})
        open_ = [name for name in self.load if self._has_room(name)]
        highest = min(shape.level(name) for name in open_)
        return [name for name in open_ if shape.level(name) == highest]

    def _least_loaded(self, names: Sequence[str]) -> str:
        return min((name for name in names if self._has_room(name)), key=lambda name: self.load[name])

    def _put(self, name: str, under: str) -> None:
        self.sources[name] = under
        self.load[under] += 1
