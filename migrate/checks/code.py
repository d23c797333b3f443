"""Rules about statements that the schema stores: views, routines, triggers, events, expressions. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from understudy.migrate.checks.case import Case
from understudy.migrate.checks.constructs import REMOVED_MODES, lost_modes
from understudy.migrate.checks.defaults import mode_of
from understudy.migrate.checks.finding import Found, Rule, Severity
from understudy.migrate.checks.schema import Code, Column, Kind, Table
from understudy.migrate.checks.spans import turn
from understudy.migrate.checks.statements import (
    Trouble,
    lost_functions,
    lost_syntax,
    lost_variables,
    reserved_names,
    set_modes,
)
from understudy.migrate.checks.tokens import Token, skeleton, tokens
from understudy.migrate.sqltext import identifier
from understudy.migrate.verify.spelling import shown_escaped
from understudy.migrate.versions import Version

Look = Callable[[list[Token], tuple[str, ...]], Iterable[Trouble]]  # the tokens, a routine's parameters

GROUPED = re.compile(r"\bGROUP BY\b", re.IGNORECASE)
ORDERED = re.compile(r"\bORDER BY\b", re.IGNORECASE)


@lru_cache(maxsize=4096)
def _cut(text: str, target: Version, sql_mode: str) -> list[Token]:
    """The same texts are looked at by several rules."""
    return tokens(text, target, sql_mode)


def _code(case: Case) -> Iterator[tuple[Code, list[Token]]]:
    for code in case.old.schema.code:
        if code.text:
            yield code, _cut(code.text, case.target, code.sql_mode)


def _expressions(table: Table, old: Version) -> Iterator[tuple[str, str]]:
    """A table's expressions: the path of what has it, and its text."""
    for column in table.columns:
        if column.expression:
            yield f"{table.path}.{column.name}", column.expression
        elif column.default and "(" in column.default and _is_expression(column, old):
            yield f"{table.path}.{column.name}", column.default
    for check in table.checks:
        yield f"{table.path}.{check.name}", check.clause
    for index in table.indexes:
        for expression in index.expressions:
            yield f"{table.path}.{index.name}", expression


def _is_expression(column: Column, old: Version) -> bool:
    """Whether a default is one, a text in quotes being one too; elsewhere it is the text itself."""
    return old.is_mariadb(10, 2, 7) or "DEFAULT_GENERATED" in column.extra


class Text(NamedTuple):
    """A stored statement or expression; `path` is of what has it, `parameters` are a routine's."""

    path: str
    text: str
    sql_mode: str = ""
    parameters: tuple[str, ...] = ()


def _texts(case: Case) -> Iterator[Text]:
    """All of them."""
    for code in case.old.schema.code:
        if code.text:
            yield Text(code.path, code.text, code.sql_mode, code.names)
    old = case.old.version
    for table in case.old.schema.tables:
        for path, text in _expressions(table, old):
            yield Text(path, shown_escaped(text) if old.is_mysql(8) else text)


def _troubles(looking: Callable[[Case], Look]) -> Callable[[Case], Iterator[Found]]:
    """A rule that looks at each text once, however many things have it, as the defaults of columns do."""

    def find(case: Case) -> Iterator[Found]:
        look = looking(case)
        seen: dict[tuple[str, str, tuple[str, ...]], tuple[Trouble, ...]] = {}
        for path, text, sql_mode, parameters in _texts(case):
            key = (text, sql_mode, parameters)
            if key not in seen:
                seen[key] = tuple(look(_cut(text, case.target, sql_mode), parameters))
            for trouble in seen[key]:
                mend = (
                    f"Instead: {trouble.instead}"
                    if trouble.instead
                    else "Do without it before the new servers follow.",
                )
                yield Found(case.old.address, trouble.what, path, mend)

    return find


def _functions(case: Case) -> Look:
    own = frozenset(code.name.upper() for code in case.old.schema.code if code.kind is Kind.FUNCTION)
    return lambda cut, _: lost_functions(cut, case.target, own)


def _modes_in_code(case: Case) -> Iterator[Found]:
    for code, cut in _code(case):
        lost = lost_modes(code.sql_mode, case.target)
        if lost:
            why = turn(REMOVED_MODES[lost[0]], case.target)
            mend = ("SET sql_mode without it, and create the thing again: SHOW CREATE tells how.",)
            yield Found(case.old.address, f"it was made under sql_mode {', '.join(lost)}: {why}", code.path, mend)
        for trouble in set_modes(cut, case.target):
            yield Found(case.old.address, f"it sets {trouble.what}", code.path, (f"Instead: {trouble.instead}",))


def _implicit_order(case: Case) -> Iterator[Found]:
    if not case.target.is_mysql(8) or not case.old.version.is_mysql() or case.old.version.is_mysql(8):
        return
    for code, cut in _code(case):
        text = skeleton(cut)
        if GROUPED.search(text) and not ORDERED.search(text):
            mend = ("Add ORDER BY where the order matters.",)
            yield Found(case.old.address, "GROUP BY without ORDER BY", code.path, mend)


def _full_group_by(case: Case) -> Iterator[Found]:
    old, new = mode_of(case.old, case.old.version), mode_of(case.new, case.target)
    if "ONLY_FULL_GROUP_BY" in old or "ONLY_FULL_GROUP_BY" not in new:
        return
    for code, cut in _code(case):
        if code.kind is Kind.VIEW and GROUPED.search(skeleton(cut)):  # the others keep the mode they were made under
            mend = (
                "Group by every column that is selected outside of an aggregate, or wrap it in ANY_VALUE() or MIN();",
                f"to see whether it is refused, on a new server: SELECT * FROM"
                f" {identifier(code.schema, code.name)} LIMIT 0;",
            )
            yield Found(
                case.old.address, "a view with GROUP BY, and the old sql_mode lacks ONLY_FULL_GROUP_BY", code.path, mend
            )


def _broken_view(case: Case) -> Iterator[Found]:
    for code in case.old.schema.code:
        if code.trouble:
            mend = (f"DROP VIEW {identifier(code.schema, code.name)};  -- or create what it refers to",)
            yield Found(case.old.address, code.trouble, code.path, mend)


def _not_shown(case: Case) -> Iterator[Found]:
    for code in case.old.schema.code:
        if code.text is None and not code.trouble:
            yield Found(
                case.old.address,
                f"the {code.kind}'s text is not shown to this account, so nothing is known of it",
                code.path,
                ("`understudy migrate grants check` prints what the account needs.",),
            )


RULES: tuple[Rule, ...] = (
    Rule(
        "function-removed",
        Severity.ERROR,
        "Whatever calls it fails there (error 1305), and what is stored with it can't be loaded.",
        _troubles(_functions),
    ),
    Rule(
        "syntax-removed",
        Severity.ERROR,
        "It can't be loaded into the new version, or fails when it runs (error 1064).",
        _troubles(lambda case: lambda cut, _: lost_syntax(cut, case.target)),
    ),
    Rule(
        "variable-in-code-removed",
        Severity.ERROR,
        "It fails when it runs (error 1193).",
        _troubles(lambda case: lambda cut, own: lost_variables(cut, case.old.version, case.target, own)),
    ),
    Rule(
        "reserved-word-in-code",
        Severity.ERROR,
        "It can't be loaded into the new version: the name would have to be quoted (error 1064).",
        _troubles(lambda case: lambda cut, _: reserved_names(cut, case.old.version, case.target)),
    ),
    Rule(
        "code-with-removed-mode",
        Severity.ERROR,
        "A dump sets the mode before it makes the thing again, and the new version refuses the mode (error 1231).",
        _modes_in_code,
    ),
    Rule(
        "group-by-without-order",
        Severity.NOTE,
        "Until MySQL 5.7 GROUP BY sorted its result as well; since 8.0 it comes in any order.",
        _implicit_order,
    ),
    Rule(
        "view-under-full-group-by",
        Severity.WARNING,
        "ONLY_FULL_GROUP_BY is in MySQL's default sql_mode since 5.7.5; such a view may fail with error 1055.",
        _full_group_by,
    ),
    Rule("view-broken", Severity.WARNING, "It can't be used now, and a dump or an upgrade stops at it.", _broken_view),
    Rule("code-not-shown", Severity.WARNING, "It may hold anything that the other rules look for.", _not_shown),
)
