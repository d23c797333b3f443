"""The least privileges that each command needs, as SQL in a server's own dialect. Pure.

They follow from the words that a command uses, so what a statement needs is said once, in `words`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from understudy.errors import UnderstudyError
from understudy.migrate.dialects import Dialect
from understudy.migrate.sqltext import account, string
from understudy.migrate.versions import Version
from understudy.migrate.words import Word

LOOKING = (
    Word.REPLICA_STATUS,
    Word.WORKER_ERRORS,
    Word.COORDINATES,
    Word.CHILDREN,
    Word.PROCESSES,
    Word.GTID_EXECUTED,
)
GRANT_TABLES = (
    Word.ACCOUNTS,
    Word.DATABASE_GRANTS,
    Word.TABLE_GRANTS,
    Word.COLUMN_GRANTS,
    Word.ROUTINE_GRANTS,
    Word.DYNAMIC_GRANTS,
    Word.ROLES,
)
CHECKING = (
    Word.BINARY_LOGS,
    Word.BINLOG_EVENTS,
    Word.TRANSACTIONS,
    Word.PREPARED,
    *GRANT_TABLES,
)
SCHEMA = (
    Word.DATABASES,
    Word.TABLES,
    Word.COLUMNS,
    Word.INDEXES,
    Word.FOREIGN_KEYS,
    Word.CHECKS,
    Word.VIEWS,
    Word.ROUTINES,
    Word.PARAMETERS,
    Word.TRIGGERS,
    Word.EVENTS,
    Word.OWN_TABLES,
)
WATCHING = (*LOOKING, Word.BINARY_LOGS, Word.BINLOG_EVENTS, Word.RELAY_EVENTS)
DEFINITIONS = (Word.READ_ROWS, Word.VIEWS, Word.TRIGGERS, Word.EVENTS)  # SELECT shows all but the last three kinds
COMPARED = (*GRANT_TABLES, Word.DEFAULT_ROLES, Word.PROXIES)  # of accounts
VERIFYING = (*LOOKING, Word.WAIT_POSITION, Word.TABLE_NAMES, *DEFINITIONS, *COMPARED)
SKIPPING = (*WATCHING, Word.STOP_APPLIER, Word.START_APPLIER, Word.SKIP_ONE, Word.NEXT_GTID)
BUILDING = (
    *LOOKING,
    *(word for word in CHECKING if word is not Word.BINLOG_EVENTS),
    Word.HOLD_STILL,
    Word.START,
    Word.STOP,
    Word.START_APPLIER,
    Word.STOP_APPLIER,
    Word.START_UNTIL,
    Word.REPOINT,
    Word.FORGET,
    Word.UNLOGGED,
    Word.READ_ONLY,
    Word.READ_WRITE,
    Word.ADMIN_WRITES,
    Word.LOGS_KEPT,
    Word.KEEP_LOGS,
    Word.DAYS_KEPT,
    Word.KEEP_DAYS,
    Word.FORGET_DAYS,
    Word.GTID_MODE,
    Word.PERSISTED,
    Word.KEEP_READ_ONLY,
    Word.FORGET_READ_ONLY,
    Word.FORGET_LOGS_KEPT,
    Word.CREATE_REPLICATOR,
    Word.GRANT_REPLICATION,
    Word.REVOKE_REPLICATION,
    Word.DROP_REPLICATOR,
)
USES: Mapping[str, tuple[Word, ...]] = {
    "status": LOOKING,
    "log": (*LOOKING, Word.ERROR_LOG),
    "check": (*LOOKING, *CHECKING, Word.TABLE_NAMES, Word.COLLATIONS, *SCHEMA),
    "verify": VERIFYING,
    "watch": WATCHING,
    "skip": SKIPPING,
    "plan": LOOKING,
    "build": BUILDING,
    "rebuild": BUILDING,
}
READING = ("EVENT", "LOCK TABLES", "SELECT", "SHOW VIEW", "TRIGGER")  # all rows and definitions, whatever they are
ON_OLD: Mapping[str, tuple[str, ...]] = {"build": READING, "rebuild": READING}
EVERYTHING = ("build", "rebuild")  # on new servers: they make anything there, and nobody grants what they lack
PASSWORD = "<password>"


def privileges(version: Version, commands: Iterable[str]) -> dict[str, list[str]]:
    """What has to be granted, by what it is granted on: {"*.*": ["PROCESS", …]}. Raises for an unknown command."""
    dialect = Dialect(version)
    found: dict[str, dict[str, None]] = {}
    for command in commands:
        if command not in USES:
            raise UnderstudyError(f"{command}: no such command; accepted: {', '.join(USES)}")
        for word in USES[command]:
            if dialect.knows(word) and (privilege := dialect.privilege(word)):
                listed, _, where = privilege.partition(" ON ")
                found.setdefault(where or "*.*", {}).update(dict.fromkeys(listed.split(", ")))
        for name in ON_OLD.get(command, ()):
            found.setdefault("*.*", {})[name] = None
    everywhere = found.get("*.*", {})
    for where, names in found.items():
        if where != "*.*":
            found[where] = {name: None for name in names if name not in everywhere}
    return {where: sorted(names) for where, names in sorted(found.items()) if names}


def statements(
    version: Version,
    commands: Iterable[str],
    user: str,
    host: str = "%",
    password: str = PASSWORD,
    *,
    new: bool = False,
) -> list[str]:
    """The SQL that makes the account and grants it what these commands need on a server of this version.

    `new` is a server that is to be built.

    It is kept out of the binary log: a replicated CREATE USER … IDENTIFIED BY of MySQL 5.6 arrives as a hash, and stops
    the applier of a version that has no such clause.
    """
    dialect, who, commands = Dialect(version), account(user, host), list(commands)
    everything = new and any(command in EVERYTHING for command in commands)
    if everything:
        commands = [command for command in commands if command not in EVERYTHING]
    grants = [f"GRANT {', '.join(names)} ON {where} TO {who}" for where, names in privileges(version, commands).items()]
    if everything:
        grants.append(f"GRANT ALL PRIVILEGES ON *.* TO {who} WITH GRANT OPTION")
    return [
        dialect.sql(Word.UNLOGGED),
        f"CREATE USER {who} IDENTIFIED BY {string(password)}",
        *grants,
        dialect.sql(Word.LOGGED),
    ]
