"""The plan that builds one broken server anew, with all that is beneath it. Pure.

A server's replicas stand where it stood when it broke, on data that may be spoilt as its own; once it is copied anew,
what was written between is in no log of its. So they can't follow it any more and are built anew after it. All of them
are taken out of replication first, the lowest first, so that at no moment anything follows a server that is emptied.
"""

from __future__ import annotations

from collections.abc import Iterator

from understudy.errors import UnderstudyError
from understudy.migrate.estimates import Seconds, estimate
from understudy.migrate.feeding import cannot_feed
from understudy.migrate.goal import Wish
from understudy.migrate.gtidmode import mode_to_follow
from understudy.migrate.layout import Need
from understudy.migrate.limits import Limits
from understudy.migrate.plan import Plan
from understudy.migrate.sight import fingerprint, sight
from understudy.migrate.step import Kind, Step
from understudy.migrate.topology import Tree, require_plain

QUICK = Seconds(1, 120)
STAYS = "nothing: its data are not to be had back; go on with the same command"


class RebuildError(UnderstudyError):
    """A server can't be built anew, or not alone."""


def rebuild(tree: Tree, server: str, wish: Wish, limits: Limits, *, with_replicas: bool) -> Plan:
    """The plan. Raises RebuildError, or TopologyError where the tree is odd."""
    require_plain(tree)
    beneath = tuple(tree.shape.below(server))
    _require_possible(tree, server, beneath, with_replicas=with_replicas)
    steps = tuple(_steps(tree, (server, *beneath), wish))
    return Plan(
        wish=wish,
        limits=limits,
        new_source=wish.new_source,
        under=tree.source(server),
        need=Need(readers=0, levels=0, feeders=0),
        steps=steps,
        notes=(f"all data on {', '.join((server, *beneath))} are dropped and copied anew",),
        servers=tuple(tree.servers.values()),
        saw=fingerprint(sight(tree)),
    )


def _require_possible(tree: Tree, server: str, beneath: tuple[str, ...], *, with_replicas: bool) -> None:
    source = tree.source(server)
    if not source:
        raise RebuildError(
            f"{server} follows nobody, so there is nobody to copy it from",
            "`understudy migrate plan` and `build` put a server beneath another",
        )
    if beneath and not with_replicas:
        raise RebuildError(
            f"{server} has replicas ({', '.join(beneath)}), which can't follow it once it is built anew",
            "--with-replicas builds them anew too; or move them elsewhere first",
        )
    above = tree.servers[source]
    if reason := above.unreachable or cannot_feed(above, is_root=not tree.source(source)):
        raise RebuildError(f"{server} can't be copied from {source}: {reason}")
    if any(channel.error or not (channel.receiving and channel.applying) for channel in above.channels):
        raise RebuildError(
            f"{server} follows {source}, whose own replication is broken",
            f"mend that first, or rebuild {source} with its replicas",
        )
    for name in (server, *beneath):
        if why := tree.servers[name].unreachable:
            raise RebuildError(f"{name} can't be built anew: {why}", "let it be reached first")


def _steps(tree: Tree, names: tuple[str, ...], wish: Wish) -> Iterator[Step]:
    """Out of replication from the lowest up, then each anew from the top down."""
    outline = [(Kind.DETACH, name) for name in reversed(names)]
    kinds = [Kind.WIPE, Kind.COPY, *_after_copy(wish.build), Kind.ATTACH, Kind.CATCH_UP]
    outline += [(kind, name) for name in names for kind in kinds]
    for number, (kind, name) in enumerate(outline, 1):
        yield _step(tree, number, kind, name, wish)


def _after_copy(build: str) -> list[Kind]:
    if build == "dump":
        return [Kind.ACCOUNTS]
    return [Kind.UPGRADE] if build.startswith("hook") else []


def _step(tree: Tree, number: int, kind: Kind, name: str, wish: Wish) -> Step:
    under, server = tree.source(name), tree.servers[name]
    seconds = QUICK if kind in (Kind.DETACH, Kind.WIPE) else estimate(kind, wish.build)
    above, later = tree.servers[under], wish.gtid_at_cutover
    mode = mode_to_follow(server.gtid_mode, above.gtid_mode, server.version, at_cutover=later)
    return Step(
        number,
        kind,
        name,
        _REASONS[kind].format(name=name, under=under),
        seconds.low,
        seconds.high,
        undo=STAYS,
        under=under,
        source=under if kind is Kind.DETACH else "",
        gtid_mode=mode if kind is Kind.ATTACH else "",
    )


_REASONS = {
    Kind.DETACH: "{name} is to apply nothing more to what is dropped",
    Kind.WIPE: "a copy begins with an empty server",
    Kind.COPY: "{under} has what {name} should have",
    Kind.ACCOUNTS: "those that are missing; what is there stays",
    Kind.UPGRADE: "copied files hold the old version's system tables",
    Kind.ATTACH: "{name} is to have every change from here on",
    Kind.CATCH_UP: "what was written since the copy has to be applied first",
}
