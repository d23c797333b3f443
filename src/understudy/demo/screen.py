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
        self._print(
            f"  Understudy  {here.url('front')}  where the shoppers arrive\n"
            f"  old stack   {here.url('old')}  answers them\n"
            f"  new stack   {here.url('new')}  upgraded: asked the same, only compared\n"
        )

    @contextlib.contextmanager
    def shopping(self, till: Till, seconds: float) -> Iterator[None]:
        """A bar over the seconds, with what the shoppers do meanwhile."""
        with _Bar(self._console, till, seconds):
            yield

    @contextlib.contextmanager
    def judging(self) -> Iterator[Callable[[int], None]]:
        """While the judge reads what was recorded; to be called with how many exchanges it has read."""
        with self._console.status("Judging…") as status:
            yield lambda judged: status.update(f"Judging… {judged:,} exchanges read")

    def judged(self, requests: dict[str, int]) -> None:
        """What became of the requests."""
        self._print(
            f"Judged    {requests['equal']:,} equal, {requests['different']:,} different, "
            f"{requests['skipped']:,} not mirrored: they write (POST /cart)"
        )

    @contextlib.contextmanager
    def reporting(self, here: Stage) -> Iterator[None]:
        """Around the report, which prints itself."""
        self._print(f"\n[bold]$ {_command()} diffs report -c {here.settings}[/]\n", soft_wrap=True)
        sys.stdout.flush()
        yield
        self._print()

    def found(self, found: dict[str, bool], seen: Till) -> None:
        """Which of the planted faults the report names, and what the shoppers noticed of them."""
        many = sum(found.values())
        self._print(f"[bold]{len(found)} faults of an upgrade were planted in the new database; {many} are found:[/]\n")
        table = Table.grid(padding=(0, 2))
        for fault in FAULTS:
            mark = "[green]✔[/]" if found[fault.field] else "[yellow]–[/]"
            table.add_row(mark, fault.title, fault.endpoint.removeprefix("GET "), fault.shows)
        self._print(Padding(table, (0, 2)))
        if many < len(found):
            self._print("\nThe others did not come up often enough; try more --seconds.")
        self._print(
            f"\n{'The shoppers saw none of it: ' * (not seen.errors)}{seen.requests:,} answers, {_errors(seen)}."
        )

    def result(self, value: dict[str, Any]) -> None:
        """The result for a script."""
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
        sys.stdout.flush()

    def staying(self, here: Stage, sample: str) -> None:
        """Where to look and what to type while it stays; `sample` is the ID of a difference to show."""
        self._print("\n[bold]Everything goes on until Ctrl-C.[/] In a browser, and in another terminal:\n")
        self._print(f"  {'the shop, as the shoppers have it':{_WIDTH}}{here.url('front')}")
        self._print(f"  {'the new stack, by itself':{_WIDTH}}{here.url('new')}")
        for what, arguments in _COMMANDS:
            command = f"{_command()} {arguments.format(sample=sample)} -c {here.settings}"
            self._print(f"  {what:{_WIDTH}}{command}", soft_wrap=True)

    def goodbye(self, stayed: bool) -> None:
        """What is left, and where to look next."""
        self._print("\nEverything is stopped and removed." if stayed else _NEXT.format(me=_command()), soft_wrap=True)

    def interrupted(self) -> None:
        """A signal came before the end."""
        self._print("\nInterrupted; everything is stopped and removed.")


_WIDTH = 41
_COMMANDS = (
    ("what became of every request", "status"),
    ("the differences one by one", "diffs list"),
    ("both answers side by side", "diffs show {sample}"),
    ("the report, with what you clicked", "diffs report"),
    ("mirror a quarter of the requests only", "ramp 25"),
)
_NEXT = """
Everything is stopped and removed. Next:
  {me} demo --stay  [dim]# goes on, for the shop and the commands above to be tried[/]
  {me} init         [dim]# writes understudy.toml, for two stacks of your own[/]"""


class _Bar(Progress):
    """A progress bar that asks how far it is whenever it is drawn."""

    def __init__(self, console: Console, till: Till, seconds: float) -> None:
        self._till = till
        self._seconds = seconds
        self._began = time.monotonic()
        super().__init__(
            TextColumn("Shopping "),
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
        requests = self._till.requests
        rate = requests / max(self._passed, 0.001)
        return f"{requests:,} requests  {rate:,.0f}/s  {_errors(self._till)}"


def _errors(seen: Till) -> str:
    return f"[red]{seen.errors:,} errors[/]" if seen.errors else "no errors"


def _command() -> str:
    """How `understudy` is typed here: by its name where the shell finds it, by its path otherwise."""
    mine = Path(sys.executable).with_name("understudy")
    found = shutil.which("understudy")
    if found and Path(found).exists() and Path(found).samefile(mine):
        return "understudy"
    with contextlib.suppress(ValueError):
        return str(mine.relative_to(Path.cwd()))
    return str(mine)
