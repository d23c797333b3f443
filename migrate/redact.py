"""Taking secrets out of statements that a server shows: in its binary log, and in the text of an error. Pure.

MariaDB writes the password of CREATE USER … IDENTIFIED BY into its log as it was given, MySQL a hash of it. A statement
that has to do with accounts, passwords or keys loses all of its literals but the names of accounts. One whose literals
can't be told apart for sure (a backslash means one thing or another by sql_mode, a comment may hold a quote) loses all
from its first one on. What is cut too much does no harm.
"""

from __future__ import annotations

import re

from understudy.migrate.sqltext import HIDDEN, cut_echo

MOST = 400  # characters of a statement that are shown

_SENSITIVE = re.compile(
    r"IDENTIFIED|PASSW|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|AUTHENTICAT|CRYPT|\b(?:EN|DE)CODE\s*\(|\bMD5\b|\bSHA[12]?\b"
    r"|API_?KEY|\bGRANT\b|\b(?:CREATE|ALTER)\s+(?:OR\s+REPLACE\s+)?(?:USER|SERVER)\b|\bmysql`?\s*\.\s*`?(?:user|global_priv)\b",
    re.IGNORECASE,
)
_TOKEN = re.compile(  # a literal may be left open: servers cut texts off at some length
    r"(?P<name>`(?:[^`]|``)*`)|'(?:[^']|'')*(?:'|$)|\"(?:[^\"]|\"\")*(?:\"|$)|\b0x[0-9a-f]+", re.IGNORECASE
)
_ON_QUERY = re.compile(r"^(?P<head>.*?)(?P<query>Query: ')(?P<sql>.*?)(?P<end>'?)$", re.DOTALL)
_XID = re.compile(r"\s*/\* xid=\d+ \*/\s*$")


def is_sensitive(sql: str) -> bool:
    """Whether a statement may hold a secret."""
    return bool(_SENSITIVE.search(sql))


def statement(sql: str, most: int = MOST) -> str:
    """A statement fit to be shown: without secrets, without control characters, at most so many characters."""
    sql = _XID.sub("", sql)
    if is_sensitive(sql):
        sql = _without_literals(sql)
    return _short(_printable(sql), most)


def shape(sql: str, most: int = MOST) -> str:
    """A statement fit to be written down: without any of its values."""
    sql = _XID.sub("", sql)
    return _short(_printable(_from_first_literal(sql) if _is_doubtful(sql) else _TOKEN.sub(_cut, sql)), most)


def error_text(text: str) -> str:
    """A server's error text with the statement in it fit to be shown."""
    match = _ON_QUERY.match(text)
    if match is None:
        return _printable(cut_echo(text) if is_sensitive(text) else text)
    head = cut_echo(match["head"]) if is_sensitive(match["sql"]) else match["head"]
    return _printable(head) + match["query"] + statement(match["sql"]) + match["end"]


def _without_literals(sql: str) -> str:
    if _is_doubtful(sql):
        return _from_first_literal(sql)
    return _TOKEN.sub(lambda found: found[0] if _names_account(sql, found) else _cut(found), sql)


def _cut(found: re.Match[str]) -> str:
    return found["name"] or HIDDEN


def _is_doubtful(sql: str) -> bool:
    return any(mark in sql for mark in ("\\", "/*", "--", "#"))


def _from_first_literal(sql: str) -> str:
    return re.split(r"['\"]|\b0x", sql, maxsplit=1)[0] + HIDDEN


def _names_account(sql: str, found: re.Match[str]) -> bool:
    return sql[: found.start()].endswith("@") or sql[found.end() :].startswith("@")


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + HIDDEN
