"""The rows of a server's grant tables, made into accounts whatever the flavour. Pure.

MySQL and old MariaDB have a column for each privilege in `mysql.user`. MariaDB keeps a JSON document since 10.4, with
the privileges as bits in `access`; its `mysql.user` is a view that shows the oldest of them only. The bits were
measured on 10.5 and 11.8, a GRANT for each.

What a hash is worth ends here: it leaves as a digest under a key of this run.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping

from msgspec import Struct

from understudy.migrate.checks.accounts import Account
from understudy.migrate.rows import Row, text

KEY = secrets.token_bytes(16)
OLD_HASH_LENGTH = 16  # PASSWORD() before MySQL 4.1, sixteen hexadecimal digits (manual, "Password Hashing in MySQL")
OLD_PLUGIN, NATIVE = "mysql_old_password", "mysql_native_password"
NAMES = {
    "create_tmp_table": "CREATE TEMPORARY TABLES",
    "repl_slave": "REPLICATION SLAVE",
    "repl_client": "REPLICATION CLIENT",
    "show_db": "SHOW DATABASES",
    "grant": "GRANT OPTION",
    "delete_history": "DELETE HISTORY",
}
BITS = (
    "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "RELOAD", "SHUTDOWN", "PROCESS", "FILE", "GRANT OPTION",
    "REFERENCES", "INDEX", "ALTER", "SHOW DATABASES", "SUPER", "CREATE TEMPORARY TABLES", "LOCK TABLES", "EXECUTE",
    "REPLICATION SLAVE", "REPLICATION CLIENT", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE",
    "CREATE USER", "EVENT", "TRIGGER", "CREATE TABLESPACE", "DELETE HISTORY", "SET USER", "FEDERATED ADMIN",
    "CONNECTION ADMIN", "READ_ONLY ADMIN", "REPLICATION SLAVE ADMIN", "REPLICATION MASTER ADMIN", "BINLOG ADMIN",
    "BINLOG REPLAY", "SLAVE MONITOR", "SHOW CREATE ROUTINE",
)  # fmt: skip


class GrantTables(Struct, frozen=True):
    """What the grant tables hold; empty where they are not there, or may not be read."""

    accounts: Iterable[Row] = ()
    databases: Iterable[Row] = ()
    tables: Iterable[Row] = ()
    columns: Iterable[Row] = ()
    routines: Iterable[Row] = ()
    dynamic: Iterable[Row] = ()
    roles: Iterable[Row] = ()


Who = tuple[str, str]


def accounts(given: GrantTables) -> tuple[Account, ...]:
    """Every account and role, with what it may do."""
    grants: dict[Who, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    _add_rows(grants, given)
    roles: dict[Who, set[str]] = defaultdict(set)
    for row in map(_lower, given.roles):
        role = text(row.get("from_user", row.get("role")))
        roles[text(row.get("to_user", row.get("user"))), text(row.get("to_host", row.get("host")))].add(role)
    return tuple(_account(_lower(row), grants, roles) for row in given.accounts)


def _account(row: Row, grants: Mapping[Who, Mapping[str, set[str]]], roles: Mapping[Who, set[str]]) -> Account:
    who = text(row["user"]), text(row["host"])
    document = json.loads(text(row["priv"])) if "priv" in row else {}
    plugin, stored = _credential(row, document)
    given = {where: frozenset(names) for where, names in grants.get(who, {}).items()}
    everywhere = given.get("*.*", frozenset()) | _columns(row) | _bits(int(document.get("access", 0)))
    tls = row.get("ssl_type") if "ssl_type" in row else document.get("ssl_type")
    return Account(
        *who,
        plugin=plugin,
        grants=given | ({"*.*": everywhere} if everywhere else {}),
        credential=hashlib.blake2b(stored.encode(), key=KEY, digest_size=8).hexdigest() if stored else "",
        is_old_password=plugin == OLD_PLUGIN or (plugin in ("", NATIVE) and len(stored) == OLD_HASH_LENGTH),
        has_password=bool(stored),
        is_locked=text(row.get("account_locked")) == "Y" or bool(document.get("account_locked")),
        is_role=text(row.get("is_role")) == "Y" or bool(document.get("is_role")),
        needs_tls=text(tls) not in ("", "0"),
        roles=frozenset(roles.get(who, ())),
    )


def _credential(row: Row, document: Mapping[str, object]) -> tuple[str, str]:
    """The plugin and what it stores. MariaDB's `auth_or` lists further ways in; an empty one stands for the first."""
    if not document:
        return text(row.get("plugin")), text(row.get("authentication_string")) or text(row.get("password"))
    stored = text(document.get("authentication_string"))
    plugin = text(document.get("plugin"))
    others = document.get("auth_or")
    if stored == "invalid" and isinstance(others, list):  # Debian's own accounts: the socket alone lets them in
        plugin = next((text(other["plugin"]) for other in others if other.get("plugin")), plugin)
    return plugin, stored


def _add_rows(grants: Mapping[Who, Mapping[str, set[str]]], given: GrantTables) -> None:
    for row in map(_lower, given.databases):
        grants[_who(row)][f"{text(row['db'])}.*"] |= _columns(row)
    for row in map(_lower, given.tables):
        grants[_who(row)][f"{text(row['db'])}.{text(row['table_name'])}"] |= _listed(row["table_priv"])
    for row in map(_lower, given.columns):
        where = f"{text(row['db'])}.{text(row['table_name'])}.{text(row['column_name'])}"
        grants[_who(row)][where] |= _listed(row["column_priv"])
    for row in map(_lower, given.routines):
        where = f"{text(row['routine_type'])} {text(row['db'])}.{text(row['routine_name'])}"
        grants[_who(row)][where] |= _listed(row["proc_priv"])
    for row in map(_lower, given.dynamic):
        grants[_who(row)]["*.*"].add(text(row["priv"]))


def _who(row: Row) -> Who:
    return text(row["user"]), text(row["host"])


def _columns(row: Row) -> frozenset[str]:
    held = [name.removesuffix("_priv") for name, value in row.items() if name.endswith("_priv") and text(value) == "Y"]
    return frozenset(NAMES.get(name, name.replace("_", " ").upper()) for name in held)


def _bits(access: int) -> frozenset[str]:
    return frozenset(name for number, name in enumerate(BITS) if access >> number & 1)


def _listed(value: object) -> set[str]:
    """A SET column: "Select,Grant"."""
    names = {name.strip().upper() for name in text(value).split(",")} - {""}
    return {"GRANT OPTION" if name == "GRANT" else name for name in names}


def _lower(row: Row) -> dict[str, object]:
    return {name.lower(): value for name, value in row.items()}
