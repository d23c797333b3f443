"""Rules about variables between exactly these two versions: what is gone, what has another default. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from understudy.migrate.checks.case import Case, Side
from understudy.migrate.checks.constructs import REMOVED_MODES, lost_modes, without_modes
from understudy.migrate.checks.defaults import DEFAULTS, REMOVED, default_of, is_removed, normal
from understudy.migrate.checks.finding import Found, Rule, Severity
from understudy.migrate.checks.names import knows_collation
from understudy.migrate.checks.spans import listed, turn
from understudy.migrate.sqltext import string
from understudy.migrate.versions import Version

HAS_A_RULE = listed(  # of its own, for a new source that is there
    "sql_mode character_set_server collation_server max_allowed_packet binlog_format sync_binlog gtid_mode log_bin"
)
GRAVE = listed(
    "sql_mode character_set_server collation_server explicit_defaults_for_timestamp"
    " innodb_autoinc_lock_mode event_scheduler"
    " innodb_snapshot_isolation max_allowed_packet"
)
ALIKE = listed(  # what an application notices, and should be the same on both sides
    "auto_increment_increment auto_increment_offset autocommit character_set_filesystem completion_type"
    " concurrent_insert default_storage_engine default_week_format div_precision_increment foreign_key_checks"
    " ft_boolean_syntax ft_max_word_len ft_min_word_len group_concat_max_len init_connect innodb_ft_max_token_size"
    " innodb_ft_min_token_size innodb_lock_wait_timeout innodb_rollback_on_timeout interactive_timeout lc_time_names"
    " lock_wait_timeout max_join_size max_sort_length net_read_timeout net_write_timeout sql_auto_is_null"
    " sql_big_selects sql_safe_updates sql_select_limit transaction_isolation tx_isolation unique_checks wait_timeout"
    " max_connections ngram_token_size max_sp_recursion_depth secure_file_priv default_tmp_storage_engine"
)


CONFIGURED = listed(  # read only, measured and by the manuals; the last two change only by steps and together
    "default_authentication_plugin ft_max_word_len ft_min_word_len innodb_autoinc_lock_mode innodb_ft_max_token_size"
    " innodb_ft_min_token_size innodb_rollback_on_timeout log_bin ngram_token_size secure_file_priv"
    " gtid_mode enforce_gtid_consistency"
)
WORKERS = "slave_parallel_workers"
ISOLATION = ("transaction_isolation", "tx_isolation")  # one thing; some versions have both names


def kept(name: str, value: str, target: Version) -> str:
    """How a server of the target version gets this value: SQL, or where only its configuration takes it, a sentence."""
    if name == "sql_mode":
        value = without_modes(value, lost_modes(value, target))
    if name == "collation_server" and not knows_collation(value, target):
        return "Choose a collation_server that both have."
    if name in CONFIGURED or value.upper() == "DISABLED":
        wanted = "skip_log_bin" if (name, value) == ("log_bin", "OFF") else f"{name} = {value}"
        return f"In the new servers' configuration: {wanted}"
    value = "1" if (name, value) == (WORKERS, "0") else value  # MySQL 9.7 has no less: 0 is warning 1292, and becomes 1
    value = value if re.fullmatch(r"-?\d+(\.\d+)?", value) else string(value)  # a quoted number is error 1232
    return f"SET GLOBAL {name} = {value};  -- and in the configuration, to keep what is"


def _removed(case: Case) -> Iterator[Found]:
    """Where the old server has its default, nobody has set it, and nobody misses it."""
    for name, value in sorted(case.old.variables.items()):
        if not is_removed(name, case.old.version, case.target) or REMOVED[name].is_default(value):
            continue
        if case.new and name in case.new.variables:
            continue
        instead = REMOVED[name].instead
        mend = [f"Take {name} out of the new servers' configuration: with it they don't start."]
        mend += [f"Set instead: {instead}"] * bool(instead)
        found = f"{name} is set to {string(value)}: {turn(REMOVED[name].spans, case.target)}"
        yield Found(case.old.address, found, name, tuple(mend))


def _changed(case: Case) -> Iterator[Found]:
    for default in DEFAULTS:
        old = case.old.variables.get(default.name)
        new = case.new.variables.get(default.name) if case.new else default.value(case.target)
        if old is None or new is None or _alike(default.name, old, new) or (case.new and default.name in HAS_A_RULE):
            continue
        if not _default_moved(case, default.name):
            continue
        where = "there it is" if case.new else f"{case.target} has by default"
        mend = (kept(default.name, old, case.target),)
        found = f"{default.name} is {string(old)}, {where} {string(new)}: {default.why}"
        severity = Severity.WARNING if default.name in GRAVE else None
        yield Found(case.old.address, found, default.name, mend, severity)


def _alike(name: str, old: str, new: str) -> bool:
    """No worker and one apply one transaction after the other."""
    return normal(old) == normal(new) or (name == WORKERS and {old, new} <= {"0", "1"})


def _default_moved(case: Case, name: str) -> bool:
    before, after = default_of(name, case.old.version), default_of(name, case.target)
    return after is not None and (before is None or normal(before) != normal(after))


def _differs(case: Case) -> Iterator[Found]:
    if case.new is None:
        return
    for name in sorted({_own_name(case.old, name) for name in ALIKE & case.old.variables.keys()}):
        there = _own_name(case.new, name)
        old, new = _value(case.old, name), _value(case.new, there)
        if old is not None and new is not None and normal(old) != normal(new):
            found = f"{there} is {string(new)}, on {case.old.address} {string(old)}"
            yield Found(case.new.address, found, there, (kept(there, old, case.target),))


def _own_name(side: Side, name: str) -> str:
    return next((one for one in ISOLATION if one in side.variables), name) if name in ISOLATION else name


def _value(side: Side, name: str) -> str | None:
    value = side.variables.get(name)
    if name == "default_tmp_storage_engine" and not value:  # MariaDB's empty one is that of other tables
        return side.variables.get("default_storage_engine")
    return value


def _modes(case: Case) -> Iterator[Found]:
    mode = case.old.variable("sql_mode")
    if lost := lost_modes(mode, case.target):
        left = without_modes(mode, lost)
        why = "; ".join(dict.fromkeys(turn(REMOVED_MODES[name], case.target) for name in lost))
        mend = (f"SET GLOBAL sql_mode = {string(left)};  -- on the new servers, and in their configuration",)
        yield Found(case.old.address, f"sql_mode has {', '.join(lost)}: {why}", "sql_mode", mend)


RULES: tuple[Rule, ...] = (
    Rule(
        "variable-removed",
        Severity.WARNING,
        "It was set to something, so somebody wanted it; a server with an unknown variable in its"
        " configuration doesn't start.",
        _removed,
    ),
    Rule("default-changed", Severity.NOTE, "Its default is another one in the new version.", _changed),
    Rule("variable-differs", Severity.NOTE, "The application may notice.", _differs),
    Rule(
        "sql-mode-removed",
        Severity.ERROR,
        "A server doesn't start with a mode it doesn't know, and an application that sets it gets error 1231.",
        _modes,
    ),
)
