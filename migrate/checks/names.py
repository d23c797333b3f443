"""Rules about names and about the character sets and collations of what is stored. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from understudy.migrate.checks.case import Case
from understudy.migrate.checks.finding import Found, Rule, Severity
from understudy.migrate.checks.reserved import RESERVED, becomes_reserved
from understudy.migrate.checks.schema import Schema
from understudy.migrate.checks.spans import Span, holds, maria, my
from understudy.migrate.sqltext import identifier
from understudy.migrate.versions import Version

SHOWN = 3
DEFAULT_OF_UTF8MB4: tuple[tuple[Span, str], ...] = (
    (my(until=(8, 0, 1)), "utf8mb4_general_ci"),
    (my((8, 0, 1)), "utf8mb4_0900_ai_ci"),
    (maria(until=(11, 5)), "utf8mb4_general_ci"),
    (maria((11, 5)), "utf8mb4_uca1400_ai_ci"),
)
DEFAULT_IS_SET_BY: dict[str, tuple[Span, ...]] = {
    "default_collation_for_utf8mb4": (my((8, 0, 11)),),
    "character_set_collations": (maria((11, 2)),),
}
COLLATIONS: tuple[tuple[str, tuple[Span, ...]], ...] = (  # by a part of the name; measured
    ("_nopad_", (maria((10, 2)),)),
    ("_nopad_bin", (maria((10, 2)),)),
    ("uca1400_", (maria((10, 10)),)),
    ("general1400_", (maria((11, 5)),)),
    ("_thai_520_w2", (maria((10, 1)),)),
    ("_myanmar_ci", (maria((10, 1)),)),
    ("_croatian_mysql561_ci", (maria((10, 0)),)),
    ("gb18030_", (my((5, 7, 4)),)),
    ("utf8mb3_tolower_ci", (my((8, 0)),)),
    ("_0900_", (my((8, 0, 1)), maria((11, 4, 5)))),
)
ONLY_MYSQL_0900 = ("_bg_", "_bs_", "_gl_", "_ja_", "_mn_cyrl_", "_nb_", "_nn_", "_ru_", "_sr_latn_", "_zh_")


def _names(schema: Schema) -> Iterator[tuple[str, str, str]]:
    """Everything that has a name: what it is, its name, its path."""
    for home in schema.homes:
        yield "database", home.name, home.name
    for table in schema.tables:
        yield "table", table.name, table.path
        for column in table.columns:
            yield "column", column.name, f"{table.path}.{column.name}"
        for index in table.indexes:
            yield "index", index.name, f"{table.path}.{index.name}"
    for code in schema.code:
        yield code.kind.value, code.name, code.path
        for name in code.names:
            yield "parameter", name, f"{code.path}.{name}"


def _reserved(case: Case) -> Iterator[Found]:
    words = {word for word in RESERVED if becomes_reserved(word, case.old.version, case.target)}
    for what, name, path in _names(case.old.schema):
        if name.upper() in words:
            mend = (f"Quote it in the application: {identifier(name)}", "or rename it.")
            yield Found(case.old.address, _since(what, name, case), path, mend)


def _since(what: str, name: str, case: Case) -> str:
    since = next(span.since for span in RESERVED[name.upper()] if span.covers(case.target))
    flavour = "MariaDB" if case.target.is_mariadb() else "MySQL"
    return f"the {what}'s name is a reserved word in {flavour}" + (
        f" since {'.'.join(map(str, since))}" if since else ""
    )


def _dollar(case: Case) -> Iterator[Found]:
    if not case.target.is_mysql(8, 0, 32):
        return
    for what, name, path in _names(case.old.schema):
        if name.startswith("$"):
            mend = (f"Quote it in the application: {identifier(name)}", "or rename it.")
            yield Found(case.old.address, f"the {what}'s name begins with $", path, mend)


def _collations(schema: Schema) -> Iterator[tuple[str, str]]:
    """Every collation in use, and where: a column's only where it is not its table's."""
    for home in schema.homes:
        yield home.collation, home.name
    for table in schema.tables:
        yield table.collation, table.path
        for column in table.columns:
            if column.collation and column.collation != table.collation:
                yield column.collation, f"{table.path}.{column.name}"


def plain(collation: str) -> str:
    """A collation under one name: what was utf8_… is utf8mb3_… since MySQL 8.0.30 and MariaDB 10.6."""
    return f"utf8mb3_{collation[5:]}" if collation.startswith("utf8_") else collation


def _has(case: Case, collation: str) -> bool:
    if case.new and case.new.schema.collations:
        return plain(collation) in {plain(name) for name in case.new.schema.collations}
    return knows_collation(collation, case.target)


def knows_collation(collation: str, version: Version) -> bool:
    """Whether a version has a collation that some server has."""
    name = plain(collation)
    if "_0900_" in name and version.is_mariadb() and any(part in name for part in ONLY_MYSQL_0900):
        return False
    return all(holds(spans, version) for part, spans in COLLATIONS if part in name)


def _collation_missing(case: Case) -> Iterator[Found]:
    used: dict[str, bool] = {}
    for collation, path in _collations(case.old.schema):
        if collation not in used:
            used[collation] = not collation or _has(case, collation)
        if not used[collation]:
            charset = collation.partition("_")[0]
            near = f"{charset}_unicode_ci" if charset in ("utf8", "utf8mb3", "utf8mb4") else f"{charset}_bin"
            what = "DATABASE" if "." not in path else "TABLE"
            mend = (f"Convert the {what.lower()} to a collation that both have, such as {near}.",)
            yield Found(case.old.address, f"{case.target} has no collation {collation}", path, mend)


def by_database(paths: Iterable[str]) -> Iterator[tuple[str, int, str]]:
    """Where a thing is nearly everywhere: each database, how many there, and the first few."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        found[path.partition(".")[0]].append(path)
    for database, inside in found.items():
        more = f" and {len(inside) - SHOWN} more" if len(inside) > SHOWN else ""
        yield database, len(inside), ", ".join(inside[:SHOWN]) + more


def _utf8mb3(case: Case) -> Iterator[Found]:
    if case.target.is_mysql() and not case.target.is_mysql(8):
        return
    paths = (path for collation, path in _collations(case.old.schema) if plain(collation).startswith("utf8mb3_"))
    for database, _, told in by_database(paths):
        mend = ("After the cutover, table by table: ALTER TABLE … CONVERT TO CHARACTER SET utf8mb4",)
        yield Found(case.old.address, f"utf8mb3 in {told}", database, mend)


def _default_of_utf8mb4(version: Version) -> str:
    return next((name for span, name in DEFAULT_OF_UTF8MB4 if span.covers(version)), "")


def _default_kept(target: Version, collation: str) -> Iterator[str]:
    """MySQL's variable takes the two defaults that it has had (manual, "Server System Variables")."""
    variable = next((name for name, spans in DEFAULT_IS_SET_BY.items() if holds(spans, target)), "")
    if variable and knows_collation(collation, target):
        yield "or on the new servers:"
        value = f"'utf8mb4={collation}'" if target.is_mariadb() else collation
        yield f"SET GLOBAL {variable} = {value};"


def _shifting(case: Case) -> Iterator[Found]:
    before, after = _default_of_utf8mb4(case.old.version), _default_of_utf8mb4(case.target)
    if before == after:
        return
    paths = (path for collation, path in _collations(case.old.schema) if collation == before)
    for database, _, told in by_database(paths):
        mend = (f"Name it in DDL: DEFAULT CHARSET=utf8mb4 COLLATE={before}", *_default_kept(case.target, before))
        found = f"{before}, the default of utf8mb4, which is {after} there: {told}"
        yield Found(case.old.address, found, database, mend)


RULES: tuple[Rule, ...] = (
    Rule(
        "reserved-word",
        Severity.WARNING,
        "Statements that use the name without quotes are refused (error 1064).",
        _reserved,
    ),
    Rule("dollar-name", Severity.NOTE, "Unquoted names that begin with $ are deprecated since MySQL 8.0.32.", _dollar),
    Rule(
        "collation-missing", Severity.ERROR, "The table can't be created, nor its rows replicated.", _collation_missing
    ),
    Rule(
        "charset-utf8mb3",
        Severity.NOTE,
        "It has no characters of four bytes, such as emoji. MySQL deprecates it since 8.0, and utf8 is to mean utf8mb4"
        " there; in MariaDB old_mode tells what utf8 means since 10.6.",
        _utf8mb3,
    ),
    Rule(
        "default-collation-shifts",
        Severity.WARNING,
        "A dump, or DDL that names utf8mb4 and no collation, makes tables with another collation there: other order,"
        " other duplicates, joins that fail with error 1267 (MySQL 8.0.1, MariaDB 11.5).",
        _shifting,
    ),
)
