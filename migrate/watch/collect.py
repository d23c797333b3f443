"""Finding out about a break: the failing transaction, out of the replica's relay log or its source's binary log.

Nothing is written. What an account may not read, or a server does not have any more, costs its own fact alone. Logs are
read in pages, up to a bound: a position that lags behind what failed lags by one checkpoint's transactions.
"""

from __future__ import annotations

from collections.abc import Iterator

from understudy.migrate import answering, rows
from understudy.migrate.faults import ServerError
from understudy.migrate.ports import Database, Servers
from understudy.migrate.rows import Coordinates, Row
from understudy.migrate.versions import Version
from understudy.migrate.watch.case import Thread
from understudy.migrate.watch.channels import Channel, channels
from understudy.migrate.watch.events import Transaction, find, transactions
from understudy.migrate.watch.fault import Fault, failing
from understudy.migrate.words import Word

PAGE = 1_000  # events; a page of the largest statements is still one answer
PAGES = 20


def channels_of(database: Database) -> tuple[Channel, ...]:
    """How its channels stand, with the workers' own words where one failed. Raises ServerError."""
    dialect = database.dialect
    answering.require(database, Word.REPLICA_STATUS)
    status = database.rows(dialect.sql(Word.REPLICA_STATUS))
    found = channels(status)
    if any(channel.applier_error.number for channel in found) and dialect.knows(Word.WORKER_ERRORS):
        return channels(status, database.rows(dialect.sql(Word.WORKER_ERRORS)))
    return found


def faults(
    servers: Servers, database: Database, found: tuple[Channel, ...], sources: dict[str, str] | None = None
) -> list[Fault]:
    """What is broken on a server. `sources` maps a channel's name to the address of its source as seen from here."""
    collected = []
    for channel in found:
        if error := failing(channel):
            thread, number, text = error
            fault = Fault(database.address, database.version, channel, thread, number, text)
            collected.append(_Collecting(servers, database, fault, (sources or {}).get(channel.name, "")).run())
    return collected


class _Collecting:
    """One finding out."""

    def __init__(self, servers: Servers, database: Database, fault: Fault, source: str) -> None:
        self._servers, self._database, self._fault = servers, database, fault
        self._channel = fault.channel
        self._source = source or fault.channel.source
        self._missing: list[str] = []
        self._transaction: Transaction | None = None
        self._version: Version | None = None
        self._log_kept: bool | None = None
        self._errant = ""

    def run(self) -> Fault:
        if self._fault.thread is Thread.APPLIER:
            self._try("the failing statement in the relay log", self._read_relay_log)
        self._try(f"what its source {self._source} says", self._ask_source)
        evidence: list[str] = []
        self._try("who writes there", lambda: evidence.extend(writers(self._database, self._errant)))
        return Fault(
            **{
                name: getattr(self._fault, name)
                for name in ("server", "version", "channel", "thread", "number", "text")
            },
            source=self._source,
            source_version=self._version,
            transaction=self._transaction,
            at=self._place(),
            log_kept=self._log_kept,
            evidence=tuple(evidence),
            missing=tuple(self._missing),
        )

    def _try(self, what: str, act: object) -> None:
        assert callable(act)
        try:
            act()
        except ServerError as error:
            self._missing.append(f"{what}: {error.what}")

    def _place(self) -> Coordinates:
        if self._transaction is None:
            return Coordinates()
        return Coordinates(self._channel.failed.file or self._channel.done.file, self._transaction.start_pos)

    def _read_relay_log(self) -> None:
        sql = self._database.dialect.sql(Word.RELAY_EVENTS, self._channel.name.replace("%", "%%"))
        self._transaction = self._found(pages(self._database, sql, self._channel.relay), self._channel.done.position)

    def _ask_source(self) -> None:
        with self._servers.open(self._source) as source:
            self._version = source.version
            logs = [rows.text(row["Log_name"]) for row in source.rows(source.dialect.sql(Word.BINARY_LOGS))]
            self._log_kept = (self._channel.read.file or self._channel.done.file) in logs
            if self._database.version.is_mysql() and source.version.is_mysql(5, 6):
                self._errant = errant(self._database, source)
            if self._transaction is None and self._fault.thread is Thread.APPLIER:
                sql = source.dialect.sql(Word.BINLOG_EVENTS)
                self._transaction = self._found(pages(source, sql, self._channel.done), self._channel.done.position)

    def _found(self, events: Iterator[Row], start_pos: int) -> Transaction | None:
        failed = self._channel.failed
        if failed.file and failed.file != self._channel.done.file and not failed.gtid:
            return None  # in a later log than the position: starting the applier once more brings it there
        return find(transactions(events, start_pos), failed.gtid, failed.end_pos)


def pages(database: Database, sql: str, start: Coordinates) -> Iterator[Row]:
    """The events of a log from a place on, up to a bound."""
    position = start.position
    for number in range(PAGES):
        page = database.rows(sql, start.file, position, PAGE)
        yield from page[1 if number else 0 :]
        if len(page) < PAGE:
            return
        position = rows.number(page[-1]["Pos"])


def errant(replica: Database, source: Database) -> str:
    """Which GTIDs a replica has and its source has not; the replica is asked first, so that none is on its way."""
    here = rows.text(replica.value(replica.dialect.sql(Word.GTID_EXECUTED)))
    there = rows.text(source.value(source.dialect.sql(Word.GTID_EXECUTED)))
    if not here or not there:
        return ""  # a source that has never written GTIDs has none of anybody's
    return rows.text(source.value("SELECT GTID_SUBTRACT(%s, %s)", here, there))


def writers(database: Database, errant: str = "") -> list[str]:
    """What speaks for somebody else writing to a replica, a sentence each."""
    names = "'read_only', 'super_read_only', 'server_uuid', 'server_id', 'gtid_binlog_state'"
    said = database.rows(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})")
    values = {rows.text(row["Variable_name"]).lower(): rows.text(row["Value"]) for row in said}
    found = []
    if values.get("read_only", "").upper() in ("OFF", "0"):
        found.append("it takes writes from anybody: read_only is off")
    elif values.get("super_read_only", "").upper() == "OFF":
        found.append("it takes writes from administrators: super_read_only is off")
    if errant:
        found.append(f"it has transactions that its source has not: {errant.replace(chr(10), '')}")
    own = [gtid for gtid in values.get("gtid_binlog_state", "").split(",") if f"-{values['server_id']}-" in gtid]
    if own:
        found.append(f"its binary log holds transactions of its own, up to {', '.join(own)}")
    return found
