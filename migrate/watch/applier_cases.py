"""Why appliers stop: the known errors, most particular first. Pure.

Sources: MySQL "Server Error Message Reference", the release notes of the versions named, "Replication Compatibility
Between MySQL Versions", "Replication and Account Management"; MariaDB "MariaDB Error Code Reference", "Gtid". What is
marked [M] was measured on MySQL 5.6.24, 9.7.4 and MariaDB 10.5, 11.8; tests/integration/test_watch.py plants it.
"""

from __future__ import annotations

from understudy.migrate.versions import Flavour
from understudy.migrate.watch.case import Case, Remedy, Thread

A, MY = Thread.APPLIER, Flavour.MYSQL
ERRORS = "Server Error Message Reference"
WROTE = "something other than replication wrote here, or an earlier transaction was skipped"
ACCOUNT = "create the account on {server} by hand, in its own dialect (CREATE USER, then GRANT), then skip: {skip}"
BY_HAND = "do by hand on {server} what the statement is meant to do, in the new version's words, then skip: {skip}"
COMPARE = "compare {table} with the source's; what is wrong is best mended on {server} before {start}; else {skip}"
GONE = (1008, 1051, 1091, 1360, 1539)
_NAME = r"(?:`(?:[^`]|``)+`|[\w$]+)"
_PATH = rf"{_NAME}(?:\s*\.\s*{_NAME})?"
DROPS_ONE = (  # the whole of a statement that drops one thing, as the error quotes it or the log has it
    rf"\b(?:DROP\s+(?:(?:TEMPORARY\s+)?TABLE|VIEW|DATABASE|SCHEMA|TRIGGER|EVENT|INDEX\s+{_NAME}\s+ON)\s+{_PATH}"
    rf"|ALTER\s+TABLE\s+{_PATH}\s+DROP\s+(?:PRIMARY\s+KEY"
    rf"|(?:(?:COLUMN|(?:FOREIGN\s+)?KEY|INDEX|CONSTRAINT|CHECK)\s+)?{_NAME}))"
    r"(?:\s*,\s*(?:ALGORITHM|LOCK)\s*=?\s*\w+)*\s*(?:/\*[^*]*\*/\s*)?;?\s*(?:'|\n|\Z)"
)

SYNTAX: tuple[Case, ...] = (
    Case(
        "grant-identified-by", A, (1064,),
        "GRANT … IDENTIFIED BY: the new version's GRANT neither creates accounts nor sets passwords",
        "somebody changed an account on the old source",
        Remedy.SKIP, ACCOUNT, "MySQL 8.0.11 release notes", r"\bGRANT\b.*\bIDENTIFIED\b", (MY, (8, 0, 11)),
    ),  # [M]
    Case(
        "identified-by-password", A, (1064,),
        "IDENTIFIED BY PASSWORD with a hash, as old versions log CREATE USER: the new version has no such clause",
        "somebody created an account on the old source",
        Remedy.SKIP, ACCOUNT, "MySQL 8.0.11 release notes", r"IDENTIFIED BY PASSWORD", (MY, (8, 0, 11)),
    ),  # [M]
    Case(
        "password-function", A, (1064, 1305),
        "PASSWORD() is gone", "the application calls it, and the source logs statements",
        Remedy.SKIP_COSTS, "let the source log rows (binlog_format=ROW), which hold the result; this one: " + BY_HAND,
        "MySQL 8.0.11 release notes", r"\b(?:OLD_)?PASSWORD\s*\(", (MY, (8, 0, 11)),
    ),  # [M]
    Case(
        "removed-function", A, (1064, 1305),
        "the function is gone", "the application calls it, and the source logs statements",
        Remedy.SKIP_COSTS, "let the source log rows (binlog_format=ROW), which hold the result; this one: " + BY_HAND,
        "MySQL 8.0.3 release notes",
        r"\b(?:ENCRYPT|ENCODE|DECODE|DES_ENCRYPT|DES_DECRYPT)\s*\(", (MY, (8, 0, 3)),
    ),
    Case(
        "query-cache", A, (1064, 1193),
        "the query cache is gone, and SQL_CACHE with it", "a statement names it, and the source logs statements",
        Remedy.SKIP_COSTS, "let the source log rows (binlog_format=ROW); this one: " + BY_HAND,
        "MySQL 8.0.3 release notes", r"\bSQL_CACHE\b|\bquery_cache_", (MY, (8, 0, 3)),
    ),  # [M]
    Case(
        "group-by-direction", A, (1064,),
        "GROUP BY … ASC or DESC is gone", "a statement says so, and the source logs statements",
        Remedy.SKIP_COSTS, "let the source log rows (binlog_format=ROW); this one: " + BY_HAND,
        "MySQL 8.0.13 release notes", r"\bGROUP\s+BY\b.*\b(?:ASC|DESC)\b", (MY, (8, 0, 13)),
    ),  # [M]
    Case(
        "syntax", A, (1064, 1149),
        "the new version can't read the statement: a word that has become reserved, or syntax that was taken away",
        "the old source was given a statement that `understudy migrate check` would have named",
        Remedy.SKIP_COSTS, BY_HAND, "Keywords and Reserved Words",
    ),
    Case(
        "partitioning", A, (1178,),
        "only InnoDB tables can be partitioned", "a table of another engine was created or altered on the old source",
        Remedy.MEND, "give the table ENGINE=InnoDB on the old source; this one: " + BY_HAND,
        "MySQL 8.0.0 release notes", "partition", (MY, (8, 0, 0)),
    ),  # [M]
    Case(
        "engine", A, (1286, 3161), "the server does not have this storage engine, or it is disabled there",
        "a table of that engine was created on the old source",
        Remedy.MEND, "allow the engine on {server}, or " + BY_HAND, ERRORS,
    ),
    Case(
        "sql-mode", A, (1231,), "the value of sql_mode is one that the new version does not know",
        "NO_AUTO_CREATE_USER and the modes named after other databases are gone; a routine or a client sets them",
        Remedy.MEND, "take the mode out of the old source's settings and routines; this one: " + BY_HAND,
        "MySQL 8.0.11 release notes", "sql_mode", (MY, (8, 0, 11)),
    ),
    Case(
        "collation", A, (22, 1115, 1253, 1273, 1231),
        "the source's character set or collation is not known here",
        "the source is newer than its replica: utf8mb4_0900_ai_ci (255) is the default since MySQL 8.0",
        Remedy.MEND, "give the source's clients and tables a collation that both know; this one: " + BY_HAND,
        "Replication Compatibility Between MySQL Versions", r"character.set|collation",
    ),
    Case(
        "variable", A, (1193, 1231),
        "the statement sets a variable that the new version lacks, or to a value it refuses",
        "it was taken away, or renamed", Remedy.MEND, BY_HAND, "Server System Variables",
    ),
)  # fmt: skip

DATA: tuple[Case, ...] = (
    Case(
        "duplicate-key", A, (1062, 1022, 1586), "the row is here already", WROTE,
        Remedy.SKIP_COSTS, COMPARE, ERRORS,
    ),  # [M]
    Case(
        "row-missing", A, (1032,), "the row that is to be changed or deleted is not here, or not as the source had it",
        WROTE, Remedy.SKIP_COSTS, COMPARE, ERRORS,
    ),  # [M]
    Case(
        "foreign-key", A, (1451, 1452, 1216, 1217), "a foreign key stands in the way: rows that belong together differ",
        WROTE, Remedy.SKIP_COSTS, COMPARE, ERRORS,
    ),
    Case(
        "value", A, (1264, 1265, 1292, 1366, 1406, 1048, 1364),
        "a value does not go into its column",
        "the column, the sql_mode or the character set differs from the source's",
        Remedy.MEND, "make {table} as it is on the source, then {start}", ERRORS,
    ),
    Case(
        "type-conversion", A, (1677, 1535, 1676, 13146),
        "a column's type is another one than the source's", "the table was altered on one side alone",
        Remedy.MEND, "make {table} as it is on the source, or set {replica}_type_conversions meanwhile; then {start}",
        "Replication of Columns Having Different Data Types",
    ),
    Case(
        "account-exists", A, (1396,), "the account is here already, or is not here to be changed",
        "accounts are created on both sides by hand, as this upgrade does",
        Remedy.SKIP, "compare the account's grants, then skip: {skip}", "Replication and Account Management",
    ),  # [M]
    Case(
        "account-missing", A, (1133, 1141, 1269, 1410, 3162), "the account that is to be changed is not here",
        "it was created on the old source by a statement that was skipped, or before the copy",
        Remedy.SKIP, ACCOUNT, "Replication and Account Management",
    ),
    Case(
        "gone-already", A, GONE,
        "what is to be dropped is not here", "the schema differs: " + WROTE,
        Remedy.SKIP, "nothing is left to do for this statement: {skip}; then compare the schema", ERRORS, DROPS_ONE,
    ),  # [M]
    Case(
        "gone-in-part", A, GONE,
        "something is not here that is to be dropped or changed, and the statement may be about more",
        "the schema differs: " + WROTE, Remedy.SKIP_COSTS,
        "of an ALTER TABLE nothing has been done here, of a DROP of several nothing from MySQL 8.0 on, before and on"
        " MariaDB all the rest: do by hand on {server} what is left of the statement, then skip: {skip}",
        "Atomic Data Definition Statement Support",
    ),  # [M]
    Case(
        "exists-already", A, (1007, 1050, 1060, 1061, 1304, 1359, 1537, 1826),
        "what is to be created is here already", "the schema differs: " + WROTE,
        Remedy.SKIP_COSTS, "where it is the same as the source's, skip: {skip}; where not, drop it here, then {start}",
        ERRORS,
    ),
    Case(
        "missing", A, (1049, 1054, 1146, 1072, 1305),
        "the table, column or routine is not here", "the schema differs: " + WROTE,
        Remedy.MEND, "create it as it is on the source (a table with its rows), then {start}; else rebuild: {rebuild}",
        ERRORS,
    ),  # [M]
    Case(
        "columns", A, (1067, 1071, 1074, 1118, 1136, 1171),
        "the table's definition is one that this version refuses", "its defaults or limits differ from the source's",
        Remedy.MEND, "change the definition on the old source, or " + BY_HAND, ERRORS,
    ),
    Case(
        "routine", A, (1418, 1419, 1370), "routines are not to be created while the binary log is written",
        "log_bin_trust_function_creators is off", Remedy.MEND,
        "SET GLOBAL log_bin_trust_function_creators = 1 on {server}, then {start}", "Stored Program Binary Logging",
    ),
    Case(
        "definer", A, (1449,), "the account in whose name it runs does not exist",
        "accounts are not copied with the data", Remedy.MEND,
        "create the account on {server}, unlogged and locked where nobody logs in with it; then {start}",
        "Stored Object Access Control",
    ),
)  # fmt: skip

SERVER: tuple[Case, ...] = (
    Case(
        "anonymous", A, (1782, 13148, 13149), "a transaction without GTID has come to a server with gtid_mode=ON",
        "the source writes no GTIDs", Remedy.MEND,
        "SET GLOBAL gtid_mode = ON_PERMISSIVE on {server}, then {start}; ON has to wait until the whole tree has GTIDs",
        "Replication Mode Concepts",
    ),  # [M]
    Case(
        "gtid-mode-off", A, (13150, 1781), "a transaction with a GTID has come to a server with gtid_mode=OFF",
        "the source writes GTIDs", Remedy.MEND,
        "SET GLOBAL gtid_mode = OFF_PERMISSIVE, or one further, on {server}, then {start}", "Replication Mode Concepts",
    ),
    Case(
        "incident", A, (1590, 13119), "the source says that it lost something between two of its own log's events",
        "its disk was full, or it failed while writing its log", Remedy.REBUILD, "{rebuild}", ERRORS,
    ),
    Case(
        "gtid-consistency", A, (1785, 1786, 1787), "the statement is not allowed with enforce_gtid_consistency",
        "CREATE TABLE … SELECT, temporary tables within a transaction, or both kinds of engine in one",
        Remedy.MEND, "SET GLOBAL enforce_gtid_consistency = WARN on {server}, then {start}",
        "Restrictions on Replication with GTIDs",
    ),
    Case(
        "gtid-order", A, (1950,), "the GTID comes before one that is in this server's binary log already",
        "something was written here with this server's log on, in the source's domain, and gtid_strict_mode is on",
        Remedy.REBUILD, "{rebuild}; or SET GLOBAL gtid_strict_mode = 0, {start}, and verify", "MariaDB: Gtid",
    ),
    Case(
        "gtid-position", A, (1945, 1946, 1947, 1948, 1951, 1955), "the GTID to go on from does not fit the binary logs",
        "gtid_slave_pos was set by hand, or the logs were deleted", Remedy.REBUILD, "{rebuild}", "MariaDB: Gtid",
    ),
    Case(
        "retries", A, (1205, 1213, 1180, 1317, 1927), "it had to wait too long for a lock, or was interrupted",
        "something reads or writes the same rows here; the applier has tried {replica}_transaction_retries times",
        Remedy.MEND, "look for what holds the lock in the process list, then {start}", ERRORS,
    ),
    Case(
        "full", A, (1021, 1114, 1030, 1037, 1038, 28, 13132, 13133), "the disk, a table or the memory is full",
        "the copy, its logs and its relay logs need more room than there is", Remedy.MEND,
        "make room on {server}, then {start}", ERRORS,
    ),
    Case(
        "packet", A, (1153, 1301, 1197, 13125), "a transaction is larger than this server takes",
        "max_allowed_packet or max_binlog_cache_size is smaller than the source's", Remedy.MEND,
        "SET GLOBAL {replica}_max_allowed_packet, max_allowed_packet and max_binlog_cache_size as on the source; then"
        " {start}", "Replication and max_allowed_packet",
    ),
    Case(
        "relay-log", A, (), "the relay log can't be read",
        "the disk was full, the server crashed, or the file is spoilt",
        Remedy.MEND,
        "point {server} once more at {done} of {source}, which fetches it anew; where that is spoilt too: {rebuild}",
        "Handling an Unexpected Halt of a Replica",
        r"relay log read failure|could not parse relay log|relay log.*corrupt",
    ),
    Case(
        "relay-info", A, (1872, 1794, 1201, 13117, 13123, 13124),
        "the replica has forgotten whom it follows, and where",
        "its own tables of replication were lost, copied, or don't fit", Remedy.REBUILD, "{rebuild}", ERRORS,
    ),
    Case(
        "workers", A, (1756, 1755, 3030), "the workers have stopped, and the reason is in the server's error log",
        "another worker's error", Remedy.MEND, "`understudy migrate log` shows it; then {start}", ERRORS,
    ),
    Case(
        "privilege", A, (1142, 1044, 1227, 1143), "the account under which the applier works lacks a privilege",
        "PRIVILEGE_CHECKS_USER names it, or a definer lacks the privilege", Remedy.MEND,
        "grant it on {server}, unlogged, then {start}", "Replication Privilege Checks",
    ),
)  # fmt: skip

CASES = (*SYNTAX, *DATA, *SERVER)
