"""Rules about servers, replication, accounts and activity, as tables; and what holds for every rule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from integration.planted import PLANTED
from understudy.migrate.checks import channels, doing, evidence, keeping, logins, rehearsals, reverse, servers, settings
from understudy.migrate.checks.accounts import Account
from understudy.migrate.checks.activity import Activity, Doing
from understudy.migrate.checks.case import Case, Side, Wishes
from understudy.migrate.checks.examine import examine
from understudy.migrate.checks.finding import Finding, Rule, Severity
from understudy.migrate.checks.rules import RULES
from understudy.migrate.facts import Channel, Server
from understudy.migrate.topology import grow
from understudy.migrate.versions import Version

FAMILIES = (servers, settings, keeping, channels, doing, logins, reverse, evidence, rehearsals)
OWN = tuple(rule for family in FAMILIES for rule in family.RULES)
OLD, NEW = "old:3306", "new:3306"


def test_no_two_rules_have_one_id() -> None:
    ids = [rule.id for rule in RULES]
    assert sorted(ids) == sorted(set(ids))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_an_id_can_be_typed_and_the_reason_is_a_sentence(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.id)
    assert rule.why.endswith(".")


def test_every_rule_of_these_families_has_a_planted_fault_on_a_real_server() -> None:
    assert {rule.id for rule in OWN} == set(PLANTED)


def server(address: str, version: str, source: str = "", **more: Any) -> Server:
    channels = (Channel(source, receiving=True, applying=True, lag_s=0.0),) if source else ()
    ids = {"server_id": sum(map(ord, address)), "log_bin": True, "log_replica_updates": True}
    return Server(address, Version.parse(version), **({"channels": channels} | ids | more))


def side(address: str, version: str, variables: Mapping[str, str] | None = None, **more: Any) -> Side:
    return Side(address, Version.parse(version), variables or {}, **more)


def case(old: Side, new: Side | None = None, target: str = "", *others: Server, **more: Any) -> Case:
    """Two sources, the new following the old."""
    seen = [server(old.address, _text(old.version))]
    if new:
        seen.append(server(new.address, _text(new.version), old.address))
    aim = Version.parse(target) if target else (new or old).version
    return Case(old, aim, grow([*seen, *others]), new=new, **more)


def _text(version: Version) -> str:
    return ".".join(map(str, version.numbers)) + ("-MariaDB" if version.is_mariadb() else "")


def found(made: Case, rule: str) -> list[Finding]:
    return examine(made, [one for one in OWN if one.id == rule])


@pytest.mark.parametrize(
    ("old", "target", "passed"),
    [
        ("5.6.24", "9.7.0", "5.7, 8.0, 8.4"),
        ("5.7.44", "8.4.2", "8.0"),
        ("8.0.36", "9.7.0", "8.4"),
        ("5.7.44", "8.0.36", ""),
        ("8.0.36", "8.4.2", ""),
        ("8.4.2", "9.1.0", ""),
        ("9.1.0", "9.7.0", ""),
        ("10.5.23-MariaDB", "11.8.6-MariaDB", ""),
    ],
)
def test_a_series_that_is_passed_over_is_named(old: str, target: str, passed: str) -> None:
    told = [one.found for one in found(case(side(OLD, old), None, target), "unsupported-jump")]
    assert [one.partition("passes over ")[2] for one in told] == [passed] * bool(passed)


@pytest.mark.parametrize(
    ("old", "target", "expected"),
    [
        ("8.0.36", "8.4.2", 0),
        ("8.0.36", "9.7.0", 1),
        ("5.7.44", "8.0.36", 1),
        ("8.4.1", "8.4.2", 0),
        ("10.5.23-MariaDB", "10.5.24-MariaDB", 0),
        ("10.5.23-MariaDB", "10.6.1-MariaDB", 1),
        ("5.7.44", "11.8.6-MariaDB", 0),
    ],
)
def test_the_way_back_is_promised_from_8_4_to_8_0_alone(old: str, target: str, expected: int) -> None:
    assert len(found(case(side(OLD, old), None, target), "reverse-unsupported")) == expected


@pytest.mark.parametrize(
    ("variables", "hours", "mend"),
    [
        ({"expire_logs_days": "0"}, None, ""),
        ({"expire_logs_days": "1"}, 24, "SET GLOBAL expire_logs_days = 2;"),
        ({"expire_logs_days": "2"}, None, ""),
        (
            {"expire_logs_days": "0", "binlog_expire_logs_seconds": "3600"},
            1,
            "SET GLOBAL binlog_expire_logs_seconds = 129600;",
        ),
        (
            {"expire_logs_days": "1", "binlog_expire_logs_seconds": "0"},
            24,
            "SET GLOBAL expire_logs_days = 0; SET GLOBAL binlog_expire_logs_seconds = 129600;",
        ),
        ({"binlog_expire_logs_seconds": "0"}, None, ""),
        ({"binlog_expire_logs_seconds": "60", "binlog_expire_logs_auto_purge": "OFF"}, None, ""),
    ],
)
def test_logs_are_kept_for_as_long_as_going_back_shall_be_possible(
    variables: dict[str, str], hours: int | None, mend: str
) -> None:
    made = case(side(OLD, "8.0.36", variables), None, "8.4.0", wishes=Wishes(rollback_hours=36))
    told = found(made, "binlog-retention-short")
    assert [f"kept for {hours} h" in one.found for one in told] == [True] * (hours is not None)
    assert [" ".join(one.mend) for one in told] == [mend] * (hours is not None)


def test_mariadb_shows_seconds_as_days_too_and_takes_them_at_once() -> None:
    kept = {"expire_logs_days": "0.041667", "binlog_expire_logs_seconds": "3600"}
    made = case(side(OLD, "10.11.6-MariaDB", kept), None, "11.8.6-MariaDB", wishes=Wishes(rollback_hours=36))
    (told,) = found(made, "binlog-retention-short")
    assert told.mend == ("SET GLOBAL binlog_expire_logs_seconds = 129600;",)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("OFF", "ON", 1),
        ("OFF", "ON_PERMISSIVE", 0),
        ("OFF", "OFF", 0),
        ("ON", "OFF", 1),
        ("ON", "ON", 0),
        ("", "ON", 1),
    ],
)
def test_gtid_modes_that_stop_the_applier(old: str, new: str, expected: int) -> None:
    made = case(side(OLD, "5.6.24", {"gtid_mode": old} if old else {}), side(NEW, "9.7.4", {"gtid_mode": new}))
    assert len(found(made, "gtid-mode-stops-replication")) == expected


@pytest.mark.parametrize(
    ("old", "new", "mode", "consistency", "expected"),
    [
        ("5.6.24", "9.7.4", "OFF", "ON", []),
        ("5.6.24", "9.7.4", "OFF", "WARN", [Severity.WARNING]),
        ("5.6.24", "9.7.4", "ON", "OFF", []),
        ("5.5.62", "5.6.24", "", "ON", [Severity.ERROR]),
        ("10.5.23-MariaDB", "11.8.6-MariaDB", "", "", []),
    ],
)
def test_gtid_at_the_cutover_is_for_servers_that_can_and_what_they_will_refuse_is_said(
    old: str, new: str, mode: str, consistency: str, expected: list[Severity]
) -> None:
    made = case(side(OLD, old, {"gtid_mode": mode}), side(NEW, new, {"enforce_gtid_consistency": consistency}))
    assert found(made, "gtid-at-cutover") == []
    wanted = replace(made, wishes=Wishes(gtid_at_cutover=True))
    assert [one.severity for one in found(wanted, "gtid-at-cutover")] == expected


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("NO_ENGINE_SUBSTITUTION,NO_AUTO_CREATE_USER", "NO_ENGINE_SUBSTITUTION", ""),
        ("", "STRICT_TRANS_TABLES", "has STRICT_TRANS_TABLES"),
        ("ANSI_QUOTES,STRICT_ALL_TABLES", "STRICT_ALL_TABLES", "lacks ANSI_QUOTES"),
    ],
)
def test_modes_are_compared_without_those_that_are_gone(old: str, new: str, told: str) -> None:
    made = case(side(OLD, "5.7.44", {"sql_mode": old}), side(NEW, "8.0.36", {"sql_mode": new}))
    assert [told in one.found for one in found(made, "sql-mode-differs")] == [True] * bool(told)


@pytest.mark.parametrize(
    ("heartbeats", "lag_s", "rule", "expected"),
    [
        ((None, None), 0.0, "replication-lag", ""),
        ((None, None), 11.0, "replication-lag", "11 s behind by its own word"),
        ((None, None), None, "lag-unknown", "NULL"),
        ((None, None), None, "replication-lag", ""),
        ((1000.0, 999.0), 500.0, "replication-lag", ""),
        ((1000.0, 900.0), 0.0, "replication-lag", "100 s behind by its heartbeat row"),
        ((1000.0, 1000.0), None, "lag-unknown", ""),
    ],
)
def test_a_heartbeat_is_believed_before_seconds_behind_and_null_is_not_zero(
    heartbeats: tuple[float | None, float | None], lag_s: float | None, rule: str, expected: str
) -> None:
    old, new = (side(name, "8.0.36", heartbeat=beat) for name, beat in zip((OLD, NEW), heartbeats, strict=True))
    channel = Channel(OLD, receiving=True, applying=True, lag_s=lag_s)
    made = case(old, new)
    made = replace(made, tree=made.tree.changed(replace(made.tree[NEW], channels=(channel,))))
    assert [expected in one.found for one in found(made, rule)] == [True] * bool(expected)


def test_what_came_later_to_the_source_is_no_errant_transaction() -> None:
    uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
    old = side(OLD, "8.0.36", gtids=f"{uuid}:1-5", gtids_later=f"{uuid}:1-9")
    assert found(case(old, side(NEW, "8.0.36", gtids=f"{uuid}:1-7")), "errant-transactions") == []
    (errant,) = found(case(old, side(NEW, "8.0.36", gtids=f"{uuid}:1-11")), "errant-transactions")
    assert errant.where == f"{uuid}:10-11"
    unknown = replace(old, gtids_later="")
    assert found(case(unknown, side(NEW, "8.0.36", gtids=f"{uuid}:1-11")), "errant-transactions") == []


def test_a_writable_new_source_is_graver_than_a_writable_replica() -> None:
    new = side(NEW, "8.0.36", {"read_only": "OFF"})
    made = case(side(OLD, "8.0.36"), new, "", server("third:3306", "8.0.36", OLD))
    made = replace(made, others={"third:3306": side("third:3306", "8.0.36", {"read_only": "OFF"})})
    assert {one.server: one.severity for one in found(made, "replica-writable")} == {
        NEW: Severity.ERROR,
        "third:3306": Severity.WARNING,
    }


APP = Account("app", "%", "mysql_native_password", {"shop.*": frozenset({"SELECT", "INSERT"})}, "abc")


@pytest.mark.parametrize(
    ("there", "rule", "told"),
    [
        (None, "account-missing", "not there"),
        (APP, "account-missing", ""),
        (APP, "password-differs", ""),
        (replace(APP, credential="xyz"), "password-differs", "not the one on"),
        (replace(APP, plugin="caching_sha2_password", credential="xyz"), "password-differs", ""),
        (APP, "grants-missing", ""),
        (replace(APP, grants={"shop.*": frozenset({"SELECT"})}), "grants-missing", "lacks INSERT on shop.*"),
        (replace(APP, grants={"*.*": frozenset({"SELECT", "INSERT"})}), "grants-missing", ""),
        (replace(APP, grants={}), "grants-missing", "lacks INSERT, SELECT on shop.*"),
    ],
)
def test_accounts_are_compared(there: Account | None, rule: str, told: str) -> None:
    other = Account("other", "%")
    new = side(NEW, "8.0.36", accounts=(other, there) if there else (other,))
    assert [told in one.found for one in found(case(side(OLD, "5.7.44", accounts=(APP,)), new), rule)] == [True] * bool(
        told
    )


def test_super_may_be_replaced_by_its_parts() -> None:
    old = side(OLD, "5.7.44", accounts=(replace(APP, grants={"*.*": frozenset({"SUPER"})}),))
    parts = replace(APP, grants={"*.*": frozenset({"SYSTEM_VARIABLES_ADMIN", "CONNECTION_ADMIN"})})
    assert found(case(old, side(NEW, "8.0.36", accounts=(parts,))), "grants-missing") == []
    (lacking,) = found(case(old, side(NEW, "8.0.36", accounts=(replace(APP, grants={}),))), "grants-missing")
    assert lacking.mend == ("GRANT SUPER ON *.* TO 'app'@'%';",)


def test_a_role_that_is_not_granted_is_told() -> None:
    old = side(OLD, "8.0.36", accounts=(replace(APP, roles=frozenset({"reader"})),))
    (lacking,) = found(case(old, side(NEW, "8.4.2", accounts=(APP,))), "grants-missing")
    assert lacking.mend == ("GRANT 'reader' TO 'app'@'%';",)


@pytest.mark.parametrize(
    ("target", "there", "expected"),
    [
        ("8.0.36", APP, []),
        ("8.4.2", APP, [Severity.WARNING]),
        ("9.7.4", APP, [Severity.ERROR]),
        ("9.7.4", replace(APP, plugin="caching_sha2_password"), []),
    ],
)
def test_native_passwords_until_the_account_has_another_on_the_new_source(
    target: str, there: Account, expected: list[Severity]
) -> None:
    made = case(side(OLD, "5.7.44", accounts=(APP,)), side(NEW, target, accounts=(there,)))
    assert [one.severity for one in found(made, "native-password")] == expected


@pytest.mark.parametrize(
    ("doing_", "rules"),
    [
        (Doing(7, "app", "web-1", 90, "SELECT ID", "Sending data", "Query"), {"long-statement"}),
        (Doing(7, "app", "web-1", 9, "ALTER TABLE", "copy to tmp table", "Query"), {"ddl-running"}),
        (Doing(7, "app", "web-1", 9, "INSERT INTO", "Waiting for table metadata lock", "Query"), {"lock-wait"}),
        (Doing(7, "app", "web-1", 900, "", "", "Sleep"), set()),
        (Doing(7, "system user", "", 900, "ALTER TABLE", "Waiting for table metadata lock", "Slave_SQL"), set()),
        (Doing(7, "repl", "db-2", 9_000, "", "Master has sent all binlog to slave", "Binlog Dump"), set()),
        (Doing(7, "event_scheduler", "localhost", 9_000, "", "Waiting on empty queue", "Daemon"), set()),
        (Doing(7, "root", "db-2", 9, "", "", "Sleep"), {"session-bypasses-read-only"}),
    ],
)
def test_sessions_are_judged_by_what_they_do(doing_: Doing, rules: set[str]) -> None:
    root = Account("root", "%", grants={"*.*": frozenset({"SUPER"})})
    old = side(OLD, "5.7.44", accounts=(root,), activity=Activity(sessions=(doing_,)))
    assert {one.rule for one in examine(case(old), doing.RULES)} == rules


@pytest.mark.parametrize(
    ("old", "new", "variables", "rules"),
    [
        ("5.7.44", "8.0.36", {"collation_server": "utf8mb4_0900_ai_ci"}, {"reverse-collation"}),
        ("8.0.36", "8.4.2", {"collation_server": "utf8mb4_0900_ai_ci"}, set()),
        ("5.7.44", "8.0.36", {"collation_server": "utf8mb4_general_ci"}, set()),
        ("10.5.1-MariaDB", "11.8.6-MariaDB", {"collation_server": "utf8mb4_uca1400_ai_ci"}, {"reverse-collation"}),
        ("10.11.1-MariaDB", "11.8.6-MariaDB", {"collation_server": "utf8mb4_uca1400_ai_ci"}, set()),
        ("8.0.2", "8.0.36", {"binlog_row_value_options": "PARTIAL_JSON"}, {"reverse-partial-json"}),
        ("8.0.19", "8.0.36", {"binlog_transaction_compression": "ON"}, {"reverse-compressed-transactions"}),
        ("8.0.20", "8.0.36", {"binlog_transaction_compression": "ON"}, set()),
        ("8.0.29", "8.0.36", {"sql_generate_invisible_primary_key": "ON"}, {"reverse-invisible-key"}),
        ("10.6.1-MariaDB", "10.11.1-MariaDB", {"binlog_alter_two_phase": "ON"}, {"reverse-two-phase-alter"}),
        ("10.1.1-MariaDB", "10.2.9-MariaDB", {"log_bin_compress": "ON"}, {"reverse-compressed-transactions"}),
    ],
)
def test_what_an_old_applier_would_stumble_over(old: str, new: str, variables: dict[str, str], rules: set[str]) -> None:
    told = {one.rule for one in examine(case(side(OLD, old), side(NEW, new, variables)), reverse.RULES)}
    assert told - {"reverse-unsupported"} == rules


def test_clocks_are_compared_give_or_take_what_the_way_there_takes() -> None:
    old = side(OLD, "8.0.36", clock_offset_ms=500.0, clock_error_ms=100.0)
    assert found(case(old, side(NEW, "8.0.36", clock_offset_ms=1700.0, clock_error_ms=150.0)), "clock-skew") == []
    (late,) = found(case(old, side(NEW, "8.0.36", clock_offset_ms=-1000.0, clock_error_ms=150.0)), "clock-skew")
    assert late.found == "its clock is 1.5 s behind old:3306's"


def test_a_rehearsal_server_may_be_written_to_and_lag_and_its_end_is_a_note() -> None:
    broken = Channel(NEW, receiving=True, applying=False, error="Duplicate entry", error_number=1062)
    made = case(side(OLD, "8.0.36"), side(NEW, "8.0.36", {"read_only": "ON"}), "", server("r:3306", "8.0.36", NEW))
    other = side("r:3306", "8.0.36", {"read_only": "OFF"}, own_writes=9)
    tree = made.tree.changed(replace(made.tree["r:3306"], channels=(broken,)))
    made = replace(made, tree=tree, others={"r:3306": other})
    told = {one.rule: one.severity for one in examine(made, channels.RULES) if one.server == "r:3306"}
    assert told.keys() == {"replication-error", "lag-unknown", "own-writes", "replica-writable"}
    spared = {
        one.rule: one.severity
        for one in examine(replace(made, rehearsal="r:3306"), channels.RULES)
        if one.server == "r:3306"
    }
    assert spared == {"replication-error": Severity.NOTE}


def test_a_server_that_fails_while_it_is_asked_is_told() -> None:
    made = replace(case(side(OLD, "8.0.36"), None, "8.4.0"), failed={NEW: "no answer in time"})
    (told,) = found(made, "unreachable-server")
    assert (told.server, told.found) == (NEW, "it was there, and then told nothing: no answer in time")


def test_without_a_new_source_no_rule_stumbles() -> None:
    for version, target in (("5.6.24", "9.7.0"), ("10.5.23-MariaDB", "11.8.0-MariaDB"), ("5.6.24", "11.8.0-MariaDB")):
        assert all(one.server for one in examine(case(side(OLD, version), None, target), OWN))
