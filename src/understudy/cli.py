"""The command tree, and the composition root: the only file that knows all packages.

Exit codes: 0 done; 1 it failed, and the message says why; 2 wrong usage or wrong settings; 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from understudy import __version__
from understudy.config import Settings
from understudy.configfile import load, require_stacks, template
from understudy.errors import UnderstudyError
from understudy.verdict import ShadowVerdict

app = typer.Typer(
    name="understudy",
    help="Shadow a live site on its next database, judge the differences, cut over without an error.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

Config = Annotated[Path, typer.Option("--config", "-c", help="The settings file.", metavar="FILE")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
DEFAULT = Path("understudy.toml")


def _print_json(value: object) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"understudy {__version__}")
        raise typer.Exit


class Shadows:
    """What `understudy migrate` is told of the shadow traffic: a `migrate.ports.Shadows`."""

    def verdicts(self, settings: Settings) -> Sequence[ShadowVerdict]:
        """The verdict on each shadow; see `diffs.verdicts`."""
        from understudy.diffs.verdicts import verdicts

        return verdicts(settings)


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Hand the commands beneath, which do the work, what one package needs of another."""
    context.obj = Shadows()


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = DEFAULT,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Write a commented understudy.toml to begin with."""
    if file.exists() and not force:
        raise UnderstudyError(f"{file}: is there already", "--force overwrites it")
    try:
        file.write_text(template(), encoding="utf-8")
    except OSError as error:
        raise UnderstudyError(f"{file}: can't be written: {error.strerror}") from error
    typer.echo(f"wrote {file}; put your stacks' addresses in, then: understudy check -c {file}")


@app.command()
def check(config: Config = DEFAULT, as_json: Json = False) -> None:
    """Validate a settings file; exit 2 where it is wrong."""
    from understudy.proxy import files
    from understudy.proxy.worker import Rules

    settings = load(config)
    files.examine(settings)
    Rules(settings, b"check")
    if as_json:
        _print_json({"ok": True, "settings": settings})
        return
    if not settings.stacks:
        typer.echo(f"{config}: good. There are no stacks in it: it is for `understudy migrate`.")
        return
    shadows = ", ".join(settings.shadows) or "no shadow: nothing will be compared"
    typer.echo(f"{config}: good. Users are answered by {settings.primary}; asked as well: {shadows}.")


@app.command()
def run(config: Config = DEFAULT) -> None:
    """Serve: the workers, the judge, the control API. Ctrl-C or SIGTERM drains, SIGHUP reloads."""
    import uvloop

    from understudy import logs
    from understudy.proxy.supervisor import Supervisor

    def serving() -> Settings:
        return require_stacks(load(config), str(config))

    settings = serving()
    logs.setup(settings.log.level, settings.log.json)
    judge = [sys.executable, "-m", "understudy.diffs.judge"]

    async def serve() -> None:
        await Supervisor(settings, serving, {"judge": judge}).run()

    uvloop.run(serve())


@app.command()
def status(config: Config = DEFAULT, as_json: Json = False) -> None:
    """What a running Understudy has counted so far."""
    from understudy import client

    answer = client.ask(load(config), "GET", "/status")
    if as_json:
        _print_json(answer)
    else:
        _show_status(answer)


@app.command()
def ramp(
    percent: Annotated[float, typer.Argument(help="Share of the eligible requests to mirror.", min=0, max=100)],
    config: Config = DEFAULT,
    as_json: Json = False,
) -> None:
    """Change how much is mirrored, at once, until the next reload or start."""
    from understudy import client

    answer = client.ask(load(config), "POST", "/ramp", {"percent": percent})
    if as_json:
        _print_json(answer)
    else:
        typer.echo(f"{answer['percent']:g} % of the eligible requests are mirrored now")


@app.command()
def demo(
    seconds: Annotated[float, typer.Option(help="How long to send traffic.", min=1, max=3600)] = 6.0,
    stay: Annotated[bool, typer.Option("--stay", help="Go on until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Two small shops, the new one with an upgrade's faults, Understudy before them, and what it finds."""
    from understudy import demo as package

    raise typer.Exit(package.run(seconds, stay, as_json))


def _show_status(answer: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    requests = answer["requests"]
    received = requests["received"]
    table = Table("requests", "", "share", title=f"{received:,} received, {answer['in_flight']:,} in flight")
    for column in table.columns[1:]:
        column.justify = "right"
    for bucket, number in requests.items():
        if bucket != "received":
            share = f"{100 * number / received:.2f} %" if number else ""
            table.add_row(bucket, f"{number:,}", share, style="dim" if not number else "")
    console.print(table)
    stacks = Table("stack", "role", "requests", "equal", "different", "shed", "failed", "breaker")
    for name, stack in answer["stacks"].items():
        failed = ", ".join(f"{number:,} {reason}" for reason, number in stack["failed"].items()) or "0"
        shadow = stack["role"] == "shadow"
        middle = [f"{stack[key]:,}" if shadow else "" for key in ("equal", "different", "shed")]
        stacks.add_row(name, stack["role"], f"{stack['requests']:,}", *middle, failed, stack["breaker"])
    console.print(stacks)
    judge = answer["judge"]
    console.print(
        f"judge: {judge['judged']:,} judged, {judge['backlog']:,} waiting; "
        f"mirrored: {answer['percent']:g} %; workers: {sum(w['ready'] for w in answer['workers'])}; "
        f"up {answer['uptime_s']:.0f} s",
        highlight=False,
    )


def _mount() -> None:
    """Hang the packages' own commands into the tree."""
    from understudy.diffs.commands import app as diffs
    from understudy.migrate.commands import app as migrate

    app.add_typer(diffs, name="diffs", help="What the shadows answered differently.")
    app.add_typer(migrate, name="migrate", help="See the replication tree, and move it to a new version.")


def main() -> None:
    """The command line; errors that a person can act on are told in a line, not as a traceback."""
    _mount()
    sys.exit(guarded(app))


def guarded(command: Callable[..., object]) -> int:
    """Run a command; its exit code."""
    try:
        command()
    except UnderstudyError as error:
        typer.echo(f"understudy: {error}", err=True)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    return 0
