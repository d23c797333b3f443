"""Why receivers stop, or can't connect: the known errors, most particular first. Pure.

MySQL 8.0 and later wraps them: 1236 comes as 13114, and 1593 as 13117 [M], so the texts count too. Sources as in
`applier_cases`, and "Replication Source Options", "CHANGE REPLICATION SOURCE TO".
"""

from __future__ import annotations

from understudy.migrate.watch.case import Case, Remedy, Thread

R = Thread.RECEIVER
LOG = (1236, 13114)
FATAL = (1593, 13117)
OPTIONS = "CHANGE REPLICATION SOURCE TO"

CASES: tuple[Case, ...] = (
    Case(
        "log-purged", R, LOG, "the source has deleted the binary log that the replica needs next",
        "the replica stood longer than the source keeps its logs", Remedy.REBUILD,
        "{rebuild}; and keep logs longer on {source} (binlog_expire_logs_seconds, expire_logs_days)",
        "PURGE BINARY LOGS",
        r"could not find first log file|purged required|could not find GTID state|required binlog files"
        r" have been purged|missing transactions",
    ),  # [M]
    Case(
        "errant", R, LOG, "the replica has transactions that its source does not have",
        "something was written here with the log on, or the source lost its last transactions in a crash",
        Remedy.REBUILD, "{rebuild}; until then nothing shall be read from {server} that must be true",
        "Restrictions on Replication with GTIDs",
        r"has more GTIDs|not in the (?:master|source)'s binlog|is not in the (?:master|source)",
    ),  # [M]
    Case(
        "position-beyond", R, LOG, "the place that the replica asks for lies behind the end of the source's log",
        "the source crashed and lost the end of its log (sync_binlog is not 1), or the position was set wrong",
        Remedy.REBUILD, "{rebuild}; or, where the position was set by hand, set the right one and {start}",
        OPTIONS, r"position > file size|impossible position|start replication from position",
    ),  # [M]
    Case(
        "same-replica", R, (),
        "another replica of this source has the same server_id or server_uuid: they throw one another out",
        "a data directory or a configuration was copied", Remedy.MEND,
        "give {server} a server_id of its own, remove auto.cnf where it came with a copy, and restart it",
        "Replication and Binary Logging Options", r"same server_(?:uuid|id)",
    ),
    Case(
        "packet", R, (), "an event is larger than the replica takes",
        "{replica}_max_allowed_packet is too small, or the source's log is spoilt at that place", Remedy.MEND,
        "SET GLOBAL {replica}_max_allowed_packet = 1073741824 on {server}, then {start}",
        "Replication and max_allowed_packet", r"max_allowed_packet|packet bigger",
    ),  # [M]
    Case(
        "log-spoilt", R, (*LOG, 1743, 13115), "the source can't read its own log", "its disk is spoilt or was full",
        Remedy.REBUILD, "look at the source's log with mysqlbinlog; then {rebuild}", "mysqlbinlog",
        r"bogus|truncated|corrupt|did not pass|checksum",
    ),
    Case(
        "log-unreadable", R, LOG, "the source can't give the log that the replica asks for", "see the text",
        Remedy.REBUILD,
        "{rebuild}, unless the text names something that can be mended", "Server Error Message Reference",
    ),
    Case(
        "server-id", R, FATAL, "source and replica have the same server_id",
        "a configuration was copied", Remedy.MEND,
        "SET GLOBAL server_id = a number of its own on {server}, and in its configuration; then {start}",
        "Setting the Replica Configuration", r"equal \w+ server ids",
    ),  # [M]
    Case(
        "server-uuid", R, FATAL, "source and replica have the same server_uuid",
        "the data directory was copied with its auto.cnf", Remedy.MEND,
        "remove auto.cnf from the data directory of {server} and restart it; then {start}",
        "Replication and Binary Logging Options", r"equal \w+ server UUIDs",
    ),
    Case(
        "anonymous", R, (13148, 13149), "the source sends a transaction without GTID, and gtid_mode is ON here",
        "the source writes no GTIDs", Remedy.MEND,
        "SET GLOBAL gtid_mode = ON_PERMISSIVE on {server}, without auto-position, then {start}",
        "Replication Mode Concepts",
    ),
    Case(
        "gtid-mode", R, (), "source and replica disagree about GTIDs: one has gtid_mode ON, the other OFF",
        "the source writes no GTIDs, or only GTIDs", Remedy.MEND,
        "SET GLOBAL gtid_mode = ON_PERMISSIVE on {server}, or OFF_PERMISSIVE where it was OFF; then {start}",
        "Replication Mode Concepts", r"GTID_MODE",
    ),  # [M]
    Case(
        "fatal", R, FATAL, "source and replica don't fit together", "see the text", Remedy.MEND,
        "mend what the text names, then {start}", "Server Error Message Reference",
    ),
    Case(
        "login", R, (1045, 1130, 1698, 3118, 4151),
        "the source does not accept the replication account or its password",
        "the password was changed, or the account does not exist there for this host", Remedy.MEND,
        "give {server} the right one: {stop}; CHANGE … TO with its password; {start}. An anonymous user on {source} may"
        " be in the way",
        OPTIONS,
    ),  # [M]
    Case(
        "sha2-without-tls", R, (2061,), "the account's password goes over TLS only (caching_sha2_password)",
        "the replica connects without TLS and does not ask for the source's public key", Remedy.MEND,
        "{stop}; CHANGE … TO {option}_SSL = 1, or GET_{option}_PUBLIC_KEY = 1; {start}",
        "Caching SHA-2 Pluggable Authentication",
    ),  # [M]
    Case(
        "plugin", R, (2059, 1251, 1524), "the replica does not know the way in which the account logs in",
        "the account has a plugin that is not there, such as mysql_native_password from MySQL 9.0 on", Remedy.MEND,
        "give the replication account on {source} a plugin that both know; then {start}", "Pluggable Authentication",
    ),
    Case(
        "no-tls", R, (2026, 2012), "the source offers no TLS, and the replica asks for it",
        "MySQL 8.4 and MariaDB 11.4 ask for it by default", Remedy.MEND,
        "{stop}; CHANGE … TO {option}_SSL = 0 where plaintext is acceptable; {start}", OPTIONS,
        r"required but the server doesn't support|does not support",
    ),  # [M]
    Case(
        "tls", R, (2026, 2012), "source and replica can't agree on TLS, or the certificate is not trusted",
        "no common TLS version, or {option}_SSL_CA does not name who signed it", Remedy.MEND,
        "`understudy migrate log` may say more; set {option}_SSL_CA, or verification off, and {start}",
        "Setting Up Replication to Use Encrypted Connections",
    ),
    Case(
        "privilege", R, (1227, 1142, 1044), "the replication account lacks REPLICATION SLAVE on the source",
        "its grants were not copied", Remedy.MEND, "grant it on {source}, then {start}",
        "Creating a User for Replication",
    ),
    Case(
        "unreachable", R, (2002, 2003, 2005, 2006, 2013, 1159, 1160, 1158, 1161, 1053, 1623, 13118, 13120),
        "the source does not answer", "it is down, or the network between them is", Remedy.WAIT,
        "the receiver tries again by itself, from MySQL 8.4 on ten times only: afterwards {start}", OPTIONS,
    ),  # [M]
    Case(
        "busy", R, (1040, 1129, 1203, 1226), "the source takes no more connections from here", "its limits are reached",
        Remedy.WAIT,
        "raise max_connections there, or TRUNCATE TABLE performance_schema.host_cache; the receiver tries again by"
        " itself",
        "Too many connections",
    ),
    Case(
        "full", R, (1021, 28, 1595, 13122, 13132, 13133), "the relay log can't be written", "its disk is full",
        Remedy.MEND, "make room on {server}, then {start}", "Server Error Message Reference",
    ),
    Case(
        "relay-info", R, (1872, 1794, 1201, 13123, 13124), "the replica has forgotten whom it follows, and where",
        "its own tables of replication were lost, copied, or don't fit", Remedy.REBUILD, "{rebuild}",
        "Server Error Message Reference",
    ),
)  # fmt: skip
