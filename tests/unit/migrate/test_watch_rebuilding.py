"""Which steps build a server anew, and when it is refused."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from understudy.migrate.facts import Channel, Server
from understudy.migrate.goal import Wish
from understudy.migrate.limits import limits_of
from understudy.migrate.plan import decode, encode
from understudy.migrate.step import Kind
from understudy.migrate.topology import Tree, grow
from understudy.migrate.versions import Version
from understudy.migrate.watch.rebuilding import RebuildError, rebuild

WISH = Wish("old:1", "new:1")


def server(name: str, under: str = "", **more: object) -> Server:
    channels = (Channel(under, receiving=True, applying=True),) if under else ()
    made = Server(
        name, Version.parse("9.7.4"), sum(map(ord, name)), channels=channels, log_bin=True, log_replica_updates=True,
        binlog_format="ROW", gtid_mode="OFF",
    )  # fmt: skip
    return replace(made, **more)


def small(**changed: Server) -> Tree:
    found = {"old": server("old:1"), "new": server("new:1", "old:1"), "leaf": server("leaf:1", "new:1"), **changed}
    return grow(found.values())


def steps(tree: Tree, name: str, *, with_replicas: bool = False) -> list[tuple[Kind, str]]:
    plan = rebuild(tree, name, WISH, limits_of("none"), with_replicas=with_replicas)
    assert decode(encode(plan), "plan.json") == plan, "it is kept in a file, and is legal"
    assert {one: plan.after().source(one) for one in tree.servers} == {one: tree.source(one) for one in tree.servers}
    return [(step.kind, step.server) for step in plan.steps]


def test_a_leaf_leaves_is_emptied_and_comes_back() -> None:
    kinds = [Kind.DETACH, Kind.WIPE, Kind.COPY, Kind.ACCOUNTS, Kind.ATTACH, Kind.CATCH_UP]
    assert steps(small(), "leaf:1") == [(kind, "leaf:1") for kind in kinds]


def test_what_is_beneath_leaves_first_and_comes_back_last() -> None:
    found = steps(small(), "new:1", with_replicas=True)
    assert found[:2] == [(Kind.DETACH, "leaf:1"), (Kind.DETACH, "new:1")]
    assert found.index((Kind.CATCH_UP, "new:1")) < found.index((Kind.WIPE, "leaf:1"))


@pytest.mark.parametrize(
    ("tree", "name", "why"),
    [
        (small(), "old:1", "follows nobody"),
        (small(), "new:1", "has replicas"),
        (
            small(new=server("new:1", "old:1", channels=(Channel("old:1", error="x", error_number=1),))),
            "leaf:1",
            "broken",
        ),
        (small(new=server("new:1", "old:1", log_bin=False)), "leaf:1", "can't be copied from new:1"),
        (small(leaf=server("leaf:1", "new:1", unreachable="refused")), "leaf:1", "can't be built anew: refused"),
    ],
)
def test_what_can_not_be_built_anew_is_refused(tree: Tree, name: str, why: str) -> None:
    with pytest.raises(RebuildError, match=why):
        rebuild(tree, name, WISH, limits_of("none"), with_replicas=False)
