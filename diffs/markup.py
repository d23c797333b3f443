"""HTML and XML as plain values: (tag, attributes, children), children being elements and text. Pure.

White space in text is normalised as a browser shows it: what HTML calls so (space, tab, line breaks) collapses, a
no-break or an ideographic space does not, and a line in `textarea` and `pre` stays a line. Empty text, comments and
processing instructions are left out, since no user sees them. A `template` has its content as its children: scripts
show it. White space at the ends of text is left out too, so one space more or less between two elements goes unseen.

HTML is parsed by selectolax (lexbor): the tree it builds is the one that HTML5 prescribes, hence the browser's (lxml's
libxml2 loses the `tbody` and the nesting of bad markup), and it is faster: a page of 31 KB takes 1.6 ms to this value,
with lxml 2.1 ms through its elements and 2.6 ms through a parser target.
XML (feeds, sitemaps) is parsed by expat, which bounds entity expansion itself and loads nothing external.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Any, Final
from xml.parsers import expat

from selectolax.lexbor import LexborHTMLParser, LexborNode

MAX_DEPTH: Final = 400  # browsers stop at 512 (HTML's nesting limit in Blink); what is deeper is compared as text

# lexbor takes time by the square of the depth: 0.05 s at 5,000, 0.7 s at 20,000, 29 s at 100,000 (500 KB of <div>)
MAX_NESTING: Final = 5_000
_TAG = re.compile(
    r"</?(?!(?:area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr|li|p|td|th|tr|dt|dd|option)\b)[a-zA-Z]"
)

Element = tuple[str, dict[str, str], list[Any]]


_SPACES = re.compile("[ \t\n\f\r]+")  # infra.spec.whatwg.org: ASCII whitespace
_AS_WRITTEN: Final = {"pre", "textarea", "listing", "plaintext", "xmp"}


def html_tree(text: str) -> Element:
    """A page as an element tree, `html` at its root. Raises ValueError where it nests too deeply."""
    if _may_nest(text) > MAX_NESTING and _nests(text) > MAX_NESTING:
        raise ValueError("nested too deeply")
    root = LexborHTMLParser(text).root
    if root is None:
        raise ValueError("no document")
    return _element(root, root.tag or "", 0)


def _may_nest(text: str) -> int:
    """At most how deeply a page's tags nest; 0.3 ms for 31 KB. An element without an end tag (br) counts as open."""
    depths = accumulate(piece.count("<") - 1 for piece in text.split("</"))
    return max(depths) + 1


def _nests(text: str) -> int:
    """How deeply a page's tags nest, those left out that never hold others."""
    return max(accumulate(-1 if tag[1] == "/" else 1 for tag in _TAG.findall(text)), default=0)


def _element(node: LexborNode, name: str, depth: int, as_written: bool = False) -> Element:
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    as_written = as_written or name in _AS_WRITTEN
    children: list[Any] = []
    text = ""
    child = node.child if name != "template" else _content(node)
    while child is not None:
        tag = child.tag or "-"
        if tag == "-text":
            text += child.text_content or ""
        elif tag[0] not in "-_!":  # a comment is no boundary: the text on both sides of it is one
            if text and (words := text if as_written else _collapsed(text)):
                children.append(words)
            text = ""
            children.append(_element(child, tag, depth + 1, as_written))
        child = child.next
    if text and (words := text if as_written else _collapsed(text)):
        children.append(words)
    attributes = node.attributes
    return name, {key: value or "" for key, value in attributes.items()} if attributes else {}, children


def _content(template: LexborNode) -> LexborNode | None:
    """The first child of a template's content, which is no part of the tree; in SVG a template is but an element."""
    fragments = template.template_fragments()
    return fragments[0].child if fragments else template.child


def _collapsed(text: str) -> str:
    # split() takes other spaces for white space as well, of which ASCII has none that anybody sees; it takes a third
    if text.isascii():
        return " ".join(text.split())
    return _SPACES.sub(" ", text).strip(" ")


class _Builder:
    """Makes the same tree from expat's events."""

    def __init__(self) -> None:
        self.root: Element = ("", {}, [])
        self._stack = [self.root]
        self._text: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._flush()
        if len(self._stack) > MAX_DEPTH:
            raise ValueError("nested too deeply")
        element: Element = (tag, attributes, [])
        self._stack[-1][2].append(element)
        self._stack.append(element)

    def end(self, tag: str) -> None:
        self._flush()
        self._stack.pop()

    def data(self, text: str) -> None:
        self._text.append(text)

    def _flush(self) -> None:
        words = _collapsed("".join(self._text))
        self._text.clear()
        if words:
            self._stack[-1][2].append(words)


def xml_tree(text: str) -> Element:
    """A document as an element tree. Raises ValueError where it is not well-formed or nests too deeply."""
    builder = _Builder()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(text.encode("utf-8", "surrogatepass"), True)
    except expat.ExpatError as error:
        raise ValueError(f"not XML: {error}") from error
    root: Element = builder.root[2][0]
    return root
