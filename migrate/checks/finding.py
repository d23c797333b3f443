"""What a rule is, and what it finds. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from understudy.migrate.checks.case import Case


class Severity(StrEnum):
    """How grave a finding is."""

    ERROR = "error"  # the upgrade would fail, or answers would be wrong
    WARNING = "warning"  # it may hurt; somebody should decide
    NOTE = "note"  # good to know


class Finding(Struct, frozen=True):
    """Something found on a server.

    `where` names the thing: "shop.orders.total", "sql_mode", "'app'@'%'"; empty for the server itself. `mend` is how to
    put it right: each line SQL that ends in a semicolon, or a sentence.
    """

    rule: str
    severity: Severity
    server: str
    found: str
    where: str = ""
    mend: tuple[str, ...] = ()


class Rule(NamedTuple):
    """What is looked for. `why` says what would happen, and from which version on.

    `find` does no I/O. Where the rule doesn't concern these versions it yields nothing.
    """

    id: str  # "table-without-primary-key"
    severity: Severity
    why: str
    find: Callable[[Case], Iterator[Found]]


class Found(NamedTuple):
    """What `Rule.find` yields."""

    server: str
    found: str
    where: str = ""
    mend: tuple[str, ...] = ()
