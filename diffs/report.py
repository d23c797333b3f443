"""What the judge found, as tables that a person can read at three in the morning, on a narrow terminal too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from understudy.diffs import announce
from understudy.diffs.difference import printable
from understudy.diffs.findings import EndpointRow, Findings, PlaceRow
from understudy.diffs.verdict import percent
from understudy.verdict import ShadowVerdict

MAX_ENDPOINTS = 40
MAX_PLACES = 25
NARROW = 100  # columns: below it the tables leave out what can be done without

# what a class means for whoever reads it: shown once for each that occurs
MEANINGS = {
    "new_error": "the old stack answered, the new one failed with a server error",
    "old_error": "the old stack failed with a server error, the new one answered",
    "failure": "one of the stacks gave no answer at all",
    "order_only": "the same rows in another order: a GROUP BY or SELECT without ORDER BY, most often",
    "collation": "the same but for case, accents or trailing spaces, or sorted by them: another collation",
    "number_text": "the same number written otherwise (24.50, 24.5): another DECIMAL or FLOAT format",
    "charset": "the same text read in another character set",
    "missing": "only the old stack has it",
    "extra": "only the new stack has it",
    "type": 'another type of value: 1 and true, "1" and 1, a page and JSON',
    "noise": "the old stack differs from itself here: nobody is to blame",
    "settled": "both agreed when asked again: lag of the replica, or a race",
    "digest": "longer than mirror.max_body_bytes, compared by digest: raise it to see where they differ",
}


def as_json(findings: Findings) -> dict[str, Any]:
    """The report for scripts: totals, endpoints, differences."""
    return {
        "totals": findings.totals(),
        "endpoints": msgspec.to_builtins(findings.endpoints()),
        "differences": [as_dict(row) for row in findings.places()],
    }


def as_dict(row: PlaceRow) -> dict[str, Any]:
    """A place for scripts; its class under `class`."""
    fields: dict[str, Any] = msgspec.to_builtins(row)
    fields["class"] = fields.pop("name")
    return fields


def report(findings: Findings, console: Console, option: str, verdicts: Sequence[ShadowVerdict]) -> None:
    """Print the report; `option` names the settings file in the commands that it suggests. The verdict ends it."""
    totals, endpoints, places = findings.totals(), findings.endpoints(), findings.places()
    console.print(summary(totals))
    if not totals["judged"]:
        console.print("\nNothing is judged yet. Is `understudy run` running, and does it get traffic?", highlight=False)
        return
    console.print()
    console.print(endpoint_table(endpoints[:MAX_ENDPOINTS], console.width < NARROW))
    if len(endpoints) > MAX_ENDPOINTS:
        console.print(f"… and {len(endpoints) - MAX_ENDPOINTS} more endpoints with fewer differences: --json has all")
    if places:
        console.print()
        console.print(place_list(places[:MAX_PLACES], console.width < NARROW))
        if len(places) > MAX_PLACES:
            console.print(f"… and {len(places) - MAX_PLACES} more: understudy diffs list", highlight=False)
        console.print()
        console.print(meanings({row.name for row in places[:MAX_PLACES]}))
    console.print()
    for line in hints(totals, endpoints, places, option):
        console.print(line, soft_wrap="understudy" in line.plain)  # a command must stay in one line, to be copied
    console.print()
    console.print(announce.ending(verdicts, option), soft_wrap=True)


def summary(totals: dict[str, int]) -> Text:
    """The totals in two lines: how much was judged, and how it came out."""
    judged = totals["judged"]
    same = totals["equal"] + totals["equal_after_lifting"]
    text = Text()
    text.append(f"{judged:,} judged: ", "bold")
    text.append(f"{same:,} equal", "green")
    if judged:
        text.append(f" ({percent(same / judged)})")
    for name, style in (("different", "red"), ("failed", "red"), ("settled", "yellow"), ("noise", "dim")):
        if totals[name]:
            text.append(", ")
            text.append(f"{totals[name]:,} {name}", style)
    lacking = [
        f"{totals[name]:,} {words}"
        for name, words in (
            ("lost", "lost before they were judged (retention)"),
            ("torn", "torn records skipped"),
            ("unjudged", "could not be judged (see the log)"),
        )
        if totals[name]
    ]
    if lacking:
        text.append(f"\nnot judged: {'; '.join(lacking)}", "yellow")
    return text


def endpoint_table(rows: list[EndpointRow], narrow: bool) -> Table:
    """Requests, outcomes and paired latencies of each endpoint; the least of it on a narrow terminal."""
    table = Table(title="Endpoints", title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 1))
    several = len({row.shadow for row in rows}) > 1
    table.add_column("endpoint", overflow="fold", min_width=16)
    if several:
        table.add_column("shadow", overflow="fold")
    for name in ("requests", "different") if narrow else ("requests", "equal", "different"):
        table.add_column(name, justify="right", no_wrap=True)
    for quantile in _quantiles(narrow):
        table.add_column("p95 ms" if narrow else f"{quantile} ms old → new", justify="right", no_wrap=True)
    table.add_column("ratio", justify="right", no_wrap=not narrow)
    for row in rows:
        table.add_row(*_endpoint_cells(row, several, narrow))
    return table


def _quantiles(narrow: bool) -> tuple[str, ...]:
    return ("p95",) if narrow else ("p50", "p95", "p99")


def _endpoint_cells(row: EndpointRow, several: bool, narrow: bool) -> list[RenderableType]:
    different = row.outcomes["different"] + row.outcomes["failed"]
    same = row.outcomes["equal"] + row.outcomes["equal_after_lifting"]
    cells: list[RenderableType] = [Text(printable(row.endpoint))]
    if several:
        cells.append(row.shadow)
    cells += [f"{row.requests:,}"] if narrow else [f"{row.requests:,}", f"{same:,}"]
    cells.append(Text(f"{different:,}", "red" if different else "dim"))
    for quantile in _quantiles(narrow):
        cells.append(f"{_ms(row.latency['old_ms'][quantile])} → {_ms(row.latency['new_ms'][quantile])}")
    ratio = row.latency["ratio"]["p50"]
    shown = f"{ratio:.2f}x" if ratio is not None else "–"
    cells.append(Text(f"{shown} slower", "bold yellow") if row.slower else Text(shown))
    return cells


def _ms(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def place_list(rows: list[PlaceRow], narrow: bool) -> RenderableType:
    """The differences under their endpoints: class, path, how many requests, old -> new, a sample."""
    blocks: list[RenderableType] = [Text("Differences", "bold")]
    endpoints = list(dict.fromkeys((row.endpoint, row.shadow) for row in rows))
    several = len({shadow for _, shadow in endpoints}) > 1
    for endpoint, shadow in endpoints:
        title = Text(printable(endpoint), "cyan")
        if several:
            title.append(f"  ({shadow})", "dim")
        blocks.append(title)
        here = [row for row in rows if (row.endpoint, row.shadow) == (endpoint, shadow)]
        blocks += [Padding(place(row, narrow), (0, 0, 0, 2), expand=False) for row in here]
    return Group(*blocks)


def place(row: PlaceRow, narrow: bool = False) -> Text:
    """One place in two lines: what and where, and an example."""
    text = Text()
    text.append(row.name, "dim" if row.is_forgiven else "bold red")
    if row.kind not in (row.name, "value", "order", "status") and row.name not in ("noise", "settled"):
        text.append(f" ({row.kind})", "dim")
    text.append(f"  {printable(row.path)}")
    text.append(f"  {row.requests:,} request{'s' if row.requests != 1 else ''}", "bold")
    if row.places > row.requests:
        text.append(f", {row.places:,} places")
    if row.likely_noise:
        text.append("  likely noise: the old stack differed from itself here when asked again", "dim")
    if row.likely_noise and row.asked:
        text.append(f", but not in {row.asked:,} that were confirmed", "dim")
    text.append("\n  " if narrow else "\n    ")
    text.append_text(example(row.kind, row.old, row.new))
    if row.samples:
        text.append("\n  " if narrow else "   ")
        text.append(f"show {row.samples[0]}", "blue")
    return text


def example(kind: str, old: str, new: str, limit: int = 42) -> Text:
    """`old → new`, with what is absent said in words."""
    text = Text()
    text.append("(absent)" if kind == "extra" else _shortened(old, limit), "red")
    text.append(" → ")
    text.append("(absent)" if kind == "missing" else _shortened(new, limit), "green")
    return text


def _shortened(value: str, limit: int) -> str:
    value = printable(value)
    return value if len(value) <= limit else value[: limit - 1] + "…"


def meanings(names: set[str]) -> Text:
    """What the classes that occur mean."""
    text = Text()
    for name in MEANINGS:
        if name in names:
            text.append(f"{name}: ", "bold dim")
            text.append(f"{MEANINGS[name]}\n", "dim")
    text.rstrip()
    return text


def hints(totals: dict[str, int], endpoints: list[EndpointRow], places: list[PlaceRow], option: str = "") -> list[Text]:
    """What to do next, line by line."""
    lines = []
    blamed = [row for row in places if not row.is_forgiven]
    shown = next((row for row in blamed if row.samples), None)
    if shown:
        lines.append(f"understudy diffs show {shown.samples[0]}{option}  # both answers side by side")
    if len(places) > MAX_PLACES:
        lines.append(f"understudy diffs list{option} --endpoint NAME --kind KIND  # the differences one by one")
    if any(row.is_forgiven and row.name != "settled" for row in places):
        lines.append("what is noise on every stack can be left out: compare.ignore_paths in the settings, then SIGHUP")
    if any(row.slower for row in endpoints):
        lines.append("slower endpoints: compare their queries' plans (EXPLAIN) on both databases; join by X-Request-Id")
    if totals["lost"]:
        lines.append("exchanges were lost: raise recording.max_bytes, or mirror less (understudy ramp PERCENT)")
    if not blamed and totals["judged"]:
        lines.append("no difference that the new stack is to blame for")
    return [Text("Next", "bold"), *(Text(f"  {line}") for line in lines)] if lines else []
