"""Paths that an operator leaves out of the comparison: `$.meta.took_ms`, `$.users[*].seen_at`, `$..nonce`. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

ANY: Final = object()  # [*] or .*
DEEP: Final = object()  # ..  at any depth

_STEP = re.compile(r'\.\.|\.?\[(?:(\*)|(\d+)|("(?:[^"\\]|\\.)*")|\'([^\']*)\')\]|\.?(\*)|\.?([^.\[\]]+)')

_Step = object


def steps(path: str) -> list[_Step]:
    """A path's steps: member names, list indices, ANY and DEEP. The leading `$` is not one of them."""
    found: list[_Step] = []
    for match in _STEP.finditer(path.removeprefix("$")):
        star, index, quoted, single, any_member, name = match.groups()
        if match[0] == "..":
            found.append(DEEP)
        elif star or any_member:
            found.append(ANY)
        elif index:
            found.append(int(index))
        else:
            found.append(json.loads(quoted) if quoted else single if single is not None else name)
    return found


class IgnoredPaths:
    """A set of paths whose values, with all that is in them, are not compared.

    JSON paths take values out before the comparison, so that rows which differ in nothing else are equal rows. Any
    other path (`html/body/footer`, `header.etag`) takes out the differences found at or below it, whatever position
    in brackets they carry.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        paths = list(paths)
        self._json = [steps(path) for path in paths if path.startswith("$")]
        patterns = [_pattern(path) for path in paths if not path.startswith("$")]
        self._other = re.compile("|".join(patterns)) if patterns else None
        self._covers = lru_cache(maxsize=16_384)(self._matches)

    def __bool__(self) -> bool:
        return bool(self._json or self._other)

    def covers(self, path: str) -> bool:
        """Whether a difference at a path that is not JSON's is left out."""
        return self._other is not None and self._covers(path)

    def _matches(self, path: str) -> bool:
        return self._other is not None and self._other.match(path) is not None

    def pruned(self, value: Any) -> Any:
        """A lifted JSON value without what is ignored; it is changed in place."""
        for path in self._json:
            if path:
                _prune(value, path)
        return value


def _pattern(path: str) -> str:
    """A path as a regular expression: positions match any, `*` matches one step, and what is below counts too."""
    parts = re.split(r"(\[\*\]|\[\d+\]|\*)", path.rstrip("/"))
    text = ""
    for part in parts:
        if part == "[*]":
            text += r"(\[\d+\])?"
        elif part == "*":
            text += r"[^/]*"
        elif part.startswith("[") and part[1:-1].isdigit():
            text += re.escape(part)
        else:
            text += "/".join(f"{re.escape(step)}" for step in part.split("/"))
    text = text.replace("/", r"(\[\d+\])?/")
    return rf"{text}(\[\d+\])?(/.*|\..*)?$"


def _prune(root: Any, path: list[_Step]) -> None:
    """Take out every value that `path` leads to; a stack instead of recursion, for documents are deep as they like."""
    stack: list[tuple[Any, int]] = [(root, 0)]
    while stack:
        value, at = stack.pop()
        if type(value) is not dict and type(value) is not list:
            continue
        step = path[at]
        if step is DEEP:
            if at + 1 < len(path):
                stack.append((value, at + 1))
                stack.extend((child, at) for child in _children(value))
            continue
        last = at + 1 == len(path)
        if step is ANY:
            if last:
                value.clear()
            else:
                stack.extend((child, at + 1) for child in _children(value))
        elif isinstance(value, dict):
            _step_into(value, str(step), last, stack, at)
        elif isinstance(step, int) and step < len(value):
            if last:
                value[step] = None
            else:
                stack.append((value[step], at + 1))


def _step_into(value: dict[str, Any], key: str, last: bool, stack: list[tuple[Any, int]], at: int) -> None:
    if key not in value:
        return
    if last:
        del value[key]
    else:
        stack.append((value[key], at + 1))


def _children(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else list(value)
