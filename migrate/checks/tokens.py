"""SQL cut into tokens as MySQL and MariaDB cut it, so that a word in a string or a comment is no word. Pure.

Three things make these dialects their own (MySQL manual, "Comments", "String Literals", "Server SQL Modes"): a comment
that begins with an exclamation mark and a version is code for servers of at least that version; a backslash escapes
within strings unless NO_BACKSLASH_ESCAPES; double quotes are strings unless ANSI_QUOTES. sqlparse takes every versioned
comment for a comment, sqlglot too, and it raises where a string isn't closed, as in a statement that a bound cut short;
neither knows the modes. So this is our own: one regular expression, which always matches something, so that the tokens'
texts, joined, are the text that came.

`skeleton` is a statement without its values: what is compared with patterns and what may be shown, since neither
passwords nor data are in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from functools import cache
from typing import NamedTuple

from understudy.migrate.versions import Flavour, Version


class Sort(Enum):
    """What a token is."""

    SPACE = 1
    COMMENT = 2
    WORD = 3  # a keyword or an unquoted name
    NAME = 4  # a quoted name
    TEXT = 5  # a string, also x'…' and b'…'
    NUMBER = 6
    VARIABLE = 7  # @name, @@name
    SIGN = 8


class Token(NamedTuple):
    """A piece of SQL, as it was written."""

    sort: Sort
    text: str


IDENTIFIER = r"[0-9A-Za-z_$\x80-\U0010ffff]"
MARIADB_IGNORES = range(50700, 100000)  # "/*!50701 … */" is MySQL's own to MariaDB (its manual, "Comment Syntax")


@cache
def _pattern(ansi_quotes: bool, no_backslash: bool) -> re.Pattern[str]:
    escape = "" if no_backslash else r"\\.|"
    single = rf"'(?:{escape}''|[^'])*(?:'|\Z)"
    double = rf'"(?:{escape}""|[^"])*(?:"|\Z)'
    name = r"`(?:``|[^`])*(?:`|\Z)"
    if not no_backslash:
        single, double = single.replace("[^'", r"[^'\\"), double.replace('[^"', r'[^"\\')
        single, double = (quoted.replace(r"(?:'|\Z)", r"(?:'|\\?\Z)") for quoted in (single, double))
        double = double.replace(r'(?:"|\Z)', r'(?:"|\\?\Z)')
    return re.compile(
        rf"""
        (?P<SPACE>\s+)
        |(?P<OPEN>/\*M?!\d*)
        |(?P<COMMENT>/\*.*?(?:\*/|\Z)|\#[^\n]*|--(?=[\s\x00-\x1f]|\Z)[^\n]*)
        |(?P<TEXT>(?:[xXbBnN](?='))?{single}{"" if ansi_quotes else "|" + double})
        |(?P<NAME>{name}{"|" + double if ansi_quotes else ""})
        |(?P<VARIABLE>@@?(?:{IDENTIFIER}|\.)+|@(?:{name}|{single}|{double}))
        |(?P<NUMBER>0[xX][0-9a-fA-F]+(?!{IDENTIFIER})|(?:\d+\.?\d*|\.\d+)[eE][+-]?\d+(?!{IDENTIFIER})
            |\d+(?!{IDENTIFIER})(?:\.\d*(?!{IDENTIFIER}))?|\.\d+(?!{IDENTIFIER}))
        |(?P<WORD>{IDENTIFIER}+)
        |(?P<SIGN>\\N|\*/|->>|->|:=|\|\||&&|<=>|<<|>>|<>|!=|>=|<=|.)
        """,
        re.VERBOSE | re.DOTALL,
    )


def tokens(sql: str, reader: Version | None = None, sql_mode: str = "") -> list[Token]:
    """The tokens of a statement; their texts, joined, are it. Never raises.

    `reader` is the server that is to run it, for versioned comments; without one all of these are code.
    """
    modes = sql_mode.upper().split(",")
    pattern = _pattern("ANSI_QUOTES" in modes or "ANSI" in modes, "NO_BACKSLASH_ESCAPES" in modes)
    found: list[Token] = []
    at, within = 0, 0
    while at < len(sql):
        match = pattern.match(sql, at)
        assert match is not None  # the last alternative takes any character
        sort, text = str(match.lastgroup), match[0]
        if sort == "OPEN":
            if reader is None or _is_code(text, reader):
                within += 1
            else:
                text = sql[at : _end_of_comment(sql, at)]
            sort = "COMMENT"
        elif within and text == "*/":
            within -= 1
            sort = "COMMENT"
        found.append(Token(Sort[sort], text))
        at += len(text)
    return found


def _is_code(opening: str, reader: Version) -> bool:
    """Whether what follows "/*!50100" is code to a server; without a version it always is."""
    for_mariadb = opening.startswith("/*M")
    digits = opening.lstrip("/*M!")
    number = int(digits or 0)
    major, minor, patch = reader.numbers
    own = major * 10000 + minor * 100 + patch
    if reader.flavour is Flavour.MARIADB:
        return number <= own and (for_mariadb or number not in MARIADB_IGNORES)
    return not for_mariadb and number <= own


def _end_of_comment(sql: str, at: int) -> int:
    """Where a comment that is not code ends: an ordinary comment may be within it."""
    depth = 0
    for mark in re.finditer(r"/\*|\*/", sql[at:]):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return at + mark.end()
    return len(sql)


def code(found: list[Token]) -> list[Token]:
    """The tokens but spaces and comments."""
    return [token for token in found if token.sort not in (Sort.SPACE, Sort.COMMENT)]


def skeleton(found: list[Token]) -> str:
    """The statement on one line without its values: strings are '', quoted names `_`, numbers 0, each token apart.

    A list of values is told once: "VALUES ( 0 , '' )" may stand for a thousand rows.
    """
    text = " ".join(_bare(token) for token in code(found))
    return re.sub(r"(\( (?:(?:0|''|NULL|-|,) )+\))(?: , \( (?:(?:0|''|NULL|-|,) )+\))+", r"\1", text)


def _bare(token: Token) -> str:
    match token.sort:
        case Sort.TEXT:
            return "''"
        case Sort.NAME:
            return "`_`"
        case Sort.NUMBER:
            return "0"
        case Sort.VARIABLE if any(quote in token.text for quote in "'\"`"):
            return "@_"
    return token.text


class Word(NamedTuple):
    """An unquoted word of a statement, in upper case, with what stands around it; "" at its ends."""

    before: str
    text: str
    after: str


def words(found: list[Token]) -> Iterator[Word]:
    """The unquoted words; what is around them in upper case too, without values."""
    bare = code(found)
    for at, token in enumerate(bare):
        if token.sort is Sort.WORD:
            before = _bare(bare[at - 1]).upper() if at else ""
            after = _bare(bare[at + 1]).upper() if at + 1 < len(bare) else ""
            yield Word(before, token.text.upper(), after)
