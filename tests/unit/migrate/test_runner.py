"""Carrying out a plan: crashed at every point it goes on, or goes back, and never takes a step twice for real."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hurried import Hurried
from replicas import server, tree_of
from understudy.errors import UnderstudyError
from understudy.migrate import plan as plans
from understudy.migrate.build.deps import Deps
from understudy.migrate.build.rehearsing import rehearse, rehearse_undo
from understudy.migrate.build.runner import Runner
from understudy.migrate.build.state import Stage, digest, done_so_far, is_under_way, progressed
from understudy.migrate.clock import SystemClock
from understudy.migrate.facts import Server
from understudy.migrate.goal import Wish
from understudy.migrate.journal import Journal, read
from understudy.migrate.lasting import standing
from understudy.migrate.limits import CLASSIC
from understudy.migrate.plan import Plan, StalePlanError
from understudy.migrate.step import Kind, Step, apply
from understudy.migrate.topology import Tree, grow

OLD = {"old": "", "old-1": "old", "old-2": "old"}


class Crash(BaseException):
    """The process is gone: nothing after it runs."""


class Site:
    """Servers that are nothing but a tree and a set of finished steps, and a process that may die at any act."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.jsonl"
        before = tree_of({**OLD, "new": "", "n1": ""})
        wish = Wish("old:3306", "new:3306", ("n1:3306",), "old-2:3306")
        self.plan: Plan = plans.make(before, wish, CLASSIC)
        self.tree: Tree = self.plan.before()
        self.effects: list[str] = []
        self.done: set[tuple[Kind, str]] = set()
        self.lost: set[tuple[Kind, str]] = set()
        self.until_crash: int | None = None
        self.refused: tuple[Kind, str] | None = None
        self.said: list[str] = []

    def act(self) -> None:
        """A point at which the process may die."""
        if self.until_crash is not None:
            self.until_crash -= 1
            if self.until_crash < 0:
                raise Crash

    def deps(self) -> Deps:
        return Deps(self.look, self.action, Hurried(), self)

    def look(self) -> Tree:
        return self.tree

    def action(
        self, step: Step, tree: Tree, recorded: dict[str, Any], note: Callable[[dict[str, Any]], None], *, undoing: bool
    ) -> FakeAction:
        return FakeAction(self, step, recorded, note, undoing)

    def step(self, step: Step, number: int, of: int, *, undoing: bool) -> None:
        self.said.append(f"{number}/{of} {undoing}")

    def outcome(self, step: Step, text: str) -> None:
        self.said.append(text)

    def run(self, act: Callable[[Runner], int], until_crash: int | None = None) -> bool:
        """Whether it came to its end."""
        self.until_crash = until_crash
        try:
            with Journal.open(self.path, SystemClock(), "test") as journal:
                real = journal.write

                def write(*arguments: Any, **detail: Any) -> Any:
                    self.act()
                    entry = real(*arguments, **detail)
                    self.act()
                    return entry

                journal.write = write  # type: ignore[method-assign]
                act(Runner(self.plan, journal, self.deps()))
        except Crash:
            return False
        return True


class FakeAction:
    """A step as a state machine in memory: its effect is seen on the tree, or in the site's `done`."""

    def __init__(
        self, site: Site, step: Step, recorded: dict[str, Any], note: Callable[[dict[str, Any]], None], undoing: bool
    ) -> None:
        self.site, self.wanted, self.recorded, self.note, self.undoing = site, step, recorded, note, undoing

    @property
    def mark(self) -> tuple[Kind, str]:
        kind = {Kind.WIPE: Kind.COPY, Kind.DROP_ACCOUNTS: Kind.ACCOUNTS, Kind.DETACH: Kind.ATTACH}
        return kind.get(self.wanted.kind, self.wanted.kind), self.wanted.server

    def says(self) -> list[str]:
        return [f"would {self.wanted.kind}"]

    def is_done(self) -> bool:
        return (self.mark in self.site.done) != self.undoing

    def check(self) -> None:
        if self.mark == self.site.refused:
            raise UnderstudyError("replication stands still")

    def lost(self) -> list[str]:
        return ["a restart"] if self.mark in self.site.lost else []

    def mend(self) -> None:
        self.site.lost.discard(self.mark)

    def do(self) -> None:
        if not self.undoing and "before" not in self.recorded:
            self.note({"before": self.wanted.kind})
        assert "before" in self.recorded or not self.undoing, "the undoing knows what the doing has noted"
        self.site.act()
        self.site.effects.append(f"{'un' * self.undoing}{self.mark[0]} {self.mark[1]}")
        self.site.tree = apply(self.site.tree, self.wanted)
        if self.undoing:
            self.site.done.discard(self.mark)
        else:
            self.site.done.add(self.mark)
        self.site.act()


def stages(site: Site) -> dict[str, Stage]:
    return {step: one.stage for step, one in progressed(read(site.path).entries, digest(site.plan)).items()}


def crash_points(folder: Path, act: Callable[[Runner], int], first: Callable[[Runner], int] | None) -> int:
    """How many points there are at which a run may die."""
    site = Site(folder)
    if first:
        assert site.run(first)
    points = 10_000
    site.run(act, points)
    assert site.until_crash is not None
    return points - site.until_crash


def run(runner: Runner) -> int:
    return runner.run()


def undo(runner: Runner) -> int:
    return runner.undo()


def test_a_run_killed_at_any_point_is_resumed_and_no_step_takes_effect_twice(tmp_path: Path) -> None:
    points = crash_points(tmp_path / "count", run, None)
    assert points > 40
    for point in range(points):
        site = Site(tmp_path / str(point))
        assert not site.run(run, point)
        assert site.run(run)
        assert len(site.effects) == len(set(site.effects)) == len(site.plan.steps), f"killed at {point}"
        assert set(stages(site).values()) == {Stage.DONE}
        assert site.tree.shape == site.plan.after().shape


def test_a_run_killed_at_any_point_is_undone_and_leaves_the_tree_as_it_was(tmp_path: Path) -> None:
    for point in range(crash_points(tmp_path / "count", run, None)):
        site = Site(tmp_path / str(point))
        site.run(run, point)
        assert site.run(undo)
        assert stages(site) == {}
        assert site.tree.shape == site.plan.before().shape, f"killed at {point}"
        assert site.done <= {(Kind.CATCH_UP, name) for _, name in site.done}, "a wait leaves nothing behind"


def test_an_undoing_killed_at_any_point_is_gone_on_with(tmp_path: Path) -> None:
    for point in range(crash_points(tmp_path / "count", undo, run)):
        site = Site(tmp_path / str(point))
        assert site.run(run)
        assert not site.run(undo, point)
        assert site.run(undo)
        assert stages(site) == {}
        assert site.tree.shape == site.plan.before().shape, f"killed at {point}"
        undone = [effect for effect in site.effects if effect.startswith("un")]
        assert len(undone) == len(set(undone))


def test_a_step_that_is_being_undone_is_not_taken(tmp_path: Path) -> None:
    for point in range(20):
        site = Site(tmp_path / str(point))
        site.run(run)
        site.run(undo, point)
        if Stage.UNDOING in stages(site).values():
            break
    with pytest.raises(UnderstudyError, match="was being undone"):
        site.run(run)


def test_only_what_was_asked_for_is_taken_and_undone(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert site.run(lambda runner: runner.run(until=3))
    assert len(site.effects) == 3
    assert done_so_far(site.plan, progressed(read(site.path).entries, digest(site.plan))) == 3
    assert site.run(lambda runner: runner.undo(to=2))
    assert list(stages(site)) == [step.id for step in site.plan.steps[:2]]
    assert site.run(run)
    assert set(stages(site).values()) == {Stage.DONE}


def test_a_step_that_fails_is_written_down_with_its_reason_and_taken_again(tmp_path: Path) -> None:
    site = Site(tmp_path)

    def fails(runner: Runner) -> int:
        site.act = lambda: (_ for _ in ()).throw(UnderstudyError("the disk is full"))  # type: ignore[method-assign]
        return runner.run()

    with (
        pytest.raises(UnderstudyError, match="the disk is full"),
        Journal.open(site.path, SystemClock(), "test") as journal,
    ):
        fails(Runner(site.plan, journal, site.deps()))
    del site.act  # type: ignore[method-assign]
    (only,) = progressed(read(site.path).entries, digest(site.plan)).values()
    assert (only.stage, only.failure) == (Stage.BEGUN, "the disk is full")
    assert site.run(run)
    assert set(stages(site).values()) == {Stage.DONE}


def refused_at(site: Site, step: Step, act: Callable[[Runner], int]) -> None:
    """The step's check fails."""
    site.refused = (step.kind, step.server)
    with pytest.raises(UnderstudyError, match="replication stands still"):
        site.run(act)
    assert read(site.path).entries[-2].detail == {"why": "replication stands still"}
    site.refused = None


def test_a_step_whose_check_fails_was_not_begun_so_another_plan_may_be_made(tmp_path: Path) -> None:
    site = Site(tmp_path)
    refused_at(site, site.plan.steps[0], run)
    assert not is_under_way(site.plan, progressed(read(site.path).entries, digest(site.plan)))


def test_what_is_before_a_step_whose_check_fails_can_be_undone_though_it_fails_still(tmp_path: Path) -> None:
    site = Site(tmp_path)
    move = site.plan.steps[4]
    refused_at(site, move, run)
    assert len(stages(site)) == move.number - 1
    site.refused = (move.kind, move.server)
    assert site.run(undo)
    assert stages(site) == {}
    assert site.tree.shape == site.plan.before().shape


def test_a_step_that_can_not_be_undone_just_now_stays_done_and_the_plan_may_go_on(tmp_path: Path) -> None:
    site = Site(tmp_path)
    attach = next(step for step in site.plan.steps if step.kind is Kind.ATTACH)
    assert site.run(lambda runner: runner.run(until=attach.number))
    refused_at(site, attach, undo)
    assert stages(site)[attach.id] is Stage.DONE
    assert site.run(run)
    assert set(stages(site).values()) == {Stage.DONE}


def test_a_tree_that_has_moved_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.tree = grow([*site.tree.servers.values(), server("stranger", "old-2")])
    with pytest.raises(StalePlanError, match="stranger:3306 was not there, and follows old-2:3306"):
        site.run(run)
    assert site.effects == []


def test_a_tree_that_moves_between_two_steps_stops_the_run_there(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert site.run(lambda runner: runner.run(until=4))
    moved: Server = server("old-1", "old-2")
    site.tree = grow([*(one for name, one in site.tree.servers.items() if name != "old-1:3306"), moved])
    with pytest.raises(StalePlanError, match="old-1:3306 followed old:3306, and now follows old-2:3306"):
        site.run(run)
    assert len(site.effects) == 4


def test_going_back_is_possible_though_another_server_has_come_or_gone(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert site.run(lambda runner: runner.run(until=5))
    site.tree = grow([*(one for name, one in site.tree.servers.items() if name != "old-1:3306"), server("s", "old")])
    with pytest.raises(StalePlanError, match="old-1:3306 is gone") as refused:
        site.run(run)
    assert "--undo" in refused.value.hint
    assert site.run(undo)
    assert stages(site) == {}
    assert site.tree.source("new:3306") == ""


def test_what_was_built_is_not_undone_once_somebody_else_has_moved_it(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert site.run(lambda runner: runner.run(until=5))
    site.tree = site.tree.placed(site.tree.servers["new:3306"], "old-1:3306")
    with pytest.raises(StalePlanError, match="new:3306 followed old-2:3306, and now follows old-1:3306"):
        site.run(undo)


def test_a_step_half_done_is_no_moved_tree_but_what_another_has_moved_is(tmp_path: Path) -> None:
    plan = Site(tmp_path).plan
    attach = next(step for step in plan.steps if step.kind is Kind.ATTACH)
    number = attach.number
    half = plan.after(number - 1)
    half = half.changed(msgspec.structs.replace(half.servers["new:3306"], gtid_mode="ON_PERMISSIVE"))
    plans.require_unmoved(plan, half, number - 1, begun=True)
    plans.require_unmoved(plan, plan.after(number), number - 1, begun=True)
    with pytest.raises(StalePlanError):
        plans.require_unmoved(plan, plan.after(number), number - 1)
    with pytest.raises(StalePlanError, match="old-1:3306 is gone"):
        plans.require_unmoved(plan, half.without("old-1:3306"), number - 1, begun=True)


def test_a_rehearsal_shows_every_step_and_writes_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path)
    shown = list(rehearse(site.plan, {}, site.deps()))
    assert [one.step for one in shown] == list(site.plan.steps)
    assert not site.path.exists()
    assert site.effects == []
    site.run(lambda runner: runner.run(until=4))
    found = progressed(read(site.path).entries, digest(site.plan))
    assert [one.step.number for one in rehearse(site.plan, found, site.deps(), 6)] == [5, 6]
    assert [one.step.number for one in rehearse_undo(site.plan, found, site.deps(), 1)] == [4, 3, 2]


def test_what_a_restart_has_undone_is_shown_and_set_again_but_never_what_a_later_step_has_changed(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path)
    assert site.run(run)
    lost = {(Kind.ATTACH, "new:3306"), (Kind.COPY, "new:3306")}  # a copy has no setting
    site.lost = set(lost)
    (shown,) = rehearse(site.plan, progressed(read(site.path).entries, digest(site.plan)), site.deps())
    assert (shown.step.kind, shown.stage) == (Kind.ATTACH, Stage.DONE)
    assert "lost since it was done, and to be set again: a restart" in shown.says[0]
    assert site.lost == lost
    assert site.run(run)
    assert site.lost == {(Kind.COPY, "new:3306")}
    assert "lost since it was done, and set again: a restart" in site.said
    assert read(site.path).entries[-2].detail == {"lost": ["a restart"]}
    assert set(stages(site).values()) == {Stage.DONE}
    written = Step(1, Kind.WRITABLE, "new:3306", "", 1, 1)
    assert standing([*site.plan.steps, written])[0] == written


def test_steps_of_another_plan_and_of_other_commands_do_not_count(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.run(run)
    entries = read(site.path).entries
    assert progressed(entries, "another") == {}
    assert not is_under_way(site.plan, {})
    assert not is_under_way(site.plan, progressed(entries, digest(site.plan)))
    assert is_under_way(site.plan, progressed(entries[:-4], digest(site.plan)))
