"""A lifted body as lines that can be set side by side. Pure."""

from __future__ import annotations

import json
from typing import Any

from understudy.diffs.difference import shown
from understudy.diffs.lift import Lifted

INLINE = 100  # characters up to which a value without structure of its own stays on one line


def lines_of(lifted: Lifted) -> list[str]:
    """A body's lines: JSON and markup indented, text as it is, binary as a hex dump of its beginning."""
    form, value = lifted
    if form in ("json", "form"):
        return _json_lines(value)
    if form in ("html", "xml"):
        return _markup_lines(value)
    if form == "text":
        return str(value).splitlines()
    if form == "binary":
        return [f"{len(value)} bytes", *(value[i : i + 32].hex(" ") for i in range(0, min(len(value), 1_024), 32))]
    return []


def _json_lines(root: Any) -> list[str]:
    """JSON, indented, numbers as they were written; iterative, for documents are deep as they like."""
    lines: list[str] = []
    stack: list[tuple[int, str, Any, str]] = [(0, "", root, "")]  # depth, what stands before, value, what stands after
    while stack:
        depth, before, value, after = stack.pop()
        indent = "  " * depth
        if type(value) not in (dict, list) or not value or _is_small(value):
            text = shown(value, 1 << 20) if type(value) is not _Closing else value
            lines.append(f"{indent}{before}{text}{after}")
            continue
        opening, closing = "{}" if type(value) is dict else "[]"
        lines.append(f"{indent}{before}{opening}")
        stack.append((depth, "", _Closing(closing), after))
        below = (
            [(f"{json.dumps(key, ensure_ascii=False)}: ", item) for key, item in value.items()]
            if type(value) is dict
            else [("", item) for item in value]
        )
        last = len(below) - 1
        stack.extend((depth + 1, *below[place], "," if place < last else "") for place in range(last, -1, -1))
    return lines


class _Closing(str):
    """A bracket that closes what was opened."""

    __slots__ = ()


def _is_small(value: Any) -> bool:
    items = value.values() if type(value) is dict else value
    return len(value) <= 6 and all(type(v) not in (dict, list) for v in items) and len(shown(value, INLINE)) <= INLINE


def _markup_lines(root: Any) -> list[str]:
    lines: list[str] = []
    stack: list[tuple[int, Any]] = [(0, root)]
    while stack:
        depth, node = stack.pop()
        indent = "  " * min(depth, 40)
        if type(node) is not tuple:
            lines.append(f"{indent}{node}")
            continue
        tag, attributes, children = node
        opening = (
            f"<{tag}{''.join(f' {name}={json.dumps(text, ensure_ascii=False)}' for name, text in attributes.items())}>"
        )
        if all(type(child) is not tuple for child in children):
            lines.append(f"{indent}{opening}{' '.join(children)}</{tag}>")
            continue
        lines.append(f"{indent}{opening}")
        stack.append((depth, _Closing(f"</{tag}>")))
        stack.extend((depth + 1, child) for child in reversed(children))
    return lines
