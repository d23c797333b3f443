"""Writing SQL safely: identifiers, accounts, and arguments that must never be shown. Pure.

Values travel as arguments and are quoted by the driver. Identifiers can't, so they are quoted here, in backticks,
which every flavour accepts whatever its sql_mode says (MySQL manual, "Schema Object Names").
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from understudy.errors import UnderstudyError

HIDDEN = "…"


class Secret:
    """A text that is sent to a server and never shown: not in a repr, a log, an error or a plan."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the wire only."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


class Statement(NamedTuple):
    """SQL with a %s for each argument; without arguments a % stands for itself."""

    sql: str
    arguments: tuple[object, ...] = ()

    def shown(self) -> str:
        """For a plan or a log: the arguments filled in, secrets as …"""
        if not self.arguments:
            return self.sql
        return self.sql % tuple(_shown(argument) for argument in self.arguments)


def _shown(argument: object) -> str:
    if isinstance(argument, Secret):
        return f"'{HIDDEN}'"
    return string(argument) if isinstance(argument, str) else str(argument)


def identifier(*names: str) -> str:
    """`schema`.`table`, each part in backticks. Raises UnderstudyError for a name that no server can have."""
    for name in names:
        if not name or "\0" in name:
            raise UnderstudyError(f"{name!r} can't be the name of anything in a database")
    return ".".join(f"`{name.replace('`', '``')}`" for name in names)


def string(text: str) -> str:
    """A string literal for a person to read or run, under an sql_mode in which a backslash escapes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def account(user: str, host: str = "%") -> str:
    """'user'@'host' as GRANT and CREATE USER take it."""
    return f"{string(user)}@{string(host)}"


def hide(text: str, secrets: Iterable[Secret]) -> str:
    """A text, such as a server's error message, without any of these secrets."""
    for secret in filter(None, secrets):
        plain = secret.reveal()
        escaped = plain.replace("\\", "\\\\").replace("'", "\\'")  # as the driver sends it
        for form in (plain, escaped, string(plain)[1:-1]):
            text = text.replace(form, HIDDEN)
    return text


def cut_echo(text: str) -> str:
    """A syntax error's message without the statement's words, which a server echoes, and cuts amid a secret."""
    return re.sub(r"(near ').*'( at line)", rf"\1{HIDDEN}'\2", text, flags=re.DOTALL)
