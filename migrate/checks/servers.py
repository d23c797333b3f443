"""Rules about the servers themselves: flavour, version, who they are, and what could not be seen of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from understudy.migrate.checks.case import Case
from understudy.migrate.checks.finding import Found, Rule, Severity
from understudy.migrate.limits import Rule as Limit
from understudy.migrate.limits import violations
from understudy.migrate.oddities import Odd
from understudy.migrate.topology import Role
from understudy.migrate.versions import Version

SERIES = ((5, 5), (5, 6), (5, 7), (8, 0), (8, 4), (9, 7))  # of MySQL, each with long support


def _flavours(case: Case) -> Iterator[Found]:
    if case.is_between_flavours:
        yield Found(case.old.address, f"{case.old.version} is to become {case.target}", mend=(_LOGICAL,))


_LOGICAL = (
    "Copy by dump and load, verify all data, and rehearse: nothing of one flavour is sure to replicate to the other."
)


def _downgrade(case: Case) -> Iterator[Found]:
    if not case.is_between_flavours and case.target < case.old.version:
        yield Found(case.old.address, f"{case.old.version} is newer than the target, {case.target}")


def _same(case: Case) -> Iterator[Found]:
    if not case.is_between_flavours and case.target.numbers[:2] == case.old.version.numbers[:2]:
        yield Found(case.old.address, f"{case.old.version} and {case.target} are the same series")


def _jump(case: Case) -> Iterator[Found]:
    if case.is_between_flavours or not case.target.is_mysql():
        return
    passed = series(case.target) - series(case.old.version)
    if passed > 1:
        between = [".".join(map(str, SERIES[series(case.old.version) + step])) for step in range(1, passed)]
        mend = (
            f"Either upgrade in steps ({', '.join(between)}, then {_short(case.target)}), or rehearse this jump with "
            "all of the application's writes before relying on it.",
        )
        yield Found(
            case.old.address, f"{case.old.version} to {case.target} passes over {', '.join(between)}", mend=mend
        )


def series(version: Version) -> int:
    """Which of the series it belongs to, or comes after."""
    return max((index for index, series in enumerate(SERIES) if series <= version.numbers[:2]), default=0)


def _short(version: Version) -> str:
    return ".".join(map(str, version.numbers[:2]))


def _odd(*kinds: Odd) -> Callable[[Case], Iterator[Found]]:
    """What is odd about the tree, found there already."""

    def find(case: Case) -> Iterator[Found]:
        for oddity in case.tree.oddities:
            if oddity.kind in kinds:
                yield Found(oddity.servers[0], oddity.message, mend=(_sentence(oddity.hint),) if oddity.hint else ())

    return find


def _unseen(case: Case) -> Iterator[Found]:
    yield from _odd(Odd.UNREACHABLE)(case)
    for address, why in case.failed.items():
        yield Found(address, f"it was there, and then told nothing: {why}")


def _sentence(hint: str) -> str:
    return f"{hint[0].upper()}{hint[1:]}."


def _server_id_zero(case: Case) -> Iterator[Found]:
    for side in case.sides:
        if side.variable("server_id") == "0":
            yield Found(
                side.address,
                "server_id is 0",
                "server_id",
                ("SET GLOBAL server_id = 1001;", "And in its configuration."),
            )


def _not_the_root(case: Case) -> Iterator[Found]:
    address = case.old.address
    if address in case.tree.shape and case.tree.role(address) in (Role.REPLICA, Role.INTERMEDIATE):
        yield Found(address, f"it follows {case.tree.source(address)}")


def _read_only_source(case: Case) -> Iterator[Found]:
    if case.old.is_on("read_only"):
        yield Found(case.old.address, "it refuses writes", "read_only", ("SET GLOBAL read_only = 0;",))


def _not_known(case: Case) -> Iterator[Found]:
    for server in case.tree:
        yield from (Found(server.address, f"not known: {gap}") for gap in server.missing)
    for side in case.sides:
        yield from (Found(side.address, f"not known: {gap}") for gap in side.missing)


def _limits(*kinds: Limit) -> Callable[[Case], Iterator[Found]]:
    def find(case: Case) -> Iterator[Found]:
        heads = (case.new.address,) if case.new else ()
        for violation in violations(case.tree, case.limits, heads):
            if violation.rule in kinds:
                yield Found(violation.server, violation.reason)

    return find


def _clocks(case: Case) -> Iterator[Found]:
    for side in case.sides:
        apart_ms = side.clock_offset_ms - case.old.clock_offset_ms
        if abs(apart_ms) - side.clock_error_ms - case.old.clock_error_ms > case.wishes.clock_ms:
            way = "ahead of" if apart_ms > 0 else "behind"
            yield Found(
                side.address, f"its clock is {abs(apart_ms) / 1000:.1f} s {way} {case.old.address}'s", mend=(_NTP,)
            )


_NTP = "Have chrony or ntpd keep its clock."

RULES: tuple[Rule, ...] = (
    Rule(
        "between-flavours",
        Severity.ERROR,
        "MySQL and MariaDB have been apart since MySQL 5.6 and MariaDB 10.0: GTIDs, JSON, collations, grant tables and "
        "parts of the binary log differ, and there is no way back.",
        _flavours,
    ),
    Rule("downgrade", Severity.ERROR, "No version takes data or a binary log from a newer one.", _downgrade),
    Rule(
        "same-series", Severity.NOTE, "Within a series hardly anything changes; most rules have nothing to say.", _same
    ),
    Rule(
        "unsupported-jump",
        Severity.WARNING,
        "MySQL supports replicating from one series to the next only (manual, Replication Compatibility Between MySQL "
        "Versions). 5.6 to 9.7 is known to replicate, without any promise.",
        _jump,
    ),
    Rule(
        "unreachable-server",
        Severity.WARNING,
        "What can't be seen can't be checked, and can't be fenced at the cutover.",
        _unseen,
    ),
    Rule(
        "server-id-clash",
        Severity.ERROR,
        "A replica leaves out what carries its own server_id: with two servers of one ID, writes get lost silently.",
        _odd(Odd.ID_CLASH),
    ),
    Rule(
        "server-uuid-clash",
        Severity.ERROR,
        "Two replicas of one server_uuid (5.6 and later) throw each other off their source; a copied data directory "
        "has its original's auto.cnf.",
        _odd(Odd.UUID_CLASH),
    ),
    Rule(
        "server-id-zero", Severity.ERROR, "With server_id 0 a server neither has replicas nor is one.", _server_id_zero
    ),
    Rule(
        "loop",
        Severity.ERROR,
        "Servers that follow one another have no one source, so nothing can be cut over.",
        _odd(Odd.LOOP, Odd.CO_SOURCES),
    ),
    Rule(
        "many-channels",
        Severity.ERROR,
        "A replica with several channels (MySQL 5.7.6, MariaDB 10.0) is not its source's copy; a cutover knows one.",
        _odd(Odd.MANY_CHANNELS),
    ),
    Rule(
        "source-follows",
        Severity.WARNING,
        "The old source is a replica itself: what its own source writes goes on arriving after the cutover.",
        _not_the_root,
    ),
    Rule(
        "source-read-only",
        Severity.NOTE,
        "The old source takes no writes, so the application's go elsewhere, or a cutover is under way.",
        _read_only_source,
    ),
    Rule(
        "limit-replicas",
        Severity.ERROR,
        "More replicas at one source than the limits in force allow: another can't be added there.",
        _limits(Limit.REPLICAS),
    ),
    Rule(
        "limit-levels",
        Severity.ERROR,
        "More levels of replicas than the limits in force allow, and each level adds its own lag.",
        _limits(Limit.LEVELS),
    ),
    Rule(
        "limit-retention",
        Severity.ERROR,
        "Without automated backups a managed server gets no replicas; changing it on RDS needs ApplyImmediately.",
        _limits(Limit.RETENTION),
    ),
    Rule(
        "clock-skew",
        Severity.WARNING,
        "Seconds_Behind, heartbeats and NOW() under binlog_format=STATEMENT are only as good as the clocks.",
        _clocks,
    ),
    Rule(
        "not-known",
        Severity.NOTE,
        "The account may not see it, so rules that need it have found nothing: that is no good news.",
        _not_known,
    ),
)
