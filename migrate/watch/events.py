"""Transactions out of SHOW BINLOG EVENTS and SHOW RELAYLOG EVENTS: what would be left out by skipping one. Pure.

A transaction ("event group") is what sql_slave_skip_counter leaves out as one (MySQL manual, "SET GLOBAL
sql_replica_skip_counter"): from its GTID event, or its BEGIN, to its COMMIT; a DDL statement is one by itself. End
positions are the source's own in both logs, since the relay log keeps the source's events as they came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from understudy.migrate import redact
from understudy.migrate.rows import Row, number, text

GTIDS = ("Gtid", "Anonymous_Gtid", "Gtid_tagged")
ENDS = ("Xid", "XA_prepare", "Transaction_payload")
STATEMENTS = ("Query", "Query_compressed", "Rows_query", "Annotate_rows", "Execute_load_query", "Begin_load_query")
PREFACES = ("Intvar", "RAND", "User var")  # what a statement needs stands before it
ROWS = re.compile(r"^(Write|Update|Delete)_rows|^Partial_update_rows|_rows_compressed", re.IGNORECASE)
_MY_GTID = re.compile(r"GTID_NEXT\s*=\s*'([^']+)'")
_MARIA_GTID = re.compile(r"GTID (\d+-\d+-\d+)")
_TABLE = re.compile(r"table_id: \d+ \((.+)\)$")
_BEGIN = re.compile(r"^(?:use `[^`]*`; ?)?(?:BEGIN|XA START .*)$", re.IGNORECASE)
_END = re.compile(r"^(?:use `[^`]*`; ?)?(?:COMMIT|ROLLBACK)$", re.IGNORECASE)
_XID = re.compile(r"\s*/\* xid=\d+ \*/\s*$")


class Transaction(Struct, frozen=True):
    """One transaction as it lies in a log; `start_pos` and `end_pos` are places in the source's binary log.

    `statements` have their secrets cut, `shapes` their values too. `is_whole` is False where its end was not read.
    """

    gtid: str = ""
    start_pos: int = 0
    end_pos: int = 0
    statements: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    row_events: int = 0
    ends: tuple[int, ...] = ()  # where its events end
    is_whole: bool = True

    def names(self, gtid: str, end_pos: int) -> bool:
        """Whether it is the one with this GTID, or where there is none with an event that ends there."""
        return self.gtid == gtid if gtid else end_pos in self.ends


def transactions(rows: Iterable[Row], start_pos: int = 0) -> Iterator[Transaction]:
    """The transactions of a log from one's beginning on; `start_pos` is the first one's, in the source's log."""
    group = _Group(start_pos)
    for row in rows:
        kind, info, end = text(row["Event_type"]), text(row["Info"]), number(row["End_log_pos"])
        if group.is_over(kind, info):
            yield group.closed(whole=False)  # a COMMIT was not seen: the log is not as we think, so say it
            group = _Group(group.end)
        if group.add(kind, info, end):
            yield group.closed()
            group = _Group(end)
    if group.began:
        yield group.closed(whole=False)


class _Group:
    def __init__(self, start: int) -> None:
        self.start = self.end = start
        self.began = False
        self._in_block = False
        self._gtid = ""
        self._texts: list[str] = []
        self._tables: dict[str, None] = {}
        self._row_events = 0
        self._ends: list[int] = []

    def is_over(self, kind: str, _: str) -> bool:
        return self.began and kind in GTIDS

    def add(self, kind: str, info: str, end: int) -> bool:
        """Take in an event: whether the transaction ends with it."""
        if (
            not self.began
            and kind not in (*GTIDS, *PREFACES, *STATEMENTS, *ENDS, "Table_map")
            and not ROWS.search(kind)
        ):
            return False  # of the log itself, such as Rotate or Format_desc
        self.began = True
        if end:
            self.end = end
            self._ends.append(end)
        if kind in GTIDS:
            return self._take_gtid(info)
        if kind == "Table_map" and (match := _TABLE.search(info)):
            self._tables[match[1]] = None
        if ROWS.search(kind):
            self._row_events += 1
        if kind in STATEMENTS:
            return self._take_statement(kind, _XID.sub("", info))
        return kind in ENDS

    def _take_gtid(self, info: str) -> bool:
        match = _MY_GTID.search(info) or _MARIA_GTID.search(info)
        self._gtid = "" if match is None or match[1] == "ANONYMOUS" else match[1]
        self._in_block = "BEGIN" in info
        return False

    def _take_statement(self, kind: str, info: str) -> bool:
        if kind.startswith("Query"):
            if _BEGIN.match(info):
                self._in_block = True
                return False
            if _END.match(info):
                return True
        self._texts.append(info)
        return kind.startswith("Query") and not self._in_block

    def closed(self, *, whole: bool = True) -> Transaction:
        return Transaction(
            gtid=self._gtid,
            start_pos=self.start,
            end_pos=self.end,
            statements=tuple(redact.statement(one.removeprefix("# ")) for one in self._texts),
            shapes=tuple(redact.shape(one.removeprefix("# ")) for one in self._texts),
            tables=tuple(self._tables),
            row_events=self._row_events,
            ends=tuple(self._ends),
            is_whole=whole,
        )


def find(found: Iterable[Transaction], gtid: str, end_pos: int) -> Transaction | None:
    """The transaction that an error speaks of; the first one where it names none."""
    every = list(found)
    if not gtid and not end_pos:
        return every[0] if every else None
    return next((one for one in every if one.names(gtid, end_pos)), None)
