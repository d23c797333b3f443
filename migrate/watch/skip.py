"""Leaving out one transaction: doing it, journalled, and recognising by observing what is done already."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from understudy.errors import UnderstudyError
from understudy.migrate import rows
from understudy.migrate.faults import ServerError
from understudy.migrate.journal import Event, Journal
from understudy.migrate.ports import Clock, Database, Servers
from understudy.migrate.watch import collect
from understudy.migrate.watch.case import Thread
from understudy.migrate.watch.channels import Channel
from understudy.migrate.watch.explain import Explanation, case_of, explain
from understudy.migrate.watch.fault import Fault, failing
from understudy.migrate.watch.skipping import (
    Next,
    Seen,
    SkipError,
    decide,
    is_behind,
    is_my_gtid,
    past_domain,
    statements,
    went_on,
)
from understudy.migrate.words import Word

STOPPING_S = 90.0  # STOP REPLICA waits up to 60 s for a transaction that is half applied (MySQL manual)
OUTCOME_S = 30.0
NEXT_BREAK_S = 3.0  # an applier that has run for so long without an error goes on
NOT_WITH_DOMAINS = 1966  # MariaDB ER_SLAVE_SKIP_NOT_IN_GTID


class Order(Struct, frozen=True):
    """What was ordered: `expect` names the transaction, `channel` where there are several that are broken."""

    server: str
    reason: str
    expect: str = ""
    channel: str | None = None


class Outcome(Struct, frozen=True):
    """What came of it: whether it was left out now or before, and what the applier fails at next, if anything."""

    expect: str
    was_done: bool
    next_break: Explanation | None = None


class Skipping:
    """One leaving out. `sources` maps what the server calls its sources to the addresses to use from here."""

    def __init__(self, servers: Servers, clock: Clock, order: Order, sources: Mapping[str, str]) -> None:
        self._servers, self._clock, self._order, self._sources = servers, clock, order, sources

    def fault(self) -> Fault:
        """What would be left out now. Raises SkipError where the server is not broken."""
        with self._servers.open(self._order.server) as database:
            fault = self._fault(database, self._channel(database))
        if fault is None:
            raise SkipError(f"{self._order.server}: its applier is not broken, so there is nothing to skip")
        return fault

    def run(self, journal: Journal) -> Outcome:
        """Leave it out, unless that is done. Raises SkipError, or what the server refuses."""
        expect = self._order.expect
        with self._servers.open(self._order.server) as database, database.patient(STOPPING_S):
            seen = self._seen(database)
            todo = decide(seen, expect)
            if todo is Next.NOTHING:
                return self._outcome(database, was_done=True)
            step = f"skip-{self._order.server}-{expect}"
            self._intend(journal, step, seen.fault)
            try:
                outcome = self._carry_out(database, seen, todo)
            except UnderstudyError as error:
                journal.write(Event.FAILED, step, error=error.message)
                raise
            further = outcome.next_break.expect or outcome.next_break.number if outcome.next_break else ""
            journal.write(Event.DONE, step, left_out_before=outcome.was_done, breaks_next_at=further)
        return outcome

    def _intend(self, journal: Journal, step: str, fault: Fault | None) -> None:
        transaction = fault.transaction if fault else None
        journal.write(
            Event.SKIP,
            step,
            server=self._order.server,
            channel=self._order.channel or "",
            transaction=self._order.expect,
            reason=self._order.reason,
            error=fault.number if fault else 0,
            case=case_of(fault).id if fault else "",
            statements=transaction.shapes if transaction else (),
            tables=transaction.tables if transaction else (),
            sql=[one.shown() for one in statements(fault)] if fault else (),
        )

    def _carry_out(self, database: Database, seen: Seen, todo: Next) -> Outcome:
        if todo is Next.SETTLE:
            seen, todo = self._settled(database, seen)
        if todo is Next.LEAVE_OUT and seen.fault is not None:
            seen, todo = self._stopped(database, seen.fault)
        was_done = todo is not Next.LEAVE_OUT
        if todo is Next.LEAVE_OUT and seen.fault is not None:
            self._leave_out(seen.fault)
        elif todo is Next.START:
            database.execute(database.dialect.sql(Word.START_APPLIER, seen.channel.name))
        return self._outcome(database, was_done=was_done)

    def _settled(self, database: Database, seen: Seen) -> tuple[Seen, Next]:
        """Started once more, it fails at the same transaction, and its position is exact.

        Its error is told while it still stops, and a START does nothing until it has.
        """
        database.execute(database.dialect.sql(Word.STOP_APPLIER, seen.channel.name))
        database.execute(database.dialect.sql(Word.START_APPLIER, seen.channel.name))
        end = self._clock.monotonic_s() + OUTCOME_S
        while True:
            seen = self._seen(database)
            has_come = seen.fault is not None or seen.is_behind  # until then it applies what is before
            if has_come and (todo := decide(seen, self._order.expect)) is not Next.SETTLE:
                return seen, todo
            if self._clock.monotonic_s() > end:
                hint = "look again without --execute: it may still be applying what comes before"
                raise SkipError(f"the applier of {self._order.server} did not come to {self._order.expect}", hint)
            self._clock.sleep(0.2)

    def _stopped(self, database: Database, fault: Fault) -> tuple[Seen, Next]:
        """With its applier stopped for sure, look once more: from here on nothing moves."""
        database.execute(statements(fault)[0])
        seen = self._seen(database)
        return seen, decide(seen, self._order.expect)

    def _leave_out(self, fault: Fault) -> None:
        """In a session of its own: where it fails amid, the session's GTID goes with it."""
        with self._servers.open(self._order.server) as session, session.patient(STOPPING_S):
            for statement in statements(fault)[1:]:
                try:
                    session.execute(statement)
                except ServerError as error:
                    if error.number == NOT_WITH_DOMAINS:
                        hint = f"stop all of its threads, then {past_domain(fault)}, and start them"
                        what = "with parallel threads and several GTID domains MariaDB counts no transactions"
                        raise SkipError(f"{self._order.server}: {what}", hint) from error
                    raise

    def _outcome(self, database: Database, *, was_done: bool) -> Outcome:
        """Wait until it has gone past the transaction, and a while longer for what it may fail at next."""
        begun = self._clock.monotonic_s()
        while True:
            seen, waited_s = self._seen(database), self._clock.monotonic_s() - begun
            is_at_rest = seen.fault or seen.channel.read == seen.channel.done or waited_s > NEXT_BREAK_S
            if went_on(seen, self._order.expect) and is_at_rest:
                return Outcome(self._order.expect, was_done, explain(seen.fault) if seen.fault else None)
            if waited_s > OUTCOME_S:
                hint = "`understudy migrate watch --once` shows how it stands; the same command can be given again"
                raise SkipError(f"{self._order.server} did not go past {self._order.expect} in {OUTCOME_S:g} s", hint)
            self._clock.sleep(0.1)

    def _seen(self, database: Database) -> Seen:
        channel = self._channel(database)
        executed = None
        if is_my_gtid(self._order.expect):
            subset = "SELECT GTID_SUBSET(%s, @@GLOBAL.gtid_executed)"
            executed = bool(database.value(subset, self._order.expect))
        mode = database.row("SHOW GLOBAL VARIABLES LIKE 'gtid_mode'")
        return Seen(
            channel,
            self._fault(database, channel),
            is_behind(self._order.expect, channel, gtid_executed=executed),
            rows.text(mode["Value"]) if mode else "",
        )

    def _fault(self, database: Database, channel: Channel) -> Fault | None:
        error = failing(channel)
        if error is None or error[0] is not Thread.APPLIER:
            return None
        named = {channel.name: self._sources.get(channel.source, "")}
        return collect.faults(self._servers, database, (channel,), named)[0]

    def _channel(self, database: Database) -> Channel:
        found, server = collect.channels_of(database), self._order.server
        if self._order.channel is not None:
            found = tuple(one for one in found if one.name == self._order.channel)
        if len(found) > 1:
            broken = [one for one in found if failing(one)]
            names = ", ".join(repr(one.name) for one in broken or found)
            if len(broken) != 1:
                raise SkipError(f"{server} has several channels: {names}", "name the one that is meant: --channel")
            found = tuple(broken)
        if not found:
            raise SkipError(f"{server} follows nobody, or not over this channel")
        return found[0]
