"""Do two servers let the same people in, and let them do the same.

Accounts are read from the grant tables as check reads them. No hash leaves a server's rows: what is compared is a
digest under a key of this run, and no finding shows even that. Which accounts belong to a server itself, so that build
leaves them alone, they are left alone here; what build makes of a privilege is no finding (`granted`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct
from msgspec.structs import replace

from understudy.migrate.build.accounts import is_left_alone
from understudy.migrate.checks.accounts import Account
from understudy.migrate.checks.collect import TABLES
from understudy.migrate.checks.granttables import GrantTables, accounts
from understudy.migrate.ports import Database
from understudy.migrate.rows import text
from understudy.migrate.verify import granted
from understudy.migrate.verify.finding import Finding, Kind
from understudy.migrate.versions import Version

USES = tuple(word for word, _ in TABLES.values())  # what reads the grant tables
ITS_OWN = ("debian-sys-maint", "PUBLIC")  # further names that belong to a server itself
CLASSES = {
    "": "native", "mysql_native_password": "native",
    "caching_sha2_password": "sha", "sha256_password": "sha",
    "unix_socket": "socket", "auth_socket": "socket",
}  # fmt: skip
SALTED = ("sha", "ed25519", "parsec")  # one password has many hashes
Who = tuple[str, str]


class Side(Struct, frozen=True):
    """One server's accounts, and the privileges that it knows."""

    version: Version
    accounts: Mapping[Who, Account]
    known: frozenset[str]


def differences(old: Database, new: Database, ignored: Collection[str] = ()) -> list[Finding]:
    """In what the new server's accounts differ from the old one's, without users named in `ignored`.

    Raises `faults.PrivilegeError` where the grant tables may not be read: nobody shall take that for equality.
    """
    with ThreadPoolExecutor(2, "accounts") as pool:
        before, after = pool.map(lambda session: side(session, ignored), (old, new))
    return list(compare(before, after))


def side(session: Database, ignored: Collection[str] = ()) -> Side:
    """What one server says of its accounts."""
    dialect = session.dialect
    rows = {name: session.rows(dialect.sql(word)) for name, (word, _) in TABLES.items() if dialect.knows(word)}
    known = frozenset(text(row["Privilege"]).upper() for row in session.rows("SHOW PRIVILEGES"))
    found = accounts(GrantTables(**rows))
    left_out = {*ITS_OWN, *ignored}
    kept = [one for one in found if one.user not in left_out and not is_left_alone(one.user, one.host)]
    return Side(session.version, _by_name(kept), known)


def _by_name(found: Iterable[Account]) -> dict[Who, Account]:
    """MariaDB's roles have no host, MySQL's are of '%'."""
    return {(account.user, account.host or ("%" if account.is_role else "")): account for account in found}


def compare(old: Side, new: Side) -> Iterator[Finding]:
    """In what the new side's accounts differ. Pure."""
    for who, account in old.accounts.items():
        if who in new.accounts:
            yield from _account(account, new.accounts[who])
            there = replace(new.accounts[who], host=account.host)
            yield from granted.differing(account, there, (old.version, new.version), (old.known, new.known))
        else:
            yield Finding(Kind.USER, str(account), f"the {_noun(account)} is missing on the new side")
    for who, account in new.accounts.items():
        if who not in old.accounts:
            yield Finding(Kind.USER, str(account), f"the {_noun(account)} is on the new side alone")


def _noun(account: Account) -> str:
    return "role" if account.is_role else "account"


def _account(old: Account, new: Account) -> Iterator[Finding]:
    if old.is_role or new.is_role:
        return  # a role of MySQL is an account that is locked
    if old.is_locked != new.is_locked:
        mend = (f"ALTER USER {old} IDENTIFIED BY '…' ACCOUNT UNLOCK;",) if new.is_locked else ()
        yield Finding(Kind.USER, str(old), f"it is {_locked(new)}, was {_locked(old)}", mend=mend)
    if old.needs_tls != new.needs_tls:
        yield Finding(Kind.USER, str(old), f"{_tls(new)}, and {_tls(old)} on the old side")
    yield from _credential(old, new)


def _credential(old: Account, new: Account) -> Iterator[Finding]:
    before, after = (CLASSES.get(account.plugin, account.plugin) for account in (old, new))
    if before != after:
        both_by_password = {before, after} <= {"native", *SALTED}
        said = f"it logs in by {new.plugin}, was {old.plugin or 'mysql_native_password'}"
        if both_by_password and old.has_password == new.has_password:
            yield Finding(Kind.USER, str(old), f"{said}; whether the password is the same can't be told", note=True)
            return
        yield Finding(Kind.USER, str(old), said)
    elif old.has_password != new.has_password:
        yield Finding(Kind.USER, str(old), f"it has {_password(new)}, and {_password(old)} on the old side")
    elif old.credential != new.credential:
        if before in SALTED:
            said = "the stored password is another, or has another salt: which of both can't be told"
            yield Finding(Kind.USER, str(old), said, note=True)
        else:
            yield Finding(Kind.USER, str(old), "the password is another")


def _locked(account: Account) -> str:
    return "locked" if account.is_locked else "not locked"


def _tls(account: Account) -> str:
    return "it must log in over TLS" if account.needs_tls else "it may log in without TLS"


def _password(account: Account) -> str:
    return "a password" if account.has_password else "no password"
