"""How fast the judge is: different pairs through the whole path, from segment files to committed transactions.

    python tests/bench/judge.py [--pairs N] [--runs N] [--json]

One process, one core. It writes segments, judges them as the judge's process does, and prints pairs a second for the
1 KB document, for 100 KB of JSON, for a page of HTML, and what a summary of an equal pair costs. What it tells is the
best of several runs, as timeit does: others who share the core, and its caches, make a run slower and never faster.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from understudy.config import Settings, Stack
from understudy.diffs.judge import Judge, prepare
from understudy.diffs.store import SqliteStore
from understudy.exchange import Equals, Exchange, Record, Reply, Request, Summary
from understudy.recording import MAGIC, SegmentName, Start, frame

_HEADERS = (("Server", "nginx"), ("Date", "Sat, 21 Nov 2026 05:00:00 GMT"), ("Content-Type", "application/json"))
_REQUEST = (("Host", "shop.example"), ("User-Agent", "wrk"), ("Accept", "*/*"), ("X-Request-Id", "f" * 32))
_SEGMENT_RECORDS = 2_000
_LINE = "{:12} {per_s:12,.0f}/s {cpu_us:12.2f} us CPU each; middle run {middle_cpu_us:.2f}, worst {worst_cpu_us:.2f}"


def document(users: int, changed: int | None = None, number: int = 0) -> bytes:
    """A JSON answer; `changed` is the user whose score is another, `number` makes the timestamp one of its own."""
    rows = [
        {"id": i, "name": f"user{i}", "email": f"user{i}@example.com", "score": i * 3.5 + (i == changed) * 0.25}
        for i in range(users)
    ]
    stamp = f"2026-11-21T05:{number // 60 % 60:02d}:{number % 60:02d}.{'1' if changed is not None else '0'}00Z"
    return json.dumps({"users": rows, "served_at": stamp}).encode()


def page(posts: int, changed: int | None = None) -> bytes:
    """A blog's page; `changed` is the post whose title is another."""
    articles = "".join(
        f'<article id="post-{i}" class="post-{i} post hentry"><h2 class="entry-title"><a href="/2026/11/21/post-{i}/">'
        f"Post {i}{' anew' if i == changed else ''}</a></h2><div>{'<p>Lorem <em>ipsum</em> dolor sit.</p>' * 8}</div>"
        f'<footer><span class="date">November {i}</span></footer></article>'
        for i in range(posts)
    )
    return f"<!DOCTYPE html><html><head><title>Shop</title></head><body><main>{articles}</main></body></html>".encode()


def exchange(number: int, target: str, old: bytes, new: bytes, content_type: str = "application/json") -> Exchange:
    """A request that two stacks answered with these bodies."""
    headers = (*_HEADERS[:2], ("Content-Type", content_type))
    return Exchange(
        id=f"{number:032x}",
        at=1_795_000_000.0 + number / 1000,
        request=Request("GET", target, _REQUEST),
        primary="old",
        answers={
            "old": Reply(200, (*headers, ("Content-Length", str(len(old)))), old, len(old), 2.5 + number % 7),
            "new": Reply(200, (*headers, ("Content-Length", str(len(new)))), new, len(new), 2.0 + number % 11),
        },
    )


def write(folder: Path, records: Iterator[Record]) -> None:
    """Records as the segments of one run."""
    folder.mkdir(parents=True, exist_ok=True)
    equal = different = 0
    data = b""
    frames: list[bytes] = []
    name = SegmentName("bench", 0)
    start = frame(Start("bench", 0, 0, 0.0))
    for record in records:
        frames.append(frame(record))
        if isinstance(record, Equals):
            equal += len(record.summaries)
        else:
            different += 1
        if len(frames) == _SEGMENT_RECORDS:
            (folder / str(name)).write_bytes(MAGIC + start + b"".join(frames))
            frames.clear()
            name, start = SegmentName("bench", equal + different), frame(Start("bench", equal, different, 0.0))
    data = b"".join(frames)
    if data:
        (folder / str(name)).write_bytes(MAGIC + start + data)


def measure(records: Iterator[Record]) -> tuple[float, float]:
    """Exchanges a second of elapsed time, and microseconds of CPU for each."""
    with tempfile.TemporaryDirectory() as folder:
        stacks = {name: Stack(role=role, url="http://127.0.0.1:9") for name, role in _ROLES.items()}  # type: ignore[arg-type]
        settings = Settings(stacks=stacks, state_dir=folder)
        write(settings.recordings, records)
        began, cpu = time.perf_counter(), time.process_time()
        judge = Judge(settings, SqliteStore(settings.database))
        judged = judge.run_to_end()
        judge.close()
        elapsed, used = time.perf_counter() - began, time.process_time() - cpu
    return judged / elapsed, used / judged * 1e6


_ROLES = {"old": "primary", "new": "shadow"}


def small(pairs: int) -> Iterator[Record]:
    """1 KB of JSON: one number and the timestamp differ."""
    for i in range(pairs):
        yield exchange(i, f"/api/users/{i % 500}", document(13, None, i), document(13, i % 13, i))


def large(pairs: int) -> Iterator[Record]:
    """100 KB of JSON: likewise."""
    for i in range(pairs):
        yield exchange(i, "/api/report", document(1350, None, i), document(1350, i % 1350, i))


def pages(pairs: int) -> Iterator[Record]:
    """25 KB of HTML: one title differs."""
    for i in range(pairs):
        yield exchange(i, f"/2026/11/{i % 28 + 1:02d}/post/", page(50), page(50, i % 50), "text/html; charset=UTF-8")


def summaries(pairs: int) -> Iterator[Record]:
    """Equal pairs, as workers summarise them."""
    for i in range(0, pairs, 256):
        yield Equals(
            [
                Summary(1_795_000_000.0, "GET", f"/api/users/{j % 500}", 200, {"old": 2.5 + j % 7, "new": 2.0 + j % 11})
                for j in range(i, i + 256)
            ]
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20_000, help="pairs of 1 KB in a run; the others in proportion")
    parser.add_argument("--runs", type=int, default=7, help="of which the best is told")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    prepare()
    cases: dict[str, Callable[[], Iterator[Record]]] = {
        "json_1kb": lambda: small(options.pairs),
        "json_100kb": lambda: large(max(20, options.pairs // 150)),
        "html_25kb": lambda: pages(max(20, options.pairs // 60)),
        "summaries": lambda: summaries(options.pairs * 10),
    }
    runs = [{name: measure(records()) for name, records in cases.items()} for _ in range(options.runs)]
    figures = {name: _figures([run[name] for run in runs]) for name in cases}
    if options.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(_LINE.format(name, **figure))


def _figures(runs: list[tuple[float, float]]) -> dict[str, float]:
    rates, costs = zip(*runs, strict=True)
    told = {"cpu_us": min(costs), "middle_cpu_us": median(costs), "worst_cpu_us": max(costs)}
    return {"per_s": round(max(rates))} | {name: round(cost, 2) for name, cost in told.items()}


if __name__ == "__main__":
    main()
