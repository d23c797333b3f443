"""Are an account's privileges on a new server what they were, when versions name and divide them differently. Pure.

What a privilege may become is a table (`BECOMES`): SUPER was divided in MySQL 8.0 and MariaDB 10.5.2, SET_USER_ID in
MySQL 8.2, and the flavours have other names for the parts (manuals, "Privileges Provided by MySQL" and "GRANT"). A part
is enough: which of them an account needs is what its owner decided when it was translated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from understudy.migrate.build import public
from understudy.migrate.checks.accounts import Account
from understudy.migrate.verify.finding import Finding, Kind
from understudy.migrate.versions import Version

EVERYWHERE = "*.*"
BECOMES: Mapping[str, frozenset[str]] = {
    "SUPER": frozenset(
        {
            "APPLICATION_PASSWORD_ADMIN", "AUDIT_ADMIN", "BACKUP_ADMIN", "BINLOG_ADMIN", "BINLOG_ENCRYPTION_ADMIN",
            "CONNECTION_ADMIN", "ENCRYPTION_KEY_ADMIN", "GROUP_REPLICATION_ADMIN", "REPLICATION_APPLIER",
            "REPLICATION_SLAVE_ADMIN", "RESOURCE_GROUP_ADMIN", "ROLE_ADMIN", "SERVICE_CONNECTION_ADMIN",
            "SESSION_VARIABLES_ADMIN", "SET_ANY_DEFINER", "ALLOW_NONEXISTENT_DEFINER", "SET_USER_ID", "SYSTEM_USER",
            "SYSTEM_VARIABLES_ADMIN", "TABLE_ENCRYPTION_ADMIN", "XA_RECOVER_ADMIN", "PERSIST_RO_VARIABLES_ADMIN",
            "SET USER", "FEDERATED ADMIN", "CONNECTION ADMIN", "READ_ONLY ADMIN", "REPLICATION SLAVE ADMIN",
            "REPLICATION MASTER ADMIN", "BINLOG ADMIN", "BINLOG REPLAY", "SLAVE MONITOR",
        }
    ),
    "REPLICATION CLIENT": frozenset({"SLAVE MONITOR"}),
    "RELOAD": frozenset(
        {"FLUSH_OPTIMIZER_COSTS", "FLUSH_PRIVILEGES", "FLUSH_STATUS", "FLUSH_TABLES", "FLUSH_USER_RESOURCES"}
    ),
    "SET_USER_ID": frozenset({"SET_ANY_DEFINER", "ALLOW_NONEXISTENT_DEFINER", "SET USER"}),
    "SET_ANY_DEFINER": frozenset({"SET USER"}),
    "CREATE ROLE": frozenset({"CREATE USER"}),
    "DROP ROLE": frozenset({"CREATE USER"}),
    "SYSTEM_VARIABLES_ADMIN": frozenset({"READ_ONLY ADMIN", "BINLOG ADMIN"}),
    "CONNECTION_ADMIN": frozenset({"CONNECTION ADMIN"}),
    "BINLOG_ADMIN": frozenset({"BINLOG ADMIN"}),
    "REPLICATION_SLAVE_ADMIN": frozenset({"REPLICATION SLAVE ADMIN"}),
    "REPLICATION_APPLIER": frozenset({"BINLOG REPLAY"}),
    "SHOW_ROUTINE": frozenset({"SHOW CREATE ROUTINE"}),
    "CREATE USER": frozenset({"CREATE ROLE", "DROP ROLE"}),
    "SET USER": frozenset({"SET_ANY_DEFINER", "ALLOW_NONEXISTENT_DEFINER", "SET_USER_ID"}),
    "CONNECTION ADMIN": frozenset({"CONNECTION_ADMIN"}),
    "READ_ONLY ADMIN": frozenset({"SYSTEM_VARIABLES_ADMIN"}),
    "REPLICATION SLAVE ADMIN": frozenset({"REPLICATION_SLAVE_ADMIN"}),
    "BINLOG ADMIN": frozenset({"BINLOG_ADMIN", "SYSTEM_VARIABLES_ADMIN", "SESSION_VARIABLES_ADMIN"}),
    "BINLOG REPLAY": frozenset({"REPLICATION_APPLIER", "BINLOG_ADMIN"}),
    "SLAVE MONITOR": frozenset({"REPLICATION CLIENT"}),
    "SHOW CREATE ROUTINE": frozenset({"SHOW_ROUTINE"}),
}  # fmt: skip
MOST = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "INDEX", "ALTER"})  # ALL PRIVILEGES, on any


Grants = Mapping[str, frozenset[str]]
Versions = tuple[Version, Version]
Known = tuple[frozenset[str], frozenset[str]]


class Named(Struct, frozen=True):
    """Who is spoken of, and to whom it is granted again."""

    old: str
    new: str


def differing(old: Account, new: Account, versions: Versions, known: Known) -> Iterator[Finding]:
    """In what the new account's privileges are no acceptable translation of the old one's.

    `known` are the privileges that each server has at all, from SHOW PRIVILEGES.
    """
    yield from _differing(old.grants, new.grants, Named(str(old), str(new)), versions, known)


def differing_for_all(old: Grants, new: Grants, versions: Versions, known: Known) -> Iterator[Finding]:
    """In what the privileges of PUBLIC differ, which every account has besides its own."""
    if not old or public.is_known(versions[1]):
        yield from _differing(old, new, Named(public.NAME, public.NAME), versions, known)
        return
    held = "; ".join(f"{', '.join(sorted(names))} on {where}" for where, names in sorted(old.items()))
    said = f"{versions[1]} has no PUBLIC, and all accounts had by it: {held}"
    yield Finding(Kind.GRANT, public.NAME, said, mend=("Grant it to each account that needs it.",))


def of_public(grants: Grants) -> Grants:
    """What somebody has granted to PUBLIC: without what comes with an installation."""
    return {where: names for where, names in grants.items() if where not in public.OF_INSTALLATION}


def _differing(old: Grants, new: Grants, who: Named, versions: Versions, known: Known) -> Iterator[Finding]:
    for where in sorted({*old, *new}):
        was, now = old.get(where, frozenset()), new.get(where, frozenset())
        lost = sorted(name for name in was - now if now.isdisjoint(BECOMES.get(name, ())))
        unknown = [name for name in lost if name not in known[1]]
        if lacking := [name for name in lost if name in known[1]]:
            mend = (f"GRANT {', '.join(lacking)} ON *.* TO {who.new};",) if where == EVERYWHERE else ()
            yield Finding(Kind.GRANT, who.old, f"{', '.join(lacking)} on {where} is missing", mend=mend)
        if unknown:
            said = f"{', '.join(unknown)} on {where} is gone: {versions[1]} has no such privilege"
            yield Finding(Kind.GRANT, who.old, said, note=True)
        if more := [name for name in sorted(now - was) if not _follows(name, was, known[0])]:
            yield Finding(Kind.GRANT, who.old, f"{', '.join(more)} on {where} is on the new side alone")


def _follows(name: str, was: frozenset[str], known_before: frozenset[str]) -> bool:
    """Whether a privilege comes from what the account had: as its translation, or as part of all that there is."""
    if any(name in BECOMES.get(held, ()) for held in was):
        return True
    return name not in known_before and ("SUPER" in was or was >= MOST)
