"""What a copy holds against what it was made from: every value, and what definitions mean whatever their text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from understudy.migrate.mysql import Session
from understudy.migrate.sqltext import identifier

BROKEN = "'broken'"  # a view that works nowhere
SYSTEM = ("mysql", "information_schema", "performance_schema", "sys", "understudy_build")


def differences(old: Session, new: Session) -> list[str]:
    """How they differ, a line each."""
    for session in (old, new):
        session.execute("SET SESSION time_zone = '+00:00'")
        session.execute("SET SESSION sql_mode = ''")
    return [*_definitions(old, new), *_rows(old, new)]


def _definitions(old: Session, new: Session) -> Iterator[str]:
    for question in _QUESTIONS:
        one, other = (list(filter(_works, map(_plain, session.rows(question)))) for session in (old, new))
        for row in one:
            if row not in other:
                yield f"only old: {row}"
        for row in other:
            if row not in one:
                yield f"only new: {row}"


_NOT = f"NOT IN {SYSTEM}"
_QUESTIONS = (
    f"SELECT schema_name s, default_collation_name c FROM information_schema.schemata WHERE schema_name {_NOT}",
    f"SELECT table_schema s, table_name t, table_type k, engine e, table_collation c, IFNULL(auto_increment > 1, 0) a,"
    f" table_comment m FROM information_schema.tables WHERE table_schema {_NOT} AND table_type <> 'VIEW'",
    f"SELECT table_schema s, table_name t, column_name c, column_type k, is_nullable n, column_default d,"
    f" collation_name l, extra e FROM information_schema.columns WHERE table_schema {_NOT}",
    f"SELECT table_schema s, table_name t, index_name i, column_name c, seq_in_index q, non_unique u, sub_part p"
    f" FROM information_schema.statistics WHERE table_schema {_NOT}",
    f"SELECT constraint_schema s, constraint_name c, table_name t, referenced_table_name r, delete_rule d"
    f" FROM information_schema.referential_constraints WHERE constraint_schema {_NOT}",
    f"SELECT table_schema s, table_name t, partition_name p, partition_description d"
    f" FROM information_schema.partitions WHERE table_schema {_NOT} AND partition_name IS NOT NULL",
    f"SELECT table_schema s, table_name t, definer d, security_type y, character_set_client c, collation_connection l"
    f" FROM information_schema.views WHERE table_schema {_NOT}",
    f"SELECT routine_schema s, routine_name r, routine_type k, routine_definition b, definer d, sql_mode m,"
    f" character_set_client c, collation_connection l, database_collation o, routine_comment e, is_deterministic i"
    f" FROM information_schema.routines WHERE routine_schema {_NOT}",
    f"SELECT trigger_schema s, trigger_name t, event_object_table o, action_timing a, event_manipulation e,"
    f" action_statement b, definer d, character_set_client c, collation_connection l, database_collation o2"
    f" FROM information_schema.triggers WHERE trigger_schema {_NOT}",
    f"SELECT event_schema s, event_name n, event_definition b, time_zone z, interval_value v, starts f, execute_at x,"
    f" on_completion o, definer d, sql_mode m FROM information_schema.events WHERE event_schema {_NOT}",
)


def _works(row: str) -> bool:
    return BROKEN not in row


def _plain(row: dict[str, Any]) -> str:
    """A row in words that all versions share."""
    text = repr({name.lower(): value for name, value in row.items()})
    text = re.sub(r"utf8mb3", "utf8", text)
    text = re.sub(r"\b((?:tiny|small|medium|big)?int|year)\(\d+\)(?! zerofill| unsigned zerofill)", r"\1", text)
    text = re.sub(r"(?i)current_timestamp\(\)", "CURRENT_TIMESTAMP", text)
    text = re.sub(r"(?i)DEFAULT_GENERATED ?", "", text)
    text = re.sub(r"REPLICA_?SIDE_DISABLED", "SLAVESIDE_DISABLED", text)
    text = text.replace("NO_AUTO_CREATE_USER,", "").replace(",NO_AUTO_CREATE_USER", "")
    return text.replace("on update current_timestamp", "on update CURRENT_TIMESTAMP").replace(
        "'NO ACTION'", "'RESTRICT'"
    )


_EXACT = {
    "float": "{} + 0e0",  # its own text has six digits
    "vector": "HEX({})",
    "timestamp": "CAST(NULLIF(NULLIF({}, '2106-02-07 06:28:15.999999'), '2038-01-19 03:14:07.999999') AS CHAR)",
}


def _rows(old: Session, new: Session) -> Iterator[str]:
    for row in old.rows(
        "SELECT table_schema AS s, table_name AS t, table_type AS k FROM information_schema.tables"
        f" WHERE table_schema {_NOT} AND table_type <> 'SEQUENCE' AND table_name <> {BROKEN}"
    ):
        name = identifier(row["s"], row["t"])
        columns = old.rows(
            "SELECT column_name AS c, data_type AS k FROM information_schema.columns"
            " WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
            row["s"],
            row["t"],
        )
        chosen = ", ".join(_EXACT.get(c["k"], "{}").format(identifier(c["c"])) for c in columns)
        history = " FOR SYSTEM_TIME ALL" if row["k"] == "SYSTEM VERSIONED" else ""
        one, other = (_values(session, f"SELECT {chosen} FROM {name}{history}") for session in (old, new))
        if one != other:
            yield f"{name}: {len(one)} rows, {len(other)} rows: {_first(one, other)}"


def _values(session: Session, sql: str) -> list[str]:
    return sorted(repr(row) for batch in session.stream(sql) for row in batch)


def _first(one: list[str], other: list[str]) -> str:
    return next((f"{a[:300]} | {b[:300]}" for a, b in zip(one, other, strict=False) if a != b), "further rows")
