"""Leaving out one transaction: what has to be done next, decided from what is seen of the server. Pure.

Whoever skips names the transaction. So the same command given twice, or after a kill at any moment, leaves out that one
and no other: once the transaction is behind the replica, nothing is left but to start the applier.

With a GTID on MySQL, an empty transaction takes its place (MySQL manual, "Skipping Transactions With GTIDs"). Else a
counter leaves out what the applier comes to first, so the applier must stand exactly there. After an error among
several workers it does not: it is started once more, fails at the same place, and then does (measured on MySQL 9.7).
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from understudy.errors import UnderstudyError
from understudy.migrate.dialects import Dialect
from understudy.migrate.rows import Coordinates, number
from understudy.migrate.sqltext import Statement, string
from understudy.migrate.watch.channels import Channel, order
from understudy.migrate.watch.fault import Fault
from understudy.migrate.words import Word


class SkipError(UnderstudyError):
    """A transaction can't be left out, or not this one."""


class Next(StrEnum):
    """What is to be done next."""

    SETTLE = "settle"  # start the applier once more, so that its position is exact
    LEAVE_OUT = "leave out"
    START = "start"  # it is left out already, and the applier stands
    NOTHING = "nothing"


class Seen(Struct, frozen=True):
    """A channel as it is now: its applier's fault, if any, and whether the transaction that is meant is behind it."""

    channel: Channel
    fault: Fault | None
    is_behind: bool
    gtid_mode: str = ""


def decide(seen: Seen, expect: str) -> Next:
    """What is to be done next about the transaction that `expect` names. Raises SkipError where nothing is."""
    if seen.is_behind:
        stands = not seen.channel.applying and (seen.fault is None or seen.fault.token in (expect, ""))
        return Next.START if stands else Next.NOTHING
    fault = seen.fault
    if fault is None:
        raise SkipError(
            f"{expect} is neither behind the replica nor what it fails at: its applier is not broken",
            "`understudy migrate watch --once` shows how it stands",
        )
    require_known(fault)
    if fault.token != expect:
        hint = f"look at it again without --execute; what fails now is {fault.token}"
        raise SkipError(f"the applier fails at another transaction than {expect}", hint)
    if by_gtid(fault):
        return Next.LEAVE_OUT
    if seen.gtid_mode.upper() == "ON":
        hint = "mend what stopped it: the explanation says how"
        raise SkipError("with gtid_mode=ON a transaction without GTID can't be left out", hint)
    return Next.LEAVE_OUT if fault.is_next else Next.SETTLE


def require_known(fault: Fault) -> None:
    """Raise SkipError where it was not found out which transaction failed: none is left out blindly."""
    if not fault.token:
        why = "; ".join(fault.missing) or "no log that can be read holds it"
        raise SkipError(
            f"{fault.server}: which transaction failed can't be told: {why}",
            "start its applier once more and look again; else build it anew",
        )


def by_gtid(fault: Fault) -> bool:
    """Whether the transaction is left out by its GTID, and not by the counter; MariaDB counts always."""
    return bool(fault.gtid) and fault.version.is_mysql()


def statements(fault: Fault) -> tuple[Statement, ...]:
    """What leaves out the transaction and starts the applier again, in order."""
    dialect, name = Dialect(fault.version), fault.channel.name
    stop = Statement(dialect.sql(Word.STOP_APPLIER, name))
    start = Statement(dialect.sql(Word.START_APPLIER, name))
    if by_gtid(fault):
        gtid = dialect.sql(Word.NEXT_GTID)
        empty = (Statement("BEGIN"), Statement("COMMIT"))
        return stop, Statement(gtid, (fault.gtid,)), *empty, Statement(gtid, ("AUTOMATIC",)), start
    counter = Statement(dialect.sql(Word.SKIP_ONE))
    if name and fault.version.is_mariadb():  # the counter belongs to the connection that this variable names
        return stop, Statement("SET SESSION default_master_connection = %s", (name,)), counter, start
    return stop, counter, start


def is_behind(expect: str, channel: Channel, *, gtid_executed: bool | None = None) -> bool:
    """Whether a replica has passed the transaction; `gtid_executed` is MySQL's own answer, where it has a UUID."""
    if gtid_executed is not None:
        return gtid_executed
    if is_maria_gtid(expect):
        domain, _, sequence = expect.split("-")
        passed = [gtid.split("-") for gtid in channel.executed.split(",") if gtid.count("-") == 2]
        return any(one[0].strip() == domain and number(one[2]) >= int(sequence) for one in passed)
    file, _, position = expect.rpartition(":")
    return order(channel.done) > order(Coordinates(file, number(position)))


def went_on(seen: Seen, expect: str) -> bool:
    """Whether the applier has gone past a transaction that was left out, be it that it fails at a later one."""
    if seen.fault is None:
        return seen.is_behind and seen.channel.applying
    file, _, position = expect.rpartition(":")
    later = position.isdigit() and order(seen.fault.at) > order(Coordinates(file, int(position)))
    return seen.is_behind or later


def is_my_gtid(expect: str) -> bool:
    """Whether a transaction is named by MySQL's kind of GTID, which begins with a UUID."""
    return expect.partition(":")[0].count("-") == 4 and ":" in expect


def is_maria_gtid(expect: str) -> bool:
    """Whether a transaction is named by MariaDB's kind of GTID: domain, server and sequence."""
    return expect.replace("-", "").isdigit() and expect.count("-") == 2


def past_domain(fault: Fault) -> str:
    """MariaDB: the SQL that passes over a transaction where the counter may not be used, for a person to run."""
    domain = fault.gtid.partition("-")[0]
    others = [gtid for gtid in fault.channel.executed.split(",") if gtid and gtid.partition("-")[0] != domain]
    return f"SET GLOBAL gtid_slave_pos = {string(','.join([*others, fault.gtid]))}"
