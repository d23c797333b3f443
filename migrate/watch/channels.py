"""How one replication channel stands, as the replica says it: threads, errors, places in logs. Pure.

Places are told three times, and mean different things. `read` is how far the receiver has got in the source's log.
`done` is up to where everything is applied: behind it, an applier with several workers may have applied more, and after
an error it is far behind what failed until the applier is started once more (measured on MySQL 9.7: 11 kB). `relay` is
the same place in the replica's own relay log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from understudy.migrate import redact
from understudy.migrate.rows import STOPPED_WITH_ANOTHER, Coordinates, Row, join_address, number, plain, text

_WORKER = re.compile(
    r"failed executing transaction '(?P<gtid>[^']*)' at source log (?P<file>[^,\s]*), end_log_pos (?P<end>\d+)"
    r"|failed executing transaction '(?P<gtid57>[^']*)' at master log (?P<file57>[^,\s]*), end_log_pos (?P<end57>\d+)"
)
_EVENT = re.compile(
    r"the event's (?:source|master) log (?P<file>[^,\s]*), end_log_pos (?P<end>\d+)(?:, Gtid (?P<gtid>[\d-]+))?"
)
_NO_GTID = ("ANONYMOUS", "NOT_YET_DETERMINED", "")


class ThreadError(Struct, frozen=True):
    """Why a thread has stopped, or keeps trying; `number` 0 is no error. Secrets are cut out of the text."""

    number: int = 0
    text: str = ""


class Failed(Struct, frozen=True):
    """The transaction that an applier's error speaks of; what it does not say is empty or 0."""

    gtid: str = ""
    file: str = ""
    end_pos: int = 0


class Channel(Struct, frozen=True):
    """A row of SHOW REPLICA STATUS. `receiver` is "Yes", "No" or "Connecting"."""

    source: str
    name: str = ""
    receiver: str = "No"
    applying: bool = False
    receiver_error: ThreadError = ThreadError()
    applier_error: ThreadError = ThreadError()
    failed: Failed = Failed()
    read: Coordinates = Coordinates()
    done: Coordinates = Coordinates()
    relay: Coordinates = Coordinates()
    relay_bytes: int = 0
    lag_s: float | None = None
    delay_s: int = 0
    executed: str = ""
    received: str = ""
    by_gtid: bool = False
    receiver_state: str = ""
    applier_state: str = ""

    @property
    def is_idle(self) -> bool:
        """Whether all that was received is applied; the place alone may be of the relay log's own events [M, 9.7]."""
        return self.read == self.done or ("has read all relay log" in self.applier_state and self.lag_s == 0)


def order(place: Coordinates) -> tuple[int, str, int]:
    """A place's order in a log; binlog.999999 is followed by binlog.1000000."""
    return len(place.file), place.file, place.position


def channels(rows: Iterable[Row], workers: Iterable[Row] = ()) -> tuple[Channel, ...]:
    """SHOW REPLICA STATUS, whatever it is called, with the workers' own errors where the server tells them."""
    own = {text(row["CHANNEL_NAME"]): row for row in sorted(workers, key=_guilt)}
    said = (plain(row) for row in rows)
    return tuple(_channel(row, own) for row in said if text(row.get("source_host")))


def _guilt(worker: Row) -> tuple[bool, int]:
    """The guilty worker comes last: not one that stopped since another did, and of several the first in the log."""
    error, message = number(worker["LAST_ERROR_NUMBER"]), text(worker["LAST_ERROR_MESSAGE"])
    return error != STOPPED_WITH_ANOTHER, -failed_of(message).end_pos


def _channel(row: Mapping[str, object], workers: Mapping[str, Row]) -> Channel:
    name = text(row.get("channel_name", row.get("connection_name")))
    applier = number(row.get("last_sql_errno")), text(row.get("last_sql_error"))
    failed = failed_of(applier[1])
    if applier[0] and name in workers:
        worker = workers[name]
        applier = number(worker["LAST_ERROR_NUMBER"]) or applier[0], text(worker["LAST_ERROR_MESSAGE"]) or applier[1]
        failed = _merged(failed_of(applier[1]), failed)
    lag = row.get("seconds_behind_source")
    return Channel(
        source=join_address(text(row.get("source_host")), number(row.get("source_port")) or 3306),
        name=name,
        receiver=text(row.get("replica_io_running")) or "No",
        applying=text(row.get("replica_sql_running")) == "Yes",
        receiver_error=ThreadError(number(row.get("last_io_errno")), redact.error_text(text(row.get("last_io_error")))),
        applier_error=ThreadError(applier[0], redact.error_text(applier[1])),
        failed=failed,
        read=Coordinates(text(row.get("source_log_file")), number(row.get("read_source_log_pos"))),
        done=Coordinates(text(row.get("relay_source_log_file")), number(row.get("exec_source_log_pos"))),
        relay=Coordinates(text(row.get("relay_log_file")), number(row.get("relay_log_pos"))),
        relay_bytes=number(row.get("relay_log_space")),
        lag_s=None if lag is None else float(text(lag)),
        delay_s=number(row.get("sql_delay")),
        executed=text(row.get("executed_gtid_set", row.get("gtid_replica_pos"))).replace("\n", ""),
        received=text(row.get("retrieved_gtid_set", row.get("gtid_io_pos"))).replace("\n", ""),
        by_gtid=text(row.get("auto_position")) == "1" or text(row.get("using_gtid")) in ("Slave_Pos", "Current_Pos"),
        receiver_state=text(row.get("replica_io_state")),
        applier_state=text(row.get("replica_sql_running_state")),
    )


def failed_of(error: str) -> Failed:
    """The transaction that an error's text names."""
    found = Failed()
    if match := _EVENT.search(error):
        found = Failed(match["gtid"] or "", match["file"], int(match["end"]))
    if match := _WORKER.search(error):
        gtid = match["gtid"] or match["gtid57"] or ""
        file, end = match["file"] or match["file57"] or "", int(match["end"] or match["end57"])
        found = Failed("" if gtid in _NO_GTID else gtid, file or found.file, end)
    return found


def _merged(first: Failed, second: Failed) -> Failed:
    return msgspec.structs.replace(
        first, gtid=first.gtid or second.gtid, file=first.file or second.file, end_pos=first.end_pos or second.end_pos
    )
