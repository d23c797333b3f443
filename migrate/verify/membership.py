"""What an account has through others: the roles that it is a member of, whom it may stand in for; what is withheld.

MariaDB makes who creates a role a member of it WITH ADMIN OPTION; MySQL does not. So where the flavours differ, the one
such member of a role whom MySQL doesn't know as such is taken for its creator, and is worth a note; unless it is the
account's default role, which somebody has chosen. Where there are two, one of them was made a member. Within MariaDB
the creator is replicated (measured, 10.5 to 11.8), so it is compared. Pure.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from msgspec import Struct

from understudy.migrate.rows import Row, text
from understudy.migrate.sqltext import account, identifier, string
from understudy.migrate.verify.finding import Finding, Kind

Who = tuple[str, str]


class Role(NamedTuple):
    """A role's name; MariaDB's have no host, and MySQL's are of '%' unless somebody says otherwise."""

    user: str
    host: str = ""

    def __str__(self) -> str:
        return f"{self.user}@{self.host}" if self.host else self.user

    @property
    def sql(self) -> str:
        """As GRANT takes it."""
        return identifier(self.user) + (f"@{string(self.host)}" if self.host else "")


class Membership(Struct, frozen=True):
    """Of one account: each role with whether it may be given on, which of them a login has at once, for whom it may
    stand in and whether it may let others, and what MySQL's partial revokes withhold, by database.
    """

    roles: Mapping[Role, bool] = {}
    defaults: frozenset[Role] = frozenset()
    proxied: Mapping[str, bool] = {}
    withheld: Mapping[str, frozenset[str]] = {}


NOTHING = Membership()


class Sides(NamedTuple):
    """The memberships of one account, and the roles that it has only because it created them."""

    old: Membership
    new: Membership
    created: Collection[Role] = ()


def memberships(
    accounts: Iterable[Row], roles: Iterable[Row] = (), defaults: Iterable[Row] = (), proxies: Iterable[Row] = ()
) -> Mapping[Who, Membership]:
    """Of rows of the grant tables, of every account that has any; by user and host as the server stores them."""
    member: dict[Who, dict[Role, bool]] = defaultdict(dict)
    chosen: dict[Who, set[Role]] = defaultdict(set)
    proxied: dict[Who, dict[str, bool]] = defaultdict(dict)
    withheld: dict[Who, dict[str, frozenset[str]]] = defaultdict(dict)
    for row in map(_lower, roles):
        whose = text(row.get("to_user", row.get("user"))), text(row.get("to_host", row.get("host")))
        may_give = text(row.get("with_admin_option", row.get("admin_option"))) == "Y"
        member[whose][_role(row.get("from_user", row.get("role")), row.get("from_host"))] = may_give
    for row in map(_lower, defaults):
        chosen[_who(row)].add(_role(row["default_role_user"], row["default_role_host"]))
    for row in map(_lower, proxies):
        whom = account(text(row["proxied_user"]), text(row["proxied_host"]) or "%")  # MariaDB itself writes '%' for ''
        proxied[_who(row)][whom] = bool(row["with_grant"])
    for row in map(_lower, accounts):
        if default := text(row.get("default_role")) or text(_document(row, "priv").get("default_role")):
            chosen[_who(row)].add(Role(default))
        for one in _document(row, "user_attributes").get("Restrictions", ()):
            withheld[_who(row)][one["Database"]] = frozenset(one["Privileges"])
    everybody = {*member, *chosen, *proxied, *withheld}
    return {who: Membership(member[who], frozenset(chosen[who]), proxied[who], withheld[who]) for who in everybody}


def created(mariadb: Mapping[Who, Membership], mysql: Mapping[Who, Membership]) -> Mapping[Who, set[Role]]:
    """The roles that accounts seem to have created on MariaDB: nobody else may give them there, and not on MySQL."""
    givers: dict[Role, list[Who]] = defaultdict(list)
    for who, one in mariadb.items():
        for role, may_give in one.roles.items():
            if may_give and not mysql.get(who, NOTHING).roles.get(role):
                givers[role].append(who)
    found: dict[Who, set[Role]] = defaultdict(set)
    for role, whose in givers.items():
        if len(whose) == 1:
            found[whose[0]].add(role)
    return found


def _document(row: Row, column: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text(row.get(column)) or "{}")
    return found


def _role(user: object, host: object) -> Role:
    return Role(text(user), "" if text(host) == "%" else text(host))


def _who(row: Row) -> Who:
    return text(row["user"]), text(row["host"])


def _lower(row: Row) -> dict[str, object]:
    return {name.lower(): value for name, value in row.items()}


def differing(who: str, sides: Sides, is_mariadb: bool) -> Iterator[Finding]:
    """In what an account's memberships differ; `is_mariadb` is the new side, in whose words it is mended."""
    yield from _roles(who, sides)
    yield from _defaults(who, sides, is_mariadb)
    yield from _proxies(who, sides)
    for database in sorted({*sides.old.withheld, *sides.new.withheld}):
        was, now = (side.withheld.get(database, frozenset()) for side in (sides.old, sides.new))
        if back := ", ".join(sorted(was - now)):
            mend = () if is_mariadb else (f"REVOKE {back} ON {identifier(database)}.* FROM {who};",)
            yield _found(who, f"{back} on {database}.* is withheld no more (a partial revoke)", *mend)
        if more := ", ".join(sorted(now - was)):
            yield _found(who, f"{more} on {database}.* is withheld on the new side alone (a partial revoke)")


def _roles(who: str, sides: Sides) -> Iterator[Finding]:
    old, new = sides.old.roles, sides.new.roles
    created = set(sides.created) - sides.old.defaults - sides.new.defaults
    for role in sorted(created):
        if old.get(role) != new.get(role):
            side = "old" if old.get(role) else "new"
            said = f"a member of {role} WITH ADMIN OPTION on the {side} side alone, as MariaDB makes who creates a role"
            yield Finding(Kind.GRANT, who, said, note=True)
    if gone := sorted(old.keys() - new.keys() - created):
        mend = tuple(_given(role, who, old[role]) for role in gone)
        yield _found(who, f"not a member any more of {', '.join(map(str, gone))}", *mend)
    if more := sorted(new.keys() - old.keys() - created):
        yield _found(who, f"a member of {', '.join(map(str, more))} on the new side alone")
    for role in sorted((old.keys() & new.keys()) - created):
        if old[role] and not new[role]:
            yield _found(who, f"may not give {role} to others any more (ADMIN OPTION)", _given(role, who, True))
        elif new[role] and not old[role]:
            yield _found(who, f"may give {role} to others on the new side alone (ADMIN OPTION)")


def _given(role: Role, who: str, may_give: bool) -> str:
    return f"GRANT {role.sql} TO {who}{' WITH ADMIN OPTION' if may_give else ''};"


def _defaults(who: str, sides: Sides, is_mariadb: bool) -> Iterator[Finding]:
    """Of roles that it has on both sides: of others it is told that it has them not."""
    both = sides.old.roles.keys() & sides.new.roles.keys()
    was, now = (sorted(side.defaults & both) for side in (sides.old, sides.new))
    if was == now:
        return
    shown, before = (", ".join(map(str, roles)) or "none" for roles in (now, was))
    wanted = ", ".join(role.sql for role in was) or "NONE"
    mend = f"SET DEFAULT ROLE {wanted} {'FOR' if is_mariadb else 'TO'} {who};"
    yield _found(who, f"a login has the role {shown} at once, was {before} (DEFAULT ROLE)", mend)


def _proxies(who: str, sides: Sides) -> Iterator[Finding]:
    old, new = sides.old.proxied, sides.new.proxied
    for whom in sorted({*old, *new}):
        mend = f"GRANT PROXY ON {whom} TO {who}{' WITH GRANT OPTION' if old.get(whom) else ''};"
        if whom not in new:
            yield _found(who, f"PROXY on {whom} is missing", mend)
        elif whom not in old:
            yield _found(who, f"PROXY on {whom} is on the new side alone")
        elif old[whom] and not new[whom]:
            yield _found(who, f"GRANT OPTION with PROXY on {whom} is missing", mend)
        elif new[whom] and not old[whom]:
            yield _found(who, f"GRANT OPTION with PROXY on {whom} is on the new side alone")


def _found(who: str, said: str, *mend: str) -> Finding:
    return Finding(Kind.GRANT, who, said, mend=mend)
