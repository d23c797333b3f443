"""The verdict as a person reads it at three in the morning: the ruling, why, the numbers, what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from understudy.config import Verdict
from understudy.diffs.difference import printable
from understudy.diffs.verdict import named, percent
from understudy.verdict import Ruling, ShadowVerdict, gravest

STYLES = {Ruling.GO: "bold green", Ruling.WAIT: "bold yellow", Ruling.NO_GO: "bold red"}
EXIT = {Ruling.GO: 0, Ruling.WAIT: 3, Ruling.NO_GO: 4}
CLASSES = 8  # of the open ones; the others are counted


def overall(found: Sequence[ShadowVerdict]) -> Ruling:
    """The ruling over all shadows: the gravest."""
    return gravest([one.ruling for one in found])


def as_json(found: Sequence[ShadowVerdict]) -> dict[str, Any]:
    """For scripts."""
    ruling = overall(found)
    return {"verdict": ruling, "exit_code": EXIT[ruling], "shadows": [msgspec.to_builtins(one) for one in found]}


def ending(found: Sequence[ShadowVerdict], option: str = "") -> Text:
    """The verdict for the end of a report, with the command that tells why; `option` as in `announce`."""
    ruling = overall(found)
    why = f"\n  understudy diffs verdict{option}  # why"
    return Text.assemble("Verdict: ", (words(ruling), STYLES[ruling]), why)


def announce(found: Sequence[ShadowVerdict], wanted: Verdict, console: Console, option: str = "") -> None:
    """Print it; `option` names the settings file in the commands that it suggests."""
    ruling = overall(found)
    if len(found) != 1:
        console.print(Text(f"{words(ruling)}\n", STYLES[ruling]))
    if not found:
        console.print("no request was judged\n")
    for one in found:
        console.print(Text(f"{words(one.ruling)} for {printable(one.shadow)}", STYLES[one.ruling]))
        if one.reasons:
            console.print(_table((words(reason.ruling).lower(), reason.text) for reason in one.reasons))
        console.print()
        if one.requests:
            console.print(_table(numbers(one, wanted)))
            console.print()
    console.print(Text("Next", "bold"))
    for told in following(found, option):
        console.print(Text(f"  {told}"), soft_wrap="understudy" in told)  # a command must stay in one line


def words(ruling: Ruling) -> str:
    """ "NO GO"."""
    return ruling.upper().replace("_", " ")


def _table(rows: Iterator[tuple[str, str]]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, told in rows:
        table.add_row(f"  {label}", Text(printable(told)))
    return table


def numbers(one: ShadowVerdict, wanted: Verdict) -> Iterator[tuple[str, str]]:
    """What it rests on, each with its label."""
    yield "judged", f"{one.requests:,} requests, {one.telling:,} of which tell something; the last {_when(one)}"
    yield (
        "differ",
        f"{one.different:,}; with 95 % certainty at most {percent(one.different_upper)} of all, "
        f"{percent(wanted.max_different)} allowed",
    )
    rare = f"; too few requests: {named(one.rare)}" if one.rare else ""
    yield "endpoints", f"{one.endpoints:,}, covered with {percent(one.covered)} of the requests{rare}"
    if one.ratio_p50 is not None:
        p95 = f"p95 {one.old_p95_ms:.1f} → {one.new_p95_ms:.1f} ms"
        yield "latency", f"new / old {one.ratio_p50:.2f}x in the median, {p95}"
    if one.open:
        more = len(one.open) - CLASSES
        classes = ", ".join(f"{kind.name} {kind.requests:,}" for kind in one.open[:CLASSES])
        yield "open", classes + (f" and {more} more classes" if more > 0 else "")
    yield "lost", f"{one.lost:,} lost or unjudged: {percent(one.lost_share)}" if one.lost else "nothing"
    yield "missed", _missed(one)
    if one.ignored:
        yield "left out", named(one.ignored)


def _when(one: ShadowVerdict) -> str:
    if one.last_at is None:
        return "at a time that is not known"
    return f"at {datetime.fromtimestamp(one.last_at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _missed(one: ShadowVerdict) -> str:
    return f"{one.missed:,} shed or not recorded: {percent(one.missed_share)}" if one.missed else "nothing"


def following(found: Sequence[ShadowVerdict], option: str = "") -> Iterator[str]:
    """What to do next, line by line."""
    ruling, judged = overall(found), any(one.requests for one in found)
    if any(one.open or one.slower for one in found):
        yield f"understudy diffs report{option}  # what differs, and where it is slower"
    if not judged:
        yield f"understudy status{option}  # is it running, and does it get traffic?"
    elif ruling is Ruling.WAIT:
        yield "let more traffic come, over a day with its peaks; understudy ramp PERCENT mirrors more of it"
    if any(one.lost for one in found):
        yield "exchanges were lost: raise recording.max_bytes, or mirror less (understudy ramp PERCENT)"
    if any(one.missed for one in found):
        yield f"understudy status{option}  # was the shadow down, too slow, or the disk full?"
    if ruling is Ruling.NO_GO:
        yield "mend it, and let traffic come again under another state_dir: what was counted stays counted"
    if ruling is Ruling.GO:
        yield f"understudy migrate check{option}  # the rest of the evidence before the cutover"
