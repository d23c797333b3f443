"""Folders of ours on a local disk, for what a program writes: nobody else's to read, and none that outlives its use.

A folder is held by a lock on a file within it, which the kernel lets go whenever its holder ends, however it ends. So
one whose lock can be had is a killed copy's, and is removed by the next that begins.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from understudy.migrate.build.defaults import ProgramError
from understudy.migrate.describe import sized

PREFIX = "understudy-copy-"
LOCK = "held"


def place(setting: str) -> Path:
    """Where folders are made. Raises ProgramError where that is no folder of which we may use anything."""
    found = Path(setting or tempfile.gettempdir())
    if not found.is_dir() or not os.access(found, os.W_OK | os.X_OK):
        raise ProgramError(
            f"{found}: there is no such folder, or nothing can be written to it", "set [migrate.build] scratch"
        )
    return found.resolve()


def require_room(where: Path, need_bytes: int) -> None:
    """Raise RoomError where so much does not fit."""
    from understudy.migrate.build.copying import RoomError  # which stands above us

    free_bytes = shutil.disk_usage(where).free
    if free_bytes < need_bytes:
        raise RoomError(
            f"{where}: about {sized(need_bytes)} are needed for the dump; {sized(free_bytes)} free",
            "set [migrate.build] scratch to a folder on a larger disk; or leave dump_program out, which needs no disk",
        )


@contextmanager
def folder(where: Path) -> Iterator[Path]:
    """A new folder, removed at the block's end."""
    with held(where) as (made, _):
        yield made


@contextmanager
def held(where: Path, prefix: str = PREFIX) -> Iterator[tuple[Path, int]]:
    """The same, and the descriptor that holds it: it is held on by a child that inherits it, should we be killed."""
    made = Path(tempfile.mkdtemp(prefix=prefix, dir=where))  # mode 0700
    try:
        with (made / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield made, lock.fileno()
    finally:
        shutil.rmtree(made, ignore_errors=True)


def sweep(where: Path, before: Callable[[Path], None] = lambda _: None, prefix: str = PREFIX) -> list[Path]:
    """Remove the folders of ours that nobody holds any more: which. `before` sees each before it goes."""
    swept = []
    for found in _of_ours(where, prefix):
        with suppress(OSError), _taken(found):
            before(found)
            shutil.rmtree(found)
            swept.append(found)
    return swept


def forget(where: Path, name: str) -> None:
    """Remove the files of this name from the folders of ours that nobody holds any more."""
    for found in _of_ours(where, PREFIX):
        with suppress(OSError), _taken(found):
            (found / name).unlink()


def in_use(where: Path, prefix: str = PREFIX) -> Iterator[Path]:
    """The folders of ours that somebody holds."""
    for found in _of_ours(where, prefix):
        try:
            with _taken(found):
                pass
        except BlockingIOError:
            yield found
        except OSError:
            continue


def _of_ours(where: Path, prefix: str) -> Iterator[Path]:
    for found in sorted(where.glob(f"{prefix}*")):
        with suppress(OSError):
            if not found.is_symlink() and found.stat().st_uid == os.geteuid():
                yield found


@contextmanager
def _taken(found: Path) -> Iterator[None]:
    """Hold it ourselves. Raises BlockingIOError where somebody does, OSError where it is only just being made."""
    with (found / LOCK).open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
