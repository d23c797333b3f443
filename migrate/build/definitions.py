"""Definitions as the old server prints them, made into what the new one takes with the same meaning. Pure.

Little has to be changed in the text, since the loading session (`loading`) is set so that defaults mean what they did.
What can't be carried over is said in a note; what the new server refuses is left to it, and is found before any data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from understudy.migrate.sqlmodes import GONE_MODES
from understudy.migrate.sqltext import string
from understudy.migrate.versions import Version

_QUOTED = re.compile(r"('(?:[^'\\]|\\.|'')*'|`(?:[^`]|``)*`|\"(?:[^\"\\]|\\.|\"\")*\")", re.DOTALL)
_UTF8 = re.compile(r"(?i)\b((?:CHARSET|CHARACTER SET|COLLATE)[ =])utf8(?=_|\b)(?!mb)")
_YEAR2 = re.compile(r"(?i)\byear\(2\)")
_DIRECTORY = re.compile(r"(?i)\s*\b(?:DATA|INDEX) DIRECTORY ?= ?'[^']*'")
_TABLESPACE = re.compile(
    r"(?i)/\*!50100 TABLESPACE `(?:[^`]|``)*`(?: STORAGE \w+)? ?\*/ ?|\bTABLESPACE `(?:[^`]|``)*` ?"
)
_EVENT_STATE = re.compile(r"(?i)\b(ON COMPLETION (?:NOT )?PRESERVE) (?:ENABLE|DISABLE(?: ON (?:SLAVE|REPLICA))?)\b")


class Converted(Struct, frozen=True):
    """A definition for the new server, and what became of it that the operator should know."""

    sql: str
    notes: tuple[str, ...] = ()


def table(sql: str, new: Version) -> Converted:
    """CREATE TABLE."""
    notes: list[str] = []
    if "TABLESPACE" in _unquoted(sql).upper():
        notes.append("its tablespace is left out: it has a file of its own on the new server")
        sql = _TABLESPACE.sub("", sql)
    if _DIRECTORY.search(sql) and "DIRECTORY" in _unquoted(sql):
        notes.append("its DATA or INDEX DIRECTORY is left out: it is stored where the new server keeps its data")
        sql = _DIRECTORY.sub("", sql)
    if new.is_mysql(5, 7, 5) and _YEAR2.search(_unquoted(sql)):
        notes.append("year(2) became year(4), the only one that there is now")
        sql = _outside(sql, lambda code: _YEAR2.sub("year(4)", code))
    return Converted(charsets(sql, new), tuple(notes))


def charsets(sql: str, new: Version) -> str:
    """Name utf8 for what it is, utf8mb3, wherever the new server knows that name for its collations too."""
    if new.is_mysql(8, 0, 30) or new.is_mariadb(10, 6, 1):
        return _outside(sql, lambda code: _UTF8.sub(r"\1utf8mb3", code))
    return sql


def charset(name: str, new: Version) -> str:
    """A character set or collation under the name that the new server has for it."""
    knows = new.is_mysql(8, 0, 30) or new.is_mariadb(10, 6, 1)
    return re.sub(r"^utf8(?=_|$)", "utf8mb3", name) if knows else name


def sent(sql: str, client: str) -> str:
    """A text as a client of this character set sends it, for a driver that encodes in UTF-8; empty where that can't be.

    A routine's body keeps the character set that its client had: it decides what its literals are.
    """
    if sql.isascii() or client.startswith("utf8"):
        return sql
    codec = {"latin1": "cp1252", "latin2": "iso8859-2", "cp1250": "cp1250", "cp1251": "cp1251", "koi8r": "koi8-r"}
    try:
        return sql.encode(codec[client]).decode("utf-8", "surrogateescape")
    except (KeyError, UnicodeEncodeError):
        return ""


def modes(sql_mode: str, new: Version) -> str:
    """An sql_mode without what the new server would refuse."""
    if not new.is_mysql(8, 0, 11):
        return sql_mode
    return ",".join(mode for mode in sql_mode.split(",") if mode not in GONE_MODES)


def event(sql: str, *, enabled: bool) -> str:
    """CREATE EVENT of one that shall not run, as a replica of the server would hold it.

    One that is enabled where it is copied from is DISABLE ON SLAVE there, and one that was disabled stays so. Copied
    from a replica all are the former, whatever they are on the source. All flavours and versions take the old word.
    """
    state = "DISABLE ON SLAVE" if enabled else "DISABLE"
    return _EVENT_STATE.sub(rf"\1 {state}", sql, count=1)


def _outside(sql: str, change: Callable[[str], str]) -> str:
    """The text with what is not within quotes changed."""
    parts = _QUOTED.split(sql)
    return "".join(part if index % 2 else change(part) for index, part in enumerate(parts))


def _unquoted(sql: str) -> str:
    return "".join(_QUOTED.split(sql)[::2])


class _Setting(Struct, frozen=True):
    """SET SESSION `name` = `value`, from this version on."""

    name: str
    value: str
    mysql: tuple[int, ...] | None = (5, 5)
    mariadb: tuple[int, ...] | None = (10, 0)

    def fits(self, version: Version) -> bool:
        since = self.mariadb if version.is_mariadb() else self.mysql
        return since is not None and version.numbers >= since


_EXACT = "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION"
STRICT = f"{_EXACT},STRICT_ALL_TABLES"
LAX = _EXACT
_LOADING = (
    _Setting("time_zone", "'+00:00'"),
    _Setting("foreign_key_checks", "0"),
    _Setting("unique_checks", "0"),
    _Setting("innodb_strict_mode", "0"),  # a ROW_FORMAT or KEY_BLOCK_SIZE that InnoDB ignored before it may ignore now
    _Setting("explicit_defaults_for_timestamp", "1", (5, 7, 2), (10, 8, 2)),  # SHOW CREATE says all explicitly
    _Setting("sql_require_primary_key", "0", (8, 0, 13), None),
    _Setting("sql_generate_invisible_primary_key", "0", (8, 0, 30), None),
    _Setting("restrict_fk_on_non_standard_key", "0", (8, 4), None),
    _Setting("check_constraint_checks", "0", None, (10, 2, 1)),  # rows from before the constraint are rows, too
    _Setting("system_versioning_insert_history", "1", None, (10, 11)),
    _Setting("max_statement_time", "0", None, (10, 1, 1)),
    _Setting("wait_timeout", "2000000"),
    _Setting("net_read_timeout", "3600"),
    _Setting("net_write_timeout", "3600"),
)
_READING = (
    _Setting("time_zone", "'+00:00'"),
    _Setting("sql_mode", "''"),
    _Setting("sql_quote_show_create", "1"),
    _Setting("max_execution_time", "0", (5, 7, 8), None),
    _Setting("max_statement_time", "0", None, (10, 1, 1)),
    _Setting("wait_timeout", "2000000"),
    _Setting("net_read_timeout", "3600"),
    _Setting("net_write_timeout", "3600"),  # the target may be busy for longer than the usual minute
)


def loading(old: Version, new: Version) -> Iterator[str]:
    """What a session on the new server is set to before definitions and rows of the old one are given to it."""
    yield from (_set(setting) for setting in _LOADING if setting.fits(new))
    yield f"SET SESSION sql_mode = {string(STRICT)}"
    if new.is_mysql(8, 0, 11) and not old.is_mysql(8, 0, 1):
        yield "SET SESSION default_collation_for_utf8mb4 = utf8mb4_general_ci"  # what it was, where none is said
    if new.is_mariadb(11, 2) and not old.is_mariadb(11, 2):
        yield "SET SESSION character_set_collations = ''"


def reading(old: Version) -> Sequence[str]:
    """What a session on the old server is set to before definitions and rows are read from it."""
    return [_set(setting) for setting in _READING if setting.fits(old)]


def _set(setting: _Setting) -> str:
    return f"SET SESSION {setting.name} = {setting.value}"
