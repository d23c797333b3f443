"""Every type: equal data has equal numbers on both versions, other data has others, and one changed value is found."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from integration.trees import NEW, OLD, Node, tree
from integration.verifying import Stage, behind, fresh, table, told
from understudy.migrate.mysql import Session
from understudy.migrate.verify import catalogue
from understudy.migrate.verify.options import Result
from understudy.migrate.verify.pairs import Pair, paired

pytestmark = pytest.mark.integration


class Type(NamedTuple):
    """A column's definition, values that all differ, as SQL, and what the last is changed to."""

    name: str
    sql: str
    values: tuple[str, ...]
    changed: str


SHAPE = "ST_GeomFromText"
TYPES = (
    Type("tiny", "TINYINT", ("-128", "-1", "0", "127"), "126"),
    Type("flag", "TINYINT(1)", ("0", "1"), "2"),
    Type("small", "SMALLINT UNSIGNED", ("0", "65535"), "65534"),
    Type("medium", "MEDIUMINT", ("-8388608", "8388607"), "8388606"),
    Type("int", "INT", ("-2147483648", "-1", "0", "2147483647"), "2147483646"),
    Type("filled", "INT(8) UNSIGNED ZEROFILL", ("0", "42", "4294967295"), "4294967294"),
    Type("big", "BIGINT", ("-9223372036854775808", "-1", "0", "1", "4294967296", "9223372036854775807"), "-2"),
    Type("huge", "BIGINT UNSIGNED", ("0", "9223372036854775808", "18446744073709551615"), "18446744073709551614"),
    Type("money", "DECIMAL(30,10)", ("0", "-0.0000000001", "12345678901234567890.0123456789"), "0.0000000001"),
    Type("real4", "FLOAT", ("0", "0.1", "-1.17549e-38", "3.40282e38", "16777216"), "0.10000001"),
    Type("fixed4", "FLOAT(7,3)", ("0", "0.125", "1234.568"), "1234.569"),
    Type("real8", "DOUBLE", ("0", "0.1", "1e15", "1e16", "1.7976931348623157e308", "2.2250738585072014e-308"), "1e-7"),
    Type("least8", "DOUBLE", ("0", "5e-324", "-5e-324", "1e-310"), "1.5e-323"),
    Type("fixed8", "DOUBLE(12,2)", ("0", "-0.01", "123456789.12"), "123456789.13"),
    Type("bits", "BIT(60)", ("0", "1", "b'111111111111111111111111111111111111111111111111111111111111'"), "2"),
    Type("year", "YEAR", ("0", "1901", "2155"), "2154"),
    Type("day", "DATE", ("'0000-00-00'", "'1000-01-01'", "'2024-02-00'", "'9999-12-31'"), "'9999-12-30'"),
    Type("time", "TIME", ("'-838:59:59'", "'00:00:00'", "'838:59:59'"), "'838:59:58'"),
    Type("fine_time", "TIME(6)", ("'-00:00:00.000001'", "'00:00:00'"), "'00:00:00.000001'"),
    Type("moment", "DATETIME", ("'0000-00-00 00:00:00'", "'2024-02-29 23:59:59'"), "'2024-02-29 23:59:58'"),
    Type("fine_moment", "DATETIME(6)", ("'2024-02-29 23:59:59.999999'", "'1000-01-01'"), "'1000-01-01 00:00:01'"),
    Type("stamp", "TIMESTAMP NULL", ("'0000-00-00 00:00:00'", "'2024-03-31 02:30:00'"), "'2024-03-31 02:30:01'"),
    Type("char", "CHAR(10)", ("''", "'a'", "' a'", "'A'", "'ä'"), "'a\\0'"),
    Type("binary", "BINARY(4)", ("''", "'a'", "'a\\0\\0b'", "x'FF00FF00'"), "x'FF00FF01'"),
    Type("text", "VARCHAR(100)", ("''", "'0'", "'a'", "'a '", "'it''s `x` \\\\ 🎭'", "'\\0'"), "'\\0\\0'"),
    Type("latin", "VARCHAR(100) CHARACTER SET latin1", ("'é'", "'€'", "'e'"), "'f'"),
    Type("three", "VARCHAR(100) CHARACTER SET utf8", ("'é'", "'猫'", "'e'"), "'f'"),
    Type("wide", "VARCHAR(100) CHARACTER SET utf16", ("'é'", "'🎭'"), "'🎬'"),
    Type("bytes", "VARBINARY(100)", ("''", "x'00'", "x'0000'", "x'FFFE'"), "x'FFFF'"),
    Type("long_text", "LONGTEXT", ("''", "REPEAT('ab🎭', 20000)"), "CONCAT(REPEAT('ab🎭', 19999), 'ac🎭')"),
    Type("blob", "LONGBLOB", ("''", "REPEAT(x'00FF', 50000)"), "CONCAT(REPEAT(x'00FF', 49999), x'00FE')"),
    Type("tiny_text", "TINYTEXT", ("'x'", "'y'"), "'z'"),
    Type("choice", "ENUM('b','a','')", ("'a'", "'b'", "''", "0"), "'a'"),
    Type("choices", "SET('x','y','z')", ("''", "'x,z'", "'y'"), "'x'"),
    Type("place", "POINT", (f"{SHAPE}('POINT(1 2)')", f"{SHAPE}('POINT(2 1)')"), f"{SHAPE}('POINT(2 2)')"),
    Type("shape", "GEOMETRY", (f"{SHAPE}('LINESTRING(0 0,1 2)', 4326)",), f"{SHAPE}('LINESTRING(0 0,1 2)')"),
)  # fmt: skip
BY_NAME = {type_.name: type_ for type_ in TYPES}


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Stage]]:
    """MySQL 5.6 -> 9.7 and MariaDB 10.5 -> 11.8."""
    folder = tmp_path_factory.mktemp("verify")
    row = ("--binlog-format=ROW",)
    with tree(
        Node("my-old", "mysql-5.6", options=(*OLD, *row)),
        Node("my-new", "mysql-9.7", "my-old", (*NEW, "--local-infile=0")),
        Node("maria-old", "mariadb-10.5", options=(*OLD, *row)),
        Node("maria-new", "mariadb-11.8", "maria-old", OLD),
    ) as servers:
        yield {
            "mysql": Stage(servers["my-old"], servers["my-new"], folder),
            "mariadb": Stage(servers["maria-old"], servers["maria-new"], folder),
        }


@pytest.fixture(scope="module", params=["mysql", "mariadb"])
def stage(request: pytest.FixtureRequest, stages: dict[str, Stage]) -> Stage:
    """Either."""
    return stages[request.param]


@pytest.fixture(scope="module")
def loaded(stage: Stage) -> str:
    """A database with a table for each type, one row a value and one for NULL, and one with a column of every type."""
    database = fresh(stage, "types")
    statements = ["SET SESSION sql_mode = ''", "SET SESSION time_zone = '+02:00'"]
    for type_ in TYPES:
        statements.append(f"CREATE TABLE {database}.`{type_.name}` (id INT PRIMARY KEY, v {type_.sql})")
        rows = ", ".join(f"({number}, {value})" for number, value in enumerate((*type_.values, "NULL")))
        statements.append(f"INSERT INTO {database}.`{type_.name}` VALUES {rows}")
    columns = ", ".join(f"`{type_.name}` {type_.sql}" for type_ in TYPES)
    statements.append(f"CREATE TABLE {database}.every (id INT PRIMARY KEY, {columns})")
    values = ", ".join(type_.values[-1] for type_ in TYPES)
    rows = ", ".join(f"({number}, {values})" for number in range(len(TYPES)))
    statements.append(f"INSERT INTO {database}.every VALUES {rows}")
    stage.write(*statements)
    return database


def pair_of(stage: Stage, name: str) -> Pair:
    with stage.old.sql() as old, stage.new.sql() as new:
        (ours,), (theirs,) = (catalogue.tables(side, (name.replace("`", ""),)) for side in (old, new))
    return paired(ours, theirs, thorough=True)


def numbers(session: Session, pair: Pair, sql: str) -> dict[int, tuple[Any, ...]]:
    catalogue.prepare(session)
    return {int(row[0]): tuple(row[1:]) for batch in session.stream(sql) for row in batch}


@pytest.mark.parametrize("name", BY_NAME)
def test_equal_values_have_equal_numbers_on_both_versions_and_others_have_others(
    stage: Stage, loaded: str, name: str
) -> None:
    pair, count = pair_of(stage, f"{loaded}.{name}"), len(BY_NAME[name].values) + 1
    keys = [(str(number),) for number in range(count)]
    with stage.old.sql() as old, stage.new.sql() as new:
        ours = numbers(old, pair, pair.old.columns(keys))
        theirs = numbers(new, pair, pair.new.columns(keys))
    assert ours == theirs
    assert len(ours) == count
    assert len({row[2:] for row in ours.values()}) == count, "each value has a number of its own, NULL too"


def test_a_changed_value_of_each_type_is_found_with_its_key_and_its_column(stage: Stage, loaded: str) -> None:
    name = f"{loaded}.every"
    assert stage.verify(name.replace("`", "")).result is Result.EQUAL
    changes = [f"UPDATE {name} SET `{one.name}` = {one.changed} WHERE id = {place}" for place, one in enumerate(TYPES)]
    assert stage.spoil("new", "SET SESSION sql_mode = ''", "SET SESSION time_zone = '+02:00'", *changes) == len(TYPES)
    outcome = stage.verify(name.replace("`", ""))
    assert outcome.result is Result.DIFFERENT
    expected = {("changed-row", (str(place),), (one.name,)) for place, one in enumerate(TYPES)}
    assert told(outcome.findings) == expected
    assert table(outcome, name).differing == len(TYPES)


REALS = st.floats(allow_nan=False, allow_infinity=False)
CELLS = st.tuples(
    REALS,
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
    st.binary(max_size=20),
    st.integers(-(2**63), 2**63 - 1),
    st.decimals(-(10**18), 10**18, places=6, allow_nan=False, allow_infinity=False),
)


@settings(max_examples=4, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(cells=st.lists(CELLS, min_size=40, max_size=60))
def test_whatever_the_values_are_the_numbers_agree(
    stages: dict[str, Stage], cells: list[tuple[float, float, str, bytes, int, Decimal]]
) -> None:
    for stage in stages.values():
        database = fresh(stage, "values")
        stage.write(
            f"CREATE TABLE {database}.t (id INT PRIMARY KEY, r DOUBLE, f FLOAT, s VARCHAR(20), b VARBINARY(20),"
            " n BIGINT, d DECIMAL(30,6))"
        )
        with stage.old.sql() as session:
            session.execute("SET SESSION sql_mode = ''")
            for number, (real, single, *rest) in enumerate(cells):
                sql = f"INSERT INTO {database}.t VALUES ({number}, {exact(real)}, {exact(single)}, %s, %s, %s, %s)"
                session.execute(sql, *rest)
        stage.settle()
        pair = pair_of(stage, f"{database}.t")
        keys = [(str(number),) for number in range(len(cells))]
        with stage.old.sql() as old, stage.new.sql() as new:
            assert numbers(old, pair, pair.old.columns(keys)) == numbers(new, pair, pair.new.columns(keys))


def exact(value: float) -> str:
    return repr(value)


def test_a_negative_zero_equals_zero(stage: Stage) -> None:
    database = fresh(stage, "zeros")
    stage.write(f"CREATE TABLE {database}.t (id INT PRIMARY KEY, r DOUBLE)", f"INSERT INTO {database}.t VALUES (1, 0)")
    assert stage.spoil("new", f"UPDATE {database}.t SET r = -1e-200 * 1e-200"), "it is stored as another value"
    with stage.new.sql() as session:
        assert session.value(f"SELECT HEX(POINT(r, 0)) = HEX(POINT(0e0, 0)) FROM {database}.t") == 0
    assert stage.verify(f"{database.strip('`')}.t").result is Result.EQUAL


def test_documents_of_mysql_are_compared_as_what_they_are(stages: dict[str, Stage]) -> None:
    server = stages["mysql"].new
    with server.sql() as session, behind(session):
        session.execute("CREATE DATABASE documents")
        for name in ("a", "b"):
            session.execute(f"CREATE TABLE documents.{name} (id INT PRIMARY KEY, j JSON, v VECTOR(2))")
        session.execute(
            """INSERT INTO documents.a VALUES (1, '{"b": [1, 2.50, "é"], "a": null}', TO_VECTOR('[1,2]'))"""
        )
        session.execute("""INSERT INTO documents.b VALUES (1, '{"a":null,"b":[1,2.5,"é"]}', TO_VECTOR('[1,2]'))""")
        session.execute("INSERT INTO documents.a VALUES (2, '1', NULL)")
        session.execute("INSERT INTO documents.b VALUES (2, '1.0', NULL)")
    with server.sql() as session:
        ours, theirs = (catalogue.tables(session, (f"documents.{name}",))[0] for name in ("a", "b"))
        pair = paired(ours, theirs, thorough=True)
        keys = [("1",), ("2",)]
        left, right = numbers(session, pair, pair.old.columns(keys)), numbers(session, pair, pair.new.columns(keys))
        assert left[1] == right[1]
        assert left[2] != right[2], "an integer is no double"
    stages["mysql"].spoil("new", "DROP DATABASE documents")
