"""Views, routines, triggers and events of one server as things that can be compared.

A routine's body is what information_schema shows. MySQL shows literals there as they are understood ('it''s' without
the second quote), MariaDB as they were written, so where the flavours differ MariaDB's are read too. A view's ALGORITHM
is asked of SHOW CREATE VIEW where information_schema doesn't tell: 0.5 to 2 ms a view (measured on 5.6 and 9.7, 500
views), and it answers for views that work no more, too.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from understudy.migrate.faults import ServerError
from understudy.migrate.ports import Database
from understudy.migrate.rows import text
from understudy.migrate.slices import WHOLE, Slice
from understudy.migrate.sqltext import identifier
from understudy.migrate.verify import folding, questions, spelling
from understudy.migrate.verify.expression import canonical
from understudy.migrate.verify.finding import Kind
from understudy.migrate.verify.shape_of_table import Ask
from understudy.migrate.verify.things import Shared, Thing, path
from understudy.migrate.verify.tokens import literals_read

NOT_THERE = 1146
Routine = tuple[str, str, str]  # schema, name, whether it is a procedure
ALGORITHM = re.compile(r"CREATE ALGORITHM=(\w+)")


class Code:
    """What one server says of its stored programs.

    `unknown` modes are left out; `reads` says whether literals in bodies are read, `folded` whether names of tables
    are told in lower case.
    """

    def __init__(self, session: Database, ask: Ask, unknown: frozenset[str], reads: bool, folded: bool) -> None:
        self._session = session
        self._ask = ask
        self._unknown = unknown
        self._reads = reads
        self._folded = folded
        self._shared = Shared()

    def views(self, columns_of: Mapping[tuple[str, str], tuple[str, ...]], part: Slice = WHOLE) -> Iterator[Thing]:
        """Every view of a slice."""
        for row in list(self._ask(questions.views(self._session.version), part)):
            schema, name, definition, option, definer, security, client, connection, algorithm = row
            algorithm = algorithm or self._algorithm(schema, name)
            facts = self._shared.facts(
                columns=", ".join(columns_of.get((schema, name), ())),
                definition=canonical(folding.text(definition or "") if self._folded else definition or ""),
                algorithm="" if algorithm == "UNDEFINED" else algorithm,
                check_option="" if option == "NONE" else option,
                definer=definer,
                security=security,
                **_setting(client, connection),
            )
            yield Thing(Kind.VIEW, path(schema, name), "view", facts)

    def _algorithm(self, schema: str, name: str) -> str:
        try:
            row = self._session.row(f"SHOW CREATE VIEW {identifier(schema, name)}") or {}
        except ServerError as error:
            if error.number != NOT_THERE:
                raise
            return ""  # it was dropped a moment ago
        found = ALGORITHM.match(text(row.get("Create View")))
        return found[1] if found else ""

    def routines(self) -> Iterator[Thing]:
        """Every procedure and function."""
        parameters, returned, collations = self._parameters()
        for schema, name, kind, body, deterministic, access, security, mode, comment, definer, *setting in self._ask(
            questions.ROUTINES
        ):
            key = (schema, name, kind)
            facts = self._shared.facts(
                parameters=", ".join(parameters.get(key, ())),
                returns=returned.get(key, ""),
                collations=", ".join(collations.get(key, ())),
                body=self._body(body),
                deterministic="yes" if deterministic == "YES" else "",
                data_access=access,
                security=security,
                sql_mode=spelling.sql_mode(mode, self._unknown),
                comment=comment,
                definer=definer,
                **_setting(*setting),
            )
            yield Thing(Kind.ROUTINE, path(schema, name), kind.lower(), facts)

    def _parameters(self) -> tuple[dict[Routine, list[str]], dict[Routine, str], dict[Routine, list[str]]]:
        """By routine: its parameters; what it returns; under which collations both compare."""
        found: dict[Routine, list[str]] = defaultdict(list)
        returned: dict[Routine, str] = {}
        collations: dict[Routine, list[str]] = defaultdict(list)
        for *key, place, mode, name, declared, charset, collation in sorted(
            self._ask(questions.PARAMETERS), key=lambda row: (*row[:3], int(row[3]))
        ):
            schema, routine, kind = key
            declared = spelling.column_type(declared) + (f" {spelling.charset(charset)}" if charset else "")
            if int(place) == 0:
                returned[schema, routine, kind] = declared
            else:
                found[schema, routine, kind].append(f"{mode} {name} {declared}")
            if collation:
                collations[schema, routine, kind].append(f"{name or 'the result'} {spelling.charset(collation)}")
        return found, returned, collations

    def triggers(self) -> Iterator[Thing]:
        """Every trigger; one that has others of its kind on the table before it names the last of them."""
        rows = sorted(self._ask(questions.TRIGGERS), key=lambda row: (row[0], *row[2:5], int(row[5])))
        before: dict[tuple[str, ...], str] = {}
        for schema, name, table, timing, event, _, body, mode, definer, *setting in rows:
            facts = self._shared.facts(
                table=table.lower() if self._folded else table,
                timing=f"{timing} {event}",
                follows=before.get((schema, table, timing, event), ""),
                body=self._body(body),
                sql_mode=spelling.sql_mode(mode, self._unknown),
                definer=definer,
                **_setting(*setting),
            )
            before[schema, table, timing, event] = name
            yield Thing(Kind.TRIGGER, path(schema, name), "trigger", facts)

    def events(self) -> Iterator[Thing]:
        """Every event."""
        for row in self._ask(questions.EVENTS):
            schema, name, body, kind, at, every, unit, starts, ends, completion, status, mode, comment, *rest = row
            definer, zone, *setting = rest
            schedule = f"at {at}" if kind == "ONE TIME" else f"every {every} {unit} from {starts} to {ends or 'ever'}"
            facts = self._shared.facts(
                schedule=f"{schedule} in {zone}",
                body=self._body(body),
                after="kept" if completion == "PRESERVE" else "dropped",
                status=status,
                sql_mode=spelling.sql_mode(mode, self._unknown),
                comment=comment,
                definer=definer,
                **_setting(*setting),
            )
            yield Thing(Kind.EVENT, path(schema, name), "event", facts)

    def _body(self, body: str | None) -> str:
        return literals_read(body or "") if self._reads else body or ""


def _setting(client: str, connection: str, database: str = "") -> dict[str, str]:
    """Under what a text was given to the server: what its literals mean, and how they compare."""
    return {
        "charset_of_client": spelling.charset(client),
        "collation_of_connection": spelling.charset(connection),
        "collation_of_database": spelling.charset(database),
    }
