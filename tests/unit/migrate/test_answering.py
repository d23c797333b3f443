"""Which questions a server would not answer just now, told by its process list."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from understudy.migrate.answering import Answering
from understudy.migrate.dialects import Dialect
from understudy.migrate.faults import FullError, SilentError
from understudy.migrate.ports import Database
from understudy.migrate.versions import Version
from understudy.migrate.words import Word

MYSQL, OLD, MARIA = Version.parse("9.7.0"), Version.parse("5.6.51"), Version.parse("11.8.3-MariaDB")
ALL = "SHOW ALL REPLICAS STATUS"
STATUS, END = Word.REPLICA_STATUS, Word.COORDINATES


def process(state: str = "", info: str = "", seconds: int = 0, user: str = "root", command: str = "Query") -> Any:
    return {"User": user, "Command": command, "Time": seconds, "State": state, "Info": info or None}


FULL_MYSQL = process("Waiting for disk space", user="system user", command="Connect", seconds=99)
FULL_MARIA = process("Waiting for someone to free space", user="system user", command="Slave_IO", seconds=0)


@pytest.mark.parametrize(
    ("version", "processes", "refused"),
    [
        (MYSQL, [], {}),
        (MYSQL, [process("init", "SHOW PROCESSLIST")], {}),
        (MYSQL, [FULL_MYSQL], {END: FullError}),
        (MARIA, [FULL_MARIA], {STATUS: FullError, END: FullError}),
        (MARIA, [process("Waiting for someone to free space", "INSERT INTO t VALUES (1)", 50)], {}),
        (MARIA, [process("Filling schema table", ALL, 3)], {}),
        (MARIA, [process("Filling schema table", ALL, 30)], {STATUS: SilentError}),
        (MARIA, [process("Filling schema table", ALL, 30, command="Killed")], {STATUS: SilentError}),
        (MARIA, [process("", ALL, 30, command="Sleep")], {}),
        (OLD, [process("init", "SHOW SLAVE STATUS", 30)], {STATUS: SilentError}),
        (OLD, [process("init", "SHOW MASTER STATUS", 30)], {END: SilentError}),
        (MYSQL, [process("starting", "SHOW BINARY LOG STATUS", 30), FULL_MYSQL], {END: FullError}),
    ],
)
def test_what_would_wait_is_refused_with_the_reason_and_nothing_else(
    version: Version, processes: list[Any], refused: dict[Word, type[Exception]]
) -> None:
    database = cast(Database, SimpleNamespace(address="new:3306", version=version, dialect=Dialect(version)))
    found = {word: Answering.of(processes).refusal(database, word) for word in (STATUS, END)}
    assert {word: type(refusal) for word, refusal in found.items() if refusal} == refused
    assert all(refusal.hint for refusal in found.values() if refusal)
