"""`understudy migrate verify` against two servers of a tree, and what spoils the copies behind replication's back."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from integration.operating import Operator
from integration.trees import Running
from support import wait_until
from understudy.configfile import load
from understudy.migrate.dialects import Dialect
from understudy.migrate.mysql import Session
from understudy.migrate.sqltext import identifier
from understudy.migrate.verify.finding import Finding, Kind
from understudy.migrate.verify.options import Outcome, TableOutcome
from understudy.migrate.verify.running import Asked, outcomes
from understudy.migrate.words import Word

PACE_S = 0.01
_numbers = itertools.count()


class Planted(NamedTuple):
    """A difference that is made on the new side by statements (";; " between them), and how it's told."""

    made: str
    kind: Kind
    name: str
    says: str
    note: bool = False

    @property
    def statements(self) -> list[str]:
        return self.made.split(";; ")


class Stage:
    """Two servers of which the new one follows the old one, and a fresh state directory for each run."""

    def __init__(self, old: Running, new: Running, folder: Path, *between: Running) -> None:
        self.old, self.new, self.folder, self.between = old, new, folder, between

    def operator(self, **verify: object) -> Operator:
        """With these settings under [migrate.verify]; a state directory of its own."""
        folder = self.folder / str(next(_numbers))
        folder.mkdir()
        lines = "\n".join(f"{name} = {str(value).lower()}" for name, value in verify.items())
        more = f'[migrate.target]\nnew_source = "{self.new.address}"\n[migrate.verify]\n{lines}'
        operator = Operator(folder, self.old.address, more)
        operator.file.write_text(f'state_dir = "state"\n{operator.file.read_text()}')
        return operator

    def verify(self, only: str, **verify: object) -> Outcome:
        """Compare the rows of the tables that fit the pattern, within this process."""
        return compared(self.operator(**verify), only)

    def settle(self) -> None:
        """Wait until the new side has applied all."""
        above = self.old
        for server in (*self.between, self.new):
            at = above.coordinates()
            with server.sql() as session:
                applied = session.value(session.dialect.sql(Word.WAIT_POSITION), at.file, at.position, 50)
            assert applied is not None, server.channels()
            assert int(applied) >= 0, server.channels()
            above = server

    def write(self, *statements: str) -> None:
        """On the old side; the new one has it in the end."""
        with self.old.sql() as session:
            for statement in statements:
                session.execute(statement)
        self.settle()

    def spoil(self, side: str, *statements: str) -> int:
        """Write to one side alone: how many rows that changed."""
        server = self.old if side == "old" else self.new
        with server.sql() as session, behind(session):
            return sum(session.execute(statement) for statement in statements)


@contextmanager
def behind(session: Session) -> Iterator[None]:
    """Writes that no replica gets, on a server that may be read-only."""
    dialect: Dialect = session.dialect
    was_read_only = bool(session.value("SELECT @@GLOBAL.read_only"))
    if was_read_only:
        session.execute(dialect.sql(Word.READ_WRITE))
    session.execute("SET SESSION foreign_key_checks = 0")
    with session.unlogged():
        yield
    if was_read_only:
        session.execute(dialect.sql(Word.READ_ONLY))


def compared(operator: Operator, only: str, restart: bool = False) -> Outcome:
    """What comes of a run within this process."""
    asked = Asked(only=(only,), data_only=True, restart=restart)
    (outcome,) = outcomes(load(operator.file), asked, Console(stderr=True))
    return outcome


def fresh(stage: Stage, name: str = "shop") -> str:
    """A database of a test's own, in backticks."""
    database = f"{name}_{next(_numbers)}"
    stage.write(f"CREATE DATABASE {identifier(database)} DEFAULT CHARACTER SET utf8mb4")
    return identifier(database)


def table(outcome: Outcome, name: str) -> TableOutcome:
    """What came of one table."""
    (found,) = (one for one in outcome.tables if one.name == name.replace("`", ""))
    return found


def told(findings: tuple[Finding, ...]) -> set[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Kind, key and columns of each."""
    return {(finding.kind.value, tuple(finding.key.values()), finding.columns) for finding in findings}


@contextmanager
def writing(server: Running, statements: Iterator[str]) -> Iterator[list[Any]]:
    """Write all the time meanwhile, no faster than a small replica applies; what has been written so far."""
    end, done = threading.Event(), list[Any]()

    def write() -> None:
        with server.sql() as session:
            for statement in statements:
                if end.wait(PACE_S):
                    return
                session.execute(statement)
                done.append(statement)

    thread = threading.Thread(target=write, name="writer")
    thread.start()
    try:
        wait_until(lambda: len(done) > 10, 60, "writes flow")
        yield done
    finally:
        end.set()
        thread.join()
