"""Which endpoint a request belongs to: GET /users/12 -> GET /users/{id}. Pure but for a bounded memory.

What varies from request to request is folded into a name in braces; what the application routes by is kept. An
operator overrides the folding with `compare.endpoints`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl, unquote

from understudy.config import EndpointRule

MAX_ENDPOINTS: Final = 2_000
OTHER: Final = "(other)"
_MAX_REMEMBERED: Final = 50_000
_MAX_SEGMENT: Final = 64
_MAX_SEGMENTS: Final = 24

_FOLDS: Final = (
    (re.compile(r"\d+"), "{id}"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE), "{uuid}"),
    (re.compile(r"(19|20)\d\d-[01]?\d-[0-3]?\d([T_ ].*)?"), "{date}"),
    (re.compile(r"(?=.*\d)(?=.*[a-f])([0-9a-f]{10}|[0-9a-f]{12,})", re.IGNORECASE), "{hash}"),
    (re.compile(r"[0-9A-HJKMNP-TV-Z]{26}"), "{ulid}"),
    (re.compile(r"-?\d+(\.\d+)?(,-?\d+(\.\d+)?)*"), "{number}"),
    # long, with digits and both cases, and no words in it: a token
    (re.compile(r"(?=.*\d)(?=.*[a-z])(?=.*[A-Z])[\w=+~.-]{20,}", re.ASCII), "{token}"),
)
_YEAR = re.compile(r"(19|20)\d\d")
_MONTH = re.compile(r"0[1-9]|1[0-2]")
_DAY = re.compile(r"0[1-9]|[12]\d|3[01]")

# Query parameters by which front controllers route. By value: the value is part of the route. By name: its presence is.
# fmt: off
ROUTE_BY_VALUE: Final = frozenset((
    "rest_route", "route", "r", "controller", "action", "option", "view", "task", "module", "mod", "do", "feed",
    "post_type", "taxonomy", "page",
))
ROUTE_BY_NAME: Final = frozenset((
    "p", "page_id", "cat", "tag", "author", "s", "m", "attachment_id", "preview", "paged",
))
# fmt: on


def fold_segment(segment: str) -> str:
    """A path segment, or a name in braces for what it is one of many of: {id}, {uuid}, {date}, {hash}, {token}."""
    if segment.isdigit() and segment.isascii():  # by far the commonest
        return "{id}"
    if len(segment) > _MAX_SEGMENT:
        return "{long}"
    for pattern, name in _FOLDS:
        if pattern.fullmatch(segment):
            return name
    return segment


def fold_path(path: str) -> str:
    """A path with what varies folded; a permalink's date, and the slug after it, are recognised by their place."""
    segments = path.split("/")
    if len(segments) > _MAX_SEGMENTS:
        segments = [*segments[:_MAX_SEGMENTS], "…"]
    folded: list[str] = []
    place = 0
    while place < len(segments):
        dated = _date_at(segments, place)
        if dated:
            folded += dated
            place += len(dated)
            if len(dated) == 3 and place < len(segments) and segments[place]:
                folded.append("{slug}")
                place += 1
            continue
        folded.append(fold_segment(_readable(segments[place])))
        place += 1
    return "/".join(folded)


def _date_at(segments: list[str], place: int) -> list[str]:
    """{year}/{month} or {year}/{month}/{day} where such stands at `place`."""
    if not _YEAR.fullmatch(segments[place]) or place + 1 >= len(segments) or not _MONTH.fullmatch(segments[place + 1]):
        return []
    if place + 2 < len(segments) and _DAY.fullmatch(segments[place + 2]):
        return ["{year}", "{month}", "{day}"]
    return ["{year}", "{month}"]


def _readable(segment: str) -> str:
    """A segment with its percent-encoding undone where what comes out is plain to read, and cut to one line."""
    if "%" in segment:
        plain = unquote(segment)
        segment = plain if plain.isprintable() and "/" not in plain and "\ufffd" not in plain else segment
    return segment if segment.isprintable() else "{binary}"


def fold_target(target: str) -> str:
    """A request target as an endpoint: the folded path, and of the query only what the application routes by."""
    if "://" in target[:8]:  # absolute-form, RFC 9112 §3.2.2
        target = "/" + target.split("://", 1)[1].partition("/")[2]
    path, _, query = target.partition("?")
    path, _, _ = path.partition("#")
    folded = fold_path(path)
    if query and (path.endswith((".php", "/")) and ("=" in query)) and (route := _route(path, query)):
        return f"{folded}?{route}"
    return folded


def _route(path: str, query: str) -> str:
    if not (path == "/" or path.endswith(".php") or "rest_route" in query):
        return ""
    kept = []
    try:
        fields = parse_qsl(query, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        return ""
    for name, value in fields:
        if name in ROUTE_BY_VALUE:
            kept.append(f"{name}={fold_path(value)}")
        elif name in ROUTE_BY_NAME:
            kept.append(f"{name}={{{'id' if value.isdigit() else 'text'}}}")
    return "&".join(dict.fromkeys(kept))


class Endpoints:
    """Names endpoints, and bounds how many there are: beyond `limit` the newcomers are `(other)`.

    `known` are the names that are in use already, for a judge that goes on where another ended.
    """

    def __init__(
        self, rules: Iterable[EndpointRule] = (), known: Iterable[str] = (), limit: int = MAX_ENDPOINTS
    ) -> None:
        self._rules = [(re.compile(rule.pattern), rule.name) for rule in rules]
        self.names = set(known)
        self._limit = limit
        self._remembered: dict[tuple[str, str], str] = {}

    def of(self, method: str, target: str) -> str:
        """The endpoint of a request: its method and folded target."""
        key = (method, target)
        name = self._remembered.get(key)
        if name is None:
            name = self._bounded(f"{method[:20]} {self._named(target)}")
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = name
        return name

    def _named(self, target: str) -> str:
        path = target.partition("?")[0]
        for pattern, name in self._rules:
            if pattern.fullmatch(path):
                return name
        return fold_target(target)

    def _bounded(self, name: str) -> str:
        if name not in self.names:
            if len(self.names) >= self._limit:
                return OTHER
            self.names.add(name)
        return name
