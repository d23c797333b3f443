"""Masking: nothing secret leaves the worker's memory. Pure.

A value is replaced by "masked:" and a keyed hash of it, so that equal stays equal, and different stays different,
for whoever compares later. What can't be examined (an encoding that can't be decoded) is not recorded.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Final
from urllib.parse import unquote_plus

from understudy.coding import decode
from understudy.config import ALWAYS_MASKED, Masks
from understudy.errors import CodingError
from understudy.exchange import Headers, first_header

PREFIX: Final = "masked:"
MAX_DECODED_BYTES: Final = 16 << 20

_json_value: Final = json.JSONDecoder().raw_decode

# Where the name of a pair may stand, and where its value ends: in a target, in a form, and in any other text. A value
# that goes on after a ";" or a "#" is masked with what follows: better too much than half a secret.
_TARGET_KEY: Final = re.compile(r"(?:^|[?&;#])([^=&;#?\s]{1,200})=")
_TARGET_END: Final = re.compile(r"[&\s]")
_FORM_END: Final = re.compile(r"&")
_TEXT_KEY: Final = re.compile(r"""(?:^|[?&;#\s"'<])([^=&;#?\s"'<>]{1,200})=""")
_TEXT_END: Final = re.compile(r"""[&\s"'<>]""")
_NAME_PARTS: Final = re.compile(r"[\[\].]+")
_BOUNDARY: Final = re.compile(r"""(?i)boundary=(?:"([^"]+)"|([^";,\s]+))""")
_PART_NAME: Final = re.compile(r"""(?i)[;\s]name\*?\s*=\s*(?:[\w-]*'[\w-]*')?(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))""")
_PART_HEAD: Final = re.compile(r"\r?\n\r?\n")
_LITERAL: Final = re.compile(r"[\w.+-]*")


class Masker:
    """The `[masks]` settings under one key, ready to be applied."""

    def __init__(self, masks: Masks, key: bytes) -> None:
        self._key = hashlib.blake2b(key, digest_size=32).digest()
        self._headers = frozenset(name.lower() for name in (*ALWAYS_MASKED, *masks.headers))
        self._patterns = [re.compile(pattern) for pattern in masks.patterns]
        self._needles = _by_rarest_byte(_shortest([name.lower().encode() for name in masks.fields if name]))
        self._names = frozenset(name.lower() for name in masks.fields if name)
        plain = "|".join(map(re.escape, self._names)) or r"(?!)"
        escaped = "|".join("".join(map(_maybe_escaped, name)) for name in self._names) or r"(?!)"
        # JSON may stand in a string of JSON, its quotes escaped once or oftener: the backslashes must be the same
        self._member = re.compile(rf'(?i)(\\*)"(?:{plain})\1"\s*:\s*')
        self._escaped_member = re.compile(rf'(?i)(\\*)"(?:{escaped})\1"\s*:\s*')

    def value(self, secret: str) -> str:
        """The mask of one value."""
        digest = hashlib.blake2b(secret.encode("utf-8", "surrogateescape"), key=self._key, digest_size=8)
        return PREFIX + digest.hexdigest()

    def headers(self, headers: Headers) -> Headers:
        """The headers with masked values."""
        return tuple((name, self._header(name.lower(), value)) for name, value in headers)

    def _header(self, name: str, value: str) -> str:
        if name in self._headers:
            return self.value(value)
        if "=" in value:
            value = self._pairs(value, _TEXT_KEY, _TEXT_END)
        if '"' in value:
            value = self._members(value)
        return self._by_patterns(value) if self._patterns else value

    def target(self, target: str) -> str:
        """A request's target with the values of secret query parameters masked."""
        if "=" in target:
            target = self._pairs(target, _TARGET_KEY, _TARGET_END)
        return self._by_patterns(target) if self._patterns else target

    def body(self, body: bytes, content_type: str, encoding: str) -> bytes | None:
        """A body with its secrets masked, decoded; the very body where it has none; None where it can't be examined."""
        if not body or not (self._patterns or self._needles):
            return body
        try:
            plain = decode(body, encoding, MAX_DECODED_BYTES) if encoding else body
        except CodingError:
            return None
        kind = content_type.lower()
        if "charset=utf-16" in kind or "charset=utf-32" in kind:
            return None
        is_form = "x-www-form-urlencoded" in kind  # small, and the only place where names are percent-encoded
        if not self._patterns and not is_form and not self._may_hold_fields(plain):
            return body
        text = plain.decode("utf-8", "surrogateescape")
        if is_form:
            masked = self._pairs(text, _TARGET_KEY, _FORM_END)
        elif kind.startswith("multipart/"):
            masked = self._multipart(text, content_type)
        else:
            masked = self._pairs(self._members(text), _TEXT_KEY, _TEXT_END)
        masked = self._by_patterns(masked)
        return body if masked == text else masked.encode("utf-8", "surrogateescape")

    def request_body(self, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
        """A request's masked body, and the headers that then describe it; no body where it can't be examined."""
        masked = self.body(body, first_header(headers, "content-type"), first_header(headers, "content-encoding"))
        return (headers, body) if masked is body else (without_encoding(headers), masked or b"")

    def _may_hold_fields(self, plain: bytes) -> bool:
        # Measured on 1 KB of JSON: a search for each of ten names 11 µs, for the alternation of them 8 µs, but for a
        # single byte 0.05 µs, and the rarest byte of most names is absent from most small bodies.
        lower = plain.lower()
        for byte, needles in self._needles:
            if byte in lower:
                for needle in needles:
                    if needle in lower:
                        return True
        return b"\\" in lower and b"\\u00" in lower  # names may be escaped, and hardly any body has a backslash

    def _is_secret(self, name: str) -> bool:
        """Whether a pair's name is one to mask, or has it for a part: user[password], login.password."""
        name = unquote_plus(name).lower()
        return name in self._names or not self._names.isdisjoint(_NAME_PARTS.split(name))

    def _pairs(self, text: str, key: re.Pattern[str], end_of_value: re.Pattern[str]) -> str:
        """Mask the values of name=value pairs."""
        pieces, place = [], 0
        for match in key.finditer(text):
            start = match.end()
            if start < place or not self._is_secret(match[1]):
                continue
            after = end_of_value.search(text, start)
            end = after.start() if after else len(text)
            if end > start:
                pieces += [text[place:start], self.value(text[start:end])]
                place = end
        return "".join([*pieces, text[place:]])

    def _multipart(self, text: str, content_type: str) -> str:
        boundary = _BOUNDARY.search(content_type)
        if boundary is None:
            return self.value(text)
        pieces = re.split(rf"((?:\A|\r?\n)--{re.escape(boundary[1] or boundary[2])})", text)
        pieces[::2] = map(self._part, pieces[::2])
        return "".join(pieces)

    def _part(self, part: str) -> str:
        gap = _PART_HEAD.search(part)
        if gap is None:
            return part
        head, value = part[: gap.end()], part[gap.end() :]
        name = _PART_NAME.search(head)
        if name and value and self._is_secret(name[1] or name[2] or ""):
            return head + self.value(value)
        return head + self._members(value)

    def _members(self, text: str) -> str:
        """Mask the values of JSON members where they stand, so that all other text stays as it was."""
        pieces, place = [], 0
        members = self._escaped_member if "\\u00" in text else self._member
        for match in members.finditer(text):
            start, quote = match.end(), match[1] + '"'
            if start < place:
                continue
            end = _end_of_value(text, start, quote)
            pieces += [text[place:start], quote, self.value(text[start:end]), quote]
            place = end
        return "".join([*pieces, text[place:]])

    def _by_patterns(self, text: str) -> str:
        for pattern in self._patterns:
            text = pattern.sub(self._masked_match, text)
        return text

    def _masked_match(self, match: re.Match[str]) -> str:
        return self.value(match[0]) if match[0] else ""


def _maybe_escaped(char: str) -> str:
    codes = "|".join(f"{ord(case):04x}" for case in {char.lower(), char.upper()} if len(case) == 1)
    return rf"(?:{re.escape(char)}|\\+u(?:{codes}))"


def _end_of_value(text: str, start: int, quote: str) -> int:
    """Where a JSON value ends; the text's end where it can't be read, so that all that follows is masked."""
    if quote == '"':
        try:
            return _json_value(text, start)[1]
        except (ValueError, RecursionError):
            return len(text)
    if text.startswith(quote, start):
        closing = re.compile(rf"(?<!\\){re.escape(quote)}").search(text, start + len(quote))
        return closing.end() if closing else len(text)
    literal = _LITERAL.match(text, start)
    return literal.end() if literal and literal[0] else len(text)


def without_encoding(headers: Headers) -> Headers:
    """The headers that describe a body once it is decoded."""
    return tuple(header for header in headers if header[0].lower() != "content-encoding")


_FREQUENT: Final = b"etaoinshrdlcumwfgypbvkjxqz"  # English letters, the most frequent first


def _by_rarest_byte(names: list[bytes]) -> list[tuple[bytes, list[bytes]]]:
    """The names under the byte of theirs that is least likely to stand in a body."""
    found: dict[bytes, list[bytes]] = {}
    for name in names:
        rarest = max(range(len(name)), key=lambda at: _FREQUENT.find(name[at]) % 64)  # not a letter: rarer than any
        found.setdefault(name[rarest : rarest + 1], []).append(name)
    return list(found.items())


def _shortest(names: list[bytes]) -> list[bytes]:
    """The names without those that hold another: a body without "token" has no "access_token"."""
    return [name for name in names if not any(other != name and other in name for other in names)]
