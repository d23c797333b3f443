"""`understudy migrate watch`, `skip`, `rebuild`: replication on the new side, explained and repaired on command."""

from __future__ import annotations

from typing import Annotated

import typer

from understudy.errors import UnderstudyError
from understudy.migrate.commanding import DEFAULT, Config, Json, print_json, see, settings_of

Execute = Annotated[bool, typer.Option("--execute", help="Do it; without this nothing is changed.")]
Reason = Annotated[str, typer.Option(help="Why, for the journal.", metavar="TEXT")]


def watch(
    once: Annotated[bool, typer.Option("--once", help="Look once, and end with the exit code.")] = False,
    interval: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.2, max=3600)] = 5.0,
    everyone: Annotated[
        bool, typer.Option("--all", help="Every replica, not only the new source and beneath.")
    ] = False,
    max_lag: Annotated[float, typer.Option(help="Seconds of lag from which on it is told.", min=0)] = 60.0,
    max_stall: Annotated[float, typer.Option(help="Seconds without moving on, likewise.", min=0)] = 30.0,
    config: Config = DEFAULT,
    as_json: Json = False,
) -> None:
    """Look after replication on the new side; what breaks is explained once. Nothing is written.

    With --once the exit code is 0 where all is well, 3 where something lags or is not known, 4 where replication is
    broken, stopped or waits for disk space; 1 where there is nobody to watch. --json prints one object a line, until
    Ctrl-C.
    """
    import time

    import msgspec

    from understudy.migrate.clock import SystemClock
    from understudy.migrate.logins import FromSettings
    from understudy.migrate.mysql import MySql
    from understudy.migrate.watch import show
    from understudy.migrate.watch.concerns import Bounds
    from understudy.migrate.watch.watching import Watched, Watching, of_tree

    settings = settings_of(config)

    def discover() -> list[Watched]:
        tree = see(settings)
        found = of_tree(tree, settings.target.new_source, everyone=everyone)
        if not found:
            tree.seen(settings.source)  # which may be why
        return found

    watching = Watching(
        MySql(FromSettings(settings)),
        discover,
        SystemClock(),
        Bounds(max_lag, max_stall),
    )
    while True:
        begun = time.monotonic()
        report = watching.report()
        lines = [msgspec.json.encode(one).decode() for one in show.objects(report)] if as_json else show.lines(report)
        typer.echo("\n".join(lines))  # at once, so that who reads along never sees half of a look
        if once:
            raise typer.Exit(int(report.level))
        time.sleep(max(0.0, interval - (time.monotonic() - begun)))


def skip(
    server: Annotated[str, typer.Argument(help="The server whose applier is broken.")],
    reason: Reason,
    expect: Annotated[
        str, typer.Option(help="The transaction that is meant, as it is printed without --execute.", metavar="GTID")
    ] = "",
    channel: Annotated[str | None, typer.Option(help="The channel, where several are broken.")] = None,
    even_old: Annotated[bool, typer.Option("--even-old", help="Also on a server of the old tree.")] = False,
    execute: Execute = False,
    config: Config = DEFAULT,
    as_json: Json = False,
) -> None:
    """Leave out the one transaction at which a replica is broken; without --execute, show it and what would be done.

    Given twice, or again after it was interrupted, it leaves out one transaction all the same. Exit codes: 0 done or
    shown, 1 refused, 4 done, and the replica is broken at a later transaction.
    """
    from understudy.configfile import load
    from understudy.migrate.clock import SystemClock
    from understudy.migrate.journal import Journal, place
    from understudy.migrate.logins import FromSettings
    from understudy.migrate.mysql import MySql
    from understudy.migrate.watch import show
    from understudy.migrate.watch.skip import Order, Skipping
    from understudy.migrate.watch.watching import is_new, watched

    settings = settings_of(config)
    tree = see(settings)
    address = tree[server].address
    if not even_old and not is_new(tree, settings.target, address):
        hint = "its users may read what would be wrong; --even-old skips there too"
        raise UnderstudyError(f"{address} is not on the new side", hint)
    order = Order(address, reason, expect, channel)
    skipping = Skipping(MySql(FromSettings(settings)), SystemClock(), order, watched(tree, address).sources)
    if not execute:
        given = [] if config == DEFAULT else ["--config", str(config)]
        given += [] if channel is None else ["--channel", channel]
        given += ["--even-old"] if even_old else []
        proposal = show.Proposal.of(skipping.fault(), reason, tree.shape.children(address), given)
        print_json(proposal) if as_json else typer.echo("\n".join(show.proposal(proposal)))
        return
    if not expect:
        raise UnderstudyError("--execute needs --expect", "the same command without --execute prints it")
    with Journal.open(place(load(config).state), SystemClock(), f"skip {address}") as journal:
        outcome = skipping.run(journal)
    print_json(outcome) if as_json else typer.echo("\n".join(show.outcome(outcome)))
    if outcome.next_break:
        raise typer.Exit(4)


def rebuild(
    server: Annotated[str, typer.Argument(help="The server that is broken.")],
    reason: Reason,
    with_replicas: Annotated[bool, typer.Option("--with-replicas", help="All that is beneath it, too.")] = False,
    patience: Annotated[float, typer.Option(help="Seconds that a server may take to catch up.", min=1)] = 86_400,
    execute: Execute = False,
    config: Config = DEFAULT,
    as_json: Json = False,
) -> None:
    """Build a server of the new side anew: drop all its data, copy it from whom it follows, let it follow again.

    Without --execute it is only shown. Killed or failed, it goes on where it was when the command is given again. Exit
    codes: 0 done or shown, 1 refused, or a step failed.
    """
    import sys

    from understudy.configfile import load
    from understudy.migrate.build import telling
    from understudy.migrate.build.ending import orderly
    from understudy.migrate.build.progress import Lines, shown
    from understudy.migrate.clock import SystemClock
    from understudy.migrate.journal import Journal, place
    from understudy.migrate.watch.rebuild import Order, Rebuilding, command

    settings = load(config)
    settings_of(config)
    order = Order(server, reason, with_replicas, patience)
    if not execute:
        steps = Rebuilding(settings, order, Lines(sys.stderr)).shown()
        if as_json:
            print_json([telling.rehearsed_as_json(one) for one in steps])
            return
        for line in telling.rehearsal(steps, undoing=False):
            typer.echo(line)
        return
    with (
        orderly(),
        Journal.open(place(settings.state), SystemClock(), command()) as journal,
        shown(as_json=as_json) as progress,
    ):
        taken = Rebuilding(settings, order, progress).run(journal)
        progress.says(f"{taken} steps taken")
