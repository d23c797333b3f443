"""Reading what earlier commands have left in the state directory; what can't be read is told as such."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from understudy.config import Settings
from understudy.errors import UnderstudyError
from understudy.migrate.checks.left import Change, Evidence
from understudy.migrate.journal import Entry, Event, JournalError, place, read
from understudy.migrate.ports import Clock, Shadows
from understudy.migrate.step import Kind
from understudy.migrate.verify.options import Outcome

COPY = f"-{Kind.COPY}-"


class _Report(Struct, frozen=True):
    runs: tuple[Outcome, ...]


def evidence(state: Path, clock: Clock) -> Evidence:
    """What is there of it; empty before the first run of verify."""
    file = state / "migrate" / "verify" / "report.json"
    found = Evidence(clock.now_s(), str(file))
    try:
        runs = msgspec.json.decode(file.read_bytes(), type=_Report).runs
        changes = tuple(_changes(read(place(state)).entries))
    except FileNotFoundError:
        return found
    except OSError as error:
        return msgspec.structs.replace(found, trouble=f"{file}: {error.strerror}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return msgspec.structs.replace(found, trouble=f"{file}: {error}")
    except JournalError as error:
        return msgspec.structs.replace(found, trouble=error.message)
    return msgspec.structs.replace(found, runs=runs, changes=changes)


def shadowed(found: Evidence, shadows: Shadows | None, settings: Settings) -> Evidence:
    """The same with the verdict on the shadows, or why there is none."""
    if shadows is None:
        return found
    try:
        return msgspec.structs.replace(found, shadows=tuple(shadows.verdicts(settings)))
    except UnderstudyError as error:
        return msgspec.structs.replace(found, no_shadow=error.message)


def _changes(entries: Iterable[Entry]) -> Iterator[Change]:
    """What was begun, whatever came of it: a copy that failed has dropped what was there."""
    for entry in entries:
        number, kind, server = entry.step.partition(COPY)
        if entry.event is Event.INTENT and kind and number.isdigit():
            yield Change(server, "a copy", entry.at.timestamp())
        elif entry.event is Event.SKIP:
            yield Change(str(entry.detail.get("server", "")), "a transaction left out", entry.at.timestamp())
