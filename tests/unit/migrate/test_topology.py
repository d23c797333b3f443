"""From what was seen of servers to a tree: who is who, who follows whom, and what is odd."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicas import MARIA, NEW, at, server, shape_of, tree_of
from understudy.migrate.facts import Channel, Server
from understudy.migrate.identity import from_here
from understudy.migrate.oddities import ClashError, LoopError, ManySourcesError, Odd
from understudy.migrate.topology import Role, Tree, UnknownServerError, UnseenError, grow, require_plain

CHAIN = {"a": "", "b": "a", "c": "b", "d": "b", "e": "a"}


def kinds(tree: Tree) -> list[Odd]:
    return [oddity.kind for oddity in tree.oddities]


def test_a_tree_knows_levels_children_and_roles() -> None:
    tree = tree_of(CHAIN)
    assert [found.address for found in tree] == ["a:3306", "b:3306", "c:3306", "d:3306", "e:3306"]
    assert [tree.shape.level(at(name)) for name in "abcde"] == [0, 1, 2, 2, 1]
    assert tree.shape.children(at("a")) == ("b:3306", "e:3306")
    assert [tree.role(at(name)) for name in "abc"] == [Role.SOURCE, Role.INTERMEDIATE, Role.REPLICA]
    assert tree.shape.height(at("a")) == 2
    assert tree.root(at("d")) == "a:3306"
    assert not tree.oddities
    require_plain(tree)


def test_the_order_in_which_servers_were_found_does_not_change_who_follows_whom() -> None:
    assert shape_of(tree_of(dict(reversed(CHAIN.items())))) == CHAIN


def test_servers_that_do_not_belong_together_are_trees_of_their_own() -> None:
    tree = tree_of({"a": "", "b": "a", "alone": ""})
    assert tree.shape.roots == ("a:3306", "alone:3306")
    assert tree.role("alone:3306") is Role.ALONE


def test_a_server_that_has_to_be_reached_and_was_not_is_told_with_the_reason_and_what_to_do() -> None:
    tree = grow([server("a"), Server("b:3306", unreachable="the connection is refused", hint="is it up?")])
    assert tree.seen(at("a")) is tree.servers[at("a")]
    with pytest.raises(UnseenError, match="is refused") as raised:
        tree.seen("B:3306")
    assert (raised.value.message, raised.value.hint) == ("b:3306: the connection is refused", "is it up?")


# --- who is who


def test_one_server_reached_under_two_addresses_is_one() -> None:
    twice = server("b", "a", server_uuid="u", server_id=2)
    other = msgspec.structs.replace(twice, address="10.0.0.2:3306", known_as=("b.internal:3306",))
    tree = grow([server("a"), twice, other, server("c", "10.0.0.2")])
    assert shape_of(tree) == {"a": "", "b": "a", "c": "b"}
    assert tree.servers["b:3306"].known_as == ("10.0.0.2:3306", "b.internal:3306")
    assert tree["B.INTERNAL:3306"].address == "b:3306"


def test_a_connected_replica_is_believed_when_its_address_for_the_source_leads_elsewhere() -> None:
    """Behind NAT 10.0.0.1 is the source there, and another server here."""
    told = {"source_uuid": "uuid-of-a", "source_id": 1}
    tree = grow([server("a"), server("10.0.0.1"), server("b", "10.0.0.1", channel=told)])
    assert tree.source("b:3306") == "a:3306"


def test_mariadb_replicas_are_believed_by_the_id_of_their_source() -> None:
    maria = {"version": MARIA, "server_uuid": ""}
    source = server("a", server_id=77, **maria)
    tree = grow([source, server("b", "10.9.9.9", channel={"source_id": 77}, **maria)])
    assert tree.source("b:3306") == "a:3306"


def test_a_stopped_replica_is_believed_by_the_address_it_was_given() -> None:
    stale = {"receiving": False, "source_uuid": "uuid-of-c"}
    tree = grow([server("a"), server("c"), server("b", "a", channel=stale)])
    assert tree.source("b:3306") == "a:3306"


def test_an_address_that_answers_nowhere_is_the_server_that_is_known_by_it() -> None:
    dead = Server("10.0.0.2:3306", unreachable="connection refused")
    tree = grow([server("a"), dead, server("b", "a", known_as=("10.0.0.2:3306",))])
    assert shape_of(tree) == {"a": "", "b": "a"}
    assert kinds(tree) == []


def test_mariadb_servers_under_two_names_are_one_where_they_share_an_address() -> None:
    facts = {"version": MARIA, "server_uuid": "", "server_id": 5}
    tree = grow([server("b", known_as=("x:3306",), **facts), server("c", known_as=("x:3306",), **facts)])
    assert list(tree.servers) == ["b:3306"]


def test_a_loopback_source_is_on_the_replicas_own_machine() -> None:
    tree = grow([server("db7:3306"), server("db7:3307", "127.0.0.1:3306"), server("127.0.0.1:3306")])
    assert tree.source("db7:3307") == "db7:3306"


@pytest.mark.parametrize(
    ("speaker", "said", "meant"),
    [
        ("db7:3307", "127.0.0.1:3306", "db7:3306"),
        ("db7:3307", "127.0.1.1:3306", "db7:3306"),
        ("db7:3307", "LOCALHOST:3306", "db7:3306"),
        ("db7", "[::1]:3308", "db7:3308"),
        ("[fe80::1]:3306", "localhost:3307", "[fe80::1]:3307"),
        ("127.0.0.1:1", "localhost:2", "127.0.0.1:2"),
        ("localhost:1", "[::1]:2", "localhost:2"),
        ("127.0.0.2:3306", "127.0.0.1:3306", "127.0.0.1:3306"),
        ("127.0.0.1:3306", "127.0.0.2:3306", "127.0.0.2:3306"),
        ("127.0.0.1:3306", "10.0.0.1:3306", "10.0.0.1:3306"),
        ("db7:3306", "localhost.example:3306", "localhost.example:3306"),
    ],
)
def test_a_loopback_address_is_told_with_the_host_of_who_says_it(speaker: str, said: str, meant: str) -> None:
    assert from_here(Server(speaker), said) == meant


def test_on_one_machine_loopback_addresses_stay_what_they_are() -> None:
    tree = grow([server("127.0.0.1:1"), server("127.0.0.1:2", "127.0.0.1:1")])
    assert tree.source("127.0.0.1:2") == "127.0.0.1:1"


def test_a_source_that_was_never_seen_is_in_the_tree_and_is_one_for_all_that_name_it() -> None:
    told = {"source_uuid": "u"}
    tree = grow([server("b", "a", channel=told), server("c", "10.0.0.1", channel=told)])
    assert shape_of(tree) == {"a": "", "b": "a", "c": "a"}
    assert tree.servers["a:3306"].unreachable == "named by b:3306 as its source"
    assert kinds(tree) == [Odd.UNREACHABLE]


def test_unreachable_replicas_are_drawn_and_counted_beneath_the_source_that_names_them() -> None:
    source = server("a", reported_replicas=("b:3306", "gone:3306", "down:3306"))
    tree = grow([source, server("b", "a"), Server("down:3306", unreachable="timed out")])
    assert tree.shape.children("a:3306") == ("b:3306", "down:3306", "gone:3306")
    assert tree.servers["down:3306"].unreachable == "timed out"


def test_a_replica_is_believed_before_a_source_that_still_lists_it() -> None:
    tree = grow([server("a", reported_replicas=("c:3306",)), server("b", "a"), server("c", "b")])
    assert tree.source("c:3306") == "b:3306"


def test_a_replica_listed_without_its_port_is_the_one_on_that_host() -> None:
    tree = grow([server("a", reported_replicas=("b",)), server("b:3307", "a")])
    assert list(tree.servers) == ["a:3306", "b:3307"]


# --- what is odd


def test_co_sources_are_named_and_the_writable_one_is_drawn_on_top() -> None:
    tree = grow([server("a", "b", read_only=True), server("b", "a", read_only=False), server("c", "a")])
    assert shape_of(tree) == {"a": "b", "b": "", "c": "a"}
    assert tree.also == {"b:3306": ("a:3306",)}
    assert tree.role("a:3306") is tree.role("b:3306") is Role.CO_SOURCE
    with pytest.raises(LoopError, match="a:3306 and b:3306 are co-sources"):
        require_plain(tree)


def test_a_loop_is_named_with_who_follows_whom() -> None:
    tree = tree_of({"a": "b", "b": "c", "c": "a", "d": "c"})
    assert kinds(tree) == [Odd.LOOP]
    with pytest.raises(
        LoopError, match="a:3306 follows b:3306, b:3306 follows c:3306, c:3306 follows a:3306"
    ) as raised:
        require_plain(tree)
    assert raised.value.hint
    assert len(list(tree)) == 4


def test_a_server_that_follows_itself_is_named() -> None:
    with pytest.raises(LoopError, match="a:3306 follows itself"):
        require_plain(tree_of({"a": "a"}))


def test_a_replica_of_many_channels_is_refused_by_name() -> None:
    channels = (Channel("a:3306", "first"), Channel("b:3306", "second"))
    tree = grow([server("a"), server("b"), server("c", channels=channels)])
    assert tree.also == {"c:3306": ("b:3306",)}
    with pytest.raises(ManySourcesError, match=r"c:3306 .* 2 channels \(first from a:3306, second from b:3306\)"):
        require_plain(tree)


def test_two_servers_with_one_id_in_one_tree_are_a_clash() -> None:
    tree = tree_of({"a": "", "b": "a", "c": "a"}, {"b": {"server_id": 9}, "c": {"server_id": 9}})
    with pytest.raises(ClashError, match="b:3306 and c:3306 all say server_id 9"):
        require_plain(tree)


def test_two_servers_with_one_id_in_two_trees_are_none() -> None:
    assert not kinds(tree_of({"a": "", "b": ""}, {"a": {"server_id": 9}, "b": {"server_id": 9}}))


def test_a_copy_that_took_the_uuid_along_is_a_clash_and_not_the_same_server() -> None:
    tree = tree_of({"a": "", "b": "a", "c": "a"}, {"c": {"server_uuid": "uuid-of-b"}})
    with pytest.raises(ClashError, match="b:3306 and c:3306 all say server_uuid uuid-of-b") as raised:
        require_plain(tree)
    assert "auto.cnf" in raised.value.hint


def test_mixed_flavours_are_noted_and_do_not_stop_planning() -> None:
    tree = tree_of({"a": "", "b": "a"}, {"b": {"version": MARIA}})
    assert [oddity.message for oddity in tree.oddities] == [
        "one tree, two flavours: MySQL: a:3306; MariaDB: b:3306",
    ]
    require_plain(tree)


# --- asking and changing


def test_a_wrong_address_is_told_with_the_one_that_was_meant() -> None:
    tree = tree_of({"old-source": "", "old-replica": "old-source"})
    with pytest.raises(UnknownServerError) as raised:
        tree["old-sourec:3306"]
    assert raised.value.hint == "did you mean old-source:3306?"
    assert "x:1" not in tree
    assert "old-source:3306" in tree


def test_a_server_may_be_placed_changed_and_taken_out() -> None:
    tree = tree_of(CHAIN)
    grown = tree.placed(server("new", version=NEW), "e:3306")
    assert grown.source("new:3306") == "e:3306"
    assert grown.without("new:3306") == tree
    assert shape_of(tree.placed(tree.servers["b:3306"], "e:3306")) == CHAIN | {"b": "e"}


NAMES = ["a", "b", "c", "d", "e", "f"]
ANYTHING = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["", *NAMES, "unseen"]), min_size=1)


@given(sources=ANYTHING, unreachable=st.sets(st.sampled_from(NAMES)))
def test_whatever_follows_whatever_every_server_is_in_the_tree_exactly_once(
    sources: dict[str, str], unreachable: set[str]
) -> None:
    facts = {name: {"unreachable": "down", "channels": ()} for name in unreachable}
    tree = tree_of(sources, facts)
    seen = [found.address for found in tree]
    assert len(seen) == len(set(seen)) == len(tree.servers)
    assert {at(name) for name in sources} <= set(seen)
    assert grow(tree.servers.values()).shape == tree.shape
