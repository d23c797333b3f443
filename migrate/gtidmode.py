"""Which gtid_mode a new server must have to follow another, and how it gets there online. Pure.

A source without GTID sends anonymous transactions: a replica with gtid_mode=ON, the default of MySQL 9.7, stops at the
first of them, and with any other mode it doesn't (measured with 5.6 above 9.7, two levels deep). A source with
gtid_mode=ON needs a replica whose mode is not OFF, and that is to follow by GTID at least ON_PERMISSIVE. With ON and
ON_PERMISSIVE a server gives GTIDs to what is written to it; so beneath a source without GTID the new servers are OFF,
unless GTID is to be turned on at the cutover: then they are ON_PERMISSIVE, from where a single step leads to ON. The
mode changes online one step at a time, from MySQL 5.7.6 on (MySQL manual, "Enabling GTID Transactions Online").
"""

from __future__ import annotations

from understudy.migrate.topology import Tree
from understudy.migrate.versions import Version

MODES = ("OFF", "OFF_PERMISSIVE", "ON_PERMISSIVE", "ON")
ONLINE = (5, 7, 6)


def uses_gtid(tree: Tree, name: str) -> bool:
    """Whether what follows this server does so by GTID.

    MySQL: by its mode. MariaDB writes GTIDs always; there it is the server's own way, or that of one of its replicas.
    """
    server = tree.servers[name]
    if server.version is None or server.version.is_mysql():
        return server.gtid_mode == "ON"
    family = [server, *(tree.servers[child] for child in tree.shape.children(name))]
    return any(channel.auto_position for one in family for channel in one.channels)


def mode_to_follow(mode: str, under: str, version: Version | None, *, at_cutover: bool = False) -> str:
    """The mode that a server with this `mode` needs to follow one whose mode is `under`; empty where its own does.

    `at_cutover` says that GTID is to be turned on then.
    """
    if version is None or not version.is_mysql() or mode not in MODES:
        return ""
    wanted = _wanted(mode, under, at_cutover=at_cutover)
    return wanted if wanted != mode else ""


def _wanted(mode: str, under: str, *, at_cutover: bool) -> str:
    if under == "ON":
        return mode if mode == "ON" else "ON_PERMISSIVE"
    if at_cutover:
        return "ON_PERMISSIVE"
    if under in ("OFF_PERMISSIVE", "ON_PERMISSIVE"):  # transactions of both kinds may come
        return {"ON": "ON_PERMISSIVE", "OFF": "OFF_PERMISSIVE"}.get(mode, mode)
    return "OFF" if mode in ("ON", "ON_PERMISSIVE") else mode


def way(mode: str, wanted: str) -> tuple[str, ...]:
    """The modes to set one after another; none where it is the wanted one already."""
    if mode == wanted or mode not in MODES:
        return ()
    here, there = MODES.index(mode), MODES.index(wanted)
    return MODES[here + 1 : there + 1] if here < there else MODES[there:here][::-1]
