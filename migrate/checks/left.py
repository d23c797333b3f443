"""What `verify`, the journal and the judge of shadow traffic have left behind, as rules look at it. Pure data."""

from __future__ import annotations

from msgspec import Struct

from understudy.migrate.verify.options import Outcome
from understudy.verdict import ShadowVerdict


class Change(Struct, frozen=True):
    """What somebody was about to do to a server's data by a command, at `at_s` seconds since 1970."""

    server: str
    what: str  # "a copy"
    at_s: float


class Evidence(Struct, frozen=True):
    """The runs of the last report, read from `place` at `now_s`, seconds since 1970; `trouble` says why it can't be.

    `changes` are those that the journal tells, of all servers. `shadows` has the verdict on each shadow; where there is
    none, `no_shadow` says why.
    """

    now_s: float = 0.0
    place: str = "report.json"
    runs: tuple[Outcome, ...] = ()
    trouble: str = ""
    changes: tuple[Change, ...] = ()
    shadows: tuple[ShadowVerdict, ...] = ()
    no_shadow: str = ""
