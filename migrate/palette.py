"""The colours of pictures, for light and dark pages. Pure data.

Colour only repeats what a word says. Each ink can be read on a card of its own shade: WCAG 2.2, 1.4.3, asks for a
contrast of 4.5 to 1, and a test holds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from understudy.migrate.describe import State


class Ink(NamedTuple):
    """One thing's colour on a light page and on a dark one."""

    light: str
    dark: str


STATES = {
    State.GOOD: Ink("#1f7a4a", "#6fcf97"),
    State.WARNING: Ink("#925700", "#f0b74a"),
    State.BROKEN: Ink("#b42323", "#f58f8f"),
    State.UNSEEN: Ink("#5f6569", "#b4bac0"),
    State.PLANNED: Ink("#2f5bd0", "#8fb0ff"),
}
PAPER, CARD, LINE = Ink("#f6f6f4", "#17191b"), Ink("#ffffff", "#222528"), Ink("#b9bec3", "#565d64")
WORDS: dict[str, Ink] = {  # by class
    "name": Ink("#1d1f21", "#e8eaec"),
    "said": Ink("#4f5459", "#b4bac0"),
    "trouble": STATES[State.BROKEN],
    "note": STATES[State.PLANNED],
    **{str(state): ink for state, ink in STATES.items()},
}


def rules() -> Iterator[str]:
    """As a style sheet. What is light is not within a query, for viewers that know no queries."""
    yield from _shade("light")
    yield "@media (prefers-color-scheme: dark) {"
    yield from _shade("dark")
    yield "}"


def _shade(shade: str) -> Iterator[str]:
    yield f".paper {{ fill: {getattr(PAPER, shade)}; }}"
    yield f".card {{ fill: {getattr(CARD, shade)}; stroke: {getattr(LINE, shade)}; }}"
    yield f".link {{ stroke: {getattr(LINE, shade)}; }}"
    for kind, ink in WORDS.items():
        yield f".{kind} {{ fill: {getattr(ink, shade)}; }}"
