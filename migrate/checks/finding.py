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


class Found(NamedTuple):
    """What `Rule.find` yields: `server` is an address of the case, `where` names the thing on it.

    `where` is like "shop.orders.total", "sql_mode", "'app'@'%'"; empty for the server itself. `mend` is how to put it
    right: each line SQL that ends in a semicolon, or a sentence. `severity` is given where it is not the rule's own.
    """

    server: str
    found: str
    where: str = ""
    mend: tuple[str, ...] = ()
    severity: Severity | None = None


class Rule(NamedTuple):
    """What is looked for. `why` says what would happen, and from which version on.

    `find` does no I/O. Where the rule doesn't concern these versions it yields nothing.
    """

    id: str  # "table-without-primary-key"
    severity: Severity
    why: str
    find: Callable[[Case], Iterator[Found]]


class Finding(Struct, frozen=True):
    """Something found on a server, as it is told; the fields are those of `Found` and of its rule.

    `waived` says by whom, until when and why it is accepted; empty where it is not.
    """

    rule: str
    severity: Severity
    server: str
    found: str
    why: str
    where: str = ""
    mend: tuple[str, ...] = ()
    waived: str = ""
