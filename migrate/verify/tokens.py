"""The words, names, literals and signs of an expression or a SELECT. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\.|'')*')|(?P<name>`(?:[^`]|``)*`)|(?P<number>0x[0-9a-f]+|\d+\.?\d*(?:e[+-]?\d+)?|\.\d+)"
    r"|(?P<word>[^\W\d][\w$]*|@@?[\w$.]+)|(?P<sign><=>|<>|!=|>=|<=|<<|>>|\|\||&&|:=|->>|->|[-+*/%^&|~!=<>(),.?]))",
    re.IGNORECASE | re.DOTALL,
)
BETWEEN_EXPRESSIONS = frozenset(
    {
        "all", "as", "asc", "by", "cross", "desc", "distinct", "else", "end", "except", "for", "from", "full", "group",
        "having", "inner", "intersect", "join", "lateral", "left", "limit", "natural", "offset", "on", "order", "outer",
        "over", "partition", "range", "recursive", "right", "rollup", "rows", "select", "separator", "straight_join",
        "then", "union", "using", "values", "when", "where", "window", "with",
    }
)  # fmt: skip
STRENGTHS = {
    "or": 2, "||": 2, "xor": 4, "and": 6, "&&": 6, "between": 10,
    "=": 12, "<=>": 12, ">=": 12, ">": 12, "<=": 12, "<": 12, "<>": 12, "!=": 12, "is": 12, "like": 12, "regexp": 12,
    "rlike": 12, "in": 12, "|": 14, "&": 16, "<<": 18, ">>": 18, "-": 20, "+": 20, "*": 22, "/": 22, "div": 22, "%": 22,
    "mod": 22, "^": 24, "collate": 30, "->": 32, "->>": 32,
}  # fmt: skip
PREFIXES = {"not": 8, "-": 26, "+": 26, "~": 26, "!": 28, "interval": 11, "binary": 28}
BARE_FUNCTIONS = ("current_timestamp", "current_date", "current_time", "localtime", "localtimestamp")
OTHER_WORDS = ("case", "null", "true", "false", "escape", "maxvalue", "charset")
KNOWN = BETWEEN_EXPRESSIONS.union(STRENGTHS, PREFIXES, BARE_FUNCTIONS, OTHER_WORDS)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "Z": "\x1a", "%": "\\%", "_": "\\_"}


class CanNotReadError(Exception):
    """The text is none that is understood here."""


def literal(quoted: str) -> str:
    """What a string literal stands for."""
    inside = quoted[1:-1].replace("''", "'")
    return re.sub(r"\\(.)", lambda escape: ESCAPES.get(escape[1], escape[1]), inside, flags=re.DOTALL)


def literals_read(body: str) -> str:
    """A routine's body as MySQL's information_schema shows it; MariaDB's shows literals as they were written."""
    return re.sub(r"'(?:[^'\\]|\\.|'')*'", lambda found: f"'{literal(found[0])}'", body, flags=re.DOTALL)


def tokens(text: str) -> Iterator[str]:
    """Words in lower case, names without needless backticks, literals in one way of quoting."""
    at, text = 0, text.strip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise CanNotReadError(text[at : at + 20])
        at = match.end()
        if match["string"]:
            yield "'" + literal(match["string"])
        elif match["name"]:
            yield match["name"]
        elif match["word"]:
            follows = text[at : at + 1]
            yield _word(match["word"], is_call=follows == "(")
        else:
            yield match[match.lastgroup or 0].lower()


def _word(word: str, is_call: bool) -> str:
    lower = word.lower()
    return lower if is_call or lower in KNOWN or lower.startswith("_") else word
