"""Two bodies' differing lines with a few around them: side by side, or one under the other on a narrow terminal."""

from __future__ import annotations

import difflib
from itertools import zip_longest

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from understudy.diffs.difference import printable
from understudy.diffs.lift import lift
from understudy.diffs.pretty import lines_of
from understudy.exchange import Exchange, Reply

CONTEXT_LINES = 3
MAX_LINES = 200
SIDE_BY_SIDE = 100  # columns from which on the bodies stand side by side


def body_lines(reply: Reply) -> list[str]:
    """A reply's body, decoded and indented."""
    return lines_of(lift(reply.body, reply.header("content-type"), reply.header("content-encoding")))


def bodies(exchange: Exchange, shadow: str, width: int) -> RenderableType | None:
    """The bodies' differing lines with a few around them; side by side where there is room."""
    old, new = exchange.answers[exchange.primary], exchange.answers[shadow]
    if not isinstance(old, Reply) or not isinstance(new, Reply) or old.body == new.body:
        return None
    before, after = (body_lines(reply)[:20_000] for reply in (old, new))
    groups = _hunks(before, after)
    if width < SIDE_BY_SIDE:
        return _unified(before, after, groups)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
    for name in (exchange.primary, shadow):
        table.add_column(name, ratio=1, overflow="fold")
    room = MAX_LINES
    for number, group in enumerate(groups):
        if number:
            table.add_row(Text("⋮", "dim"), Text("⋮", "dim"))
        for left, right, same in _rows(before, after, group):
            table.add_row(*_sides(left, right, same))
            room -= 1
            if room <= 0:
                table.add_row(Text("… more: --json has all", "dim"), "")
                return table
    return table


_Hunk = list[tuple[str, int, int, int, int]]


def _hunks(before: list[str], after: list[str]) -> list[_Hunk]:
    return list(difflib.SequenceMatcher(None, before, after, autojunk=True).get_grouped_opcodes(CONTEXT_LINES))


def _rows(before: list[str], after: list[str], group: _Hunk) -> list[tuple[str, str, bool]]:
    rows: list[tuple[str, str, bool]] = []
    for tag, i1, i2, j1, j2 in group:
        left, right = before[i1:i2], after[j1:j2]
        rows += [(a, b, tag == "equal") for a, b in zip_longest(left, right, fillvalue="")]
    return rows


def _sides(left: str, right: str, same: bool) -> tuple[Text, Text]:
    """Two lines, with the characters that are not the same highlighted."""
    left, right = printable(left[:2_000]), printable(right[:2_000])
    if same:
        return Text(left, "dim"), Text(right, "dim")
    old, new = Text(left, "red"), Text(right, "green")
    if left and right and len(left) + len(right) < 2_000:
        for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, left, right).get_opcodes():
            if tag != "equal":
                old.stylize("bold reverse", i1, i2)
                new.stylize("bold reverse", j1, j2)
    return old, new


def _unified(before: list[str], after: list[str], groups: list[_Hunk]) -> Text:
    """The same, one under the other, for a narrow terminal."""
    text = Text()
    lines = 0
    for group in groups:
        if lines:
            text.append("⋮\n", "dim")
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                pieces = [("  ", line, "dim") for line in before[i1:i2]]
            else:
                pieces = [("- ", line, "red") for line in before[i1:i2]]
                pieces += [("+ ", line, "green") for line in after[j1:j2]]
            for mark, line, style in pieces:
                text.append(f"{mark}{printable(line[:2_000])}\n", style)
            lines += len(pieces)
        if lines > MAX_LINES:
            text.append("… more: --json has all\n", "dim")
            break
    text.rstrip()
    return text
