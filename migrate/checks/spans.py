"""In which versions a thing is there: one flavour's versions from one on, until another. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from understudy.migrate.versions import Flavour, Version


class Span(NamedTuple):
    """The versions of a flavour from `since` on and before `until`; empty is from the beginning, or to this day."""

    flavour: Flavour
    since: tuple[int, ...] = ()
    until: tuple[int, ...] = ()

    def covers(self, version: Version) -> bool:
        """Whether this version is among them."""
        if version.flavour is not self.flavour:
            return False
        return self.since <= version.numbers and (not self.until or version.numbers < self.until)


def my(since: tuple[int, ...] = (), until: tuple[int, ...] = ()) -> Span:
    """Versions of MySQL."""
    return Span(Flavour.MYSQL, since, until)


def maria(since: tuple[int, ...] = (), until: tuple[int, ...] = ()) -> Span:
    """Versions of MariaDB."""
    return Span(Flavour.MARIADB, since, until)


MY, MARIA = my(), maria()


def listed(text: str) -> frozenset[str]:
    """The words of a text: for tables that are read more easily so."""
    return frozenset(text.split())


def holds(spans: Iterable[Span], version: Version) -> bool:
    """Whether it is there in this version."""
    return any(span.covers(version) for span in spans)


def turn(spans: Iterable[Span], version: Version) -> str:
    """When it went from, or came to, a version's flavour, for people: "removed in MySQL 8.0.13"."""
    name = "MariaDB" if version.flavour is Flavour.MARIADB else "MySQL"
    own = [span for span in spans if span.flavour is version.flavour]
    gone = [span.until for span in own if span.until and span.until <= version.numbers]
    if gone:
        return f"removed in {name} {_dotted(max(gone))}"
    to_come = [span.since for span in own if span.since > version.numbers]
    return f"comes with {name} {_dotted(min(to_come))}" if to_come else f"{name} has never had it"


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
