"""A sample of what a server wrote lately, out of its binary logs, bounded in events, bytes and time.

SHOW BINLOG EVENTS is asked in small pages, each from the position at which the one before ended: MySQL 5.6 holds the
log's lock while it answers, which keeps commits waiting, and a position that begins no event is an error. So a file is
read from its beginning, and the newest files first. Values are taken out at once: see `tokens.skeleton`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from understudy.migrate import rows
from understudy.migrate.checks.case import Logged
from understudy.migrate.checks.spans import listed
from understudy.migrate.checks.tokens import Sort, Token, code, skeleton, tokens
from understudy.migrate.faults import StatementError
from understudy.migrate.ports import Database
from understudy.migrate.words import Word

PAGE = 200
FIRST_EVENT = 4  # after a file's four magic bytes
USE = re.compile(r"^use `((?:[^`]|``)*)`; ", re.IGNORECASE)
ROWS_OF = re.compile(r"table_id: \d+ \((.*)\)$", re.DOTALL)
DULL = re.compile(r"^(?:BEGIN|COMMIT|ROLLBACK|SAVEPOINT\b|XA\b|# Dum)", re.IGNORECASE)
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")
BETWEEN = listed("INTO LOW_PRIORITY IGNORE DELAYED HIGH_PRIORITY QUICK FROM ONLY")
TEXT_BYTES = 65_536  # of one statement: what follows are a thousand rows of values


class Bounds(Struct, frozen=True):
    """How much is looked at: files, events in each, bytes of text and seconds in all; how many statements are kept."""

    files: int = 4
    events: int = 5000
    text_bytes: int = 32 << 20
    seconds: float = 10.0
    kept: int = 2000


def sample(session: Database, monotonic_s: Callable[[], float], bounds: Bounds = Bounds()) -> tuple[Logged, ...]:  # noqa: B008
    """What is in the newest binary logs, each kind of statement once; nothing where the server writes none.

    Raises `faults.PrivilegeError`, and other `faults.ServerError` where the session is lost.
    """
    if not rows.number(session.value("SELECT @@GLOBAL.log_bin")):
        return ()
    mode = rows.text(session.value("SELECT @@GLOBAL.sql_mode"))
    found: dict[tuple[str, str, tuple[tuple[str, str], ...]], Logged] = {}
    for logged in _events(session, mode, monotonic_s() + bounds.seconds, monotonic_s, bounds):
        key = (logged.text, logged.database, logged.tables)
        if known := found.get(key):
            found[key] = replace(known, times=known.times + 1)
        elif len(found) < bounds.kept:
            found[key] = logged
    return tuple(found.values())


def _events(
    session: Database, mode: str, deadline_s: float, monotonic_s: Callable[[], float], bounds: Bounds
) -> Iterator[Logged]:
    left = bounds.text_bytes
    for file in _newest(session, bounds.files):
        position = FIRST_EVENT
        for _ in range(-(-bounds.events // PAGE)):
            if left <= 0 or monotonic_s() > deadline_s:
                return
            page = _page(session, file, position)
            for event in page:
                info = rows.text(event["Info"])
                left -= len(info)
                if logged := _logged(file, rows.number(event["Pos"]), rows.text(event["Event_type"]), info, mode):
                    yield logged
            if len(page) < PAGE:
                break
            position = rows.number(page[-1]["End_log_pos"])


def _newest(session: Database, count: int) -> list[str]:
    names = [rows.text(next(iter(row.values()))) for row in session.rows(session.dialect.sql(Word.BINARY_LOGS))]
    return names[-1 : -count - 1 : -1]


def _page(session: Database, file: str, position: int) -> list[dict[str, object]]:
    """The next events; none where the file was purged or is encrypted."""
    try:
        return session.rows(session.dialect.sql(Word.BINLOG_EVENTS), file, position, PAGE)
    except StatementError:
        return []


def _logged(file: str, position: int, kind: str, info: str, mode: str) -> Logged | None:
    if kind == "Table_map":
        return _rows(file, position, info)
    if kind not in ("Query", "Execute_load_query", "Query_compressed"):
        return None
    database = ""
    if use := USE.match(info):
        database, info = use[1].replace("``", "`"), info[use.end() :]
    if DULL.match(info):
        return None
    cut = tokens(info[:TEXT_BYTES], None, mode)
    return Logged(file, position, skeleton(cut), database, written_to(cut, database))


def _rows(file: str, position: int, info: str) -> Logged | None:
    """Changed rows: "table_id: 70 (shop.orders)". Names are not quoted, so a database with a dot in it is misread."""
    if match := ROWS_OF.search(info):
        schema, _, table = match[1].partition(".")
        return Logged(file, position, "", schema, ((schema, table),))
    return None


def written_to(cut: list[Token], database: str) -> tuple[tuple[str, str], ...]:
    """The table that a statement of one table changes: (schema, table)."""
    bare = code(cut)
    if not bare or bare[0].text.upper() not in WRITES:
        return ()
    at = 1
    while at < len(bare) and bare[at].sort is Sort.WORD and bare[at].text.upper() in BETWEEN:
        at += 1
    names = [_name(token) for token in bare[at : at + 3]]
    if len(names) == 3 and bare[at + 1].text == "." and names[0] and names[2]:
        return ((names[0], names[2]),)
    return ((database, names[0]),) if names and names[0] and database else ()


def _name(token: Token) -> str:
    if token.sort is Sort.NAME:
        quote = token.text[0]
        return token.text[1:-1].replace(quote * 2, quote)
    return token.text if token.sort is Sort.WORD else ""
