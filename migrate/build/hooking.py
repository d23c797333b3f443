"""The way "hook": the operator's own command copies a snapshot, such as a restored backup or a volume's.

It is told in its environment what to copy where, never a password. It says from where the target is to follow as one
line of JSON, the last on its standard output or in the file that UNDERSTUDY_COORDINATES names:

    {"file": "binlog.000042", "position": 1234, "gtid": ""}

The coordinates are believed only if the source has such a binary log, as long as that.

A build that is killed can't end its hook. So the hook, and what it starts, inherits what holds a folder of ours: while
that is held, nobody else copies to the target, or drops what the hook has copied there.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from understudy.errors import UnderstudyError
from understudy.migrate.build import mark, scratch
from understudy.migrate.build.defaults import ProgramError
from understudy.migrate.build.progress import Progress
from understudy.migrate.faults import LostError, SilentError, UnreachableError
from understudy.migrate.ports import Database
from understudy.migrate.rows import Coordinates, number, split_address, text
from understudy.migrate.words import Word

if TYPE_CHECKING:
    from understudy.migrate.build.copying import Copying

PREFIX, TARGET, PID = "understudy-hook-", "target", "pid"
_TELLING = 'echo $$ > "$1" && exec /bin/sh -c "$2"'  # it says its number itself, before we could be killed
FORMAT = 'it must say {"file": "binlog.000042", "position": 1234}, as the last line on standard output'


class HookError(UnderstudyError):
    """The operator's command failed, or did not say from where to follow."""


def hook(copying: Copying, keeper: Database, progress: Progress) -> Coordinates:
    """Run the command, and return the coordinates that it says."""
    begun = mark.read(keeper, copying.server)
    assert begun is not None
    mark.write(keeper, replace(begun, schemas=None))  # whatever it leaves when it is interrupted is the hook's
    command = copying.way.partition(":")[2].strip()
    progress.begins(f"running the hook for {copying.server}")
    scratch.sweep(_place(), prefix=PREFIX)
    with scratch.held(_place(), PREFIX) as (folder, holding):
        said = folder / "coordinates"
        (folder / TARGET).write_text(copying.server)
        out = _run(command, _environment(copying, said), copying.settings.hook_s, progress, folder, holding)
        at = read(said.read_text(encoding="utf-8") if said.exists() else out)
    _require_plausible(copying, at)
    _require_back(copying)
    return at


def read(out: str) -> Coordinates:
    """The coordinates out of what the command has printed. Raises HookError."""
    lines = [line for line in out.splitlines() if line.strip()]
    try:
        at = msgspec.json.decode(lines[-1], type=Coordinates)
    except (IndexError, msgspec.DecodeError) as error:
        raise HookError("the hook did not say from where the copy is to follow", FORMAT) from error
    if not (at.file and at.position >= 4) and not at.gtid:
        raise HookError(f"the hook said coordinates that can't be: {lines[-1][:200]}", FORMAT)
    return at


def require_ended(server: str) -> None:
    """Raise HookError while a hook runs that copies to this server: a build that was killed has left it."""
    for folder in _in_use():
        if _text(folder / TARGET) == server:
            pid = _text(folder / PID) or "?"
            raise HookError(
                f"{server}: a hook that copies to it runs still, as process {pid}, or something that it started",
                f"wait until it has ended, or end it: kill -- -{pid}; who is left tells: fuser {folder / scratch.LOCK}",
            )


def _in_use() -> Iterator[Path]:
    with suppress(ProgramError, OSError):  # where no folder can be made, no hook was begun
        yield from scratch.in_use(_place(), PREFIX)


def _place() -> Path:
    return scratch.place("")  # whatever the settings are now, they may have been others then


def _text(file: Path) -> str:
    with suppress(OSError):
        return file.read_text().strip()
    return ""


def _environment(copying: Copying, said: Path) -> dict[str, str]:
    named = {"SOURCE": copying.under, "TARGET": copying.server}
    own = {f"UNDERSTUDY_{name}": address for name, address in named.items()}
    for name, address in named.items():
        host, port = split_address(address)
        own |= {f"UNDERSTUDY_{name}_HOST": host, f"UNDERSTUDY_{name}_PORT": str(port)}
    return {**os.environ, **own, "UNDERSTUDY_COORDINATES": str(said)}


def _run(
    command: str, environment: dict[str, str], limit_s: int, progress: Progress, folder: Path, holding: int
) -> str:
    """Its standard output; its standard error is told as it comes. With the time it ends, and all that it started."""
    telling = ["/bin/sh", "-c", _TELLING, "sh", str(folder / PID), command]
    running = subprocess.Popen(
        telling, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment, text=True, errors="replace", start_new_session=True, pass_fds=[holding],
    )  # fmt: skip
    out: list[str] = []
    last: list[str] = []
    assert running.stdout is not None
    assert running.stderr is not None
    readers = [
        threading.Thread(target=_collect, args=(running.stdout, out), name="hook-out", daemon=True),
        threading.Thread(target=_tell, args=(running.stderr, last, progress), name="hook-err", daemon=True),
    ]
    for reader in readers:
        reader.start()
    try:
        code = running.wait(limit_s)
    except subprocess.TimeoutExpired:
        raise HookError(f"the hook has not ended within {limit_s} s", "[migrate.build] hook_s allows more") from None
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
        for reader in readers:
            reader.join(5)
        running.stdout.close()
        running.stderr.close()
    if code:
        raise HookError(f"the hook ended with {code}: {(last or ['it said nothing'])[-1]}", "see what it said above")
    return "".join(out)


def _collect(pipe: IO[str], into: list[str]) -> None:
    for line in pipe:
        into.append(line)
        del into[:-100]


def _tell(pipe: IO[str], last: list[str], progress: Progress) -> None:
    for line in pipe:
        last[:] = [line.strip()]
        progress.says(f"hook: {line.rstrip()}")


def _require_plausible(copying: Copying, at: Coordinates) -> None:
    if not at.file:
        return
    with copying.servers.open(copying.under) as source:
        logs = source.rows(source.dialect.sql(Word.BINARY_LOGS))
    length = next((number(row["File_size"]) for row in logs if text(row["Log_name"]) == at.file), None)
    if length is None or at.position > length:
        names = f"{text(logs[0]['Log_name'])} to {text(logs[-1]['Log_name'])}" if logs else "none"
        raise HookError(
            f"the hook said {at.file}:{at.position}, which {copying.under} does not have: its binary logs are {names}",
            "the coordinates must be those of the server that is to be followed, in its own binary log",
        )


def _require_back(copying: Copying) -> None:
    """The hook may have restarted the target, or have it restart."""
    end = time.monotonic() + copying.settings.restart_s
    while True:
        try:
            with copying.servers.open(copying.server):
                return
        except (UnreachableError, LostError, SilentError):
            if time.monotonic() > end:
                raise
            time.sleep(1.0)
