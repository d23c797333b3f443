"""One reading of an expression or a SELECT, however a server prints it: texts that mean the same read the same. Pure.

Servers keep a view, a generated column or a CHECK as a tree and print it anew, each in its own way: MySQL sets every
parenthesis, MariaDB only those that are needed; 5.6 prints isnull(x), 9.7 prints x is null; 5.6 leaves a bare column as
a condition, 9.7 writes 0 <> x, MariaDB x <> 0; literals have an introducer or not (measured on 5.6, 9.7, 10.5, 11.8).
So a text is read by the precedence of its operators (MySQL manual, "Operator Precedence") and written with one
parenthesis an operator. Words between expressions (SELECT, FROM, AS, JOIN) are kept where they stand. A text that can't
be read this way stands for itself.
"""

from __future__ import annotations

import functools
import re
from typing import NoReturn, TypeAlias

from understudy.migrate.verify.tokens import (
    BARE_FUNCTIONS,
    BETWEEN_EXPRESSIONS,
    PREFIXES,
    STRENGTHS,
    CanNotReadError,
    tokens,
)

Node: TypeAlias = "str | tuple[Node, ...]"

SAME_SIGN = {"||": "or", "&&": "and", "!=": "<>", "rlike": "regexp", "mod": "%", "!": "not"}
SAME_FUNCTION = {
    "now": "current_timestamp", "localtime": "current_timestamp", "localtimestamp": "current_timestamp",
    "curdate": "current_date", "curtime": "current_time", "ucase": "upper", "lcase": "lower", "substring": "substr",
    "mid": "substr", "char_length": "character_length", "power": "pow", "ceil": "ceiling", "day": "dayofmonth",
    "schema": "database", "std": "stddev_pop", "stddev": "stddev_pop", "variance": "var_pop", "adddate": "date_add",
}  # fmt: skip
CONDITIONS = (
    "and",
    "or",
    "xor",
    "not",
    "=",
    "<=>",
    ">=",
    ">",
    "<=",
    "<",
    "<>",
    "is",
    "like",
    "regexp",
    "in",
    "between",
)
JOINS = frozenset({"join", "straight_join"})
INTRODUCERS = ("_utf8mb4", "_utf8mb3", "_utf8", "_latin1")


@functools.lru_cache(4096)
def canonical(text: str) -> str:
    """The text as it would be written with one parenthesis an operator, synonyms and introducers gone."""
    try:
        return _Reader(text).whole()
    except CanNotReadError:
        return " ".join(text.split())


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = list(tokens(text))
        self._at = 0

    def whole(self) -> str:
        read = _written(self._list())
        if self._at < len(self._tokens):
            self._stuck()
        return read

    def _list(self) -> Node:
        """Expressions and the words between them, with commas, up to a closing parenthesis or the end."""
        lists: list[tuple[Node, ...]] = []
        items: list[Node] = []
        while (token := self._peek()) not in ("", ")"):
            if token == ",":
                self._next()
                lists.append(tuple(items))
                items = []
            elif self._is_between():
                if self._next() != "asc":
                    items.append(token)
            else:
                found = self._expression(0)
                after = items[-1] if items else ""
                if after in ("", "from") and (joined := _joined(found)):
                    items += joined
                else:
                    items.append(_condition(found) if after in ("where", "having", "on", "when") else found)
        if not lists:
            return items[0] if len(items) == 1 else ("sequence", *items)
        return ("list", *(line[0] if len(line) == 1 else ("sequence", *line) for line in (*lists, tuple(items))))

    def _is_between(self) -> bool:
        word = self._peek()
        return word in BETWEEN_EXPRESSIONS and not (word in ("left", "right", "values") and self._peek(1) == "(")

    def _expression(self, strength: int) -> Node:
        left = self._first()
        while True:
            sign = self._peek()
            negated = sign == "not" and self._peek(1) in ("like", "in", "between", "regexp", "rlike")
            sign = self._peek(1) if negated else sign
            if STRENGTHS.get(sign, -1) <= strength:
                return left
            self._at += 1 + negated
            left = self._second(left, sign)
            left = _negation(left) if negated else left

    def _second(self, left: Node, sign: str) -> Node:
        strength, sign = STRENGTHS[sign], SAME_SIGN.get(sign, sign)
        if sign == "between":
            low = self._expression(13)
            self._expect("and")
            return (sign, left, low, self._expression(13))
        if sign == "is":
            negated = self._skipped("not")
            found: Node = (sign, left, self._expression(strength))
            found = (sign, _condition(left), found[2]) if found[2] in ("true", "false") else found
            return _negation(found) if negated else found
        right = self._expression(strength)
        if sign == "like" and self._skipped("escape"):
            return (sign, left, right, self._expression(strength))
        if sign == "collate" and isinstance(right, str):
            right = re.sub("^utf8_", "utf8mb3_", right.strip("`"))
        return _ordered(sign, left, right)

    def _first(self) -> Node:
        token = self._next()
        if token == "(":
            inside = self._list()
            self._expect(")")
            return inside if not _is_many(inside) else ("group", inside)
        if token == "case":
            return self._case()
        if token in PREFIXES and self._peek() not in (("(",) if token == "interval" else (")", ",", "")):
            return self._prefixed(SAME_SIGN.get(token, token), PREFIXES[token])
        if token in ("", ")", ",") or (token in STRENGTHS and token not in ("mod", "*")):
            self._stuck()
        if token in INTRODUCERS and self._peek().startswith("'"):
            return self._next()
        while self._peek() == ".":
            self._next()
            token = f"{token}.{self._next()}"
        if self._peek() == "(":
            return self._call(token)
        if token in BARE_FUNCTIONS:
            return (SAME_FUNCTION.get(token, token),)
        return self._charset_name(token)

    def _charset_name(self, token: str) -> str:
        before = self._tokens[self._at - 2] if self._at > 1 else ""
        return "utf8mb3" if token == "utf8" and before in ("charset", "using") else token

    def _prefixed(self, sign: str, strength: int) -> Node:
        of = self._expression(strength)
        if sign == "not":
            return _negation(of)
        if sign == "interval":
            return (sign, of, self._next())
        if sign == "-" and isinstance(of, str) and of[0].isdigit():
            return f"-{of}"
        return (f"unary {sign}", of)

    def _case(self) -> Node:
        items: list[Node] = []
        while not self._skipped("end"):
            if self._peek() in ("when", "then", "else"):
                items.append(self._next())
            else:
                found = self._expression(0)
                searched = items[-1:] == ["when"] and items[0] == "when"
                items.append(_condition(found) if searched else found)
        return ("case", *items)

    def _call(self, name: str) -> Node:
        self._expect("(")
        given = self._list()
        self._expect(")")
        name = SAME_FUNCTION.get(name.lower(), name.lower())
        arguments = given[1:] if isinstance(given, tuple) and given[:1] == ("list",) else (given,)
        if name == "isnull":
            return ("is", *arguments, "null")
        if name == "regexp_like" and len(arguments) == 2:
            return ("regexp", *arguments)
        if name == "if":
            arguments = (_condition(arguments[0]), *arguments[1:])
        if name == "exists" and isinstance(given, tuple) and given[-2:] == ("limit", "1"):
            arguments = (given[:-2],)  # MariaDB writes it, to whom one row is enough
        return (name, *(argument for argument in arguments if argument != ("sequence",)))

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _skipped(self, token: str) -> bool:
        found = self._peek() == token
        self._at += found
        if not self._peek() and not found and token == "end":
            self._stuck()
        return found

    def _expect(self, token: str) -> None:
        if self._next() != token:
            self._stuck()

    def _stuck(self) -> NoReturn:
        raise CanNotReadError(self._tokens[max(0, self._at - 1) : self._at + 3])


def _is_many(node: Node) -> bool:
    return isinstance(node, tuple) and node[:1] in (("list",), ("sequence",))


def _joined(node: Node) -> tuple[Node, ...]:
    """What is in parentheses where joins begin: they go from left to right anyway."""
    if isinstance(node, tuple) and node[0] == "group" and isinstance(node[1], tuple) and node[1][0] == "sequence":
        inside = node[1][1:]
        return inside if inside[0] != "select" and not JOINS.isdisjoint(part for part in inside if part) else ()
    return ()


def _condition(node: Node) -> Node:
    """Where only true or false counts, x <> 0 is x."""
    if isinstance(node, tuple) and node[0] == "<>" and node[2] == "0":
        return node[1]
    return node


def _negation(node: Node) -> Node:
    node = _condition(node)
    if isinstance(node, tuple) and node[0] in ("=", "<>"):
        return ("<>" if node[0] == "=" else "=", *node[1:])
    if isinstance(node, tuple) and node[0] in (*CONDITIONS, "exists"):
        return ("not", node)
    return ("=", node, "0")


def _ordered(sign: str, left: Node, right: Node) -> Node:
    """Literals to the right, chains of and and or without inner parentheses."""
    if sign in ("=", "<>") and _is_literal(left) and not _is_literal(right):
        return (sign, right, left)
    if sign in ("and", "or"):
        parts = [part for side in (left, right) for part in _chain(sign, _condition(side))]
        return (sign, *parts)
    return (sign, left, right)


def _is_literal(node: Node) -> bool:
    return isinstance(node, str) and node[0] in "'0123456789"


def _chain(sign: str, node: Node) -> tuple[Node, ...]:
    return node[1:] if isinstance(node, tuple) and node[0] == sign else (node,)


def _written(node: Node) -> str:
    if isinstance(node, str):
        return f"{node}'" if node.startswith("'") else _plain_name(node)
    kind, inside = (node[0] if isinstance(node[0], str) else "", [_written(part) for part in node[1:]])
    match kind:
        case "list":
            return ", ".join(inside)
        case "sequence":
            return " ".join(inside)
        case "group":
            return f"({inside[0]})"
        case "case":
            return f"case {' '.join(inside)} end"
        case "between":
            return f"({inside[0]} between {inside[1]} and {inside[2]})"
    if kind in STRENGTHS:
        return f"({f' {kind} '.join(inside)})"
    return f"{kind}({', '.join(inside)})"


def _plain_name(name: str) -> str:
    """`a`.`b` as a.b where nothing in it needs backticks."""
    return re.sub(r"`(\w+)`", r"\1", name)
