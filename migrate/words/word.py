"""The words themselves, and what a row of a table says of one. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from understudy.migrate.versions import Flavour

MY, MARIA = Flavour.MYSQL, Flavour.MARIADB


class Word(StrEnum):
    """What Understudy says to a server that not every server calls the same."""

    REPLICA_STATUS = "replica_status"  # a row for each channel
    COORDINATES = "coordinates"  # the newest file and position of its own binary log
    WORKER_ERRORS = "worker_errors"  # why an applier with several workers stopped, in the worker's own words
    CHILDREN = "children"  # the replicas that registered with it
    PROCESSES = "processes"
    BINARY_LOGS = "binary_logs"
    START = "start"
    STOP = "stop"
    START_APPLIER = "start_applier"
    STOP_APPLIER = "stop_applier"
    STOP_RECEIVER = "stop_receiver"
    START_UNTIL = "start_until"  # the applier alone, until it is at this file and position of its source
    REPOINT = "repoint"
    FORGET = "forget"  # the replica forgets whom it followed
    RESET_LOGS = "reset_logs"  # its own binary logs and GTIDs are deleted
    FLUSH_LOGS = "flush_logs"
    WAIT_POSITION = "wait_position"  # file, position, seconds; NULL where no applier runs, -1 after the time
    WAIT_GTID = "wait_gtid"  # set, seconds; 0 when reached
    GTID_EXECUTED = "gtid_executed"
    GTID_PURGED = "gtid_purged"
    READ_ROWS = "read_rows"  # of any table; this one is on every server
    SKIP_ONE = "skip_one"  # the applier leaves out one event group, at its next start
    READ_ONLY = "read_only"
    READ_WRITE = "read_write"
    ADMIN_WRITES = "admin_writes"  # read_only stays, and an administrator may write all the same
    UNLOGGED = "unlogged"  # this session's changes are not written to the binary log
    LOGGED = "logged"
    ERROR_LOG = "error_log"
    RELAY_EVENTS = "relay_events"  # file, position, at most so many: what the applier has before it
    BINLOG_EVENTS = "binlog_events"  # file, position, at most so many, of its own binary log
    NEXT_GTID = "next_gtid"  # this session's next transaction has this GTID; AUTOMATIC: one of the server's own
    TRANSACTIONS = "transactions"  # open in InnoDB, the oldest first, with their age in seconds
    PREPARED = "prepared"  # XA transactions that nobody has committed or rolled back; what XA COMMIT takes in `data`
    ACCOUNTS = "accounts"
    DATABASE_GRANTS = "database_grants"
    TABLE_GRANTS = "table_grants"
    COLUMN_GRANTS = "column_grants"
    ROUTINE_GRANTS = "routine_grants"
    DYNAMIC_GRANTS = "dynamic_grants"
    ROLES = "roles"  # which role is granted to whom
    DEFAULT_ROLES = "default_roles"  # which of them a login has at once; MariaDB's accounts say it themselves
    PROXIES = "proxies"  # who may stand in for whom
    DATABASES = "databases"
    TABLE_NAMES = "table_names"  # of tables and views, as the server orders them; told without opening any
    TABLES = "tables"  # of the schema, as all that follow: what is in databases that are not the server's own
    COLUMNS = "columns"
    INDEXES = "indexes"
    FOREIGN_KEYS = "foreign_keys"
    CHECKS = "checks"
    VIEWS = "views"
    ROUTINES = "routines"
    PARAMETERS = "parameters"
    TRIGGERS = "triggers"
    EVENTS = "events"
    OWN_TABLES = "own_tables"  # those in the database mysql
    COLLATIONS = "collations"  # by the names that columns tell
    LOGS_KEPT = "logs_kept"  # for how many seconds binary logs are kept; 0 for ever
    KEEP_LOGS = "keep_logs"  # seconds; in whole days where the server knows no less
    DAYS_KEPT = "days_kept"  # what an older configuration says where seconds are set too: those are refused beside it
    KEEP_DAYS = "keep_days"
    FORGET_DAYS = "forget_days"
    GTID_MODE = "gtid_mode"  # one step at a time: OFF, OFF_PERMISSIVE, ON_PERMISSIVE, ON
    ENFORCE_GTID = "enforce_gtid"  # statements that GTIDs don't allow are refused, without which gtid_mode is never ON
    USE_GTID = "use_gtid"  # a replica goes on by GTID, whomever it follows; its threads must be stopped
    USE_POSITION = "use_position"
    PERSISTED = "persisted"  # what the server itself sets at its next start
    KEEP_READ_ONLY = "keep_read_only"  # 1 or 0, now and at its next start
    FORGET_READ_ONLY = "forget_read_only"  # what was kept for its next start, no matter if there was anything
    FORGET_LOGS_KEPT = "forget_logs_kept"
    FORGET_GTID_MODE = "forget_gtid_mode"
    FORGET_SCHEDULER = "forget_scheduler"
    SCHEDULER_ON = "scheduler_on"  # events run
    SCHEDULER_OFF = "scheduler_off"  # none does, nor after a restart where the server keeps that itself
    CREATE_REPLICATOR = "create_replicator"  # user, host, password
    GRANT_REPLICATION = "grant_replication"  # user, host
    REVOKE_REPLICATION = "revoke_replication"  # user, host
    DROP_REPLICATOR = "drop_replicator"  # user, host
    COPY_FROM = "copy_from"  # stands for all that is read of a server that is copied
    COPY_TO = "copy_to"  # stands for all that is made on the server that it is copied to
    HOLD_STILL = "hold_still"  # no write is committed until UNLOCK TABLES, or the session's end


class Row(NamedTuple):
    """One row of the table; without SQL, that its flavour says it no more from this version on."""

    word: Word
    flavour: Flavour
    since: tuple[int, ...]
    sql: str
    privilege: str = ""


def both(word: Word, sql: str, privilege: str = "") -> tuple[Row, Row]:
    """The rows of a word that every version of either flavour says in the same way."""
    return Row(word, MY, (5, 5), sql, privilege), Row(word, MARIA, (10, 0), sql, privilege)
