"""How the two database servers of the demo behave: all that differs between the old stack and the new one.

The shop is the same code on both. What an upgrade changes beneath an application is written here, one field a
fault, and is carried out by SQLite itself: another collation, another column type, other indexes, a constraint.
No answer is ever edited.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal


@lru_cache(maxsize=4096)
def accents_ignored(text: str) -> str:
    """A sort key by which 'cafe', 'Cafe' and 'Café' are one word, as under utf8mb4_general_ci."""
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).casefold()


def code_points(text: str) -> str:
    """A sort key by which every letter is its own, and 'é' comes after 'z', as under utf8mb4_bin."""
    return text


@dataclass(frozen=True)
class Flavour:
    """A database server's ways.

    - `groups_sorted`: GROUP BY answers in the order of its key, ORDER BY or not. MySQL did so until 5.7; since
      8.0 the order is whatever the plan gives (reference manual, "ORDER BY Optimization").
    - `collation`: the sort key of text; equal keys are equal text.
    - `decimals`: the type that a DECIMAL column became. TEXT keeps 19.90 as it was written, NUMERIC keeps 19.9.
    - `every_index`: whether the migration brought all indexes along.
    - `strict`: whether a value of the wrong type is an error, as under STRICT_TRANS_TABLES, the default since
      MySQL 5.7 and MariaDB 10.2.4, or is stored all the same.
    """

    name: str
    groups_sorted: bool
    collation: Callable[[str], str]
    decimals: Literal["TEXT", "NUMERIC"]
    every_index: bool
    strict: bool


OLD = Flavour(
    name="old",
    groups_sorted=True,
    collation=accents_ignored,
    decimals="TEXT",
    every_index=True,
    strict=False,
)
NEW = Flavour(
    name="new",
    groups_sorted=False,
    collation=code_points,
    decimals="NUMERIC",
    every_index=False,
    strict=True,
)
FLAVOURS = {flavour.name: flavour for flavour in (OLD, NEW)}
