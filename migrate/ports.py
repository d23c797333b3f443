"""What migrate needs of the world, as protocols: a session with a server, a way to open one, a clock, a verdict.

Checks, build, verify and the cutover are written against these; `mysql` is what stands behind them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, Self

from understudy.config import Settings
from understudy.migrate.dialects import Dialect
from understudy.migrate.sqltext import Statement
from understudy.migrate.versions import Version
from understudy.verdict import ShadowVerdict

Row = Mapping[str, Any]


class Database(Protocol):
    """One session with one server. Every statement commits by itself unless inside `transaction`.

    SQL has a %s for each argument; without arguments a % stands for itself. Arguments may be `Secret`. All that goes
    wrong is a `faults.ServerError`. A session is used by one thread at a time.
    """

    @property
    def address(self) -> str:
        """ "host:port" under which the server was reached."""
        ...

    @property
    def version(self) -> Version:
        """The server's flavour and version."""
        ...

    @property
    def dialect(self) -> Dialect:
        """What the server calls things."""
        ...

    @property
    def is_encrypted(self) -> bool:
        """Whether the session is within TLS."""
        ...

    @property
    def id(self) -> int:
        """The session's id on the server, for KILL."""
        ...

    @property
    def asked(self) -> int:
        """How many statements the session was sent."""
        ...

    def rows(self, sql: str, *arguments: object) -> list[dict[str, Any]]:
        """All rows of the answer, by column name."""
        ...

    def row(self, sql: str, *arguments: object) -> dict[str, Any] | None:
        """The first row; None where there is none."""
        ...

    def value(self, sql: str, *arguments: object) -> Any:
        """The first column of the first row; None where there is none."""
        ...

    def execute(self, sql: str | Statement, *arguments: object) -> int:
        """Run it: how many rows were affected."""
        ...

    def stream(self, sql: str, *arguments: object, batch: int = 1000) -> Iterator[Sequence[tuple[Any, ...]]]:
        """The rows as tuples, `batch` at a time, never all in memory; the session does nothing else meanwhile."""
        ...

    def unlogged(self) -> AbstractContextManager[Self]:
        """What is written inside is not written to the binary log: for bookkeeping that must not replicate."""
        ...

    def transaction(self, *, snapshot: bool = False, read_only: bool = False) -> AbstractContextManager[Self]:
        """Commit at the end, roll back where it fails; `snapshot` sees one moment of all InnoDB tables."""
        ...

    def patient(self, seconds: float) -> AbstractContextManager[Self]:
        """Statements inside may keep silent for so long; for waits and for what scans a large table."""
        ...

    def close(self) -> None:
        """End the session; a second time does nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Servers(Protocol):
    """Opens sessions."""

    def open(self, address: str, database: str = "") -> Database:
        """A session with the server at "host:port". Raises `faults.ServerError`."""
        ...


class Clock(Protocol):
    """Time."""

    def now_s(self) -> float:
        """Seconds since 1970, for what is written down."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never go back, for deadlines."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        ...


class Shadows(Protocol):
    """What the shadow traffic has told; handed in by the command line."""

    def verdicts(self, settings: Settings) -> Sequence[ShadowVerdict]:
        """The verdict on each shadow. Raises UnderstudyError where nothing was judged, or can't be read."""
        ...
