"""What one server has executed and another has not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.migrate.checks.gtidsets import errant, subtract

A, B = "3e11fa47-71ca-11e1-9e33-c80aa9429562", "3e11fa47-71ca-11e1-9e33-c80aa9429563"


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("", "", ""),
        (f"{A}:1-5", "", f"{A}:1-5"),
        (f"{A}:1-5", f"{A}:1-5", ""),
        (f"{A}:1-5", f"{A}:2-3", f"{A}:1:4-5"),
        (f"{A}:1-5:9", f"{A}:1-8", f"{A}:9"),
        (f"{A.upper()}:1-5", f"{A}:1-4", f"{A}:5"),
        (f"{A}:1-5,{B}:1", f"{A}:1-9", f"{B}:1"),
        (f"{A}:1-5,\n{B}:1-2", f"{B}:1-2,\n{A}:1-5", ""),
        (f"{A}:1-3:tag:1-2", f"{A}:1-3", f"{A}:tag:1-2"),
        (f"{A}:1-3:tag:1-2", f"{A}:tag:1-2", f"{A}:1-3"),
    ],
)
def test_mysql_sets_are_subtracted_as_gtid_subtract_does(left: str, right: str, expected: str) -> None:
    assert subtract(left, right) == expected


numbers = st.frozensets(st.integers(1, 40), max_size=25)


def said(of: frozenset[int]) -> str:
    return f"{A}:{':'.join(map(str, sorted(of)))}" if of else ""


def meant(text: str) -> frozenset[int]:
    found: set[int] = set()
    for piece in text.split(":")[1:]:
        first, _, last = piece.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return frozenset(found)


@given(numbers, numbers)
def test_subtracting_is_the_difference_of_what_is_meant(left: frozenset[int], right: frozenset[int]) -> None:
    assert meant(subtract(said(left), said(right))) == left - right


@pytest.mark.parametrize(
    ("replica", "source", "expected"),
    [
        ("0-1-10", "0-1-12", ""),
        ("0-1-10,0-2-11", "0-1-12", "0-2-11"),
        ("0-1-10,5-2-3", "0-1-12,5-2-2", "5-2-3"),
        ("", "0-1-12", ""),
        ("1-1-1", "", "1-1-1"),
    ],
)
def test_on_mariadb_each_domain_and_server_counts_by_itself(replica: str, source: str, expected: str) -> None:
    assert errant(replica, source, is_mariadb=True) == expected
