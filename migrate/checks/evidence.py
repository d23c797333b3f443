"""Rules about evidence: that the new source has been compared with the old one, wholly, lately, and was equal. Pure.

They speak once there is something to compare: where the new source is there and replicates from the old tree. Servers
are known by what they say of themselves, as verify knows them, since the same address may be another server by now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from understudy.migrate.checks.case import Case, Side
from understudy.migrate.checks.finding import Found, Rule, Severity
from understudy.migrate.verify import options
from understudy.migrate.verify.options import Outcome, Result
from understudy.migrate.verify.reporting import sealed

DAY_S = 86_400
NAMED = 3  # of what differs; the report has all


def _missing(case: Case) -> Iterator[Found]:
    new = following(case)
    if new is not None and _last(case, new) is None:
        trouble = case.evidence.trouble
        told = f"the report can't be read: {trouble}" if trouble else f"no report of {case.old.address} and it"
        yield Found(new.address, told, mend=_mend(case, new))


def _of_the_last(find: Callable[[Case, Side, Outcome], Iterator[str]]) -> Callable[[Case], Iterator[Found]]:
    """What is found of the last comparison of the two, where there is one."""

    def found(case: Case) -> Iterator[Found]:
        new = following(case)
        last = _last(case, new) if new else None
        if new and last:
            for told in find(case, new, last):
                yield Found(new.address, told, mend=_mend(case, new))

    return found


def _unequal(case: Case, _: Side, last: Outcome) -> Iterator[str]:
    why = list(last.why)
    why += [f"only tables like {', '.join(last.only)} were compared"] * bool(last.only)
    why += [f"tables like {', '.join(last.ignore)} were ignored: {_named([*last.ignored])}"] * bool(last.ignored)
    why += ["definitions, users and grants were not compared"] * last.data_only
    if last.result is not Result.EQUAL:
        differ = [table.name for table in last.tables if table.result is not Result.EQUAL]
        differ += [finding.name for finding in last.findings if not finding.note]
        why += [_named(list(dict.fromkeys(differ)))] * bool(differ)
    if last.result is not Result.EQUAL or why:
        yield ": ".join(filter(None, (f"{last.result} to {case.old.address} by the last report", "; ".join(why))))


def _named(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _old(case: Case, new: Side, last: Outcome) -> Iterator[str]:
    if sealed(last).digest != last.digest:
        yield f"{case.evidence.place} was edited: it is not what its digest was made of"
    age_s = case.evidence.now_s - last.ended_s
    if age_s > case.wishes.verify_days * DAY_S:
        yield f"it was compared with {case.old.address} {age_s / DAY_S:.0f} days ago"
    names = (new.address, *case.tree.servers[new.address].known_as)
    for change in case.evidence.changes:
        if change.server in names and change.at_s > last.started_s:
            at = datetime.fromtimestamp(change.at_s, UTC)
            yield f"the journal tells of {change.what} since it was compared, at {at:%Y-%m-%d %H:%M:%S} UTC"


def following(case: Case) -> Side | None:
    """The new source, once it replicates from the old one, over however many servers."""
    new = case.new
    if new is None or new.address not in case.tree.shape or case.old.address not in case.path[:-1]:
        return None
    channels = case.tree.servers[new.address].channels
    return new if any(channel.receiving and channel.applying for channel in channels) else None


def _last(case: Case, new: Side) -> Outcome | None:
    runs = (run for run in reversed(case.evidence.runs) if _is(case.old, run.old) and _is(new, run.new))
    return next(runs, None)


def _is(side: Side, compared: options.Side) -> bool:
    known = compared.identity
    return bool(known) and all(side.variable(name) == value for name, value in known.items())


def _mend(case: Case, new: Side) -> tuple[str, ...]:
    return (f"understudy migrate verify --old {case.old.address} --new {new.address}",)


RULES: tuple[Rule, ...] = (
    Rule(
        "verify-missing",
        Severity.ERROR,
        "Replication that runs says nothing of the rows: a copy may have been wrong from its first day on.",
        _missing,
    ),
    Rule(
        "verify-not-equal",
        Severity.ERROR,
        "What differs, or was not looked at, is what users will be served once the new source takes over.",
        _of_the_last(_unequal),
    ),
    Rule(
        "verify-old",
        Severity.WARNING,
        "It tells of data as they were, and shadow writes, repairs and new copies come after it.",
        _of_the_last(_old),
    ),
)
