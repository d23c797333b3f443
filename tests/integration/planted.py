"""Which fault of which real case a rule has to find, and in which case it has to find nothing.

A case is the facts of real servers, collected once (`test_check_planted.py` sets them up). PLANTED maps a rule's id to
the case and to what the finding is about: its `where`, or a part of what was found. ABSENT says where the rule is
silent; left out it is the healthy pair of MariaDB.
"""

from __future__ import annotations

from typing import NamedTuple


class Planted(NamedTuple):
    """A fault: the case that holds it, and a part of the finding's place or words."""

    case: str
    about: str


PLANTED: dict[str, Planted] = {
    # servers
    "between-flavours": Planted("lonely to mysql", "is to become"),
    "downgrade": Planted("lonely to 10.4", "is newer than the target"),
    "same-series": Planted("lonely to itself", "the same series"),
    "unsupported-jump": Planted("mysql", "passes over 5.7, 8.0, 8.4"),
    "unreachable-server": Planted("lonely to itself", "is not seen"),
    "server-id-clash": Planted("mariadb", "all say server_id"),
    "server-uuid-clash": Planted("mysql", "all say server_uuid"),
    "server-id-zero": Planted("nobody", "server_id"),
    "loop": Planted("circle", "are co-sources"),
    "many-channels": Planted("mariadb", "replicates over 2 channels"),
    "source-follows": Planted("lonely to itself", "it follows "),
    "source-read-only": Planted("lonely to itself", "read_only"),
    "limit-replicas": Planted("mariadb", "allows 1 a source"),
    "limit-levels": Planted("mariadb", "is at level 2"),
    "limit-retention": Planted("mariadb without backups", "keeps backups for no day"),
    "clock-skew": Planted("mariadb", "behind"),
    "not-known": Planted("stranger", "GRANT PROCESS lets it"),
    # settings
    "log-bin-off": Planted("nobody", "log_bin"),
    "log-updates-off": Planted("mariadb", "log_slave_updates"),
    "binlog-format-not-row": Planted("mysql", "binlog_format is STATEMENT"),
    "binlog-row-image-partial": Planted("mysql", "binlog_row_image"),
    "sql-mode-differs": Planted("mysql", "has ERROR_FOR_DIVISION_BY_ZERO"),
    "time-zone-differs": Planted("mysql", "+03:00"),
    "charset-differs": Planted("mysql", "character_set_server"),
    "collation-differs": Planted("mariadb", "collation_server"),
    "lower-case-table-names-differs": Planted("mysql", "lower_case_table_names"),
    "max-allowed-packet-smaller": Planted("mysql", "max_allowed_packet"),
    "source-without-tls": Planted("lonely to 11.8", "have_ssl"),
    "binlog-retention-short": Planted("mariadb", "expire_logs"),
    "binlog-size-bounded": Planted("mariadb", "max_binlog_total_size"),
    "durability-relaxed": Planted("mariadb", "sync_binlog"),
    "gtid-mode-stops-replication": Planted("mysql", "writes anonymous transactions"),
    "gtid-at-cutover": Planted("nobody with GTID", "with all new servers stopped"),
    "semi-sync": Planted("mariadb", "commits wait for a replica"),
    "disk-nearly-full": Planted("mariadb", "of its disk is free"),
    # channels
    "replication-stopped": Planted("mariadb", "does not run"),
    "replication-error": Planted("mysql", "replication from"),
    "replication-filters": Planted("mariadb", "replicate_do_db=shop"),
    "replication-delay": Planted("mariadb", "kept 3600 s behind"),
    "replication-lag": Planted("mariadb", "by its heartbeat row"),
    "lag-unknown": Planted("lonely to itself", "NULL"),
    "no-heartbeat": Planted("mysql", "no heartbeat table is named"),
    "heartbeat-stale": Planted("mariadb", "percona.heartbeat"),
    "errant-transactions": Planted("mariadb", "it has transactions that"),
    "own-writes": Planted("mariadb", "are its own"),
    "replica-writable": Planted("mariadb", "takes writes from anybody"),
    "new-source-apart": Planted("apart", "it does not follow"),
    # doing
    "old-transaction": Planted("mysql", "a transaction has been open"),
    "prepared-xa": Planted("mysql", "X'70726570',X'617265',7"),
    "ddl-running": Planted("mysql", "ALTER TABLE has been running"),
    "lock-wait": Planted("mysql", "metadata lock"),
    "long-statement": Planted("mysql", "KILL QUERY"),
    "session-bypasses-read-only": Planted("mysql", "may write through read_only"),
    "event-enabled": Planted("mysql", "shop.tick"),
    "event-runs-on-replica": Planted("mysql", "shop.tick"),
    "definer-missing": Planted("mysql", "shop.orphan"),
    "trigger-fires-twice": Planted("mysql", "shop.fires"),
    # logins
    "old-password": Planted("mysql", "'ancient'@'%'"),
    "native-password": Planted("mysql", "'app'@'%'"),
    "sha256-password": Planted("mysql", "'sha'@'%'"),
    "anonymous-account": Planted("mysql", "''@'localhost'"),
    "account-without-password": Planted("mysql", "'root'@'127.0.0.1'"),
    "account-bypasses-read-only": Planted("mysql", "'root'@'%'"),
    "plugin-missing": Planted("mariadb", "'edward'@'%'"),
    "installed-plugin-missing": Planted("mariadb", "ed25519"),
    "account-missing": Planted("mariadb", "'edward'@'%'"),
    "password-differs": Planted("mariadb", "'changed'@'%'"),
    "grants-missing": Planted("mariadb", "it lacks INSERT, UPDATE on shop.*"),
    # evidence
    "verify-missing": Planted("mariadb", "no report of"),
    "verify-not-equal": Planted("healthy but half verified", "only tables like percona.* were compared"),
    "verify-old": Planted("healthy but verified long ago", "30 days ago"),
    # rehearsals
    "shadow-missing": Planted("mariadb", "no shadow traffic was judged"),
    "shadow-not-go": Planted("healthy but half verified", "no go after 400 requests: 200 of 400 requests differ"),
    "shadow-old": Planted("healthy but verified long ago", "is 30 days old"),
    "rollback-not-rehearsed": Planted("healthy mariadb", "no rehearsal of the way back is known"),
    # the way back
    "reverse-unsupported": Planted("mysql", "is not supported"),
    "reverse-collation": Planted("mysql", "collation_server"),
    "reverse-partial-json": Planted("mysql", "binlog_row_value_options"),
    "reverse-compressed-transactions": Planted("mysql", "binlog_transaction_compression"),
    "reverse-two-phase-alter": Planted("mariadb", "binlog_alter_two_phase"),
    "reverse-invisible-key": Planted("mysql", "sql_generate_invisible_primary_key"),
    "reverse-caching-sha2": Planted("mysql", "caching_sha2_password"),
}

ABSENT: dict[str, str] = {
    "account-bypasses-read-only": "lonely to itself",
    "reverse-unsupported": "lonely to itself",
    "rollback-not-rehearsed": "apart",
}
