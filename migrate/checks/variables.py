"""Rules about variables between exactly these two versions: what is gone, what has another default. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from understudy.migrate.checks.case import Case, Side
from understudy.migrate.checks.constructs import REMOVED_MODES, lost_modes, without_modes
from understudy.migrate.checks.defaults import DEFAULTS, REMOVED, default_of, is_removed, normal
from understudy.migrate.checks.finding import Found, Rule, Severity
from understudy.migrate.checks.spans import listed, turn
from understudy.migrate.sqltext import string

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
        if old is None or new is None or normal(old) == normal(new) or (case.new and default.name in HAS_A_RULE):
            continue
        if not _default_moved(case, default.name):
            continue
        where = "there it is" if case.new else f"{case.target} has by default"
        mend = (f"SET GLOBAL {default.name} = {string(old)};  -- and in the configuration, to keep what is",)
        found = f"{default.name} is {string(old)}, {where} {string(new)}: {default.why}"
        severity = Severity.WARNING if default.name in GRAVE else None
        yield Found(case.old.address, found, default.name, mend, severity)


def _default_moved(case: Case, name: str) -> bool:
    before, after = default_of(name, case.old.version), default_of(name, case.target)
    return after is not None and (before is None or normal(before) != normal(after))


def _differs(case: Case) -> Iterator[Found]:
    if case.new is None:
        return
    for name in sorted(ALIKE & case.old.variables.keys()):
        old, new = case.old.variables[name], _counterpart(case.new, name)
        if new is not None and normal(old) != normal(new):
            mend = (f"SET GLOBAL {name} = {string(old)};",)
            yield Found(case.new.address, f"{name} is {string(new)}, on {case.old.address} {string(old)}", name, mend)


def _counterpart(side: Side, name: str) -> str | None:
    if name == "tx_isolation" and "transaction_isolation" in side.variables:
        return side.variables["transaction_isolation"]
    return side.variables.get(name)


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
