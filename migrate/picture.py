"""The tree as an SVG document, for a page or a ticket. Pure, and without any library.

It stands alone: system fonts, its own colours for light and dark, no script, nothing to load. A card is one server; it
stands beneath its source and further in, as in a terminal, because the names of hosts are long and need the width. All
that the terminal's drawing says is on it. The state is a word at the right edge, where the words of all servers stand
one beneath the other.

Letters are monospaced, so that the room that words take is known without a browser. All cards end where the widest has
to; sentences are wrapped to that.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple
from unicodedata import east_asian_width

from msgspec import Struct

from understudy.migrate import palette
from understudy.migrate.describe import Line, State, lines, printable
from understudy.migrate.oddities import Odd, Oddity
from understudy.migrate.topology import Tree

MARGIN, INDENT, GAP, PAD = 24, 30, 8, 14  # pixels, as all that follow
STEP = 17  # from one row of words to the next
LANE = 16  # between two arrows that go around the cards
NARROWEST, WIDEST = 420, 900  # the room for words on a card
BIG, SMALL = 13, 12  # letters
LETTER = 0.617  # how wide a letter is, of its size; the widest of the fonts named, DejaVu Sans Mono, has 0.602
FONT = 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace'
STYLE = f"""
text {{ font: {SMALL}px {FONT}; white-space: pre; }} text.name {{ font-size: {BIG}px; }}
.name, .note, .state {{ font-weight: 700; }}
.link {{ fill: none; stroke-width: 1.5; }} .also, .faint {{ stroke-dasharray: 5 4; }}
""".strip()
SIZES = {"name": BIG}


class _Row(NamedTuple):
    kind: str  # the class of its words
    text: str


class _Card(Struct, frozen=True):
    line: Line
    rows: tuple[_Row, ...]
    x: float
    y: float

    @property
    def bottom(self) -> float:
        return self.y + len(self.rows) * STEP + PAD

    @property
    def middle(self) -> float:
        """Of its first row, where arrows end."""
        return self.y + (STEP + PAD) / 2


def svg(tree: Tree, *, title: str = "The replication tree", notes: dict[str, str] | None = None) -> str:
    """The tree from top to bottom, a card a server; `notes` are put on cards, by address."""
    every = lines(tree, notes)
    right = max((_right(line) for line in every), default=MARGIN + NARROWEST)
    cards = _placed(every, right)
    beneath = max((card.bottom for card in cards.values()), default=MARGIN + 2 * STEP) + GAP
    odd = [row for oddity in tree.oddities for row in _odd(oddity, right - MARGIN)]
    lanes = list(_lanes(cards, right))
    width, height = right + LANE * len(lanes) + MARGIN, beneath + len(odd) * STEP + MARGIN
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" aria-label="{_text(title)}">',
        f"<title>{_text(title)}</title>",
        "\n".join(["<style>", STYLE, *palette.rules(), "</style>"]),
        f'<rect class="paper" width="{width:g}" height="{height:g}"/>',
        *_words([_Row("name", title)], MARGIN, MARGIN),
        _summary(every),
        *_links(cards),
        *lanes,
        *(part for card in cards.values() for part in _card(card, right)),
        *_words(odd, MARGIN, beneath),
        "</svg>",
    ]
    return "\n".join(drawn) + "\n"


def _left(line: Line) -> float:
    return MARGIN + INDENT * line.level


def _right(line: Line) -> float:
    """Where a card would end if it had its words on single rows, within bounds."""
    name = _width(line.address, BIG) + PAD + _width(line.state, SMALL)
    needed = max(name, _width(_facts(line), SMALL), NARROWEST)
    return _left(line) + int(min(needed, WIDEST)) + 1 + 2 * PAD


def _placed(every: Sequence[Line], right: float) -> dict[str, _Card]:
    """One card beneath the other, beneath the title and the summary."""
    cards, y = {}, MARGIN + 2 * STEP + GAP + 0.0
    for line in every:
        card = _Card(line, tuple(_rows(line, right - _left(line) - 2 * PAD)), _left(line), y)
        cards[line.address] = card
        y = card.bottom + GAP
    return cards


def _rows(line: Line, room: float) -> Iterator[_Row]:
    """What a card says, in rows that are no wider than there is room."""
    yield from _wrapped("name", line.address, room - PAD - _width(line.state, SMALL))
    yield from _wrapped("said", _facts(line), room)
    for name in line.known_as:
        yield from _wrapped("said", f"also known as {name}", room)
    for trouble in line.trouble:
        yield from _wrapped("trouble", trouble, room)
    yield from _wrapped("note", line.note, room)


def _facts(line: Line) -> str:
    return " · ".join(line.facts)


def _odd(oddity: Oddity, room: float) -> Iterator[_Row]:
    if oddity.kind is not Odd.UNREACHABLE:  # that is said at the server
        yield from _wrapped("trouble", oddity.message, room)
        yield from _wrapped("said", f"hint: {oddity.hint}" if oddity.hint else "", room)


def _links(cards: dict[str, _Card]) -> Iterator[str]:
    """From each source down to its replicas; each stroke begins where the one to the sibling above bent away."""
    begun: dict[str, float] = {}
    for card in cards.values():
        if above := cards.get(card.line.source):
            x, y = above.x + PAD, begun.get(above.line.address, above.bottom)
            begun[above.line.address] = card.middle - 6
            yield (
                f'<path class="link" d="M{x:g} {y:g}V{card.middle - 6:g}Q{x:g} {card.middle:g} '
                f'{x + 6:g} {card.middle:g}H{card.x:g}"/>'
            )


def _lanes(cards: dict[str, _Card], right: float) -> Iterator[str]:
    """Around the cards, to what follows a server besides its source: dashed, with the point at the follower."""
    x = right
    for card in cards.values():
        for source in (cards[name] for name in card.line.also if name in cards):
            x += LANE
            y = card.middle
            yield f'<path class="link also" d="M{right:g} {source.bottom - PAD:g}H{x:g}V{y:g}H{right + 2:g}"/>'
            yield f'<path class="link" d="M{right + 8:g} {y - 4:g}L{right + 2:g} {y:g}L{right + 8:g} {y + 4:g}"/>'


def _card(card: _Card, right: float) -> Iterator[str]:
    line, height = card.line, card.bottom - card.y
    faint = " faint" if line.state in (State.UNSEEN, State.PLANNED) else ""
    yield f"<g><title>{_text('; '.join([f'{line.address}: {line.state}', *line.trouble]))}</title>"
    box = f'y="{card.y:g}" height="{height:g}"'
    yield f'<rect class="card{faint}" x="{card.x:g}" {box} width="{right - card.x:g}" rx="4"/>'
    yield f'<rect class="{line.state}" x="{card.x:g}" {box} width="5" rx="2"/>'
    yield from _words(card.rows, card.x + PAD, card.y + PAD / 2)
    yield (
        f'<text class="state {line.state}" x="{right - PAD:g}" y="{card.y + PAD / 2 + BIG:g}" '
        f'text-anchor="end">{line.state}</text></g>'
    )


def _summary(every: Sequence[Line]) -> str:
    """How many servers there are in each state."""
    found = Counter(line.state for line in every)
    counts = (f', <tspan class="state {state}">{found[state]} {state}</tspan>' for state in State if found[state])
    servers = f"{len(every)} server{'s' * (len(every) != 1)}"
    return f'<text class="said" x="{MARGIN}" y="{MARGIN + STEP + BIG}">{servers}{"".join(counts)}</text>'


def _words(rows: Sequence[_Row], x: float, y: float) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield f'<text class="{row.kind}" x="{x:g}" y="{y + BIG + number * STEP:g}">{_text(row.text)}</text>'


def _wrapped(kind: str, text: str, room: float) -> Iterator[_Row]:
    widest = max((_columns(char) for char in text), default=1)
    columns = int(room / (SIZES.get(kind, SMALL) * LETTER * widest))
    yield from (_Row(kind, row) for row in textwrap.wrap(text, max(columns, 1), break_on_hyphens=False))


def _width(text: str, size: int) -> float:
    return sum(map(_columns, text)) * size * LETTER


def _columns(char: str) -> int:
    return 2 if east_asian_width(char) in "WF" else 1


def _text(text: str) -> str:
    return escape(printable(text))
