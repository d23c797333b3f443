"""One look at one server of the new side: its channels, what broke, where its own log ends, who else writes. Read only.

Somebody else's writes are seen in the server's own binary log: events with its own server_id, since replication keeps
the ids of those who wrote first (MySQL manual, "Replication and Binary Logging Options", replicate-same-server-id).
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from understudy.errors import UnderstudyError
from understudy.migrate import answering, rows
from understudy.migrate.faults import FullError, ServerError, SilentError
from understudy.migrate.ports import Database, Servers
from understudy.migrate.rows import Coordinates
from understudy.migrate.watch import collect
from understudy.migrate.watch.channels import Channel
from understudy.migrate.watch.events import ROWS, transactions
from understudy.migrate.watch.explain import Explanation, explain
from understudy.migrate.words import Word

MOST_EVENTS = 1_000  # of a server's log that are read in one look; who writes all the time is seen all the same
WROTE = ("Query", "Xid", "Execute_load_query")


class Sighting(Struct, frozen=True):
    """A server at a moment; `at_s` are monotonic seconds.

    `unreachable` says why nothing else is known; so does `full`, of a server whose disk is full.

    `own_events` counts what somebody else than replication wrote since the look before; None is unknown. `applying` is
    what the applier is at, where it stood still since then. After `net_timeout_s` without a word a receiver connects
    anew.
    """

    server: str
    at_s: float
    unreachable: str = ""
    full: str = ""
    channels: tuple[Channel, ...] = ()
    broken: tuple[Explanation, ...] = ()
    end: Coordinates = Coordinates()
    own_events: int | None = None
    relay_limit_bytes: int = 0
    net_timeout_s: int = 0
    writable: bool = False
    applying: Mapping[str, str] = {}


class End(Struct, frozen=True):
    """Where a source's log ended at a moment; empty where nobody knows. `unseen` says why its server was not asked."""

    at: Coordinates = Coordinates()
    unseen: str = ""


def look(
    servers: Servers, address: str, sources: Mapping[str, str], at_s: float, before: Sighting | None = None
) -> Sighting:
    """A server as it is now; never raises: one that does not answer says so in `unreachable`."""
    try:
        with servers.open(address) as database:
            return _seen(servers, database, sources, at_s, before)
    except FullError as error:
        return Sighting(address, at_s, full=f"{error.what}; {error.hint}")
    except SilentError as error:
        return Sighting(address, at_s, unreachable=f"{error.what}; {error.hint}")
    except ServerError as error:
        return Sighting(address, at_s, unreachable=error.what)
    except UnderstudyError as error:
        return Sighting(address, at_s, unreachable=error.message)


def _seen(
    servers: Servers, database: Database, sources: Mapping[str, str], at_s: float, before: Sighting | None
) -> Sighting:
    found = collect.channels_of(database)
    known = {channel.name: sources.get(channel.source, "") for channel in found}
    broken = [explain(fault) for fault in collect.faults(servers, database, found, known)]
    names = "'server_id', 'read_only', 'relay_log_space_limit', 'slave_net_timeout', 'replica_net_timeout'"
    said = database.rows(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})")
    values = {rows.text(row["Variable_name"]).lower(): rows.text(row["Value"]) for row in said}
    full = answering.answering(database).refusal(database, Word.COORDINATES)
    end = Coordinates() if full else _end(database)  # that matters less than how its channels stand
    return Sighting(
        server=database.address,
        at_s=at_s,
        channels=found,
        broken=tuple(broken),
        end=end,
        own_events=_own_events(database, rows.number(values.get("server_id")), before, end),
        relay_limit_bytes=rows.number(values.get("relay_log_space_limit")),
        net_timeout_s=rows.number(values.get("replica_net_timeout", values.get("slave_net_timeout"))),
        writable=values.get("read_only", "").upper() in ("OFF", "0"),
        applying={channel.name: _applying(database, channel) for channel in found if _stands(channel, before)},
    )


def look_above(servers: Servers, address: str) -> End:
    """Where the log of a source ends that is not watched itself; never raises."""
    try:
        with servers.open(address) as database:
            answering.require(database, Word.COORDINATES)
            return End(_end(database))
    except ServerError as error:
        return End(unseen=error.what)
    except UnderstudyError as error:
        return End(unseen=error.message)


def _end(database: Database) -> Coordinates:
    return rows.coordinates(database.rows(database.dialect.sql(Word.COORDINATES)))


def _own_events(database: Database, server_id: int, before: Sighting | None, end: Coordinates) -> int | None:
    if before is None or not before.end.file or not end.file:
        return None
    if before.end == end:
        return 0
    start = before.end if before.end.file == end.file else Coordinates(end.file, 4)
    try:
        said = database.rows(database.dialect.sql(Word.BINLOG_EVENTS), start.file, start.position, MOST_EVENTS)
    except ServerError:
        return None  # deleted since, or not to be read by this account
    kinds = ((rows.text(row["Event_type"]), rows.number(row["Server_id"])) for row in said)
    return sum(by == server_id and (kind in WROTE or bool(ROWS.search(kind))) for kind, by in kinds)


def _stands(channel: Channel, before: Sighting | None) -> bool:
    """Whether its applier has something to do and has not moved since the look before."""
    if before is None or not channel.applying or channel.is_idle:
        return False
    return any(one.name == channel.name and one.done == channel.done for one in before.channels)


def _applying(database: Database, channel: Channel) -> str:
    """The tables or the statement that an applier is at; empty where its relay log does not tell."""
    sql = database.dialect.sql(Word.RELAY_EVENTS, channel.name.replace("%", "%%"))
    try:
        said = database.rows(sql, channel.relay.file, channel.relay.position, MOST_EVENTS)
        first = next(transactions(said, channel.done.position), None)
        return _told(database, first.tables, first.statements) if first else ""
    except ServerError:
        return ""


def _told(database: Database, tables: tuple[str, ...], statements: tuple[str, ...]) -> str:
    keyless = [table for table in tables if _lacks_key(database, table)]
    if keyless:
        return f"{', '.join(keyless)}, which has no primary key: each row is looked for in the whole table"
    return ", ".join(tables) or " ".join(statements[:1])


def _lacks_key(database: Database, table: str) -> bool:
    """Whether a table is known to have no primary or unique key; one that the account may not see is not."""
    schema, _, name = table.partition(".")
    tables = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
    keys = (
        "SELECT COUNT(*) FROM information_schema.STATISTICS"
        " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND NON_UNIQUE = 0"
    )
    return bool(database.value(tables, schema, name)) and not database.value(keys, schema, name)
