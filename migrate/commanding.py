"""What the commands of `understudy migrate` share: their options, the settings, a look at the tree."""

from __future__ import annotations

from enum import StrEnum
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
from understudy.migrate.rows import join_address, split_address
from understudy.migrate.topology import Tree, grow

Config = Annotated[Path, typer.Option("--config", "-c", help="The settings file.", metavar="FILE")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
DEFAULT = Path("understudy.toml")


class Format(StrEnum):
    """How a tree is drawn."""

    TEXT = "text"
    SVG = "svg"
    DOT = "dot"


def print_json(value: object) -> None:
    """For scripts."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def only_ascii(encoding: str | None) -> bool:
    """Whether a terminal of this encoding, or what stands in for it, takes no strokes and marks beyond ASCII."""
    return (encoding or "").lower().replace("-", "") != "utf8"


def settings_of(config: Path) -> Migrate:
    """What the file says under [migrate]. Raises SettingsError, also where no source is named."""
    settings = load(config).migrate
    if not settings.source:
        raise SettingsError(f"{config}: migrate.source: nothing given; accepted: host:port of a server of the old tree")
    return settings


def see(settings: Migrate) -> Tree:
    """The tree, or trees, of the settings' servers as they are now; a server that fails is drawn as unreachable.

    Raises SettingsError where the source's own login can't be had, such as a password file that is not there.
    """
    target, logins = settings.target, FromSettings(settings)
    logins.of(settings.source)
    starts = [settings.source, target.new_source, *target.new_replicas, target.rehearsal]
    return grow(discover(MySql(logins), list(filter(None, starts)), settings.aliases))


def source_of(settings: Migrate) -> str:
    """The source's address as the tree has it: with a port."""
    return join_address(*split_address(settings.source))


def unreached(tree: Tree, settings: Migrate) -> str:
    """Why the source can't be reached, and what to do about it; empty where it can."""
    source = tree.servers.get(source_of(settings))
    if source is None or not source.unreachable:
        return ""
    return f"{source.address}: {source.unreachable}" + (f"\n  hint: {source.hint}" if source.hint else "")


def told(what: str) -> int:
    """Say it on standard error; the exit code for it."""
    typer.echo(f"understudy: {what}", err=True)
    return 1
