"""Flavours and versions of servers: numbers, never strings ("10.4" < "8.1" has bitten well-known tools). Pure."""

from __future__ import annotations

import re
from enum import StrEnum

from msgspec import Struct

from understudy.errors import UnderstudyError


class Flavour(StrEnum):
    """Whose server it is; Percona Server counts as MySQL."""

    MYSQL = "mysql"
    MARIADB = "mariadb"


class Version(Struct, frozen=True):
    """A server's flavour and version. Ordered within a flavour; comparing across flavours is a TypeError."""

    flavour: Flavour
    numbers: tuple[int, int, int]

    @classmethod
    def parse(cls, version: str, comment: str = "") -> Version:
        """From @@version and @@version_comment, such as "10.11.6-MariaDB-log" or "5.6.24". Raises UnderstudyError."""
        plain = version.removeprefix("5.5.5-")  # what MariaDB 10 says in its greeting, for old replicas' sake
        match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", plain)
        if match is None:
            raise UnderstudyError(f"a server says its version is {version!r}, which is none that is known")
        maria = "mariadb" in version.lower() or "mariadb" in comment.lower()
        numbers = (int(match[1]), int(match[2]), int(match[3] or 0))
        return cls(Flavour.MARIADB if maria else Flavour.MYSQL, numbers)

    def __str__(self) -> str:
        name = "MariaDB" if self.flavour is Flavour.MARIADB else "MySQL"
        return f"{name} {'.'.join(map(str, self.numbers))}"

    # functools.total_ordering takes a Struct's own comparisons for meant ones, and adds none

    def __lt__(self, other: Version) -> bool:
        return self.numbers < self._comparable(other)

    def __le__(self, other: Version) -> bool:
        return self.numbers <= self._comparable(other)

    def __gt__(self, other: Version) -> bool:
        return self.numbers > self._comparable(other)

    def __ge__(self, other: Version) -> bool:
        return self.numbers >= self._comparable(other)

    def _comparable(self, other: Version) -> tuple[int, int, int]:
        if self.flavour is not other.flavour:
            raise TypeError(f"{self} and {other} can't be compared: the flavours differ")
        return other.numbers

    def is_mysql(self, *at_least: int) -> bool:
        """Whether it is MySQL, of at least this version where one is given."""
        return self.flavour is Flavour.MYSQL and self.numbers >= at_least

    def is_mariadb(self, *at_least: int) -> bool:
        """Whether it is MariaDB, of at least this version where one is given."""
        return self.flavour is Flavour.MARIADB and self.numbers >= at_least
