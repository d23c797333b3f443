"""A server's accounts, as far as rules look at them. Pure data, without passwords or their hashes."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from understudy.migrate.sqltext import account
from understudy.migrate.versions import Version


class Account(Struct, frozen=True):
    """An account or role. `grants` are its privileges, by what they are granted on: {"*.*": {"SUPER", …}}.

    `credential` is a digest that tells whether two servers store the same hash; it is worth nothing beyond this run.
    `is_old_password` says that the hash is of the time before MySQL 4.1.
    """

    user: str
    host: str
    plugin: str = ""
    grants: Mapping[str, frozenset[str]] = {}
    credential: str = ""
    is_old_password: bool = False
    has_password: bool = True
    is_locked: bool = False
    is_role: bool = False
    needs_tls: bool = False
    roles: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return account(self.user, self.host)

    def holds(self, *privileges: str) -> bool:
        """Whether it has one of these privileges on everything."""
        return not self.grants.get("*.*", frozenset()).isdisjoint(privileges)

    def passes_read_only(self, version: Version) -> bool:
        """Whether it writes on a server that is read_only. MariaDB took that right out of SUPER in 10.11 (measured)."""
        if version.is_mariadb(10, 11):
            return self.holds("READ_ONLY ADMIN")
        return self.holds("SUPER", "CONNECTION_ADMIN", "READ_ONLY ADMIN")
