"""Rules about replication: threads, errors, filters, delay, lag, and writes that came by no channel. Pure.

Lag is measured by a heartbeat row wherever there is one: Seconds_Behind is 0 on a replica whose source lags itself,
jumps while a long transaction is applied, and is NULL where nothing replicates. NULL is not zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from understudy.migrate.checks.case import Case, Side
from understudy.migrate.checks.finding import Found, Rule, Severity
from understudy.migrate.checks.gtidsets import errant
from understudy.migrate.dialects import Dialect
from understudy.migrate.facts import Channel, Server
from understudy.migrate.words import Word

Find = Callable[[Case], Iterator[Found]]
STALE_S = 60.0  # pt-heartbeat writes a row a second, and our own clock readings are good to a second


def _channels(case: Case) -> Iterator[tuple[Server, Channel]]:
    for server in case.tree:
        for channel in server.channels:
            yield server, channel


def _sql(server: Server, word: Word, channel: Channel) -> tuple[str, ...]:
    if server.version is None:
        return ()
    dialect = Dialect(server.version)
    return (f"{dialect.sql(word, channel.name)};",) if dialect.knows(word) else ()


def _threads(case: Case) -> Iterator[Found]:
    for server, channel in _channels(case):
        stopped = ["its receiver"] * (not channel.receiving) + ["its applier"] * (not channel.applying)
        if stopped and not channel.error:
            found = f"{' and '.join(stopped)} {'do' if len(stopped) > 1 else 'does'} not run"
            yield Found(server.address, found, channel.name, _sql(server, Word.START, channel))


def _errors(case: Case) -> Iterator[Found]:
    for server, channel in _channels(case):
        if channel.error:
            found = f"replication from {channel.source} stopped: {channel.error} (error {channel.error_number})"
            mend = ("`understudy migrate log` shows what it has logged; mend the cause, then:",)
            yield Found(server.address, found, channel.name, (*mend, *_sql(server, Word.START, channel)))


def _filters(case: Case) -> Iterator[Found]:
    for server, channel in _channels(case):
        if channel.filters:
            mend = ("Take them out of its configuration, restart, and build it anew from its source.",)
            yield Found(server.address, f"it leaves out: {'; '.join(channel.filters)}", channel.name, mend)
    for side in case.sides:
        for name in ("binlog_do_db", "binlog_ignore_db"):
            if value := side.status.get(name, side.variable(name)):
                yield Found(side.address, f"its own log leaves out: {name}={value}", name)


def _delay(case: Case) -> Iterator[Found]:
    for server, channel in _channels(case):
        if channel.delay_s:
            word = "SOURCE" if server.version and server.version.is_mysql(8, 0, 23) else "MASTER"
            change = "CHANGE REPLICATION SOURCE" if word == "SOURCE" else "CHANGE MASTER"
            mend = (f"{change} TO {word}_DELAY = 0;",)
            around = (*_sql(server, Word.STOP_APPLIER, channel), *mend, *_sql(server, Word.START_APPLIER, channel))
            yield Found(server.address, f"it is kept {channel.delay_s} s behind", channel.name, around)


def _lag(case: Case) -> Iterator[Found]:
    for server, channel in _channels(case):
        late_s, how = _late(case, server, channel)
        if late_s is not None and late_s > case.wishes.lag_s:
            yield Found(server.address, f"it is {late_s:.0f} s behind by {how}", channel.name)


def _late(case: Case, server: Server, channel: Channel) -> tuple[float | None, str]:
    side = _side(case, server.address)
    if side and side.heartbeat is not None and case.old.heartbeat is not None:
        return case.old.heartbeat - side.heartbeat, "its heartbeat row"
    return channel.lag_s, "its own word"


def _lag_unknown(case: Case) -> Iterator[Found]:
    for server, channel in _channels(case):
        late_s, _ = _late(case, server, channel)
        if late_s is None:
            yield Found(server.address, "its lag is NULL, which is not zero", channel.name)


def _no_heartbeat(case: Case) -> Iterator[Found]:
    table = case.wishes.heartbeat_table
    if not table:
        mend = (
            "pt-heartbeat --update --create-table -D percona, run against the old source, and heartbeat_table = "
            '"percona.heartbeat" under [migrate.check].',
        )
        yield Found(case.old.address, "no heartbeat table is named", mend=mend)
        return
    for side in case.sides:
        if side.heartbeat is None and not any("heartbeat" in gap for gap in side.missing):
            yield Found(side.address, f"there is no heartbeat row in {table}", table)


def _stale(case: Case) -> Iterator[Found]:
    age_s = case.old.heartbeat_age_s
    if age_s is not None and abs(age_s) > STALE_S:
        way = "old" if age_s > 0 else "ahead of its clock"
        mend = ("Have pt-heartbeat --update run against it.",)
        yield Found(
            case.old.address, f"the newest heartbeat is {abs(age_s):.0f} s {way}", case.wishes.heartbeat_table, mend
        )


def _errant(case: Case) -> Iterator[Found]:
    for side in case.sides:
        source = _side(case, case.tree.source(side.address)) if side.address in case.tree.shape else None
        if source is None or not source.gtids_later or side.version.flavour is not source.version.flavour:
            continue
        extra = errant(side.gtids, source.gtids_later, is_mariadb=side.version.is_mariadb())
        if extra:
            mend = (
                f"Look at them (SHOW BINLOG EVENTS, mysqlbinlog); where they changed data, build it anew from "
                f"{source.address}.",
            )
            yield Found(side.address, f"it has transactions that {source.address} has not: {extra}", extra, mend)


def _own_writes(case: Case) -> Iterator[Found]:
    for side in case.sides:
        if side.own_writes and side is not case.old and case.tree.source(side.address):
            found = f"of the newest events in its binary log {side.own_writes} are its own, not replication's"
            yield Found(side.address, found)


def _writable(case: Case) -> Iterator[Found]:
    for side in case.sides:
        if side.address not in case.tree.shape or not case.tree.source(side.address) or side.is_on("read_only"):
            continue
        grave = Severity.ERROR if case.new and side.address == case.new.address else None
        mend = (f"{Dialect(side.version).sql(Word.READ_ONLY)};", "And in its configuration.")
        yield Found(side.address, "it is a replica and takes writes from anybody", "read_only", mend, grave)


def _side(case: Case, address: str) -> Side | None:
    return next((side for side in case.sides if side.address == address), None)


def _no_new_source(case: Case) -> Iterator[Found]:
    if case.new and case.new.address in case.tree.shape and case.old.address not in case.path:
        mend = ("`understudy migrate plan` and `build` have it follow.",)
        yield Found(case.new.address, f"it does not follow {case.old.address}", mend=mend)


def _but_rehearsal(find: Find) -> Find:
    """Nothing of the rehearsal server, which may be written to, lag and diverge."""

    def found(case: Case) -> Iterator[Found]:
        return (one for one in find(case) if one.server != case.rehearsal)

    return found


def _noted_of_rehearsal(find: Find) -> Find:
    """A note where it is the rehearsal server, which may break: it is built anew from the new source."""

    def found(case: Case) -> Iterator[Found]:
        for one in find(case):
            yield one._replace(severity=Severity.NOTE) if one.server == case.rehearsal else one

    return found


RULES: tuple[Rule, ...] = (
    Rule(
        "replication-stopped",
        Severity.ERROR,
        "What doesn't replicate falls behind, and its copy ages.",
        _noted_of_rehearsal(_threads),
    ),
    Rule(
        "replication-error",
        Severity.ERROR,
        "The replica and its source are no longer the same, or soon aren't.",
        _noted_of_rehearsal(_errors),
    ),
    Rule(
        "replication-filters",
        Severity.ERROR,
        "What is filtered is missing further down, where nothing tells that it is.",
        _filters,
    ),
    Rule("replication-delay", Severity.WARNING, "A replica that is late on purpose can't catch up in a pause.", _delay),
    Rule(
        "replication-lag",
        Severity.WARNING,
        "The cutover waits, with writes held, until every server has caught up.",
        _but_rehearsal(_lag),
    ),
    Rule("lag-unknown", Severity.WARNING, "Nobody knows how far behind it is.", _but_rehearsal(_lag_unknown)),
    Rule(
        "no-heartbeat",
        Severity.NOTE,
        "Without heartbeat rows lag is known by Seconds_Behind alone, which is 0 beneath a replica that lags itself.",
        _no_heartbeat,
    ),
    Rule("heartbeat-stale", Severity.WARNING, "Nobody writes heartbeats, so lag by them is fiction.", _stale),
    Rule(
        "errant-transactions",
        Severity.ERROR,
        "They are in no other copy, and once it is the source they reach all its replicas, or stop them.",
        _but_rehearsal(_errant),
    ),
    Rule(
        "own-writes",
        Severity.WARNING,
        "Something else than replication writes to a replica, so its data is no longer its source's. Shadow writes "
        "belong on a rehearsal server beneath the new source.",
        _but_rehearsal(_own_writes),
    ),
    Rule(
        "replica-writable",
        Severity.WARNING,
        "One wrong connection string, and it has data of its own; on the new source it is an error.",
        _but_rehearsal(_writable),
    ),
    Rule(
        "new-source-apart",
        Severity.ERROR,
        "Only what follows the old source can take over from it without losing writes.",
        _no_new_source,
    ),
)
