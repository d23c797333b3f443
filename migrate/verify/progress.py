"""Progress on a terminal: rows, tables, time left, what a chunk takes, lag, why it waits."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from understudy.migrate.verify.run import Run

EACH_S = 0.2


def follow(run: Run, is_done: object, console: Console) -> None:
    """Show how it goes until `is_done` (a thread) has ended; nothing where `console` is no terminal."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(), TextColumn("{task.fields[what]}"),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("verify", total=None, what="")
        while _alive(is_done):
            total = sum(pair.rows for pair in run.pairs)
            progress.update(task, total=max(total, run.tally.rows) or None, completed=run.tally.rows, what=_what(run))
            time.sleep(EACH_S)


def _alive(thread: object) -> bool:
    return bool(getattr(thread, "is_alive", lambda: False)())


def _what(run: Run) -> str:
    tally, lag = run.tally, run.guard.lag_s
    size = sum(pair.bytes for pair in run.pairs) / 2**30
    parts = [
        f"{tally.rows:,} rows of {len(run.pairs)} tables, {size:.1f} GiB",
        tally.table,
        f"{tally.chunk_s * 1000:.0f} ms a chunk",
        f"lag {'?' if lag is None else f'{lag:g} s'}",
    ]
    if run.rechecker and run.rechecker.pending:
        parts.append(f"{run.rechecker.pending} rows looked at again")
    if run.guard.why:
        parts.append(f"held: {run.guard.why}")
    return " · ".join(filter(None, parts))
