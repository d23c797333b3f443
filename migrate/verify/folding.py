"""Names of databases and tables where a server knows no case for them. Pure.

With lower_case_table_names = 0 a server keeps them as they were written and tells `Orders` from `orders`; with 1 it
keeps them in lower case, with 2 it compares them so (MySQL manual, "Identifier Case Sensitivity"). So where either side
has another setting than 0 they are compared in lower case, wherever they occur: in foreign keys, also in the names that
these get of their table, in views, in defaults that ask a sequence, in grants (measured, from 0 on MariaDB 10.11 and
MySQL 5.6 to 1 on 11.8 and 9.7: all of these are in lower case there; the bodies of routines, triggers and events are as
they were written). Names that one side keeps apart stay apart, so that neither hides the other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

Name = tuple[str, str]
PIECES = re.compile(r"'(?:[^'\\]|\\.|'')*'|`(?:[^`]|``)*`|[^'`]+", re.DOTALL)


def keys(names: Sequence[Name], folded: bool) -> list[Name]:
    """By what each name is found among the other side's: in lower case, if it differs from no other by case alone."""
    if not folded:
        return list(names)
    lower = [(first.lower(), second.lower()) for first, second in names]
    many = Counter(lower)
    return [low if many[low] == 1 else name for low, name in zip(lower, names, strict=True)]


def text(sql: str) -> str:
    """SQL in lower case, but for its literals."""
    return PIECES.sub(lambda piece: piece[0] if piece[0].startswith("'") else piece[0].lower(), sql)


def merged(grants: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Privileges by what they are on, in lower case."""
    found: dict[str, frozenset[str]] = {}
    for where, names in grants.items():
        found[where.lower()] = found.get(where.lower(), frozenset()) | names
    return found
