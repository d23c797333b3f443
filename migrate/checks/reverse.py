"""Rules about the way back: what keeps the old source from following the new one after the cutover. Pure.

Replication to an older version is promised by nobody but for the way back from MySQL 8.4 to 8.0; it works with care,
and what breaks it is known. All of this matters only where a rollback after new writes shall be possible.
"""

from __future__ import annotations

from collections.abc import Iterator

from understudy.migrate.checks.case import Case, Side
from understudy.migrate.checks.finding import Found, Rule, Severity
from understudy.migrate.checks.servers import series
from understudy.migrate.sqltext import string

NEW_COLLATIONS = {"utf8mb4_0900": (8, 0, 1), "uca1400": (10, 10, 1)}
SHA2 = "caching_sha2_password"


def _new(case: Case) -> Side | None:
    """The new source, where there is a way back to think of."""
    return None if case.is_between_flavours else case.new


def _distance(case: Case) -> Iterator[Found]:
    if case.is_between_flavours:
        return
    old, target = case.old.version, case.target
    is_promised = (old.numbers[:2], target.numbers[:2]) == ((8, 0), (8, 4))
    if target.is_mysql() and series(target) > series(old) and not is_promised:
        found = f"{old} following {target} is not supported"
    elif target.is_mariadb() and target.numbers[:2] > old.numbers[:2]:
        found = f"{old} following {target}, which is newer, is not supported"
    else:
        return
    yield Found(case.old.address, found, mend=("Rehearse it on a throwaway pair with the application's writes.",))


def _collation(case: Case) -> Iterator[Found]:
    new = _new(case)
    if new is None:
        return
    for name in ("collation_server", "default_collation_for_utf8mb4", "character_set_collations"):
        value = new.variable(name)
        for part, since in NEW_COLLATIONS.items():
            if part in value and case.old.version.numbers < since and (part != "uca1400") == case.target.is_mysql():
                yield Found(
                    new.address,
                    f"{name} is {value[:60]}, which {case.old.version} does not know",
                    name,
                    _mend(new, name),
                )


def _mend(new: Side, name: str) -> tuple[str, ...]:
    if name == "character_set_collations":
        return ("SET GLOBAL character_set_collations = '';",)
    mend = f"SET GLOBAL {name} = 'utf8mb4_general_ci';"
    clients = (
        "And have clients SET NAMES utf8mb4 COLLATE utf8mb4_general_ci: the session's collation is in every event."
    )
    return (mend, clients) if name == "collation_server" and new.version.is_mysql() else (mend,)


def _row_values(case: Case) -> Iterator[Found]:
    new = _new(case)
    if new and new.variable("binlog_row_value_options") and not case.old.version.is_mysql(8, 0, 3):
        mend = ("SET GLOBAL binlog_row_value_options = '';",)
        found = f"binlog_row_value_options is {new.variable('binlog_row_value_options')}"
        yield Found(new.address, found, "binlog_row_value_options", mend)


def _compression(case: Case) -> Iterator[Found]:
    new = _new(case)
    if new and new.is_on("binlog_transaction_compression") and not case.old.version.is_mysql(8, 0, 20):
        mend = ("SET GLOBAL binlog_transaction_compression = OFF;",)
        yield Found(new.address, "binlog_transaction_compression is on", "binlog_transaction_compression", mend)
    if new and new.is_on("log_bin_compress") and not case.old.version.is_mariadb(10, 2, 3):
        yield Found(new.address, "log_bin_compress is on", "log_bin_compress", ("SET GLOBAL log_bin_compress = OFF;",))


def _two_phase(case: Case) -> Iterator[Found]:
    new = _new(case)
    if new and new.is_on("binlog_alter_two_phase") and not case.old.version.is_mariadb(10, 8, 1):
        mend = ("SET GLOBAL binlog_alter_two_phase = OFF;",)
        yield Found(new.address, "binlog_alter_two_phase is on", "binlog_alter_two_phase", mend)


def _invisible_key(case: Case) -> Iterator[Found]:
    new = _new(case)
    if new and new.is_on("sql_generate_invisible_primary_key") and not case.old.version.is_mysql(8, 0, 30):
        mend = ("SET GLOBAL sql_generate_invisible_primary_key = OFF;",)
        yield Found(
            new.address, "new tables get a hidden column as their key", "sql_generate_invisible_primary_key", mend
        )


def _sha2(case: Case) -> Iterator[Found]:
    new = _new(case)
    if new is None or not new.version.is_mysql() or case.old.version.is_mysql(8, 0, 4):
        return
    replicating = [one for one in new.accounts if one.holds("REPLICATION SLAVE") and not one.is_locked]
    if replicating and all(one.plugin == SHA2 for one in replicating):
        who = ", ".join(str(one) for one in replicating)
        mend = (
            f"CREATE USER 'repl_back'@'%' IDENTIFIED WITH {string('sha256_password')} BY '…';",
            "GRANT REPLICATION SLAVE ON *.* TO 'repl_back'@'%';  -- sha256_password needs TLS between the two",
        )
        yield Found(new.address, f"only by {SHA2} can a replica log in ({who})", mend=mend)


RULES: tuple[Rule, ...] = (
    Rule(
        "reverse-unsupported",
        Severity.WARNING,
        "Vendors promise nothing for a replica older than its source, but for MySQL 8.4 to 8.0; rehearse it.",
        _distance,
    ),
    Rule(
        "reverse-collation",
        Severity.WARNING,
        "The collation's number (255 for utf8mb4_0900_ai_ci) is in the events, and an old applier stops at it.",
        _collation,
    ),
    Rule(
        "reverse-partial-json",
        Severity.ERROR,
        "Partial JSON updates (MySQL 8.0.3) are events of a kind that an older applier does not know.",
        _row_values,
    ),
    Rule(
        "reverse-compressed-transactions",
        Severity.ERROR,
        "Compressed events (MySQL 8.0.20, MariaDB 10.2.3) are of a kind that an older applier does not know.",
        _compression,
    ),
    Rule(
        "reverse-two-phase-alter",
        Severity.ERROR,
        "START ALTER and COMMIT ALTER (MariaDB 10.8.1) are no statements that an older applier knows.",
        _two_phase,
    ),
    Rule(
        "reverse-invisible-key",
        Severity.WARNING,
        "Tables made after the cutover have a column (MySQL 8.0.30) that the old source lacks.",
        _invisible_key,
    ),
    Rule(
        "reverse-caching-sha2",
        Severity.WARNING,
        "A replica older than MySQL 8.0.4 has no caching_sha2_password, so it can't log in on the new source.",
        _sha2,
    ),
)
