"""Which gtid_mode a new server must have to follow another, and how it gets there online. Pure.

A source without GTID sends anonymous transactions: a replica with gtid_mode=ON, the default of MySQL 9.7, stops at the
first of them, and with any other mode it doesn't (measured with 5.6 above 9.7, two levels deep). A source with
gtid_mode=ON needs a replica whose mode is not OFF. The mode changes online one step at a time, from MySQL 5.7.6 on
(MySQL manual, "Enabling GTID Transactions Online").
"""

from __future__ import annotations

from understudy.migrate.versions import Version

MODES = ("OFF", "OFF_PERMISSIVE", "ON_PERMISSIVE", "ON")


def mode_to_follow(mode: str, under: str, version: Version | None) -> str:
    """The mode that a server with this `mode` needs to follow one whose mode is `under`; empty where its own does."""
    if version is None or not version.is_mysql() or mode not in MODES:
        return ""
    takes_anonymous = under != "ON"
    if takes_anonymous and mode == "ON":
        return "ON_PERMISSIVE"
    return "ON_PERMISSIVE" if under == "ON" and mode == "OFF" else ""


def way(mode: str, wanted: str) -> tuple[str, ...]:
    """The modes to set one after another; none where it is the wanted one already."""
    if mode == wanted or mode not in MODES:
        return ()
    here, there = MODES.index(mode), MODES.index(wanted)
    return MODES[here + 1 : there + 1] if here < there else MODES[there:here][::-1]
