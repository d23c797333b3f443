"""Variables whose default changed or that were removed: the measured table. Pure.

Defaults were measured on MySQL 5.6 and 9.7 and MariaDB 10.5, 10.11 and 11.8 as the servers themselves tell them, and
are measured again by tests/integration/test_check_tables.py; the versions between are from "Server System Variables",
"What Is New" of MySQL's manual and from MariaDB's. Sizes that follow the machine, and paths, are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from understudy.migrate.checks.spans import MARIA, MY, Span, holds, maria, my
from understudy.migrate.versions import Version

if TYPE_CHECKING:
    from understudy.migrate.checks.case import Side

STRICT = "STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO"
MODE_5_7 = f"ONLY_FULL_GROUP_BY,{STRICT},NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION"
MODE_8 = f"ONLY_FULL_GROUP_BY,{STRICT},NO_ENGINE_SUBSTITUTION"
MODE_MARIA = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION"


class Default(NamedTuple):
    """A variable's defaults, each with the versions that have it, and why the change matters."""

    name: str
    why: str
    values: tuple[tuple[Span, str], ...]

    def value(self, version: Version) -> str | None:
        """The default of a version; None where it isn't known."""
        return next((value for span, value in self.values if span.covers(version)), None)


def _changed(since: tuple[int, ...], before: str, after: str) -> tuple[tuple[Span, str], ...]:
    return (my(until=since), before), (my(since), after)


DEFAULTS: tuple[Default, ...] = (
    Default(
        "sql_mode",
        "statements are refused, or answered otherwise",
        (
            (my(until=(5, 7, 8)), "NO_ENGINE_SUBSTITUTION"),
            (my((5, 7, 8), (8, 0, 11)), MODE_5_7),
            (my((8, 0, 11)), MODE_8),
            (maria((10, 2, 4)), MODE_MARIA),
        ),
    ),
    Default("character_set_server", "new databases get it", _changed((8, 0, 1), "latin1", "utf8mb4")),
    Default(
        "collation_server",
        "new tables sort and compare otherwise, and joins with old ones fail or lose their index",
        (*_changed((8, 0, 1), "latin1_swedish_ci", "utf8mb4_0900_ai_ci"), (maria((11, 6)), "utf8mb4_uca1400_ai_ci")),
    ),
    Default(
        "explicit_defaults_for_timestamp",
        "TIMESTAMP columns are declared and take NULL otherwise",
        (*_changed((8, 0, 2), "OFF", "ON"), (maria(until=(10, 10)), "OFF"), (maria((10, 10)), "ON")),
    ),
    Default(
        "innodb_autoinc_lock_mode",
        "with 2 a statement's numbers may have gaps between them, and binlog_format=STATEMENT is unsafe",
        (*_changed((8, 0, 3), "1", "2"), (MARIA, "1")),
    ),
    Default(
        "binlog_format",
        "sessions and tools that rely on statements in the log find rows",
        (*_changed((5, 7, 7), "STATEMENT", "ROW"), (maria((10, 2, 4)), "MIXED")),
    ),
    Default(
        "event_scheduler",
        "events run on the new source as well as on the old",
        (*_changed((8, 0, 3), "OFF", "ON"), (MARIA, "OFF")),
    ),
    Default(
        "local_infile", "LOAD DATA LOCAL is refused (error 3948)", (*_changed((8, 0, 2), "ON", "OFF"), (MARIA, "ON"))
    ),
    Default(
        "max_allowed_packet",
        "larger statements and rows are refused, or pass where they did not",
        (*_changed((8, 0, 3), "4194304", "67108864"), (maria((10, 2, 4)), "16777216")),
    ),
    Default(
        "log_bin", "it takes disk space, and replicas can follow", ((my(until=(8, 0, 3)), "OFF"), (my((8, 0, 3)), "ON"))
    ),
    Default(
        "innodb_strict_mode",
        "CREATE TABLE with options that don't fit is an error",
        (*_changed((5, 7, 7), "OFF", "ON"), (maria((10, 2, 2)), "ON")),
    ),
    Default(
        "innodb_snapshot_isolation",
        "REPEATABLE READ fails with error 1020 where a row was changed meanwhile",
        ((maria((10, 6, 18), (11, 6, 2)), "OFF"), (maria((11, 6, 2)), "ON")),
    ),
    Default(
        "old_mode",
        "utf8 is three bytes only where UTF8_IS_UTF8MB3 is set",
        ((maria((10, 5), (10, 6, 1)), ""), (maria((10, 6, 1)), "UTF8_IS_UTF8MB3")),
    ),
    Default(
        "max_recursive_iterations",
        "deeper recursive queries end early",
        (
            (maria((10, 2), (10, 6)), "4294967295"),
            (maria((10, 6)), "1000"),
        ),
    ),
    Default(
        "binlog_error_action",
        "a binary log that can't be written stops the server",
        _changed((5, 7, 7), "IGNORE_ERROR", "ABORT_SERVER"),
    ),
    Default("sync_binlog", "each commit waits for the disk", (*_changed((5, 7, 7), "0", "1"), (MARIA, "0"))),
    Default(
        "innodb_io_capacity",
        "background writing is more or less eager",
        (*_changed((8, 4), "200", "10000"), (MARIA, "200")),
    ),
    Default(
        "innodb_adaptive_hash_index",
        "point lookups cost more, or less",
        (
            *_changed((8, 4), "ON", "OFF"),
            (maria(until=(10, 5)), "ON"),
            (maria((10, 5)), "OFF"),
        ),
    ),
    Default(
        "eq_range_index_dive_limit",
        "plans of long IN lists change",
        (*_changed((5, 7, 4), "10", "200"), (maria((10, 4, 3)), "200")),
    ),
    Default(
        "default_authentication_plugin",
        "new accounts get it; old clients can't use caching_sha2_password",
        (
            (my((5, 7, 2), (8, 0, 4)), "mysql_native_password"),
            (my((8, 0, 4), (8, 4)), "caching_sha2_password"),
        ),
    ),
    Default(
        "slave_net_timeout",
        "a dead source is noticed sooner",
        (
            *_changed((5, 7, 7), "3600", "60"),
            (maria((10, 2, 4)), "60"),
        ),
    ),
    Default("slave_parallel_workers", "the applier works in parallel", (*_changed((8, 0, 27), "0", "4"),)),
    Default("gtid_mode", "an applier with it takes no anonymous transactions", _changed((9, 5), "OFF", "ON")),
    Default("enforce_gtid_consistency", "statements that GTIDs don't allow are refused", _changed((9, 5), "OFF", "ON")),
)


class Removed(NamedTuple):
    """A variable that some versions don't have: where it is, its default there, and what to set in its place.

    Where flavours differ, or the server picks one of some, `default` has them all: "0|1".
    """

    spans: tuple[Span, ...]
    default: str
    instead: str = ""

    def is_default(self, value: str) -> bool:
        """Whether a value is one that nobody has set."""
        return normal(value) in {normal(default) for default in self.default.split("|")}


def _gone(until: tuple[int, ...], default: str, instead: str = "", in_maria: Span | None = None) -> Removed:
    return Removed((my(until=until), *filter(None, [in_maria])), default, instead)


REMOVED: Mapping[str, Removed] = {
    "innodb_additional_mem_pool_size": _gone((5, 7, 4), "8388608"),
    "innodb_use_sys_malloc": _gone((5, 7, 4), "ON"),
    "innodb_mirrored_log_groups": _gone((5, 7), "1"),
    "storage_engine": _gone((5, 7, 5), "InnoDB", "default_storage_engine", MARIA),
    "thread_concurrency": _gone((5, 7, 2), "10"),
    "timed_mutexes": _gone((5, 7, 5), "OFF"),
    "binlogging_impossible_mode": _gone((5, 7, 6), "IGNORE_ERROR", "binlog_error_action"),
    "simplified_binlog_gtid_recovery": _gone((5, 7, 6), "OFF", "binlog_gtid_simple_recovery"),
    "date_format": _gone((8, 0, 3), "%Y-%m-%d", "", maria(until=(11, 3))),
    "datetime_format": _gone((8, 0, 3), "%Y-%m-%d %H:%i:%s", "", maria(until=(11, 3))),
    "time_format": _gone((8, 0, 3), "%H:%i:%s", "", maria(until=(11, 3))),
    "max_tmp_tables": _gone((8, 0, 3), "32", "", maria(until=(11, 3))),
    "ignore_builtin_innodb": _gone((8, 0, 3), "OFF", "", MARIA),
    "ignore_db_dirs": _gone((8, 0), "", "", MARIA),
    "innodb_checksums": _gone((8, 0), "ON", "innodb_checksum_algorithm"),
    "innodb_file_format": _gone((8, 0), "Antelope|", "ROW_FORMAT=DYNAMIC", maria(until=(10, 6))),
    "innodb_file_format_check": _gone((8, 0), "ON"),
    "innodb_file_format_max": _gone((8, 0), "Antelope"),
    "innodb_large_prefix": _gone((8, 0), "OFF|", "ROW_FORMAT=DYNAMIC", maria(until=(10, 6))),
    "innodb_locks_unsafe_for_binlog": _gone((8, 0), "OFF", "transaction_isolation = READ-COMMITTED"),
    "innodb_stats_sample_pages": _gone((8, 0), "8", "innodb_stats_transient_sample_pages"),
    "innodb_support_xa": _gone((8, 0), "ON"),
    "log_warnings": _gone((8, 0, 3), "1", "log_error_verbosity", MARIA),
    "metadata_locks_cache_size": _gone((8, 0, 13), "1024", "", MARIA),
    "metadata_locks_hash_instances": _gone((8, 0, 13), "8", "", MARIA),
    "multi_range_count": _gone((8, 0, 3), "256"),
    "old_passwords": _gone((8, 0, 11), "0", "", MARIA),
    "query_cache_limit": _gone((8, 0, 3), "1048576", "", MARIA),
    "query_cache_min_res_unit": _gone((8, 0, 3), "4096", "", MARIA),
    "query_cache_size": _gone((8, 0, 3), "1048576", "a cache beside the database", MARIA),
    "query_cache_type": _gone((8, 0, 3), "OFF", "a cache beside the database", MARIA),
    "query_cache_wlock_invalidate": _gone((8, 0, 3), "OFF", "", MARIA),
    "secure_auth": _gone((8, 0, 3), "ON", "", MARIA),
    "sync_frm": _gone((8, 0), "ON", "", MARIA),
    "tx_isolation": _gone((8, 0, 3), "REPEATABLE-READ", "transaction_isolation", MARIA),
    "tx_read_only": _gone((8, 0, 3), "OFF", "transaction_read_only", MARIA),
    "avoid_temporal_upgrade": _gone((8, 4), "OFF"),
    "show_old_temporals": _gone((8, 4), "OFF"),
    "expire_logs_days": _gone((8, 2), "0", "binlog_expire_logs_seconds", MARIA),
    "log_bin_use_v1_row_events": _gone((8, 4), "OFF"),
    "master_info_repository": _gone((8, 4), "FILE", "nothing: it is always TABLE"),
    "relay_log_info_repository": _gone((8, 4), "FILE", "nothing: it is always TABLE"),
    "relay_log_info_file": _gone((8, 4), "relay-log.info", "", MARIA),
    "slave_rows_search_algorithms": _gone((8, 4), "TABLE_SCAN,INDEX_SCAN"),
    "new": _gone((8, 4), "OFF"),
    "old": _gone((8, 4), "OFF", "", MARIA),
    "innodb_log_file_size": Removed((my(until=(9, 3)), MARIA), "50331648", "innodb_redo_log_capacity"),
    "innodb_log_files_in_group": _gone((9, 3), "2|1", "innodb_redo_log_capacity", maria(until=(10, 6))),
    "innodb_undo_tablespaces": Removed((my(until=(9, 3)), MARIA), "0"),
    "innodb_undo_logs": _gone((8, 0, 2), "128", "innodb_rollback_segments", maria(until=(10, 6))),
    "myisam_repair_threads": _gone((9, 3), "1", "", MARIA),
    "default_authentication_plugin": Removed(
        (my((5, 7, 2), (8, 4)),), "mysql_native_password", "authentication_policy"
    ),
    "binlog_transaction_dependency_tracking": Removed((my((5, 7, 22), (8, 4)),), "COMMIT_ORDER"),
    "transaction_write_set_extraction": Removed((my((5, 7, 6), (8, 4)),), "OFF"),
    "innodb_page_cleaners": Removed((my((5, 7, 4)), maria((10, 2, 2), (10, 6))), "0|1|4"),
    "innodb_thread_concurrency": Removed((MY, maria(until=(10, 6))), "0"),
    "innodb_concurrency_tickets": Removed((MY, maria(until=(10, 6))), "0|5000"),
    "innodb_commit_concurrency": Removed((MY, maria(until=(10, 6))), "0"),
    "innodb_buffer_pool_instances": Removed((MY, maria(until=(10, 6))), "0|1|8"),
    "innodb_change_buffer_max_size": Removed((MY, maria(until=(11, 0))), "25|5"),
    "innodb_defragment": Removed((maria(until=(11, 1)),), "OFF"),
    "old_alter_table": Removed((MY, maria(until=(11, 3))), "DEFAULT|OFF", "alter_algorithm"),
}


def normal(value: str) -> str:
    """A value as it is compared: a list in any order, ON and 1 the same."""
    text = {"TRUE": "ON", "1": "ON", "FALSE": "OFF", "0": "OFF"}.get(value.upper(), value.upper())
    return ",".join(sorted(text.split(",")))


def default_of(name: str, version: Version) -> str | None:
    """A variable's default in a version; None where the table doesn't say."""
    return next((one.value(version) for one in DEFAULTS if one.name == name), None)


def value_of(side: Side | None, version: Version, name: str) -> str | None:
    """What a server has, or, where it isn't there yet, what its version has by default; None where neither is known."""
    if side is not None and name in side.variables:
        return side.variables[name]
    return None if side is not None and side.variables else default_of(name, version)


def is_on(side: Side | None, version: Version, name: str) -> bool:
    """Whether a switch is on there, or would be by default."""
    return normal(value_of(side, version, name) or "") == "ON"


def mode_of(side: Side | None, version: Version) -> str:
    """The sql_mode of a server, or its version's default."""
    return (value_of(side, version, "sql_mode") or "").upper()


def is_removed(name: str, old: Version, target: Version) -> bool:
    """Whether a variable of the old server isn't there in the target."""
    removed = REMOVED.get(name)
    return removed is not None and holds(removed.spans, old) and not holds(removed.spans, target)
