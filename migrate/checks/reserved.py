"""Words that are reserved in some versions and not in others: the measured table. Pure.

Only these matter: a word that every version reserves is quoted already wherever it is a name. Which of the servers'
keywords are reserved was measured on MySQL 5.6 and 9.7 and MariaDB 10.5, 10.11 and 11.8, and is measured again by
tests/integration/test_check_tables.py; in which version between them it changed is from "Keywords and Reserved Words"
of MySQL's manual and "Reserved Words" of MariaDB's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from understudy.migrate.checks.spans import MARIA, MY, Span, holds, maria, my
from understudy.migrate.versions import Version


def _rows() -> Iterator[tuple[str, tuple[Span, ...]]]:
    yield "GET IO_AFTER_GTIDS IO_BEFORE_GTIDS", (MY,)
    yield "OPTION", (MY,)
    yield "MASTER_BIND", (my(until=(8, 4)),)
    yield "MASTER_SSL_VERIFY_SERVER_CERT", (my(until=(8, 4)), maria(until=(11, 0)))
    yield "OPTIMIZER_COSTS", (my((5, 7, 5)),)
    yield "GENERATED STORED VIRTUAL", (my((5, 7, 6)),)
    yield "CUBE FUNCTION GROUPING OF", (my((8, 0, 1)),)
    yield "CUME_DIST DENSE_RANK FIRST_VALUE GROUPS LAG LAST_VALUE LEAD NTH_VALUE NTILE", (my((8, 0, 2)),)
    yield "PERCENT_RANK RANK ROW WINDOW", (my((8, 0, 2)),)
    yield "SYSTEM", (my((8, 0, 3)),)
    yield "EMPTY JSON_TABLE", (my((8, 0, 4)),)
    yield "LATERAL", (my((8, 0, 14)),)
    yield "MANUAL PARALLEL", (my((8, 4), (9, 7)),)
    yield "QUALIFY TABLESAMPLE", (my((8, 4)),)
    yield "EXTERNAL LIBRARY", (my((9, 4)),)
    yield "RECURSIVE", (my((8, 0, 1)), maria((10, 2)))
    yield "OVER ROWS", (my((8, 0, 2)), maria((10, 2)))
    yield "ROW_NUMBER", (my((8, 0, 2)), maria((10, 7)))
    yield "EXCEPT", (my((8, 0, 0)), maria((10, 3)))
    yield "INTERSECT", (my((8, 0, 31)), maria((10, 3)))
    yield "DATABASE SCHEMA", (MY, maria(until=(10, 6)))
    yield "CURRENT_ROLE DELETE_DOMAIN_ID DO_DOMAIN_IDS IGNORE_DOMAIN_IDS PAGE_CHECKSUM PARSE_VCOL_EXPR", (MARIA,)
    yield "REF_SYSTEM_ID RETURNING STATS_AUTO_RECALC STATS_PERSISTENT STATS_SAMPLE_PAGES", (MARIA,)
    yield "PORTION", (maria((10, 4, 3)),)
    yield "OFFSET", (maria((10, 6)),)
    yield "MASTER_DEMOTE_TO_REPLICA MASTER_DEMOTE_TO_SLAVE", (maria((10, 10)),)
    yield "SQL_AFTER_GTIDS SQL_BEFORE_GTIDS", (maria((11, 0)),)
    yield "VECTOR", (maria((11, 7)),)


RESERVED: Mapping[str, tuple[Span, ...]] = {word: spans for words, spans in _rows() for word in words.split()}


def becomes_reserved(word: str, old: Version, target: Version) -> bool:
    """Whether a word that a statement could use as a name on the old server has to be quoted on the target."""
    spans = RESERVED.get(word.upper())
    return spans is not None and holds(spans, target) and not holds(spans, old)
