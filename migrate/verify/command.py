"""`understudy migrate verify`."""

from __future__ import annotations

from typing import Annotated

import typer

from understudy.migrate.commanding import DEFAULT, Config, Json, print_json, settings_of


def verify(
    old: Annotated[str, typer.Option(help="host:port of the old side; else migrate.source.")] = "",
    new: Annotated[str, typer.Option(help="host:port of the new side; else migrate.target.new_source.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="The new replicas too, against the new source.")] = False,
    table: Annotated[list[str] | None, typer.Option(help="Only these tables: a pattern of schema.table.")] = None,
    restart: Annotated[bool, typer.Option(help="Begin anew, whatever an unfinished run has proved.")] = False,
    data_only: Annotated[bool, typer.Option(help="Rows alone, not definitions, users and grants.")] = False,
    shown: Annotated[int, typer.Option(help="Findings shown of each table; the report has more.", min=0)] = 20,
    config: Config = DEFAULT,
    as_json: Json = False,
) -> None:
    """Are the two copies of the data the same: checksums of all rows while writes go on, and all definitions.

    Nothing is written to any server. A run that was killed goes on where it was. The report is kept as evidence in
    migrate/verify/report.json in the state directory.

    Exit code: 0 equal; 4 different; 3 undecided or incomplete; 1 where it could not begin; 2 for wrong settings.
    """
    from rich.console import Console

    from understudy.configfile import load
    from understudy.migrate.verify import reporting
    from understudy.migrate.verify.options import EXIT
    from understudy.migrate.verify.running import Asked, outcomes

    settings_of(config)
    settings, asked = load(config), Asked(old, new, everything, tuple(table or ()), restart, data_only)
    done = []
    for outcome in outcomes(settings, asked, Console(stderr=True)):
        done.append(outcome)
        if not as_json:
            for line in reporting.words(outcome, shown):
                typer.echo(line)
    result = reporting.worst([outcome.result for outcome in done])
    if as_json:
        print_json({"result": result, "runs": done})
    raise typer.Exit(EXIT[result])
