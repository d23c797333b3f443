"""Explaining a fault: which known error it is, whether these two versions made it likely, what to do. Pure."""

from __future__ import annotations

from msgspec import Struct

from understudy.migrate.dialects import Dialect
from understudy.migrate.watch import applier_cases, receiver_cases
from understudy.migrate.watch.case import Case, Remedy, Thread
from understudy.migrate.watch.fault import Fault
from understudy.migrate.words import Word

CASES = (*applier_cases.CASES, *receiver_cases.CASES)
COSTS = "afterwards the data differ: `understudy migrate verify` shows where"
UNKNOWN = {
    thread: Case(
        "unknown", thread, (), "an error that has no entry here", "see its text, and `understudy migrate log`",
        Remedy.MEND, "mend what the text names on {server}, then {start}; else rebuild: {rebuild}",
        "Server Error Message Reference",
    )
    for thread in Thread
}  # fmt: skip


class Explanation(Struct, frozen=True):
    """What a person is told of a fault. `case` is the known error's id, or "unknown".

    `expect` names the failing transaction for `skip`. `known` says why these versions made it likely, or is empty.
    """

    server: str
    channel: str
    source: str
    thread: Thread
    number: int
    text: str
    case: str
    what: str
    cause: str
    remedy: Remedy
    do: str
    page: str
    known: str = ""
    evidence: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    expect: str = ""
    log_kept: bool | None = None
    missing: tuple[str, ...] = ()


def case_of(fault: Fault) -> Case:
    """The known error that a fault is."""
    statements = fault.transaction.statements if fault.transaction else ()
    said = "\n".join((fault.text, *statements))
    fitting = (case for case in CASES if case.thread is fault.thread and case.fits(fault.number, said))
    return next(fitting, UNKNOWN[fault.thread])


def explain(fault: Fault) -> Explanation:
    """What is to be told of a fault."""
    case, transaction = case_of(fault), fault.transaction
    return Explanation(
        server=fault.server,
        channel=fault.channel.name,
        source=fault.source or fault.channel.source,
        thread=fault.thread,
        number=fault.number,
        text=fault.text,
        case=case.id,
        what=case.what,
        cause=_filled(case.cause, fault),
        remedy=case.remedy,
        do=_filled(case.do, fault) + (f"; {COSTS}" if case.remedy is Remedy.SKIP_COSTS else ""),
        page=case.page,
        known=case.known(fault.source_version, fault.version),
        evidence=fault.evidence,
        statements=transaction.statements if transaction else (),
        tables=transaction.tables if transaction else (),
        expect=fault.token if fault.thread is Thread.APPLIER else "",
        log_kept=fault.log_kept,
        missing=fault.missing,
    )


def _filled(text: str, fault: Fault) -> str:
    dialect, name = Dialect(fault.version), fault.channel.name
    tables = fault.transaction.tables if fault.transaction else ()
    done = fault.channel.done
    return text.format(
        server=fault.server,
        source=fault.source or fault.channel.source,
        table=", ".join(tables) or "the table",
        start=dialect.sql(Word.START, name),
        stop=dialect.sql(Word.STOP, name),
        replica="replica" if fault.version.is_mysql(8, 0, 26) else "slave",
        option="SOURCE" if fault.version.is_mysql(8, 0, 23) else "MASTER",
        done=f"{done.file}:{done.position}",
        skip=f"`understudy migrate skip {fault.server} --reason …`",
        rebuild=f"`understudy migrate rebuild {fault.server} --reason …`",
    )
