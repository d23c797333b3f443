"""How a watch is told: lines for a person, one JSON object a line for a program. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from understudy.migrate.watch.case import Remedy
from understudy.migrate.watch.concerns import Level
from understudy.migrate.watch.explain import COSTS, Explanation, explain
from understudy.migrate.watch.fault import Fault
from understudy.migrate.watch.skip import Outcome
from understudy.migrate.watch.skipping import by_gtid, require_known, statements
from understudy.migrate.watch.watching import Report, State

WORDS = {Level.FINE: "ok", Level.SLOW: "look", Level.BROKEN: "broken"}
REMEDIES = {
    Remedy.SKIP: "skipping it loses no data",
    Remedy.SKIP_COSTS: "skipping it makes the data differ",
    Remedy.MEND: "mend it, then start again: skipping does not help",
    Remedy.REBUILD: "build the server anew",
    Remedy.WAIT: "it tries again by itself",
}
MOST_STATEMENTS = 5


def lines(report: Report) -> Iterator[str]:
    """A line for each server, then what is new."""
    width = max((len(state.server) for state in report.states), default=0)
    for state in report.states:
        yield f"{report.at:%H:%M:%S} {state.server:{width}}  {WORDS[state.level]:6}  {_standing(state)}"
    for said in report.fresh:
        yield ""
        yield from explanation(said)
        yield ""
    for concern in report.over:
        yield f"{report.at:%H:%M:%S} {concern.server:{width}}  over    {concern.text}"


def _standing(state: State) -> str:
    lag = "" if state.lag_s is None else f"lag {state.lag_s:g} s"
    return "; ".join(filter(None, [lag, *(concern.text for concern in state.concerns)]))


def explanation(said: Explanation) -> Iterator[str]:
    """What a person needs to know of a break."""
    channel = f", channel {said.channel!r}" if said.channel else ""
    yield f"{said.server}: the {said.thread} from {said.source}{channel} is broken"
    yield f"  error      {said.number}: {said.text}"
    yield f"  meaning    {said.what}"
    yield f"  cause      {said.cause}"
    for seen in said.evidence:
        yield f"  seen       {seen}"
    yield f"  known      {said.known or 'not as an effect of these two versions'}"
    if said.expect:
        yield f"  at         {said.expect}"
    yield from (f"  statement  {one}" for one in said.statements[:MOST_STATEMENTS])
    if len(said.statements) > MOST_STATEMENTS:
        yield f"             … and {len(said.statements) - MOST_STATEMENTS} more"
    if said.tables:
        yield f"  rows of    {', '.join(said.tables)}"
    if said.log_kept is not None:
        yield f"  log        {'still there' if said.log_kept else 'no longer there'} on the source"
    yield f"  remedy     {REMEDIES[said.remedy]}"
    yield f"  do         {said.do}"
    yield f"  see        {said.page}"
    yield from (f"  not known  {gap}" for gap in said.missing)


def objects(report: Report) -> Iterator[dict[str, Any]]:
    """One object for the look, then one for each thing that is new; `kind` tells them apart."""
    at = report.at.isoformat()
    states = [msgspec.to_builtins(state) | {"state": WORDS[state.level]} for state in report.states]
    yield {"kind": "look", "at": at, "state": WORDS[report.level], "servers": states}
    for said in report.fresh:
        yield {"kind": "broken", "at": at, **msgspec.to_builtins(said)}
    for concern in report.over:
        yield {"kind": "over", "at": at, "concern": msgspec.to_builtins(concern)}


class Proposal(Struct, frozen=True):
    """A skip that has not been done: what would be left out, how, and what follows from it."""

    explanation: Explanation
    sql: tuple[str, ...]
    consequences: tuple[str, ...]
    command: str

    @classmethod
    def of(cls, fault: Fault, reason: str, children: Sequence[str], options: Sequence[str] = ()) -> Proposal:
        """The proposal for a fault; `children` are the servers that follow this one. Raises SkipError.

        `options` are further ones that the command was given.
        """
        require_known(fault)
        said = explain(fault)
        words = [fault.server, "--reason", reason, "--expect", fault.token, *options, "--execute"]
        command = f"understudy migrate skip {shlex.join(words)}"
        return cls(
            said, tuple(one.shown() for one in statements(fault)), tuple(_follows(fault, said, children)), command
        )


def _follows(fault: Fault, said: Explanation, children: Sequence[str]) -> Iterator[str]:
    if said.remedy in (Remedy.MEND, Remedy.REBUILD, Remedy.WAIT):
        yield f"skipping is not what helps here: {said.do}"
    if said.remedy is not Remedy.SKIP:
        yield f"{fault.server} will lack what this transaction does; {COSTS}"
    if children:
        yield f"what follows it ({', '.join(children)}) has its data from here, and will lack it too"
    transaction = fault.transaction
    if transaction and not transaction.is_whole:
        yield "the transaction is longer than what was read of it: it holds more than is shown"
    if transaction and len(transaction.statements) + transaction.row_events > 1:
        rows, texts = transaction.row_events, len(transaction.statements)
        yield f"the whole transaction is left out: {rows} row events, {texts} statements"
    if not by_gtid(fault) and not fault.is_next:
        yield "the applier is started once before, so that it stands exactly at this transaction"


def proposal(shown: Proposal) -> Iterator[str]:
    """What would be done, for a person."""
    yield from explanation(shown.explanation)
    yield ""
    yield f"Nothing has been changed. With --execute, on {shown.explanation.server}:"
    yield from (f"  {sql};" for sql in shown.sql)
    yield from (f"- {follows}" for follows in shown.consequences)
    yield ""
    yield f"  {shown.command}"


def outcome(done: Outcome) -> Iterator[str]:
    """What came of a skip, for a person."""
    how = "had been left out already, or applied" if done.was_done else "is left out"
    yield f"{done.expect} {how}; {'but it breaks again:' if done.next_break else 'replication goes on'}"
    if done.next_break:
        yield from explanation(done.next_break)
