"""`understudy migrate status` as an operator runs it, on real trees."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from containers import ROOT_PASSWORD
from integration.operating import Operator, watching
from integration.test_discover import refusing
from integration.trees import Node, Running, tree
from support import wait_until
from understudy.migrate.words import Word

pytestmark = pytest.mark.integration


def test_the_tree_is_drawn_with_version_role_lag_threads_and_who_takes_writes(
    mysql_tree: dict[str, Running], tmp_path: Path
) -> None:
    told = Operator(tmp_path, mysql_tree["old-source"].address).ask("status")
    assert (told.code, told.err) == (0, "")
    for name, expected in {
        "old-source": r"source +writable",
        "old-replica-1": r"replica +0 s +running +{closed}",
        "new-source": r"intermediate +0 s +running +{closed}",
        "new-replica-1": r"replica +0 s +running +{closed}",
    }.items():
        server, version = mysql_tree[name], mysql_tree[name].version
        says = expected.format(closed="super-read-only" if version.is_mysql(5, 7, 8) else "read-only")
        assert re.search(rf"{re.escape(server.address)} +{re.escape(str(version))} +{says}", told.out), told.out


def test_json_svg_and_dot_hold_every_server(mariadb_tree: dict[str, Running], tmp_path: Path) -> None:
    addresses = [server.address for server in mariadb_tree.values()]
    operator = Operator(tmp_path, addresses[1])
    root = operator.json("status")["trees"][0]
    assert root["address"] == addresses[0]
    assert root["replicas"][0]["replicas"][0]["server"]["address"] == addresses[2]
    picture = ET.fromstring(operator.ask("status", "--format", "svg").out)
    drawn = " ".join(picture.itertext())
    dot = operator.ask("status", "--format", "dot").out
    for address in addresses:
        assert address in drawn
        assert f'"{address}"' in dot
    assert f'"{addresses[0]}" -> "{addresses[1]}"' in dot


def test_a_plan_is_drawn_as_the_tree_that_shall_be(mysql_tree: dict[str, Running], tmp_path: Path) -> None:
    with refusing() as address:
        more = f'limits = "none"\n[migrate.target]\nnew_source = "{address}"'
        operator = Operator(tmp_path, mysql_tree["old-source"].address, more)
        told = operator.ask("plan", "--format", "svg")
        assert told.code == 0, told
        cards = [[one.text for one in card.findall("{*}text")] for card in ET.fromstring(told.out).findall("{*}g")]
        assert [address, "not seen · replica", "the connection is refused", "new", "unseen"] in cards
        assert "\\lnew\\l" in operator.ask("plan", "--format", "dot").out


def test_a_source_that_can_not_be_reached_is_said_and_the_exit_code_is_1(tmp_path: Path) -> None:
    with refusing() as closed:
        told = Operator(tmp_path, closed).ask("status")
    assert told.code == 1
    assert f"{closed}: the connection is refused" in told.err
    assert "Traceback" not in told.err


def test_a_wrong_password_is_said_and_never_shown(mysql_tree: dict[str, Running], tmp_path: Path) -> None:
    told = Operator(tmp_path, mysql_tree["old-source"].address, password="Wrong-One-9").ask("status")
    assert told.code == 1
    assert "Access denied" in told.err
    assert "Wrong-One-9" not in told.out + told.err


def test_credentials_by_pattern_are_used_for_the_servers_that_match(
    mysql_tree: dict[str, Running], tmp_path: Path
) -> None:
    (tmp_path / "right").write_text(ROOT_PASSWORD)
    prefix = mysql_tree["old-source"].address.rpartition(".")[0]
    more = f'[migrate.credentials."{prefix}.*"]\nuser = "root"\npassword_file = "right"'
    told = Operator(tmp_path, mysql_tree["old-source"].address, more, user="nobody", password="x").ask("status")
    assert told.code == 0, told


def test_settings_without_a_source_are_wrong_settings(tmp_path: Path) -> None:
    told = Operator(tmp_path, "").ask("status")
    assert told.code == 2
    assert "nothing given; accepted: " in told.err


def test_broken_replication_is_drawn_with_its_error_and_watched_as_it_breaks(tmp_path: Path) -> None:
    with tree(Node("a", "mariadb-11.8"), Node("b", "mariadb-11.8", "a")) as servers:
        operator = Operator(tmp_path, servers["a"].address)
        shown = bytearray()

        def read() -> bytearray:
            shown.extend(screen.newly())
            return shown

        with watching(operator) as screen:
            wait_until(lambda: b"running" in read(), 20, "the tree")
            with servers["b"].sql() as replica:
                replica.execute(replica.dialect.sql(Word.STOP_APPLIER))
            wait_until(lambda: b"applier stopped" in read(), 20, "the change")
            told = operator.ask("status")
            assert "applier stopped" in told.out
            assert screen.interrupted() in (0, 130)
            assert b"Traceback" not in read()
