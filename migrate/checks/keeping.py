"""Rules about what a server keeps: its logs as long as going back shall be possible, its promises, its room. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from understudy.migrate.checks.case import Case, Side
from understudy.migrate.checks.finding import Found, Rule, Severity

HOUR_S = 3600
DAY_S = 24 * HOUR_S


def retention_s(side: Side) -> float | None:
    """For how long binary logs are kept, by time; None is for ever."""
    if side.variable("binlog_expire_logs_auto_purge").upper() == "OFF":
        return None
    seconds, days = side.number("binlog_expire_logs_seconds"), side.number("expire_logs_days")
    return seconds or (days or 0) * DAY_S or None


def _retention(case: Case) -> Iterator[Found]:
    wanted_s = case.wishes.rollback_hours * HOUR_S
    for side in filter(None, (case.old, case.new)):
        kept_s = retention_s(side)
        if kept_s is None or kept_s >= wanted_s:
            continue
        mend: tuple[str, ...] = (f"SET GLOBAL expire_logs_days = {-(-wanted_s // DAY_S)};",)
        if "binlog_expire_logs_seconds" in side.variables:
            mend = (f"SET GLOBAL binlog_expire_logs_seconds = {wanted_s};",)
            if side.version.is_mysql() and side.number("expire_logs_days"):  # 8.0 takes either beside 0 alone
                mend = ("SET GLOBAL expire_logs_days = 0;", *mend)
        found = (
            f"binary logs are kept for {kept_s / HOUR_S:.0f} h; going back shall be possible for {wanted_s // HOUR_S} h"
        )
        yield Found(side.address, found, "binlog_expire_logs_seconds", mend)


def _bounded(case: Case) -> Iterator[Found]:
    for side in filter(None, (case.old, case.new)):
        most = side.number("max_binlog_total_size", "binlog_space_limit")
        if most:
            name = "max_binlog_total_size"
            found = f"binary logs are purged once they are {most / 1e9:.1f} GB together, however young"
            yield Found(side.address, found, name, (f"SET GLOBAL {name} = 0;",))


def _durability(case: Case) -> Iterator[Found]:
    if case.new is None:
        return
    for name in ("sync_binlog", "innodb_flush_log_at_trx_commit"):
        if case.old.variable(name) == "1" != case.new.variable(name):
            found = f"{name} is {case.new.variable(name)}, on {case.old.address} 1"
            yield Found(case.new.address, found, name, (f"SET GLOBAL {name} = 1;",))


def _semi_sync(case: Case) -> Iterator[Found]:
    for side in filter(None, (case.old, case.new)):
        if side.is_on("rpl_semi_sync_source_enabled", "rpl_semi_sync_master_enabled"):
            clients = side.status.get(
                "rpl_semi_sync_source_clients", side.status.get("rpl_semi_sync_master_clients", "?")
            )
            waits_ms = side.variable("rpl_semi_sync_source_timeout", "rpl_semi_sync_master_timeout")
            name = "source" if "rpl_semi_sync_source_enabled" in side.variables else "master"
            mend = (f"SET GLOBAL rpl_semi_sync_{name}_timeout = 1000;  -- or see that enough replicas stay",)
            found = f"commits wait for a replica for up to {waits_ms} ms; {clients} semi-sync replicas are connected"
            yield Found(side.address, found, f"rpl_semi_sync_{name}_enabled", mend)


def _disk(case: Case) -> Iterator[Found]:
    for side in filter(None, (case.old, case.new)):
        disk = side.disk
        if disk and disk.free_bytes * 100 < case.wishes.disk_percent * disk.total_bytes:
            percent = 100 * disk.free_bytes / disk.total_bytes
            found = f"{disk.free_bytes / 1e9:.1f} GB ({percent:.0f} %) of its disk is free"
            yield Found(side.address, found, disk.path)


RULES: tuple[Rule, ...] = (
    Rule(
        "binlog-retention-short",
        Severity.WARNING,
        "Going back needs every write since the cutover in a log, and a replica that was away needs those it missed.",
        _retention,
    ),
    Rule(
        "binlog-size-bounded",
        Severity.WARNING,
        "A busy hour may purge what going back would need (MariaDB 11.4, Percona Server).",
        _bounded,
    ),
    Rule(
        "durability-relaxed", Severity.NOTE, "After a crash the new source may lack what it had confirmed.", _durability
    ),
    Rule(
        "disk-nearly-full",
        Severity.WARNING,
        "Binary logs kept for the way back, and copies, need room. Only MariaDB's plugin disks tells, to who has FILE.",
        _disk,
    ),
    Rule(
        "semi-sync",
        Severity.WARNING,
        "When replicas are moved or stopped, every commit of the application waits for the timeout.",
        _semi_sync,
    ),
)
