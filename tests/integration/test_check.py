"""`understudy migrate check` as an operator runs it, on real trees."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from integration.least import PASSWORD, USER, granted, with_writes
from integration.operating import Operator
from integration.trees import ANY_TLS, FIVE, Running
from recorded import judged
from support import COMMAND, free_port
from understudy.migrate import grants
from understudy.migrate.checks.case import Wishes
from understudy.migrate.checks.collect import look
from understudy.migrate.checks.rules import RULES
from understudy.migrate.clock import SystemClock
from understudy.migrate.logins import Login, OneLogin
from understudy.migrate.mysql import MySql
from understudy.migrate.observe import observe
from understudy.migrate.sqltext import Secret

pytestmark = pytest.mark.integration

NEW = {"mysql_tree": "new-source", "mariadb_tree": "maria-leaf"}


@pytest.fixture(params=["mysql_tree", "mariadb_tree"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def servers(kind: str, request: pytest.FixtureRequest) -> dict[str, Running]:
    found: dict[str, Running] = request.getfixturevalue(kind)
    return found


@pytest.fixture
def operator(kind: str, servers: dict[str, Running], tmp_path: Path) -> Operator:
    return operator_of(servers, NEW[kind], tmp_path)


def operator_of(servers: dict[str, Running], new: str, folder: Path, more: str = "", **login: str) -> Operator:
    source = next(iter(servers.values())).address
    return Operator(folder, source, f'[migrate.target]\nnew_source = "{servers[new].address}"\n{more}', **login)


def checked(operator: Operator, *arguments: str) -> dict[str, Any]:
    told = operator.ask("check", *arguments, "--json")
    assert told.code in (0, 3, 4), told
    said: dict[str, Any] = json.loads(told.out)
    assert said["exit_code"] == told.code
    return said


def rules(said: dict[str, Any]) -> set[str]:
    return {finding["rule"] for finding in said["findings"]}


def test_the_least_account_is_told_all_and_lacks_nothing(
    kind: str, servers: dict[str, Running], operator: Operator, tmp_path: Path
) -> None:
    as_root = checked(operator)
    with granted(servers, ("check",)):
        least = checked(operator_of(servers, NEW[kind], tmp_path, user=USER, password=PASSWORD))
    assert "not-known" not in rules(least), [one for one in least["findings"] if one["rule"] == "not-known"]
    assert rules(least) - {"native-password"} == rules(as_root) - {"native-password"}


@pytest.mark.parametrize("image", FIVE)
def test_without_any_one_of_its_privileges_what_is_not_known_and_the_privilege_are_told(
    five: dict[str, Running], image: str
) -> None:
    server = five[image]
    with server.sql() as root:
        needed = grants.privileges(root.version, ("check",))
    assert needed["*.*"]
    with granted({image: server}, ("check",)):
        assert gaps(server) == []
        for where, names in needed.items():
            for name in names:
                if "by_worker" in where:
                    continue  # asked only when an applier has failed: tests/integration/test_grants.py
                with_writes(server, f"REVOKE {name} ON {where} FROM {USER}@'%'")
                told = gaps(server)
                with_writes(server, f"GRANT {name} ON {where} TO {USER}@'%'")
                assert any(name in gap for gap in told), f"{name} on {where}: {told}"


def gaps(server: Running) -> list[str]:
    """What a session of the account is told that it may not know."""
    with MySql(OneLogin(Login(USER, Secret(PASSWORD), ANY_TLS, connect_s=15.0))).open(server.address) as session:
        side = look(session, SystemClock(), Wishes(), is_deep=True)
        return [*side.missing, *observe(session).server.missing]


def test_the_table_groups_by_severity_and_its_sql_can_be_copied(mysql_tree: dict[str, Running], tmp_path: Path) -> None:
    told = operator_of(mysql_tree, "new-source", tmp_path).ask("check")
    assert (told.code, told.err) == (4, "")
    head, summary, *lines = told.out.splitlines()
    old, new = mysql_tree["old-source"], mysql_tree["new-source"]
    assert head == f"{old.version} ({old.address}) to {new.version} ({new.address})"
    assert " errors, " in summary
    assert [line for line in lines if line.isupper()] == ["ERRORS", "WARNINGS", "NOTES"]
    assert "        SET GLOBAL binlog_format = 'ROW';" in lines
    assert "\x1b" not in told.out


def test_one_rule_is_run_alone_and_its_severity_is_the_exit_code(operator: Operator) -> None:
    only = checked(operator, "--rule", "reverse-unsupported")
    assert rules(only) == {"reverse-unsupported"}
    assert only["exit_code"] == 3
    assert checked(operator, "--rule", "same-series")["findings"] == []
    assert checked(operator, "--rule", "no-heartbeat")["exit_code"] == 0, "a note is no reason to stop a script"
    wrong = operator.ask("check", "--rule", "reverse-unsuported")
    assert (wrong.code, wrong.out) == (1, "")
    assert "reverse-unsuported: no such rule: did you mean reverse-unsupported?" in wrong.err


def test_every_rule_is_listed_with_its_severity_without_asking_a_server(tmp_path: Path) -> None:
    operator = Operator(tmp_path, "no-such-host.invalid:3306")
    listed = operator.ask("check", "--list")
    assert listed.code == 0
    assert all(rule.id in listed.out for rule in RULES)
    assert {entry["id"] for entry in operator.json("check", "--list")} == {rule.id for rule in RULES}


def test_waived_findings_are_shown_and_do_not_count(mariadb_tree: dict[str, Running], tmp_path: Path) -> None:
    waiver = (
        '[[migrate.check.waivers]]\nid = "reverse-unsupported"\nowner = "Ada"\nuntil = 2999-01-31\nwhy = "no return"\n'
    )
    said = checked(operator_of(mariadb_tree, "maria-leaf", tmp_path, waiver), "--rule", "reverse-unsupported")
    assert said["exit_code"] == 0
    assert said["findings"][0]["waived"] == "waived by Ada until 2999-01-31: no return"
    expired = waiver.replace("2999", "2020")
    operator = operator_of(mariadb_tree, "maria-leaf", tmp_path, expired)
    again = checked(operator, "--rule", "reverse-unsupported")
    assert rules(again) == {"reverse-unsupported", "waiver-expired"}
    assert again["exit_code"] == 3
    assert "the waiver of reverse-unsupported by Ada ended on 2020-01-31" in operator.ask("check").out


def test_a_new_source_is_to_be_verified_and_the_report_is_found(
    mariadb_tree: dict[str, Running], tmp_path: Path
) -> None:
    operator = operator_of(mariadb_tree, "maria-leaf", tmp_path)
    evidence = [argument for rule in ("missing", "not-equal", "old") for argument in ("--rule", f"verify-{rule}")]
    (missing,) = checked(operator, *evidence)["findings"]
    assert (missing["rule"], missing["severity"]) == ("verify-missing", "error")
    told = operator.ask(*missing["mend"][0].split()[2:])
    assert told.code in (0, 4), told
    assert rules(checked(operator, *evidence)) == ({"verify-not-equal"} if told.code else set())


def test_shadow_traffic_is_to_be_judged_and_its_verdict_is_found(
    mariadb_tree: dict[str, Running], tmp_path: Path
) -> None:
    operator = operator_of(mariadb_tree, "maria-leaf", tmp_path)
    shadow = [argument for rule in ("missing", "not-go", "old") for argument in ("--rule", f"shadow-{rule}")]
    (missing,) = checked(operator, *shadow)["findings"]
    assert (missing["rule"], missing["severity"]) == ("shadow-missing", "warning")
    assert "no differences have been judged yet" in missing["found"]
    state = tmp_path / "understudy-state"
    judged(state, 10_000, 0)
    assert checked(operator, *shadow)["exit_code"] == 0
    judged(state, 0, 200)
    (found,) = checked(operator, *shadow)["findings"]
    assert (found["rule"], found["severity"], found["where"]) == ("shadow-not-go", "error", "new")
    assert "no go after 10,200 requests: 200 of 10,200 requests differ: 1.96 %, 0.1 % allowed" in found["found"]
    (state / "diffs.sqlite").write_bytes(b"garbage, which is no database" * 100)
    (broken,) = checked(operator, *shadow)["findings"]
    assert (broken["rule"], "diffs.sqlite: can't be read" in broken["found"]) == ("shadow-missing", True)


def test_the_way_back_is_to_be_rehearsed_and_a_waiver_is_the_way_past_that(
    mariadb_tree: dict[str, Running], tmp_path: Path
) -> None:
    rule = ("--rule", "rollback-not-rehearsed")
    (found,) = checked(operator_of(mariadb_tree, "maria-leaf", tmp_path), *rule)["findings"]
    assert (found["severity"], found["server"]) == ("warning", mariadb_tree["maria-leaf"].address)
    waiver = f'[[migrate.check.waivers]]\nid = "{rule[1]}"\nowner = "Ada"\nuntil = 2999-01-31\nwhy = "took 9 s"\n'
    assert checked(operator_of(mariadb_tree, "maria-leaf", tmp_path, waiver), *rule)["exit_code"] == 0


def test_a_waiver_of_no_rule_is_a_wrong_setting(mariadb_tree: dict[str, Running], tmp_path: Path) -> None:
    waiver = '[[migrate.check.waivers]]\nid = "semisync"\nowner = "Ada"\nuntil = 2999-01-31\nwhy = "x"\n'
    told = operator_of(mariadb_tree, "maria-leaf", tmp_path, waiver).ask("check")
    assert told.code == 2
    assert "migrate.check.waivers[0].id: 'semisync' given; accepted: a rule's id (did you mean semi-sync?)" in told.err


def test_without_a_new_source_the_version_is_asked_for_and_then_taken(
    mysql_tree: dict[str, Running], tmp_path: Path
) -> None:
    source = mysql_tree["old-source"].address
    closed = f"127.0.0.1:{free_port()}"
    for more in ("", f'[migrate.target]\nnew_source = "{closed}"'):
        operator = Operator(tmp_path, source, more)
        told = operator.ask("check")
        assert told.code == 1
        assert "the new version is not known" in told.err
        assert "--target-version 9.7" in told.err
        assert checked(operator, "--target-version", "8.4")["target"] == "MySQL 8.4.0"
    assert "which is not there yet" in operator.ask("check", "--target-version", "9.7").out
    named = Operator(tmp_path, source, '[migrate.target]\nversion = "mariadb-11.8"')
    assert "between-flavours" in rules(checked(named))
    assert "is no version" in operator.ask("check", "--target-version", "oracle-9").err


def test_an_old_source_that_can_not_be_reached_is_said_and_the_exit_code_is_1(tmp_path: Path) -> None:
    closed = f"127.0.0.1:{free_port()}"
    told = Operator(tmp_path, closed).ask("check", "--target-version", "9.7")
    assert (told.code, told.out) == (1, "")
    assert f"{closed}: the connection is refused" in told.err


def test_progress_is_for_terminals_and_on_standard_error(mariadb_tree: dict[str, Running], tmp_path: Path) -> None:
    operator = operator_of(mariadb_tree, "maria-leaf", tmp_path)
    screen, inner = pty.openpty()
    shown = bytearray()

    def read() -> None:
        """All the time: a terminal holds a few pages, and who writes more waits."""
        with contextlib.suppress(OSError):  # its other end is closed
            while piece := os.read(screen, 65_536):
                shown.extend(piece)

    with subprocess.Popen(
        [COMMAND, "migrate", "check", "--json", "-c", operator.file],
        stdout=subprocess.PIPE,
        stderr=inner,
        env={**os.environ, "TERM": "xterm"},
    ) as running:
        os.close(inner)
        reader = threading.Thread(target=read, name="terminal")
        reader.start()
        said, _ = running.communicate(timeout=180)
    reader.join()
    os.close(screen)
    assert json.loads(said)["target"] == str(mariadb_tree["maria-leaf"].version)
    assert b"MySQL Shell's upgrade checker" in shown, "what it does last; before that it may be quicker than a look"
