"""The terms on which an account logs in and works: limits, how long its password lasts, what it has to show. Pure.

A term is what ALTER USER takes: a clause and its value, {"WITH MAX_USER_CONNECTIONS": "4"}. They are read from a row of
mysql.user, or from MariaDB's document in global_priv. What a version doesn't know is not there, and what one side
doesn't know is not compared: MySQL 5.6 has no lifetime of passwords, MariaDB no history of them. In MariaDB an expired
password was last changed at 0 (measured on 10.5, 10.11 and 11.8).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from understudy.migrate.rows import Row, number, text
from understudy.migrate.sqltext import string
from understudy.migrate.verify.finding import Finding, Kind

Terms = Mapping[str, str]

LIMITS = {
    "max_questions": "WITH MAX_QUERIES_PER_HOUR",
    "max_updates": "WITH MAX_UPDATES_PER_HOUR",
    "max_connections": "WITH MAX_CONNECTIONS_PER_HOUR",
    "max_user_connections": "WITH MAX_USER_CONNECTIONS",
}
STATEMENT_TIME = "WITH MAX_STATEMENT_TIME"  # MariaDB alone has it
EXPIRED, LASTS, DEMANDS = "expired", "PASSWORD EXPIRE", "REQUIRE"
REQUIREMENTS = {1: "SSL", 2: "X509", 3: "SPECIFIED"}  # as MariaDB numbers them
CURRENT = {"Y": "CURRENT", "N": "CURRENT OPTIONAL"}


def terms(row: Row) -> Terms:
    """The terms of an account, of its row in mysql.user or mysql.global_priv."""
    row = {name.lower(): value for name, value in row.items()}
    if "priv" not in row:
        return dict(_of_columns(row))
    document = json.loads(text(row["priv"]))
    return {
        **{clause: str(number(document.get(name))) for name, clause in LIMITS.items()},
        STATEMENT_TIME: f"{float(document.get('max_statement_time', 0)):g}",
        EXPIRED: "yes" if document.get("password_last_changed") == 0 else "no",
        LASTS: _lasts(document.get("password_lifetime", -1)),
        DEMANDS: _demands(REQUIREMENTS.get(number(document.get("ssl_type")), "NONE"), document),
    }


def _of_columns(row: Row) -> Iterator[tuple[str, str]]:
    for name, clause in LIMITS.items():
        yield clause, str(number(row.get(name)))
    if "max_statement_time" in row:
        yield STATEMENT_TIME, f"{float(text(row['max_statement_time'])):g}"
    if "password_expired" in row:
        yield EXPIRED, "yes" if text(row["password_expired"]) == "Y" else "no"
    if "password_lifetime" in row:
        yield LASTS, _lasts(row["password_lifetime"])
    kind = text(row.get("ssl_type")) or "NONE"
    yield DEMANDS, _demands("SSL" if kind == "ANY" else kind, row)
    if "password_reuse_history" in row:
        yield "PASSWORD HISTORY", _or_default(row["password_reuse_history"])
        yield "PASSWORD REUSE INTERVAL", _or_default(row["password_reuse_time"], " DAY")
    if "password_require_current" in row:
        yield "PASSWORD REQUIRE", CURRENT.get(text(row["password_require_current"]), "CURRENT DEFAULT")
    if "user_attributes" in row:
        locking = json.loads(text(row["user_attributes"]) or "{}").get("Password_locking", {})
        yield "FAILED_LOGIN_ATTEMPTS", str(number(locking.get("failed_login_attempts")))
        days = number(locking.get("password_lock_time_days"))
        yield "PASSWORD_LOCK_TIME", "UNBOUNDED" if days < 0 else str(days)


def _lasts(days: object) -> str:
    if days is None or number(days) < 0:
        return "DEFAULT"
    return f"INTERVAL {number(days)} DAY" if number(days) else "NEVER"


def _or_default(value: object, unit: str = "") -> str:
    return "DEFAULT" if value is None else f"{number(value)}{unit}"


def _demands(kind: str, row: Mapping[str, object]) -> str:
    if kind != "SPECIFIED":
        return kind
    columns = {"CIPHER": "ssl_cipher", "ISSUER": "x509_issuer", "SUBJECT": "x509_subject"}
    given = {word: text(row.get(column)) for word, column in columns.items()}
    return " AND ".join(f"{word} {string(value)}" for word, value in given.items() if value)


def differing(who: str, old: Terms, new: Terms) -> Iterator[Finding]:
    """In what the terms that both sides know differ; whether TLS is needed at all is told elsewhere."""
    for clause, was in old.items():
        now = new.get(clause, was)
        if was == now or (clause == DEMANDS and "NONE" in (was, now)):
            continue
        if clause == EXPIRED:
            said = "its password has expired, and had not" if now == "yes" else "its password had expired, and has not"
            mend = f"ALTER USER {who} PASSWORD EXPIRE;" if was == "yes" else ""
        else:
            said = f"{clause.removeprefix('WITH ')} is {now}, was {was}"
            mend = f"ALTER USER {who} {clause} {was};"
        yield Finding(Kind.USER, who, said, mend=(mend,) if mend else ())
