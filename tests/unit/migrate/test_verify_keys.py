"""Ranges of keys, the key that is chosen, and values as SQL."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.errors import UnderstudyError
from understudy.migrate.verify.catalogue import current
from understudy.migrate.verify.keys import KeyColumn, Value, among, between, pairing
from understudy.migrate.verify.tables import Column, Key, Table

A, B, C = (KeyColumn(name, "number", "integer") for name in "abc")


def rows_where(condition: str) -> Callable[[tuple[int, ...]], bool]:
    """The condition as Python, for rows of (a, b, c)."""
    python = condition.replace("`", "").replace(" = ", " == ").replace("AND", "and").replace("OR", "or")
    return lambda row: bool(eval(python, {}, dict(zip("abc", row, strict=False))))


NUMBERS = st.integers(-2, 2)
ROWS = st.tuples(NUMBERS, NUMBERS, NUMBERS)


@given(
    bounds=st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), unique=True, max_size=5),
    row=st.tuples(NUMBERS, NUMBERS, NUMBERS),
)
def test_each_row_is_in_exactly_one_of_the_ranges_that_follow_one_another(
    bounds: list[tuple[int, ...]], row: tuple[int, ...]
) -> None:
    ends: list[Value | None] = [None, *(tuple(map(str, bound)) for bound in sorted(bounds)), None]
    inside = [rows_where(between((A, B, C), lower, upper))(row) for lower, upper in pairwise(ends)]
    assert inside.count(True) == 1
    assert inside.index(True) == sum(row > bound for bound in bounds)


@pytest.mark.parametrize(
    ("lower", "upper", "sql"),
    [
        (None, None, "1 = 1"),
        (("1", "2"), None, "(`a` = 1 AND `b` > 2) OR (`a` > 1)"),
        (None, ("3", "4"), "(`a` < 3) OR (`a` = 3 AND `b` <= 4)"),
        (("1", "2"), ("1", "5"), "`a` = 1 AND `b` > 2 AND `b` <= 5"),
        (("1", "2"), ("3", "4"), "(`a` = 1 AND `b` > 2) OR (`a` > 1 AND `a` < 3) OR (`a` = 3 AND `b` <= 4)"),
    ],
)
def test_a_range_is_parts_that_an_index_can_be_read_by(lower: Value | None, upper: Value | None, sql: str) -> None:
    assert between((A, B), lower, upper) == sql


@pytest.mark.parametrize(
    ("column", "value", "sql"),
    [
        (KeyColumn("a", "number"), "-12.50", "-12.50"),
        (KeyColumn("a", "moment"), "2024-02-29 01:02:03.5", "'2024-02-29 01:02:03.5'"),
        (KeyColumn("a", "text", "latin1"), "E927", "_latin1 x'E927'"),
        (KeyColumn("a", "bytes"), "", "_binary x''"),
    ],
)
def test_a_value_is_a_literal_that_needs_no_quoting(column: KeyColumn, value: str, sql: str) -> None:
    assert column.literal(value) == sql


@pytest.mark.parametrize(
    ("sort", "value"), [("number", "1 OR 1=1"), ("moment", "'; DROP"), ("text", "4'"), ("bytes", "4")]
)
def test_what_is_no_value_of_the_column_is_refused(sort: str, value: str) -> None:
    with pytest.raises(UnderstudyError, match="can't be"):
        KeyColumn("a", sort).literal(value)


def test_several_keys_of_several_columns_are_each_looked_up() -> None:
    assert among((A,), [("1",), ("2",)]) == "`a` IN (1, 2)"
    assert among((A, B), [("1", "2"), ("3", "4")]) == "(`a` = 1 AND `b` = 2) OR (`a` = 3 AND `b` = 4)"


@pytest.mark.parametrize(
    ("charset", "value", "shown"),
    [
        ("utf8mb4", "C3A9", "é"),
        ("latin1", "E9", "é"),
        ("utf8", "E9", "0xE9"),
        ("", "00FF", "0x00FF"),
        ("latin1", "00", "0x00"),
    ],
)
def test_a_key_is_shown_as_text_where_it_is_text(charset: str, value: str, shown: str) -> None:
    assert KeyColumn("a", "text" if charset else "bytes", charset).shown(value) == shown


def text(collation: str) -> Column:
    return Column("a", "varchar(20)", collation, collation.split("_")[0], nullable=False)


INT, ENUM = (
    Column("a", "int(11)", nullable=False),
    Column("a", "enum('x','y')", "utf8mb4_bin", "utf8mb4", nullable=False),
)


@pytest.mark.parametrize(
    ("old", "new", "ordered"),
    [
        (INT, Column("a", "bigint unsigned", nullable=False), True),
        (text("utf8_general_ci"), text("utf8mb3_general_ci"), True),
        (text("utf8_general_ci"), text("utf8mb4_0900_ai_ci"), False),
        (text("latin1_swedish_ci"), text("latin1_bin"), False),
        (ENUM, ENUM, False),
        (Column("a", "double", nullable=False), Column("a", "double", nullable=False), False),
        (Column("a", "date", nullable=False), Column("a", "datetime", nullable=False), False),
        (Column("a", "varbinary(9)", nullable=False), Column("a", "varbinary(9)", nullable=False), True),
    ],
)
def test_a_key_is_cut_by_where_both_sides_have_one_order(old: Column, new: Column, ordered: bool) -> None:
    tables = [Table("s", "t", (column,), (Key("PRIMARY", ("a",)),)) for column in (old, new)]
    assert pairing(*tables).ordered is ordered


def test_another_key_is_taken_where_the_primary_key_has_no_common_order() -> None:
    keys = (Key("PRIMARY", ("a",)), Key("also", ("N",)))
    number = Column("n", "int", nullable=False)
    chosen = pairing(Table("s", "t", (ENUM, number), keys), Table("s", "t", (ENUM, number), keys))
    assert (chosen.index_old, chosen.ordered, chosen.is_counter) == ("also", True, True)
    assert pairing(Table("s", "t", (number,)), Table("s", "t", (number,))).old == ()


def test_what_a_server_sets_itself_in_a_system_versioned_table_is_neither_compared_nor_part_of_a_key() -> None:
    number, end = Column("id", "int"), Column("re", "timestamp(6)", generated="period")
    keys = [Key("PRIMARY", ("id", "re"))]
    assert current([number, end], keys) == ((number,), (Key("PRIMARY", ("id",)),))
    assert current([number], [Key("PRIMARY", ("id",))]) == ((number,), (Key("PRIMARY", ("id",)),))
