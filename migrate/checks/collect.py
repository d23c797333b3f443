"""Collecting what the rules look at: one session with each server, all of them in parallel.

What an account may not see costs its own facts alone; it is kept in `Side.missing` with the privilege that is lacking.
Nothing is written, and nothing is asked that locks or scans a table of the application's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from msgspec.structs import replace

from understudy.migrate import disks, rows
from understudy.migrate.checks.asking import asked
from understudy.migrate.checks.case import Case, Logged, Side, Wishes
from understudy.migrate.checks.collect_activity import activity
from understudy.migrate.checks.collect_binlog import sample
from understudy.migrate.checks.collect_schema import schema
from understudy.migrate.checks.granttables import GrantTables, accounts
from understudy.migrate.checks.measure import heartbeat
from understudy.migrate.checks.rights import gaps
from understudy.migrate.clock import ahead
from understudy.migrate.faults import PrivilegeError, ServerError
from understudy.migrate.limits import Limits
from understudy.migrate.ports import Clock, Database, Servers
from understudy.migrate.topology import Tree
from understudy.migrate.versions import Version
from understudy.migrate.words import Word

AT_ONCE = 16
SAMPLED_EVENTS = 2000
HOUSEKEEPING = ("Format_desc", "Previous_gtids", "Gtid_list", "Rotate", "Stop", "Binlog_checkpoint", "Start_encryption")
ACTIVE_PLUGINS = "SELECT PLUGIN_NAME, PLUGIN_LIBRARY FROM information_schema.PLUGINS WHERE PLUGIN_STATUS = 'ACTIVE'"
TABLES = {
    "accounts": (Word.ACCOUNTS, "its accounts"),
    "databases": (Word.DATABASE_GRANTS, "grants on databases"),
    "tables": (Word.TABLE_GRANTS, "grants on tables"),
    "columns": (Word.COLUMN_GRANTS, "grants on columns"),
    "routines": (Word.ROUTINE_GRANTS, "grants on routines"),
    "dynamic": (Word.DYNAMIC_GRANTS, "dynamic privileges"),
    "roles": (Word.ROLES, "who has which role"),
}
Tell = Callable[[str], None]


def collect(
    servers: Servers, clock: Clock, tree: Tree, old: str, new: str, wishes: Wishes, tell: Tell
) -> tuple[dict[str, Side], dict[str, str]]:
    """Every server of the tree that answers, by address, `old` and `new` with their schemas; of the others, why not.

    The new source's schema is without tables: no rule looks at them, and a copy has as many as the old one.

    `tell` is called with a sentence whenever a server is done. Raises ServerError where `old` doesn't answer.
    """
    reached = [server.address for server in tree if not server.unreachable]

    def ask(address: str) -> Side | ServerError:
        try:
            with servers.open(address) as database:
                side = look(database, clock, wishes, is_deep=address in (old, new), with_tables=address == old)
        except ServerError as error:
            if address == old:
                raise
            return error
        tell(f"{address} has told")
        return side

    with ThreadPoolExecutor(AT_ONCE, "check") as pool:
        found = dict(zip(reached, pool.map(ask, reached), strict=True))
        sides = {address: side for address, side in found.items() if isinstance(side, Side)}
        later = dict(zip(sides, pool.map(lambda address: _gtids_later(servers, address), sides), strict=True))
    failed = {address: error.what for address, error in found.items() if isinstance(error, ServerError)}
    return {address: replace(side, gtids_later=later[address]) for address, side in sides.items()}, failed


def case(
    sides: Mapping[str, Side], tree: Tree, old: str, new: str, target: Version, limits: Limits, wishes: Wishes
) -> Case:
    """What the rules look at, put together."""
    others = {address: side for address, side in sides.items() if address not in (old, new)}
    return Case(sides[old], target, tree, limits, sides.get(new), others, wishes)


def look(database: Database, clock_: Clock, wishes: Wishes, *, is_deep: bool = False, with_tables: bool = True) -> Side:
    """One server. Raises ServerError where the session is lost."""
    missing: list[str] = []
    plugins = {
        rows.text(row["PLUGIN_NAME"]).lower(): rows.text(row["PLUGIN_LIBRARY"]) for row in database.rows(ACTIVE_PLUGINS)
    }
    clocks = ahead(database, clock_)
    side = Side(
        database.address,
        database.version,
        variables=_pairs(database.rows("SHOW GLOBAL VARIABLES")),
        status=_pairs(database.rows("SHOW GLOBAL STATUS")),
        gtids=_gtids(database),
        clock_offset_ms=clocks.ms,
        clock_error_ms=clocks.error_ms,
        plugins=frozenset(plugins),
        installed=frozenset(name for name, library in plugins.items() if library),
        activity=activity(database, clock_, missing),
    )
    side = replace(side, own_writes=_own_writes(database, rows.number(side.variable("server_id")), missing))
    newest, age_s = heartbeat(database, wishes.heartbeat_table, missing)
    side = replace(side, heartbeat=newest, heartbeat_age_s=age_s)
    if is_deep:
        side = replace(side, disk=disks.of_data(database) if "disks" in plugins else None)
        side = _deep(database, clock_, side, missing, with_tables)
    return replace(side, missing=tuple(missing))


def _deep(database: Database, clock_: Clock, side: Side, missing: list[str], with_tables: bool) -> Side:
    missing += gaps([rows.text(next(iter(row.values()))) for row in database.rows("SHOW GRANTS")], database.dialect)
    given = {name: asked(database, word, what, missing) for name, (word, what) in TABLES.items()}
    known, logged = accounts(GrantTables(**given)), _logged(database, clock_, missing)
    return replace(side, accounts=known, logged=logged, schema=schema(database, with_tables=with_tables))


def _logged(database: Database, clock_: Clock, missing: list[str]) -> tuple[Logged, ...]:
    try:
        return sample(database, clock_.monotonic_s)
    except PrivilegeError as error:
        missing.append(
            f"what it wrote lately: {error.what}; GRANT {database.dialect.privilege(Word.BINLOG_EVENTS)} lets it"
        )
        return ()


def _own_writes(database: Database, server_id: int, missing: list[str]) -> int:
    """How many of the events that begin its newest binary log it has made itself: each carries its server's ID."""
    logs = asked(database, Word.BINARY_LOGS, "its binary logs", missing) if database.value("SELECT @@log_bin") else []
    if not logs:
        return 0
    said = database.dialect.sql(Word.BINLOG_EVENTS)
    try:
        events = database.rows(said, rows.text(next(iter(logs[-1].values()))), 4, SAMPLED_EVENTS)
    except PrivilegeError as error:
        missing.append(
            f"who made its events: {error.what}; GRANT {database.dialect.privilege(Word.BINLOG_EVENTS)} lets it"
        )
        return 0
    return sum(
        rows.number(event["Server_id"]) == server_id and event["Event_type"] not in HOUSEKEEPING for event in events
    )


def _gtids(database: Database) -> str:
    """MySQL's executed set; of MariaDB the newest of each domain and server, which gtid_binlog_state alone keeps."""
    if database.version.is_mariadb():
        return rows.text(database.value("SELECT @@GLOBAL.gtid_binlog_state"))
    if not database.dialect.knows(Word.GTID_EXECUTED):
        return ""
    return rows.text(database.value(database.dialect.sql(Word.GTID_EXECUTED))).replace("\n", "")


def _gtids_later(servers: Servers, address: str) -> str:
    with suppress(ServerError), servers.open(address) as database:
        return _gtids(database)
    return ""


def _pairs(said: Iterable[Mapping[str, object]]) -> dict[str, str]:
    return {rows.text(row["Variable_name"]).lower(): rows.text(row["Value"]) for row in said}
