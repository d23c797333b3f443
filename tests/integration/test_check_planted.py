"""Rules about servers, replication, accounts and activity, on real servers: with a fault planted, and without."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from rich.console import Console

from containers import ROOT_PASSWORD, network
from integration.planted import ABSENT, PLANTED
from integration.trees import ROOT, Node, Running, follow, read_only, settled, started
from recorded import judged
from support import free_port, wait_until
from understudy.cli import Shadows
from understudy.config import Check, Migrate, Settings, Target, Tls, TreeLimits
from understudy.migrate.checks.case import Case
from understudy.migrate.checks.checking import facts
from understudy.migrate.checks.collect import look
from understudy.migrate.checks.collect_left import evidence, shadowed
from understudy.migrate.checks.examine import examine
from understudy.migrate.checks.finding import Finding
from understudy.migrate.checks.left import Evidence
from understudy.migrate.checks.rules import RULES
from understudy.migrate.clock import SystemClock
from understudy.migrate.dialects import Follow
from understudy.migrate.faults import ServerError
from understudy.migrate.logins import OneLogin
from understudy.migrate.mysql import MySql, Session
from understudy.migrate.sqltext import Secret
from understudy.migrate.verify.running import Asked, outcomes

pytestmark = pytest.mark.integration

UUID = "11111111-2222-3333-4444-555555555555"
HEALTHY = "healthy mariadb"
TUNED = (
    "--log-bin=binlog", "--log-slave-updates", "--binlog-format=ROW", "--sync-binlog=1",
    "--innodb-flush-log-at-trx-commit=1", "--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci",
)  # fmt: skip
MANY_S = 3600
MONTH_S = 30 * 86_400
HEARTBEAT = (  # pt-heartbeat --create-table, as far as anybody reads it
    "CREATE DATABASE percona",
    "CREATE TABLE percona.heartbeat (ts VARCHAR(26) NOT NULL, server_id INT UNSIGNED NOT NULL PRIMARY KEY)",
)


class Late(SystemClock):
    """Our own clock, an hour ahead: to it every server's is an hour behind."""

    def now_s(self) -> float:
        return super().now_s() + MANY_S


class Stage(NamedTuple):
    """Servers by name, and where files of the stage are."""

    servers: dict[str, Running]
    folder: Path

    def settings(self, source: str, target: Target | None = None, **more: object) -> Migrate:
        return msgspec.structs.replace(
            Migrate(
                source=self.servers[source].address,
                user="root",
                password_file=str(self.folder / "password"),
                connect_ms=15_000,
                tls=Tls(verify="none", minimum="1.0"),
                target=target or Target(),
            ),
            **more,
        )


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """All servers of this file, none following another yet."""
    folder = tmp_path_factory.mktemp("stage")
    (folder / "password").write_text(ROOT_PASSWORD)
    cnf = folder / "auto.cnf"
    cnf.write_text(f"[auto]\nserver-uuid={UUID}\n")
    same = {cnf: "/var/lib/mysql/auto.cnf"}
    old = (
        "--lower-case-table-names=1",
        "--binlog-row-image=minimal",
        "--max-allowed-packet=64M",
        "--event-scheduler=ON",
    )
    new = ("--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--default-time-zone=+03:00", "--max-allowed-packet=1M")
    with ExitStack() as stack:
        servers = started(
            stack,
            stack.enter_context(network()),
            Node("old", "mysql-5.6", options=old, volumes=same),
            Node("twin", "mysql-5.6", "old", volumes=same),
            Node("new", "mysql-9.7", "old", new),
            Node("m-old", "mariadb-10.5", options=("--sync-binlog=1",)),
            Node("m-one", "mariadb-10.5", "m-old", ("--replicate-do-db=shop",)),
            Node("m-two", "mariadb-10.11", "m-one", server_id=999),
            Node("m-new", "mariadb-11.8", "m-old", server_id=999),
            Node("h-old", "mariadb-10.11", options=TUNED),
            Node("h-new", "mariadb-11.8", "h-old", TUNED),
            Node("lonely", "mariadb-10.5", options=("--skip-log-bin",)),
            Node("nobody", "mysql-5.6", options=("--skip-log-bin", "--server-id=0")),
            Node("left", "mariadb-10.5"),
            Node("right", "mariadb-10.5"),
        )
        yield Stage(servers, folder)


@pytest.fixture(scope="module")
def cases(stage: Stage) -> Iterator[dict[str, Case]]:
    """The facts of every case, collected once all faults are planted."""
    with ExitStack() as stack:
        yield {
            **mysql(stage, stack),
            **mariadb(stage),
            **healthy(stage),
            **lonely(stage),
            **circle(stage),
        }


@pytest.fixture(scope="module")
def found(cases: dict[str, Case]) -> dict[str, list[Finding]]:
    return {name: examine(case, RULES) for name, case in cases.items()}


def quiet(_: str) -> None:
    """Progress, told to nobody."""


def run(server: Running, *statements: str) -> None:
    with server.sql() as session:
        for statement in statements:
            session.execute(statement)


def unlogged(server: Running, *statements: str) -> None:
    with server.sql() as session, session.unlogged():
        for statement in statements:
            session.execute(statement)


def mysql(stage: Stage, stack: ExitStack) -> dict[str, Case]:
    """5.6 with all that 5.6 may have, a twin of its UUID, and 9.7 that can't follow it."""
    old, twin, new = (stage.servers[name] for name in ("old", "twin", "new"))
    unlogged(
        old,
        "CREATE DATABASE shop",
        "CREATE TABLE shop.t (id INT PRIMARY KEY, v INT) ENGINE=InnoDB",
        "CREATE TABLE shop.u (id INT PRIMARY KEY) ENGINE=InnoDB",
        "INSERT INTO shop.t VALUES (1, 1)",
        "CREATE DEFINER = gone@nowhere VIEW shop.orphan AS SELECT id FROM shop.t",
        "CREATE TRIGGER shop.fires BEFORE INSERT ON shop.u FOR EACH ROW SET NEW.id = NEW.id",
        "CREATE EVENT shop.tick ON SCHEDULE EVERY 1 DAY STARTS '2035-01-01' DO SET @tick = 1",
        "CREATE USER app@'%' IDENTIFIED BY 'x'",
        "CREATE USER sha@'%' IDENTIFIED WITH sha256_password",
        "CREATE USER ancient@'%' IDENTIFIED WITH mysql_old_password",
        "SET SESSION old_passwords = 1",
        "SET PASSWORD FOR ancient@'%' = PASSWORD('x')",
    )
    for replica in (twin, new):
        follow(replica, old)
    unlogged(
        new,
        "CREATE DATABASE shop",
        "CREATE EVENT shop.tick ON SCHEDULE EVERY 1 DAY STARTS '2035-01-01' DO SET @tick = 1",
        "SET GLOBAL binlog_row_value_options = 'PARTIAL_JSON'",
        "SET GLOBAL binlog_transaction_compression = ON",
        "SET GLOBAL sql_generate_invisible_primary_key = ON",
        "ALTER USER repl@'%' IDENTIFIED WITH caching_sha2_password BY 'x'",
    )
    wait_until(lambda: new.channels()[0].error and twin.channels()[0].error, 60, "both are refused")
    busy(old, stack)
    target = Target(new_source=new.address, new_replicas=[twin.address])
    settings = stage.settings("old", target, check=Check(transaction_s=0))
    return {"mysql": facts(settings, "", quiet)}


def busy(old: Running, stack: ExitStack) -> None:
    """An open transaction, a prepared one, and an ALTER that waits for the first; until the stack ends."""
    holding, preparing, altering = (stack.enter_context(old.sql()) for _ in range(3))
    for statement in ("START TRANSACTION", "UPDATE shop.t SET v = 2 WHERE id = 1"):
        holding.execute(statement)
    for statement in ("XA START 'prep','are',7", "INSERT INTO shop.u VALUES (7)", "XA END 'prep','are',7"):
        preparing.execute(statement)
    preparing.execute("XA PREPARE 'prep','are',7")
    thread = threading.Thread(target=alter, args=(altering,), name="alter")
    thread.start()

    def release() -> None:
        with old.sql() as root:
            root.execute(f"KILL QUERY {altering.id}")
        thread.join()
        preparing.execute("XA ROLLBACK 'prep','are',7")

    stack.callback(release)
    with old.sql() as root:
        wait_until(lambda: waits(root), 60, "the ALTER waits")
        wait_until(lambda: ages(root), 60, "all of it is older than a second")


def alter(session: Session) -> None:
    session.execute("SET SESSION lock_wait_timeout = 600")
    with session.patient(600), pytest.raises(ServerError):
        session.execute("ALTER TABLE shop.t ADD COLUMN w INT")


def waits(root: Session) -> bool:
    return any("metadata lock" in str(row["State"]) for row in root.rows("SHOW PROCESSLIST"))


def ages(root: Session) -> bool:
    running = [row["Time"] for row in root.rows("SHOW PROCESSLIST") if "metadata lock" in str(row["State"])]
    young = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_started > NOW() - INTERVAL 2 SECOND"
    return bool(running) and running[0] >= 2 and root.value(young) == 0


def mariadb(stage: Stage) -> dict[str, Case]:
    """10.5 with a filtered, stopped replica, beneath it a late one of two channels; 11.8 that somebody writes to."""
    old, one, two, new = (stage.servers[name] for name in ("m-old", "m-one", "m-two", "m-new"))
    for replica, source in ((one, old), (new, old), (two, one)):
        follow(replica, source)
        settled(replica)
    run(
        old,
        *HEARTBEAT,
        "INSERT INTO percona.heartbeat VALUES (REPLACE(UTC_TIMESTAMP(6) - INTERVAL 1 HOUR, ' ', 'T'), 1)",
        "SET GLOBAL rpl_semi_sync_master_enabled = 1",
        "INSTALL SONAME 'disks'",
    )
    unlogged(
        old,
        "INSTALL SONAME 'auth_ed25519'",
        "CREATE USER edward@'%' IDENTIFIED VIA ed25519 USING PASSWORD('x')",
        "CREATE USER changed@'%' IDENTIFIED BY 'x'",
        "GRANT SELECT, INSERT, UPDATE ON shop.* TO changed@'%'",
    )
    wait_until(lambda: has_heartbeat(new), 60, "the heartbeat arrives")
    unlogged(
        new,
        "UPDATE percona.heartbeat SET ts = '2020-01-01T00:00:00.000000'",
        "CREATE USER changed@'%' IDENTIFIED BY 'y'",
        "GRANT SELECT ON shop.* TO changed@'%'",
        "SET GLOBAL binlog_alter_two_phase = ON",
        "SET GLOBAL max_binlog_total_size = 1073741824",
    )
    run(new, "CREATE DATABASE its_own")
    run(one, "STOP SLAVE IO_THREAD")
    second = Follow("127.0.0.1", 1, "nobody", Secret("x"), "binlog.000001", 4, tls=False, channel="second")
    with two.sql() as session:
        session.execute("STOP SLAVE")
        session.execute("CHANGE MASTER TO MASTER_DELAY = 3600")
        session.execute("START SLAVE")
        session.execute(session.dialect.repoint(second))
    limits = TreeLimits(replicas_per_source=1, levels=1)
    check = Check(heartbeat_table="percona.heartbeat", rollback_hours=1000, disk_percent=100)
    target = Target(new_source=new.address, new_replicas=[two.address])
    case = facts(stage.settings("m-old", target, limits=limits, check=check), "", quiet)
    with MySql(OneLogin(ROOT)).open(one.address) as session:
        late = look(session, Late(), case.wishes)
    case = msgspec.structs.replace(case, others={**case.others, one.address: late})
    return {"mariadb": case, "mariadb without backups": without_backups(case)}


def without_backups(case: Case) -> Case:
    """The same with what only a managed service would tell: that the old source keeps no backups."""
    source = msgspec.structs.replace(case.tree.servers[case.old.address], backup_retention_days=0)
    limits = msgspec.structs.replace(case.limits, retention_days=1)
    return msgspec.structs.replace(case, tree=case.tree.changed(source), limits=limits)


def has_heartbeat(server: Running) -> bool:
    with server.sql() as session:
        return bool(
            session.value("SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'heartbeat'")
        ) and bool(session.value("SELECT COUNT(*) FROM percona.heartbeat"))


def healthy(stage: Stage) -> dict[str, Case]:
    """10.11 and 11.8 as they should be, and the first beside a server that does not follow it."""
    old, new = stage.servers["h-old"], stage.servers["h-new"]
    run(new, "SET GLOBAL character_set_collations = ''")
    follow(new, old)
    settled(new)
    read_only(new)
    run(old, *HEARTBEAT, "INSERT INTO percona.heartbeat VALUES (REPLACE(UTC_TIMESTAMP(6), ' ', 'T'), 1)")
    wait_until(lambda: has_heartbeat(new), 60, "the heartbeat arrives")
    pair = Target(new_source=new.address)
    apart = Target(new_source=stage.servers["lonely"].address)
    settings = stage.settings("h-old", pair, check=Check(heartbeat_table="percona.heartbeat"))
    judged(stage.folder / "half", 200, 200)
    judged(stage.folder / "whole", 10_000, 0)
    half, whole = (
        verified(settings, stage.folder / name, *only) for name, only in (("half", ["percona.*"]), ("whole", []))
    )
    fine = msgspec.structs.replace(facts(settings, "", quiet), evidence=whole)
    long_ago = msgspec.structs.replace(whole, now_s=whole.now_s + MONTH_S)
    return {
        HEALTHY: fine,
        "healthy but half verified": msgspec.structs.replace(fine, evidence=half),
        "healthy but verified long ago": msgspec.structs.replace(fine, evidence=long_ago),
        "apart": facts(stage.settings("h-old", apart), "", quiet),
    }


def verified(settings: Migrate, folder: Path, *only: str) -> Evidence:
    """What verify leaves of the two, in a state directory of its own, beside what a judge has left there."""
    whole = Settings(state_dir=str(folder), migrate=settings)
    list(outcomes(whole, Asked(only=only), Console(stderr=True)))
    return shadowed(evidence(folder, SystemClock()), Shadows(), whole)


def lonely(stage: Stage) -> dict[str, Case]:
    """A replica of nobody, where no SUPER comes from elsewhere; and what an account without rights sees."""
    server, nobody = stage.servers["lonely"], stage.servers["nobody"]
    with server.sql() as session:
        nowhere = Follow("127.0.0.1", free_port(), "nobody", Secret("x"), "binlog.000001", 4, tls=False)
        session.execute(session.dialect.repoint(nowhere))
        session.execute("CREATE USER stranger@'%' IDENTIFIED BY 'understudy'")
        session.execute("SET GLOBAL read_only = 1")
        session.execute("REVOKE SUPER, READ_ONLY ADMIN ON *.* FROM root@'%'")
    settings = stage.settings("lonely")
    versions = {"itself": "10.5.23", "10.4": "10.4", "mysql": "mysql-9.7", "11.8": "11.8"}
    made = {f"lonely to {name}": facts(settings, version, quiet) for name, version in versions.items()}
    stranger = facts(msgspec.structs.replace(settings, user="stranger"), "11.8", quiet)
    assert nobody.server_id
    with_gtid = facts(stage.settings("nobody", Target(gtid_at_cutover=True)), "5.6", quiet)
    of_nobody = {"nobody": facts(stage.settings("nobody"), "9.7", quiet), "nobody with GTID": with_gtid}
    return {**made, "stranger": stranger, **of_nobody}


def circle(stage: Stage) -> dict[str, Case]:
    left, right = stage.servers["left"], stage.servers["right"]
    follow(left, right)
    follow(right, left)
    settled(left)
    settled(right)
    return {"circle": facts(stage.settings("left"), "11.8", quiet)}


@pytest.mark.parametrize("rule", sorted(PLANTED))
def test_a_planted_fault_is_found_and_told_with_its_server(
    rule: str, found: dict[str, list[Finding]], cases: dict[str, Case]
) -> None:
    case, about = PLANTED[rule]
    fitting = [one for one in found[case] if one.rule == rule]
    assert fitting, [one.rule for one in found[case]]
    assert any(about in " ".join((one.where, one.found, *one.mend)) for one in fitting), fitting
    assert all(one.server in cases[case].tree for one in fitting)


@pytest.mark.parametrize("rule", sorted(PLANTED))
def test_without_its_fault_a_rule_is_silent(rule: str, found: dict[str, list[Finding]]) -> None:
    assert [one for one in found[ABSENT.get(rule, HEALTHY)] if one.rule == rule] == []


def test_a_healthy_pair_has_no_findings_but_what_is_so_with_every_upgrade(found: dict[str, list[Finding]]) -> None:
    own = [one for one in found[HEALTHY] if one.rule in PLANTED]
    always = {"account-bypasses-read-only", "reverse-unsupported", "rollback-not-rehearsed"}
    assert {one.rule for one in own} == always, own


def test_no_finding_holds_a_password_or_its_hash(found: dict[str, list[Finding]], stage: Stage) -> None:
    told = msgspec.json.encode(found).decode()
    assert ROOT_PASSWORD not in re.sub(r"understudy (migrate|diffs|run)", "", told)
    for name in ("old", "m-old"):
        with stage.servers[name].sql() as session:
            column = "Password" if session.version.is_mysql() else "authentication_string"
            for row in session.rows(f"SELECT {column} AS hash FROM mysql.user WHERE {column} <> ''"):
                assert str(row["hash"]) == "invalid" or str(row["hash"]) not in told
