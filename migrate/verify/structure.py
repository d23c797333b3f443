"""Do two servers define the same: databases, tables, views, routines, triggers, events. Rows are compared elsewhere.

Both servers are asked at the same time, each in one session, for all that a slice of the tables has (`slices`); what
they say is given one spelling and compared (`things`). An operator's decisions that a migration implies are no
findings: see `weighing`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from understudy.migrate.build.mark import SCHEMA
from understudy.migrate.faults import PrivilegeError
from understudy.migrate.grants import DEFINITIONS
from understudy.migrate.ports import Database
from understudy.migrate.rows import number, text
from understudy.migrate.sliced import sliced
from understudy.migrate.slices import WHOLE, Slice
from understudy.migrate.verify import counters, questions, spelling
from understudy.migrate.verify.code import Code
from understudy.migrate.verify.finding import Finding
from understudy.migrate.verify.shape_of_table import Tables
from understudy.migrate.verify.things import Things, by_name, compare
from understudy.migrate.verify.weighing import weigh

PATIENCE_S = 300.0
BATCH = 5000


def differences(old: Database, new: Database, ignored: Collection[str] = (SCHEMA,)) -> list[Finding]:
    """In what the new server's definitions differ from the old one's, but for databases in `ignored`: build's own.

    Raises `faults.ServerError`, also where the account may not see everything: what it doesn't see would look as if it
    were not there, on both sides alike. Neither session is left changed.
    """
    unknown = spelling.unknown_modes(old.version) | spelling.unknown_modes(new.version)
    across = old.version.flavour is not new.version.flavour
    folded = any(knows_no_case(session) for session in (old, new))

    def collect(session: Database) -> Things:
        return collected(session, unknown, across and session.version.is_mariadb(), ignored, folded)

    with ThreadPoolExecutor(2, "structure") as pool:
        before, after = _in_both(*pool.map(collect, (old, new)))
    with _plainly(new), new.patient(PATIENCE_S):
        after = counters.refreshed(new, before, after)
    return list(compare(before, after, weigh(old.version, new.version, _moved(old, new))))


def knows_no_case(session: Database) -> bool:
    """Whether names of tables are kept or compared in lower case (`folding`)."""
    return number(session.value("SELECT @@GLOBAL.lower_case_table_names")) != 0


def _moved(old: Database, new: Database) -> frozenset[tuple[str, str]]:
    """The default collations that are others on the new side, of what both sides have."""
    before, after = map(_defaults, (old, new))
    return frozenset((was, after[name]) for name, was in before.items() if after.get(name, was) != was)


def _defaults(session: Database) -> dict[str, str]:
    rows = session.rows(questions.COLLATIONS)
    return {
        spelling.charset(text(row["CHARACTER_SET_NAME"])): spelling.charset(text(row["DEFAULT_COLLATE_NAME"]))
        for row in rows
    }


def _in_both(before: Things, after: Things) -> tuple[Things, Things]:
    """Of a database that one side lacks nothing but itself: its absence is one finding, not ten thousand."""
    databases = [{name for noun, name in side if noun == "database"} for side in (before, after)]
    alone = tuple(f"{name}." for name in databases[0] ^ databases[1])
    one, other = ({key: side[key] for key in side if not key[1].startswith(alone)} for side in (before, after))
    return one, other


def collected(
    session: Database, unknown: frozenset[str], reads: bool, ignored: Collection[str], folded: bool = False
) -> Things:
    """All that one server defines.

    `unknown` sql modes are left out, `reads` has literals in bodies read, `folded` names of tables in lower case.
    """

    see_all(session)

    def ask(sql: str, part: Slice = WHOLE, column: str = "TABLE_SCHEMA") -> Iterator[tuple[Any, ...]]:
        narrowed, arguments = part.narrowed(sql, column)
        for batch in session.stream(narrowed, *arguments, batch=BATCH):
            for row in batch:
                if row[0] not in ignored:
                    yield tuple(text(value) if isinstance(value, bytes) else value for value in row)

    with _plainly(session), session.patient(PATIENCE_S):
        tables, code = Tables(session, ask, folded), Code(session, ask, unknown, reads, folded)
        things = [*tables.databases()]
        for part in sliced(session, ("sys", *ignored)):
            things += [*tables.tables(part), *code.views(tables.columns_of, part)]
        return by_name([*things, *code.routines(), *code.triggers(), *code.events()], folded)


def see_all(session: Database) -> None:
    """Raise PrivilegeError where the account lacks on *.* what shows definitions; roles are trusted to have it."""
    user, _, host = text(session.value("SELECT CURRENT_USER()")).rpartition("@")
    question = "SELECT PRIVILEGE_TYPE AS p FROM information_schema.USER_PRIVILEGES WHERE GRANTEE = %s"
    held = {text(row["p"]) for row in session.rows(question, f"'{user}'@'{host}'")}
    lacking = sorted({session.dialect.privilege(word) for word in DEFINITIONS} - held)
    if lacking and not _has_role(session):
        hint = "`understudy migrate grants verify` prints what is needed, on *.*, so that nothing is overlooked"
        raise PrivilegeError(session.address, f"the account lacks {', '.join(lacking)}", 0, hint, lacking[0])


def _has_role(session: Database) -> bool:
    known = session.version.is_mysql(8) or session.version.is_mariadb()
    return known and text(session.value("SELECT CURRENT_ROLE()")).upper() not in ("", "NONE")


@contextmanager
def _plainly(session: Database) -> Iterator[None]:
    """Have the server print names in backticks and tell AUTO_INCREMENT as it is now; afterwards as before."""
    wanted = {"sql_mode": ""} | ({"information_schema_stats_expiry": 0} if session.version.is_mysql(8) else {})
    before = {name: session.value(f"SELECT @@SESSION.{name}") for name in wanted}
    for name, value in wanted.items():
        session.execute(f"SET SESSION {name} = %s", value)
    try:
        yield
    finally:
        for name, value in before.items():
            session.execute(f"SET SESSION {name} = %s", value)
