"""Rules about servers' settings: what replication needs, and what the new source has otherwise than the old. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from understudy.migrate.checks.case import Case, Side
from understudy.migrate.checks.finding import Found, Rule, Severity
from understudy.migrate.gtidmode import ONLINE
from understudy.migrate.sqlmodes import GONE_MODES
from understudy.migrate.sqltext import string


def _feeders(case: Case) -> Iterator[Side]:
    """The servers whose own log somebody follows, or shall: both sources, and all that have replicas."""
    for side in case.sides:
        if side in (case.old, case.new) or (side.address in case.tree.shape and case.tree.shape.children(side.address)):
            yield side


def _log_bin(case: Case) -> Iterator[Found]:
    for side in _feeders(case):
        if not side.is_on("log_bin"):
            yield Found(
                side.address, "it writes no binary log", "log_bin", ("Set log_bin in its configuration; restart.",)
            )


def _log_updates(case: Case) -> Iterator[Found]:
    for side in _feeders(case):
        is_replica = side.address in case.tree.shape and case.tree.source(side.address)
        if is_replica and side.is_on("log_bin") and not side.is_on("log_replica_updates", "log_slave_updates"):
            name = "log_replica_updates" if "log_replica_updates" in side.variables else "log_slave_updates"
            mend = (f"Set {name} in its configuration; restart.",)
            yield Found(side.address, "what it applies is not in its own binary log", name, mend)


def _format(case: Case) -> Iterator[Found]:
    for side in _feeders(case):
        value = side.variable("binlog_format")
        if value and value != "ROW":
            mend = ("SET GLOBAL binlog_format = 'ROW';", "Sessions that are open keep the old one: reconnect them.")
            yield Found(side.address, f"binlog_format is {value}", "binlog_format", mend)


def _row_image(case: Case) -> Iterator[Found]:
    for side in _feeders(case):
        value = side.variable("binlog_row_image")
        if value and not value.upper().startswith("FULL"):
            mend = ("SET GLOBAL binlog_row_image = 'FULL';",)
            yield Found(side.address, f"binlog_row_image is {value}", "binlog_row_image", mend)


def _differs(name: str, *, can_set: bool = True) -> Callable[[Case], Iterator[Found]]:
    """The new source has another value than the old."""

    def find(case: Case) -> Iterator[Found]:
        if case.new is None:
            return
        old, new = case.old.variable(name), case.new.variable(name)
        if old.lower() != new.lower():
            mend = (
                f"SET GLOBAL {name} = {string(old)};" if can_set else f"Initialise the new server with {name} = {old}."
            )
            yield Found(
                case.new.address, f"{name} is {string(new)}, on {case.old.address} {string(old)}", name, (mend,)
            )

    return find


def _sql_mode(case: Case) -> Iterator[Found]:
    if case.new is None:
        return
    gone = GONE_MODES if case.target.is_mysql(8) else frozenset()
    old, new = ({*side.variable("sql_mode").upper().split(",")} - {""} - gone for side in (case.old, case.new))
    parts = [
        f"{word} {', '.join(sorted(modes))}" for word, modes in (("has", new - old), ("lacks", old - new)) if modes
    ]
    if parts:
        found = f"sql_mode {' and '.join(parts)}, against {case.old.address}"
        yield Found(case.new.address, found, "sql_mode", (f"SET GLOBAL sql_mode = {string(','.join(sorted(old)))};",))


def _zone(side: Side) -> str:
    zone = side.variable("time_zone")
    return side.variable("system_time_zone") if zone.upper() == "SYSTEM" else zone


def _time_zone(case: Case) -> Iterator[Found]:
    if case.new and _zone(case.old) != _zone(case.new):
        found = f"its time zone is {_zone(case.new)}, on {case.old.address} {_zone(case.old)}"
        yield Found(
            case.new.address, found, "time_zone", (f"SET GLOBAL time_zone = {string(case.old.variable('time_zone'))};",)
        )


def _packet(case: Case) -> Iterator[Found]:
    if case.new is None:
        return
    old, new = case.old.number("max_allowed_packet"), case.new.number("max_allowed_packet")
    if old and new and new < old:
        mend = (f"SET GLOBAL max_allowed_packet = {old:.0f};",)
        found = f"max_allowed_packet is {new:.0f} bytes, on {case.old.address} {old:.0f}"
        yield Found(case.new.address, found, "max_allowed_packet", mend)


def _without_tls(case: Case) -> Iterator[Found]:
    """Of the servers that the new ones may follow; one that does follow already has got over it."""
    asks = case.target.is_mysql(9, 7) or case.target.is_mariadb(11, 4)
    if not asks or (case.new and case.tree.servers[case.new.address].channels):
        return
    for side in case.sides:
        is_old = side is case.old or (case.new is None or side.address not in case.beneath_new)
        if is_old and side is not case.new and "have_ssl" in side.variables and not side.is_on("have_ssl"):
            yield Found(side.address, "it offers no TLS", "have_ssl", (_plain_source(case),))


def _plain_source(case: Case) -> str:
    if case.target.is_mariadb():
        return "CHANGE MASTER TO MASTER_SSL = 0, MASTER_SSL_VERIFY_SERVER_CERT = 0;"
    return "CHANGE REPLICATION SOURCE TO SOURCE_SSL = 0;"


def _gtid_modes(case: Case) -> Iterator[Found]:
    if case.new is None or not (case.old.version.is_mysql() and case.new.version.is_mysql()):
        return
    old, new = (side.variable("gtid_mode").upper() or "OFF" for side in (case.old, case.new))
    if old == "OFF" and new == "ON":
        mend = (
            "SET GLOBAL gtid_mode = ON_PERMISSIVE;",
            "OFF, OFF_PERMISSIVE and ON_PERMISSIVE all follow it; turn it ON after the cutover.",
        )
        yield Found(
            case.new.address,
            f"gtid_mode is ON, and {case.old.address} writes anonymous transactions",
            "gtid_mode",
            mend,
        )
    if old == "ON" and new == "OFF":
        steps = ("enforce_gtid_consistency = ON", "gtid_mode = OFF_PERMISSIVE", "gtid_mode = ON_PERMISSIVE")
        found = f"gtid_mode is OFF, and {case.old.address} writes GTIDs"
        yield Found(case.new.address, found, "gtid_mode", tuple(f"SET GLOBAL {step};" for step in steps))


def _gtid_at_cutover(case: Case) -> Iterator[Found]:
    """Only where it is wanted, and the old source has none; MariaDB always has."""
    if not case.wishes.gtid_at_cutover or not case.target.is_mysql() or case.old.variable("gtid_mode") == "ON":
        return
    if not case.target.is_mysql(*ONLINE):
        mend = ("Set gtid_at_cutover = false under [migrate.target], or build servers of MySQL 5.7.6 or later.",)
        found = f"{case.target} turns GTID on only with all new servers stopped at one point"
        yield Found(case.new.address if case.new else case.old.address, found, "gtid_at_cutover", mend)
        return
    for side in case.sides:
        consistency = side.variable("enforce_gtid_consistency").upper()
        if side.address in case.beneath_new and consistency in ("OFF", "WARN", "0"):
            change = "SET GLOBAL enforce_gtid_consistency = {};"
            steps = (change.format("WARN"), "Read its error log for a while; then:", change.format("ON"))
            found = f"enforce_gtid_consistency is {consistency}: what GTIDs don't allow is refused from the cutover on"
            yield Found(side.address, found, "enforce_gtid_consistency", steps, Severity.WARNING)


RULES: tuple[Rule, ...] = (
    Rule("log-bin-off", Severity.ERROR, "Nothing can follow a server that writes no binary log.", _log_bin),
    Rule(
        "log-updates-off",
        Severity.ERROR,
        "A replica passes on only what is in its own log; off is the default before MySQL 8.0 and on MariaDB.",
        _log_updates,
    ),
    Rule(
        "binlog-format-not-row",
        Severity.WARNING,
        "A statement is run again by another version's rules, optimiser and collations, and may do something else.",
        _format,
    ),
    Rule(
        "binlog-row-image-partial",
        Severity.WARNING,
        "Rows are found by what of them is in the log; with less than all, what differs is not noticed.",
        _row_image,
    ),
    Rule(
        "sql-mode-differs", Severity.WARNING, "The application's statements are taken otherwise, or refused.", _sql_mode
    ),
    Rule(
        "time-zone-differs",
        Severity.ERROR,
        "TIMESTAMP columns are shown, and NOW() is taken, in the server's time zone wherever a session sets none.",
        _time_zone,
    ),
    Rule(
        "charset-differs",
        Severity.WARNING,
        "New databases, and clients that don't say what they speak, get the server's; utf8mb4 from MySQL 8.0 on.",
        _differs("character_set_server"),
    ),
    Rule(
        "collation-differs",
        Severity.WARNING,
        "New tables sort and compare otherwise, and joins with old ones fail or lose their index.",
        _differs("collation_server"),
    ),
    Rule(
        "lower-case-table-names-differs",
        Severity.ERROR,
        "Names of tables are found by other rules; from MySQL 8.0 on it can be set only when a server is initialised.",
        _differs("lower_case_table_names", can_set=False),
    ),
    Rule(
        "max-allowed-packet-smaller",
        Severity.ERROR,
        "What the old source takes the new one refuses, from the application and after the cutover.",
        _packet,
    ),
    Rule(
        "source-without-tls",
        Severity.WARNING,
        "MySQL 9.7 and MariaDB 11.8 ask their source for TLS unless they are told not to, and don't connect without.",
        _without_tls,
    ),
    Rule(
        "gtid-mode-stops-replication",
        Severity.ERROR,
        "With gtid_mode=ON a replica applies no anonymous transaction, with OFF none that has a GTID.",
        _gtid_modes,
    ),
    Rule(
        "gtid-at-cutover",
        Severity.ERROR,
        "gtid_at_cutover is set: gtid_mode changes online from MySQL 5.7.6 on, and is ON only with "
        "enforce_gtid_consistency. ASSIGN_GTIDS_TO_ANONYMOUS_TRANSACTIONS (8.0.23) is no way: a server that uses it "
        "can't take over.",
        _gtid_at_cutover,
    ),
)
