"""The account that `migrate grants` describes runs every command, and lacks something when any of it is taken away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from integration.least import PASSWORD, USER, granted, with_writes
from integration.operating import Operator
from integration.trees import ANY_TLS, FIVE, Node, Running, break_replication, tree
from understudy.migrate import grants
from understudy.migrate.faults import PrivilegeError
from understudy.migrate.logins import Login, OneLogin
from understudy.migrate.mysql import MySql
from understudy.migrate.observe import observe
from understudy.migrate.sqltext import Secret
from understudy.migrate.words import Word

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("kind", ["mysql_tree", "mariadb_tree"])
@pytest.mark.parametrize("commands", [("status",), ("status", "log")], ids=" and ".join)
def test_the_least_account_runs_its_commands_and_replication_goes_on(
    kind: str, commands: tuple[str, ...], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    servers: dict[str, Running] = request.getfixturevalue(kind)
    source = next(iter(servers.values()))
    operator = Operator(tmp_path, source.address, user=USER, password=PASSWORD)
    with granted(servers, commands):
        told = operator.ask("status")
        assert told.code == 0, told
        assert "not known" not in told.out
        assert all(server.address in told.out for server in servers.values())
        if "log" in commands:
            log = operator.ask("log", "--severity", "note")
            assert log.code == 0, log
            assert "lacks a privilege" not in log.err
        with source.sql() as root:
            root.execute("CREATE DATABASE IF NOT EXISTS still_replicating")
            root.execute("DROP DATABASE still_replicating")
    for server in list(servers.values())[1:]:
        assert all(channel.receiving and channel.applying for channel in server.channels())


@pytest.mark.parametrize("image", FIVE)
def test_without_any_one_of_its_privileges_something_is_lacking_and_said(image: str) -> None:
    with tree(Node("a", image), Node("b", image, "a")) as servers:
        break_replication(servers["a"], servers["b"])
        with granted(servers, ("status", "log")):
            assert lacking(servers) == ()
            with servers["a"].sql() as root:
                needed = grants.privileges(root.version, ("status", "log"))
            for where, names in needed.items():
                for name in names:
                    for server in servers.values():
                        with_writes(server, f"REVOKE {name} ON {where} FROM {USER}@'%'")
                    assert lacking(servers), f"{name} on {where} is not needed"
                    for server in servers.values():
                        with_writes(server, f"GRANT {name} ON {where} TO {USER}@'%'")


def lacking(servers: dict[str, Running]) -> tuple[str, ...]:
    opens = MySql(OneLogin(Login(USER, Secret(PASSWORD), ANY_TLS)))
    found: list[str] = []
    for server in servers.values():
        with opens.open(server.address) as session:
            found += observe(session).server.missing
            if session.dialect.knows(Word.ERROR_LOG):
                try:
                    session.rows(session.dialect.sql(Word.ERROR_LOG), "2000-01-01")
                except PrivilegeError as error:
                    found.append(error.what)
    return tuple(found)


def test_grants_are_printed_for_the_versions_that_are_there_before_the_account_is(
    mysql_tree: dict[str, Running], tmp_path: Path
) -> None:
    old, new = mysql_tree["old-source"], mysql_tree["new-source"]
    more = f'[migrate.target]\nnew_source = "{new.address}"'
    operator = Operator(tmp_path, old.address, more, user="o'neil", password="not there yet")
    told = operator.ask("grants")
    assert told.code == 0, told
    assert f"on {old.version} (" in told.out
    assert f"on {new.version} ({new.address})" in told.out
    assert "CREATE USER 'o''neil'@'%' IDENTIFIED BY '<password>';" in told.out
    assert "not there yet" not in told.out + told.err
    assert operator.ask("grants", "log").out.count("GRANT SELECT ON performance_schema.error_log") == 1
    printed = json.loads(operator.ask("grants", "status", "--json").out)
    assert [entry["commands"] for entry in printed] == [["status"], ["status"]]


def test_grants_for_a_given_version_ask_no_server(tmp_path: Path) -> None:
    operator = Operator(tmp_path, "no-such-host.invalid:3306")
    assert "SLAVE MONITOR" in operator.ask("grants", "--flavour", "mariadb", "--version", "11.4").out
    assert "REPLICATION CLIENT" in operator.ask("grants", "--version", "8.0.36").out
    assert operator.ask("grants").code == 1
    unknown = operator.ask("grants", "dance", "--version", "8.0.36")
    assert (unknown.code, unknown.out) == (1, "")
    assert "dance: no such command; accepted: status, log" in unknown.err
