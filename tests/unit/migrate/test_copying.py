"""What copying decides without a server: definitions, literals, dump programs' text, coordinates, versions."""

from __future__ import annotations

import io
import subprocess
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.config import Tls
from understudy.migrate.build import cloning, definitions, hooking, literals, loading, program, upgrading
from understudy.migrate.build.defaults import Client, ProgramError, options
from understudy.migrate.build.inventory import Made, Table
from understudy.migrate.build.literals import Column
from understudy.migrate.build.upgrading import UpgradeError
from understudy.migrate.logins import Login
from understudy.migrate.rows import Coordinates
from understudy.migrate.sqltext import Secret
from understudy.migrate.versions import Flavour, Version

NEW, OLD = Version.parse("9.7.4"), Version.parse("5.6.24")
MARIA = Version.parse("11.8.2-MariaDB")

TABLES = [
    ("CREATE TABLE `t` (`a` int) DEFAULT CHARSET=utf8", "CREATE TABLE `t` (`a` int) DEFAULT CHARSET=utf8mb3", 0),
    (
        "CREATE TABLE `CHARSET=utf8` (`a` text CHARACTER SET utf8 COLLATE utf8_bin COMMENT 'CHARSET=utf8')",
        "CREATE TABLE `CHARSET=utf8` (`a` text CHARACTER SET utf8mb3 COLLATE utf8mb3_bin COMMENT 'CHARSET=utf8')",
        0,
    ),
    ("CREATE TABLE `t` () DEFAULT CHARSET=utf8mb4", "CREATE TABLE `t` () DEFAULT CHARSET=utf8mb4", 0),
    ("CREATE TABLE `t` (`year(2)` year(2))", "CREATE TABLE `t` (`year(2)` year(4))", 1),
    (
        "CREATE TABLE `t` () ENGINE=InnoDB DATA DIRECTORY='/d/' COMMENT='x'",
        "CREATE TABLE `t` () ENGINE=InnoDB COMMENT='x'",
        1,
    ),
    ("CREATE TABLE `t` () /*!50100 TABLESPACE `ts` */ ENGINE=InnoDB", "CREATE TABLE `t` () ENGINE=InnoDB", 1),
    ("CREATE TABLE `TABLESPACE` (`a` int)", "CREATE TABLE `TABLESPACE` (`a` int)", 0),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "converted", "notes"), TABLES)
def test_a_table_s_definition_means_the_same_on_the_new_server(sql: str, converted: str, notes: int) -> None:
    made = definitions.table(sql, NEW)
    assert (made.sql, len(made.notes)) == (converted, notes)


@pytest.mark.parametrize(
    ("modes", "left"),
    [
        (
            "STRICT_TRANS_TABLES,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION",
            "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION",
        ),
        ("PIPES_AS_CONCAT,ANSI_QUOTES,ORACLE,NO_KEY_OPTIONS", "PIPES_AS_CONCAT,ANSI_QUOTES"),
        ("", ""),
    ],
)
def test_modes_that_are_gone_are_left_out_where_they_are_gone(modes: str, left: str) -> None:
    assert definitions.modes(modes, NEW) == left
    assert definitions.modes(modes, MARIA) == modes


@pytest.mark.parametrize("state", ["ENABLE", "DISABLE", "DISABLE ON SLAVE", "DISABLE ON REPLICA"])
@pytest.mark.parametrize(("enabled", "then"), [(True, "DISABLE ON SLAVE"), (False, "DISABLE")])
def test_an_event_sleeps_until_the_cutover_whatever_its_body_says(state: str, enabled: bool, then: str) -> None:
    head = "CREATE EVENT `e` ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT PRESERVE"
    body = "COMMENT 'ON COMPLETION PRESERVE ENABLE' DO SELECT 'ON COMPLETION PRESERVE ENABLE'"
    assert definitions.event(f"{head} {state} {body}", enabled=enabled) == f"{head} {then} {body}"


def test_the_default_collation_of_utf8mb4_is_what_it_was_on_the_old_server() -> None:
    wanted = "SET SESSION default_collation_for_utf8mb4 = utf8mb4_general_ci"
    assert wanted in list(definitions.loading(OLD, NEW))
    assert wanted not in list(definitions.loading(NEW, NEW))
    assert "SET SESSION character_set_collations = ''" in list(
        definitions.loading(Version.parse("10.5.23-MariaDB"), MARIA)
    )


@pytest.mark.parametrize(
    ("text", "client", "sent"),
    [
        ("SELECT 'a'", "latin1", "SELECT 'a'"),
        ("SELECT 'é'", "latin1", "SELECT '\udce9'"),
        ("SELECT 'é'", "utf8", "SELECT 'é'"),
        ("SELECT '😀'", "latin1", ""),
        ("SELECT 'é'", "sjis", ""),
    ],
)
def test_a_body_is_sent_in_its_client_s_character_set_where_that_can_be(text: str, client: str, sent: str) -> None:
    assert definitions.sent(text, client) == sent


COLUMNS = [
    (Column("i", "int"), "IFNULL(`i`,'NULL')"),
    (Column("f", "float"), "IFNULL(`f`+0e0,'NULL')"),
    (Column("t", "timestamp"), "QUOTE(`t`)"),
    (Column("b", "bit"), "IFNULL(`b`+0,'NULL')"),
    (Column("x`y", "varchar", 20), "QUOTE(CONVERT(`x``y` USING utf8mb4))"),
    (Column("j", "json"), "QUOTE(CAST(`j` AS CHAR CHARACTER SET utf8mb4))"),
    (Column("g", "point"), "IF(`g` IS NULL,'NULL',IF(LENGTH(`g`)=0,\"''\",CONCAT('0x',HEX(`g`))))"),
]


@pytest.mark.parametrize(("column", "sql"), COLUMNS)
def test_each_kind_of_column_is_asked_for_as_a_literal_that_is_exact(column: Column, sql: str) -> None:
    assert literals.expression(column) == sql


def test_a_row_that_fits_a_packet_comes_whole_and_one_that_may_not_comes_by_columns() -> None:
    short, long = Column("a", "varchar", 20), Column("b", "longblob", (1 << 32) - 1)
    whole = literals.reading("`t`", [short], 1 << 20)
    assert (whole.raw, whole.row(["('x')"])) == ((), "('x')")
    with pytest.raises(ValueError, match="NULL"):
        whole.row([None])
    parted = literals.reading("`t`", [short, long], 1 << 20)
    assert parted.raw == (False, True)
    assert parted.row(["'x'", b"\x00\xff"]) == "('x',0x00ff)"
    assert parted.row(["NULL", None]) == "(NULL,NULL)"


@pytest.mark.parametrize(
    ("value", "text"), [(None, "NULL"), (b"", "''"), (b"\x01", "0x01"), ("it's \\", "'it\\'s \\\\'"), ("", "''")]
)
def test_a_long_value_becomes_a_literal(value: object, text: str) -> None:
    assert literals.literal(value) == text


DUMP = b"""/*M!999999\\- enable the sandbox mode */ 

/*!40101 SET NAMES utf8mb4 */;
-- CHANGE MASTER TO x;

USE `a``b`;
INSERT INTO `t` (`id`) VALUES
(1,'x;\\ny'),
(2,'--');
set autocommit=0;
INSERT INTO `u` VALUES (3);
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;
-- done
"""  # noqa: W291


@given(st.integers(1, 200))
def test_a_dump_falls_into_its_statements_however_it_arrives(chunk: int) -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(chunk)

    found = [piece for piece in program.pieces(Slow(DUMP)) if piece.startswith((b"INSERT", b"USE"))]
    assert found == [
        b"USE `a``b`",
        b"INSERT INTO `t` (`id`) VALUES\n(1,'x;\\ny'),\n(2,'--')",
        b"INSERT INTO `u` VALUES (3)",
    ]


@pytest.mark.parametrize(
    ("way", "old", "new", "programs"),
    [
        ("dump", OLD, NEW, ()),
        ("hook", NEW, NEW, ()),
        ("hook", OLD, NEW, ()),
        ("hook", OLD, Version.parse("5.7.44"), ("mysql_upgrade",)),
        ("hook", OLD, Version.parse("8.0.15"), ("mysql_upgrade",)),
        ("hook", Version.parse("10.5.23-MariaDB"), MARIA, ("mariadb-upgrade", "mysql_upgrade")),
    ],
)
def test_system_tables_are_upgraded_only_after_files_of_an_older_version_were_copied(
    way: str, old: Version, new: Version, programs: tuple[str, ...]
) -> None:
    assert upgrading.needed(way, old, new).programs == programs


@pytest.mark.parametrize(
    ("old", "new", "can"),
    [
        ("9.7.4", "9.7.4", True),
        ("8.0.40", "8.0.37", True),
        ("8.0.40", "8.0.36", False),
        ("8.0.30", "8.0.30", True),
        ("8.0.16", "8.0.16", False),
        ("8.0.40", "8.4.1", False),
        ("5.6.24", "9.7.4", False),
        ("10.5.23-MariaDB", "10.5.23-MariaDB", False),
    ],
)
def test_a_clone_is_for_one_series_of_mysql(old: str, new: str, can: bool) -> None:
    assert (cloning.why_not(Version.parse(old), Version.parse(new)) == "") == can


@pytest.mark.parametrize(
    ("out", "at"),
    [
        ('{"file": "b.1", "position": 4}', Coordinates("b.1", 4)),
        ('noise\n{"file": "b.1", "position": 4, "gtid": "u:1"}\n\n', Coordinates("b.1", 4, "u:1")),
        ('{"gtid": "0-1-2"}', Coordinates(gtid="0-1-2")),
    ],
)
def test_a_hook_s_last_line_is_where_to_follow_from(out: str, at: Coordinates) -> None:
    assert hooking.read(out) == at


@pytest.mark.parametrize("out", ["", "b.1 4", "{}", '{"file": "b.1"}', '{"file": "b.1", "position": "4"}', "[]"])
def test_a_hook_that_does_not_say_so_is_an_error(out: str) -> None:
    with pytest.raises(hooking.HookError):
        hooking.read(out)


@pytest.mark.parametrize(
    ("flavour", "tls", "encrypted", "line"),
    [
        (Flavour.MYSQL, Tls(), True, "ssl-mode=VERIFY_IDENTITY"),
        (Flavour.MYSQL, Tls(verify="ca"), True, "ssl-mode=VERIFY_CA"),
        (Flavour.MYSQL, Tls(verify="none"), False, "ssl-mode=DISABLED"),
        (Flavour.MARIADB, Tls(), True, "ssl-verify-server-cert"),
        (Flavour.MARIADB, Tls(verify="none"), True, "skip-ssl-verify-server-cert"),
        (Flavour.MARIADB, Tls(), False, "skip-ssl"),
    ],
)
def test_a_program_is_told_the_same_of_tls_in_its_own_words(
    flavour: Flavour, tls: Tls, encrypted: bool, line: str
) -> None:
    login = Login('us"er', Secret('pa"ss\\word #1'), tls)
    text = options(Client("[::1]:3307", login, flavour, encrypted))
    assert line in text.splitlines()
    assert 'password="pa\\"ss\\\\word #1"' in text
    assert 'host="::1"\nport=3307' in text


def test_a_table_s_bytes_are_told_as_its_rows_arrive_and_all_of_them_at_its_end() -> None:
    table = Table(Made("TABLE", "a", "t", ""), "InnoDB", (), rows=10, bytes=1000, data_bytes=800)
    share = loading.Share(table)
    assert [share.of(4), share.of(4), share.of(100), share.rest()] == [400, 400, 200, 0]
    assert loading.Share(table).rest() == 1000


def test_a_dump_program_that_does_not_end_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "END_S", 0.1)
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(["sh", "-c", "echo stuck >&2; exec >&-; exec sleep 60"], stdout=-1, stderr=said) as running,
    ):
        found = program.Program(running, said, "mysqldump")
        with pytest.raises(ProgramError, match=r"mysqldump has written all, and not ended within 0\.1 s: stuck"):
            list(found.statements())
        running.kill()


def test_an_upgrade_that_does_not_end_is_said_with_what_to_do() -> None:
    client = Client("db:3306", Login("me", Secret("hush")), Flavour.MARIADB, encrypted=False)
    with pytest.raises(UpgradeError, match=r"db:3306: sh -c exec sleep 60 has not ended within 0\.1 s") as refused:
        upgrading.carry_out(["sh", "-c", "exec sleep 60"], client, "run it there", limit_s=0.1)
    assert refused.value.hint == "look there what it waits for; then run it there"
    with pytest.raises(UpgradeError, match="failed: no such … thing"):
        upgrading.carry_out(["sh", "-c", "echo no such hush thing >&2; exit 1"], client, "run it there")


@pytest.mark.parametrize(
    ("told", "own"),
    [
        ({}, {7, 8, 9}),  # MariaDB's performance_schema is off by default
        ({7: {"program_name": "understudy", "_pid": "42"}}, {8, 9}),
        (
            {7: {"program_name": "app"}, 8: {"program_name": "mysqldump", "_pid": "1"}, 9: {"program_name": "mysql"}},
            {8},
        ),
        ({7: {"program_name": "mysqldump", "_pid": "41"}, 8: {"program_name": "mysqldump", "_pid": "42"}, 9: {}}, {8}),
        ({number: {"program_name": "app"} for number in (7, 8, 9)}, set()),
    ],
)
def test_a_dump_program_s_session_is_known_by_what_it_tells_the_server(
    told: dict[int, dict[str, str]], own: set[int]
) -> None:
    assert program.own({7, 8, 9}, told, 42) == own
