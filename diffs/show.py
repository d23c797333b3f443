"""One kept exchange, both answers side by side: what was asked, what came, and where it differs."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from understudy.diffs.compare import by_name
from understudy.diffs.difference import Difference, excerpt, legible, printable
from understudy.diffs.explain import explain
from understudy.diffs.findings import KeptSample
from understudy.diffs.report import example
from understudy.diffs.sidebyside import bodies, body_lines
from understudy.exchange import Answer, Exchange, Failure, Headers, Reply

MAX_PLACES = 30


def as_json(sample: KeptSample, found: list[tuple[Difference, str, str]]) -> dict[str, Any]:
    """The sample for scripts: bodies as text (\\xNN for what is none), differences with their whole values."""
    exchange = sample.exchange
    return {
        "id": sample.id,
        "request_id": exchange.id,
        "at": exchange.at,
        "endpoint": sample.endpoint,
        "request": {
            "method": exchange.request.method,
            "target": exchange.request.target,
            "headers": exchange.request.headers,
            "body": legible(exchange.request.body),
        },
        "primary": exchange.primary,
        "answers": {name: _answer(answer) for name, answer in exchange.answers.items()},
        "again": {name: _answer(answer) for name, answer in exchange.again.items()},
        "explained": {
            name: explain(exchange.answers[exchange.primary], answer)
            for name, answer in exchange.answers.items()
            if name != exchange.primary
        },
        "differences": [
            {
                "shadow": shadow,
                "path": d.path,
                "kind": d.kind,
                "class": name,
                "old": excerpt(d.old, 100_000),
                "new": excerpt(d.new, 100_000),
            }
            for d, name, shadow in found
        ],
    }


def _answer(answer: Answer) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.structs.asdict(answer)
    if isinstance(answer, Reply):
        fields["body"] = "\n".join(body_lines(answer))
        fields["digest"] = answer.digest.hex()
    return fields


def show(sample: KeptSample, found: list[tuple[Difference, str, str]], console: Console) -> None:
    """Print a sample; `found` are its differences under the rules in force, with class and shadow."""
    exchange = sample.exchange
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(exchange.at))
    console.print(Text(f"{exchange.request.method} {printable(exchange.request.target)}", "bold"))
    facts = f"sample {sample.id}, endpoint {sample.endpoint}, {at}, X-Request-Id {exchange.id}"
    console.print(Text(printable(facts), "dim"))
    for shadow in [name for name in exchange.answers if name != exchange.primary]:
        console.print()
        console.print(answers(exchange, shadow))
        console.print()
        console.print(places([(d, name) for d, name, of in found if of == shadow]))
        for sentence in explain(exchange.answers[exchange.primary], exchange.answers[shadow]):
            console.print(Text(sentence, "dim"))
        body = bodies(exchange, shadow, console.width)
        if body is not None:
            console.print()
            console.print(body)


def answers(exchange: Exchange, shadow: str) -> Table:
    """Status, time, length and the headers that are not the same, in two columns."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    old, new = exchange.answers[exchange.primary], exchange.answers[shadow]
    for name in (exchange.primary, shadow):
        table.add_column(name, overflow="fold")
    rows: list[tuple[str, str, str]] = [
        ("answer", _status(old), _status(new)),
        ("time", f"{old.elapsed_ms:.1f} ms", f"{new.elapsed_ms:.1f} ms"),
    ]
    if exchange.again:
        rows.append(("asked again", _status(exchange.again.get(exchange.primary)), _status(exchange.again.get(shadow))))
    if isinstance(old, Reply) and isinstance(new, Reply):
        rows.append(("body", f"{old.body_bytes:,} bytes", f"{new.body_bytes:,} bytes"))
        rows += _header_rows(old.headers, new.headers)
    for label, before, after in rows:
        differs = before != after and label not in ("time", "asked again")
        styles = ("red", "green") if differs else ("", "")
        table.add_row(Text(label, "dim"), Text(before, styles[0]), Text(after, styles[1]))
    return table


def _status(answer: Answer | None) -> str:
    if answer is None:
        return "–"
    return f"no answer: {answer.reason}" if isinstance(answer, Failure) else str(answer.status)


def _header_rows(old: Headers, new: Headers) -> list[tuple[str, str, str]]:
    before, after = by_name(old, str.lower), by_name(new, str.lower)
    return [
        (printable(name), printable(before.get(name, "(absent)")), printable(after.get(name, "(absent)")))
        for name in before | after
        if before.get(name) != after.get(name)
    ]


def places(found: list[tuple[Difference, str]]) -> RenderableType:
    """The differences one by one."""
    if not found:
        return Text("no difference under the rules in force now", "dim")
    lines = []
    for difference, name in found[:MAX_PLACES]:
        line = Text()
        line.append(name, "bold")
        line.append(f"  {printable(difference.path)}  ")
        line.append_text(example(difference.kind, excerpt(difference.old), excerpt(difference.new)))
        lines.append(line)
    if len(found) > MAX_PLACES:
        lines.append(Text(f"… and {len(found) - MAX_PLACES} more: --json has all", "dim"))
    return Group(*lines)
