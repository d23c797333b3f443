"""Making a plan of what is there, and keeping it in a file; reading it again."""

from __future__ import annotations

import os
from pathlib import Path

from understudy.config import Settings
from understudy.configfile import load
from understudy.migrate.build.copying import data_bytes
from understudy.migrate.build.state import digest, done_so_far, is_under_way, progressed
from understudy.migrate.commanding import see, settings_of
from understudy.migrate.faults import ServerError
from understudy.migrate.goal import Wish
from understudy.migrate.journal import place, read
from understudy.migrate.limits import limits_of
from understudy.migrate.logins import FromSettings
from understudy.migrate.mysql import MySql
from understudy.migrate.plan import Plan, PlanError, decode, encode, make
from understudy.migrate.topology import Tree

SIZE_S = 120.0  # the plan does without where it takes longer


def default_place(settings: Settings) -> Path:
    """Where a plan is kept unless its place is named."""
    return settings.state / "migrate" / "plan.json"


def make_and_save(config: Path, out: Path | None) -> tuple[Plan, Path]:
    """Look, plan, and save: the plan and its file. Raises UnderstudyError; then the file is as it was."""
    settings, wanted = load(config), settings_of(config)
    path = out or default_place(settings)
    _require_free(path, settings)
    wish, tree = Wish.of(wanted), see(wanted)
    tree.seen(wanted.source)
    plan = make(tree, wish, limits_of(wanted.limits), _data_bytes(settings, tree, wish))
    save(plan, path)
    return plan, path


def open_plan(config: Path, path: Path | None) -> tuple[Plan, Path]:
    """The plan that was saved. Raises PlanError."""
    place_ = path or default_place(load(config))
    try:
        content = place_.read_bytes()
    except OSError as error:
        raise PlanError(f"{place_}: no plan there: {error.strerror}", "`understudy migrate plan` makes one") from None
    return decode(content, str(place_)), place_


def _require_free(path: Path, settings: Settings) -> None:
    """A plan that is being carried out stays, for going on and for undoing; one that was carried out is kept aside."""
    if not path.exists():
        return
    entries = read(place(settings.state)).entries
    try:
        plan = decode(path.read_bytes(), str(path))
    except PlanError:
        if any(entry.step for entry in entries):
            raise
        return
    found = progressed(entries, digest(plan))
    if is_under_way(plan, found):
        raise PlanError(
            f"{path}: this plan is being carried out: {done_so_far(plan, found)} of {len(plan.steps)} steps are done",
            "go on with `understudy migrate build --execute`, or go back with `build --undo --execute`; then plan anew",
        )
    if found:
        path.with_name(f"{path.stem}-{digest(plan)}{path.suffix}").write_bytes(path.read_bytes())


def _data_bytes(settings: Settings, tree: Tree, wish: Wish) -> int | None:
    """How much data there is, as a replica tells it, so that the source is left alone; None where nobody can say."""
    root = tree.root(tree[wish.source].address)
    new = (wish.new_source, *wish.new_replicas, wish.rehearsal)
    replicas = [name for name in tree.shape.below(root) if name not in new]
    asked = [tree[wish.under].address] if wish.under else [*replicas, root]
    servers = MySql(FromSettings(settings.migrate))
    for name in asked:
        try:
            with servers.open(name) as session:
                return data_bytes(session, SIZE_S) or None
        except ServerError:
            continue
    return None


def save(plan: Plan, path: Path) -> None:
    """Write a plan to its file, whole or not at all. Raises PlanError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        half = path.with_name(path.name + ".new")
        half.write_bytes(encode(plan))
        os.chmod(half, 0o600)
        half.replace(path)
    except OSError as error:
        raise PlanError(f"{path}: the plan can't be saved: {error.strerror}") from None
