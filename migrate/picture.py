"""The tree as a picture: SVG for a page or a report, dot for Graphviz. Pure.

Both say what the terminal's drawing says; a state has a word and a stroke of its own beside its colour.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from understudy.migrate.describe import Line, State, lines
from understudy.migrate.topology import Tree

COLOURS = {State.GOOD: "#2e7d32", State.WARNING: "#b26a00", State.BROKEN: "#c62828", State.UNSEEN: "#616161"}
DASHES = {State.GOOD: "", State.WARNING: "6 2", State.BROKEN: "2 2", State.UNSEEN: "1 4"}
ROW, INDENT, MARGIN, LETTER = 56, 36, 16, 7.4  # pixels; LETTER is how wide a letter of the monospaced text is at most


def dot(tree: Tree) -> str:
    """The tree for Graphviz; arrows go the way that the data goes."""
    drawn = ["digraph replication {", "  rankdir=LR;", '  node [shape=box, fontname="monospace"];']
    for line in lines(tree):
        label = "\\n".join(_dot_text(said) for said in _said(line))
        drawn.append(f'  "{_dot_text(line.address)}" [label="{label}", color="{COLOURS[line.state]}"];')
    for line in lines(tree):
        if line.source:
            drawn.append(f'  "{_dot_text(line.source)}" -> "{_dot_text(line.address)}";')
        further = [_dot_text(source) for source in tree.also.get(line.address, ())]
        drawn += [f'  "{source}" -> "{_dot_text(line.address)}" [style=dashed];' for source in further]
    return "\n".join([*drawn, "}"])


def svg(tree: Tree) -> str:
    """The tree as an SVG document, one box a server, indented by level."""
    every = lines(tree)
    widths = [max(len(said) for said in _said(line)) * LETTER + 24 for line in every]
    right = max((MARGIN + line.level * INDENT + wide for line, wide in zip(every, widths, strict=True)), default=0)
    width, height = round(right + MARGIN), MARGIN * 2 + ROW * len(every)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        ' role="img" font-family="monospace" font-size="12">',
        f"<title>Replication tree of {len(every)} server{'s' * (len(every) != 1)}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    tops = {line.address: MARGIN + ROW * index for index, line in enumerate(every)}
    for line, wide in zip(every, widths, strict=True):
        drawn += [*_arm(line, tops), *_box(line, tops[line.address], wide)]
    return "\n".join([*drawn, "</svg>"])


def _arm(line: Line, tops: dict[str, int]) -> list[str]:
    if not line.source:
        return []
    x, y = MARGIN + line.level * INDENT, tops[line.address] + 22
    return [f'<path d="M {x - 20} {tops[line.source] + 44} V {y} H {x}" fill="none" stroke="#616161"/>']


def _box(line: Line, top: int, wide: float) -> list[str]:
    x, colour = MARGIN + line.level * INDENT, COLOURS[line.state]
    name, *said = _said(line)
    dashes = f' stroke-dasharray="{DASHES[line.state]}"' if DASHES[line.state] else ""
    told = "; ".join([name, *said, *line.trouble])
    return [
        f"<g><title>{_xml(told)}</title>",
        f'<rect x="{x}" y="{top}" width="{wide:.0f}" height="44" rx="4" fill="#fafafa" stroke="{colour}"{dashes}/>',
        f'<text x="{x + 12}" y="{top + 18}" font-weight="bold" fill="#111111">{_xml(name)}</text>',
        f'<text x="{x + 12}" y="{top + 35}" fill="{colour}">{_xml(" ".join(said))}</text></g>',
    ]


def _said(line: Line) -> list[str]:
    """The name; then all that is short, joined; trouble is told by its state, and whole in the title."""
    lag = f"lag {line.lag}" if line.lag else ""
    state = "" if line.state is State.GOOD else str(line.state)
    parts = (line.version, str(line.role), lag, line.threads, line.writes, state, line.note)
    return [line.address, ", ".join(part for part in parts if part)]


def _xml(text: str) -> str:
    return escape("".join(char if char.isprintable() else "?" for char in text))


def _dot_text(text: str) -> str:
    plain = "".join(char if char.isprintable() else "?" for char in text)
    return plain.replace("\\", "\\\\").replace('"', '\\"')
