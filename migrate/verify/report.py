"""The report that is kept as evidence: of each pair of servers what came of its last run, the latest run at the end.

Servers are known by what they say of themselves, so a pair that is compared again replaces what was told of it, under
whatever addresses. What is told of other pairs stays as it was written, byte by byte and so with its digest: what was
edited remains seen to be edited. The file is written whole or not at all, and by one run at a time.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Raw, Struct

from understudy.errors import UnderstudyError
from understudy.migrate.verify.options import Outcome, Side

PAIRS = 64  # kept at most; the largest tree of a preset has 31 servers
MOST_BYTES = 64 * 2**20  # likewise; 10,000 tables are some 2 MB a run
Known = tuple[Mapping[str, str] | str, ...]


class _Pair(Struct, frozen=True):
    old: Side
    new: Side


class _Report(Struct, frozen=True):
    runs: tuple[Raw, ...] = ()


def keep(file: Path, outcome: Outcome) -> None:
    """Add what came of a run to the report. Raises UnderstudyError where that can't be written."""
    try:
        with file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another pair's run holds it no longer than it writes
            _write(file, merged(_runs(file), outcome))
    except OSError as error:
        raise UnderstudyError(f"{file}: the report can't be kept: {error.strerror}") from error


def merged(known: Sequence[Raw], outcome: Outcome) -> list[Raw]:
    """The runs of a report, oldest first, after this one; what is too much or can't be read is left out. Pure."""
    fresh = Raw(msgspec.json.encode(outcome))
    kept, pairs, room = [fresh], [_servers(_Pair(outcome.old, outcome.new))], MOST_BYTES - len(fresh)
    for run in reversed(known):
        pair = _pair(run)
        if pair is None or _servers(pair) in pairs:
            continue
        room -= len(bytes(run))
        if room < 0 or len(kept) == PAIRS:
            break
        kept.append(run)
        pairs.append(_servers(pair))
    return kept[::-1]


def _servers(pair: _Pair) -> Known:
    return tuple(side.identity or side.address for side in (pair.old, pair.new))


def _pair(run: Raw) -> _Pair | None:
    try:
        return msgspec.json.decode(run, type=_Pair)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _runs(file: Path) -> tuple[Raw, ...]:
    """Of the report so far; one that can't be read is no evidence of anything, and is replaced."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Report).runs
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()


def _write(file: Path, runs: Sequence[Raw]) -> None:
    fresh = file.with_suffix(".new")
    with fresh.open("wb") as out:
        out.write(msgspec.json.format(msgspec.json.encode({"runs": runs}), indent=1))
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)
