"""Where the value that belongs to a secret's name stands in text. Pure.

    {"token": "S"}   {'token': 'S'}   {&quot;token&quot;:&quot;S&quot;}   a JSON member, in pages and in strings too
    ?token=S  token="S"  user[token]=S                                     a pair
    token = "S"   {token: 'S'}                                             a script's variable or property
    <input name="token" value="S">  <meta name="token" content="S">        a field of a page
    <token>S</token>  <textarea name="token">S</textarea>                  an element

Nearly every page says "token" or "password" somewhere. `around` looks closely at such places, which takes a tenth of
the time that expressions over the whole text take, and users wait meanwhile. Of a value whose end can't be found, all
that follows is taken: better too much than half a secret.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple
from urllib.parse import unquote_plus

_json_value: Final = json.JSONDecoder().raw_decode

# Where the name of a pair may stand, and where its value ends: in a target, in a form, and in any other text. A value
# that goes on after a ";" or a "#" is masked with what follows.
_TARGET_KEY: Final = re.compile(r"(?:^|[?&;#])([^=&;#?\s]{1,200})=")
_TARGET_END: Final = re.compile(r"[&\s]")
_FORM_END: Final = re.compile(r"&")
_TEXT_KEY: Final = re.compile(r"""(?:^|[?&;#\s"'<])([^=&;#?\s"'<>]{1,200})=""")
_TEXT_END: Final = re.compile(r"""[&\s"'<>]""")
_REST_OF_KEY: Final = re.compile(r"""[^=&;#?\s"'<>]{1,200}=""")
_NO_KEY: Final = frozenset("=&;#?\"'<> \t\r\n\v\f")
_BEFORE_KEY: Final = frozenset("?&;#\"'< \t\r\n\v\f")
_MAX_KEY: Final = 200
_NAME_PARTS: Final = re.compile(r"[\[\].]+")

_QUOTE: Final = r"""(?:\\*["'`]|&quot;|&apos;|&\#0?3[49];)"""
_OPENING: Final = re.compile(_QUOTE)
# what tells at once that a word in prose is no name: no colon and no equals sign behind it
_VALUE_FOLLOWS: Final = re.compile(rf"""[^=:"'`&<>;?#\n]{{0,200}}+{_QUOTE}?\s*[:=]""")
_MAX_QUOTE: Final = len("&quot;")
_LITERAL: Final = re.compile(r"[\w.+-]*")

_MAX_TAG: Final = 8192
_MAX_ELEMENT: Final = 65536
# a page may stand in a string of JSON, its quotes and brackets escaped
_OPEN: Final = r"(?:<|\\+u003c)"
_ATTRIBUTES: Final = r"""(?:(?!\\+u003[ce])[^<>"']|"[^"]*"|'[^']*')*+"""
_CLOSE: Final = r"(/?)(?:>|\\+u003e|\Z)"
_ATTRIBUTE: Final = re.compile(r"""([^\s"'<>/=]+)\s*=\s*(?:\\*"([^"]*?)\\*"|\\*'([^']*?)\\*'|([^\s"'>]+))""")
_FIELDS: Final = ("input", "meta", "button", "option", "param")
_NAMING: Final = frozenset(("name", "id", "property", "type", "autocomplete"))
_HOLDING: Final = frozenset(("value", "content"))


class Place(NamedTuple):
    """Bounds of a value, and the quote to put around what stands in its place."""

    start: int
    end: int
    quote: str = ""


class Named:
    """The values of these names, whatever their case."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(name.lower() for name in names if name)
        self._longest = max(map(len, self._names), default=0)
        plain = "|".join(map(re.escape, self._names)) or r"(?!)"
        escaped = "|".join("".join(map(_maybe_escaped, name)) for name in self._names) or r"(?!)"
        # JSON may stand in a string of JSON, its quotes escaped once or oftener: the backslashes must be the same
        self._member = re.compile(rf"(?i)({_QUOTE})(?:{plain})\1\s*:\s*")
        self._escaped_member = re.compile(rf"(?i)({_QUOTE})(?:{escaped})\1\s*:\s*")
        kinds = "|".join((*_FIELDS, "textarea", rf"(?:[\w.-]+:)?(?:{plain})"))
        self._tag = re.compile(rf"(?i){_OPEN}({kinds})(?![\w:.-])({_ATTRIBUTES}){_CLOSE}")
        self._property = re.compile(rf"(?i)(?:{plain})\s*[:=]\s*({_QUOTE})")

    def has(self, name: str) -> bool:
        """Whether a name is one of them, or has one for a part: user[password], login.password."""
        if name.isalnum():  # as most are: nothing to decode, no parts
            return name.lower() in self._names
        name = unquote_plus(name).lower()
        return name in self._names or not self._names.isdisjoint(_NAME_PARTS.split(name))

    def around(self, text: str, places: Iterable[int]) -> Iterator[Place]:
        """The values whose names have something at `places`, which are in order."""
        has_escaped_tags = "\\u003" in text
        done = 0
        for at in places:
            if at < done:
                continue
            found = self._value_at(text, at) if _VALUE_FOLLOWS.match(text, at) else None
            found = found or self._tag_at(text, at) or (self._escaped_tag_at(text, at) if has_escaped_tags else None)
            if found:
                done = found.end
                yield found

    def in_target(self, target: str) -> Iterator[Place]:
        """The values of a request's query parameters."""
        return self._pairs(target, _TARGET_KEY, _TARGET_END)

    def in_form(self, form: str) -> Iterator[Place]:
        """The values of a form's fields, percent-encoded."""
        return self._pairs(form, _TARGET_KEY, _FORM_END)

    def pairs(self, text: str) -> Iterator[Place]:
        """The values of all pairs in any text."""
        return self._pairs(text, _TEXT_KEY, None)

    def members(self, text: str) -> Iterator[Place]:
        """The values of all JSON members, their names escaped or not."""
        members = self._escaped_member if "\\u00" in text else self._member
        for match in members.finditer(text):
            yield _member(text, match)

    def _pairs(self, text: str, key: re.Pattern[str], end_of_value: re.Pattern[str] | None) -> Iterator[Place]:
        for match in key.finditer(text):
            if not self.has(match[1]):
                continue
            if end_of_value is None:
                yield _of_pair(text, match.end())
            else:
                yield Place(match.end(), _found(end_of_value, text, match.end()))

    def _value_at(self, text: str, at: int) -> Place | None:
        return self._member_at(text, at) or self._pair_at(text, at) or self._property_at(text, at)

    def _member_at(self, text: str, at: int) -> Place | None:
        low = max(0, at - self._longest - _MAX_QUOTE)
        quote_at = max(text.rfind('"', low, at), text.rfind("'", low, at), text.rfind(";", low, at))
        if quote_at < 0:
            return None
        if text[quote_at] == ";":
            quote_at = text.rfind("&", low, quote_at)
        while quote_at > 0 and text[quote_at - 1] == "\\":
            quote_at -= 1
        member = self._member.match(text, quote_at) if quote_at >= 0 else None
        return None if member is None or member.end() < at else _member(text, member)

    def _pair_at(self, text: str, at: int) -> Place | None:
        rest = _REST_OF_KEY.match(text, at)
        if rest is None:
            return None
        first = at
        while first and at - first < _MAX_KEY and text[first - 1] not in _NO_KEY:
            first -= 1
        if (first and text[first - 1] not in _BEFORE_KEY) or not self.has(text[first : rest.end() - 1]):
            return None
        return _of_pair(text, rest.end())

    def _property_at(self, text: str, at: int) -> Place | None:
        first = at
        while first and at - first < self._longest and _is_of_a_word(text[first - 1]):
            first -= 1
        if first and _is_of_a_word(text[first - 1]):
            return None
        found = self._property.match(text, first)
        return None if found is None else Place(found.end(), _closing(text, found.end(), found[1]))

    def _tag_at(self, text: str, at: int) -> Place | None:
        start = text.rfind("<", max(0, at - _MAX_TAG), at)
        if start < 0:
            return None
        end = text.find(">", start, at)
        if end >= 0 and not (text.count('"', start, end) % 2 or text.count("'", start, end) % 2):
            return None  # as nearly always: in the text behind a tag
        return self._of_tag(text, start, at)

    def _escaped_tag_at(self, text: str, at: int) -> Place | None:
        start = max(text.rfind(bracket, max(0, at - _MAX_TAG), at) for bracket in ("\\u003c", "\\u003C"))
        return self._of_tag(text, start, at) if start >= 0 else None

    def _of_tag(self, text: str, start: int, at: int) -> Place | None:
        tag = self._tag.match(text, start, start + _MAX_TAG)
        if tag is None or tag.end() < at:
            return None
        name = tag[1].lower()
        if name in _FIELDS:
            return self._of_field(tag) if self._is_named(tag) else None
        return _of_element(text, tag) if name != "textarea" or self._is_named(tag) else None

    def _is_named(self, tag: re.Match[str]) -> bool:
        pairs = _ATTRIBUTE.finditer(tag[2])
        return any(one[1].lower() in _NAMING and self.has(html.unescape(one[one.lastindex or 1])) for one in pairs)

    def _of_field(self, tag: re.Match[str]) -> Place | None:
        for one in _ATTRIBUTE.finditer(tag[2]):
            if one[1].lower() in _HOLDING and one.lastindex:
                return Place(tag.start(2) + one.start(one.lastindex), tag.start(2) + one.end(one.lastindex))
        return None


def _member(text: str, match: re.Match[str]) -> Place:
    return Place(match.end(), _end_of_value(text, match.end(), match[1]), match[1])


def _of_pair(text: str, start: int) -> Place:
    opening = _OPENING.match(text, start)
    if opening:
        return Place(opening.end(), _closing(text, opening.end(), opening[0]))
    return Place(start, _found(_TEXT_END, text, start))


def _found(end: re.Pattern[str], text: str, start: int) -> int:
    after = end.search(text, start)
    return after.start() if after else len(text)


def _closing(text: str, start: int, quote: str) -> int:
    """Where the quote stands that closes a string; one that is escaped oftener is another."""
    return _found(re.compile(rf"(?<!\\){re.escape(quote)}"), text, start)


def _end_of_value(text: str, start: int, quote: str) -> int:
    """Where a member's value ends, its own quotes included."""
    if quote == '"':
        try:
            return _json_value(text, start)[1]
        except (ValueError, RecursionError):
            return len(text)
    opening = _OPENING.match(text, start)
    if opening:
        return min(_closing(text, opening.end(), opening[0]) + len(opening[0]), len(text))
    literal = _LITERAL.match(text, start)
    return literal.end() if literal and literal[0] else len(text)


def _of_element(text: str, tag: re.Match[str]) -> Place | None:
    """What is in an element; where nothing closes it, it was no element: "curl --token <token> URL"."""
    end = re.compile(rf"(?i){_OPEN}\\*/{re.escape(tag[1])}\b")
    closing = end.search(text, tag.end(), tag.end() + _MAX_ELEMENT)
    return Place(tag.end(), closing.start()) if closing and not tag[3] else None


def _is_of_a_word(char: str) -> bool:
    return char.isalnum() or char in "_-"


def _maybe_escaped(char: str) -> str:
    codes = "|".join(f"{ord(case):04x}" for case in {char.lower(), char.upper()} if len(case) == 1)
    return rf"(?:{re.escape(char)}|\\+u(?:{codes}))"
