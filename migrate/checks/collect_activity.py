"""What goes on on a server: open transactions, sessions, prepared XA transactions.

Statements are cut to their first words, so that no value of the application's leaves the server's own process list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from understudy.migrate import rows
from understudy.migrate.checks.activity import Activity, Doing, Event, Prepared
from understudy.migrate.checks.asking import asked
from understudy.migrate.faults import PrivilegeError
from understudy.migrate.ports import Clock, Database
from understudy.migrate.words import Word

FIRST_WORDS = 2
ENDING_S = 2.0  # a session that was closed is shown until its server finds the time to end it
LOOK_S = 0.05
EVENTS = "SELECT EVENT_SCHEMA, EVENT_NAME, DEFINER, STATUS FROM information_schema.EVENTS"  # those it has a right to


def activity(database: Database, clock: Clock, missing: list[str]) -> Activity:
    """What goes on now, without this session itself."""
    sessions = {one.id: one for one in _sessions(database, clock, missing) if one.id != database.id}
    transactions = tuple(
        _transaction(row, sessions)
        for row in asked(database, Word.TRANSACTIONS, "open transactions", missing)
        if rows.number(row["id"]) != database.id
    )
    events = tuple(Event(*map(rows.text, row.values())) for row in database.rows(EVENTS))
    return Activity(transactions, tuple(sessions.values()), _prepared(database, missing), events)


def _sessions(database: Database, clock: Clock, missing: list[str]) -> list[Doing]:
    """Without those of our own that were closed a moment ago, as seeing the tree does."""
    found, end_s = _shown(database, missing), clock.monotonic_s() + ENDING_S
    while _is_ending(found, database.id) and clock.monotonic_s() < end_s:
        clock.sleep(LOOK_S)
        found = _shown(database, [])
    own = next((one.user for one in found if one.id == database.id), "")
    if {one.user for one in found} == {own} and not _may_see(database):
        missing.append("sessions: only our own are shown; GRANT PROCESS lets it")
    return found


def _shown(database: Database, missing: list[str]) -> list[Doing]:
    return [
        Doing(
            rows.number(row["Id"]),
            rows.text(row["User"]),
            rows.text(row["Host"]).rpartition(":")[0] or rows.text(row["Host"]),
            float(rows.number(row["Time"])),
            _first_words(rows.text(row["Info"])),
            rows.text(row["State"]),
            rows.text(row["Command"]),
        )
        for row in asked(database, Word.PROCESSES, "sessions", missing)
    ]


def _is_ending(found: Iterable[Doing], ours: int) -> bool:
    """Whether one may be that of a session of ours: with our name, from here, and idle for a moment only."""
    here = {(one.user, one.host) for one in found if one.id == ours}
    return any(
        one.id != ours and (one.user, one.host) in here and one.command in ("Sleep", "Quit") and one.seconds < ENDING_S
        for one in found
    )


def _may_see(database: Database) -> bool:
    """Whether the process list is whole: SHOW PROCESSLIST refuses nobody, it only shows less."""
    try:
        database.value("SELECT COUNT(*) FROM information_schema.INNODB_TRX")
    except PrivilegeError:
        return False
    return True


def _transaction(row: Mapping[str, object], sessions: Mapping[int, Doing]) -> Doing:
    number, seconds = rows.number(row["id"]), float(rows.number(row["seconds"]))
    session = sessions.get(number)
    if session is None:
        return Doing(number, "", "", seconds)
    return Doing(number, session.user, session.host, seconds, session.doing, session.state, session.command)


def _prepared(database: Database, missing: list[str]) -> tuple[Prepared, ...]:
    """Last of all: MySQL before 5.7.5 knows no CONVERT XID, and sends bytes as if they were text."""
    said = database.dialect.sql(Word.PREPARED)
    is_raw = said == "XA RECOVER"
    if is_raw:
        database.execute("SET SESSION character_set_results = binary")
    found = asked(database, Word.PREPARED, "prepared XA transactions", missing)
    if is_raw:
        database.execute("SET SESSION character_set_results = utf8mb4")
    return tuple(Prepared(_xid(row)) for row in found)


def _xid(row: Mapping[str, object]) -> str:
    """An XID as XA COMMIT takes it: X'…', X'…', number. MariaDB says it so itself."""
    data = row["data"]
    if isinstance(data, str) and data.startswith(("X'", "'")):
        return data
    if isinstance(data, bytes) and not data.startswith(b"0x"):
        digits = data.hex()
    else:
        digits = rows.text(data).removeprefix("0x")
    cut = 2 * rows.number(row["gtrid_length"])
    return f"X'{digits[:cut]}',X'{digits[cut:]}',{rows.number(row['formatID'])}"


def _first_words(statement: str) -> str:
    """What kind of statement it is; nothing after the first quote or number, where values begin."""
    before = re.split(r"['\"0-9(]", re.sub(r"/\*.*?\*/", " ", statement, flags=re.DOTALL), maxsplit=1)[0]
    return " ".join(before.split()[:FIRST_WORDS]).upper()
