"""Rules about accounts: those that the new version lets in no more, and those that are not the same there. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from understudy.migrate.checks.accounts import Account
from understudy.migrate.checks.case import Case
from understudy.migrate.checks.finding import Found, Rule, Severity
from understudy.migrate.checks.granttables import NATIVE
from understudy.migrate.sqltext import string
from understudy.migrate.versions import Version

OF_SERVERS = ("mysql.sys", "mysql.session", "mysql.infoschema", "mariadb.sys", "rdsadmin", "rdsrepladmin")
LOCAL = ("localhost", "127.0.0.1", "::1")
SOCKETS = ("unix_socket", "auth_socket")
SPLIT = frozenset({"SUPER", "REPLICATION CLIENT", "BINLOG MONITOR", "SLAVE MONITOR", "CREATE TABLESPACE"})
SHA2 = "caching_sha2_password"


def _people(accounts: tuple[Account, ...]) -> Iterator[Account]:
    """Without the server's own accounts, and those that let nobody in."""
    for one in accounts:
        if one.user not in OF_SERVERS and not one.is_locked and not one.is_role:
            yield one


def _old_password(case: Case) -> Iterator[Found]:
    for one in _people(case.old.accounts):
        if one.is_old_password:
            mend = ("SET SESSION old_passwords = 0;", f"SET PASSWORD FOR {one} = PASSWORD('…');")
            yield Found(case.old.address, "its password has the hash of before MySQL 4.1", str(one), mend)


def _native(case: Case) -> Iterator[Found]:
    if not case.target.is_mysql(8, 4):
        return
    gone = case.target.is_mysql(9)
    mended = {(one.user, one.host) for one in case.new.accounts if one.plugin != NATIVE} if case.new else set()
    for one in _people(case.old.accounts):
        if (one.user, one.host) in mended:
            continue
        if one.plugin in (NATIVE, "") and not one.is_old_password and one.user:
            found = f"{NATIVE} {'is gone from' if gone else 'is off by default in'} {case.target}"
            mend = (
                f"CREATE USER {one} IDENTIFIED WITH {SHA2} BY '…';  -- on the new source",
                "Its hash can't be converted: the password is needed, and a driver that knows the plugin.",
            )
            yield Found(case.old.address, found, str(one), mend, None if gone else Severity.WARNING)


def _sha256(case: Case) -> Iterator[Found]:
    if not case.target.is_mysql(8, 0, 16):
        return
    for one in _people(case.old.accounts):
        if one.plugin == "sha256_password":
            yield Found(
                case.old.address,
                "it uses sha256_password",
                str(one),
                (f"ALTER USER {one} IDENTIFIED WITH {SHA2} BY '…';",),
            )


def _anonymous(case: Case) -> Iterator[Found]:
    for side in filter(None, (case.old, case.new)):
        for one in side.accounts:
            if not one.user and not one.is_role and one.host:
                yield Found(side.address, "it has no name", str(one), (f"DROP USER {one};",))


def _open(case: Case) -> Iterator[Found]:
    for side in filter(None, (case.old, case.new)):
        for one in _people(side.accounts):
            if one.user and not one.has_password and one.plugin not in SOCKETS:
                yield Found(side.address, "it has no password", str(one), (f"SET PASSWORD FOR {one} = …",))


def _mighty(case: Case) -> Iterator[Found]:
    for one in _people(case.old.accounts):
        if one.passes_read_only(case.old.version) and one.host not in LOCAL:
            right = "READ_ONLY ADMIN" if case.old.version.is_mariadb(10, 11) else "SUPER"
            mend = (f"REVOKE {right} ON *.* FROM {one};",)
            yield Found(case.old.address, "it writes through read_only and may log in from elsewhere", str(one), mend)


def _plugins(case: Case) -> Iterator[Found]:
    """Plugins of accounts that the new server does not have; where it is there, it says so itself."""
    if case.new is None or not case.new.plugins:
        return
    for one in _people(case.old.accounts):
        if (
            one.plugin
            and one.plugin != NATIVE
            and one.plugin.lower() not in case.new.plugins
            and not one.is_old_password
        ):
            yield Found(
                case.new.address, f"it has no plugin {one.plugin}", str(one), ("INSTALL it, or give it another.",)
            )


def _installed(case: Case) -> Iterator[Found]:
    if case.new is None:
        return
    for plugin in sorted(case.old.installed - case.new.plugins):
        found = f"the plugin {plugin}, installed on {case.old.address}, is not active here"
        yield Found(
            case.new.address, found, plugin, ("INSTALL it, where the new version has it and it is still wanted.",)
        )


def _pairs(case: Case) -> Iterator[tuple[Account, Account | None]]:
    if case.new is None or not case.new.accounts:
        return
    there: Mapping[tuple[str, str], Account] = {(one.user, one.host): one for one in case.new.accounts}
    for one in _people(case.old.accounts):
        if one.user and not (one.user == "root" and one.host not in ("%", "localhost")):
            yield one, there.get((one.user, one.host))


def _missing(case: Case) -> Iterator[Found]:
    for one, other in _pairs(case):
        if other is None and case.new:
            mend = (f"On {case.old.address}: SHOW GRANTS FOR {one}; then CREATE USER and GRANT here.",)
            yield Found(case.new.address, f"the account is not there, as it is on {case.old.address}", str(one), mend)


def _password(case: Case) -> Iterator[Found]:
    for one, other in _pairs(case):
        if other is None or case.new is None:
            continue
        if one.plugin == other.plugin and one.credential != other.credential and one.plugin != SHA2:
            yield Found(case.new.address, f"its password is not the one on {case.old.address}", str(one))


def _grants(case: Case) -> Iterator[Found]:
    for one, other in _pairs(case):
        if other is None or case.new is None:
            continue
        for role in sorted(one.roles - other.roles):
            found = f"it lacks the role {role}, which it has on {case.old.address}"
            yield Found(case.new.address, found, str(one), (f"GRANT {string(role)} TO {one};",))
        for where, names in one.grants.items():
            if where.removeprefix("PROCEDURE ").startswith("mysql.") and where != "mysql.*":
                continue  # the servers' own tables are not the same ones
            held = other.grants.get(where, frozenset()) | other.grants.get("*.*", frozenset())
            lacking = sorted(name for name in names - held if not _is_replaced(name, held, case.target))
            if lacking:
                mend = (f"GRANT {', '.join(lacking)} ON {where} TO {one};",)
                found = f"it lacks {', '.join(lacking)} on {where}, which it has on {case.old.address}"
                yield Found(case.new.address, found, str(one), mend)


def _is_replaced(name: str, held: frozenset[str], target: Version) -> bool:
    """SUPER was divided (MySQL 8.0, MariaDB 10.5): whoever holds parts of it may need no more."""
    if name not in SPLIT:
        return False
    return (target.is_mysql(8) and any("_" in other for other in held)) or (
        target.is_mariadb(10, 5) and any(other.endswith((" ADMIN", " MONITOR")) for other in held)
    )


RULES: tuple[Rule, ...] = (
    Rule(
        "old-password", Severity.ERROR, "MySQL 5.7.5 and every later server refuse it: nobody logs in.", _old_password
    ),
    Rule(
        "native-password",
        Severity.ERROR,
        "mysql_native_password is deprecated in MySQL 8.0.34, off by default in 8.4 and gone in 9.0.",
        _native,
    ),
    Rule("sha256-password", Severity.WARNING, "sha256_password is deprecated since MySQL 8.0.16.", _sha256),
    Rule(
        "anonymous-account",
        Severity.WARNING,
        "It goes before 'name'@'%' for whoever connects from its host, and lets anybody in.",
        _anonymous,
    ),
    Rule("account-without-password", Severity.WARNING, "Anybody who reaches the server may use it.", _open),
    Rule(
        "account-bypasses-read-only",
        Severity.WARNING,
        "The fence does not hold it back; only MySQL's super_read_only (5.7.8) does.",
        _mighty,
    ),
    Rule("plugin-missing", Severity.ERROR, "Accounts that use the plugin can't log in on the new source.", _plugins),
    Rule(
        "installed-plugin-missing",
        Severity.NOTE,
        "What it did (checking passwords, auditing, semi-sync, an engine) isn't done on the new source.",
        _installed,
    ),
    Rule("account-missing", Severity.ERROR, "Whoever uses it can't log in after the cutover.", _missing),
    Rule("password-differs", Severity.ERROR, "Whoever uses it can't log in after the cutover.", _password),
    Rule("grants-missing", Severity.ERROR, "Statements that work now are refused after the cutover.", _grants),
)
