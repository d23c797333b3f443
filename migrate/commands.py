"""`understudy migrate`: see the replication tree, what the account needs, what the servers have logged."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from understudy.config import Migrate
from understudy.errors import UnderstudyError
from understudy.migrate import draw, errorlog, grants, graphviz, logreader, picture
from understudy.migrate.build.command import build, journal, plan
from understudy.migrate.checks.command import check
from understudy.migrate.clock import SystemClock
from understudy.migrate.commanding import (
    DEFAULT,
    Config,
    Format,
    Json,
    only_ascii,
    print_json,
    see,
    settings_of,
    source_of,
    told,
    unreached,
)
from understudy.migrate.describe import printable
from understudy.migrate.faults import ServerError
from understudy.migrate.greeting import greeting
from understudy.migrate.logins import FromSettings
from understudy.migrate.mysql import MySql
from understudy.migrate.topology import Tree
from understudy.migrate.verify.command import verify
from understudy.migrate.versions import Flavour, Version
from understudy.migrate.watch.commands import rebuild, skip, watch

app = typer.Typer(help="Move the replication tree to a new version.", no_args_is_help=True, rich_markup_mode="rich")

AT_ONCE = 16

app.command()(check)
app.command()(plan)
app.command()(build)
app.command()(journal)
app.command()(verify)
app.command()(watch)
app.command()(skip)
app.command()(rebuild)


@app.command()
def status(
    config: Config = DEFAULT,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again and again, until Ctrl-C.")] = False,
    interval: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.2, max=3600)] = 2.0,
    form: Annotated[Format, typer.Option("--format", "-f", help="How to draw the tree.")] = Format.TEXT,
    as_json: Json = False,
) -> None:
    """The tree: version, role, lag, threads, who takes writes, what is wrong. --watch with --json: a look a line.

    Exit code 1 where the source can't be reached, 2 for wrong settings; a replica's trouble is drawn, and no failure.
    """
    if watch and form is not Format.TEXT:
        raise typer.BadParameter(f"{form} can't be watched; --json can", param_hint="--format")
    settings = settings_of(config)
    if watch:
        _watch_as_json(settings, interval) if as_json else _watch(settings, interval)
        return
    tree = see(settings)
    if as_json:
        print_json(draw.structure(tree))
    elif form is Format.TEXT:
        console = Console(highlight=False, soft_wrap=True)
        console.print(_drawn(tree, console))
    else:
        typer.echo(picture.svg(tree) if form is Format.SVG else graphviz.dot(tree), nl=False)
    if why := unreached(tree, settings):
        raise typer.Exit(told(why))


def _drawn(tree: Tree, console: Console) -> Text:
    drawn = Text(draw.text(tree, width=console.width, ascii_only=only_ascii(console.encoding)))
    drawn.highlight_regex(r"(?m)^.*(✗|! ).*$", "red")
    for server in tree.ordered():
        for gap in server.missing:
            drawn.append(f"\n{server.address}: not known: {gap}", "yellow")
    return drawn


def _watch(settings: Migrate, interval_s: float) -> None:
    from rich.live import Live

    console = Console(highlight=False)
    with Live(Text("looking …"), console=console, auto_refresh=False) as live:
        for tree in _looks(settings, interval_s):
            drawn = _drawn(tree, console)
            drawn.append(f"\n\n{datetime.now(UTC):%H:%M:%S} UTC; Ctrl-C ends", "dim")
            live.update(drawn, refresh=True)


def _watch_as_json(settings: Migrate, interval_s: float) -> None:
    for tree in _looks(settings, interval_s):
        look = {"at": datetime.now(UTC), **draw.structure(tree)}
        typer.echo(msgspec.json.encode(look).decode())


def _looks(settings: Migrate, interval_s: float) -> Iterator[Tree]:
    while True:
        begun = time.monotonic()
        yield see(settings)
        time.sleep(max(0.0, interval_s - (time.monotonic() - begun)))


@app.command(name="grants")
def grants_(
    commands: Annotated[
        list[str] | None, typer.Argument(help="What the account shall be able to run; all where none is named.")
    ] = None,
    flavour: Annotated[Flavour | None, typer.Option(help="For servers of this flavour, with --version.")] = None,
    version: Annotated[str, typer.Option(help="For servers of this version, such as 8.0.36.")] = "",
    user: Annotated[str, typer.Option(help="The account's name; else the user of [migrate].")] = "",
    host: Annotated[str, typer.Option(help="From where it may log in.")] = "%",
    new: Annotated[bool, typer.Option("--new", help="With --version: for servers that are to be built.")] = False,
    config: Config = DEFAULT,
    as_json: Json = False,
) -> None:
    """The least privileges that each command needs, as SQL for the servers' own versions. Nothing is executed.

    Exit code 1 where the source can't be reached to ask for its version, 2 for wrong settings.
    """
    wanted = commands or list(grants.USES)
    if version:
        of_it = Version.parse(f"{version}-MariaDB" if flavour is Flavour.MARIADB else version)
        flavours = {(of_it, new): "servers of it"}
        user = user or "understudy"
    else:
        settings = settings_of(config)
        flavours, user = _versions(settings), user or settings.user
    made = {of: grants.statements(of[0], wanted, user, host, new=of[1]) for of in flavours}
    if as_json:
        keys = ("version", "new", "commands", "statements")
        print_json([dict(zip(keys, (str(of), is_new, wanted, sql), strict=True)) for (of, is_new), sql in made.items()])
        return
    for of, sql in made.items():
        typer.echo(f"-- {', '.join(wanted)} on {of[0]} ({flavours[of]}){', to be built' if of[1] else ''}")
        typer.echo("-- Run it on every such server: it is kept out of the binary log, so it does not replicate.")
        typer.echo("".join(f"{statement};\n" for statement in sql))


def _versions(settings: Migrate) -> dict[tuple[Version, bool], str]:
    """The versions of the servers that the settings name, told by their greeting: the account may not be there yet.

    With each, whether it is a server that is to be built.
    """
    found: dict[tuple[Version, bool], str] = {}
    target = settings.target
    for address in filter(None, [settings.source, target.new_source, *target.new_replicas, target.rehearsal]):
        try:
            version = greeting(address, settings.connect_ms / 1000)
            found.setdefault((version, address != settings.source), address)
        except ServerError as error:
            if address == settings.source:
                raise
            told(f"left out: {error.message}")
    return found


@app.command()
def log(
    severity: Annotated[str, typer.Option(help="The least grave to show: note, warning, error.")] = "warning",
    since: Annotated[str, typer.Option(help="From when on: 2026-11-21T08:00 (UTC), or 15m, 2h, 1d ago.")] = "1d",
    server: Annotated[str, typer.Option(help="Only servers whose address contains this.")] = "",
    config: Config = DEFAULT,
    as_json: Json = False,
) -> None:
    """The error logs of all servers, merged by time; for a server without one that can be read, why.

    A server whose clock is further off than [migrate.check] clock_ms is named on standard error ("clocks_ahead_s" in
    JSON), and its entries are shown at the right time: by this machine's clock, or by the servers' where most of them
    agree that this one is off. It is measured now; a server that can't be reached is taken at its word.

    Exit code 1 where the source can't be reached and no file of its log is named, 2 for wrong settings.
    """
    settings = settings_of(config)
    now = datetime.now(UTC)
    least, begin = errorlog.severity(severity), errorlog.parse_since(since, now)
    tree = see(settings)
    logs = _read_logs(settings, tree, server, begin)
    clocks = logreader.clocks(logs, settings.check.clock_ms)
    begin = errorlog.parse_since(since, now + timedelta(milliseconds=clocks.believed_ms))
    source = source_of(settings)
    why = "" if any(one.server == source and one.origin for one in logs) else unreached(tree, settings)
    entries = errorlog.merged([clocks.right(one) for one in logs], least, begin)
    if as_json:
        shown = [{**msgspec.to_builtins(entry), "severity": entry.severity.name.lower()} for entry in entries]
        without = {one.server: one.why_not for one in logs if one.why_not}
        read = {one.server: one.origin for one in logs if one.origin}
        off = {name: round(ms / 1000, 3) for name, ms in clocks.servers.items()}
        ours = round(-clocks.believed_ms / 1000, 3)
        told_ = {"entries": shown, "without": without, "read": read, "clocks_ahead_s": off, "our_clock_ahead_s": ours}
        print_json(told_)
    else:
        _show_log(entries)
        for text in clocks.told():
            typer.echo(text, err=True)
        for one in logs:
            if one.why_not and not (why and one.server == source):
                typer.echo(f"{one.server}: no log: {one.why_not}", err=True)
    if why:
        raise typer.Exit(told(why))


def _read_logs(settings: Migrate, tree: Tree, only: str, begin: datetime) -> list[logreader.Log]:
    addresses = [one.address for one in tree if only in one.address]
    if not addresses:
        raise UnderstudyError(f"no server's address contains {only!r}", "`understudy migrate status` shows them")
    servers = MySql(FromSettings(settings))
    with ThreadPoolExecutor(AT_ONCE, "log") as pool:
        return list(
            pool.map(
                lambda address: logreader.read(
                    servers, SystemClock(), address, settings.error_logs, begin, tree.servers[address].unreachable
                ),
                addresses,
            )
        )


def _show_log(entries: Iterator[errorlog.Entry]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    styles = {errorlog.Severity.ERROR: "red", errorlog.Severity.WARNING: "yellow"}
    for entry in entries:
        text = printable(entry.text, besides="\n").replace("\n", "\n    ")
        head = f"{entry.at:%Y-%m-%d %H:%M:%S} {entry.server} {entry.severity.name.lower():7} "
        console.print(Text(head + (f"{entry.code} " if entry.code else "") + text, styles.get(entry.severity, "")))
