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
    REPOINT = "repoint"
    FORGET = "forget"  # the replica forgets whom it followed
    RESET_LOGS = "reset_logs"  # its own binary logs and GTIDs are deleted
    FLUSH_LOGS = "flush_logs"
    WAIT_POSITION = "wait_position"  # file, position, seconds; NULL where no applier runs, -1 after the time
    WAIT_GTID = "wait_gtid"  # set, seconds; 0 when reached
    GTID_EXECUTED = "gtid_executed"
    GTID_PURGED = "gtid_purged"
    SKIP_ONE = "skip_one"  # the applier leaves out one event group, at its next start
    READ_ONLY = "read_only"
    READ_WRITE = "read_write"
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


class Row(NamedTuple):
    """One row of the table."""

    word: Word
    flavour: Flavour
    since: tuple[int, ...]
    sql: str
    privilege: str = ""


_TRANSACTIONS = (  # trx_started is in the system's time zone, so the session's must be that too
    "SELECT trx_mysql_thread_id AS id, TIMESTAMPDIFF(SECOND, trx_started, NOW()) AS seconds"
    " FROM information_schema.innodb_trx ORDER BY trx_started"
)

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
)
