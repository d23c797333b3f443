"""What came of a run, judged: table by table and as a whole. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from understudy.migrate.verify.finding import Finding, Kind
from understudy.migrate.verify.options import Outcome, Result, TableOutcome
from understudy.migrate.verify.pairs import Pair
from understudy.migrate.verify.state import TableState
from understudy.migrate.verify.tables import Matched

NAMED = 5  # of the tables that were ignored; the report has all
GRAVITY = (Result.EQUAL, Result.UNDECIDED, Result.DIFFERENT)


def worst(results: Sequence[Result]) -> Result:
    """The gravest of them; EQUAL where there is none."""
    return max(results, key=GRAVITY.index, default=Result.EQUAL)


def table_outcome(pair: Pair, state: TableState, is_left: bool, trouble: str) -> TableOutcome:
    """What came of a table. `is_left`: not all of it was looked at. `trouble`: what the server said instead."""
    why = [f"column {left_out}" for left_out in pair.left_out]
    if trouble:
        why.append(trouble)
    elif is_left:
        why.append("not all of it was looked at")
    if state.undecided:
        why.append(f"{state.undecided} rows never held still")
    result = Result.UNDECIDED if why else Result.EQUAL
    if state.differing or state.unsearched:
        result = Result.DIFFERENT
    return TableOutcome(
        pair.name, result, state.rows, state.chunks, state.differing, state.undecided, state.rechecked,
        state.unsearched, tuple(why),
    )  # fmt: skip


def lonely(matched: Matched, known: Sequence[Finding]) -> Iterator[Finding]:
    """Tables that only one side has, where what compares definitions didn't say so."""
    told = {finding.name.replace("`", "").lower() for finding in known}
    for kind, tables, side in (
        (Kind.MISSING_TABLE, matched.missing, "old"), (Kind.EXTRA_TABLE, matched.extra, "new"),
    ):  # fmt: skip
        for table in tables:
            if table.full_name.lower() not in told:
                yield Finding(kind, table.full_name, f"only the {side} side has this table")


def overall(tables: Sequence[TableOutcome], findings: Sequence[Finding], why: Sequence[str]) -> Result:
    """Of the run as a whole."""
    results = [table.result for table in tables]
    results += [Result.DIFFERENT for finding in findings if not finding.note]
    return worst([*results, *([Result.UNDECIDED] if why else [])])


def sealed(outcome: Outcome) -> Outcome:
    """With the digest of all the rest."""
    bare = msgspec.structs.replace(outcome, digest="")
    text = msgspec.json.encode(bare, order="deterministic")
    return msgspec.structs.replace(bare, digest=hashlib.sha256(text).hexdigest())


def words(outcome: Outcome, shown: int) -> Iterator[str]:
    """The end of a run, for a person; at most `shown` findings of a table."""
    yield from _tables(outcome.tables)
    told: dict[str, int] = {}
    for finding in outcome.findings:
        told[finding.name] = told.get(finding.name, 0) + 1
        if told[finding.name] <= shown:
            yield _finding(finding)
    for table in outcome.tables:
        rest = table.differing - min(told.get(table.name, 0), shown)
        if rest > 0:
            yield f"{table.name}: {rest} rows more differ"
        if table.unsearched:
            yield f"{table.name}: {table.unsearched} ranges differ too, whose rows were not looked for"
    yield from _ignored(outcome)
    yield from (f"incomplete: {why}" for why in outcome.why)
    yield _verdict(outcome)


def _ignored(outcome: Outcome) -> Iterator[str]:
    if outcome.ignore:
        names, more = ", ".join(outcome.ignored[:NAMED]), len(outcome.ignored) - NAMED
        left = f"{names}{f' and {more} more' if more > 0 else ''}" if names else "no table"
        yield f"ignored, as [migrate.verify] says, their rows were not compared: {left} ({', '.join(outcome.ignore)})"


def _tables(tables: Sequence[TableOutcome]) -> Iterator[str]:
    interesting = [table for table in tables if table.result is not Result.EQUAL]
    for table in interesting:
        yield f"{table.name}: {table.result.value}; {table.rows:,} rows; {'; '.join(table.why) or _count(table)}"


def _count(table: TableOutcome) -> str:
    return f"{table.differing} rows differ"


def _finding(finding: Finding) -> str:
    key = ", ".join(f"{name} = {value}" for name, value in finding.key.items())
    note = " (note)" if finding.note else ""
    return f"{finding.kind.value}{note}: {finding.name}{f' [{key}]' if key else ''}: {finding.found}"


def _verdict(outcome: Outcome) -> str:
    counts: Mapping[Result, int] = {
        result: sum(table.result is result for table in outcome.tables) for result in GRAVITY
    }
    said = ", ".join(f"{count} {result.value}" for result, count in counts.items() if count)
    speed = f"{outcome.rows:,} rows in {outcome.seconds:.1f} s"
    since = f", as of {outcome.since} or later" if outcome.since else ""
    return (
        f"{outcome.old.address} and {outcome.new.address}: {outcome.result.value.upper()}"
        f" ({said or 'no tables'}; {speed}{since})"
    )
