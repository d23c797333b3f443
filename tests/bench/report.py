"""The report: tables for a person, JSON for a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from measure import medians
from msgspec import Struct
from results import Row, Sample, Spread
from rich import box
from rich.console import Console
from rich.table import Table


class Report(Struct, frozen=True):
    """Everything a run found out. `missing` maps what could not be measured to why."""

    machine: dict[str, str]
    effort: str
    rows: list[Row]
    samples: list[Sample]
    missing: dict[str, str]


def as_json(report: Report) -> str:
    """The report with each row's verdict, indented."""
    plain = msgspec.to_builtins(report)
    for row, entry in zip(report.rows, plain["rows"], strict=True):
        entry["met"] = row.met
    return msgspec.json.format(msgspec.json.encode(plain), indent=2).decode() + "\n"


def publish(report: Report, path: Path, *, section: str = "", as_data: bool = False, keep: bool = False) -> None:
    """Print it, and `keep` it in a file."""
    if as_data:
        print(as_json(report), end="")
    else:
        show(report, Console(width=None if sys.stdout.isatty() else 180))
    if keep:
        save(path, report, section)


def save(path: Path, report: Report, section: str = "") -> None:
    """Write it to a file, under the name of a section or at the top; what else is there stays."""
    before = json.loads(path.read_text()) if path.exists() else {}
    new = json.loads(as_json(report))
    kept = {name: value for name, value in before.items() if name not in new} if not section else before
    saved = kept | {section: new} if section else new | kept
    path.write_text(json.dumps(saved, indent=2, ensure_ascii=False) + "\n")


def show(report: Report, console: Console) -> None:
    """Print what was measured and what it means."""
    console.print(", ".join(f"{name} {value}" for name, value in report.machine.items()), highlight=False)
    console.print(report.effort, highlight=False)
    if report.samples:
        console.print(_sample_table(report.samples))
    console.print(_row_table(report.rows))
    for row in report.rows:
        if row.note:
            console.print(f"{row.what}: {row.note}", highlight=False, soft_wrap=True)
    for what, why in report.missing.items():
        console.print(f"[bold red]NOT MEASURED[/] {what}: {why}", highlight=False, soft_wrap=True)


def _sample_table(samples: Sequence[Sample]) -> Table:
    table = Table(title="medians over the rounds (lowest to highest)", box=box.SIMPLE)
    for name in ("load", "subject"):
        table.add_column(name)
    for name in ("requests/s", "p50 ms", "p99 ms", "CPU us/request"):
        table.add_column(name, justify="right")
    table.add_column("errors")
    previous = ""
    for asked, subject, rate, p50, p99, cpu, errors in medians(samples):
        if asked != previous and previous:
            table.add_section()
        table.add_row(
            asked if asked != previous else "",
            subject,
            f"{rate.value:,.0f} ({rate.low:,.0f} to {rate.high:,.0f})",
            f"{p50.value / 1e3:.2f}" if p50.value else "-",
            f"{p99.value / 1e3:.2f} ({p99.low / 1e3:.2f} to {p99.high / 1e3:.2f})" if p99.value else "-",
            _cpu(cpu),
            errors or "-",
        )
        previous = asked
    return table


def _cpu(cpu: Spread) -> str:
    return f"{cpu.value:.1f} ({cpu.low:.1f} to {cpu.high:.1f})" if cpu.value else "-"


def _row_table(rows: Sequence[Row]) -> Table:
    table = Table(title="what it means (spread: single rounds)", box=box.SIMPLE)
    table.add_column("what")
    for name in ("value", "spread", "target"):
        table.add_column(name, justify="right")
    table.add_column("")
    for row in rows:
        table.add_row(row.what, _figure(row.value, row.unit), _spread(row), _target(row), _verdict(row))
    return table


def _figure(value: float, unit: str) -> str:
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 or unit in ("MiB", "%") else 2
    return f"{value:,.{digits}f}{'' if unit in ('x', '%', '') else ' '}{unit}"


def _spread(row: Row) -> str:
    if row.low is None or row.high is None:
        return ""
    return f"{_figure(row.low, row.unit)} to {_figure(row.high, row.unit)}"


def _target(row: Row) -> str:
    if row.at_least is not None:
        return f">= {row.at_least:,g}"
    return f"<= {row.at_most:,g}" if row.at_most is not None else ""


def _verdict(row: Row) -> str:
    return {None: "", True: "[green]met[/]", False: "[bold red]MISSED[/]"}[row.met]
