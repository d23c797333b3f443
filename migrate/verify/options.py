"""What a run is asked for, and what came of it. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from understudy.migrate.verify.finding import Finding


class Result(StrEnum):
    """Of a table, or of a run; from best to worst."""

    EQUAL = "equal"
    UNDECIDED = "undecided"  # rows that never held still, columns that can't be compared, not all was read
    DIFFERENT = "different"


EXIT = {Result.EQUAL: 0, Result.UNDECIDED: 3, Result.DIFFERENT: 4}


class Side(Struct, frozen=True):
    """A server that was read: its address, and what tells it from every other."""

    address: str
    version: str = ""
    identity: Mapping[str, str] = {}


class TableOutcome(Struct, frozen=True):
    """What came of a table. `rows` are those read on the old side; `differing` counts all, told or not."""

    name: str
    result: Result
    rows: int = 0
    chunks: int = 0
    differing: int = 0
    undecided: int = 0
    rechecked: int = 0
    unsearched: int = 0  # ranges that differ too, and whose rows were not looked for
    why: tuple[str, ...] = ()


class Outcome(Struct, frozen=True):
    """What came of a run: the evidence. Times are seconds since 1970.

    No evidence is older than the position `since`. `only` are the patterns of tables that it was bounded to, `ignore`
    those of tables whose rows were not compared, and `ignored` the tables that this left out; with `data_only`
    definitions, users and grants were left out. `digest` is of all the rest: it tells a report that was edited.
    """

    result: Result
    old: Side
    new: Side
    started_s: float
    ended_s: float
    since: str
    until: str
    resumed: bool
    thorough: bool
    rows: int
    rows_per_s: float
    seconds: float
    tables: tuple[TableOutcome, ...] = ()
    findings: tuple[Finding, ...] = ()
    why: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    data_only: bool = False
    ignore: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    digest: str = ""
