"""How many replicas a source may have and how many levels may be beneath it, and what that forbids. Pure.

Levels are counted from the source of each tree. The new source is the head of a tree of its own, though it follows an
old replica until the cutover: it takes a place among that one's replicas, and its own replicas are at its level 1.
Where a provider counts the chain from the oldest source on (RDS does, for replicas that it made), `whole_tree` is set.

"classic" is what RDS for MySQL allowed for long and what many still hold to; "rds" is what it allows today
(docs.aws.amazon.com, Working with MySQL read replicas). Both ask for automated backups on each server with replicas.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from enum import StrEnum

from msgspec import Struct

from understudy.config import TreeLimits
from understudy.migrate.describe import duration
from understudy.migrate.facts import Server
from understudy.migrate.shape import NO_HEADS, Shape
from understudy.migrate.topology import Tree


class Limits(Struct, frozen=True):
    """What a tree may be. None is no limit; `retention_days` is the least on every server that has replicas."""

    name: str
    replicas_per_source: int | None = None
    levels: int | None = None
    retention_days: int = 0
    whole_tree: bool = False

    def __str__(self) -> str:
        replicas = "any number of" if self.replicas_per_source is None else str(self.replicas_per_source)
        levels = "any number of" if self.levels is None else str(self.levels)
        return f"{self.name} ({replicas} replicas a source, {levels} levels)"

    def heads(self, named: Collection[str]) -> Collection[str]:
        """Those beneath which levels are counted anew."""
        return NO_HEADS if self.whole_tree else named


CLASSIC = Limits("classic", replicas_per_source=5, levels=2, retention_days=1)
RDS = Limits("rds", replicas_per_source=15, levels=3, retention_days=1, whole_tree=True)
NONE = Limits("none")
PRESETS = {limits.name: limits for limits in (CLASSIC, RDS, NONE)}


class Rule(StrEnum):
    """Which limit is broken."""

    REPLICAS = "replicas"
    LEVELS = "levels"
    RETENTION = "retention"


class Violation(Struct, frozen=True):
    """A limit that a server breaks, and the reason in a sentence."""

    rule: Rule
    server: str
    reason: str


def limits_of(setting: str | TreeLimits) -> Limits:
    """The limits that the settings file asks for: a preset's name, or numbers of its own."""
    if isinstance(setting, str):
        return PRESETS[setting]
    return Limits(
        "its own limits", setting.replicas_per_source, setting.levels, setting.retention_days, setting.whole_tree
    )


def fits(tree: Tree, limits: Limits, heads: Collection[str] = NO_HEADS) -> bool:
    """Whether a tree breaks none of the limits."""
    return not any(True for _ in violations(tree, limits, heads))


def violations(tree: Tree, limits: Limits, heads: Collection[str] = NO_HEADS) -> Iterator[Violation]:
    """All limits that a tree breaks. A retention that is not known breaks none: a plan makes sure of it."""
    yield from shape_violations(tree.shape, limits, heads)
    for server in tree:
        days = server.backup_retention_days
        if tree.shape.children(server.address) and days is not None and days < limits.retention_days:
            yield Violation(
                Rule.RETENTION,
                server.address,
                f"{server.address} has replicas and keeps backups for {_days(days)}; {limits.name} asks for "
                f"{_days(limits.retention_days)} at least",
            )


def shape_violations(shape: Shape, limits: Limits, heads: Collection[str] = NO_HEADS) -> Iterator[Violation]:
    """The limits on replicas and levels that a shape breaks."""
    most, deepest = limits.replicas_per_source, limits.levels
    for name in shape.walk():
        replicas = len(shape.children(name))
        if most is not None and replicas > most:
            reason = f"{name} has {replicas} replicas; {limits.name} allows {most} a source"
            yield Violation(Rule.REPLICAS, name, reason)
        level = shape.level(name, limits.heads(heads))
        if deepest is not None and level > deepest:
            yield Violation(Rule.LEVELS, name, f"{name} is at level {level}; {limits.name} allows {deepest}")


def allows(shape: Shape, name: str, under: str, limits: Limits, heads: Collection[str] = NO_HEADS) -> bool:
    """Whether a server, with all that is beneath it, may be put under that one, in a shape that breaks no limit."""
    most, deepest, heads = limits.replicas_per_source, limits.levels, limits.heads(heads)
    if under == name or name in shape.above(under):
        return False
    others = sum(child != name for child in shape.children(under))
    if most is not None and others >= most:
        return False
    if deepest is None:
        return True
    level = (0 if under in heads else shape.level(under, heads)) + 1
    beneath = shape.height(name, heads) if name in shape and name not in heads else 0
    return level + beneath <= deepest


def may_feed(server: Server, limits: Limits) -> bool:
    """Whether backups of this server are known to be kept long enough for it to get a replica."""
    return limits.retention_days == 0 or (server.backup_retention_days or 0) >= limits.retention_days


class LevelLag(Struct, frozen=True):
    """How far behind the replicas of one level are; `worst_s` is None where no lag is known."""

    level: int
    replicas: int
    unknown: int
    worst_s: float | None

    def __str__(self) -> str:
        worst = "lag unknown" if self.worst_s is None else f"at worst {duration(self.worst_s)} behind"
        unknown = f", {self.unknown} of them unknown" if self.unknown and self.worst_s is not None else ""
        return f"level {self.level}: {worst} ({self.replicas} replica{'s' * (self.replicas != 1)}{unknown})"


def lag_by_level(tree: Tree, root: str) -> list[LevelLag]:
    """What each level costs: lag counts from the first source, so a level's price is what it adds to the one above."""
    by_level: dict[int, list[float | None]] = {}
    for name in tree.shape.below(root):
        lags = [channel.lag_s for channel in tree.servers[name].channels] or [None]
        by_level.setdefault(tree.shape.level(name) - tree.shape.level(root), []).extend(lags[:1])
    found = []
    for level, lags in sorted(by_level.items()):
        known = [lag for lag in lags if lag is not None]
        found.append(LevelLag(level, len(lags), len(lags) - len(known), max(known, default=None)))
    return found


def advice(limits: Limits, added: int, levels: int, feeders: int) -> tuple[str, ...]:
    """What to consider before so many replicas are added, with so many levels and so many that only feed others."""
    said = []
    if added:
        said.append(
            f"Before adding {added} replica{'s' * (added != 1)}: a larger instance or provisioned IOPS for those that "
            "are there may cost less, and adds no lag."
        )
    if levels > 1:
        said.append(
            f"{levels} levels: each adds its own lag, since a replica only passes on what it has applied itself. "
            f"{feeders} of the servers only feed{'s' * (feeders == 1)} the others."
        )
    if limits.retention_days and (added or levels):
        said.append(
            f"Each server that feeds others keeps automated backups for {_days(limits.retention_days)} at least; they "
            "cost storage, and on small instances some latency while they are taken."
        )
    return tuple(said)


def _days(days: int) -> str:
    return "no day" if days == 0 else f"{days} day{'s' * (days != 1)}"
