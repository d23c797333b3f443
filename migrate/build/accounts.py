"""Users, roles and grants of an old server, said again in the dialect of a new one. Pure.

They are read as the server says them itself (SHOW CREATE USER, SHOW GRANTS; mysql.user before MySQL 5.7.6), so that
nothing is missing that the flavour knows: wildcards, columns, routines, proxies, roles. What the new server has no
plugin or privilege for is never dropped silently: it is named in a note, with what to do.

An account whose password can't be carried over, since only its hash is known and the new server has no plugin for such
hashes (mysql_native_password in MySQL 9.0 and later), is created with all it had, with a password that nobody knows,
and locked. A new password may be given for it, and then it is open.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from understudy.migrate.rows import Row, number, text
from understudy.migrate.sqltext import Secret, Statement, account, identifier, string
from understudy.migrate.versions import Version

SYSTEM_USERS = frozenset({"mysql.sys", "mysql.session", "mysql.infoschema", "mariadb.sys", "rdsadmin", "rdsrepladmin"})
LOCAL_ONLY = frozenset({"root", "mysql"})  # at the server's own host: made with the server
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
NATIVE, SHA2 = "mysql_native_password", "caching_sha2_password"
_LITERAL = re.compile(r"(?:0x[0-9A-Fa-f]+|'(?:[^'\\]|\\.|'')*')")
_PLUGIN = re.compile(rf"IDENTIFIED WITH ['`\"]?(\w+)['`\"]?(?: (?:AS|USING) ({_LITERAL.pattern}))?")
_VIA = re.compile(
    rf"IDENTIFIED (?:BY PASSWORD {_LITERAL.pattern}|VIA \w+(?: USING {_LITERAL.pattern})?"
    rf"(?: OR \w+(?: USING {_LITERAL.pattern})?)*)"
)
_VIA_PLUGIN = re.compile(r"(?:VIA|OR) (\w+)")
_DEFAULT_ROLE = re.compile(r" DEFAULT ROLE ((?:`[^`]*`@`[^`]*`,?)+)")


class Account(Struct, frozen=True):
    """A user or role of the old server. `identified` is the clause that says how it logs in, with what is secret apart.

    `rest` is what CREATE USER says after it: REQUIRE, WITH, PASSWORD EXPIRE, ACCOUNT. `grants` are SHOW GRANTS' lines.
    """

    user: str
    host: str = ""
    plugins: tuple[str, ...] = ()
    identified: str = ""  # with a %s for each of `hashes`
    hashes: tuple[Secret, ...] = ()
    rest: str = ""
    default_role: str = ""
    is_role: bool = False
    grants: tuple[str, ...] = ()
    why_left_out: str = ""

    @property
    def name(self) -> str:
        """As GRANT takes it; a role of MariaDB has no host."""
        return account(self.user, self.host) if not self.is_role or self.host else identifier(self.user)


class Known(Struct, frozen=True):
    """What the new server knows: its active plugins, the names of its privileges in capitals, who is there already.

    `old` is the version that the accounts come from.
    """

    old: Version
    version: Version
    plugins: frozenset[str]
    privileges: frozenset[str]
    accounts: frozenset[tuple[str, str]]


class Translation(Struct, frozen=True):
    """The statements, in order, that make an account and give it what it had; and what is to be known of it."""

    account: Account
    create: tuple[Statement, ...] = ()
    grants: tuple[Statement, ...] = ()
    last: tuple[Statement, ...] = ()  # default roles: when all grants are there
    notes: tuple[str, ...] = ()


def is_left_alone(user: str, host: str) -> bool:
    """Whether an account belongs to the server itself, so that the new one has its own."""
    return user in SYSTEM_USERS or (user in LOCAL_ONLY and host in LOCAL_HOSTS)


def of_created(user: str, host: str, created: str, grants: Iterable[str]) -> Account:
    """From SHOW CREATE USER: MySQL 5.7.6 and later, MariaDB."""
    default_role = _DEFAULT_ROLE.search(created)
    created = _DEFAULT_ROLE.sub("", created)
    if found := _VIA.search(created):
        clause, plugins = found[0], tuple(_VIA_PLUGIN.findall(found[0])) or (NATIVE,)
    elif found := _PLUGIN.search(created):
        clause, plugins = found[0], (found[1],)
        clause = clause.replace(f"'{found[1]}'", found[1], 1)
    else:
        clause, plugins = "", ()
    rest = created[found.end() :] if found else _after_name(created)
    hashes = tuple(Secret(_content(one)) for one in _LITERAL.findall(clause))
    return Account(
        user=user,
        host=host,
        plugins=plugins,
        identified=_LITERAL.sub("%s", clause.replace("%", "%%")),
        hashes=hashes,
        rest=rest.strip(),
        default_role=default_role[1].rstrip(",") if default_role else "",
        grants=tuple(grants),
    )


def of_row(row: Row, grants: Iterable[str]) -> Account:
    """From a row of mysql.user: MySQL 5.6."""
    plugin = text(row.get("plugin")) or NATIVE
    hashed = text(row.get("Password")) or text(row.get("authentication_string"))
    return Account(
        user=text(row["User"]),
        host=text(row["Host"]),
        plugins=(plugin,),
        identified=f"IDENTIFIED WITH {plugin}" + (" AS %s" if hashed else ""),
        hashes=(Secret(hashed),) if hashed else (),
        rest=" ".join(_rest(row)),
        grants=tuple(grants),
    )


def _rest(row: Row) -> Iterator[str]:
    kind = text(row.get("ssl_type"))
    if kind in ("ANY", "X509"):
        yield f"REQUIRE {'SSL' if kind == 'ANY' else 'X509'}"
    elif kind == "SPECIFIED":
        columns = {"CIPHER": "ssl_cipher", "ISSUER": "x509_issuer", "SUBJECT": "x509_subject"}
        given = {word: text(row.get(column)) for word, column in columns.items()}
        yield "REQUIRE " + " AND ".join(f"{word} {string(value)}" for word, value in given.items() if value)
    limits = {
        "MAX_QUERIES_PER_HOUR": "max_questions",
        "MAX_UPDATES_PER_HOUR": "max_updates",
        "MAX_CONNECTIONS_PER_HOUR": "max_connections",
        "MAX_USER_CONNECTIONS": "max_user_connections",
    }
    some = {word: number(row.get(column)) for word, column in limits.items() if number(row.get(column))}
    if some:
        yield "WITH " + " ".join(f"{word} {value}" for word, value in some.items())
    if text(row.get("password_expired")) == "Y":
        yield "PASSWORD EXPIRE"


def _after_name(created: str) -> str:
    return re.sub(r"^CREATE USER (?:'(?:[^'\\]|\\.|'')*'|`(?:[^`]|``)*`)@(?:'[^']*'|`[^`]*`)", "", created)


def _content(literal: str) -> str:
    if literal.startswith("0x"):
        return bytes.fromhex(literal[2:]).decode("utf-8", "surrogateescape")
    return re.sub(r"\\(.)|''", lambda found: found[1] or "'", literal[1:-1])


def translated(
    one: Account,
    known: Known,
    passwords: Mapping[str, Secret] = {},
    fresh: Callable[[], Secret] = lambda: Secret(secrets.token_urlsafe(24)),
) -> Translation:
    """An account for a new server that knows so much; `passwords` are new ones, by name as GRANT takes it."""
    if (one.user, one.host) in known.accounts:
        return Translation(one, notes=(f"{one.name} is there already, and left as it is",))
    if one.why_left_out:
        return Translation(one, notes=(f"{one.name} is left out: {one.why_left_out}",))
    if one.is_role:
        create, notes = Statement(f"CREATE ROLE {one.name}"), list[str]()
    else:
        create, notes = _create(one, known, passwords, fresh)
    grants: list[Statement] = []
    last: list[Statement] = []
    for line in one.grants:
        sql, lost = granted(one, line, known)
        notes += lost
        if sql:
            (last if sql.startswith("SET DEFAULT ROLE") else grants).append(Statement(sql))
    if one.default_role:
        last.append(Statement(f"ALTER USER {one.name} DEFAULT ROLE {one.default_role}"))
    return Translation(one, (create,), tuple(grants), tuple(last), tuple(notes))


def _create(
    one: Account, known: Known, passwords: Mapping[str, Secret], fresh: Callable[[], Secret]
) -> tuple[Statement, list[str]]:
    head = f"CREATE USER {one.name}".replace("%", "%%")
    rest = one.rest.replace("%", "%%")
    given = passwords.get(one.name)
    lacking = unknown_plugins(one, known)
    if given is None and not lacking:
        return _joined(head, one.identified, rest, one.hashes), []
    if given is None and one.plugins == (NATIVE,) and not any(map(bool, one.hashes)):
        note = f"{one.name} has no password, as before"
        return _joined(head, "IDENTIFIED BY %s", rest, (Secret(""),)), [note]
    if given is not None:
        note = f"{one.name} has the new password that was given for it"
        return _joined(head, "IDENTIFIED BY %s", rest, (given,)), [note]
    note = (
        f"{one.name} is created locked: the new server has no {' or '.join(lacking)}, and no other plugin takes its "
        f"old password. Give a new one in [migrate.build] passwords, or afterwards: "
        f"ALTER USER {one.name} IDENTIFIED BY '…' ACCOUNT UNLOCK"
    )
    rest = re.sub(r" ?\bACCOUNT (UN)?LOCK\b", "", rest)
    return _joined(head, "IDENTIFIED BY %s", f"{rest} ACCOUNT LOCK", (fresh(),)), [note]


def unknown_plugins(one: Account, known: Known) -> list[str]:
    """The account's plugins that the new server lacks, so that the hash of its password is of no use there."""
    return [plugin for plugin in one.plugins if plugin not in known.plugins]


def _joined(head: str, identified: str, rest: str, hashes: Sequence[Secret]) -> Statement:
    sql = " ".join(filter(None, (head, identified, rest.strip())))
    return Statement(sql, tuple(hashes)) if hashes else Statement(sql.replace("%%", "%"))


def granted(one: Account, line: str, known: Known) -> tuple[str, list[str]]:
    """The grant for the new server, empty where nothing of it is left; and what is lost or added."""
    words, where, option = parted(one, line)
    if not words:
        return line, []  # REVOKE of a partial revoke, SET DEFAULT ROLE
    if not where or words == "PROXY":
        return f"GRANT {words}{f' ON {where}' if where else ''} TO {one.name}{option}", []
    wanted = [name for word in split_privileges(words) for name in successors(word, known)]
    kept = [word for word in dict.fromkeys(wanted) if _plain(word) in known.privileges | {"USAGE", "ALL PRIVILEGES"}]
    lost = [word for word in dict.fromkeys(wanted) if word not in kept]
    notes = [f"{one.name} loses {', '.join(lost)} on {where}: the new server has no such privilege"] if lost else []
    if not kept or (kept == ["USAGE"] and not option):
        return "", notes
    return f"GRANT {', '.join(kept)} ON {where} TO {one.name}{option}", notes


def parted(one: Account, line: str) -> tuple[str, str, str]:
    """(privileges or a role, what they are on, " WITH … OPTION") of a line of SHOW GRANTS; empty of any other line."""
    head, tail = _around_name(one, line)
    option = " WITH GRANT OPTION" if " WITH GRANT OPTION" in tail else ""
    option = " WITH ADMIN OPTION" if " WITH ADMIN OPTION" in tail else option
    words, where = _on(head.removeprefix("GRANT "))
    return words, where, option if head else ""


def _around_name(one: Account, line: str) -> tuple[str, str]:
    """A line of SHOW GRANTS before and after " TO whom": 5.6 does not escape quotes within the name."""
    if not line.startswith("GRANT "):
        return "", line
    names = [f"'{one.user}'@'{one.host}'", account(one.user, one.host), f"`{one.user}`@`{one.host}`", f"`{one.user}`"]
    names += [f"{identifier(one.user)}@{identifier(one.host)}"] if one.user and one.host else []
    names += [one.user]
    for name in names:
        at = line.rfind(f" TO {name}")
        if at > 0:
            return line[:at], line[at + len(f" TO {name}") :]
    return "", line


def _on(head: str) -> tuple[str, str]:
    """(privileges, what they are on), apart from an ON within quotes or columns."""
    for at in re.finditer(r" ON ", head):
        before = head[: at.start()]
        if before.count("`") % 2 == 0 and before.count("(") == before.count(")"):
            return before, head[at.end() :]
    return head, ""


def split_privileges(words: str) -> list[str]:
    """ "SELECT (a, b), INSERT" in parts."""
    return [part.strip() for part in re.split(r",(?![^(]*\))", words)]


def _plain(word: str) -> str:
    return word.partition(" (")[0].upper()


_SUPER_MYSQL = (  # MySQL manual, "Migrating Accounts from SUPER to Dynamic Privileges"
    "BINLOG_ADMIN", "CONNECTION_ADMIN", "ENCRYPTION_KEY_ADMIN", "GROUP_REPLICATION_ADMIN", "PERSIST_RO_VARIABLES_ADMIN",
    "REPLICATION_SLAVE_ADMIN", "RESOURCE_GROUP_ADMIN", "ROLE_ADMIN", "SESSION_VARIABLES_ADMIN", "SET_USER_ID",
    "SYSTEM_VARIABLES_ADMIN", "XA_RECOVER_ADMIN",
)  # fmt: skip
_SUPER_MARIADB = (  # MariaDB knowledge base, "GRANT": divided in 10.5.2, and no longer implied from 10.11 and 11.0 on
    "BINLOG ADMIN", "BINLOG REPLAY", "CONNECTION ADMIN", "FEDERATED ADMIN", "READ_ONLY ADMIN",
    "REPLICATION MASTER ADMIN", "REPLICATION SLAVE ADMIN", "SET USER",
)  # fmt: skip
_RENAMED = {
    "SET_USER_ID": ("SET_ANY_DEFINER", "ALLOW_NONEXISTENT_DEFINER"),  # 8.2, and gone in 8.4
    "DELETE VERSIONING ROWS": ("DELETE HISTORY",),
}


def successors(word: str, known: Known) -> list[str]:
    """What a privilege is on the new server: itself, and what was split from it."""
    plain = _plain(word)
    if plain == "SUPER" and not known.old.is_mysql(8, 0) and not known.old.is_mariadb(11, 0, 1):
        parts = _SUPER_MARIADB if known.version.is_mariadb() else _SUPER_MYSQL
        split = [new for part in parts for new in successors(part, known) if new in known.privileges]
        return (["SUPER"] if "SUPER" in known.privileges else []) + split
    if plain not in known.privileges and plain in _RENAMED:
        return list(_RENAMED[plain])
    return [word]


def passwords_of(content: str) -> dict[str, Secret]:
    """New passwords by account, of a file with a line each: 'user'@'host', a space, the password. # begins a remark.

    Raises ValueError with the number of a line that is none of it; what is in the line may be a secret.
    """
    found: dict[str, Secret] = {}
    for place, line in enumerate(content.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = re.match(r"\s*('(?:[^']|'')*'@'[^']*')\s+(\S.*)$", line)
        if match is None:
            raise ValueError(f"line {place} is not 'user'@'host', a space, and the password")
        found[match[1]] = Secret(match[2].rstrip("\r"))
    return found


def require_known(passwords: Iterable[str], names: Collection[str]) -> None:
    """Raises ValueError where a password is of nobody: its account would be made without it."""
    if unknown := sorted(set(passwords) - set(names)):
        raise ValueError(f"no account of the old side: {', '.join(unknown)}")
