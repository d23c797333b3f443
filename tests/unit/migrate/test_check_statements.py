"""What another version would not understand in a statement, as tables; and that every rule has its fault planted."""

from __future__ import annotations

import pytest

from integration.planted_schema import LOGGED, PLANTED
from understudy.migrate.checks import code, columns, keys, names, tables, variables, written
from understudy.migrate.checks.case import Case, Logged, Side
from understudy.migrate.checks.collect_binlog import written_to
from understudy.migrate.checks.constructs import lost_modes, without_modes
from understudy.migrate.checks.defaults import normal
from understudy.migrate.checks.reserved import becomes_reserved
from understudy.migrate.checks.rules import RULES
from understudy.migrate.checks.schema import Code, Column, Kind, Schema, Table
from understudy.migrate.checks.spans import holds, maria, my, turn
from understudy.migrate.checks.statements import (
    lost_functions,
    lost_syntax,
    lost_variables,
    reserved_names,
    set_modes,
)
from understudy.migrate.checks.tokens import tokens
from understudy.migrate.topology import grow
from understudy.migrate.versions import Version

OLD, NEW = Version.parse("5.6.24"), Version.parse("9.7.4")
MARIA = Version.parse("11.8.6-MariaDB")
ELSEWHERE = {"default-changed", "code-not-shown"}  # planted in tests of their own, in test_check_schema.py


def troubles(sql: str, old: Version = OLD, target: Version = NEW) -> list[str]:
    cut = tokens(sql, target)
    found = [
        *lost_functions(cut, target, frozenset({"AREA"})),
        *lost_syntax(cut, target),
        *lost_variables(cut, old, target),
        *set_modes(cut, target),
        *reserved_names(cut, old, target),
    ]
    return [trouble.what.partition(":")[0] for trouble in found]


def test_every_rule_about_schemas_and_statements_has_a_fault_planted_on_a_real_server() -> None:
    families = (tables, keys, columns, names, code, variables, written)
    ours = {rule.id for family in families for rule in family.RULES}
    assert ours == PLANTED.keys() | LOGGED.keys() | ELSEWHERE


def test_every_rule_has_an_id_of_its_own_and_says_why() -> None:
    ids = [rule.id for rule in RULES]
    assert len(ids) == len(set(ids))
    assert all(rule.why.endswith((".", ".)")) for rule in RULES), [
        rule.id for rule in RULES if not rule.why.endswith(".")
    ]


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT MD5(a), password ('x')", ["MD5()", "PASSWORD()"]),
        ("SELECT 'MD5(1)', `MD5`(1), t.md5, md5 FROM t /* MD5(1) */", []),
        ("INSERT INTO area (a) VALUES (1)", []),
        ("INSERT INTO x (a) VALUES (1)", []),
        ("INSERT LOW_PRIORITY IGNORE x (a) VALUES (Y(b))", ["Y()"]),
        ("REPLACE DELAYED x (a) VALUES (1)", []),
        ("SELECT REPLACE(X(b), INSERT(Y(b), 1, 1, 'a'), 'b')", ["X()", "Y()"]),
        ("CREATE TABLE x (a INT, KEY y (a))", []),
        ("SELECT AREA(1)", []),  # a stored function of that name
        ("SELECT a FROM t GROUP BY a DESC", ["GROUP BY … ASC or DESC"]),
        ("SELECT a FROM t GROUP BY a ORDER BY a DESC", []),
        ("SELECT * FROM (SELECT a FROM t GROUP BY a) t ORDER BY a DESC", []),
        ("SELECT SQL_NO_CACHE a, sql_cache FROM t", []),
        ("GRANT SELECT ON a.* TO u@h IDENTIFIED BY 'x'", ["GRANT … IDENTIFIED BY"]),
        ("GRANT SELECT ON a.* TO u@h; CREATE USER v IDENTIFIED BY 'x'", []),
        ("UPDATE t SET date_format = 1", []),
        ("SET GLOBAL date_format = ''", ["date_format"]),
        ("SELECT @@tx_isolation", ["tx_isolation"]),
        ("SET @a = (SELECT MAX(b, c) FROM t), tx_isolation = 'x'", ["tx_isolation"]),
        ("SET a = CONCAT(b, date_format = 1), c = 2", []),
        ("REPEAT SET SESSION sql_mode = '', new = 1; UNTIL 1 END REPEAT", ["new"]),
        ("BEGIN DECLARE a, Date_Format VARCHAR(9); SET date_format = '%Y'; SET a = 1, DATE_FORMAT = ''; END", []),
        ("BEGIN DECLARE date_format INT; SET GLOBAL date_format = ''; END", ["date_format"]),
        ("BEGIN DECLARE old CURSOR FOR SELECT 1; SET old = 1; END", ["old"]),
        ("CREATE PROCEDURE a.p(IN new VARCHAR(9), OUT old INT) BEGIN SET old = 1, new = 2; END", []),
        ("CREATE FUNCTION f() RETURNS INT BEGIN SET new = 2; RETURN f(new, old); END", ["new"]),
        ("SET sql_mode = 'NO_AUTO_CREATE_USER,STRICT_ALL_TABLES'", ["sql_mode NO_AUTO_CREATE_USER"]),
        ("SELECT rank FROM t", ["RANK is a reserved word there"]),
        ("SELECT t.rank FROM t", []),
        ("DROP FUNCTION f", []),
        ("CREATE TABLE t (a INT) ROW_FORMAT=DYNAMIC", []),
        ("BEGIN FETCH NEXT FROM c INTO a; END", []),
        ("SELECT \\N", ["\\N for NULL"]),
        ("PURGE MASTER LOGS BEFORE NOW() - INTERVAL 3 DAY", ["PURGE MASTER LOGS"]),
        ("PURGE BINARY LOGS TO 'binlog.000002'", []),
        ("BEGIN FLUSH LOCAL BINARY LOGS, STATUS, HOSTS; END", ["FLUSH HOSTS"]),
        ("FLUSH TABLES hosts", []),
        ("FLUSH TABLES a, hosts WITH READ LOCK", []),
    ],
)
def test_what_mysql_9_7_does_not_understand_of_a_statement_of_5_6(sql: str, found: list[str]) -> None:
    assert troubles(sql) == found


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("INSERT INTO t SELECT JSON_VALUE(d, '$.a' RETURNING SIGNED) FROM t", []),
        ("DELETE FROM t WHERE JSON_VALUE(LOWER(d), '$.a' RETURNING DECIMAL(4, 2) NULL ON EMPTY) > 1; SELECT 1", []),
        ("REPLACE INTO t SELECT (JSON_VALUE(d, '$.a' RETURNING CHAR(5)))", []),
        ("DELETE FROM t WHERE JSON_VALUE(d, '$.a') = '1' RETURNING a, CONCAT(b, LOWER(c))", ["RETURNING"]),
        ("BEGIN INSERT INTO t VALUES (1, 'a') RETURNING *; END", ["RETURNING"]),
    ],
)
def test_returning_is_mysqls_own_within_json_value_alone(sql: str, found: list[str]) -> None:
    assert troubles(sql, Version.parse("8.0.36"), NEW) == found


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT JSON_VALUE(LOWER(d), '$.a' RETURNING SIGNED)", ["RETURNING within JSON_VALUE"]),
        ("SELECT c->>'$.a', ANY_VALUE(b) FROM t", ["ANY_VALUE()", "the JSON operators -> and ->>"]),
        ("SELECT * FROM t FOR SHARE", ["FOR SHARE"]),
        ("SELECT MD5(a), SQL_CACHE FROM t GROUP BY a DESC", []),
    ],
)
def test_what_mariadb_does_not_understand_of_mysqls(sql: str, found: list[str]) -> None:
    assert troubles(sql, NEW, MARIA) == found


def test_a_parameter_is_no_variable_of_the_server() -> None:
    procedure = Code(Kind.PROCEDURE, "s", "p", "BEGIN SET new = 1; SET old = 2; END", "", names=("New", "x"))
    side = Side("old:3306", OLD, {}, Schema(code=(procedure,)))
    rule = next(rule for rule in code.RULES if rule.id == "variable-in-code-removed")
    assert [one.found.partition(":")[0] for one in rule.find(Case(side, NEW, grow([])))] == ["old"]


def test_a_word_is_reserved_from_its_version_on() -> None:
    assert becomes_reserved("rank", OLD, Version.parse("8.0.2"))
    assert not becomes_reserved("rank", OLD, Version.parse("8.0.1"))
    assert not becomes_reserved("rank", Version.parse("8.0.36"), NEW)
    assert becomes_reserved("Offset", Version.parse("10.5.1-MariaDB"), MARIA)
    assert not becomes_reserved("select", OLD, NEW)


def test_a_span_says_when_a_thing_went_or_comes() -> None:
    assert turn((my(until=(8, 0, 13)),), NEW) == "removed in MySQL 8.0.13"
    assert turn((maria((10, 6)),), Version.parse("10.5.1-MariaDB")) == "comes with MariaDB 10.6"
    assert turn((my(),), MARIA) == "MariaDB has never had it"
    assert holds((my((5, 7), (8,)),), Version.parse("5.7.44"))
    assert not holds((my((5, 7), (8,)),), Version.parse("8.0.0"))


def test_modes_that_are_gone_are_named_and_the_rest_is_kept() -> None:
    assert lost_modes("ANSI_QUOTES,no_auto_create_user", NEW) == ["NO_AUTO_CREATE_USER"]
    assert without_modes("ANSI_QUOTES,no_auto_create_user", ["NO_AUTO_CREATE_USER"]) == "ANSI_QUOTES"
    assert lost_modes("", NEW) == []


def test_values_are_compared_as_servers_mean_them() -> None:
    assert normal("on") == normal("1") == normal("TRUE")
    assert normal("A,b") == normal("b,a")
    assert normal("0") != normal("10")


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ("INSERT INTO t VALUES (1)", ("here", "t")),
        ("INSERT IGNORE `a``b`.`c` VALUES (1)", ("a`b", "c")),
        ("UPDATE LOW_PRIORITY t SET a = 1", ("here", "t")),
        ("DELETE QUICK FROM there.t WHERE a", ("there", "t")),
        ("REPLACE INTO t SELECT 1", ("here", "t")),
    ],
)
def test_the_table_that_a_statement_writes_to(sql: str, table: tuple[str, str]) -> None:
    assert written_to(tokens(sql), "here") == (table,)


@pytest.mark.parametrize("sql", ["", "INSERT", "UPDATE", "SELECT 1 FROM t", "INSERT INTO 'x", "CREATE TABLE t (a INT)"])
def test_what_writes_to_no_one_table_names_none(sql: str) -> None:
    assert written_to(tokens(sql), "here") == ()


@pytest.mark.parametrize(
    ("old", "extra", "default", "found"),
    [
        (OLD, "", "unknown (qualify)", []),  # a text, without its quotes
        (Version.parse("8.0.36"), "DEFAULT_GENERATED", "lower(qualify)", ["s.t.a"]),
        (Version.parse("8.0.36"), "", "unknown (qualify)", []),
        (Version.parse("10.5.1-MariaDB"), "", "'unknown (qualify)'", []),
        (Version.parse("10.5.1-MariaDB"), "", "'a' = lcase(qualify)", ["s.t.a"]),
        (Version.parse("10.2.6-MariaDB"), "", "unknown (qualify)", []),
    ],
)
def test_a_default_is_looked_at_where_it_is_an_expression(
    old: Version, extra: str, default: str, found: list[str]
) -> None:
    column = Column("a", "varchar(40)", True, default, extra, "")
    side = Side("old:3306", old, {}, Schema(tables=(Table("s", "t", "InnoDB", columns=(column,)),)))
    rule = next(rule for rule in code.RULES if rule.id == "reserved-word-in-code")
    assert [one.where for one in rule.find(Case(side, NEW, grow([])))] == found


@pytest.mark.parametrize(
    ("old", "shown", "found"),
    [
        ("8.0.36", r"concat(_utf8mb4\'x\\\'y\',md5(`a`))", True),
        ("8.0.36", r"concat(_utf8mb4\'md5(1)\',`a`)", False),
        ("5.7.44", r"concat('it\'s md5(1)',`a`)", False),
        ("10.5.1-MariaDB", r"concat('it\'s md5(1)',`a`)", False),
        ("10.5.1-MariaDB", r"concat('it\'s',md5(`a`))", True),
    ],
)
def test_an_expression_is_read_as_its_server_escapes_it(old: str, shown: str, found: bool) -> None:
    column = Column("g", "varchar(40)", True, None, "VIRTUAL GENERATED", "", shown)
    side = Side("old:3306", Version.parse(old), {}, Schema(tables=(Table("s", "t", "InnoDB", columns=(column,)),)))
    rule = next(rule for rule in code.RULES if rule.id == "function-removed")
    assert bool([*rule.find(Case(side, NEW, grow([])))]) == found


def test_a_column_of_the_format_of_mysql_5_5_is_found() -> None:
    column = Column("d", "datetime /* 5.5 binary format */", True, None, "", "")
    side = Side("old:3306", OLD, {}, Schema(tables=(Table("s", "t", "InnoDB", columns=(column,)),)))
    rule = next(rule for rule in columns.RULES if rule.id == "temporal-old-format")
    assert [found.where for found in rule.find(Case(side, NEW, grow([])))] == ["s.t.d"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("INSERT INTO user ( name ) VALUES ( '' )", False),
        ("INSERT IGNORE INTO shop . version ( id ) VALUES ( 0 )", False),
        ("INSERT DELAYED user ( name ) VALUES ( '' )", False),
        ("REPLACE version ( id ) VALUES ( 0 )", False),
        ("LOAD DATA INFILE '' INTO TABLE user ( name )", False),
        ("INSERT INTO user ( name ) VALUES ( USER ( ) )", True),
        ("UPDATE t SET a = version ( )", True),
        ("REPLACE INTO t VALUES ( 0 , SLEEP ( 0 ) )", True),
        ("DELETE t FROM t JOIN u ON USER ( ) = t . name", True),
    ],
)
def test_a_table_with_the_name_of_a_function_is_not_a_call_of_it(text: str, found: bool) -> None:
    side = Side("old:3306", OLD, {}, logged=(Logged("binlog.000001", 4, text),))
    rule = next(rule for rule in written.RULES if rule.id == "logged-unsafe-statement")
    said = [one.found for one in rule.find(Case(side, NEW, grow([]))) if "a function that" in one.found]
    assert bool(said) == found


def test_a_statement_that_was_logged_often_is_told_once_and_briefly() -> None:
    logged = Logged("binlog.000001", 4, "GRANT ALL ON * . * TO u IDENTIFIED BY '' " + "x " * 500, times=12)
    side = Side("old:3306", OLD, {}, logged=(logged,))
    rule = next(rule for rule in written.RULES if rule.id == "logged-syntax-removed")
    (found,) = rule.find(Case(side, NEW, grow([])))
    assert "12 times in the sample" in found.found
    assert len(found.found) < 250
