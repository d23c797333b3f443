"""Rows as servers return them, made into facts whatever the columns are called. Pure.

Master_Host and Source_Host, Slave_IO_Running and Replica_IO_Running are the same column: MySQL 8.0.22 renamed them in
its new statement, MariaDB keeps the old names in both (measured on 10.5, 10.11 and 11.8).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from understudy.migrate import redact
from understudy.migrate.facts import Channel

Row = Mapping[str, object]

FILTERS = (
    "replicate_do_db",
    "replicate_ignore_db",
    "replicate_do_table",
    "replicate_ignore_table",
    "replicate_wild_do_table",
    "replicate_wild_ignore_table",
    "replicate_rewrite_db",
    "replicate_do_domain_ids",
    "replicate_ignore_domain_ids",
    "replicate_ignore_server_ids",
)
OF_RDS = ("mysql.rds_", "mysql.plugin", "innodb_memcache.")  # RDS has its replicas ignore these, and no data is there
STOPPED_WITH_ANOTHER = 3030  # ER_REPLICA_WORKER_STOPPED_PREVIOUS_THD_ERROR: not the worker to ask for the reason
DUMPS = ("Binlog Dump", "Binlog Dump GTID")  # the processlist's names for a connection that a replica reads from


class Child(Struct, frozen=True):
    """A replica as its source lists it; `host` is its report_host, empty where it reports none."""

    server_id: int
    host: str = ""
    port: int = 3306
    server_uuid: str = ""


class Coordinates(Struct, frozen=True):
    """A place in a server's own binary log; empty where it writes none. `gtid` is the GTID set there, where known."""

    file: str = ""
    position: int = 0
    gtid: str = ""


def plain(row: Row) -> dict[str, object]:
    """A row under names that no flavour or version changes: lower case, source and replica."""
    return {name.lower().replace("master", "source").replace("slave", "replica"): row[name] for name in row}


def text(value: object) -> str:
    """A column as text; NULL is empty."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def number(value: object) -> int:
    """A column as a whole number; NULL and what is no number are 0."""
    try:
        return int(text(value) or 0)
    except ValueError:
        return 0


def join_address(host: str, port: int) -> str:
    """ "host:port", with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def split_address(address: str, port: int = 3306) -> tuple[str, int]:
    """("host", port) of "host:port", "[v6]:port" or a bare host, which has the usual port."""
    host, colon, digits = address.rpartition(":")
    if not colon or not digits.isdigit() or (":" in host and not host.startswith("[")):
        return address.strip("[]"), port
    return host.strip("[]"), int(digits)


def channels(rows: Iterable[Row]) -> tuple[Channel, ...]:
    """SHOW REPLICA STATUS, whatever it is called; a row without a host is a channel that was reset."""
    return tuple(channel(row) for row in map(plain, rows) if text(row.get("source_host")))


def channel(row: Row) -> Channel:
    """One row of it, under plain names."""
    errors = [
        (number(row.get(f"last_{thread}_errno")), text(row.get(f"last_{thread}_error"))) for thread in ("sql", "io")
    ]
    error_number, error = next((one for one in errors if one[0]), (0, ""))
    lag = row.get("seconds_behind_source")
    return Channel(
        source=join_address(text(row.get("source_host")), number(row.get("source_port")) or 3306),
        name=text(row.get("channel_name", row.get("connection_name"))),
        receiving=text(row.get("replica_io_running")) == "Yes",
        applying=text(row.get("replica_sql_running")) == "Yes",
        lag_s=None if lag is None else float(text(lag)),
        error=redact.error_text(error),  # it quotes statements, such as a GRANT with its password
        error_number=error_number,
        delay_s=number(row.get("sql_delay")),
        filters=tuple(f"{name}={found}" for name in FILTERS if (found := _filter(row, name))),
        auto_position=text(row.get("auto_position")) == "1"
        or text(row.get("using_gtid")) in ("Slave_Pos", "Current_Pos"),
        uses_tls=text(row.get("source_ssl_allowed")) == "Yes",
        source_file=text(row.get("relay_source_log_file")),
        source_pos=number(row.get("exec_source_log_pos")),
        source_id=number(row.get("source_server_id")),
        source_uuid=text(row.get("source_uuid")),
    )


def _filter(row: Row, name: str) -> str:
    found = text(row.get(name))
    if name != "replicate_ignore_table":
        return found
    return ",".join(table for table in found.split(",") if not table.strip().startswith(OF_RDS))


def explained(channels: Iterable[Channel], workers: Iterable[Row]) -> tuple[Channel, ...]:
    """The channels with their workers' own errors: SHOW REPLICA STATUS only says that some worker failed."""
    by_guilt = sorted(workers, key=lambda row: number(row["LAST_ERROR_NUMBER"]) != STOPPED_WITH_ANOTHER)
    own = {text(row["CHANNEL_NAME"]): row for row in by_guilt}
    return tuple(
        replace(
            channel,
            error=redact.error_text(text(own[channel.name]["LAST_ERROR_MESSAGE"])),
            error_number=number(own[channel.name]["LAST_ERROR_NUMBER"]),
        )
        if channel.error and channel.name in own
        else channel
        for channel in channels
    )


def children(rows: Iterable[Row]) -> tuple[Child, ...]:
    """SHOW REPLICAS, whatever it is called."""
    return tuple(
        Child(
            server_id=number(row.get("server_id")),
            host=text(row.get("host")),
            port=number(row.get("port")) or 3306,
            server_uuid=text(row.get("replica_uuid")),
        )
        for row in map(plain, rows)
    )


def dump_hosts(rows: Iterable[Row]) -> tuple[str, ...]:
    """From where replicas are connected, out of SHOW PROCESSLIST: each host once, without the client's port."""
    return tuple(dict.fromkeys(_hosts(rows)))


def _hosts(rows: Iterable[Row]) -> Iterator[str]:
    for row in map(plain, rows):
        host = text(row.get("host"))
        if text(row.get("command")) in DUMPS and host:
            yield "127.0.0.1" if host == "localhost" else split_address(host)[0]


def coordinates(rows: Iterable[Row]) -> Coordinates:
    """SHOW BINARY LOG STATUS, whatever it is called; it has no row where the server writes no binary log."""
    for row in map(plain, rows):
        return Coordinates(text(row.get("file")), number(row.get("position")))
    return Coordinates()
