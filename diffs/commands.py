"""`understudy diffs`: what the judge found, in the terminal and as JSON."""

from __future__ import annotations

import shlex
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from understudy.config import Settings
from understudy.configfile import load
from understudy.diffs import announce
from understudy.diffs import report as reports
from understudy.diffs import show as shows
from understudy.diffs.classify import classify
from understudy.diffs.compare import Rules, compare
from understudy.diffs.difference import Difference
from understudy.diffs.findings import Findings, KeptSample
from understudy.diffs.judge import Judge
from understudy.diffs.lock import JudgeLock
from understudy.diffs.store import SqliteStore
from understudy.diffs.verdicts import of, verdicts
from understudy.errors import StoreError

app = typer.Typer(help="What the shadows answered differently.", no_args_is_help=True, rich_markup_mode="rich")

Config = Annotated[Path, typer.Option("--config", "-c", help="The settings file.", metavar="FILE")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
DEFAULT = Path("understudy.toml")
BESIDE = ("-wal", "-shm")  # what SQLite writes beside a database


def _console() -> Console:
    return Console(highlight=False, soft_wrap=False)


def _print_json(value: object) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


@app.command()
def report(config: Config = DEFAULT, as_json: Json = False) -> None:
    """What differs, where, how often, and how fast both stacks are."""
    settings = load(config)
    findings = Findings(settings.database)
    try:
        if as_json:
            _print_json(reports.as_json(findings))
        else:
            reports.report(findings, _console(), _option(config), of(findings, settings))
    finally:
        findings.close()


def _option(config: Path) -> str:
    """What names the settings file in a command that is suggested."""
    return "" if config == DEFAULT else f" -c {shlex.quote(str(config))}"


@app.command()
def verdict(config: Config = DEFAULT, as_json: Json = False) -> None:
    """Whether the new stack may take over: go, wait (not enough evidence) or no go, with the numbers.

    Exit code: 0 go, 3 wait, 4 no go; 1 no database to judge by, 2 wrong settings.

    What is enough is set under `verdict` in the settings.
    """
    settings = load(config)
    found = verdicts(settings)
    if as_json:
        _print_json(announce.as_json(found))
    else:
        announce.announce(found, settings.verdict, _console(), _option(config))
    if code := announce.EXIT[announce.overall(found)]:
        raise typer.Exit(code)


@app.command(name="list")
def list_(
    endpoint: Annotated[str, typer.Option("--endpoint", "-e", help="Only endpoints whose name contains this.")] = "",
    kind: Annotated[str, typer.Option("--kind", "-k", help="Only this kind or class, such as missing or noise.")] = "",
    shadow: Annotated[str, typer.Option("--shadow", "-s", help="Only this shadow.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", help="At most so many; 0 for all.", min=0)] = 100,
    config: Config = DEFAULT,
    as_json: Json = False,
) -> None:
    """The differences one by one, the gravest first, with the IDs of their samples."""
    findings = Findings(load(config).database)
    try:
        rows = findings.places(endpoint, kind, shadow)
    finally:
        findings.close()
    kept = rows[:limit] if limit else rows
    if as_json:
        _print_json([reports.as_dict(row) for row in kept])
        return
    console = _console()
    if not kept:
        console.print("no differences" + (" under these filters" if endpoint or kind or shadow else ""))
        return
    console.print(reports.place_list(kept, console.width < reports.NARROW))
    if len(rows) > len(kept):
        console.print(f"… and {len(rows) - len(kept)} more: --limit 0 shows all")


@app.command()
def show(
    sample: Annotated[str, typer.Argument(help="A sample's ID, its beginning, or an X-Request-Id.", metavar="ID")],
    config: Config = DEFAULT,
    as_json: Json = False,
) -> None:
    """Both answers of a kept exchange, side by side."""
    settings = load(config)
    findings = Findings(settings.database)
    try:
        kept = findings.sample(sample)
    finally:
        findings.close()
    found = _differences(kept, settings)
    if as_json:
        _print_json(shows.as_json(kept, found))
    else:
        shows.show(kept, found, _console())


def _differences(sample: KeptSample, settings: Settings) -> list[tuple[Difference, str, str]]:
    """A sample's differences under the settings as they are now, with the class that was stored where there is one."""
    exchange, rules = sample.exchange, Rules(settings.compare)
    stored = {(path, kind, shadow): name for path, kind, name, shadow in sample.places}
    return [
        (difference, stored.get((difference.path, difference.kind, shadow)) or classify(difference), shadow)
        for shadow, answer in exchange.answers.items()
        if shadow != exchange.primary
        for difference in compare(exchange.answers[exchange.primary], answer, rules)
    ]


@app.command()
def judge(config: Config = DEFAULT, as_json: Json = False) -> None:
    """Judge what is recorded again, from the beginning, under the settings as they are now.

    The new findings take the place of the old ones when all is judged, not before. What retention has removed can't be
    judged again, and is counted as lost.
    """
    settings = load(config)
    lock = JudgeLock(settings.database)
    if not lock.acquire():
        raise StoreError(
            f"{settings.database}: a judge is at work on it", "stop `understudy run` first; it judges as it goes anyway"
        )
    try:
        stats = _judge_again(settings, as_json)
    except OSError as error:
        raise StoreError(
            f"{settings.database}: can't be replaced: {error.strerror or error}",
            "what was found before is still there; see to the disk, and judge again",
        ) from error
    finally:
        lock.release()
    if as_json:
        _print_json(stats)
    else:
        typer.echo(f"{stats['judged']:,} judged; now: understudy diffs report -c {config}")


def _judge_again(settings: Settings, quiet: bool) -> dict[str, Any]:
    fresh = settings.database.with_name(settings.database.name + ".new")
    _remove(fresh)
    work = Judge(settings, SqliteStore(fresh))
    try:
        _with_progress(work, quiet)
        stats = work.stats()
    except BaseException:
        work.close()
        _remove(fresh)
        raise
    work.close()
    _replace(settings.database, fresh)
    return stats


def _replace(database: Path, fresh: Path) -> None:
    """Put a new database in the place of the old one, which is there, whole, until the new one is.

    What SQLite wrote beside the old one would be taken for the new one's, so it is folded in first.
    """
    if database.exists():
        with suppress(sqlite3.Error), closing(sqlite3.connect(database)) as old:
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for suffix in BESIDE:
            Path(f"{database}{suffix}").unlink(missing_ok=True)
    fresh.replace(database)


def _with_progress(work: Judge, quiet: bool) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        judged = work.step(1, 0.0)
        task = progress.add_task("judging", total=judged + work.backlog(), completed=judged)
        while exchanges := work.step():
            progress.advance(task, exchanges)


def _remove(database: Path) -> None:
    for suffix in ("", *BESIDE):
        Path(f"{database}{suffix}").unlink(missing_ok=True)
