"""`understudy migrate check`: what would break, found before it does."""

from __future__ import annotations

from typing import Annotated

import typer

from understudy.migrate.commanding import DEFAULT, Config, Json


def check(
    context: typer.Context,
    config: Config = DEFAULT,
    target_version: Annotated[
        str, typer.Option(help="Check for this version, such as 9.7 or mariadb-11.8, instead of the new source's.")
    ] = "",
    rule: Annotated[
        list[str] | None, typer.Option(help="Only this rule, with all that it finds; may be given again.")
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="Name every rule with its severity and why it matters.")
    ] = False,
    mysqlsh: Annotated[bool, typer.Option(help="Ask MySQL Shell's upgrade checker too, where it is installed.")] = True,
    as_json: Json = False,
) -> None:
    """What would break in the new version, or in the move. Reads, and changes nothing.

    Exit code: 0 nothing but notes, 3 warnings, 4 errors; 1 it could not be checked, 2 wrong settings.

    Findings that a waiver (migrate.check.waivers) covers are shown, and don't count.
    """
    from understudy.migrate.checks.checking import run, show_rules

    if list_:
        show_rules(as_json)
        return
    code = run(config, target_version, rule or [], context.obj, with_shell=mysqlsh, as_json=as_json)
    if code:
        raise typer.Exit(code)
