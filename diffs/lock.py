"""One judge a database: two would count everything twice, as when a new Understudy takes over from an old one."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import BinaryIO


class JudgeLock:
    """Held by the one judge of a database; the kernel lets go of it when its holder dies."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._file: BinaryIO | None = None

    def acquire(self) -> bool:
        """Take the lock; False where another judge has it."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Let another judge have it."""
        if self._file is not None:
            self._file.close()
            self._file = None
