"""What each flavour and version calls things: one table. Pure.

A row is (word, flavour, first version, SQL, privilege). The row with the newest version that a server has reached is
its own. `{channel}` is where a channel's name goes: " FOR CHANNEL 'x'" on MySQL, " 'x'" on MariaDB, nothing for the
default one. The privilege is the least that runs the statement; empty where an account without any may.

Sources: MySQL 8.0 and 8.4 release notes for the renamings (8.0.22 SHOW REPLICA STATUS, 8.0.23 CHANGE REPLICATION
SOURCE TO, 8.0.26 SOURCE_POS_WAIT and variables, 8.2.0 SHOW BINARY LOG STATUS, 8.4.0 the old forms removed); MariaDB
knowledge base for 10.5.1 (REPLICA as a synonym) and 10.5.2 (SUPER divided). tests/integration/test_dialects.py runs
every row on real servers, with the privilege named here and with none.
"""

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
    LOGS_KEPT = "logs_kept"  # for how many seconds binary logs are kept; 0 for ever
    KEEP_LOGS = "keep_logs"  # seconds; in whole days where the server knows no less
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
    DROP_REPLICATOR = "drop_replicator"  # user, host
    COPY_FROM = "copy_from"  # stands for all that is read of a server that is copied
    COPY_TO = "copy_to"  # stands for all that is made on the server that it is copied to
    HOLD_STILL = "hold_still"  # no write is committed until UNLOCK TABLES, or the session's end


class Row(NamedTuple):
    """One row of the table."""

    word: Word
    flavour: Flavour
    since: tuple[int, ...]
    sql: str
    privilege: str = ""


_ALIEN = "NOT IN ('mysql', 'information_schema', 'performance_schema')"
_COLUMNS = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, COLLATION_NAME,"
    f" {{}} FROM information_schema.COLUMNS WHERE TABLE_SCHEMA {_ALIEN}"
)
_INDEXES = (  # for INDEX_TYPE MySQL before 8.0 and MariaDB open every table: checks/slices.py
    "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART, INDEX_TYPE, NULLABLE,"
    " SEQ_IN_INDEX,"
    f" {{}} FROM information_schema.STATISTICS WHERE TABLE_SCHEMA {_ALIEN}"
)
_DATABASES = f"SELECT SCHEMA_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME {_ALIEN}"
_TABLES = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE, ROW_FORMAT, TABLE_COLLATION, CREATE_OPTIONS, TABLE_TYPE, TABLE_COMMENT"
    f" FROM information_schema.TABLES WHERE TABLE_SCHEMA {_ALIEN}"
)
_TABLE_NAMES = (
    f"SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA {_ALIEN} ORDER BY TABLE_NAME"
)
_FOREIGN_KEYS = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME,"
    " REFERENCED_COLUMN_NAME, ORDINAL_POSITION FROM information_schema.KEY_COLUMN_USAGE"
    f" WHERE REFERENCED_TABLE_NAME IS NOT NULL AND TABLE_SCHEMA {_ALIEN}"
)
_VIEWS = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION, DEFINER FROM information_schema.VIEWS"
    f" WHERE TABLE_SCHEMA {_ALIEN}"
)
_ROUTINES = (
    "SELECT ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_TYPE, ROUTINE_DEFINITION, DEFINER, SQL_MODE"
    f" FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA {_ALIEN}"
)
_PARAMETERS = (
    "SELECT SPECIFIC_SCHEMA, SPECIFIC_NAME, ROUTINE_TYPE, PARAMETER_NAME FROM information_schema.PARAMETERS"
    f" WHERE PARAMETER_NAME IS NOT NULL AND SPECIFIC_SCHEMA {_ALIEN}"
)
_TRIGGERS = (
    "SELECT TRIGGER_SCHEMA, TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_STATEMENT, DEFINER, SQL_MODE"
    f" FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA {_ALIEN}"
)
_EVENTS = (
    "SELECT EVENT_SCHEMA, EVENT_NAME, EVENT_DEFINITION, DEFINER, SQL_MODE"
    f" FROM information_schema.EVENTS WHERE EVENT_SCHEMA {_ALIEN}"
)
_OWN_TABLES = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'mysql'"
_TRANSACTIONS = (  # trx_started is in the system's time zone, so the session's must be that too
    "SELECT trx_mysql_thread_id AS id, TIMESTAMPDIFF(SECOND, trx_started, NOW()) AS seconds"
    " FROM information_schema.innodb_trx ORDER BY trx_started"
)

_SIGHT = "SELECT, SHOW VIEW, TRIGGER, EVENT"  # without the last two there seem to be no triggers and no events
_MAKING = "SELECT, INSERT, DELETE, CREATE, DROP, ALTER, CREATE VIEW, CREATE ROUTINE, TRIGGER, EVENT"

TABLE: tuple[Row, ...] = (
    Row(Word.REPLICA_STATUS, MY, (5, 5), "SHOW SLAVE STATUS", "REPLICATION CLIENT"),
    Row(Word.REPLICA_STATUS, MY, (8, 0, 22), "SHOW REPLICA STATUS", "REPLICATION CLIENT"),
    Row(Word.REPLICA_STATUS, MARIA, (10, 0), "SHOW ALL SLAVES STATUS", "REPLICATION CLIENT"),
    Row(Word.REPLICA_STATUS, MARIA, (10, 5, 9), "SHOW ALL REPLICAS STATUS", "SLAVE MONITOR"),
    Row(
        Word.WORKER_ERRORS,
        MY,
        (5, 7, 2),
        "SELECT CHANNEL_NAME, LAST_ERROR_NUMBER, LAST_ERROR_MESSAGE"
        " FROM performance_schema.replication_applier_status_by_worker WHERE LAST_ERROR_NUMBER <> 0",
        "SELECT ON performance_schema.replication_applier_status_by_worker",
    ),
    Row(Word.COPY_FROM, MY, (5, 5), "SELECT 1 FROM mysql.help_category LIMIT 1", _SIGHT),
    Row(Word.COPY_FROM, MARIA, (10, 0), "SELECT 1 FROM mysql.help_category LIMIT 1", _SIGHT),
    Row(Word.COPY_TO, MY, (5, 5), "DROP TABLE IF EXISTS mysql.understudy_build", f"{_MAKING}, REFERENCES, SUPER"),
    Row(
        Word.COPY_TO,
        MY,
        (8, 0, 16),  # a definer may be an account that has SYSTEM_USER
        "DROP TABLE IF EXISTS mysql.understudy_build",
        f"{_MAKING}, REFERENCES, SUPER, SYSTEM_USER, SESSION_VARIABLES_ADMIN",
    ),
    Row(Word.COPY_TO, MARIA, (10, 0), "DROP TABLE IF EXISTS mysql.understudy_build", f"{_MAKING}, SUPER"),
    Row(
        Word.COPY_TO,
        MARIA,
        (10, 5, 2),
        "DROP TABLE IF EXISTS mysql.understudy_build",
        f"{_MAKING}, SUPER, BINLOG ADMIN, READ_ONLY ADMIN, SET USER",
    ),
    Row(Word.HOLD_STILL, MY, (5, 5), "FLUSH TABLES WITH READ LOCK", "RELOAD"),
    Row(Word.HOLD_STILL, MARIA, (10, 0), "FLUSH TABLES WITH READ LOCK", "RELOAD"),
    Row(Word.COORDINATES, MY, (5, 5), "SHOW MASTER STATUS", "REPLICATION CLIENT"),
    Row(Word.COORDINATES, MY, (8, 2), "SHOW BINARY LOG STATUS", "REPLICATION CLIENT"),
    Row(Word.COORDINATES, MARIA, (10, 0), "SHOW MASTER STATUS", "REPLICATION CLIENT"),
    Row(Word.COORDINATES, MARIA, (10, 5, 2), "SHOW BINLOG STATUS", "BINLOG MONITOR"),
    Row(Word.CHILDREN, MY, (5, 5), "SHOW SLAVE HOSTS", "REPLICATION SLAVE"),
    Row(Word.CHILDREN, MY, (8, 0, 22), "SHOW REPLICAS", "REPLICATION SLAVE"),
    Row(Word.CHILDREN, MARIA, (10, 0), "SHOW SLAVE HOSTS", "REPLICATION SLAVE"),
    Row(Word.CHILDREN, MARIA, (10, 5, 2), "SHOW REPLICA HOSTS", "REPLICATION MASTER ADMIN"),
    Row(Word.PROCESSES, MY, (5, 5), "SHOW PROCESSLIST", "PROCESS"),
    Row(Word.PROCESSES, MARIA, (10, 0), "SHOW PROCESSLIST", "PROCESS"),
    Row(Word.BINARY_LOGS, MY, (5, 5), "SHOW BINARY LOGS", "REPLICATION CLIENT"),
    Row(Word.BINARY_LOGS, MARIA, (10, 0), "SHOW BINARY LOGS", "REPLICATION CLIENT"),
    Row(Word.BINARY_LOGS, MARIA, (10, 5, 2), "SHOW BINARY LOGS", "BINLOG MONITOR"),
    Row(Word.START, MY, (5, 5), "START SLAVE", "SUPER"),
    Row(Word.START, MY, (5, 7, 6), "START SLAVE{channel}", "SUPER"),
    Row(Word.START, MY, (8, 0, 22), "START REPLICA{channel}", "REPLICATION_SLAVE_ADMIN"),
    Row(Word.START, MARIA, (10, 0), "START SLAVE{channel}", "SUPER"),
    Row(Word.START, MARIA, (10, 5, 2), "START REPLICA{channel}", "REPLICATION SLAVE ADMIN"),
    Row(Word.STOP, MY, (5, 5), "STOP SLAVE", "SUPER"),
    Row(Word.STOP, MY, (5, 7, 6), "STOP SLAVE{channel}", "SUPER"),
    Row(Word.STOP, MY, (8, 0, 22), "STOP REPLICA{channel}", "REPLICATION_SLAVE_ADMIN"),
    Row(Word.STOP, MARIA, (10, 0), "STOP SLAVE{channel}", "SUPER"),
    Row(Word.STOP, MARIA, (10, 5, 2), "STOP REPLICA{channel}", "REPLICATION SLAVE ADMIN"),
    Row(Word.START_APPLIER, MY, (5, 5), "START SLAVE SQL_THREAD", "SUPER"),
    Row(Word.START_APPLIER, MY, (5, 7, 6), "START SLAVE SQL_THREAD{channel}", "SUPER"),
    Row(Word.START_APPLIER, MY, (8, 0, 22), "START REPLICA SQL_THREAD{channel}", "REPLICATION_SLAVE_ADMIN"),
    Row(Word.START_APPLIER, MARIA, (10, 0), "START SLAVE{channel} SQL_THREAD", "SUPER"),
    Row(Word.START_APPLIER, MARIA, (10, 5, 2), "START REPLICA{channel} SQL_THREAD", "REPLICATION SLAVE ADMIN"),
    Row(Word.STOP_APPLIER, MY, (5, 5), "STOP SLAVE SQL_THREAD", "SUPER"),
    Row(Word.STOP_APPLIER, MY, (5, 7, 6), "STOP SLAVE SQL_THREAD{channel}", "SUPER"),
    Row(Word.STOP_APPLIER, MY, (8, 0, 22), "STOP REPLICA SQL_THREAD{channel}", "REPLICATION_SLAVE_ADMIN"),
    Row(Word.STOP_APPLIER, MARIA, (10, 0), "STOP SLAVE{channel} SQL_THREAD", "SUPER"),
    Row(Word.STOP_APPLIER, MARIA, (10, 5, 2), "STOP REPLICA{channel} SQL_THREAD", "REPLICATION SLAVE ADMIN"),
    Row(Word.STOP_RECEIVER, MY, (5, 5), "STOP SLAVE IO_THREAD", "SUPER"),
    Row(Word.STOP_RECEIVER, MY, (5, 7, 6), "STOP SLAVE IO_THREAD{channel}", "SUPER"),
    Row(Word.STOP_RECEIVER, MY, (8, 0, 22), "STOP REPLICA IO_THREAD{channel}", "REPLICATION_SLAVE_ADMIN"),
    Row(Word.STOP_RECEIVER, MARIA, (10, 0), "STOP SLAVE{channel} IO_THREAD", "SUPER"),
    Row(Word.STOP_RECEIVER, MARIA, (10, 5, 2), "STOP REPLICA{channel} IO_THREAD", "REPLICATION SLAVE ADMIN"),
    Row(Word.REPOINT, MY, (5, 5), "CHANGE MASTER TO {options}", "SUPER"),
    Row(Word.REPOINT, MY, (5, 7, 6), "CHANGE MASTER TO {options}{channel}", "SUPER"),
    Row(Word.REPOINT, MY, (8, 0, 1), "CHANGE MASTER TO {options}{channel}", "REPLICATION_SLAVE_ADMIN"),
    Row(Word.REPOINT, MY, (8, 0, 23), "CHANGE REPLICATION SOURCE TO {options}{channel}", "REPLICATION_SLAVE_ADMIN"),
    Row(Word.REPOINT, MARIA, (10, 0), "CHANGE MASTER{channel} TO {options}", "SUPER"),
    Row(Word.REPOINT, MARIA, (10, 5, 2), "CHANGE MASTER{channel} TO {options}", "REPLICATION SLAVE ADMIN"),
    Row(Word.FORGET, MY, (5, 5), "RESET SLAVE ALL", "RELOAD"),
    Row(Word.FORGET, MY, (5, 7, 6), "RESET SLAVE ALL{channel}", "RELOAD"),
    Row(Word.FORGET, MY, (8, 0, 22), "RESET REPLICA ALL{channel}", "RELOAD"),
    Row(Word.FORGET, MARIA, (10, 0), "RESET SLAVE{channel} ALL", "RELOAD"),
    Row(Word.FORGET, MARIA, (10, 5, 1), "RESET REPLICA{channel} ALL", "RELOAD"),
    Row(Word.RESET_LOGS, MY, (5, 5), "RESET MASTER", "RELOAD"),
    Row(Word.RESET_LOGS, MY, (8, 2), "RESET BINARY LOGS AND GTIDS", "RELOAD"),
    Row(Word.RESET_LOGS, MARIA, (10, 0), "RESET MASTER", "RELOAD"),
    Row(Word.FLUSH_LOGS, MY, (5, 5), "FLUSH BINARY LOGS", "RELOAD"),
    Row(Word.FLUSH_LOGS, MARIA, (10, 0), "FLUSH BINARY LOGS", "RELOAD"),
    Row(Word.WAIT_POSITION, MY, (5, 5), "SELECT MASTER_POS_WAIT(%s, %s, %s)"),
    Row(Word.WAIT_POSITION, MY, (8, 0, 26), "SELECT SOURCE_POS_WAIT(%s, %s, %s)"),
    Row(Word.WAIT_POSITION, MARIA, (10, 0), "SELECT MASTER_POS_WAIT(%s, %s, %s)"),
    Row(Word.WAIT_GTID, MY, (5, 7, 5), "SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s)"),
    Row(Word.WAIT_GTID, MARIA, (10, 0), "SELECT MASTER_GTID_WAIT(%s, %s)"),
    Row(Word.GTID_EXECUTED, MY, (5, 6), "SELECT @@GLOBAL.gtid_executed"),
    Row(Word.GTID_EXECUTED, MARIA, (10, 0), "SELECT @@GLOBAL.gtid_current_pos"),
    Row(Word.READ_ROWS, MY, (5, 5), "SELECT 1 FROM mysql.time_zone LIMIT 1", "SELECT"),
    Row(Word.READ_ROWS, MARIA, (10, 0), "SELECT 1 FROM mysql.time_zone LIMIT 1", "SELECT"),
    Row(Word.GTID_PURGED, MY, (5, 6), "SELECT @@GLOBAL.gtid_purged"),
    Row(Word.SKIP_ONE, MY, (5, 5), "SET GLOBAL sql_slave_skip_counter = 1", "SUPER"),
    Row(Word.SKIP_ONE, MY, (8, 0, 26), "SET GLOBAL sql_replica_skip_counter = 1", "SYSTEM_VARIABLES_ADMIN"),
    Row(Word.SKIP_ONE, MARIA, (10, 0), "SET GLOBAL sql_slave_skip_counter = 1", "SUPER"),  # still so in 11.8
    Row(Word.READ_ONLY, MY, (5, 5), "SET GLOBAL read_only = 1", "SUPER"),
    Row(Word.READ_ONLY, MY, (5, 7, 8), "SET GLOBAL super_read_only = 1", "SUPER"),
    Row(Word.READ_ONLY, MY, (8, 0, 1), "SET GLOBAL super_read_only = 1", "SYSTEM_VARIABLES_ADMIN"),
    Row(Word.READ_ONLY, MARIA, (10, 0), "SET GLOBAL read_only = 1", "SUPER"),
    Row(Word.READ_ONLY, MARIA, (10, 5, 2), "SET GLOBAL read_only = 1", "READ_ONLY ADMIN"),
    Row(Word.READ_WRITE, MY, (5, 5), "SET GLOBAL read_only = 0", "SUPER"),
    Row(Word.READ_WRITE, MY, (8, 0, 1), "SET GLOBAL read_only = 0", "SYSTEM_VARIABLES_ADMIN"),  # clears both
    Row(Word.READ_WRITE, MARIA, (10, 0), "SET GLOBAL read_only = 0", "SUPER"),
    Row(Word.READ_WRITE, MARIA, (10, 5, 2), "SET GLOBAL read_only = 0", "READ_ONLY ADMIN"),
    Row(Word.UNLOGGED, MY, (5, 5), "SET SESSION sql_log_bin = 0", "SUPER"),
    Row(Word.UNLOGGED, MY, (8, 0, 14), "SET SESSION sql_log_bin = 0", "SESSION_VARIABLES_ADMIN"),
    Row(Word.UNLOGGED, MARIA, (10, 0), "SET SESSION sql_log_bin = 0", "SUPER"),
    Row(Word.UNLOGGED, MARIA, (10, 5, 2), "SET SESSION sql_log_bin = 0", "BINLOG ADMIN"),
    Row(Word.LOGGED, MY, (5, 5), "SET SESSION sql_log_bin = 1", "SUPER"),
    Row(Word.LOGGED, MY, (8, 0, 14), "SET SESSION sql_log_bin = 1", "SESSION_VARIABLES_ADMIN"),
    Row(Word.LOGGED, MARIA, (10, 0), "SET SESSION sql_log_bin = 1", "SUPER"),
    Row(Word.LOGGED, MARIA, (10, 5, 2), "SET SESSION sql_log_bin = 1", "BINLOG ADMIN"),
    Row(
        Word.ERROR_LOG,
        MY,
        (8, 0, 22),
        "SELECT LOGGED, PRIO, ERROR_CODE, SUBSYSTEM, DATA FROM performance_schema.error_log"
        " WHERE LOGGED >= %s ORDER BY LOGGED",
        "SELECT ON performance_schema.error_log",
    ),
    Row(Word.RELAY_EVENTS, MY, (5, 5), "SHOW RELAYLOG EVENTS IN %s FROM %s LIMIT %s", "REPLICATION SLAVE"),
    Row(Word.RELAY_EVENTS, MY, (5, 7, 6), "SHOW RELAYLOG EVENTS IN %s FROM %s LIMIT %s{channel}", "REPLICATION SLAVE"),
    Row(Word.RELAY_EVENTS, MARIA, (10, 0), "SHOW RELAYLOG{channel} EVENTS IN %s FROM %s LIMIT %s", "REPLICATION SLAVE"),
    Row(Word.RELAY_EVENTS, MARIA, (10, 5, 2), "SHOW RELAYLOG{channel} EVENTS IN %s FROM %s LIMIT %s", "SLAVE MONITOR"),
    Row(Word.BINLOG_EVENTS, MY, (5, 5), "SHOW BINLOG EVENTS IN %s FROM %s LIMIT %s", "REPLICATION SLAVE"),
    Row(Word.BINLOG_EVENTS, MARIA, (10, 0), "SHOW BINLOG EVENTS IN %s FROM %s LIMIT %s", "REPLICATION SLAVE"),
    Row(Word.BINLOG_EVENTS, MARIA, (10, 5, 2), "SHOW BINLOG EVENTS IN %s FROM %s LIMIT %s", "BINLOG MONITOR"),
    Row(Word.NEXT_GTID, MY, (5, 6), "SET SESSION gtid_next = %s", "SUPER"),
    Row(Word.NEXT_GTID, MY, (8, 0, 14), "SET SESSION gtid_next = %s", "SESSION_VARIABLES_ADMIN"),
    Row(Word.TRANSACTIONS, MY, (5, 5), _TRANSACTIONS, "PROCESS"),
    Row(Word.TRANSACTIONS, MARIA, (10, 0), _TRANSACTIONS, "PROCESS"),
    Row(Word.PREPARED, MY, (5, 5), "XA RECOVER"),
    Row(Word.PREPARED, MY, (5, 7, 5), "XA RECOVER CONVERT XID"),
    Row(Word.PREPARED, MY, (8, 0), "XA RECOVER CONVERT XID", "XA_RECOVER_ADMIN"),
    Row(Word.PREPARED, MARIA, (10, 0), "XA RECOVER"),
    Row(Word.PREPARED, MARIA, (10, 3, 3), "XA RECOVER FORMAT = 'SQL'"),
    Row(Word.ACCOUNTS, MY, (5, 5), "SELECT * FROM mysql.user", "SELECT ON mysql.user"),
    Row(Word.ACCOUNTS, MARIA, (10, 0), "SELECT * FROM mysql.user", "SELECT ON mysql.user"),
    Row(Word.ACCOUNTS, MARIA, (10, 4, 1), "SELECT * FROM mysql.global_priv", "SELECT ON mysql.global_priv"),
    Row(Word.DATABASE_GRANTS, MY, (5, 5), "SELECT * FROM mysql.db", "SELECT ON mysql.db"),
    Row(Word.DATABASE_GRANTS, MARIA, (10, 0), "SELECT * FROM mysql.db", "SELECT ON mysql.db"),
    Row(Word.TABLE_GRANTS, MY, (5, 5), "SELECT * FROM mysql.tables_priv", "SELECT ON mysql.tables_priv"),
    Row(Word.TABLE_GRANTS, MARIA, (10, 0), "SELECT * FROM mysql.tables_priv", "SELECT ON mysql.tables_priv"),
    Row(Word.COLUMN_GRANTS, MY, (5, 5), "SELECT * FROM mysql.columns_priv", "SELECT ON mysql.columns_priv"),
    Row(Word.COLUMN_GRANTS, MARIA, (10, 0), "SELECT * FROM mysql.columns_priv", "SELECT ON mysql.columns_priv"),
    Row(Word.ROUTINE_GRANTS, MY, (5, 5), "SELECT * FROM mysql.procs_priv", "SELECT ON mysql.procs_priv"),
    Row(Word.ROUTINE_GRANTS, MARIA, (10, 0), "SELECT * FROM mysql.procs_priv", "SELECT ON mysql.procs_priv"),
    Row(Word.DYNAMIC_GRANTS, MY, (8, 0), "SELECT * FROM mysql.global_grants", "SELECT ON mysql.global_grants"),
    Row(Word.ROLES, MY, (8, 0), "SELECT * FROM mysql.role_edges", "SELECT ON mysql.role_edges"),
    Row(Word.ROLES, MARIA, (10, 0, 5), "SELECT * FROM mysql.roles_mapping", "SELECT ON mysql.roles_mapping"),
    Row(Word.DEFAULT_ROLES, MY, (8, 0), "SELECT * FROM mysql.default_roles", "SELECT ON mysql.default_roles"),
    Row(Word.PROXIES, MY, (5, 5, 7), "SELECT * FROM mysql.proxies_priv", "SELECT ON mysql.proxies_priv"),
    Row(Word.PROXIES, MARIA, (10, 0), "SELECT * FROM mysql.proxies_priv", "SELECT ON mysql.proxies_priv"),
    Row(
        Word.START_UNTIL,
        MY,
        (5, 5),
        "START SLAVE SQL_THREAD UNTIL MASTER_LOG_FILE = %s, MASTER_LOG_POS = %s",
        "SUPER",
    ),
    Row(
        Word.START_UNTIL,
        MY,
        (8, 0, 23),
        "START REPLICA SQL_THREAD UNTIL SOURCE_LOG_FILE = %s, SOURCE_LOG_POS = %s",
        "REPLICATION_SLAVE_ADMIN",
    ),
    Row(
        Word.START_UNTIL,
        MARIA,
        (10, 0),
        "START SLAVE SQL_THREAD UNTIL MASTER_LOG_FILE = %s, MASTER_LOG_POS = %s",
        "SUPER",
    ),
    Row(
        Word.START_UNTIL,
        MARIA,
        (10, 5, 2),
        "START REPLICA SQL_THREAD UNTIL MASTER_LOG_FILE = %s, MASTER_LOG_POS = %s",
        "REPLICATION SLAVE ADMIN",
    ),
    Row(Word.ADMIN_WRITES, MY, (5, 7, 8), "SET GLOBAL super_read_only = 0", "SUPER"),
    Row(Word.ADMIN_WRITES, MY, (8, 0, 1), "SET GLOBAL super_read_only = 0", "SYSTEM_VARIABLES_ADMIN"),
    Row(Word.LOGS_KEPT, MY, (5, 5), "SELECT @@GLOBAL.expire_logs_days * 86400"),
    Row(Word.LOGS_KEPT, MY, (8, 0, 1), "SELECT @@GLOBAL.binlog_expire_logs_seconds"),
    Row(Word.LOGS_KEPT, MARIA, (10, 0), "SELECT @@GLOBAL.expire_logs_days * 86400"),
    Row(Word.LOGS_KEPT, MARIA, (10, 6, 1), "SELECT @@GLOBAL.binlog_expire_logs_seconds"),
    Row(Word.KEEP_LOGS, MY, (5, 5), "SET GLOBAL expire_logs_days = CEILING(%s / 86400)", "SUPER"),
    Row(Word.KEEP_LOGS, MY, (8, 0, 1), "SET GLOBAL binlog_expire_logs_seconds = %s", "SYSTEM_VARIABLES_ADMIN"),
    Row(Word.KEEP_LOGS, MY, (8, 0, 11), "SET PERSIST binlog_expire_logs_seconds = %s", "SYSTEM_VARIABLES_ADMIN"),
    Row(Word.KEEP_LOGS, MARIA, (10, 0), "SET GLOBAL expire_logs_days = CEILING(%s / 86400)", "SUPER"),
    Row(Word.KEEP_LOGS, MARIA, (10, 5, 2), "SET GLOBAL expire_logs_days = CEILING(%s / 86400)", "BINLOG ADMIN"),
    Row(Word.KEEP_LOGS, MARIA, (10, 6, 1), "SET GLOBAL binlog_expire_logs_seconds = %s", "BINLOG ADMIN"),
    Row(Word.GTID_MODE, MY, (5, 7, 6), "SET GLOBAL gtid_mode = %s", "SUPER"),
    Row(Word.GTID_MODE, MY, (8, 0, 11), "SET PERSIST gtid_mode = %s", "SYSTEM_VARIABLES_ADMIN"),
    Row(Word.ENFORCE_GTID, MY, (5, 7, 6), "SET GLOBAL enforce_gtid_consistency = ON", "SUPER"),
    Row(Word.ENFORCE_GTID, MY, (8, 0, 11), "SET PERSIST enforce_gtid_consistency = ON", "SYSTEM_VARIABLES_ADMIN"),
    Row(Word.USE_GTID, MY, (5, 7, 6), "CHANGE MASTER TO MASTER_AUTO_POSITION = 1{channel}", "SUPER"),
    Row(
        Word.USE_GTID,
        MY,
        (8, 0, 23),
        "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1{channel}",
        "REPLICATION_SLAVE_ADMIN",
    ),
    Row(Word.USE_GTID, MARIA, (10, 0, 2), "CHANGE MASTER{channel} TO MASTER_USE_GTID = slave_pos", "SUPER"),
    Row(
        Word.USE_GTID,
        MARIA,
        (10, 5, 2),
        "CHANGE MASTER{channel} TO MASTER_USE_GTID = slave_pos",
        "REPLICATION SLAVE ADMIN",
    ),
    Row(Word.USE_POSITION, MY, (5, 7, 6), "CHANGE MASTER TO MASTER_AUTO_POSITION = 0{channel}", "SUPER"),
    Row(
        Word.USE_POSITION,
        MY,
        (8, 0, 23),
        "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 0{channel}",
        "REPLICATION_SLAVE_ADMIN",
    ),
    Row(Word.USE_POSITION, MARIA, (10, 0, 2), "CHANGE MASTER{channel} TO MASTER_USE_GTID = no", "SUPER"),
    Row(
        Word.USE_POSITION,
        MARIA,
        (10, 5, 2),
        "CHANGE MASTER{channel} TO MASTER_USE_GTID = no",
        "REPLICATION SLAVE ADMIN",
    ),
    Row(
        Word.PERSISTED,
        MY,
        (8, 0, 11),
        "SELECT VARIABLE_NAME AS name, VARIABLE_VALUE AS value FROM performance_schema.persisted_variables",
    ),
    Row(Word.KEEP_READ_ONLY, MY, (8, 0, 11), "SET PERSIST super_read_only = %s", "SYSTEM_VARIABLES_ADMIN"),
    Row(Word.FORGET_READ_ONLY, MY, (8, 0, 11), "RESET PERSIST IF EXISTS super_read_only", "SYSTEM_VARIABLES_ADMIN"),
    Row(
        Word.FORGET_LOGS_KEPT,
        MY,
        (8, 0, 11),
        "RESET PERSIST IF EXISTS binlog_expire_logs_seconds",
        "SYSTEM_VARIABLES_ADMIN",
    ),
    Row(
        Word.FORGET_GTID_MODE,
        MY,
        (8, 0, 11),
        "RESET PERSIST IF EXISTS gtid_mode",
        "PERSIST_RO_VARIABLES_ADMIN, SYSTEM_VARIABLES_ADMIN",
    ),
    Row(Word.FORGET_SCHEDULER, MY, (8, 0, 11), "RESET PERSIST IF EXISTS event_scheduler", "SYSTEM_VARIABLES_ADMIN"),
    Row(Word.SCHEDULER_ON, MY, (5, 5), "SET GLOBAL event_scheduler = ON", "SUPER"),
    Row(Word.SCHEDULER_ON, MY, (8, 0, 1), "SET GLOBAL event_scheduler = ON", "SYSTEM_VARIABLES_ADMIN"),
    Row(Word.SCHEDULER_ON, MARIA, (10, 0), "SET GLOBAL event_scheduler = ON", "SUPER"),
    Row(Word.SCHEDULER_OFF, MY, (5, 5), "SET GLOBAL event_scheduler = OFF", "SUPER"),
    Row(Word.SCHEDULER_OFF, MY, (8, 0, 11), "SET PERSIST event_scheduler = OFF", "SYSTEM_VARIABLES_ADMIN"),
    Row(Word.SCHEDULER_OFF, MARIA, (10, 0), "SET GLOBAL event_scheduler = OFF", "SUPER"),
    Row(Word.CREATE_REPLICATOR, MY, (5, 5), "CREATE USER %s@%s IDENTIFIED BY %s", "CREATE USER"),
    # CONNECTION_ADMIN, READ_ONLY ADMIN: where read_only is set, as on a replica that is to have replicas
    Row(Word.CREATE_REPLICATOR, MY, (8, 0, 1), "CREATE USER %s@%s IDENTIFIED BY %s", "CONNECTION_ADMIN, CREATE USER"),
    Row(Word.CREATE_REPLICATOR, MARIA, (10, 0), "CREATE USER %s@%s IDENTIFIED BY %s", "CREATE USER"),
    Row(
        Word.CREATE_REPLICATOR, MARIA, (10, 5, 2), "CREATE USER %s@%s IDENTIFIED BY %s", "CREATE USER, READ_ONLY ADMIN"
    ),
    Row(
        Word.GRANT_REPLICATION, MY, (5, 5), "GRANT REPLICATION SLAVE ON *.* TO %s@%s", "GRANT OPTION, REPLICATION SLAVE"
    ),
    Row(
        Word.GRANT_REPLICATION,
        MARIA,
        (10, 0),
        "GRANT REPLICATION SLAVE ON *.* TO %s@%s",
        "GRANT OPTION, REPLICATION SLAVE",
    ),
    Row(Word.DROP_REPLICATOR, MY, (5, 5), "DROP USER %s@%s", "CREATE USER"),
    Row(Word.DROP_REPLICATOR, MARIA, (10, 0), "DROP USER %s@%s", "CREATE USER"),
    Row(Word.DATABASES, MY, (5, 5), _DATABASES, "SELECT"),
    Row(Word.DATABASES, MARIA, (10, 0), _DATABASES, "SELECT"),
    Row(Word.TABLE_NAMES, MY, (5, 5), _TABLE_NAMES, "SELECT"),
    Row(Word.TABLE_NAMES, MARIA, (10, 0), _TABLE_NAMES, "SELECT"),
    Row(Word.TABLES, MY, (5, 5), _TABLES, "SELECT"),
    Row(Word.TABLES, MARIA, (10, 0), _TABLES, "SELECT"),
    Row(Word.COLUMNS, MY, (5, 5), _COLUMNS.format("NULL"), "SELECT"),
    Row(Word.COLUMNS, MY, (5, 7, 6), _COLUMNS.format("GENERATION_EXPRESSION"), "SELECT"),
    Row(Word.COLUMNS, MARIA, (10, 0), _COLUMNS.format("NULL"), "SELECT"),
    Row(Word.COLUMNS, MARIA, (10, 2, 5), _COLUMNS.format("GENERATION_EXPRESSION"), "SELECT"),
    Row(Word.INDEXES, MY, (5, 5), _INDEXES.format("NULL"), "SELECT"),
    Row(Word.INDEXES, MY, (8, 0, 13), _INDEXES.format("EXPRESSION"), "SELECT"),
    Row(Word.INDEXES, MARIA, (10, 0), _INDEXES.format("NULL"), "SELECT"),
    Row(Word.FOREIGN_KEYS, MY, (5, 5), _FOREIGN_KEYS, "SELECT"),
    Row(Word.FOREIGN_KEYS, MARIA, (10, 0), _FOREIGN_KEYS, "SELECT"),
    Row(
        Word.CHECKS,
        MY,
        (8, 0, 16),
        "SELECT c.CONSTRAINT_SCHEMA, t.TABLE_NAME, c.CONSTRAINT_NAME, c.CHECK_CLAUSE"
        " FROM information_schema.CHECK_CONSTRAINTS c JOIN information_schema.TABLE_CONSTRAINTS t"
        " USING (CONSTRAINT_SCHEMA, CONSTRAINT_NAME) WHERE t.CONSTRAINT_TYPE = 'CHECK'",
        "SELECT",
    ),
    Row(
        Word.CHECKS,
        MARIA,
        (10, 2, 22),
        "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS"
        f" WHERE CONSTRAINT_SCHEMA {_ALIEN}",
        "SELECT",
    ),
    Row(Word.VIEWS, MY, (5, 5), _VIEWS, "SHOW VIEW"),  # and SELECT, or the text is left out
    Row(Word.VIEWS, MARIA, (10, 0), _VIEWS, "SHOW VIEW"),
    Row(Word.ROUTINES, MY, (5, 5), _ROUTINES, "SELECT"),
    Row(Word.ROUTINES, MARIA, (10, 0), _ROUTINES, "SELECT"),
    Row(Word.PARAMETERS, MY, (5, 5), _PARAMETERS, "SELECT"),
    Row(Word.PARAMETERS, MARIA, (10, 0), _PARAMETERS, "SELECT"),
    Row(Word.TRIGGERS, MY, (5, 5), _TRIGGERS, "TRIGGER"),
    Row(Word.TRIGGERS, MARIA, (10, 0), _TRIGGERS, "TRIGGER"),
    Row(Word.EVENTS, MY, (5, 5), _EVENTS, "EVENT"),
    Row(Word.EVENTS, MARIA, (10, 0), _EVENTS, "EVENT"),
    Row(Word.OWN_TABLES, MY, (5, 5), _OWN_TABLES, "SELECT"),
    Row(Word.OWN_TABLES, MARIA, (10, 0), _OWN_TABLES, "SELECT"),
)
