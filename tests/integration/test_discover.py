"""The tree is found on real servers, over addresses that lead nowhere, past servers that fail."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec
import pytest

from integration.trees import (
    ANY_TLS,
    NEW,
    OLD,
    ROOT,
    Node,
    Running,
    break_replication,
    fed,
    follow,
    paused,
    settled,
    tree,
)
from support import wait_until
from understudy.migrate.discover import discover
from understudy.migrate.facts import Server
from understudy.migrate.logins import Login, OneLogin
from understudy.migrate.mysql import MySql
from understudy.migrate.oddities import Odd
from understudy.migrate.sqltext import Secret
from understudy.migrate.topology import grow

pytestmark = pytest.mark.integration

QUICK = msgspec.structs.replace(ROOT, connect_s=3.0)  # where somebody keeps silent


def found(*starts: Running | str, login: Login = ROOT, **aliases: str) -> dict[str, Server]:
    addresses = [start if isinstance(start, str) else start.address for start in starts]
    named = {said.replace("_", "-"): address for said, address in aliases.items()}
    return {server.address: server for server in discover(MySql(OneLogin(login)), addresses, named)}


def follows(servers: dict[str, Server]) -> dict[str, str]:
    """Who follows whom, by the address under which each was reached."""
    return dict(grow(servers.values()).shape.sources)


@pytest.mark.parametrize("start", ["old-source", "old-replica-1", "new-source", "new-replica-1"])
def test_a_tree_from_5_6_to_9_7_is_found_whole_from_whichever_server_one_starts(
    mysql_tree: dict[str, Running], start: str
) -> None:
    address = {name: server.address for name, server in mysql_tree.items()}
    assert follows(found(mysql_tree[start])) == {
        address["old-source"]: "",
        address["old-replica-1"]: address["old-source"],
        address["old-replica-2"]: address["old-source"],
        address["new-source"]: address["old-replica-2"],
        address["new-replica-1"]: address["new-source"],
    }


@pytest.mark.parametrize("start", ["maria-source", "maria-middle", "maria-leaf"])
def test_a_chain_of_mariadb_versions_is_found_whole_though_it_has_no_uuids(
    mariadb_tree: dict[str, Running], start: str
) -> None:
    source, middle, leaf = (server.address for server in mariadb_tree.values())
    servers = found(mariadb_tree[start])
    assert follows(servers) == {source: "", middle: source, leaf: middle}
    assert servers[middle].reported_replicas == (leaf,)


def test_what_a_server_is_comes_out_the_same_on_both_flavours(
    mysql_tree: dict[str, Running], mariadb_tree: dict[str, Running]
) -> None:
    for source, leaf in (
        (mysql_tree["old-source"], mysql_tree["new-replica-1"]),
        (mariadb_tree["maria-source"], mariadb_tree["maria-leaf"]),
    ):
        servers = found(source)
        top, bottom = servers[source.address], servers[leaf.address]
        assert (top.server_id, top.read_only, top.log_bin, top.log_replica_updates) == (101, False, True, True)
        at = source.coordinates()
        assert (top.binlog_file, top.binlog_pos) == (at.file, at.position)
        assert (bottom.read_only, bottom.missing, bottom.channels[0].lag_s) == (True, (), 0.0)
        assert top.uptime_s > 0


@pytest.mark.parametrize(
    ("image", "report"),
    [
        ("mysql-5.6", "192.0.2.1"),
        ("mysql-9.7", "127.0.0.1"),
        ("mysql-9.7", "no-such-host.invalid"),
        ("mariadb-11.8", "::1"),
        ("mariadb-11.8", "192.0.2.1"),
    ],
)
def test_a_replica_that_reports_a_wrong_address_is_found_where_it_connects_from(image: str, report: str) -> None:
    with tree(Node("a", image), Node("b", image, "a", (f"--report-host={report}",))) as servers:
        seen = found(servers["a"], login=QUICK)
        assert follows(seen) == {servers["a"].address: "", servers["b"].address: servers["a"].address}


def test_a_source_that_its_replica_knows_by_another_networks_name_is_found_by_alias() -> None:
    with tree(Node("a-source", "mysql-5.6"), Node("b", "mysql-5.6")) as servers:
        source, replica = servers["a-source"], servers["b"]
        follow(replica, source, host="a-source")
        settled(replica)
        fed(source, replica)
        lost = found(replica)["a-source:3306"]
        assert "the name is not known" in lost.unreachable
        assert lost.server_uuid, "what its replica knows of it is kept"
        assert follows(found(replica, a_source=source.address)) == {source.address: "", replica.address: source.address}
        downward = found(source)
        assert follows(downward) == {source.address: "", replica.address: source.address}
        assert downward[source.address].known_as == ("a-source:3306",)


@pytest.mark.parametrize("image", ["mysql-9.7", "mariadb-10.11"])
def test_co_sources_are_two_servers_and_not_an_endless_walk(image: str) -> None:
    with tree(Node("a", image), Node("b", image, "a")) as servers:
        follow(servers["a"], servers["b"])
        settled(servers["a"])
        seen = found(servers["a"])
        assert set(seen) == {servers["a"].address, servers["b"].address}
        assert [odd.kind for odd in grow(seen.values()).oddities] == [Odd.CO_SOURCES]


@pytest.mark.parametrize("image", ["mysql-9.7", "mariadb-10.5"])
def test_a_replica_of_two_sources_leads_to_both(image: str) -> None:
    with tree(Node("a", image), Node("b", image), Node("c", image, "a")) as servers:
        follow(servers["c"], servers["b"], channel="the second")
        settled(servers["c"])
        seen = found(servers["a"])
        assert set(seen) == {server.address for server in servers.values()}
        assert {channel.name for channel in seen[servers["c"].address].channels} == {"", "the second"}
        assert Odd.MANY_CHANNELS in [odd.kind for odd in grow(seen.values()).oddities]


def test_a_mariadb_under_mysql_5_6_is_one_tree_of_two_flavours() -> None:
    nodes = (Node("a", "mysql-5.6", options=OLD), Node("b", "mariadb-10.5", "a"), Node("c", "mysql-9.7", "a", NEW))
    with tree(*nodes) as servers:
        seen = found(servers["b"])
        assert set(seen) == {server.address for server in servers.values()}
        assert Odd.MIXED_FLAVOURS in [odd.kind for odd in grow(seen.values()).oddities]


def test_a_replica_with_its_sources_server_id_is_told_apart_and_its_error_told() -> None:
    with tree(Node("a", "mysql-5.6", server_id=7), Node("b", "mysql-5.6", server_id=7)) as servers:
        follow(servers["b"], servers["a"])
        wait_until(lambda: servers["b"].channels()[0].error, 20, "its error")
        seen = found(servers["b"])
        assert set(seen) == {servers["a"].address, servers["b"].address}
        assert seen[servers["b"].address].channels[0].error_number == 1593
        assert Odd.ID_CLASH in [odd.kind for odd in grow(seen.values()).oddities]


@pytest.mark.parametrize("image", ["mysql-5.6", "mysql-9.7", "mariadb-11.8"])
def test_replication_that_is_broken_already_is_found_with_its_error(image: str) -> None:
    with tree(Node("a", image), Node("b", image, "a")) as servers:
        break_replication(servers["a"], servers["b"])
        channel = found(servers["a"])[servers["b"].address].channels[0]
        assert (channel.applying, channel.receiving, channel.lag_s) == (False, True, None)
        assert channel.error_number == 1062
        assert "Duplicate entry '1'" in channel.error, "a worker's own words"


def test_a_replica_that_hangs_costs_seconds_and_itself_alone() -> None:
    with tree(
        Node("a", "mariadb-10.11", options=OLD), Node("b", "mariadb-10.11", "a"), Node("c", "mariadb-10.11", "a")
    ) as servers:
        address = servers["b"].address
        with paused(servers["b"]):
            begun = time.monotonic()
            seen = found(servers["a"], login=QUICK)
            assert time.monotonic() - begun < 30, "not for as long as a statement may take"
        assert servers["c"].address in seen
        hanging = next(server for server in seen.values() if server.unreachable)
        assert f"{address}: no answer in time" in hanging.unreachable
        assert hanging.server_id == servers["b"].server_id


def test_an_account_that_may_do_nothing_still_learns_what_is_public_and_is_told_what_it_lacks(
    mysql_tree: dict[str, Running],
) -> None:
    source = mysql_tree["old-source"]
    with source.sql() as root, root.unlogged():
        root.execute("CREATE USER nothing@'%' IDENTIFIED BY 'x'")
    try:
        seen = found(source, login=Login("nothing", Secret("x"), ANY_TLS))[source.address]
    finally:
        with source.sql() as root, root.unlogged():
            root.execute("DROP USER nothing@'%'")
    assert seen.version is not None
    assert seen.server_id == 101
    lacking = " ".join(seen.missing)
    for privilege in ("GRANT REPLICATION CLIENT", "GRANT REPLICATION SLAVE"):
        assert privilege in lacking


@contextmanager
def listening(says: bytes = b"", every_s: float = 0.0) -> Iterator[str]:
    """A socket that accepts and says only this, again and again where `every_s` is given: its address."""
    server = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()
    kept = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                peer, _ = server.accept()
                kept.append(peer)
                threading.Thread(target=speak, args=(peer,), daemon=True).start()

    def speak(peer: socket.socket) -> None:
        with suppress(OSError):
            peer.sendall(says)
            while every_s and not ended.wait(every_s):
                peer.sendall(says[:1])

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}"
    finally:
        ended.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        for peer in kept:
            peer.close()


@contextmanager
def refusing() -> Iterator[str]:
    """An address of this machine where nobody listens; its port is taken, so that nobody comes to meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


GREETING = b"\x4a\x00\x00\x00\x0a5.6.24\0"


@pytest.mark.parametrize(
    ("says", "every_s", "why"),
    [
        (b"", 0, "no answer in time"),
        (GREETING, 0, "no answer in time"),
        (GREETING, 0.2, "no answer in time"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", 0, ""),
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", 0, ""),
        (b"\x0c\x00\x00\x00\x0a5.6.24\0\x01\x02\x03\x04", 0, "no MySQL"),
    ],
    ids=["silent", "cut short", "dribbling", "ssh", "http", "spoilt"],
)
def test_what_accepts_and_does_not_speak_mysql_is_an_error_in_seconds(says: bytes, every_s: float, why: str) -> None:
    with listening(says, every_s) as address:
        begun = time.monotonic()
        seen = found(address, login=QUICK)[address]
        assert time.monotonic() - begun < 10, "not for as long as the one that dribbles goes on"
        assert seen.unreachable
        assert why in seen.unreachable


def test_nobody_there_an_unknown_name_and_a_wrong_password_each_say_so(mysql_tree: dict[str, Running]) -> None:
    with refusing() as closed:
        assert "refused" in found(closed)[closed].unreachable
    assert "name is not known" in found("no-such-host.invalid:3306")["no-such-host.invalid:3306"].unreachable
    source = mysql_tree["old-source"]
    seen = found(source, login=Login("root", Secret("wrong!"), ANY_TLS))[source.address]
    assert "Access denied" in seen.unreachable
    assert "wrong!" not in repr(seen)


def test_two_names_of_one_server_are_one_server(mysql_tree: dict[str, Running]) -> None:
    source = mysql_tree["old-source"]
    published = f"127.0.0.1:{source.service.port}"
    seen = found(published, source)
    assert len(seen) == len(mysql_tree)
    assert source.address in seen[published].known_as


def test_a_copied_server_uuid_is_two_servers_all_the_same() -> None:
    uuid = "11111111-2222-3333-4444-555555555555"
    with tree(Node("a", "mysql-5.6"), Node("b", "mysql-5.6")) as servers:
        for server in servers.values():
            server.service.run("sh", "-c", f"printf '[auto]\\nserver-uuid={uuid}\\n' > /var/lib/mysql/auto.cnf")
            server.service.container.restart()
        for server in servers.values():
            wait_until(lambda server=server: _answers(server), 60, "answers again")
        assert len(found(servers["a"], servers["b"])) == 2


def _answers(server: Running) -> bool:
    address = server.address
    return not found(address)[address].unreachable
