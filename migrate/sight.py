"""What a plan rests on: a digest of the tree as it was seen, and what has moved since. Pure.

Only what a plan is made of counts: who is there, what they are, whom they follow, whether they can feed others, and
what a source of the new servers is chosen by: filters, delay, who may write to it. Lag, positions and uptimes change
all the time and don't matter.

What a source is chosen by matters until the first step is taken. Afterwards the choice is made, and only a filter still
does: what comes through it lacks rows. It is compared by the facts and is not in the digest, so that plans that were
saved before it counted can be gone on with, and are held against it as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator

import msgspec
from msgspec import Struct

from understudy.migrate.topology import Tree


class Seen(Struct, frozen=True):
    """What counts about one server. Empty or None is unknown; one that follows none has nothing of the last three."""

    address: str
    source: str
    seen: bool
    identity: str = ""
    version: str = ""
    also: tuple[str, ...] = ()
    log_bin: bool = False
    log_replica_updates: bool = False
    gtid_mode: str = ""
    retention_days: int | None = None
    filters: tuple[str, ...] = ()
    delay_s: int = 0
    read_only: bool | None = None


JUDGED = ("filters", "delay_s", "read_only")


def sight(tree: Tree) -> tuple[Seen, ...]:
    """What counts about all servers, by address."""
    return tuple(sorted((_seen(tree, name) for name in tree.servers), key=lambda seen: seen.address))


def fingerprint(sights: tuple[Seen, ...]) -> str:
    """A digest of it: the same for the same facts, in whatever order they were found."""
    plain = [
        {name: value for name, value in msgspec.structs.asdict(one).items() if name not in JUDGED} for one in sights
    ]
    return hashlib.sha256(msgspec.json.encode(plain, order="deterministic")).hexdigest()


def moved(
    expected: tuple[Seen, ...], found: tuple[Seen, ...], *, strictly: bool = True, feeding: Collection[str] = ()
) -> list[str]:
    """What differs, a sentence each. Unless `strictly`, what was unknown may be anything.

    `feeding` are the servers whose filters matter even then.
    """
    before, now = ({seen.address: seen for seen in sights} for sights in (expected, found))
    said = [f"{name} is gone" for name in before if name not in now]
    for name, seen in now.items():
        if name not in before:
            said.append(f"{name} was not there" + (f", and follows {seen.source}" if seen.source else ""))
        else:
            said += _differences(before[name], seen, strictly)
            said += _judged(before[name], seen, strictly, name in feeding)
    return said


def _seen(tree: Tree, name: str) -> Seen:
    server = tree.servers[name]
    also = tree.also.get(name, ())
    if server.unreachable:
        return Seen(name, tree.source(name), seen=False, also=also)
    followed = server.channels if tree.source(name) else ()
    return Seen(
        name,
        tree.source(name),
        seen=server.version is not None,
        identity=server.server_uuid or (f"server_id {server.server_id}" if server.server_id else ""),
        version=str(server.version) if server.version else "",
        also=also,
        log_bin=server.log_bin,
        log_replica_updates=server.log_replica_updates,
        gtid_mode=server.gtid_mode,
        retention_days=server.backup_retention_days,
        filters=tuple(sorted(words for channel in followed for words in channel.filters)),
        delay_s=max((channel.delay_s for channel in followed), default=0),
        read_only=server.read_only if followed else None,
    )


_WORDS = {
    "identity": "its identity",
    "version": "its version",
    "also": "what it follows besides",
    "log_bin": "log_bin",
    "log_replica_updates": "log_replica_updates",
    "gtid_mode": "gtid_mode",
    "retention_days": "its backup retention in days",
}


def _differences(before: Seen, now: Seen, strictly: bool) -> Iterator[str]:
    name = before.address
    if before.source != now.source:
        was, is_ = (f"followed {before.source}" if before.source else "followed none", now.source or "none")
        yield f"{name} {was}, and now follows {is_}"
    if before.seen != now.seen:
        if before.seen or strictly:
            yield f"{name} was {'' if before.seen else 'not '}seen, and now is{'' if now.seen else ' not'}"
        return
    for field, words in _WORDS.items():
        was, is_ = getattr(before, field), getattr(now, field)
        if field == "retention_days" and is_ is None and not strictly:
            continue  # a server of one's own does not say, and a step has seen to it
        if was != is_ and (strictly or was not in (None, "")):
            yield f"{name}: {words} was {_shown(was)}, and now is {_shown(is_)}"


def _judged(before: Seen, now: Seen, strictly: bool, feeds: bool) -> Iterator[str]:
    """What the choice of a source rests on; a server that was not seen before is not judged by it."""
    if not (before.seen and now.seen) or before.source != now.source:
        return
    words = ("what it filters out of replication", "its delay in seconds", "read_only")
    for field, what in zip(JUDGED, words, strict=True):
        was, is_ = getattr(before, field), getattr(now, field)
        matters = strictly or (field == "filters" and feeds and not set(is_) <= set(was))
        if was != is_ and matters:
            yield f"{before.address}: {what} was {_shown(was)}, and now is {_shown(is_)}"


def _shown(value: object) -> str:
    if value is None or value in ("", ()):
        return "unknown" if value != () else "nothing"
    if isinstance(value, bool):
        return "on" if value else "off"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
