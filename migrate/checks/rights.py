"""What an account may see of a schema, told by its own SHOW GRANTS. Pure.

information_schema refuses nobody: it shows what an account has a right to, and leaves out the rest without a word. So a
privilege that is lacking has to be looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from understudy.migrate.dialects import Dialect
from understudy.migrate.grants import SCHEMA

EVERYWHERE = "*.*"


def gaps(grants: Iterable[str], dialect: Dialect) -> Iterator[str]:
    """For each privilege that the account lacks, what it does not see for want of it."""
    held = set(held_by(grants))
    unseen: dict[str, list[str]] = {}
    for word in SCHEMA:
        if dialect.knows(word) and not _has(held, dialect.privilege(word)):
            unseen.setdefault(dialect.privilege(word), []).append(word.value.replace("_", " "))
    for privilege, words in unseen.items():
        yield f"{', '.join(words)}: the account sees only what it has a right to; GRANT {privilege} lets it see all"


def held_by(grants: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(privilege, what it is on) of the rows of SHOW GRANTS; what the account has by its roles is among them."""
    for row in grants:
        match = re.match(r"GRANT (.+?) ON (?:TABLE )?(\S+) TO ", row)
        if match is None or re.match(r"REVOKE|SET ", row):
            continue
        where = match[2].replace("`", "").replace('"', "")
        for name in re.sub(r"\([^)]*\)", "", match[1]).split(","):
            yield name.strip().upper(), where


def _has(held: set[tuple[str, str]], privilege: str) -> bool:
    name, _, where = privilege.partition(" ON ")
    names = (name, "ALL PRIVILEGES", "ALL")
    places = (EVERYWHERE, where, f"{where.partition('.')[0]}.*") if where else (EVERYWHERE,)
    return any((one, place) in held for one in names for place in places)
