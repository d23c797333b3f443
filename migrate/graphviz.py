"""The tree in Graphviz' language. Pure.

Arrows go the way that the data goes; a dashed one is a further source, or the way back in a loop.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from understudy.migrate import palette
from understudy.migrate.describe import Line, State, lines, printable
from understudy.migrate.topology import Tree

LONGEST = 60  # columns of a sentence in a box
HEAD = (
    "digraph replication {",
    "  rankdir=LR;",
    '  node [shape=box, style=rounded, penwidth=2, fontname="sans-serif"];',
)


def dot(tree: Tree, *, notes: dict[str, str] | None = None) -> str:
    """The tree for Graphviz, a box a server; `notes` are put in boxes, by address."""
    every = lines(tree, notes)
    drawn = [
        *HEAD,
        *(f"  {_box(line)};" for line in every),
        *(f"  {arrow};" for line in every for arrow in _arrows(line)),
    ]
    return "\n".join([*drawn, "}"]) + "\n"


def _box(line: Line) -> str:
    style = ', style="rounded,dashed"' if line.state in (State.UNSEEN, State.PLANNED) else ""
    label = "".join(f"{_quoted(said)}\\l" for said in _said(line))  # \l: the line ends, and stands at the left
    return f'"{_quoted(line.address)}" [label="{label}", color="{palette.STATES[line.state].light}"{style}]'


def _said(line: Line) -> Iterator[str]:
    yield line.address
    yield f"{line.state}: {', '.join(line.facts)}"
    for said in (*(f"also known as {name}" for name in line.known_as), *line.trouble, line.note):
        yield from textwrap.wrap(said, LONGEST)


def _arrows(line: Line) -> Iterator[str]:
    for source, style in ((line.source, ""), *((other, " [style=dashed]") for other in line.also)):
        if source:
            yield f'"{_quoted(source)}" -> "{_quoted(line.address)}"{style}'


def _quoted(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace('"', '\\"')
