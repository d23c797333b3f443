"""What MariaDB grants to PUBLIC, which stands for all accounts, said again for a new server. Pure.

It is there from 10.11 on, and is treated like an account: what the new server has granted it already on the same thing
is left as it is, so that what is granted now can be taken back without a trace. What comes with an installation is
neither granted nor missed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from understudy.migrate.build.accounts import Account, Known, Translation, granted, parted
from understudy.migrate.sqltext import Statement
from understudy.migrate.versions import Version

NAME = "PUBLIC"
SINCE = (10, 11)
PUBLIC = Account(NAME, is_role=True)
OF_INSTALLATION = ("test.*", "test\\_%.*")  # what mariadb-install-db grants to PUBLIC (mariadb_test_db.sql)


def is_known(version: Version) -> bool:
    """Whether a server of this version has a PUBLIC."""
    return version.is_mariadb(*SINCE)


def own(lines: Iterable[str]) -> tuple[str, ...]:
    """Of SHOW GRANTS FOR PUBLIC, which tells of the roles that PUBLIC has too, what is granted to itself."""
    found = (line for line in lines if re.search(r" TO PUBLIC(?: WITH (?:GRANT|ADMIN) OPTION)?$", line))
    return tuple(line for line in found if place(line).replace("`", "") not in OF_INSTALLATION)


def place(line: str) -> str:
    """What a GRANT to PUBLIC is on; a role stands for itself."""
    words, where, _ = parted(PUBLIC, line)
    return where or words


def translated(lines: Iterable[str], there: Iterable[str], known: Known) -> Translation:
    """The statements that grant PUBLIC what these lines did, where it has nothing `there` yet; and what they can't."""
    held = {place(line): line for line in there}
    statements, notes = list[Statement](), list[str]()
    for line in lines:
        if not is_known(known.version):
            notes.append(f"{NAME} is left out: {known.version} has none, and every account had by it: {line}")
        elif place(line) not in held:
            sql, lost = granted(PUBLIC, line, known)
            notes += lost
            statements += [Statement(sql)] if sql else []
        elif _words(held[place(line)]) != _words(line):
            notes.append(f"{NAME} has a grant on {place(line)} already, and it is left as it is: before it was {line}")
    return Translation(PUBLIC, grants=tuple(statements), notes=tuple(notes))


def _words(line: str) -> list[str]:
    return sorted(re.split(r"[ ,()]+", line))  # a server tells columns in an order of its own


def revoked(line: str) -> Iterator[str]:
    """The statements that take a GRANT to PUBLIC back."""
    words, where, option = parted(PUBLIC, line)
    on = f" ON {where}" if where else ""
    yield f"REVOKE {words}{on} FROM {PUBLIC.name}"
    if on and option:
        yield f"REVOKE GRANT OPTION{on} FROM {PUBLIC.name}"


def kept(lines: Iterable[str], there: Mapping[str, object]) -> tuple[str, ...]:
    """Those of the lines whose place is among those of `there`."""
    return tuple(line for line in lines if place(line) in there)
