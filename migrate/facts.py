"""What was seen of servers, without judgement: the input of the tree, limits, checks and plan. Pure data."""

from __future__ import annotations

from msgspec import Struct

from understudy.migrate.versions import Version


class Channel(Struct, frozen=True):
    """One replication channel of a replica: whom it follows, and how it stands.

    `lag_s` is None where the server says NULL, which is not zero. `executed` and `received` are GTID sets or empty;
    `source_file` and `source_pos` are how far its applier is in the source's binary log.
    """

    source: str  # "host:port" as the replica itself calls it
    name: str = ""
    receiving: bool = False
    applying: bool = False
    lag_s: float | None = None
    error: str = ""
    error_number: int = 0
    delay_s: int = 0
    filters: tuple[str, ...] = ()
    auto_position: bool = False
    uses_tls: bool = False
    source_file: str = ""
    source_pos: int = 0
    source_id: int = 0
    source_uuid: str = ""


class Server(Struct, frozen=True):
    """One server, as discovery saw it. What the flavour does not have is empty, False or None.

    `address` is "host:port" as we reached it, and the server's name everywhere; `known_as` are the other addresses
    under which servers speak of it. `unreachable` says why nothing else is known, `hint` what to do about it.
    """

    address: str
    version: Version | None = None
    server_id: int = 0
    server_uuid: str = ""
    known_as: tuple[str, ...] = ()
    unreachable: str = ""
    read_only: bool = False
    super_read_only: bool = False
    log_bin: bool = False
    log_replica_updates: bool = False
    binlog_format: str = ""
    gtid_mode: str = ""
    gtid_executed: str = ""
    binlog_file: str = ""
    binlog_pos: int = 0
    channels: tuple[Channel, ...] = ()
    reported_replicas: tuple[str, ...] = ()  # addresses that SHOW REPLICAS and the processlist name
    backup_retention_days: int | None = None  # RDS, or where an operator has said so
    uptime_s: int = 0
    missing: tuple[str, ...] = ()  # what the server would not tell, and why
    hint: str = ""
