"""What verify finds: where two servers differ. Pure data, with values of keys and never of other columns."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """In what two servers differ, seen from the old one."""

    MISSING_ROW = "missing-row"  # the old side has it, the new one doesn't
    EXTRA_ROW = "extra-row"  # the new side alone has it
    CHANGED_ROW = "changed-row"  # both have the key, and `columns` differ
    MISSING_TABLE = "missing-table"
    EXTRA_TABLE = "extra-table"
    DATABASE = "database"  # missing, extra, or with other defaults
    TABLE = "table"  # a definition: columns, keys, options, constraints, partitions
    VIEW = "view"
    ROUTINE = "routine"
    TRIGGER = "trigger"
    EVENT = "event"
    USER = "user"
    GRANT = "grant"


ROWS = (Kind.MISSING_ROW, Kind.EXTRA_ROW, Kind.CHANGED_ROW)


class Finding(Struct, frozen=True):
    """One difference.

    `name` is what differs: "shop.orders", "shop.orders.total", "'app'@'%'". `key` holds a row's key as text, by column;
    `columns` are the names of what differs in it. `found` is a sentence for a person, `mend` what to do, in words or
    SQL, never done by itself. A `note` is worth knowing and no difference of the data: it doesn't change the verdict.
    """

    kind: Kind
    name: str
    found: str
    key: Mapping[str, str] = {}
    columns: tuple[str, ...] = ()
    mend: tuple[str, ...] = ()
    note: bool = False
