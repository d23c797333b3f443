"""Progress on a terminal: rows, tables, time left, what a chunk takes, lag, why it waits.

A line may have 80 columns. So what matters most comes first, and what doesn't fit is cut off at the end.
"""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from understudy.migrate.verify.run import Run

EACH_S = 0.2
BAR = 12  # columns


def follow(run: Run, is_done: object, console: Console) -> None:
    """Show how it goes until `is_done` (a thread) has ended; nothing where `console` is no terminal."""
    columns = (
        TextColumn("{task.description}"), BarColumn(BAR), TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(compact=True),
        TextColumn(
            "{task.fields[what]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)
        ),
    )  # fmt: skip
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, expand=True, disable=hidden) as progress:
        task = progress.add_task("verify", total=None, what="")
        while _alive(is_done):
            total = sum(pair.rows for pair in run.pairs)
            progress.update(task, total=max(total, run.tally.rows) or None, completed=run.tally.rows, what=what(run))
            time.sleep(EACH_S)


def _alive(thread: object) -> bool:
    return bool(getattr(thread, "is_alive", lambda: False)())


def what(run: Run) -> str:
    """What is going on, the most important first."""
    tally, lag = run.tally, run.guard.lag_s
    parts = [f"held: {run.guard.why}"] if run.guard.why else []
    parts += [f"{short(tally.rows)} rows", f"{len(run.pairs):,} tables"]
    if run.share.share < 1:
        parts.append(f"reads {run.share.share:.0%} of the time, for the source's sake")
    if lag is None or lag:
        parts.append(f"lag {'?' if lag is None else f'{lag:g} s'}")
    if run.rechecker and run.rechecker.pending:
        parts.append(f"{run.rechecker.pending} again")
    if tally.table:
        parts.append(f"{tally.chunk_s * 1000:.0f} ms a chunk of {tally.table}")
    return " · ".join(parts)


def short(rows: int) -> str:
    """A number in at most five characters."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if rows >= size:
            return f"{rows / size:.1f}{unit}" if rows < 100 * size else f"{rows // size}{unit}"
    return str(rows)
