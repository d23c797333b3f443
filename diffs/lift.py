"""From a body's bytes to a value that can be compared: pure, total, exact.

A value is one of

    JSON    None, True, False, str, list, dict, and numbers as `bytes`: the number's own text
    markup  elements (tag, attributes, children) with whitespace normalised text between them: see `markup`
    text    str
    form    a dict of field name -> list of values
    binary  bytes

Numbers are kept as they were written, since `24.50` against `24.5` is what a database's other DECIMAL looks like and
no float could tell. They are `bytes` because no other JSON value is: comparing them with a str or a bool is False in C,
where Python's own `True == 1` would hide that a TINYINT(1) changed its type. (`parse_float=str.encode` is also faster
than a class of our own: 9.4 us a kilobyte against 12.0.) Integers may be `int` in a pair that has no `true` or `false`
in it: msgspec, which can't be told otherwise, takes 5 to 8 us off the 70 that judging a pair of 1 KB takes, the search
for the two words paid for. Where they are in what has to be built at all (see `raw`), it is built the other way.

Nothing raises: what can't be lifted as declared is lifted as text, and what isn't text is binary.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from understudy.coding import decode
from understudy.diffs.markup import html_tree, xml_tree
from understudy.errors import CodingError

MAX_DECODED_BYTES: Final = 64 << 20  # a body as captured is at most a few MiB; one that unpacks further is left packed

Value = Any  # None | bool | str | bytes | list[Value] | dict[str, Value] | Element


class Lifted(NamedTuple):
    """A body as a value; `form` is empty, json, html, xml, text, form or binary."""

    form: str
    value: Value


EMPTY: Final = Lifted("empty", None)


def lift(body: bytes, content_type: str = "", content_encoding: str = "", strict: bool = False) -> Lifted:
    """The comparable value of a body under its Content-Type and Content-Encoding headers. Never raises.

    JSON is lifted as a client's parser would, the last of duplicate keys winning; with `strict`, an object that
    repeats a key is lifted as the list of its pairs, so that nothing in the text goes unseen (at twice the price).
    """
    if not body:
        return EMPTY
    if content_encoding:
        try:
            body = decode(body, content_encoding, MAX_DECODED_BYTES)
        except CodingError:
            return Lifted("binary", body)
        if not body:
            return EMPTY
    form, charset = _declared(content_type)
    if form == "json" and not strict:
        # The judge's commonest case, without the detours: decode() alone looks for white space around the document
        # with two regular expressions, 1 us of 10.
        try:
            text = body.decode(charset or "utf-8")
            value, end = _scan(text, 0)
            if end == len(text):
                return Lifted("json", value)
        except (ValueError, StopIteration, RecursionError):
            pass  # a byte order mark, white space or no JSON at all: see below
    if form == "binary":
        return Lifted("binary", body)
    content = _text(body, charset, form)
    if content is None:
        return Lifted("binary", body)
    return _of_text(content, form, strict)


def _of_text(text: str, form: str, strict: bool) -> Lifted:
    if form in ("html", "text", "") and text[:1] in ("{", "["):  # PHP says text/html unless told otherwise
        form = "json" if text.rstrip()[-1:] in ("}", "]") else form
    try:
        return Lifted(_NAMES.get(form, form), _LIFTERS[form](text, strict))
    except (ValueError, RecursionError):
        return Lifted("text", text)


class Body(Struct, frozen=True, gc=False):
    """A body as it was recorded, with the headers that say what it is."""

    data: bytes
    content_type: str
    content_encoding: str


def lift_body(body: Body, strict: bool = False) -> Lifted:
    """What `lift` makes of it."""
    return lift(body.data, body.content_type, body.content_encoding, strict)


def lift_both(old: Body, new: Body) -> tuple[Lifted, Lifted]:
    """The values of two bodies that are to be compared with each other: the fast way where both are plain JSON."""
    if is_plain_json(old) and is_plain_json(new):
        try:
            before, after = json_values(old.data, new.data)
            return Lifted("json", before), Lifted("json", after)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            pass  # whatever it is, the other way finds out
    return lift_body(old), lift_body(new)


def is_plain_json(body: Body) -> bool:
    """Whether it says that it is JSON in UTF-8, and is not packed."""
    return not body.content_encoding and _declared(body.content_type) in _PLAIN_JSON


def json_values(old: bytes, new: bytes) -> tuple[Value, Value]:
    """The values of two JSON texts in UTF-8, both lifted in one way. Raises ValueError, or what msgspec does."""
    if _has_words(old) or _has_words(new):
        return _plain.decode(old.decode()), _plain.decode(new.decode())
    return _fast(old), _fast(new)


def _has_words(data: bytes) -> bool:
    """Whether the two words may be in it that Python takes for numbers: msgspec must not read it then."""
    return b"true" in data or b"false" in data


def unpacked(body: Body) -> Body:
    """The body without its content coding; as it is where that can't be taken off."""
    if not body.content_encoding:
        return body
    try:
        return Body(decode(body.data, body.content_encoding, MAX_DECODED_BYTES), body.content_type, "")
    except CodingError:
        return body


@lru_cache(maxsize=4096)
def _declared(content_type: str) -> tuple[str, str]:
    """The form and the charset that a Content-Type names; the charset is empty where it is not said or not known."""
    kind, *parameters = content_type.split(";")
    kind = kind.strip().lower()
    charset = ""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = _codec(value.strip().strip("\"'"))
    return _form(kind), charset


def _form(kind: str) -> str:
    major, _, minor = kind.partition("/")
    if minor in ("json", "manifest+json") or minor.endswith("+json"):
        return "json"
    if minor in ("x-ndjson", "ndjson", "jsonl", "x-jsonlines", "json-seq"):
        return "ndjson"
    if minor in ("html", "xhtml+xml"):
        return "html"
    if minor == "xml" or minor.endswith("+xml"):
        return "xml"
    if kind == "application/x-www-form-urlencoded":
        return "form"
    if major == "text" or minor in ("javascript", "x-javascript", "sql", "graphql", "yaml", "x-yaml", "toml"):
        return "text"
    return "binary" if kind else ""


def _codec(name: str) -> str:
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):
        return ""
    # hex, zlib and their like are codecs in Python's registry and no charsets
    return codec.name if codec._is_text_encoding else ""


def _text(body: bytes, charset: str, form: str) -> str | None:
    """The body as text without its byte order mark; None where it is not in its charset (UTF-8 unless declared)."""
    try:
        text = body.decode(charset or "utf-8")
    except (UnicodeError, ValueError):
        if form != "html":
            return None
        # a page with one bad byte is still a page: the byte stays visible, as \xNN
        text = body.decode("utf-8", "backslashreplace")
    return text[1:] if text[:1] == "\ufeff" else text


def _not_json(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


def _visible_pairs(pairs: list[tuple[str, object]]) -> object:
    members = dict(pairs)
    return members if len(members) == len(pairs) else [[key, value] for key, value in pairs]


_plain = json.JSONDecoder(parse_float=str.encode, parse_int=str.encode, parse_constant=_not_json)
_fast = msgspec.json.Decoder(float_hook=str.encode).decode
_PLAIN_JSON: Final = {("json", ""), ("json", "utf-8")}
_scan: Callable[[str, int], tuple[Value, int]] = _plain.scan_once  # type: ignore[attr-defined]
_strict = json.JSONDecoder(
    parse_float=str.encode, parse_int=str.encode, parse_constant=_not_json, object_pairs_hook=_visible_pairs
)


def _json(text: str, strict: bool) -> Value:
    return (_strict if strict else _plain).decode(text)


def _ndjson(text: str, strict: bool) -> Value:
    decoder = _strict if strict else _plain
    return [decoder.decode(line) for part in text.split("\n") if (line := part.strip("\x1e\r "))]


def _form_fields(text: str, strict: bool) -> Value:
    fields: dict[str, list[str]] = {}
    for name, value in parse_qsl(text.strip(), keep_blank_values=True, strict_parsing=True):
        fields.setdefault(name, []).append(value)
    return fields


_NAMES: Final = {"": "text", "ndjson": "json"}
_LIFTERS: Final[dict[str, Callable[[str, bool], Value]]] = {
    "json": _json,
    "ndjson": _ndjson,
    "html": lambda text, strict: html_tree(text),
    "xml": lambda text, strict: xml_tree(text),
    "form": _form_fields,
    "text": lambda text, strict: text,
    "": lambda text, strict: text,
}
