"""How a long step is told about: what began, how much of it is done, what is worth saying.

On a terminal, a bar with bytes or rows and the time left; elsewhere a line every few seconds; with --json each event
is a JSON object on a line of its own, on standard output.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import msgspec

from understudy.migrate.describe import duration, sized

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

EVERY_S = 5.0  # between two lines where there is no terminal


class Progress(Protocol):
    """Told by whoever does something long; any thread may."""

    def begins(self, what: str, total_bytes: int | None = None, total_rows: int | None = None) -> None:
        """Something begins, and what went on before has ended. None is unknown."""
        ...

    def moved(self, bytes_: int = 0, rows: int = 0) -> None:
        """So much more of it is done."""
        ...

    def says(self, text: str) -> None:
        """A line for the operator."""
        ...


class Amount:
    """What began, when, and how much of it is done."""

    def __init__(self, what: str, total_bytes: int | None, total_rows: int | None, now_s: float) -> None:
        self.what = what
        self.total_bytes = total_bytes
        self.total_rows = total_rows
        self.begun_s = now_s
        self.bytes = 0
        self.rows = 0

    def share(self) -> float | None:
        """How much of it is done, from 0 to 1; None where the total isn't known."""
        done, total = (self.bytes, self.total_bytes) if self.total_bytes else (self.rows, self.total_rows)
        return min(1.0, done / total) if total else None

    def left_s(self, now_s: float) -> float | None:
        """How long the rest takes at the pace so far; None where that can't be told."""
        share = self.share()
        return (now_s - self.begun_s) * (1 - share) / share if share else None

    def told(self, now_s: float) -> str:
        """In a line."""
        done = [f"{sized(self.bytes)}{_of(self.total_bytes, sized)}" if self.bytes or self.total_bytes else ""]
        done += [f"{self.rows:,}{_of(self.total_rows, '{:,}'.format)} rows" if self.rows or self.total_rows else ""]
        left = self.left_s(now_s)
        done += [f"{duration(left)} left" if left is not None else ""]
        return ", ".join(filter(None, [self.what, *done]))


def _of(total: int | None, shown: Callable[[int], str]) -> str:
    return f" of {shown(total)}" if total else ""


class Lines:
    """A line when something begins, and one every few seconds: `Progress` for a file or a pipe."""

    def __init__(self, out: TextIO, every_s: float = EVERY_S) -> None:
        self._out = out
        self._every_s = every_s
        self._lock = threading.Lock()
        self._amount: Amount | None = None
        self._told_s = 0.0

    def begins(self, what: str, total_bytes: int | None = None, total_rows: int | None = None) -> None:
        """Something begins."""
        now_s = time.monotonic()
        with self._lock:
            self._amount, self._told_s = Amount(what, total_bytes, total_rows, now_s), now_s
        self.says(self._amount.told(now_s))

    def moved(self, bytes_: int = 0, rows: int = 0) -> None:
        """So much more of it is done."""
        now_s = time.monotonic()
        with self._lock:
            if (amount := self._amount) is None:
                return
            amount.bytes += bytes_
            amount.rows += rows
            if now_s - self._told_s < self._every_s:
                return
            self._told_s = now_s
        self.says(amount.told(now_s))

    def says(self, text: str) -> None:
        """A line."""
        print(f"   {text}", file=self._out, flush=True)


class Events:
    """Each event a JSON object on a line: `Progress` for scripts."""

    def __init__(self, out: TextIO, every_s: float = 1.0) -> None:
        self._out = out
        self._every_s = every_s
        self._lock = threading.Lock()
        self._amount = Amount("", None, None, 0.0)
        self._told_s = 0.0

    def begins(self, what: str, total_bytes: int | None = None, total_rows: int | None = None) -> None:
        """Something begins."""
        with self._lock:
            self._amount = Amount(what, total_bytes, total_rows, time.monotonic())
        self.tell("begins", what=what, total_bytes=total_bytes, total_rows=total_rows)

    def moved(self, bytes_: int = 0, rows: int = 0) -> None:
        """So much more of it is done."""
        now_s = time.monotonic()
        with self._lock:
            amount = self._amount
            amount.bytes += bytes_
            amount.rows += rows
            if now_s - self._told_s < self._every_s:
                return
            self._told_s = now_s
        self.tell("moved", what=amount.what, bytes=amount.bytes, rows=amount.rows, left_s=amount.left_s(now_s))

    def says(self, text: str) -> None:
        """A line for the operator."""
        self.tell("says", text=text)

    def tell(self, event: str, **more: Any) -> None:
        """An event of any other kind."""
        with self._lock:
            self._out.write(msgspec.json.encode({"event": event, **more}).decode() + "\n")
            self._out.flush()


class Bars:
    """A bar for what goes on: `Progress` for a terminal."""

    def __init__(self, rich: RichProgress) -> None:
        self._rich = rich
        self._task: TaskID | None = None
        self._amount = Amount("", None, None, 0.0)
        self._lock = threading.Lock()

    def begins(self, what: str, total_bytes: int | None = None, total_rows: int | None = None) -> None:
        """Something begins: the bar of what went on before is taken away."""
        with self._lock:
            if self._task is not None:
                self._rich.remove_task(self._task)
            self._amount = Amount(what, total_bytes, total_rows, time.monotonic())
            known = total_bytes or total_rows
            self._task = self._rich.add_task(what, total=1.0 if known else None, told="")

    def moved(self, bytes_: int = 0, rows: int = 0) -> None:
        """So much more of it is done."""
        with self._lock:
            if self._task is None:
                return
            self._amount.bytes += bytes_
            self._amount.rows += rows
            told = self._amount.told(time.monotonic()).removeprefix(self._amount.what).removeprefix(", ")
            self._rich.update(self._task, completed=self._amount.share() or 0.0, told=told)

    def says(self, text: str) -> None:
        """A line above the bar."""
        self._rich.console.print(f"   {text}", highlight=False, markup=False)


@contextmanager
def shown(*, as_json: bool = False) -> Iterator[Progress]:
    """The progress that fits: JSON lines, bars on a terminal, or lines."""
    if as_json:
        yield Events(sys.stdout)
    elif not sys.stdout.isatty():
        yield Lines(sys.stdout)
    else:
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TextColumn
        from rich.progress import Progress as Rich

        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"))
        with Rich(*columns, console=Console(highlight=False), transient=True) as rich:
            yield Bars(rich)
