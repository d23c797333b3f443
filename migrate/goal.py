"""The tree that shall be: where the new source goes, what is laid beneath it, who has to make room. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from understudy.config import Migrate
from understudy.errors import UnderstudyError
from understudy.migrate.facts import Server
from understudy.migrate.feeding import cannot_feed, may_follow, partial
from understudy.migrate.layout import ImpossibleError, Layout, lay
from understudy.migrate.limits import Limits, Rule, may_feed, shape_violations
from understudy.migrate.shape import Shape
from understudy.migrate.topology import Tree, require_plain
from understudy.migrate.versions import Version


class WishError(UnderstudyError):
    """What is wanted does not go with the servers that are there."""


class Wish(Struct, frozen=True):
    """What an operator wants, as [migrate] in the settings says it."""

    source: str
    new_source: str
    new_replicas: tuple[str, ...] = ()
    under: str = ""
    rehearsal: str = ""
    readers: int = 0
    build: str = "dump"
    gtid_at_cutover: bool = False

    @classmethod
    def of(cls, settings: Migrate) -> Wish:
        """From the settings. Raises WishError where they name no source or no new source."""
        target = settings.target
        for key, given in (("source", settings.source), ("target.new_source", target.new_source)):
            if not given:
                raise WishError(f"migrate.{key}: nothing given", "put its host:port into the settings file")
        replicas = tuple(target.new_replicas)
        wanted = (target.under, target.rehearsal, target.readers, target.build, target.gtid_at_cutover)
        return cls(settings.source, target.new_source, replicas, *wanted)


class Goal(Struct, frozen=True):
    """The shape that shall be, and why it is that one.

    `heads` is the new source, beneath which levels count anew; `makes_room` is who is moved away for it, if anyone.
    """

    shape: Shape
    layout: Layout
    heads: tuple[str, ...]
    new_source: str
    rehearsal: str
    under: str
    why_there: str
    makes_room: str = ""


def goal_of(tree: Tree, wish: Wish, limits: Limits) -> Goal:
    """The best tree for a wish. Raises TopologyError, WishError or ImpossibleError, each with its reason."""
    require_plain(tree)
    return _Choice(tree, wish, limits).best()


class _Choice:
    """One choosing: the places under which the new source may go, best first, until one works out."""

    def __init__(self, tree: Tree, wish: Wish, limits: Limits) -> None:
        self.tree, self.wish, self.limits = tree, wish, limits
        self.root = tree.root(tree[wish.source].address)
        self.new = self._name(wish.new_source)
        self.replicas = [self._name(name) for name in wish.new_replicas]
        self.rehearsal = self._name(wish.rehearsal) if wish.rehearsal else ""
        self.heads = (self.new,)
        self.newcomers = [self.new, *self.replicas, *([self.rehearsal] if self.rehearsal else [])]
        beneath = set(tree.shape.below(self.new)) if self.new in tree.shape else set()
        family = [self.root, *tree.shape.below(self.root)]
        self.old = [name for name in family if name not in beneath and name not in self.newcomers]
        self._require_fit(family)

    def best(self) -> Goal:
        first: UnderstudyError | None = None
        for under, why in self._places():
            try:
                return self._under(under, why)
            except ImpossibleError as error:
                first = first or error
        raise first or self._nowhere()

    def _name(self, address: str) -> str:
        return self.tree[address].address if address in self.tree else address

    def _require_fit(self, family: list[str]) -> None:
        if self.root in self.newcomers or self.new in self.replicas:
            name = self.root if self.root in self.newcomers else self.new
            raise WishError(f"{name} is named twice under [migrate]", "name each server once")
        for violation in shape_violations(self.tree.shape, self.limits, self.heads):
            if violation.server in family:
                hint = 'set [migrate] limits to what holds for these servers: "rds", "none" or numbers of your own'
                raise ImpossibleError(f"the tree breaks the limits as it is: {violation.reason}", hint)
        for name in self.newcomers:
            if name in self.tree.shape:
                self._require_usable(self.tree.servers[name])

    def _require_usable(self, server: Server) -> None:
        """A server named as new may stand alone, or be in its new place, or be one that can go there."""
        name, shape = server.address, self.tree.shape
        if not shape.sources[name]:
            if shape.children(name):
                hint = "after a cutover, name it as the source; otherwise free it of its replicas first"
                raise WishError(f"{name} is named as new, and is the source of a tree of its own", hint)
            return
        if name != self.new and self.new not in shape.above(name):
            version, wanted = server.version, self._version(self.new)
            if not version or not wanted or version.flavour is not wanted.flavour or version < wanted:
                hint = "name a server that holds no data yet, or upgrade this one first"
                raise WishError(f"{name} ({version}) is in use and can't follow {self.new} ({wanted})", hint)
        if self.root not in shape.above(name):
            hint = "reset its replication, or name another server"
            raise WishError(f"{name} is named as new, and follows a server of another tree", hint)
        if name == self.new and (reason := partial(self.tree, name)):
            hint = "take the filters away, empty it and reset its replication, and plan again"
            raise WishError(f"{name} is named as new, and lacks what was filtered out: {reason}", hint)

    def _version(self, name: str) -> Version | None:
        server = self.tree.servers.get(name)
        return server.version if server else None

    # --- where

    def _places(self) -> Iterator[tuple[str, str]]:
        """Servers under which the new source may go, with the reason, best first."""
        if self.wish.under:
            under = self.tree[self.wish.under].address
            if reason := self._unfit(under):
                raise WishError(
                    f"{self.new} can't be put under {under}: {reason}", "name another, or leave `under` out"
                )
            yield under, f"`under` names {under}"
            return
        now = self.tree.shape.sources.get(self.new, "")
        if now in self.old and not self._unfit(now):
            yield now, f"it follows {now} already"
        fit = [name for name in self.old if not self._unfit(name)]
        for name in sorted((name for name in fit if name != self.root), key=self._fitness):
            load = len(self.tree.shape.children(name))
            yield name, f"of the old replicas that can feed others it has the least to do ({load or 'no'} replicas)"
        if self.root in fit:
            yield self.root, "no old replica can take it with what shall be beneath it, so the old source itself has to"

    def _fitness(self, name: str) -> tuple[bool, bool, bool, bool, int, float, int, str]:
        """Undelayed, read-only, with room, with its retention set, with few replicas and little lag, high in the tree.

        The first two are about what the new servers will hold, and when; the others about what it costs.
        """
        server, load = self.tree.servers[name], len(self.tree.shape.children(name))
        delayed, writable = any(channel.delay_s for channel in server.channels), not server.read_only
        most = self.limits.replicas_per_source
        lag = max((channel.lag_s or 0.0 for channel in server.channels), default=0.0)
        full = most is not None and load >= most
        short = not may_feed(server, self.limits)
        return delayed, writable, full, short, load, lag, self.tree.shape.level(name), name

    def _unfit(self, name: str) -> str:
        """Why a server can't feed the new source; empty where it can."""
        server, wanted = self.tree.servers[name], self._version(self.new)
        if name not in self.old:
            return "it is not a server of the old tree"
        if any(other in self.newcomers for other in self.tree.shape.above(name)):
            return "it follows a server that is named as new"
        if reason := cannot_feed(server, is_root=name == self.root):
            return reason
        if reason := partial(self.tree, name):
            return reason
        if any(channel.error or not (channel.receiving and channel.applying) for channel in server.channels):
            return "its own replication is not running"
        if server.version and wanted and server.version.flavour is wanted.flavour and wanted < server.version:
            return f"it is {server.version}, newer than {wanted}"
        return ""

    def _nowhere(self) -> WishError:
        reasons = "; ".join(f"{name}: {self._unfit(name)}" for name in self.old)
        return WishError(
            f"no server of the old tree can feed {self.new}: {reasons}", "mend one of them, and plan again"
        )

    # --- what

    def _under(self, under: str, why: str) -> Goal:
        layout = self._layout(under)
        sources = {**self.tree.shape.sources, self.new: under}
        if self.rehearsal:
            sources[self.rehearsal] = self.new
        shape, away = Shape({**sources, **layout.sources}), ""
        broken = list(shape_violations(shape, self.limits, self.heads))
        if [violation.rule for violation in broken] == [Rule.REPLICAS] and broken[0].server == under:
            shape, away = self._with_room(shape, under)
        elif broken:
            raise ImpossibleError(
                f"{self.new} can't go under {under} with what is wanted beneath it: {broken[0].reason}",
                "put it under a server nearer to the source, want fewer replicas, or set other limits",
            )
        return Goal(shape, layout, self.heads, self.new, self.rehearsal, under, why, away)

    def _layout(self, under: str) -> Layout:
        levels = None
        if self.limits.levels is not None and self.limits.whole_tree:
            levels = max(self.limits.levels - self.tree.shape.level(under) - 1, 0)
        seen = [self.tree.servers[name] for name in self.replicas if name in self.tree.servers]
        dumb = [one.address for one in seen if one.version and not one.unreachable and cannot_feed(one)]
        reserved = [self.rehearsal] if self.rehearsal else []
        layout = lay(
            self.new, self.wish.readers, self.replicas, self.limits,
            there=self.tree.shape, reserved=reserved, levels=levels, leaves_only=dumb,
        )  # fmt: skip
        if layout.unnamed:
            need, named = layout.need, layout.need.servers - len(layout.unnamed)
            feeding = f" and {need.feeders} that feed them" if need.feeders else ""
            raise WishError(
                f"{need.readers} readers under {self.limits} are {need.readers} servers{feeding}; {named} are named",
                f"name {len(layout.unnamed)} more in [migrate.target] new_replicas, or want fewer readers",
            )
        return layout

    def _with_room(self, shape: Shape, under: str) -> tuple[Shape, str]:
        """The shape with one of the full server's replicas moved to where there is room for it."""
        fit = [name for name in self.old if name != under and not self._unfit(name)]
        fit.sort(key=lambda name: (name == self.root, self.tree.shape.level(name), self._fitness(name)))
        movable = [name for name in shape.children(under) if name in self.old]
        for name in sorted(movable, key=lambda name: (len(list(shape.below(name))), name)):
            for other in fit:
                if other == name or name in shape.above(other) or not may_follow(self.tree, name, other):
                    continue
                moved = shape.placed(name, other)
                if not any(True for _ in shape_violations(moved, self.limits, self.heads)):
                    return moved, name
        raise ImpossibleError(
            f"{under} is full ({len(shape.children(under)) - 1} replicas), and none of them can be moved elsewhere "
            f"under {self.limits}",
            "take one replica out of the tree, or set other limits",
        )
