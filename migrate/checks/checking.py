"""What `understudy migrate check` does: sees the tree, collects, examines, tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape

from understudy.config import Check, Migrate
from understudy.configfile import load
from understudy.migrate.checks import shell, show, targets, waivers
from understudy.migrate.checks.case import Case, Wishes
from understudy.migrate.checks.collect import case, collect
from understudy.migrate.checks.collect_left import evidence, shadowed
from understudy.migrate.checks.examine import chosen, examine, exit_code, ordered
from understudy.migrate.checks.finding import Finding, Rule
from understudy.migrate.checks.rules import RULES
from understudy.migrate.clock import SystemClock
from understudy.migrate.commanding import print_json, see, settings_of, told
from understudy.migrate.limits import limits_of
from understudy.migrate.logins import FromSettings
from understudy.migrate.mysql import MySql
from understudy.migrate.ports import Shadows
from understudy.migrate.topology import Tree

Tell = Callable[[str], None]


def run(
    config: Path,
    target_version: str,
    wanted: Sequence[str],
    shadows: Shadows | None = None,
    *,
    with_shell: bool,
    as_json: bool,
) -> int:
    """Check and print: the exit code. Raises UnderstudyError where it can't be checked."""
    settings, whole = settings_of(config), load(config)
    waivers.require_known(settings.check.waivers, RULES, str(config))
    rules = chosen(RULES, wanted)
    with _progress() as tell:
        made = facts(settings, target_version, tell)
        left = shadowed(evidence(whole.state, SystemClock()), shadows, whole)
        made = msgspec.structs.replace(made, evidence=left)
        found = examine(made, rules)
        if with_shell and not wanted:
            found += _of_shell(settings, made, tell)
    today = datetime.now(UTC).date()
    findings = ordered(
        waivers.apply(found, settings.check.waivers if not wanted else _of(settings.check, rules), today)
    )
    if as_json:
        print_json(structure(made, findings))
    else:
        console = Console(highlight=False, soft_wrap=True)
        console.print(show.table(findings, head(made), most=len(findings) if wanted else show.MOST), end="")
    return exit_code(findings)


def show_rules(as_json: bool) -> None:
    """Print every rule."""
    if as_json:
        print_json([{"id": rule.id, "severity": rule.severity, "why": rule.why} for rule in RULES])
    else:
        Console(highlight=False, soft_wrap=True).print(show.listed(RULES), end="")


def facts(settings: Migrate, target_version: str, tell: Tell) -> Case:
    """See the tree and collect what rules look at. Raises UnderstudyError where the old source can't be seen."""
    tell("looking for the servers of the tree")
    tree = see(settings)
    start = tree.seen(settings.source)
    old = _old_source(tree, start.address)
    version = tree.servers[old].version
    assert version is not None
    new = tree[settings.target.new_source].address if settings.target.new_source in tree else ""
    target = targets.choose(tree, version, settings.target.new_source, settings.target.version, target_version)
    wanted = msgspec.structs.replace(wishes(settings.check), gtid_at_cutover=settings.target.gtid_at_cutover)
    sides, failed = collect(MySql(FromSettings(settings)), SystemClock(), tree, old, new, wanted, tell)
    made = case(sides, tree, old, new, target, limits_of(settings.limits), wanted)
    rehearsal = tree[settings.target.rehearsal].address if settings.target.rehearsal in tree else ""
    return msgspec.structs.replace(made, failed=failed, rehearsal=rehearsal)


def wishes(check: Check) -> Wishes:
    """What the settings ask for."""
    return msgspec.convert(check, Wishes, from_attributes=True)


def head(made: Case) -> str:
    """What was checked, in a line."""
    new = f" ({made.new.address})" if made.new else ", which is not there yet"
    return f"{made.old.version} ({made.old.address}) to {made.target}{new}"


def structure(made: Case, findings: Sequence[Finding]) -> dict[str, Any]:
    """For scripts."""
    return {
        "old": {"address": made.old.address, "version": str(made.old.version)},
        "new": {"address": made.new.address, "version": str(made.new.version)} if made.new else None,
        "target": str(made.target),
        "exit_code": exit_code(findings),
        "findings": [msgspec.to_builtins(finding) for finding in findings],
    }


def _old_source(tree: Tree, start: str) -> str:
    """The topmost server above the one that the settings name that was seen."""
    above = [name for name in tree.shape.above(start) if not tree.servers[name].unreachable]
    return above[-1] if above else start


def _of(check: Check, rules: Sequence[Rule]) -> list[Any]:
    ids = {rule.id for rule in rules}
    return [waiver for waiver in check.waivers if waiver.id in ids]


def _of_shell(settings: Migrate, made: Case, tell: Tell) -> list[Finding]:
    tell("MySQL Shell's upgrade checker")
    address, logins = made.old.address, FromSettings(settings)
    with MySql(logins).open(address) as session:
        with_tls = session.is_encrypted
    said = shell.ask(address, logins.of(address), made.old.version, made.target, with_tls=with_tls)
    if said.why_not:
        told(f"left out: {said.why_not}")
    return list(said.findings)


@contextmanager
def _progress() -> Iterator[Tell]:
    """On standard error, where that is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("checking") as status:
        yield lambda said: status.update(escape(said))
