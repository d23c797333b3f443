"""What a row of the tables of known errors says. Pure."""

from __future__ import annotations

import re
from enum import StrEnum

from msgspec import Struct

from understudy.migrate.versions import Flavour, Version


class Thread(StrEnum):
    """Which of a channel's two threads failed: the one that fetches the source's log, or the one that applies it."""

    RECEIVER = "receiver"
    APPLIER = "applier"


class Remedy(StrEnum):
    """What helps. Skipping loses what the transaction would have done: only the first kind leaves the data equal."""

    SKIP = "skip"  # nothing of the data is in it
    SKIP_COSTS = "skip costs data"  # possible, and the data differ afterwards: verify
    MEND = "mend and start"
    REBUILD = "rebuild"
    WAIT = "wait"  # the thread tries again by itself


class Case(Struct, frozen=True):
    """A known error. It fits by one of the `numbers` (any, where none is named) and the pattern.

    The pattern is searched for in the error's text and the failing statement. `changed` is since when a version
    behaves so: the error is known where source and replica are on both sides of it. In `cause` and `do` are filled in
    {server}, {source}, {table}, {start}, {stop}, {done}, {skip}, {rebuild}; {replica} is how names of the server's
    variables begin, {option} how those of CHANGE … TO do. `page` is where the fact comes from.
    """

    id: str
    thread: Thread
    numbers: tuple[int, ...]
    what: str
    cause: str
    remedy: Remedy
    do: str
    page: str
    pattern: str = ""
    changed: tuple[Flavour, tuple[int, ...]] | None = None

    def fits(self, number: int, text: str) -> bool:
        """Whether this is the error that is meant."""
        if self.numbers and number not in self.numbers:
            return False
        return not self.pattern or bool(re.search(self.pattern, text, re.IGNORECASE | re.DOTALL))

    def known(self, source: Version | None, replica: Version) -> str:
        """Why it was to be expected of these two versions; empty where it was not, or is no matter of versions."""
        if self.changed is None or source is None or source.flavour is not replica.flavour:
            return ""
        flavour, since = self.changed
        if replica.flavour is not flavour or not source.numbers < since <= replica.numbers:
            return ""
        name = "MySQL" if flavour is Flavour.MYSQL else "MariaDB"
        return f"{name} {'.'.join(map(str, since))} changed this, and {source} comes before it"
