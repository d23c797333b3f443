"""The way "clone": the target replaces all it has by a physical copy of its source, made by MySQL itself.

CLONE INSTANCE FROM needs MySQL 8.0.17 or later, the same series on both sides (before 8.0.37 the very same version),
and the plugin on both (MySQL manual, "Cloning Remote Data"). We install it on the target; on the source, which is
production's, the operator does. Accounts come along. The target restarts itself where something supervises it, and else
has to be started by whoever runs it; it then remembers from where it was cloned, and the coordinates. Measured on 9.7:
without a supervisor the statement ends with error 3707 and the server goes down a second later.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from understudy.errors import UnderstudyError
from understudy.migrate.build import cloned, mark, target
from understudy.migrate.build.progress import Progress
from understudy.migrate.faults import LostError, ServerError, SilentError, StatementError, UnreachableError
from understudy.migrate.ports import Database
from understudy.migrate.rows import Coordinates, number, split_address, text
from understudy.migrate.sqltext import account, string
from understudy.migrate.versions import Version

if TYPE_CHECKING:
    from understudy.migrate.build.copying import Copying

NO_SUPERVISOR = 3707  # ER_RESTART_SERVER_FAILED
INSTALL = "INSTALL PLUGIN clone SONAME 'mysql_clone.so'"
LOOK_EVERY_S = 1.0
DAYS_S = 30 * 86_400.0


class CloneError(UnderstudyError):
    """The server can't be cloned, or cloning failed."""


def why_not(old: Version, new: Version) -> str:
    """Why these versions can't clone; empty where they can."""
    if not old.is_mysql(8, 0, 17) or not new.is_mysql(8, 0, 17):
        return f"CLONE takes MySQL 8.0.17 or later on both sides, and these are {old} and {new}"
    if old.numbers[:2] != new.numbers[:2]:
        return f"CLONE takes servers of one series, and these are {old} and {new}"
    if old != new and min(old, new).numbers < (8, 0, 37):
        return f"CLONE takes the very same version before 8.0.37, and these are {old} and {new}"
    return ""


def clone(copying: Copying, keeper: Database, progress: Progress) -> Coordinates:
    """Clone, wait until the target is back, and return the coordinates that it remembers."""
    with copying.servers.open(copying.under) as source:
        _require(source, keeper, copying)
    host, port = split_address(copying.under)
    _install(keeper)
    keeper.execute(f"SET GLOBAL clone_valid_donor_list = {string(f'{host}:{port}')}")
    progress.begins(f"cloning {copying.under} to {copying.server}")
    stopped = threading.Event()
    watcher = threading.Thread(target=_watch, args=(copying, progress, stopped), name="clone-progress", daemon=True)
    watcher.start()
    try:
        _say_clone(copying, keeper, host, port)
    finally:
        stopped.set()
        watcher.join()
    return _awaited(copying, progress)


def finished(copying: Copying, session: Database) -> Coordinates | None:
    """The coordinates that the target remembers, where it was cloned from `under` and is whole.

    None where a mark of ours stands: it was cloned before that was made, and what was cloned is dropped.
    """
    row = cloned.status(session)
    if not cloned.is_whole(row) or mark.stands(session, copying.server):
        return None
    if text(row["source"]) != ":".join(map(str, split_address(copying.under))):
        return None
    return Coordinates(text(row["file"]), number(row["position"]), "".join(text(row["gtid"]).split()))


def _require(source: Database, keeper: Database, copying: Copying) -> None:
    target.same_flavour(source.version, keeper.version, copying.server)
    if why := why_not(source.version, keeper.version):
        raise CloneError(f"{copying.server}: {why}", 'build = "dump" copies between these')
    if not cloned.has_plugin(source):
        raise CloneError(
            f"{copying.under}: it lacks the plugin that a clone is made with", f"on {copying.under}: {INSTALL}"
        )
    for name in ("innodb_page_size", "innodb_data_file_path", "lower_case_table_names"):
        one, other = (text(session.value(f"SELECT @@GLOBAL.{name}")) for session in (source, keeper))
        if one != other:
            raise CloneError(
                f"{copying.server}: its {name} is {other}, that of {copying.under} {one}", "set it the same"
            )


def _install(keeper: Database) -> None:
    if not cloned.has_plugin(keeper):
        keeper.execute(INSTALL)


def _say_clone(copying: Copying, keeper: Database, host: str, port: int) -> None:
    login = copying.logins.of(copying.under)
    try:
        with keeper.patient(DAYS_S):
            who = account(login.user, host).replace("%", "%%")
            keeper.execute(f"CLONE INSTANCE FROM {who}:{port} IDENTIFIED BY %s", login.password)
    except (LostError, SilentError):
        return  # it restarts
    except StatementError as error:
        if error.number != NO_SUPERVISOR:
            raise CloneError(f"cloning failed: {error.message}", _hint(error)) from error


def _hint(error: ServerError) -> str:
    return (
        f"the account needs BACKUP_ADMIN on the old server and CLONE_ADMIN on the new one, and the new server reaches "
        f"the old one under the address given; {error.hint}".rstrip("; ")
    )


def _watch(copying: Copying, progress: Progress, stopped: threading.Event) -> None:
    """Tell how far it is, as long as the target answers."""
    seen = 0
    try:
        with copying.servers.open(copying.server) as session:
            while not stopped.wait(LOOK_EVERY_S):
                done = number(session.value("SELECT SUM(data) FROM performance_schema.clone_progress"))
                progress.moved(max(0, done - seen))
                seen = max(seen, done)
    except ServerError:
        return


def _awaited(copying: Copying, progress: Progress) -> Coordinates:
    """Wait until the target is back and says that it was cloned."""
    progress.begins(f"waiting until {copying.server} has restarted")
    end, told = time.monotonic() + copying.settings.restart_s, False
    while time.monotonic() < end:
        try:
            with copying.servers.open(copying.server) as session:
                if (at := finished(copying, session)) is not None:
                    return at
                if text((row := cloned.status(session)).get("state")) == "Failed":
                    raise CloneError(f"{copying.server}: cloning failed: {text(row['error_message'])}")
        except (UnreachableError, LostError, SilentError):
            if not told:
                progress.says(f"{copying.server} is down to restart; if nothing restarts it by itself, start it")
                told = True
        time.sleep(LOOK_EVERY_S)
    raise CloneError(
        f"{copying.server}: it was cloned, and has not come back within {copying.settings.restart_s} s",
        "start it, and run the same command again: the clone is recognised; [migrate.build] restart_s waits longer",
    )
