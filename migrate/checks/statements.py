"""What is in a statement that another version would not understand, wherever the statement was found. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set
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
    "RETURNING": listed("''"),  # JSON_VALUE's path
}
CALLED = listed("GROUPING ROW ROW_NUMBER RANK LAG LEAD NTILE FIRST_VALUE LAST_VALUE NTH_VALUE JSON_TABLE OVER CUBE")
SETTING = re.compile(r"(?:^|; |\b(?:BEGIN|THEN|ELSE|DO|LOOP|REPEAT) )SET ([^;]*)", re.IGNORECASE)
ASSIGNMENT = re.compile(r"((?:GLOBAL|SESSION|LOCAL|PERSIST|PERSIST_ONLY) )?(\w+) :?=(?!\S)", re.IGNORECASE)
DECLARED = re.compile(r"\bDECLARE (\w+(?: , \w+)*) (?!(?:CURSOR|CONDITION|HANDLER)\b)", re.IGNORECASE)
PARAMETERS = re.compile(r"^CREATE\b[^;(]*\b(?:PROCEDURE|FUNCTION)\b[^;(]* \( ([^;]*)", re.IGNORECASE)
PARAMETER = re.compile(r"(?:(?:IN|OUT|INOUT) )?(\w+) ", re.IGNORECASE)
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


def lost_variables(
    found: list[Token], old: Version, target: Version, parameters: Iterable[str] = ()
) -> Iterator[Trouble]:
    """Variables that are read or set, and gone; `parameters` are those of the routine whose body it is."""
    text = skeleton(found)
    own = _declared(text) | {name.lower() for name in parameters}
    read = (match[1].lower() for match in READING.finditer(text))
    for name in dict.fromkeys((*read, *_assigned(text, own))):
        if is_removed(name, old, target):
            yield Trouble(f"{name}: {turn(REMOVED[name].spans, target)}", REMOVED[name].instead)


def _assigned(text: str, own: Set[str]) -> Iterator[str]:
    """The server's variables that SET gives a value; a name without a scope is a local variable's first of all."""
    for setting in SETTING.finditer(text):
        for part in _listed(setting[1]):
            match = ASSIGNMENT.match(part)
            if match and (match[1] or match[2].lower() not in own):
                yield match[2].lower()


def _declared(text: str) -> set[str]:
    """A routine's own names, by which its variables and those of its parameters that the text has go."""
    names = {name for match in DECLARED.finditer(text) for name in match[1].lower().split(" , ")}
    for created in PARAMETERS.finditer(text):
        names |= {match[1].lower() for part in _listed(created[1]) if (match := PARAMETER.match(part))}
    return names


def _listed(text: str) -> Iterator[str]:
    """What stands between the commas of a list, until a parenthesis closes that was open before."""
    depth, part = 0, ""
    for word in text.split():
        if word == ")" and not depth:
            break
        if word == "," and not depth:
            yield part
            part = ""
            continue
        depth += (word == "(") - (word == ")")
        part += word + " "
    yield part


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
