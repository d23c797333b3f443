"""What the demo prints: for a person in a terminal, for a log in a pipe, or one JSON object for a script."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from understudy.demo.faults import FAULTS
from understudy.demo.stage import Stage
from understudy.demo.traffic import Till


class Screen:
    """Tells a newcomer what is going on. With `as_json`, standard output is the result's alone."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self._console = Console(stderr=as_json, highlight=False)
        self._print = self._console.print

    @contextlib.contextmanager
    def opening(self) -> Iterator[None]:
        """While the children start."""
        self._print("[bold]Understudy demo[/]: one shop on two databases, and Understudy before them.\n")
        with self._console.status("Opening the shops…"):
            yield

    def opened(self, here: Stage) -> None:
        """Who is who."""
        grid = Table.grid(padding=(0, 2))
        grid.add_row("old stack", here.url("old"), "answers the shoppers")
        grid.add_row("new stack", here.url("new"), "its database was upgraded; is asked the same, and only compared")
        grid.add_row("Understudy", here.url("front"), "where the shoppers arrive")
        self._print(Padding(grid, (0, 2)))
        self._print()

    @contextlib.contextmanager
    def shopping(self, till: Till, seconds: float) -> Iterator[None]:
        """A bar over the seconds, with what the shoppers do meanwhile."""
        with _Bar(self._console, till, seconds):
            yield
        if not self._console.is_terminal:  # there the bar is printed once, without its line's end
            self._print()

    @contextlib.contextmanager
    def judging(self) -> Iterator[Callable[[int], None]]:
        """While the judge reads what was recorded; to be called with how many exchanges are left."""
        with self._console.status("Judging…") as status:
            yield lambda left: status.update(f"Judging… {left:,} to go")

    @contextlib.contextmanager
    def reporting(self, here: Stage) -> Iterator[None]:
        """Around the report, which prints itself."""
        self._print(f"\n[bold]$ {_command()} diffs report -c {here.settings}[/]")
        sys.stdout.flush()
        yield
        self._print()

    def found(self, found: dict[str, bool]) -> None:
        """Which of the planted faults the report names."""
        table = Table(title="What the upgraded database would have done to the shoppers", title_justify="left")
        for heading in ("found", "planted in the new database", "where", "how it shows"):
            table.add_column(heading)
        for fault in FAULTS:
            mark = "[green]yes[/]" if found[fault.field] else "[yellow]not yet[/]"
            table.add_row(mark, fault.title, fault.endpoint, fault.shows)
        self._print(table)

    def result(self, value: dict[str, Any]) -> None:
        """The result for a script."""
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
        sys.stdout.flush()

    def staying(self, here: Stage) -> None:
        """Where to look and what to type while it stays."""
        settings, me = here.settings, _command()
        grid = Table.grid(padding=(0, 2))
        grid.add_row(here.url("front"), "the shop, through Understudy: browse it, and ask for the report again")
        grid.add_row(here.url("new"), "the new stack by itself, to see what the shoppers were spared")
        for arguments, what in _COMMANDS:
            grid.add_row(f"{me} {arguments} -c {settings}", what)
        self._print("[bold]All is still running.[/] Ctrl-C ends it. Try:\n")
        self._print(Padding(grid, (0, 2)))

    def goodbye(self, stayed: bool) -> None:
        """What is left, and where to look next."""
        self._print("\nEverything is stopped and removed." if stayed else _NEXT.format(me=_command()))

    def interrupted(self) -> None:
        """A signal came before the end."""
        self._print("\nInterrupted; everything is stopped and removed.")


_COMMANDS = (
    ("status", "what became of every request"),
    ("diffs list", "the differences one by one"),
    ("diffs show ID", "both answers side by side"),
    ("ramp 25", "mirror a quarter of the requests only"),
)
_NEXT = """
Everything is stopped and removed. Next:
  {me} demo --stay    keeps it running: browse the shop, look at each difference
  {me} init           writes understudy.toml, to stand before two stacks of your own"""


class _Bar(Progress):
    """A progress bar that asks how far it is whenever it is drawn."""

    def __init__(self, console: Console, till: Till, seconds: float) -> None:
        self._till = till
        self._seconds = seconds
        self._began = time.monotonic()
        super().__init__(
            TextColumn("Shopping"),
            BarColumn(),
            TextColumn("{task.completed:.1f} s  {task.fields[told]}"),
            console=console,
        )
        self.add_task("", total=seconds, told="")

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bar as of now."""
        for task in self.tasks:
            self.update(task.id, completed=min(self._passed, self._seconds), told=self._told())
        return super().get_renderables()

    @property
    def _passed(self) -> float:
        return time.monotonic() - self._began

    def _told(self) -> str:
        requests, errors = self._till.requests, self._till.errors
        rate = requests / max(self._passed, 0.001)
        return f"{requests:,} requests  {rate:,.0f}/s  " + (f"[red]{errors:,} errors[/]" if errors else "no errors")


def _command() -> str:
    """How `understudy` is typed here: by its name where the shell finds it, by its path otherwise."""
    mine = Path(sys.executable).with_name("understudy")
    found = shutil.which("understudy")
    if found and Path(found).exists() and Path(found).samefile(mine):
        return "understudy"
    with contextlib.suppress(ValueError):
        return str(mine.relative_to(Path.cwd()))
    return str(mine)
