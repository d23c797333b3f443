"""What a server forgets at a restart of all that build sets, and the lines of configuration that keep it. Pure.

MySQL keeps a setting itself from 8.0.11 on (SET PERSIST), and then nothing is left to the operator. Before, and on
MariaDB, a variable that is set lives as long as the process: only the server's own configuration file outlasts it, and
that is the operator's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from understudy.migrate.dialects import Dialect
from understudy.migrate.step import Kind, Step
from understudy.migrate.topology import Tree
from understudy.migrate.versions import Version
from understudy.migrate.words import Word

DAY_S = 86_400


def standing(steps: Iterable[Step]) -> list[Step]:
    """The steps whose setting shall be in force once all of these are taken: a later one replaces an earlier one."""
    last: dict[tuple[str, bool], Step] = {}
    for step in steps:
        if step.kind in (Kind.RETENTION, Kind.ATTACH, Kind.WRITABLE):
            last[step.server, step.kind is Kind.RETENTION] = step
    return list(last.values())


def configuration(steps: Iterable[Step], tree: Tree) -> Mapping[str, tuple[str, ...]]:
    """What belongs under [mysqld], by server; `tree` is as it is or shall be, for the servers' versions and modes."""
    found: dict[str, tuple[str, ...]] = {}
    for step in standing(steps):
        server = tree.servers.get(step.server)
        if server is not None and server.version is not None and forgets(server.version):
            found[step.server] = (*found.get(step.server, ()), *_lines(step, server.version))
    return {server: lines for server, lines in found.items() if lines}


def told(lines: Mapping[str, tuple[str, ...]], tree: Tree) -> list[str]:
    """The same in a sentence for each server."""
    return [
        f"{server} ({tree.servers[server].version}) forgets at a restart what was set while it ran. Put into its"
        f" configuration, under [mysqld]: {'; '.join(wanted)}"
        for server, wanted in lines.items()
    ]


def forgets(version: Version) -> bool:
    """Whether a server can't keep a setting itself."""
    return not Dialect(version).knows(Word.PERSISTED)


def _lines(step: Step, version: Version) -> tuple[str, ...]:
    match step.kind:
        case Kind.RETENTION if version.is_mariadb(10, 6, 1):
            return (f"binlog_expire_logs_seconds = {(step.days or 0) * DAY_S}",)
        case Kind.RETENTION:
            return (f"expire_logs_days = {step.days}",)
        case Kind.WRITABLE:
            return ("read_only = OFF",)
    read_only = "super_read_only = ON" if Dialect(version).knows(Word.ADMIN_WRITES) else "read_only = ON"
    return (read_only, f"gtid_mode = {step.gtid_mode}") if step.gtid_mode else (read_only,)
