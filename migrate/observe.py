"""Looking at one server: what it says about itself, whom it follows and who follows it.

A statement that the account may not run costs its own facts alone; what is not known, and why, is kept with the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from understudy.migrate import rows
from understudy.migrate.answering import Answering
from understudy.migrate.facts import Server
from understudy.migrate.faults import PrivilegeError
from understudy.migrate.ports import Database
from understudy.migrate.words import Word

VARIABLES = (
    "hostname",
    "port",
    "datadir",
    "server_id",
    "server_uuid",
    "read_only",
    "super_read_only",
    "log_bin",
    "log_slave_updates",
    "log_replica_updates",
    "binlog_format",
    "gtid_mode",
)
NAMES = {
    Word.REPLICA_STATUS: "whom it follows",
    Word.WORKER_ERRORS: "why its applier stopped",
    Word.COORDINATES: "where its binary log ends",
    Word.CHILDREN: "its replicas",
    Word.PROCESSES: "from where its replicas connect",
    Word.GTID_EXECUTED: "which GTIDs it has executed",
}


class Sight(Struct, frozen=True):
    """A server as it was seen. `identity` is the same under whatever address it is reached, and no other server's.

    A server_uuid is not enough: a copied data directory has its original's, and MariaDB has none.
    """

    server: Server
    identity: str
    children: tuple[rows.Child, ...] = ()
    dump_hosts: tuple[str, ...] = ()


def observe(database: Database) -> Sight:
    """Everything that discovery needs to know of one server, in eight statements. Raises ServerError."""
    missing: list[str] = []
    variables = _variables(database)
    children = rows.children(_asked(database, Word.CHILDREN, missing))
    processes = _asked(database, Word.PROCESSES, missing)
    dump_hosts = rows.dump_hosts(processes)
    if children and not dump_hosts:
        missing.append(f"{NAMES[Word.PROCESSES]}: the process list shows none of them; GRANT PROCESS lets it")
    server = _server(database, variables, missing, Answering.of(processes))
    identity = "/".join(variables.get(name, "") for name in ("server_uuid", "hostname", "port", "datadir", "server_id"))
    return Sight(server, identity, children, dump_hosts)


def _server(database: Database, variables: dict[str, str], missing: list[str], answers: Answering) -> Server:
    if refusal := answers.refusal(database, Word.REPLICA_STATUS):
        raise refusal
    own_log = rows.Coordinates()
    if refusal := answers.refusal(database, Word.COORDINATES):
        missing.append(f"{NAMES[Word.COORDINATES]}: {refusal.what}")
    else:
        own_log = rows.coordinates(_asked(database, Word.COORDINATES, missing))
    channels = rows.channels(_asked(database, Word.REPLICA_STATUS, missing))
    if any(channel.error for channel in channels):
        channels = rows.explained(channels, _asked(database, Word.WORKER_ERRORS, missing))
    executed = _asked(database, Word.GTID_EXECUTED, missing)
    return Server(
        address=database.address,
        version=database.version,
        server_id=rows.number(variables.get("server_id")),
        server_uuid=variables.get("server_uuid", ""),
        read_only=_is_on(variables.get("read_only", "")),
        super_read_only=_is_on(variables.get("super_read_only", "")),
        log_bin=_is_on(variables.get("log_bin", "")),
        log_replica_updates=_is_on(variables.get("log_replica_updates", variables.get("log_slave_updates", ""))),
        binlog_format=variables.get("binlog_format", ""),
        gtid_mode=variables.get("gtid_mode", ""),
        gtid_executed="".join("".join(rows.text(value) for value in row.values()) for row in executed).replace(
            "\n", ""
        ),
        binlog_file=own_log.file,
        binlog_pos=own_log.position,
        channels=channels,
        uptime_s=_uptime_s(database),
        missing=tuple(missing),
    )


def _variables(database: Database) -> dict[str, str]:
    names = ", ".join(["%s"] * len(VARIABLES))
    said = database.rows(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})", *VARIABLES)
    return {rows.text(row["Variable_name"]).lower(): rows.text(row["Value"]) for row in said}


def _uptime_s(database: Database) -> int:
    said = database.row("SHOW GLOBAL STATUS LIKE 'Uptime'")
    return rows.number(said["Value"]) if said else 0


def _asked(database: Database, word: Word, missing: list[str]) -> Sequence[rows.Row]:
    """The answer; none, with a line in `missing`, where the account may not ask."""
    if not database.dialect.knows(word):
        return ()
    try:
        return database.rows(database.dialect.sql(word))
    except PrivilegeError as error:
        missing.append(f"{NAMES[word]}: {error.what}; GRANT {database.dialect.privilege(word)} lets it")
        return ()


def _is_on(value: str) -> bool:
    """A switch's value; MariaDB 12's read_only has several kinds of on."""
    return value.upper() not in ("", "0", "OFF", "NO")
