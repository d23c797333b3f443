"""The version's own upgrade of its system tables, where files of an older one were copied. Pure but for `upgrade`.

A dump goes into tables that the new server made itself, and needs none. MySQL upgrades its tables by itself at start
from 8.0.16 on; before, and on MariaDB always, the operator's packages bring a program that does it (MySQL manual,
"What the MySQL Upgrade Process Upgrades"; MariaDB knowledge base, "mariadb-upgrade").
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from understudy.errors import UnderstudyError
from understudy.migrate.build.defaults import Client, flavour_of, given_by_pipe
from understudy.migrate.build.progress import Progress
from understudy.migrate.rows import text
from understudy.migrate.sqltext import hide
from understudy.migrate.versions import Version

if TYPE_CHECKING:
    from understudy.migrate.build.copying import Copying

LIMIT_S = 24 * 3600


class UpgradeError(UnderstudyError):
    """The system tables could not be upgraded."""


class Upgrade(Struct, frozen=True):
    """What has to be done: the program's names, the newest first; none where nothing has to be. `why` is for people."""

    programs: tuple[str, ...]
    why: str


def needed(way: str, old: Version, new: Version) -> Upgrade:
    """What data of the old version, copied in this way ("dump", "hook" …), needs on a server of the new one."""
    if way == "dump":
        return Upgrade((), "definitions and rows were loaded into tables that the new server made itself")
    if old == new:
        return Upgrade((), "both servers are of the same version")
    if new.is_mysql(8, 0, 16):
        return Upgrade((), f"{new} upgrades its tables itself when it starts")
    if new.is_mysql():
        return Upgrade(("mysql_upgrade",), f"{new} has copied files of {old}")
    return Upgrade(("mariadb-upgrade", "mysql_upgrade"), f"{new} has copied files of {old}")


def upgrade(copying: Copying, progress: Progress) -> None:
    """Upgrade the target's system tables where that is needed. Raises UpgradeError, with the command to run by hand."""
    with copying.servers.open(copying.under) as source, copying.servers.open(copying.server) as session:
        wanted = needed(copying.kind, source.version, session.version)
        encrypted = session.is_encrypted
        version = text(session.value("SELECT @@version"))
    if not wanted.programs:
        progress.says(f"{copying.server} needs no upgrade: {wanted.why}")
        return
    found = next(filter(None, map(shutil.which, wanted.programs)), "")
    command = shlex.split(copying.settings.upgrade_program or found)
    by_hand = (
        f"run on {copying.server}: {wanted.programs[0]} --skip-write-binlog; or set [migrate.build] upgrade_program"
    )
    if not command:
        raise UpgradeError(f"{copying.server}: {wanted.why}, and {wanted.programs[0]} is not installed here", by_hand)
    progress.begins(f"{command[-1]} on {copying.server} ({version})")
    login = copying.logins.of(copying.server)
    client = Client(copying.server, login, flavour_of(command), encrypted)
    carry_out(command, client, by_hand)


def carry_out(command: Sequence[str], client: Client, by_hand: str, limit_s: float = LIMIT_S) -> None:
    """Run the program. Raises UpgradeError where it fails, or has not ended within `limit_s`: then it is killed."""
    name = " ".join(command)
    try:
        with given_by_pipe(client) as (option, pipe):
            done = subprocess.run(
                [*command, option, "--skip-write-binlog"], stdin=pipe, capture_output=True, text=True, timeout=limit_s,
                check=False,
            )  # fmt: skip
    except subprocess.TimeoutExpired:
        why = f"{client.address}: {name} has not ended within {limit_s:g} s"
        raise UpgradeError(why, f"look there what it waits for; then {by_hand}") from None
    if done.returncode:
        said = hide((done.stderr or done.stdout).strip(), [client.login.password])
        raise UpgradeError(f"{client.address}: {name} failed: {said[-500:]}", by_hand)
