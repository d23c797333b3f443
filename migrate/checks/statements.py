"""What is in a statement that another version would not understand, wherever the statement was found. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from typing import NamedTuple

from understudy.migrate.checks.constructs import REMOVED_MODES, lost_modes, unknown
from understudy.migrate.checks.defaults import REMOVED, is_removed
from understudy.migrate.checks.functions import FUNCTIONS, instead, lost
from understudy.migrate.checks.reserved import becomes_reserved
from understudy.migrate.checks.spans import listed, turn
from understudy.migrate.checks.tokens import Sort, Token, Word, skeleton, words
from understudy.migrate.versions import Version

# "DROP FUNCTION" and the like are no use of a name
KEYWORD_AFTER = {
    "FUNCTION": listed("CREATE DROP ALTER SHOW AGGREGATE REPLACE"),
    "ROW": listed("EACH ( , = IN VALUES"),
    "ROWS": listed("IGNORE BETWEEN EXAMINED LIMIT LINES"),
    "OF": listed("BEFORE AFTER UPDATE SHARE AS MEMBER"),
    "OPTION": listed("GRANT CHECK ADMIN"),
    "GET": listed("; BEGIN THEN ELSE DO"),
    "SYSTEM": listed("FOR"),
}
CALLED = listed("GROUPING ROW ROW_NUMBER RANK LAG LEAD NTILE FIRST_VALUE LAST_VALUE NTH_VALUE JSON_TABLE OVER CUBE")
SETTING = re.compile(
    r"(?:^|; |\b(?:BEGIN|THEN|ELSE|DO|LOOP) )SET (?:(?:GLOBAL|SESSION|LOCAL) )?(\w+) :?=(?!\S)", re.IGNORECASE
)
READING = re.compile(r"@@(?:(?:global|session|local)\.)?(\w+)", re.IGNORECASE)


class Trouble(NamedTuple):
    """Something that the target would not understand, and what to write instead."""

    what: str
    instead: str = ""


def lost_functions(found: list[Token], target: Version, own: Set[str] = frozenset()) -> Iterator[Trouble]:
    """Functions that are gone; `own` are the names of stored ones."""
    for name in lost(found, target, own):
        yield Trouble(f"{name}(): {turn(FUNCTIONS[name], target)}", instead(name))


def lost_syntax(found: list[Token], target: Version) -> Iterator[Trouble]:
    """Statements and clauses that are gone."""
    for construct in unknown(skeleton(found), target):
        yield Trouble(f"{construct.name}: {turn(construct.spans, target)}", construct.instead)


def lost_variables(found: list[Token], old: Version, target: Version) -> Iterator[Trouble]:
    """Variables that are read or set, and gone."""
    text = skeleton(found)
    names = [match[1].lower() for pattern in (READING, SETTING) for match in pattern.finditer(text)]
    for name in dict.fromkeys(names):
        if is_removed(name, old, target):
            yield Trouble(f"{name}: {turn(REMOVED[name].spans, target)}", REMOVED[name].instead)


def set_modes(found: list[Token], target: Version) -> Iterator[Trouble]:
    """Modes that a statement gives to sql_mode, and that are gone."""
    bare = [token for token in found if token.sort not in (Sort.SPACE, Sort.COMMENT)]
    for at, token in enumerate(bare):
        if "sql_mode" in token.text.lower() and token.sort in (Sort.WORD, Sort.VARIABLE):
            given = next((one.text.strip("'\"") for one in bare[at + 1 : at + 3] if one.sort is Sort.TEXT), "")
            for mode in lost_modes(given, target):
                yield Trouble(f"sql_mode {mode}: {turn(REMOVED_MODES[mode], target)}", "the list without it")


def reserved_names(found: list[Token], old: Version, target: Version) -> Iterator[Trouble]:
    """Unquoted names that have become reserved words."""
    seen = set()
    for word in words(found):
        if word.text not in seen and becomes_reserved(word.text, old, target) and _is_name(word):
            seen.add(word.text)
            yield Trouble(f"{word.text} is a reserved word there", f"`{word.text.lower()}`")


def _is_name(word: Word) -> bool:
    """Whether it stands as a name would: what follows a dot need not be quoted, and some are keywords elsewhere too."""
    if word.before == "." or word.before in KEYWORD_AFTER.get(word.text, ()):
        return False
    return not (word.after == "(" and word.text in CALLED)
