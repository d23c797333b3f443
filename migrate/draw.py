"""The tree for a terminal: one row a server, in columns where there is room, on two lines where there is not. Pure.

Nothing is told by colour alone. `ascii_only` keeps to what any terminal can show. Text that came from servers may hold
control characters, which a terminal would obey: they are replaced.
"""

from __future__ import annotations

import textwrap
from typing import Any

import msgspec
from msgspec import Struct

from understudy.migrate.describe import Line, describe, lines, printable
from understudy.migrate.oddities import Odd, Oddity
from understudy.migrate.topology import Tree

GAP = "  "
NARROWEST = 24
COLUMNS = ("version", "role", "lag", "threads", "writes", "note")


class Pen(Struct, frozen=True):
    """The strokes of which a tree is drawn."""

    branch: str = "├── "
    last: str = "└── "
    beside: str = "│   "
    space: str = "    "
    cross: str = "✗ "
    ellipsis: str = "…"


BOX = Pen()
ASCII = Pen("|-- ", "`-- ", "|   ", "    ", "! ", "...")


class _Row(Struct, frozen=True):
    line: Line
    stem: str  # the strokes before the name
    under: str  # the strokes before what is said beneath the name


def text(tree: Tree, *, width: int = 100, ascii_only: bool = False, notes: dict[str, str] | None = None) -> str:
    """The tree as lines of at most `width` columns; `notes` are put beside servers, by address."""
    pen = ASCII if ascii_only else BOX
    width = max(width, NARROWEST)
    rows = _rows(tree.ordered(), pen, notes or {})
    drawn = _wide(rows, width, pen) or _narrow(rows, width, pen)
    drawn += _oddities(tree.oddities, width, pen)
    return "\n".join(_plain(line, ascii_only).rstrip() for line in drawn)


def before_and_after(before: Tree, after: Tree, *, width: int = 100, ascii_only: bool = False) -> str:
    """Both trees, one beneath the other, with what changes said in the second."""
    notes = changes(before, after)
    return "\n".join(
        [
            "Now:",
            text(before, width=width, ascii_only=ascii_only),
            "",
            "Then:",
            text(after, width=width, ascii_only=ascii_only, notes=notes),
        ]
    )


def changes(before: Tree, after: Tree) -> dict[str, str]:
    """What becomes of the servers that don't stay as they are, by address."""
    said = {}
    for server in after:
        name = server.address
        if name not in before.servers or (not before.source(name) and after.source(name)):
            said[name] = "new"
        elif before.source(name) != after.source(name):
            said[name] = f"moved from {before.source(name)}"
    return said


def structure(tree: Tree) -> dict[str, Any]:
    """The trees, nested as they are, and what is odd about them, fit for JSON."""
    tree = tree.ordered()

    def branch(name: str) -> dict[str, Any]:
        said = msgspec.to_builtins(describe(tree, name))
        return {
            **said,
            "server": msgspec.to_builtins(tree.servers[name]),
            "replicas": [branch(child) for child in tree.shape.children(name)],
        }

    oddities = [msgspec.to_builtins(odd) | {"stops_planning": odd.stops_planning} for odd in tree.oddities]
    return {"trees": [branch(root) for root in tree.shape.roots], "oddities": oddities}


def _rows(tree: Tree, pen: Pen, notes: dict[str, str]) -> list[_Row]:
    rows = []
    for line in lines(tree, notes):
        path = [line.address, *tree.shape.above(line.address)][::-1]
        strokes = [_is_last(tree, name) for name in path[1:]]
        passing = "".join(pen.space if last else pen.beside for last in strokes)
        before = "".join(pen.space if last else pen.beside for last in strokes[:-1])
        stem = before + (pen.last if strokes[-1] else pen.branch) if strokes else ""
        beneath = pen.beside if tree.shape.children(line.address) else pen.space
        rows.append(_Row(line, stem, passing + beneath))
    return rows


def _is_last(tree: Tree, name: str) -> bool:
    return tree.shape.children(tree.source(name))[-1] == name


def _cells(line: Line) -> list[str]:
    return [line.about, *(getattr(line, column) for column in COLUMNS[1:])]


def _wide(rows: list[_Row], width: int, pen: Pen) -> list[str]:
    """In columns, under their names; empty where they don't fit."""
    table = [["server", *COLUMNS], *([row.stem + row.line.address, *_cells(row.line)] for row in rows)]
    widths = [max(len(cells[column]) for cells in table) for column in range(len(table[0]))]
    shown = [column for column in range(len(widths)) if any(cells[column] for cells in table[1:])]
    if sum(widths[column] + len(GAP) for column in shown) - len(GAP) > width:
        return []
    head, *body = [GAP.join(cells[column].ljust(widths[column]) for column in shown) for cells in table]
    drawn = [head]
    for row, said in zip(rows, body, strict=True):
        drawn += [said, *_trouble(row, width, pen)]
    return drawn


def _narrow(rows: list[_Row], width: int, pen: Pen) -> list[str]:
    """The name on a line of its own, what is said about it wrapped beneath."""
    drawn = []
    for row in rows:
        drawn.append(_cut(row.stem + row.line.address, width, pen))
        said = ", ".join([*row.line.facts, *filter(None, [row.line.note])])
        drawn += _wrapped(said, row.under, "", width, pen) + _trouble(row, width, pen)
    return drawn


def _trouble(row: _Row, width: int, pen: Pen) -> list[str]:
    known_as = [f"also known as {', '.join(row.line.known_as)}"] if row.line.known_as else []
    drawn = [line for said in known_as for line in _wrapped(said, row.under, "", width, pen)]
    return drawn + [line for said in row.line.trouble for line in _wrapped(said, row.under, pen.cross, width, pen)]


def _oddities(oddities: tuple[Oddity, ...], width: int, pen: Pen) -> list[str]:
    drawn: list[str] = []
    for oddity in oddities:
        if oddity.kind is not Odd.UNREACHABLE:  # that is said at the server
            drawn += ["", *_wrapped(oddity.message, "", pen.cross, width, pen)]
            drawn += _wrapped(f"hint: {oddity.hint}", "  ", "", width, pen) if oddity.hint else []
    return drawn


def _wrapped(said: str, before: str, mark: str, width: int, pen: Pen) -> list[str]:
    room = max(width - len(before) - len(mark), NARROWEST // 2)
    found = textwrap.wrap(said, room, break_on_hyphens=False) or [""]
    return [
        _cut(before + (mark if first else " " * len(mark)) + line, width, pen)
        for first, line in ((index == 0, line) for index, line in enumerate(found))
    ]


def _cut(line: str, width: int, pen: Pen) -> str:
    return line if len(line) <= width else line[: width - len(pen.ellipsis)] + pen.ellipsis


def _plain(line: str, ascii_only: bool) -> str:
    line = printable(line)
    return line.encode("ascii", "replace").decode() if ascii_only else line
