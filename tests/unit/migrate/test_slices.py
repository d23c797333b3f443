"""Every table is in one slice, whatever tables there are, and no slice is larger than the server's cache."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.migrate.slices import FEW, LEAST, MOST, WHOLE, Slice, are_needed, size, slices
from understudy.migrate.versions import Version

Names = list[tuple[str, str]]


def tables(database: str, count: int) -> Names:
    return [(database, f"t{number:04}") for number in range(count)]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], []),
        (tables("a", FEW - 1), [WHOLE]),
        (tables("a", FEW), [Slice("a")]),
        (tables("a", 100), [Slice("a")]),
        (tables("a", 101), [Slice("a", None, "t0049"), Slice("a", "t0049", None)]),
        (tables("b", 100) + tables("a", 20), [Slice("a"), Slice("b")]),
        (tables("b", 100) + tables("few", 2), [Slice("b"), Slice(besides=("b",))]),
        (
            tables("a", 250),
            [Slice("a", None, "t0082"), Slice("a", "t0082", "t0165"), Slice("a", "t0165", None)],
        ),
    ],
)
def test_large_databases_are_cut_and_small_ones_asked_about_together(names: Names, expected: list[Slice]) -> None:
    assert slices(names, 100) == expected


def test_databases_that_are_the_servers_own_are_left_out() -> None:
    names = tables("sys", 100) + tables("a", 100)
    assert slices(names, 100, {"sys"}) == [Slice("a")]
    assert slices([*names, ("b", "t")], 100, {"sys"}) == [Slice("a"), Slice(besides=("a", "sys"))]


@given(st.dictionaries(st.sampled_from("abAB"), st.integers(0, 25), max_size=3), st.integers(1, 9), st.integers(0, 30))
def test_every_table_is_in_one_slice_and_so_is_one_made_since(counts: dict[str, int], most: int, later: int) -> None:
    names = [name for database, count in counts.items() for name in tables(database, count)]
    made = slices(names, most)
    for name in {*names, *((database, f"t{later:04}") for database, count in counts.items() if count)}:
        assert sum(holds(one, *name) for one in made) == 1
    for one in made:
        assert sum(holds(one, *name) for name in names) <= (most if one.database else FEW * len(counts))


def holds(one: Slice, database: str, table: str) -> bool:
    return (
        one.database in (None, database)
        and database not in one.besides
        and (one.after is None or table > one.after)
        and (one.to is None or table <= one.to)
    )


TABLE, CONSTRAINT = "TABLE_SCHEMA", "CONSTRAINT_SCHEMA"


@pytest.mark.parametrize(
    ("part", "column", "sql", "arguments"),
    [
        (WHOLE, TABLE, "… LIKE 'a%'", []),
        (Slice("it's"), TABLE, "… LIKE 'a%%' AND TABLE_SCHEMA = %s", ["it's"]),
        (Slice("a"), CONSTRAINT, "… LIKE 'a%%' AND CONSTRAINT_SCHEMA = %s", ["a"]),
        (
            Slice("a", "b", "c"),
            TABLE,
            "… LIKE 'a%%' AND TABLE_SCHEMA = %s AND TABLE_NAME > %s AND TABLE_NAME <= %s",
            ["a", "b", "c"],
        ),
        (
            Slice(besides=("a", "b")),
            CONSTRAINT,
            "… LIKE 'a%%' AND BINARY CONSTRAINT_SCHEMA NOT IN (%s, %s)",
            ["a", "b"],
        ),
    ],
)
def test_a_question_is_narrowed_to_its_slice(part: Slice, column: str, sql: str, arguments: list[object]) -> None:
    assert part.narrowed("… LIKE 'a%'", column) == (sql, arguments)


@pytest.mark.parametrize(("open_tables", "expected"), [(400, 200), (125, 62), (10, LEAST), (100_000, MOST)])
def test_a_slice_takes_half_of_what_the_server_keeps_open(open_tables: int, expected: int) -> None:
    assert size(open_tables) == expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [("5.6.24", True), ("5.7.44", True), ("8.0.11", False), ("9.7.4", False), ("11.8.6-MariaDB", True)],
)
def test_slices_are_for_servers_that_open_tables_to_tell_of_them(version: str, expected: bool) -> None:
    assert are_needed(Version.parse(version)) is expected
