"""`understudy migrate plan`, `build` and `journal`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from understudy.migrate.commanding import DEFAULT, Config, Format, Json, only_ascii, print_json


def plan(
    out: Annotated[
        Path | None, typer.Option(help="Where the plan is saved; else migrate/plan.json in the state directory.")
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", "-f", help="svg and dot draw the tree that shall be, and nothing else.")
    ] = Format.TEXT,
    config: Config = DEFAULT,
    as_json: Json = False,
) -> None:
    """From the tree that is to the tree that shall be: steps with reasons, durations and undo, saved to a file.

    No server is changed. A plan that is being carried out is not overwritten.

    Exit code: 0 with a plan; 1 where none can be made, with the reason and what is possible; 2 for wrong settings.
    """
    from understudy.migrate import graphviz, picture
    from understudy.migrate.build import planning, telling
    from understudy.migrate.draw import changes

    made, path = planning.make_and_save(config, out)
    notes = changes(made.before(), made.after())
    if as_json:
        print_json(telling.plan_as_json(made, str(path)))
    elif form is Format.SVG:
        typer.echo(picture.svg(made.after(), title="The replication tree that shall be", notes=notes), nl=False)
    elif form is Format.DOT:
        typer.echo(graphviz.dot(made.after(), notes=notes), nl=False)
    else:
        from rich.console import Console

        console = Console()
        ascii_only = only_ascii(console.encoding)
        typer.echo(telling.plan_in_words(made, str(path), console.width, ascii_only=ascii_only))


def build(
    execute: Annotated[bool, typer.Option("--execute", help="Do it; else it is only shown.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Undo what was done, the last step first.")] = False,
    to: Annotated[int, typer.Option(help="With --undo: steps up to this number stay.", min=0)] = 0,
    step: Annotated[int, typer.Option(help="Only this step, which must be the next.", min=0)] = 0,
    until: Annotated[int, typer.Option(help="Stop after this step.", min=0)] = 0,
    patience: Annotated[float, typer.Option(help="Seconds that a server may take to catch up.", min=1)] = 86_400,
    plan_file: Annotated[
        Path | None, typer.Option("--plan", help="The plan; else migrate/plan.json in the state directory.")
    ] = None,
    config: Config = DEFAULT,
    as_json: Json = False,
) -> None:
    """Carry out the plan, step by step. Without --execute: show exactly what would be done.

    Every step is journalled before it is taken. Killed or failed, it goes on where it was when the command is given
    again, or goes back with --undo. With --json, --execute prints an event a line.

    Exit code: 0 when all was done or shown; 1 when a step failed, or the plan no longer holds; 2 for wrong settings.
    """
    from understudy.migrate.build.building import Wanted, run

    run(Wanted(config, plan_file, execute, undo, to, step, until, patience, as_json))


def journal(config: Config = DEFAULT, as_json: Json = False) -> None:
    """What was meant to be done, what came of it, and which process did it. Nothing is changed.

    Exit code: 0, also where nothing was ever done; 1 where the journal can't be read.
    """
    from understudy.configfile import load
    from understudy.migrate.build import telling
    from understudy.migrate.journal import place, read

    path = place(load(config).state)
    reading = read(path)
    if as_json:
        entries = [telling.entry_as_json(one) for one in reading.entries]
        print_json({"file": str(path), "entries": entries, "torn_lines": reading.torn})
        return
    for one in reading.entries:
        typer.echo(telling.entry(one))
    for number in reading.torn:
        typer.echo(f"understudy: {path}: line {number} was cut short as it was written: no act followed", err=True)
