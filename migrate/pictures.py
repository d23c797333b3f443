"""The tree as a picture: SVG for a page or a ticket, dot for Graphviz. Pure, and without any library.

The SVG stands alone: system fonts, its own colours for light and dark, no script, nothing to load. A card is one
server; it says what the terminal's drawing says. The state is told by the card's edge and in words.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from html import escape

from msgspec import Struct

from understudy.migrate.describe import Line, State, lines
from understudy.migrate.topology import Tree

CARD_W, LINE_H, PAD = 236, 17, 12
GAP_X, GAP_Y, MARGIN = 56, 16, 24
TEXT_CHARS = 34  # of the small font within a card

# Plain colours first, for viewers that know neither variables nor media queries.
STYLE = """
svg { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
.paper { fill: #f6f6f4; } .card { fill: #ffffff; stroke: #c3c8cc; }
.planned .card, .unseen .card { stroke-dasharray: 5 4; }
.name { fill: #1d1f21; font-size: 13px; font-weight: 600; }
.said { fill: #575c61; } .trouble { fill: #b42323; } .note { fill: #2f5bd0; font-weight: 600; }
.link { fill: none; stroke: #a3a9af; stroke-width: 1.5; }
.good .edge { fill: #2f8f5b; } .warning .edge { fill: #d08a00; } .broken .edge { fill: #c53030; }
.unseen .edge { fill: #8a9096; } .planned .edge { fill: #3867d6; }
@media (prefers-color-scheme: dark) {
  .paper { fill: #17191b; } .card { fill: #222528; stroke: #474d53; } .link { stroke: #5b6268; }
  .name { fill: #e8eaec; } .said { fill: #a8afb5; } .trouble { fill: #f28b8b; } .note { fill: #8fb0ff; }
}
""".strip()


class _Card(Struct, frozen=True):
    line: Line
    rows: tuple[tuple[str, str], ...]  # (class, text)
    x: float
    y: float

    @property
    def height(self) -> float:
        return _height(self.rows)

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def svg(tree: Tree, *, title: str = "Replication tree", notes: dict[str, str] | None = None) -> str:
    """The tree from left to right, a card a server; `notes` are put on cards, by address."""
    cards = _placed(tree, notes or {})
    width = max((card.x + CARD_W for card in cards.values()), default=0) + MARGIN
    height = max((card.y + card.height for card in cards.values()), default=0) + MARGIN
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" aria-label="{_text(title)}">',
        f"<title>{_text(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{width:g}" height="{height:g}"/>',
        *_links(tree, cards),
        *(part for card in cards.values() for part in _card(card)),
        "</svg>",
    ]
    return "\n".join(drawn) + "\n"


def dot(tree: Tree, *, notes: dict[str, str] | None = None) -> str:
    """The tree in Graphviz' language."""
    drawn = ["digraph replication {", "  rankdir=LR;", '  node [shape=box, style=rounded, fontname="sans-serif"];']
    for line in lines(tree, notes):
        said = [line.address, *(text for kind, text in _rows(line) if kind != "name")]
        style = ', style="rounded,dashed"' if line.state in (State.UNSEEN, State.PLANNED) else ""
        label = "\\n".join(_quoted(text) for text in said)
        drawn.append(f'  "{_quoted(line.address)}" [label="{label}", color="{_COLOURS[line.state]}"{style}];')
    for name, source in tree.shape.sources.items():
        above = [(source, "")] if source else []
        above += [(other, " [style=dashed]") for other in tree.also.get(name, ())]
        drawn += [f'  "{_quoted(other)}" -> "{_quoted(name)}"{style};' for other, style in above]
    return "\n".join([*drawn, "}"]) + "\n"


_COLOURS = {
    State.GOOD: "#2f8f5b",
    State.WARNING: "#b97900",
    State.BROKEN: "#c53030",
    State.UNSEEN: "#8a9096",
    State.PLANNED: "#3867d6",
}


def _rows(line: Line) -> tuple[tuple[str, str], ...]:
    """What a card says, row by row, with the class of each."""
    rows = [("name", _cut(line.address, 28))]
    about = {State.UNSEEN: "not seen", State.PLANNED: "not built yet"}.get(line.state, line.version)
    rows.append(("said", " · ".join(text for text in (about, line.role) if text)))
    if line.threads:
        rows.append(("said", f"{line.threads} · lag {line.lag}"))
    if line.writes:
        rows.append(("said", line.writes))
    rows += [("said", _cut(f"also {name}", TEXT_CHARS)) for name in line.known_as]
    for trouble in line.trouble:
        wrapped = textwrap.wrap(trouble, TEXT_CHARS, max_lines=4, placeholder=" …")
        rows += [("trouble", text) for text in wrapped]
    if line.note:
        rows += [("note", text) for text in textwrap.wrap(line.note, TEXT_CHARS)]
    return tuple(rows)


def _placed(tree: Tree, notes: dict[str, str]) -> dict[str, _Card]:
    """Leaves one beneath the other, each source at the middle of its replicas, never above what is drawn already."""
    said = {line.address: line for line in lines(tree, notes)}
    cards: dict[str, _Card] = {}
    floor: dict[int, float] = {}  # the lowest point so far on each level

    def place(name: str, level: int, top: float) -> float:
        """Put a server and all beneath it no higher than `top`; answers where they end."""
        rows = _rows(said[name])
        start, ends = max(top, floor.get(level, MARGIN)), []
        below = start
        for child in tree.shape.children(name):
            below = place(child, level + 1, below)
            ends.append(cards[child].middle)
        y = max(start, (ends[0] + ends[-1]) / 2 - _height(rows) / 2 if ends else start)
        cards[name] = _Card(said[name], rows, MARGIN + level * (CARD_W + GAP_X), y)
        floor[level] = y + _height(rows) + GAP_Y
        return max(below, floor[level])

    top = float(MARGIN)
    for root in tree.shape.roots:
        top = place(root, 0, top)
    return cards


def _height(rows: tuple[tuple[str, str], ...]) -> float:
    return len(rows) * LINE_H + 2 * PAD - 4


def _links(tree: Tree, cards: dict[str, _Card]) -> Iterator[str]:
    for name, card in cards.items():
        if source := tree.source(name):
            start, end = cards[source].x + CARD_W, card.x
            middle = (start + end) / 2
            yield (
                f'<path class="link" d="M{start:g} {cards[source].middle:g} C{middle:g} {cards[source].middle:g} '
                f'{middle:g} {card.middle:g} {end:g} {card.middle:g}"/>'
            )


def _card(card: _Card) -> Iterator[str]:
    yield f'<g class="{card.line.state}" transform="translate({card.x:g} {card.y:g})">'
    yield f"<title>{_text(f'{card.line.address}: {card.line.state}')}</title>"
    yield f'<rect class="card" width="{CARD_W}" height="{card.height:g}" rx="6"/>'
    yield f'<rect class="edge" width="5" height="{card.height:g}" rx="2.5"/>'
    for number, (kind, text) in enumerate(card.rows):
        yield f'<text class="{kind}" x="{PAD + 6}" y="{PAD + 10 + number * LINE_H}">{_text(text)}</text>'
    yield "</g>"


def _cut(text: str, most: int) -> str:
    """The text, shortened in its middle: host names differ at their beginning, and ports are at their end."""
    return text if len(text) <= most else f"{text[: most - 11]}…{text[-10:]}"


def _text(text: str) -> str:
    return escape("".join(char if char.isprintable() else "?" for char in text))


def _quoted(text: str) -> str:
    plain = "".join(char if char.isprintable() else "?" for char in text)
    return plain.replace("\\", "\\\\").replace('"', '\\"')
