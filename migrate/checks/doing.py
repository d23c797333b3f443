"""Rules about what goes on now, and by itself: transactions, locks, sessions, events, definers. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from understudy.migrate.checks.activity import Doing
from understudy.migrate.checks.case import Case, Side
from understudy.migrate.checks.finding import Found, Rule, Severity
from understudy.migrate.rows import DUMPS
from understudy.migrate.sqltext import account, identifier

SYSTEM = ("system user", "event_scheduler", "")
DDL = ("ALTER", "CREATE", "DROP", "TRUNCATE", "RENAME", "OPTIMIZE", "REPAIR")
LOCKED = ("metadata lock", "global read lock", "table flush", "backup lock", "commit lock")


def _who(one: Doing) -> str:
    return (
        f"session {one.id} ({one.user or 'of nobody: a transaction that was prepared'}{'@' * bool(one.host)}{one.host})"
    )


def _both(case: Case) -> Iterator[Side]:
    yield from filter(None, (case.old, case.new))


def _of_people(side: Side) -> Iterator[Doing]:
    for one in side.activity.sessions:
        if one.user not in SYSTEM and one.command not in (*DUMPS, "Daemon", "Slave_IO", "Slave_SQL"):
            yield one


def _transactions(case: Case) -> Iterator[Found]:
    for side in _both(case):
        for one in side.activity.transactions:
            if one.seconds > case.wishes.transaction_s and one.user not in SYSTEM:
                found = f"a transaction has been open for {one.seconds:.0f} s: {_who(one)}"
                yield Found(side.address, found, str(one.id), (f"KILL {one.id};  -- it is rolled back",))


def _prepared(case: Case) -> Iterator[Found]:
    for side in _both(case):
        for one in side.activity.prepared:
            mend = (f"XA ROLLBACK {one.xid};  -- or XA COMMIT: its transaction manager knows which",)
            yield Found(side.address, "an XA transaction is prepared and nobody ends it", one.xid, mend)


def _ddl(case: Case) -> Iterator[Found]:
    for side in _both(case):
        for one in _of_people(side):
            if one.command != "Sleep" and one.doing.partition(" ")[0] in DDL and "TEMPORARY" not in one.doing:
                yield Found(
                    side.address, f"{one.doing} has been running for {one.seconds:.0f} s: {_who(one)}", str(one.id)
                )


def _locks(case: Case) -> Iterator[Found]:
    for side in _both(case):
        for one in side.activity.sessions:
            if any(lock in one.state.lower() for lock in LOCKED) and one.user not in SYSTEM:
                oldest = next(iter(side.activity.transactions), None)
                mend = (f"The oldest open transaction is of {_who(oldest)}.",) if oldest else ()
                found = f"{_who(one)} has waited for {one.seconds:.0f} s: {one.state}"
                yield Found(side.address, found, str(one.id), mend)


def _statements(case: Case) -> Iterator[Found]:
    for side in _both(case):
        for one in _of_people(side):
            if one.command in ("Query", "Execute") and one.seconds > case.wishes.transaction_s:
                found = f"{one.doing or 'a statement'} has been running for {one.seconds:.0f} s: {_who(one)}"
                yield Found(side.address, found, str(one.id), (f"KILL QUERY {one.id};",))


def _sessions(case: Case) -> Iterator[Found]:
    for side in _both(case):
        mighty = {one.user for one in side.accounts if one.passes_read_only(side.version)}
        for one in _of_people(side):
            if one.user in mighty:
                yield Found(side.address, f"{_who(one)} may write through read_only", str(one.id), (f"KILL {one.id};",))


def _events_here(case: Case) -> Iterator[Found]:
    if case.old.is_on("event_scheduler"):
        for event in case.old.activity.events:
            if event.status == "ENABLED":
                mend = ("SET GLOBAL event_scheduler = OFF;  -- the cutover does, and sets it back",)
                yield Found(case.old.address, "an event runs by itself", event.path, mend)


def _events_there(case: Case) -> Iterator[Found]:
    for side in case.sides:
        if side is case.old or not side.is_on("event_scheduler") or not _is_replica(case, side):
            continue
        for event in side.activity.events:
            if event.status == "ENABLED":
                off = "DISABLE ON REPLICA" if side.version.is_mysql(8, 0, 22) else "DISABLE ON SLAVE"
                mend = ("SET SESSION sql_log_bin = 0;", f"ALTER EVENT {identifier(event.schema, event.name)} {off};")
                yield Found(side.address, "an enabled event runs on a replica", event.path, mend)


def _is_replica(case: Case, side: Side) -> bool:
    return side.address in case.tree.shape and bool(case.tree.source(side.address))


def _definers(case: Case) -> Iterator[Found]:
    for side in _both(case):
        if not side.accounts:
            continue
        known = {f"{one.user}@{one.host}" for one in side.accounts if not one.is_role}
        known |= {one.user for one in side.accounts if one.is_role}
        for code in side.schema.code:
            if code.definer and code.definer not in known and code.definer.removesuffix("@") not in known:
                user, _, host = code.definer.rpartition("@")
                mend = (f"CREATE USER {account(user, host)} … , or define it anew with a definer that is there.",)
                yield Found(
                    side.address, f"the {code.kind} has the definer {code.definer}, who does not exist", code.path, mend
                )


def _triggers(case: Case) -> Iterator[Found]:
    triggers = [code for code in case.old.schema.code if code.kind == "trigger"]
    if triggers and case.old.variable("binlog_format") != "ROW":
        for code in triggers:
            found = "the trigger fires again on every replica, since statements are logged"
            yield Found(case.old.address, found, code.path, ("SET GLOBAL binlog_format = 'ROW';",))


RULES: tuple[Rule, ...] = (
    Rule(
        "old-transaction",
        Severity.WARNING,
        "At the fence its COMMIT fails with error 1290, or it holds the fence up; and what it has done is lost.",
        _transactions,
    ),
    Rule(
        "prepared-xa",
        Severity.ERROR,
        "It holds its locks whoever comes and goes, is in no log yet, and is not in the new source's data.",
        _prepared,
    ),
    Rule(
        "ddl-running",
        Severity.WARNING,
        "A change of a schema takes as long again on every level of replicas, and all writes behind it wait.",
        _ddl,
    ),
    Rule(
        "lock-wait",
        Severity.WARNING,
        "Whoever comes next waits behind it: a fence too, which needs the same lock.",
        _locks,
    ),
    Rule("long-statement", Severity.WARNING, "A running write blocks SET GLOBAL read_only until it ends.", _statements),
    Rule(
        "session-bypasses-read-only",
        Severity.WARNING,
        "SUPER (on MariaDB before 10.11), CONNECTION_ADMIN and READ_ONLY ADMIN write on: the fence does not hold them.",
        _sessions,
    ),
    Rule(
        "event-enabled",
        Severity.WARNING,
        "The event scheduler goes on writing on the old source after the switch.",
        _events_here,
    ),
    Rule(
        "event-runs-on-replica",
        Severity.ERROR,
        "It writes on the replica what replication brings as well.",
        _events_there,
    ),
    Rule(
        "definer-missing",
        Severity.WARNING,
        "With SQL SECURITY DEFINER it fails with error 1449 when used; a dump of it may not be loaded.",
        _definers,
    ),
    Rule(
        "trigger-fires-twice",
        Severity.WARNING,
        "Under STATEMENT or MIXED a trigger runs on the source and again on each replica, in that version's way.",
        _triggers,
    ),
)
