"""Do two servers let the same people in, and let them do the same.

Accounts are read from the grant tables as check reads them. No hash leaves a server's rows: what is compared is a
digest under a key of this run, and no finding shows even that. Which accounts belong to a server itself, so that build
leaves them alone, they are left alone here; what build makes of a privilege is no finding (`granted`). What MariaDB
grants to PUBLIC is compared too. Limits, expiry and the like are `terms`; roles and proxies are `membership`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from understudy.migrate.build import public
from understudy.migrate.build.accounts import is_left_alone
from understudy.migrate.checks.accounts import Account
from understudy.migrate.checks.collect import TABLES
from understudy.migrate.checks.granttables import GrantTables, accounts
from understudy.migrate.ports import Database
from understudy.migrate.rows import text
from understudy.migrate.sqltext import identifier
from understudy.migrate.verify import folding, granted, membership, terms
from understudy.migrate.verify.finding import Finding, Kind
from understudy.migrate.verify.membership import NOTHING, Membership, Role, Sides
from understudy.migrate.verify.structure import knows_no_case
from understudy.migrate.verify.terms import Terms
from understudy.migrate.versions import Version
from understudy.migrate.words import Word

MORE = {"defaults": Word.DEFAULT_ROLES, "proxies": Word.PROXIES}
USES = (*(word for word, _ in TABLES.values()), *MORE.values())  # what reads the grant tables
ITS_OWN = ("debian-sys-maint", public.NAME)  # further names that belong to a server itself
CLASSES = {
    "": "native", "mysql_native_password": "native",
    "caching_sha2_password": "sha", "sha256_password": "sha",
    "unix_socket": "socket", "auth_socket": "socket",
}  # fmt: skip
SALTED = ("sha", "ed25519", "parsec")  # one password has many hashes
Who = tuple[str, str]
T = TypeVar("T")


class Side(Struct, frozen=True):
    """One server's accounts, the privileges that it knows, and what else is compared of each; `members` of all.

    `public` is what MariaDB 10.11 and later let all accounts do, by what it is granted on.
    """

    version: Version
    accounts: Mapping[Who, Account]
    known: frozenset[str]
    agreed: Mapping[Who, Terms] = {}
    members: Mapping[Who, Membership] = {}
    public: Mapping[str, frozenset[str]] = {}


def differences(old: Database, new: Database, ignored: Collection[str] = ()) -> list[Finding]:
    """In what the new server's accounts differ from the old one's, without users named in `ignored`.

    Raises `faults.PrivilegeError` where the grant tables may not be read: nobody shall take that for equality.
    """
    with ThreadPoolExecutor(2, "accounts") as pool:
        before, after = pool.map(lambda session: side(session, ignored), (old, new))
    if any(knows_no_case(session) for session in (old, new)):
        before, after = _folded(before), _folded(after)
    return list(compare(before, after))


def _folded(one: Side) -> Side:
    """With names of databases and tables in lower case."""
    kept = {who: replace(account, grants=folding.merged(account.grants)) for who, account in one.accounts.items()}
    return replace(one, accounts=kept, public=folding.merged(one.public))


def side(session: Database, ignored: Collection[str] = ()) -> Side:
    """What one server says of its accounts."""
    dialect = session.dialect
    rows = {name: session.rows(dialect.sql(word)) for name, (word, _) in TABLES.items() if dialect.knows(word)}
    more = {name: session.rows(dialect.sql(word)) for name, word in MORE.items() if dialect.knows(word)}
    known = frozenset(text(row["Privilege"]).upper() for row in session.rows("SHOW PRIVILEGES"))
    left_out = {*ITS_OWN, *ignored}
    found = _by_name(accounts(GrantTables(**rows)))
    kept = {
        who: one for who, one in found.items() if one.user not in left_out and not is_left_alone(one.user, one.host)
    }
    members = membership.memberships(rows["accounts"], rows.get("roles", ()), **more)
    agreed = {(text(row["User"]), text(row["Host"])): terms.terms(row) for row in rows["accounts"]}
    return Side(session.version, kept, known, _of(kept, agreed), _of(found, members), _public(session.version, found))


def _public(version: Version, found: Mapping[Who, Account]) -> Mapping[str, frozenset[str]]:
    """What all may do; where there is no PUBLIC, an account may be called so."""
    role = found.get((public.NAME, "%"))
    return granted.of_public(role.grants) if role and role.is_role and public.is_known(version) else {}


def _by_name(found: Iterable[Account]) -> dict[Who, Account]:
    """MariaDB's roles have no host, MySQL's are of '%'."""
    return {(account.user, account.host or ("%" if account.is_role else "")): account for account in found}


def _of(found: Mapping[Who, Account], about: Mapping[Who, T]) -> dict[Who, T]:
    """What is known of these accounts under the names that servers store, under the names that are compared."""
    stored = {(account.user, account.host): who for who, account in found.items()}
    return {stored[who]: known for who, known in about.items() if who in stored}


def compare(old: Side, new: Side) -> Iterator[Finding]:
    """In what the new side's accounts differ. Pure."""
    created = _created(old, new)
    for who, account in old.accounts.items():
        if who in new.accounts:
            yield from _both(who, old, new, created.get(who, ()))
        elif account.user:
            yield Finding(Kind.USER, str(account), f"the {_noun(account)} is missing on the new side")
        else:
            said = "it is missing on the new side: build makes none without a name, which takes others' place at login"
            yield Finding(Kind.USER, str(account), said, note=True)
    for who, account in new.accounts.items():
        if who not in old.accounts:
            yield Finding(Kind.USER, str(account), f"the {_noun(account)} is on the new side alone")
    yield from granted.differing_for_all(old.public, new.public, (old.version, new.version), (old.known, new.known))
    if public.is_known(new.version):
        was, now = (side.members.get((public.NAME, "%"), NOTHING) for side in (old, new))
        yield from membership.differing(public.NAME, Sides(was, now), is_mariadb=True)


def _created(old: Side, new: Side) -> Mapping[Who, Collection[Role]]:
    if old.version.flavour is new.version.flavour:
        return {}
    mariadb, mysql = (old, new) if old.version.is_mariadb() else (new, old)
    return membership.created(mariadb.members, mysql.members)


def _both(who: Who, old: Side, new: Side, created: Collection[Role]) -> Iterator[Finding]:
    one, other = old.accounts[who], new.accounts[who]
    yield from _account(one, other)
    there = replace(other, host=one.host)
    yield from granted.differing(one, there, (old.version, new.version), (old.known, new.known))
    if not (one.is_role or other.is_role):
        yield from terms.differing(str(one), old.agreed.get(who, {}), new.agreed.get(who, {}))
    members = Sides(old.members.get(who, NOTHING), new.members.get(who, NOTHING), created)
    name = identifier(other.user) if other.is_role else str(one)
    yield from membership.differing(name, members, new.version.is_mariadb())


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
