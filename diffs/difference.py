"""What a difference is: where, of which kind, and what stood there on either side. Pure."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, Final, Literal

from msgspec import Struct

from understudy.diffs.endpoint import fold_segment

Kind = Literal[
    "status",  # another status code
    "header",  # a header's values
    "type",  # another type of value, element or body
    "value",  # a value that both have
    "missing",  # only the old stack has it
    "extra",  # only the new stack has it
    "order",  # the same members in another order
    "number_text",  # the same number, written otherwise
    "text",  # text that has no structure to walk
    "binary",  # bytes
    "digest",  # bodies too long to be recorded
    "failure",  # one of the stacks gave no answer, or not the same failure
    "more",  # there were more differences than are listed
]

EXCERPT_CHARS: Final = 160


class Difference(Struct, frozen=True, gc=False):
    """One place in which two answers differ.

    `path` is concrete: `$.users[3].score`, `html/body/ul/li[2]/text()`, `header.location`, `status`. `old` and `new`
    are the values themselves (see `lift`), for `order` the two whole lists.
    """

    path: str
    kind: Kind
    old: Any
    new: Any


_NAME = re.compile(r"[A-Za-z_$][\w$-]*", re.ASCII)


@lru_cache(maxsize=16_384)
def member(key: str) -> str:
    """A step to an object's member, as it stands in a path: `.name`, or `["odd name"]`."""
    return f".{key}" if _NAME.fullmatch(key) else f"[{json.dumps(key)}]"


_STEP = re.compile(r'\[\d+\]|\["(?:[^"\\]|\\.)*"\]|\.[A-Za-z_$][\w$-]{7,}', re.ASCII)
_LABEL = re.compile(r"(?<=[#.])[^/\[]*")


@lru_cache(maxsize=65_536)
def general(path: str) -> str:
    """The place that a path stands for in any document: `$.users[*].score`.

    Members named by an id, a date or a hash become `[{id}]` and the like; an element's position and the digits in
    its label are dropped, so that all rows of a table are one place.
    """
    if path.startswith("$"):
        return _STEP.sub(_general_step, path)
    if "/" in path:
        path = re.sub(r"\[\d+\]", "", path)
        return _LABEL.sub(lambda label: re.sub(r"\d+", "*", label[0]), path)
    return path


def _general_step(step: re.Match[str]) -> str:
    text = step[0]
    if text[0] == "." or text[1] == '"':
        key = text[1:] if text[0] == "." else json.loads(text[1:-1])
        folded = fold_segment(key)
        return text if folded == key else f"[{folded}]"
    return "[*]"


def excerpt(value: object, limit: int = EXCERPT_CHARS) -> str:
    """A value as a person reads it, on one line and at most `limit` characters; safe for any terminal and codec."""
    return _one_line(value if isinstance(value, str) else shown(value, limit), limit)


def shown(value: object, limit: int = EXCERPT_CHARS) -> str:
    """A lifted value in JSON's notation (an element in HTML's), cut at about `limit` characters."""
    parts: list[str] = []
    room = limit + 1
    stack: list[object] = [value]
    while stack and room > 0:
        piece = stack.pop()
        text, more = (str(piece), []) if isinstance(piece, _Raw) else _notation(piece)
        stack.extend(reversed(more))
        parts.append(text)
        room -= len(text)
    return "".join(parts)


class _Raw(str):
    """Text that is already notation."""

    __slots__ = ()


def _notation(value: object) -> tuple[str, list[object]]:
    """The beginning of a value's notation, and what comes after it: values and raw text."""
    if isinstance(value, bytes):
        return value[:4096].decode("ascii", "backslashreplace"), []
    if isinstance(value, dict):
        steps: list[object] = []
        for index, (key, item) in enumerate(value.items()):
            steps += [_Raw(f"{', ' if index else ''}{json.dumps(str(key), ensure_ascii=False)}: "), item]
            if index > EXCERPT_CHARS:
                break
        return "{", [*steps, _Raw("}")]
    if isinstance(value, list):
        items: list[object] = []
        for index, item in enumerate(value[: EXCERPT_CHARS + 1]):
            items += [_Raw(", "), item] if index else [item]
        return "[", [*items, _Raw("]")]
    if isinstance(value, tuple):
        tag, attributes, children = value
        inner = "".join(f' {name}="{text}"' for name, text in attributes.items())
        body = [_Raw(c) if isinstance(c, str) else c for c in children[:EXCERPT_CHARS]]
        return f"<{tag}{inner}>", [*body, _Raw(f"</{tag}>")]
    if isinstance(value, str):
        return json.dumps(value[:4096], ensure_ascii=False), []
    return json.dumps(value, default=str), []


# C0 and C1 controls, and the marks that turn the writing direction: what an answer says must not drive a terminal
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def _one_line(text: str, limit: int) -> str:
    cut = printable(text[: limit + 1])
    return cut if len(cut) <= limit else cut[: limit - 1] + "…"


def printable(text: str) -> str:
    """Text without what would drive a terminal or break a codec: controls and lone surrogates are spelled out."""
    if not text.isprintable():
        text = _UNPRINTABLE.sub(lambda c: "⏎" if c[0] == "\n" else f"\\x{ord(c[0]):02x}", text)
        text = text.encode("utf-8", "backslashreplace").decode()
    return text


def legible(body: bytes) -> str:
    """A body as text, whatever it is: bytes that are no UTF-8 stay visible, as \\xNN."""
    return body.decode("utf-8", "backslashreplace")
