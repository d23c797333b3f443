"""What the commands of `understudy migrate` share: their options, the settings, a look at the tree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from understudy.config import Migrate
from understudy.configfile import load
from understudy.errors import SettingsError
from understudy.migrate.discover import discover
from understudy.migrate.logins import FromSettings
from understudy.migrate.mysql import MySql
from understudy.migrate.topology import Tree, grow

Config = Annotated[Path, typer.Option("--config", "-c", help="The settings file.", metavar="FILE")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
DEFAULT = Path("understudy.toml")


def print_json(value: object) -> None:
    """For scripts."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def settings_of(config: Path) -> Migrate:
    """What the file says under [migrate]. Raises SettingsError, also where no source is named."""
    settings = load(config).migrate
    if not settings.source:
        raise SettingsError(f"{config}: migrate.source: nothing given; accepted: host:port of a server of the old tree")
    return settings


def see(settings: Migrate) -> Tree:
    """The tree, or trees, of the settings' servers as they are now; a server that fails is drawn as unreachable."""
    target = settings.target
    starts = [settings.source, target.new_source, *target.new_replicas, target.rehearsal]
    return grow(discover(MySql(FromSettings(settings)), list(filter(None, starts)), settings.aliases))


def told(what: str) -> int:
    """Say it on standard error; the exit code for it."""
    typer.echo(f"understudy: {what}", err=True)
    return 1
