"""Where the value that belongs to a secret's name stands in text. Pure.

    {"token": "S"}   {'token': 'S'}   {&quot;token&quot;:&quot;S&quot;}   a JSON member, in pages and in strings too
    ?token=S  token="S"  user[token]=S  next=%3Ftoken%3DS                  a pair, within another's value too
    token = "S"   {token: 'S'}   a["token"] = 'S'   'token' => 'S'         a variable, a property, an array's element
    <input name="token" value="S">  <meta name="token" content="S">        a field of a page
    <token>S</token>  <textarea name="token">S</textarea>                  an element

Nearly every page says "token" or "password" somewhere. `around` looks closely at such places, which takes a tenth of
the time that expressions over the whole text take, and users wait meanwhile. Whatever a client sends, a place takes a
bounded time. Of a value whose end can't be found, all that follows is taken: better too much than half a secret.
"""

from __future__ import annotations

import html
import json
import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from typing import Final, NamedTuple
from urllib.parse import unquote_plus

_json_value: Final = json.JSONDecoder().raw_decode

# Where the name of a pair may stand, and where its value ends: in a target, in a form, and in any other text. A value
# that goes on after a ";" or a "#" is masked with what follows.
_TARGET_KEY: Final = re.compile(r"(?:^|[?&;#])([^=&;#?\s]{1,200})=")
_TARGET_END: Final = re.compile(r"[&\s]")
_FORM_END: Final = re.compile(r"&")
_TEXT_KEY: Final = re.compile(r"""(?:^|[?&;#\s"'<,({|])([^=&;#?\s"'<>,({|]{1,200})=""")
_TEXT_END: Final = re.compile(r"""[&\s"'<>]|(?<!\\)\\++(?:"|u0026)""")
_NO_KEY: Final = frozenset("=&;#?\"'<> \t\r\n\v\f,({|")
_BEFORE_KEY: Final = frozenset("?&;#\"'< \t\r\n\v\f,({|")
_MAX_KEY: Final = 200
_NAME_PARTS: Final = re.compile(r"[\[\].]+")
# in a string of JSON, and in a value that is percent-encoded, delimiters are written otherwise
_DELIMITERS: Final = re.compile(r"(?i)\\++(?:u[0-9a-f]{4}|[nrt])|%(?:3f|26|23|3b|20|22|27|2c|7b)")
_EQUALS: Final = r"(?:=|%3d|\\++u003d)"
_EQUALS_AT_END: Final = re.compile(rf"(?i){_EQUALS}\Z")
_REST_OF_KEY: Final = re.compile(rf"""(?i)[^=&;#?\s"'<>\\%]{{0,200}}+(?:%5[bd][^=&;#?\s"'<>\\%]*+){{0,4}}{_EQUALS}""")

_QUOTE: Final = r"""(?:(?<!\\)\\*+["'`]|&quot;|&apos;|&\#0?3[49];|%22|%27)"""
_OPENING: Final = re.compile(rf"(?i)[ub]?({_QUOTE})")
_MAX_QUOTE: Final = len("&quot;")
_LITERAL: Final = re.compile(r"[\w.+-]*")
_IS: Final = r"\s*(?:=>|[:=]|%3[ad])\s*"
# what tells at once that a word in prose is no name: nothing stands behind it that ends one
_VALUE_FOLLOWS: Final = re.compile(r"""[^=:"'`&<>;?#%\n\\]{0,200}+[=:"'`&%\\]""")

_MAX_TAG: Final = 65_536
_TRIES: Final = 4  # as many brackets may stand in a tag's attributes before the name
_EFFORT: Final = 16  # times a text's length: what all its tags together may take to be read
# a page may stand in a string of JSON, its quotes and brackets escaped
_OPEN: Final = r"(?:<|\\u003c)"
_ATTRIBUTES: Final = r"""(?:[^<>"'\\]|\\(?!u003[ce])|"[^"]*"|'[^']*'|["'])*+"""
_CLOSE: Final = r"(/?(?:>|\\u003e))?"
_ATTRIBUTE: Final = re.compile(
    r"""(?<![^\s"'<>/=])([^\s"'<>/=]{1,64})\s*=\s*(?:\\?"([^"]*?)\\?"|\\?'([^']*?)\\?'|([^\s"'>]+))"""
)
_UNCLOSED: Final = re.compile(r"""(?i)(?<![^\s"'<>/=])(?:value|content)\s*=\s*\\?["']""")
_FIELDS: Final = ("input", "meta", "button", "option", "param")
_NAMING: Final = frozenset(("name", "id", "property", "type", "autocomplete"))
_HOLDING: Final = frozenset(("value", "content"))


class TooMuchError(Exception):
    """A text that takes more effort than it is worth: nobody writes pages of so many tags within tags."""


class Place(NamedTuple):
    """Bounds of a value, and the quote to put around what stands in its place."""

    start: int
    end: int
    quote: str = ""


class Named:
    """The values of these names, whatever their case."""

    def __init__(self, names: Collection[str]) -> None:
        self.names = frozenset(name.lower() for name in names if name)
        self.longest = max(map(len, self.names), default=0)
        plain = "|".join(map(re.escape, self.names)) or r"(?!)"
        escaped = "|".join("".join(map(_maybe_escaped, name)) for name in self.names) or r"(?!)"
        # JSON may stand in a string of JSON, its quotes escaped once or oftener: the backslashes must be the same
        colon = r"\s*(?::|%3a)[\s+]*"
        self.member = re.compile(rf"(?i)({_QUOTE})(?:{plain})\1{colon}")
        self._escaped_member = re.compile(rf"(?i)({_QUOTE})(?:{escaped})\1{colon}")
        self.property = re.compile(rf"(?i)(?:{plain}){_QUOTE}?\]?{_IS}(?:[ub]?({_QUOTE})|(?=\d))")
        element = rf"(?:[\w.-]{{1,64}}:)?(?:{plain})"
        kinds = "|".join((*_FIELDS, "textarea", element))
        self.tag = re.compile(rf"(?i){_OPEN}({kinds})(?![\w:.-])({_ATTRIBUTES}){_CLOSE}")
        self.closing = re.compile(rf"(?i)(?:<|\\u003c)(?:\\?/|\\u002f)({element}|textarea)(?![\w:.-])")

    def has(self, name: str) -> bool:
        """Whether a name is one of them, or has one for a part: user[password], login.password."""
        if name.isalnum():  # as most are: nothing to decode, no parts
            return name.lower() in self.names
        name = unquote_plus(name).lower().lstrip("-")
        return name in self.names or not self.names.isdisjoint(_NAME_PARTS.split(name))

    def around(self, text: str, places: Iterable[int]) -> Iterator[Place]:
        """The values whose names have something at `places`, which are in order. Raises TooMuchError."""
        look, done = _Look(self, text), 0
        for at in places:
            if at >= done and (found := look.at(at)):
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
        return (_of_pair(text, match.end()) for match in _TEXT_KEY.finditer(text) if self.has(match[1]))

    def members(self, text: str) -> Iterator[Place]:
        """The values of all JSON members, their names escaped or not."""
        members = self._escaped_member if "\\u00" in text else self.member
        return (_member(text, match) for match in members.finditer(text))

    def _pairs(self, text: str, key: re.Pattern[str], end: re.Pattern[str]) -> Iterator[Place]:
        for match in key.finditer(text):
            if self.has(match[1]):
                yield Place(match.end(), _found(end, text, match.end()))


class _Look:
    """At one text, place after place."""

    def __init__(self, named: Named, text: str) -> None:
        self._named = named
        self._text = text
        self._has_escaped_tags = "\\u003" in text
        self._no_pair_before = 0
        self._effort = _EFFORT * len(text) + _MAX_TAG
        self._tried, self._reaches = -1, -1
        self._found: Place | None = None

    def at(self, at: int) -> Place | None:
        """The value of the name in which `at` is."""
        if _VALUE_FOLLOWS.match(self._text, at):
            found = self._member_at(at) or self._pair_at(at) or self._property_at(at)
            if found:
                return found
        return self._tag_at(at) or (self._escaped_tag_at(at) if self._has_escaped_tags else None)

    def _member_at(self, at: int) -> Place | None:
        text = self._text
        low = max(0, at - self._named.longest - _MAX_QUOTE)
        quote_at = max(text.rfind('"', low, at), text.rfind("'", low, at))
        if quote_at < 0:
            quote_at = max(text.rfind("&", low, at), text.rfind("%2", low, at))
        if quote_at < 0:
            return None
        start = quote_at
        while start > 0 and text[start - 1] == "\\" and quote_at - start < _MAX_KEY:
            start -= 1
        member = self._named.member.match(text, start)
        return None if member is None or member.end() < at else _member(text, member)

    def _pair_at(self, at: int) -> Place | None:
        if at < self._no_pair_before:
            return None
        text = self._text
        rest = _REST_OF_KEY.match(text, at)
        if rest is None:
            return None
        first = at
        while first and at - first < _MAX_KEY and text[first - 1] not in _NO_KEY:
            first -= 1
        *before, key = _DELIMITERS.split(_EQUALS_AT_END.sub("", text[first : rest.end()]))
        if (first and not before and text[first - 1] not in _BEFORE_KEY) or not self._named.has(key):
            self._no_pair_before = rest.end()
            return None
        return _of_pair(text, rest.end())

    def _property_at(self, at: int) -> Place | None:
        text, first = self._text, at
        while first and at - first < self._named.longest and _is_of_a_word(text[first - 1]):
            first -= 1
        if first and _is_of_a_word(text[first - 1]):
            return None
        found = self._named.property.match(text, first)
        if found is None:
            return None
        if found[1]:
            return Place(found.end(), _closing(text, found.end(), found[1]))
        literal = _LITERAL.match(text, found.end())
        return Place(found.end(), literal.end() if literal else found.end())

    def _tag_at(self, at: int) -> Place | None:
        text, before = self._text, at
        for _ in range(_TRIES):
            start = text.rfind("<", max(0, at - _MAX_TAG), before)
            if start < 0:
                return None
            end = text.find(">", start, at)
            if end >= 0 and not (text.count('"', start, end) % 2 or text.count("'", start, end) % 2):
                return None  # as nearly always: in the text behind a tag
            if self._reads_tag(start, at):
                return self._found
            before = start
        return None

    def _escaped_tag_at(self, at: int) -> Place | None:
        start = max(self._text.rfind(bracket, max(0, at - _MAX_TAG), at) for bracket in ("\\u003c", "\\u003C"))
        return self._found if start >= 0 and self._reads_tag(start, at) else None

    def _reads_tag(self, start: int, at: int) -> bool:
        """Whether `at` is in the tag at `start`, which is read once, however many names are in it."""
        if self._tried != start:
            self._tried, self._reaches, self._found = start, -1, None
            if tag := self._named.tag.match(self._text, start, start + _MAX_TAG):
                self._effort -= tag.end() - start
                if self._effort < 0:
                    raise TooMuchError
                self._reaches, self._found = tag.end(), self._of_tag(tag)
        return at <= self._reaches

    def _of_tag(self, tag: re.Match[str]) -> Place | None:
        name = tag[1].lower()
        if name in _FIELDS:
            return _of_field(tag) if self._is_named(tag) else None
        return self._of_element(tag) if name != "textarea" or self._is_named(tag) else None

    def _is_named(self, tag: re.Match[str]) -> bool:
        pairs = _ATTRIBUTE.finditer(tag[2])
        return any(
            one[1].lower() in _NAMING and self._named.has(html.unescape(one[one.lastindex or 1])) for one in pairs
        )

    def _of_element(self, tag: re.Match[str]) -> Place | None:
        """What is in an element; where nothing closes it, it was no element: "curl --token <token> URL"."""
        ends = self._closings.get(tag[1].lower(), [])
        place = bisect_left(ends, tag.end())
        is_open = bool(tag[3]) and not tag[3].startswith("/")
        return Place(tag.end(), ends[place]) if is_open and place < len(ends) else None

    @cached_property
    def _closings(self) -> dict[str, list[int]]:
        """Where elements are closed, by name."""
        found: dict[str, list[int]] = {}
        for match in self._named.closing.finditer(self._text):
            found.setdefault(match[1].lower(), []).append(match.start())
        return found


def _of_field(tag: re.Match[str]) -> Place | None:
    first, past = tag.start(2), tag.start(2)
    for one in _ATTRIBUTE.finditer(tag[2]):
        if one[1].lower() in _HOLDING and one.lastindex:
            return Place(first + one.start(one.lastindex), first + one.end(one.lastindex))
        past = first + one.end()
    unclosed = _UNCLOSED.search(tag.string, past, tag.end())  # a value may be longer than what is read of a tag
    return Place(unclosed.end(), _closing(tag.string, unclosed.end(), unclosed[0][-1])) if unclosed else None


def _member(text: str, match: re.Match[str]) -> Place:
    return Place(match.end(), _end_of_value(text, match.end(), match[1]), match[1])


def _of_pair(text: str, start: int) -> Place:
    opening = _OPENING.match(text, start)
    if opening:
        return Place(opening.end(), _closing(text, opening.end(), opening[1]))
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
        return min(_closing(text, opening.end(), opening[1]) + len(opening[1]), len(text))
    literal = _LITERAL.match(text, start)
    return literal.end() if literal and literal[0] else len(text)


def _is_of_a_word(char: str) -> bool:
    return char.isalnum() or char in "_-"


def _maybe_escaped(char: str) -> str:
    codes = "|".join(f"{ord(case):04x}" for case in {char.lower(), char.upper()} if len(case) == 1)
    return rf"(?:{re.escape(char)}|\\++u(?:{codes}))"
