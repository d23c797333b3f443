"""Whether one server can replicate from another, by what is known of both. Pure."""

from __future__ import annotations

from understudy.migrate.facts import Server
from understudy.migrate.topology import Tree


def cannot_feed(server: Server, is_root: bool = False) -> str:
    """Why a server can't have replicas; empty where it can. A root writes its own log, a replica has to be told to."""
    if server.unreachable:
        return f"it is not seen ({server.unreachable})"
    if not server.log_bin:
        return "it writes no binary log (log_bin)"
    if not is_root and not server.log_replica_updates:
        return "what it applies is not in its own binary log (log_replica_updates, log_slave_updates in older versions)"
    return ""


def partial(tree: Tree, name: str) -> str:
    """Why a server does not have all that its root has: it, or one above it, filters; empty where none does."""
    for one in (name, *tree.shape.above(name)):
        filters = [words for channel in tree.servers[one].channels for words in channel.filters]
        if filters and tree.source(one):
            return f"{'it' if one == name else f'{one} above it'} filters replication ({'; '.join(filters)})"
    return ""


def may_follow(tree: Tree, name: str, under: str) -> bool:
    """Whether one server of a tree can replicate from another: it is seen, logs all that is applied, is not newer."""
    server, above = tree.servers[name], tree.servers.get(under)
    if above is None or cannot_feed(above, is_root=not tree.source(under)) or partial(tree, under):
        return False
    if server.version is None or above.version is None or server.version.flavour is not above.version.flavour:
        return False
    return above.version <= server.version
