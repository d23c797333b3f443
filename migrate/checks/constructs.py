"""Statements and clauses that some versions understand and others don't: the measured table. Pure.

Each row has an example, which tests/integration/test_check_tables.py gives to MySQL 5.6 and 9.7 and MariaDB 10.5, 10.11
and 11.8: it is understood exactly where the row says so. The versions between are from "Features Removed" and the
statements' own pages in MySQL's manual, and from MariaDB's. Patterns are for `tokens.skeleton`, where each token stands
apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from understudy.migrate.checks.spans import MARIA, Span, holds, maria, my
from understudy.migrate.sqlmodes import GONE_MODES
from understudy.migrate.versions import Version


class Construct(NamedTuple):
    """A piece of syntax: in which versions it is understood, and what to write where it is not."""

    name: str
    pattern: re.Pattern[str]
    spans: tuple[Span, ...]
    example: str
    instead: str = ""


def _construct(name: str, pattern: str, spans: tuple[Span, ...], example: str, instead: str = "") -> Construct:
    return Construct(name, re.compile(pattern, re.IGNORECASE), spans, example, instead)


def _old(*until: int) -> tuple[Span, ...]:
    """MySQL once had it, MariaDB still has."""
    return (my(until=until), MARIA)


WITHIN = r"(?:(?!;).)*?"  # the rest of the same statement
# as far as the parentheses here are closed, which is to three within one another
CLOSED = r"(?:[^();]|\((?:[^();]|\((?:[^();]|\([^();]*\))*\))*\))*"
CONSTRUCTS: tuple[Construct, ...] = (
    _construct(
        "GROUP BY … ASC or DESC",
        r"\bGROUP BY\b(?:(?!\b(?:ORDER|SELECT|PARTITION)\b|;).)*? (?:ASC|DESC)\b",
        _old(8, 0, 13),
        "SELECT a FROM t GROUP BY a DESC",
        "GROUP BY x ORDER BY x DESC",
    ),
    _construct(
        "SQL_CACHE",
        r"\bSELECT(?: (?:ALL|DISTINCT|DISTINCTROW|HIGH_PRIORITY|STRAIGHT_JOIN|SQL_\w+))*? SQL_CACHE\b(?! [,.])",
        _old(8, 0, 3),
        "SELECT SQL_CACHE a FROM t",
        "leave it out: there is no query cache",
    ),
    _construct(r"\N for NULL", r"(?<!\S)\\N(?!\S)", _old(8, 0), r"SELECT \N", "NULL"),
    _construct(
        "PROCEDURE ANALYSE",
        r"\bPROCEDURE ANALYSE \(",
        _old(8, 0),
        "SELECT a FROM t PROCEDURE ANALYSE()",
        "leave it out",
    ),
    _construct(
        "GRANT … IDENTIFIED BY",
        r"\bGRANT [^;]*\bIDENTIFIED (?:BY|WITH)\b",
        _old(8, 0, 11),
        "GRANT USAGE ON *.* TO checked@localhost IDENTIFIED BY 'x'",
        "CREATE USER or ALTER USER … IDENTIFIED BY, then GRANT",
    ),
    _construct(
        "IDENTIFIED BY PASSWORD",
        r"\bUSER [^;]*\bIDENTIFIED BY PASSWORD\b",
        _old(8, 0, 11),
        "CREATE USER checked2@localhost IDENTIFIED BY PASSWORD '*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29'",
        "IDENTIFIED WITH mysql_native_password AS '*…', where the server has that plugin",
    ),
    _construct(
        "GRANT … REQUIRE or WITH MAX_…",
        r"\bGRANT [^;]*(?:\bREQUIRE\b|\bWITH (?:GRANT OPTION )?MAX_\w+)",
        _old(8, 0, 11),
        "GRANT USAGE ON *.* TO checked3@localhost REQUIRE SSL",
        "ALTER USER … REQUIRE … WITH …",
    ),
    _construct(
        "ALTER IGNORE TABLE",
        r"\bALTER (?:ONLINE )?IGNORE TABLE\b",
        _old(5, 7, 4),
        "ALTER IGNORE TABLE t ADD COLUMN b INT",
        "remove the duplicates first",
    ),
    _construct(
        "FLUSH or RESET QUERY CACHE",
        r"\b(?:FLUSH|RESET) QUERY CACHE\b",
        _old(8, 0, 3),
        "FLUSH QUERY CACHE",
        "leave it out",
    ),
    _construct("FLUSH DES_KEY_FILE", r"\bFLUSH DES_KEY_FILE\b", _old(8, 0, 3), "FLUSH DES_KEY_FILE", "leave it out"),
    _construct(
        "EXPLAIN EXTENDED or PARTITIONS",
        r"\b(?:EXPLAIN|DESCRIBE|DESC) (?:EXTENDED|PARTITIONS) SELECT\b",
        _old(8, 0, 12),
        "EXPLAIN EXTENDED SELECT 1",
        "EXPLAIN",
    ),
    _construct(
        "SLAVE and MASTER in replication statements",
        r"\b(?:SHOW (?:SLAVE|MASTER) (?:STATUS|HOSTS|LOGS)|(?:START|STOP|RESET) SLAVE|RESET MASTER|CHANGE MASTER TO)\b",
        _old(8, 4),
        "SHOW SLAVE STATUS",
        "REPLICA, SOURCE, BINARY LOG",
    ),
    _construct(
        "PURGE MASTER LOGS",
        r"\bPURGE MASTER LOGS\b",
        _old(8, 4),
        "PURGE MASTER LOGS BEFORE '2000-01-01'",
        "PURGE BINARY LOGS",
    ),
    _construct(
        "FLUSH HOSTS",
        r"\bFLUSH (?:(?:LOCAL|NO_WRITE_TO_BINLOG) )?(?:\w+(?: LOGS| CACHE)? , )*HOSTS\b",
        _old(8, 3),
        "FLUSH HOSTS",
        "TRUNCATE TABLE performance_schema.host_cache",
    ),
    _construct(
        "UPGRADE DATA DIRECTORY NAME",
        r"\bUPGRADE DATA DIRECTORY NAME\b",
        _old(8, 0),
        "ALTER DATABASE `#mysql50#checked-a` UPGRADE DATA DIRECTORY NAME",
        "upgrade the name on the old server",
    ),
    _construct(
        "a table named .t",
        r"\b(?:FROM|JOIN|INTO|UPDATE) \. \S",
        _old(8, 0),
        "SELECT a FROM .t",
        "the name without the dot",
    ),
    _construct(
        "the JSON operators -> and ->>",
        r"(?<!\S)->>?(?!\S)",
        (my((5, 7, 9)),),
        "SELECT c->'$.a' FROM t",
        "JSON_EXTRACT()",
    ),
    _construct("MEMBER OF", r"\bMEMBER OF \(", (my((8, 0, 17)),), "SELECT 1 MEMBER OF('[1]')", "JSON_CONTAINS()"),
    _construct("LATERAL", r"\bLATERAL \(", (my((8, 0, 14)),), "SELECT * FROM t, LATERAL (SELECT t.a) x", "a join"),
    _construct(
        "RETURNING within JSON_VALUE",
        r"\bJSON_VALUE \(" + WITHIN + rf"\bRETURNING\b(?={CLOSED}\))",
        (my((8, 0, 21)),),
        "SELECT JSON_VALUE('1', '$' RETURNING SIGNED)",
        "CAST(JSON_VALUE(…) AS …)",
    ),
    _construct("VALUES ROW(…)", r"\bVALUES ROW \(", (my((8, 0, 19)),), "VALUES ROW(1, 2)", "VALUES (…)"),
    _construct("FOR SHARE", r"\bFOR SHARE\b", (my((8, 0, 1)),), "SELECT a FROM t FOR SHARE", "LOCK IN SHARE MODE"),
    _construct(
        "FOR UPDATE OF",
        r"\bFOR (?:UPDATE|SHARE) OF\b",
        (my((8, 0, 1)),),
        "SELECT a FROM t FOR UPDATE OF t",
        "FOR UPDATE",
    ),
    _construct(
        "SKIP LOCKED",
        r"\bSKIP LOCKED\b",
        (my((8, 0, 1)), maria((10, 6))),
        "SELECT a FROM t FOR UPDATE SKIP LOCKED",
        "FOR UPDATE",
    ),
    _construct(
        "a column's SRID",
        r" SRID 0(?!\S)",
        (my((8, 0, 3)),),
        "CREATE TABLE g (g POINT NOT NULL SRID 4326)",
        "REF_SYSTEM_ID",
    ),
    _construct(
        "RETURNING",
        r"\b(?:INSERT|DELETE|REPLACE)\b" + WITHIN + rf"\bRETURNING\b(?! [,.=])(?!{CLOSED}\))",
        (MARIA,),
        "DELETE FROM t WHERE a = 77 RETURNING a",
        "a SELECT before or after",
    ),
    _construct(
        "CREATE OR REPLACE of other things than views",
        r"\bCREATE OR REPLACE (?:TEMPORARY )?(?:TABLE|DATABASE|SCHEMA|USER|ROLE|INDEX|SEQUENCE|SERVER)\b",
        (MARIA,),
        "CREATE OR REPLACE TABLE checked (a INT)",
        "DROP … IF EXISTS, then CREATE",
    ),
    _construct(
        "ALTER TABLE … IF [NOT] EXISTS",
        r"\bALTER TABLE\b"
        + WITHIN
        + r"\b(?:ADD|DROP|MODIFY|CHANGE) (?:(?:COLUMN|INDEX|KEY|CONSTRAINT|FOREIGN KEY|PARTITION) )?"
        r"IF (?:NOT )?EXISTS\b",
        (MARIA,),
        "ALTER TABLE t ADD COLUMN IF NOT EXISTS c INT",
        "the statement without it",
    ),
    _construct(
        "DROP INDEX IF EXISTS", r"\bDROP INDEX IF EXISTS\b", (MARIA,), "DROP INDEX IF EXISTS nope ON t", "DROP INDEX"
    ),
    _construct(
        "sequences",
        r"\b(?:CREATE|ALTER|DROP)(?: TEMPORARY)? SEQUENCE\b|\b(?:NEXT|PREVIOUS) VALUE FOR\b",
        (maria((10, 3)),),
        "CREATE SEQUENCE checked_s",
        "AUTO_INCREMENT",
    ),
    _construct(
        "system-versioned tables",
        r"\bWITH SYSTEM VERSIONING\b|\bFOR SYSTEM_TIME\b",
        (maria((10, 3)),),
        "CREATE TABLE checked_v (a INT) WITH SYSTEM VERSIONING",
        "triggers that write a history",
    ),
    _construct(
        "application-time periods",
        r"\bPERIOD FOR\b|\bFOR PORTION OF\b",
        (maria((10, 4)),),
        "CREATE TABLE checked_p (a DATE, b DATE, PERIOD FOR p(a, b))",
        "two columns and a CHECK",
    ),
    _construct(
        "PERSISTENT generated columns",
        r"\bAS \([^;]*\) PERSISTENT\b",
        (MARIA,),
        "CREATE TABLE checked_g (a INT, b INT AS (a+1) PERSISTENT)",
        "STORED",
    ),
    _construct(
        "EXECUTE IMMEDIATE",
        r"\bEXECUTE IMMEDIATE\b",
        (maria((10, 2, 3)),),
        "EXECUTE IMMEDIATE 'SELECT 1'",
        "PREPARE, then EXECUTE",
    ),
    _construct(
        "SET STATEMENT … FOR",
        r"\bSET STATEMENT\b" + WITHIN + r"\bFOR\b",
        (maria((10, 1, 2)),),
        "SET STATEMENT max_statement_time=1 FOR SELECT 1",
        "SET SESSION before and after, or a SET_VAR hint",
    ),
    _construct(
        "LIMIT ROWS EXAMINED", r"\bROWS EXAMINED\b", (MARIA,), "SELECT a FROM t LIMIT ROWS EXAMINED 10", "leave it out"
    ),
    _construct(
        "FOR UPDATE WAIT",
        r"\b(?:FOR UPDATE|SHARE MODE) WAIT 0",
        (maria((10, 3)),),
        "SELECT a FROM t FOR UPDATE WAIT 1",
        "innodb_lock_wait_timeout",
    ),
    _construct(
        "FETCH FIRST … ROWS",
        r"\bFETCH (?:FIRST|NEXT)(?: 0)? ROWS? (?:ONLY|WITH TIES)\b",
        (maria((10, 6)),),
        "SELECT a FROM t FETCH FIRST 1 ROWS ONLY",
        "LIMIT",
    ),
)


def unknown(skeleton: str, target: Version) -> Iterator[Construct]:
    """What is in a statement that the target does not understand."""
    for construct in CONSTRUCTS:
        if not holds(construct.spans, target) and construct.pattern.search(skeleton):
            yield construct


REMOVED_MODES: dict[str, tuple[Span, ...]] = {
    **dict.fromkeys(sorted(GONE_MODES), _old(8, 0, 11)),
    "TIME_TRUNCATE_FRACTIONAL": (my((8, 0)),),
    "TIME_ROUND_FRACTIONAL": (maria((10, 4, 1)),),
    "EMPTY_STRING_IS_NULL": (maria((10, 3, 3)),),
    "SIMULTANEOUS_ASSIGNMENT": (maria((10, 3, 5)),),
}


def lost_modes(sql_mode: str, target: Version) -> list[str]:
    """The modes of a list that the target refuses, with error 1231."""
    modes = (mode.strip().upper() for mode in sql_mode.split(","))
    return [mode for mode in modes if mode in REMOVED_MODES and not holds(REMOVED_MODES[mode], target)]


def without_modes(sql_mode: str, lost: list[str]) -> str:
    """The list without these."""
    return ",".join(mode for mode in sql_mode.split(",") if mode.strip().upper() not in lost)
