"""What the rules look at: facts of the servers concerned, collected beforehand. Pure data."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from understudy.migrate.checks.schema import Schema
from understudy.migrate.limits import Limits
from understudy.migrate.topology import Tree
from understudy.migrate.versions import Version


class Side(Struct, frozen=True):
    """One server, in depth. `variables` are its global ones, by name in lower case; `schema` is what it stores."""

    address: str
    version: Version
    variables: Mapping[str, str]
    schema: Schema


class Case(Struct, frozen=True):
    """From `old` to a server of `target` version. `new` is None where that server isn't there yet.

    `tree` is the whole tree as discovered.
    """

    old: Side
    target: Version
    tree: Tree
    limits: Limits
    new: Side | None = None
