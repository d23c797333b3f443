"""Rules about what the old source wrote lately, as a sample of its binary log has it. Pure.

What has been written once is likely to be written again while the new servers follow; their applier would stop, or do
something else. The sample has no values in it (see `tokens.skeleton`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from understudy.migrate.checks.case import Case, Logged
from understudy.migrate.checks.finding import Found, Rule, Severity
from understudy.migrate.checks.schema import Table
from understudy.migrate.checks.statements import Trouble, lost_functions, lost_syntax, lost_variables, reserved_names
from understudy.migrate.checks.tables import TRANSACTIONAL
from understudy.migrate.checks.tokens import Token, tokens
from understudy.migrate.sqltext import identifier

Look = Callable[[list[Token]], Iterable[Trouble]]

SHOWN = 100
DML = re.compile(r"^(?:INSERT|UPDATE|DELETE|REPLACE|LOAD DATA)\b", re.IGNORECASE)
CREATE_SELECT = re.compile(r"^CREATE (?:TEMPORARY )?TABLE\b.*\bSELECT\b", re.IGNORECASE)
TEMPORARY = re.compile(r"^(?:CREATE|DROP) TEMPORARY TABLE\b", re.IGNORECASE)
CHECKED = re.compile(r"^(?:CREATE|ALTER) TABLE\b.*\bCHECK \(", re.IGNORECASE)
SET_PASSWORD = re.compile(r"^SET PASSWORD\b.* = ''", re.IGNORECASE)
OTHER_ENGINE = re.compile(
    r"^(?:CREATE|ALTER) TABLE\b.*\bENGINE (?:= )?(MYISAM|MEMORY|HEAP|CSV|ARCHIVE|MERGE|MRG_MYISAM|ARIA|FEDERATED)\b",
    re.IGNORECASE,
)
UNSAFE: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "LIMIT without ORDER BY",
        re.compile(r"^(?:UPDATE|DELETE|INSERT|REPLACE)\b(?!.*\bORDER BY\b).*\bLIMIT 0", re.IGNORECASE),
    ),
    (
        "a function that answers otherwise on a replica",
        re.compile(  # a table may have such a name, and its columns in parentheses after it
            r"(?<!INTO )(?<!TABLE )(?<!INSERT )(?<!REPLACE )(?<!IGNORE )(?<!DELAYED )(?<!_PRIORITY )(?<!\. )(?<!\S)"
            r"(?:UUID|UUID_SHORT|SYSDATE|USER|SESSION_USER|SYSTEM_USER|CURRENT_USER|FOUND_ROWS|ROW_COUNT|VERSION"
            r"|LOAD_FILE|GET_LOCK|IS_FREE_LOCK|IS_USED_LOCK|RELEASE_LOCK|SLEEP|MASTER_POS_WAIT) \(",
            re.IGNORECASE,
        ),
    ),
    ("LOAD DATA", re.compile(r"^LOAD DATA\b", re.IGNORECASE)),
    (
        "INSERT DELAYED or IGNORE … SELECT",
        re.compile(r"^(?:INSERT DELAYED|INSERT IGNORE .*\bSELECT|REPLACE .*\bSELECT)\b", re.IGNORECASE),
    ),
)


def _statements(case: Case) -> Iterator[tuple[Logged, list[Token]]]:
    for logged in case.old.logged:
        if logged.text:
            yield logged, tokens(logged.text, case.target)


def _found(case: Case, logged: Logged, what: str, mend: tuple[str, ...]) -> Found:
    shown = logged.text if len(logged.text) <= SHOWN else logged.text[:SHOWN] + " …"
    often = f", {logged.times} times in the sample" if logged.times > 1 else ""
    return Found(case.old.address, f"{what}{often}: {shown}", f"{logged.file}:{logged.position}", mend)


def _troubles(looking: Callable[[Case], Look]) -> Callable[[Case], Iterator[Found]]:
    def find(case: Case) -> Iterator[Found]:
        look = looking(case)
        for logged, cut in _statements(case):
            for trouble in look(cut):
                mend = (
                    f"Instead: {trouble.instead}"
                    if trouble.instead
                    else "Do without it before the new servers follow.",
                )
                yield _found(case, logged, trouble.what, mend)

    return find


def _variables(case: Case) -> Look:
    return lambda cut: lost_variables(cut, case.old.version, case.target)


def _functions(case: Case) -> Look:
    own = frozenset(code.name.upper() for code in case.old.schema.code)
    return lambda cut: lost_functions(cut, case.target, own)


def _matching(
    pattern: re.Pattern[str], what: str, mend: tuple[str, ...], concerns: Callable[[Case], bool]
) -> Callable[[Case], Iterator[Found]]:
    def find(case: Case) -> Iterator[Found]:
        if concerns(case):
            for logged in case.old.logged:
                if pattern.search(logged.text):
                    yield _found(case, logged, what, mend)

    return find


def _unsafe(case: Case) -> Iterator[Found]:
    for logged in case.old.logged:
        if DML.search(logged.text):
            for what, pattern in UNSAFE:
                if pattern.search(logged.text):
                    mend = ("SET GLOBAL binlog_format = 'ROW';",)
                    yield _found(case, logged, f"a statement was logged that has {what}", mend)


def _written(case: Case) -> Iterator[tuple[Table, Logged]]:
    """The tables that were written to, each with the first event that shows it."""
    tables = {(table.schema, table.name): table for table in case.old.schema.tables}
    seen: dict[tuple[str, str], Logged] = {}
    for logged in case.old.logged:
        for key in logged.tables:
            seen.setdefault(key, logged)
    for key, logged in seen.items():
        if table := tables.get(key):
            yield table, logged


def _without_key(case: Case) -> Iterator[Found]:
    for table, logged in _written(case):
        if not table.has_key:
            mend = (f"ALTER TABLE {identifier(table.schema, table.name)} ADD PRIMARY KEY (…);",)
            found = f"it has no primary key, and is written to ({logged.file}:{logged.position})"
            yield Found(case.old.address, found, table.path, mend)


def _not_transactional(case: Case) -> Iterator[Found]:
    for table, logged in _written(case):
        if table.engine and table.engine.lower() not in TRANSACTIONAL:
            mend = (f"ALTER TABLE {identifier(table.schema, table.name)} ENGINE=InnoDB;",)
            found = f"its engine is {table.engine}, and it is written to ({logged.file}:{logged.position})"
            yield Found(case.old.address, found, table.path, mend)


def _with_gtid(case: Case) -> bool:
    """To MySQL with GTIDs: there they are in the old tree, or the new server's own consistency is enforced."""
    if not (case.old.version.is_mysql() and case.target.is_mysql()):
        return False
    sides = (case.old, *([case.new] if case.new else []))
    return any(side.variable("enforce_gtid_consistency").upper() == "ON" for side in sides)


def _enforces_checks(case: Case) -> bool:
    enforcing = case.target.is_mysql(8, 0, 16) or case.target.is_mariadb(10, 2, 1)
    return enforcing and not (case.old.version.is_mysql(8, 0, 16) or case.old.version.is_mariadb(10, 2, 1))


RULES: tuple[Rule, ...] = (
    Rule(
        "logged-syntax-removed",
        Severity.ERROR,
        "The new applier doesn't understand the statement and stops (error 1064, or 1410 for GRANT).",
        _troubles(lambda case: lambda cut: lost_syntax(cut, case.target)),
    ),
    Rule("logged-function-removed", Severity.ERROR, "The new applier stops (error 1305).", _troubles(_functions)),
    Rule("logged-variable-removed", Severity.ERROR, "The new applier stops (error 1193).", _troubles(_variables)),
    Rule(
        "logged-reserved-word",
        Severity.ERROR,
        "The new applier takes the name for a keyword and stops (error 1064).",
        _troubles(lambda case: lambda cut: reserved_names(cut, case.old.version, case.target)),
    ),
    Rule(
        "logged-set-password",
        Severity.ERROR,
        "MySQL 5.6 logs the hash; since 5.7.6 SET PASSWORD takes it for the password itself, and nobody logs in.",
        _matching(
            SET_PASSWORD,
            "an account's password was set",
            ("Set passwords on each server apart, unlogged, until the cutover.",),
            lambda case: (
                case.old.version.is_mysql() and not case.old.version.is_mysql(5, 7, 6) and case.target.is_mysql(5, 7, 6)
            ),
        ),
    ),
    Rule(
        "logged-create-select",
        Severity.WARNING,
        "With enforce_gtid_consistency it is refused before MySQL 8.0.21 (error 1786); logged as a"
        " statement, its rows may differ.",
        _matching(
            CREATE_SELECT,
            "CREATE TABLE … SELECT",
            ("CREATE TABLE, then INSERT … SELECT.",),
            lambda case: not case.target.is_mysql(8, 0, 21) or case.old.variable("binlog_format").upper() != "ROW",
        ),
    ),
    Rule(
        "logged-temporary-table",
        Severity.WARNING,
        "With enforce_gtid_consistency temporary tables can't be made within a transaction of logged"
        " statements (error 1787).",
        _matching(TEMPORARY, "a temporary table", ("SET GLOBAL binlog_format = 'ROW';",), _with_gtid),
    ),
    Rule(
        "logged-check",
        Severity.WARNING,
        "CHECK was read and forgotten before MySQL 8.0.16 and MariaDB 10.2.1; there it refuses rows,"
        " and the applier stops.",
        _matching(CHECKED, "a CHECK constraint", ("Leave it out until the cutover.",), _enforces_checks),
    ),
    Rule(
        "logged-other-engine",
        Severity.WARNING,
        "Tables of such an engine are made while the application runs; no copy of them is consistent.",
        _matching(OTHER_ENGINE, "a table that isn't InnoDB", ("ENGINE=InnoDB",), lambda case: True),
    ),
    Rule(
        "logged-unsafe-statement",
        Severity.WARNING,
        "It is run again by the replica, by another version's optimiser, and may change other rows there.",
        _unsafe,
    ),
    Rule(
        "written-without-key",
        Severity.WARNING,
        "For each changed row the new applier scans the whole table.",
        _without_key,
    ),
    Rule(
        "written-not-transactional",
        Severity.WARNING,
        "After a crash or a stop in the middle the applier does part of it twice.",
        _not_transactional,
    ),
)
