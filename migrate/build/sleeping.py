"""Events: which of them run on the old source, and that none runs on a copy.

An event that arrives by replication is SLAVESIDE_DISABLED whether it was enabled on its source or not (measured on 5.6
and 9.7), so a replica can't tell which ones ran: the old source itself is asked, and the answer noted for the cutover.

A dump makes every event asleep. A clone, and whatever a hook copies, holds them as they are where it was taken. Taken
from the old source itself they are awake, and a server with event_scheduler=ON, MySQL 8.0's default, would run them
beside it. So its scheduler is off from before the copy until all are asleep: over the restart that a clone ends with
too, which MySQL 8.0.11 and later remember. A server that doesn't, and that a hook restarts with event_scheduler=ON in
its configuration, runs them for a moment, which is told: the copy may differ by it.

ALTER EVENT gives an event the definer, character set and collation of whoever says it; its sql_mode and time zone stay
(measured on 9.7 and 11.8). So the definer is named, and the session is set to the rest beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from understudy.migrate.build import definitions, inventory
from understudy.migrate.build.closing import kept
from understudy.migrate.build.replication import say
from understudy.migrate.build.world import World, writing
from understudy.migrate.ports import Database
from understudy.migrate.rows import text
from understudy.migrate.sqltext import account, identifier
from understudy.migrate.words import Word

EVENTS, SCHEDULER = "events", "scheduler_before"


class Awake(Struct, frozen=True):
    """An event that is enabled, and what it was made under."""

    schema: str
    name: str
    definer: str
    charset: str
    collation: str


def awake(session: Database) -> list[Awake]:
    """The server's enabled events. Raises PrivilegeError for an account that is not shown them all."""
    inventory.require_sight(session)
    found = session.rows(
        "SELECT event_schema AS s, event_name AS n, definer AS d, character_set_client AS c, collation_connection AS l"
        " FROM information_schema.events WHERE status = 'ENABLED' ORDER BY event_schema, event_name"
    )
    made = [Awake(*(text(row[key]) for key in "sndcl")) for row in found]
    return [event for event in made if event.schema.lower() not in inventory.SYSTEM]


def note_running(world: World, under: str) -> None:
    """Note, for the cutover, which events are enabled on the source of the tree that `under` is in."""
    above = [name for name in (under, *world.tree.shape.above(under)) if world.tree.servers[name].version]
    with world.open(above[-1]) as session:
        world.note(**{EVENTS: [[event.schema, event.name] for event in awake(session)]})


def hold_scheduler(world: World, server: str) -> None:
    """Let no event run on the server, having noted what it was like."""
    with world.open(server) as session:
        if SCHEDULER not in world.recorded:
            world.note(**{SCHEDULER: {"on": _is_on(session), "kept": kept(session).get("event_scheduler")}})
        if _was_on(world.recorded):
            say(session, Word.SCHEDULER_OFF)


def hold_again(world: World, server: str) -> bool:
    """Once the copy is there: whether the server was restarted with its scheduler on, which is off again."""
    with world.open(server) as session:
        is_on = _was_on(world.recorded) and _is_on(session)
        if is_on:
            say(session, Word.SCHEDULER_OFF)
        return is_on


def release_scheduler(world: World, server: str) -> None:
    """Set the scheduler as it was before it was held."""
    if not _was_on(world.recorded):
        return
    with world.open(server) as session:
        if session.dialect.knows(Word.FORGET_SCHEDULER):
            say(session, Word.FORGET_SCHEDULER)
        say(session, Word.SCHEDULER_ON)
        if world.recorded[SCHEDULER]["kept"]:
            session.execute("SET PERSIST event_scheduler = ON")


def put_to_sleep(world: World, server: str) -> int:
    """Disable every enabled event of a copy as a replica has them, unlogged: how many there were."""
    with world.open(server) as session:
        found = awake(session)
        if not found:
            return 0
        with writing(session, world):
            for event in found:
                _disable(session, event)
    return len(found)


def is_quiet(world: World, server: str) -> bool:
    """Whether no event of the server is enabled, and its scheduler is as it was."""
    with world.open(server) as session:
        return not awake(session) and (_is_on(session) or not _was_on(world.recorded))


def _is_on(session: Database) -> bool:
    return text(session.value("SELECT @@GLOBAL.event_scheduler")).upper() in ("ON", "1")


def _was_on(recorded: Mapping[str, object]) -> bool:
    before = recorded.get(SCHEDULER)
    return isinstance(before, Mapping) and bool(before["on"])


def _disable(session: Database, event: Awake) -> None:
    user, _, host = event.definer.rpartition("@")
    sql = f"ALTER DEFINER = {account(user, host)} EVENT {identifier(event.schema, event.name)} DISABLE ON SLAVE"
    sent = definitions.sent(sql, event.charset)
    try:
        if sent:
            session.execute(f"SET SESSION character_set_client = {event.charset}")
            session.execute(f"SET SESSION collation_connection = {event.collation}")
        session.execute(sent or sql)
    finally:
        session.execute("SET NAMES utf8mb4")
