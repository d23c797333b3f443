"""Verify as an operator runs it: which two servers, where its state is, what it leaves as evidence."""

from __future__ import annotations

import fcntl
import hashlib
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from understudy.config import Settings, Verify
from understudy.errors import UnderstudyError
from understudy.migrate.clock import SystemClock
from understudy.migrate.discover import discover
from understudy.migrate.logins import FromSettings
from understudy.migrate.mysql import MySql
from understudy.migrate.topology import Tree, grow
from understudy.migrate.verify import accounts, report, reporting, structure
from understudy.migrate.verify.finding import Finding
from understudy.migrate.verify.moments import descent
from understudy.migrate.verify.options import Outcome
from understudy.migrate.verify.progress import follow
from understudy.migrate.verify.run import Run
from understudy.migrate.verify.state import State


class Asked(NamedTuple):
    """What the command line asks for."""

    old: str = ""
    new: str = ""
    all: bool = False
    only: Sequence[str] = ()
    restart: bool = False
    data_only: bool = False


def outcomes(settings: Settings, asked: Asked, console: Console) -> Iterator[Outcome]:
    """Each pair of servers compared, one after another, and kept in `report.json`. Raises UnderstudyError."""
    servers, tree = MySql(FromSettings(settings.migrate)), _tree(settings, asked)
    folder = settings.state / "migrate" / "verify"
    for old, new in pairs(settings, asked):
        with _alone(folder, old, new) as state, closing(state):
            outcome = _compared(settings, asked, console, servers, tree, state, (old, new))
        report.keep(folder / "report.json", outcome)
        yield outcome


def pairs(settings: Settings, asked: Asked) -> list[tuple[str, str]]:
    """Which servers are compared: old source and new source, or those asked for; new replicas too with --all."""
    target = settings.migrate.target
    old, new = asked.old or settings.migrate.source, asked.new or target.new_source
    if not new:
        raise UnderstudyError("there is no new side to compare with", "set migrate.target.new_source, or give --new")
    return [(old, new), *((new, replica) for replica in target.new_replicas if asked.all and replica != new)]


def _tree(settings: Settings, asked: Asked) -> Tree:
    starts = dict.fromkeys(address for pair in pairs(settings, asked) for address in pair)
    logins = FromSettings(settings.migrate)
    for address in starts:
        logins.of(address)  # a password file that is not there is a wrong setting, no unreachable server
    return grow(discover(MySql(logins), list(starts), settings.migrate.aliases))


def _compared(
    settings: Settings, asked: Asked, console: Console, servers: MySql, tree: Tree, state: State, sides: tuple[str, str]
) -> Outcome:
    clock = SystemClock()
    old, new = (tree.seen(address) for address in sides)
    ways = descent(tree, old.address, new.address)
    if new.channels and not ways.top:
        raise UnderstudyError(
            f"how {new.address} comes from {old.address} can't be told, so no moment is comparable",
            "`understudy migrate status` shows the servers between them; each has to be reached, with this account",
        )
    watched = [hop.address for hop in (*ways.new, *ways.old)]
    watched += [server.address for server in tree if server.channels and tree.source(server.address) == new.address]
    run = Run(
        servers, old.address, new.address, ways, list(dict.fromkeys(watched)), settings.migrate.verify, asked.only,
        state, clock,
    )  # fmt: skip
    begun_s = clock.monotonic_s()
    own = {settings.migrate.login(side).user for side in sides} | {settings.migrate.replication.user}
    _run_it(run, asked, servers, console, own)
    return _outcome(run, state, asked, clock.now_s(), clock.monotonic_s() - begun_s, settings.migrate.verify)


def _run_it(run: Run, asked: Asked, servers: MySql, console: Console, ours: Collection[str]) -> None:
    """In a thread, so that Ctrl-C is answered while servers are waited for; what is proved stays proved.

    `ours` are the users of Understudy and of its replicas, which have other grants on each side by intent.
    """
    raised: list[BaseException] = []

    def work() -> None:
        try:
            run.run(asked.restart, lambda: [] if asked.data_only else _definitions(servers, run, ours))
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=work, name="verify")
    thread.start()
    try:
        follow(run, thread, console)
    finally:
        run.ending.set() if thread.is_alive() else None
        thread.join()
    if raised:
        raise raised[0]


def _definitions(servers: MySql, run: Run, own_users: Collection[str]) -> list[Finding]:
    old, new = run.sides
    with servers.open(old.address) as ours, servers.open(new.address) as theirs:
        return [*structure.differences(ours, theirs), *accounts.differences(ours, theirs, own_users)]


def _outcome(run: Run, state: State, asked: Asked, now_s: float, seconds: float, how: Verify) -> Outcome:
    facts, known, left = state.facts(), state.tables(), state.unfinished()
    tables = tuple(
        reporting.table_outcome(pair, known[pair.name], pair.name in left, run.tally.troubles.get(pair.name, ""))
        for pair in sorted(run.pairs, key=lambda pair: pair.name)
        if pair.name in known
    )
    definitions = [*run.structure, *reporting.lonely(run.matched, run.structure)]
    findings = (*definitions, *state.findings())
    why = (run.why,) if run.why else ()
    if not why:
        state.note("ended", repr(now_s))
    return reporting.sealed(
        Outcome(
            reporting.overall(tables, findings, why), *run.sides, float(facts.get("started", now_s)), now_s,
            facts.get("since", ""), facts.get("until", ""), run.resumed, how.thorough, run.tally.rows,
            run.tally.rows / max(seconds, 1e-6), seconds, tables, findings, why,
            tuple(asked.only), asked.data_only, tuple(how.ignore), run.ignored,
        )
    )  # fmt: skip


@contextmanager
def _alone(folder: Path, old: str, new: str) -> Iterator[State]:
    """The state of these two sides, for one run at a time."""
    name = hashlib.sha256(f"{old} {new}".encode()).hexdigest()[:12]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / f"{name}.lock").open("w")
    except OSError as error:
        hint = "verify keeps there how far it is; state_dir in the settings chooses the place"
        raise UnderstudyError(f"{folder}: {error.strerror}", hint) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UnderstudyError(f"{old} and {new} are being compared by another run", "wait for it") from error
        yield State(folder / f"{name}.sqlite")
