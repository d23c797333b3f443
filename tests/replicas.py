"""Servers to grow trees from, in few words, and random trees of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from hypothesis import strategies as st

from understudy.migrate.facts import Channel, Server
from understudy.migrate.limits import Limits
from understudy.migrate.topology import Tree, grow
from understudy.migrate.versions import Version

OLD = Version.parse("5.6.51-log")
NEW = Version.parse("9.7.0")
MARIA = Version.parse("10.11.6-MariaDB-log")


def at(name: str) -> str:
    return name if ":" in name else f"{name}:3306"


def server(name: str, follows: str = "", **facts: Any) -> Server:
    """A server that is well: it feeds others, and replicates where it follows one."""
    channel = facts.pop("channel", {})
    running = {"receiving": True, "applying": True, "lag_s": 0.0} | channel
    channels = (Channel(at(follows), **running),) if follows else ()
    defaults: dict[str, Any] = {
        "version": OLD,
        "server_id": sum(ord(char) * 131**index for index, char in enumerate(name)) % 4_000_000_000 + 1,
        "server_uuid": f"uuid-of-{name}",
        "read_only": bool(follows),
        "log_bin": True,
        "log_replica_updates": True,
        "backup_retention_days": 7,
        "channels": channels,
    }
    return msgspec.structs.replace(Server(at(name)), **(defaults | facts))


def tree_of(sources: Mapping[str, str], facts: Mapping[str, Mapping[str, Any]] | None = None) -> Tree:
    """A tree from who follows whom; `facts` are further ones, by name."""
    return grow(server(name, follows, **(facts or {}).get(name, {})) for name, follows in sources.items())


def shape_of(tree: Tree) -> dict[str, str]:
    """Who follows whom, without the ports."""
    return {name.removesuffix(":3306"): source.removesuffix(":3306") for name, source in tree.shape.sources.items()}


LIMITS = st.builds(
    Limits,
    name=st.just("these limits"),
    replicas_per_source=st.none() | st.integers(1, 4),
    levels=st.none() | st.integers(1, 3),
    retention_days=st.integers(0, 2),
    whole_tree=st.booleans(),
)


@st.composite
def shapes(draw: st.DrawFn, limits: Limits, names: Iterable[str]) -> dict[str, str]:
    """A random tree of these servers, the first its root, within the limits."""
    root, *others = names
    sources, level = {root: ""}, {root: 0}
    for name in others:
        each, deepest = limits.replicas_per_source, limits.levels
        able = [
            above
            for above in sources
            if (each is None or list(sources.values()).count(above) < each)
            and (deepest is None or level[above] < deepest)
        ]
        if not able:
            break
        above = draw(st.sampled_from(able))
        sources[name], level[name] = above, level[above] + 1
    return sources
