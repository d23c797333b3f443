"""Asking a server what the account may not be allowed to see."""

from __future__ import annotations

from typing import Any

from understudy.migrate.faults import PrivilegeError
from understudy.migrate.ports import Database
from understudy.migrate.words import Word


def asked(database: Database, word: Word, what: str, missing: list[str]) -> list[dict[str, Any]]:
    """The answer; none, with a line in `missing`, where the account may not ask."""
    if not database.dialect.knows(word):
        return []
    try:
        return database.rows(database.dialect.sql(word))
    except PrivilegeError as error:
        missing.append(f"{what}: {error.what}; GRANT {database.dialect.privilege(word)} lets it")
        return []
