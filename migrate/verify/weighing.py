"""What a fact of a definition that differs is worth between two versions: a finding, a note or nothing. Pure.

An event of a source is SLAVESIDE_DISABLED on its replicas, and stays so until somebody enables it: that is what the
cutover has to do, so each such event is a note with the statement that does it. Replication makes it so of an event
that is DISABLED on the source as well (measured, 5.6 to 9.7 and 10.5 to 11.8: whenever one is created or altered), so
that is nobody's fault and a note as well: whoever enables all that wait would start what was switched off. ALTER EVENT
without a DEFINER makes its own account the definer (measured on 9.7 and 11.8), which is why the statements name it.
"""

from __future__ import annotations

from collections.abc import Collection

from understudy.migrate.sqltext import account, identifier
from understudy.migrate.verify.counters import is_behind
from understudy.migrate.verify.finding import Finding, Kind
from understudy.migrate.verify.things import Thing, Weigh, differs, names
from understudy.migrate.versions import Version

WAITING = ("SLAVESIDE_DISABLED", "REPLICA_SIDE_DISABLED")  # an event of a replica's source; 8.4 has the newer word
SETTINGS = ("charset_of_client", "collation_of_connection", "collation_of_database")


def weigh(old: Version, new: Version, moved: Collection[tuple[str, str]] = ()) -> Weigh:
    """Makes a finding of a fact that differs between these versions; none, or a note, where that is to be expected.

    `moved` are the default collations of character sets that have another one on the new side, each with that one.

    - An event that waits on a replica until it becomes the source.
    - A counter that is ahead: it numbers rows that were rolled back or deleted. Behind, it may be lag.
    - Across flavours a view's text may be another and mean the same; its columns decide.
    - A routine's collations, where nothing but the default moved: no statement that makes it names one.
    - A text's setting, where the copy was not made under the original's: rarely more than another default collation.
    """
    across = old.flavour is not new.flavour

    def weighed(thing: Thing, fact: str, was: str, now: str) -> Finding | None:
        found = differs(thing, fact, was, now)
        match thing.kind, fact:
            case Kind.EVENT, "status":
                return _status(thing, found, was, now)
            case Kind.TABLE, "auto_increment" | "next_value":
                return _behind(thing, found, fact, (was, now))
            case Kind.ROUTINE, "collations" if _are_defaults(was, now, moved):
                return _note(found, f"{found.found}: each is its server's default, and they may compare otherwise")
            case Kind.VIEW, "definition" if across:
                said = "it reads differently in another flavour, which may mean the same: compare by hand: "
                return _note(found, said + found.found)
        return _note(found, found.found) if fact in SETTINGS else found

    return weighed


def _are_defaults(was: str, now: str, moved: Collection[tuple[str, str]]) -> bool:
    """Whether all that differs between "a utf8mb4_bin, b utf8mb4_general_ci" and another such text is in `moved`."""
    before, after = ([tuple(one.rsplit(" ", 1)) for one in text.split(", ")] for text in (was, now))
    return [name for name, *_ in before] == [name for name, *_ in after] and all(
        one == other or (one[-1], other[-1]) in moved for one, other in zip(before, after, strict=True)
    )


def _status(thing: Thing, found: Finding, was: str, now: str) -> Finding | None:
    if was in WAITING and now in WAITING:
        return None
    if was == "ENABLED" and now in (*WAITING, "DISABLED"):
        how = "is disabled" if now == "DISABLED" else "waits, as on any replica"
        enable = _switched(thing, "ENABLE")
        return _note(found, f"it {how}, and runs on the old side: the cutover has to enable it: {enable}", enable)
    if was == "DISABLED" and now in WAITING:
        disable = _switched(thing, "DISABLE")
        said = "it waits as if to be enabled at the cutover, as replication leaves it, and is disabled on the old side"
        return _note(found, f"{said}: {disable}", disable)
    return found


def _switched(thing: Thing, state: str) -> str:
    user, _, host = dict(thing.facts).get("definer", "").rpartition("@")
    return f"ALTER DEFINER = {account(user, host)} EVENT {identifier(*names(thing.name))} {state};"


def _behind(thing: Thing, found: Finding, fact: str, values: tuple[str, str]) -> Finding | None:
    was, now = values
    if not is_behind(was, now):
        return None
    said = f"{fact.replace('_', ' ')} is at {now or 'nothing'}, behind {was}"
    mend = f"ALTER TABLE {identifier(*names(thing.name))} AUTO_INCREMENT = {was};" if fact == "auto_increment" else ""
    return _note(found, f"{said}: lag, or numbers of rows that were deleted or rolled back would be used again", mend)


def _note(found: Finding, said: str, mend: str = "") -> Finding:
    return Finding(found.kind, found.name, said, mend=(mend,) if mend else (), note=True)
