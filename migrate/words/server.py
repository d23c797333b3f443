"""The server itself: who may write, what runs, what it sets at its next start, what it has logged. Pure data."""

from __future__ import annotations

from understudy.migrate.words.word import MARIA, MY, Row, Word, both

_TRANSACTIONS = (  # trx_started is in the system's time zone, so the session's must be that too
    "SELECT trx_mysql_thread_id AS id, TIMESTAMPDIFF(SECOND, trx_started, NOW()) AS seconds"
    " FROM information_schema.innodb_trx ORDER BY trx_started"
)

TABLE: tuple[Row, ...] = (
    Row(Word.READ_ONLY, MY, (5, 5), "SET GLOBAL read_only = 1", "SUPER"),
    Row(Word.READ_ONLY, MY, (5, 7, 8), "SET GLOBAL super_read_only = 1", "SUPER"),
    Row(Word.READ_ONLY, MY, (8, 0, 1), "SET GLOBAL super_read_only = 1", "SYSTEM_VARIABLES_ADMIN"),
    Row(Word.READ_ONLY, MARIA, (10, 0), "SET GLOBAL read_only = 1", "SUPER"),
    Row(Word.READ_ONLY, MARIA, (10, 5, 2), "SET GLOBAL read_only = 1", "READ_ONLY ADMIN"),
    Row(Word.READ_WRITE, MY, (5, 5), "SET GLOBAL read_only = 0", "SUPER"),
    Row(Word.READ_WRITE, MY, (8, 0, 1), "SET GLOBAL read_only = 0", "SYSTEM_VARIABLES_ADMIN"),  # clears both
    Row(Word.READ_WRITE, MARIA, (10, 0), "SET GLOBAL read_only = 0", "SUPER"),
    Row(Word.READ_WRITE, MARIA, (10, 5, 2), "SET GLOBAL read_only = 0", "READ_ONLY ADMIN"),
    Row(Word.ADMIN_WRITES, MY, (5, 7, 8), "SET GLOBAL super_read_only = 0", "SUPER"),
    Row(Word.ADMIN_WRITES, MY, (8, 0, 1), "SET GLOBAL super_read_only = 0", "SYSTEM_VARIABLES_ADMIN"),
    Row(Word.KEEP_READ_ONLY, MY, (8, 0, 11), "SET PERSIST super_read_only = %s", "SYSTEM_VARIABLES_ADMIN"),
    Row(Word.FORGET_READ_ONLY, MY, (8, 0, 11), "RESET PERSIST IF EXISTS super_read_only", "SYSTEM_VARIABLES_ADMIN"),
    Row(
        Word.PERSISTED,
        MY,
        (8, 0, 11),
        "SELECT VARIABLE_NAME AS name, VARIABLE_VALUE AS value FROM performance_schema.persisted_variables",
    ),
    Row(Word.SCHEDULER_ON, MY, (5, 5), "SET GLOBAL event_scheduler = ON", "SUPER"),
    Row(Word.SCHEDULER_ON, MY, (8, 0, 1), "SET GLOBAL event_scheduler = ON", "SYSTEM_VARIABLES_ADMIN"),
    Row(Word.SCHEDULER_ON, MARIA, (10, 0), "SET GLOBAL event_scheduler = ON", "SUPER"),
    Row(Word.SCHEDULER_OFF, MY, (5, 5), "SET GLOBAL event_scheduler = OFF", "SUPER"),
    Row(Word.SCHEDULER_OFF, MY, (8, 0, 11), "SET PERSIST event_scheduler = OFF", "SYSTEM_VARIABLES_ADMIN"),
    Row(Word.SCHEDULER_OFF, MARIA, (10, 0), "SET GLOBAL event_scheduler = OFF", "SUPER"),
    Row(Word.FORGET_SCHEDULER, MY, (8, 0, 11), "RESET PERSIST IF EXISTS event_scheduler", "SYSTEM_VARIABLES_ADMIN"),
    *both(Word.PROCESSES, "SHOW PROCESSLIST", "PROCESS"),
    *both(Word.TRANSACTIONS, _TRANSACTIONS, "PROCESS"),
    Row(Word.PREPARED, MY, (5, 5), "XA RECOVER"),
    Row(Word.PREPARED, MY, (5, 7, 5), "XA RECOVER CONVERT XID"),
    Row(Word.PREPARED, MY, (8, 0), "XA RECOVER CONVERT XID", "XA_RECOVER_ADMIN"),
    Row(Word.PREPARED, MARIA, (10, 0), "XA RECOVER"),
    Row(Word.PREPARED, MARIA, (10, 3, 3), "XA RECOVER FORMAT = 'SQL'"),
    Row(
        Word.ERROR_LOG,
        MY,
        (8, 0, 22),
        "SELECT LOGGED, PRIO, ERROR_CODE, SUBSYSTEM, DATA FROM performance_schema.error_log"
        " WHERE LOGGED >= %s ORDER BY LOGGED",
        "SELECT ON performance_schema.error_log",
    ),
)
