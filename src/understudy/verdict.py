"""What the shadow traffic says of a new stack: `diffs` finds it out, `migrate` asks for it before the cutover."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Ruling(StrEnum):
    """Whether the new stack may take over, the best first."""

    GO = "go"
    WAIT = "wait"  # not enough evidence
    NO_GO = "no_go"


class Reason(Struct, frozen=True, rename={"ruling": "verdict"}):
    """Why it is not `go`, in a line."""

    ruling: Ruling
    text: str


class Slower(Struct, frozen=True):
    """An endpoint that is too slow: the median of new / old over the same requests, and both stacks' p95."""

    endpoint: str
    ratio: float
    old_p95_ms: float
    new_p95_ms: float


class Open(Struct, frozen=True):
    """A class of differences that the new stack is to blame for, and how often it was seen in requests."""

    name: str
    requests: int
    endpoints: int


class ShadowVerdict(Struct, frozen=True, rename={"ruling": "verdict"}):
    """The verdict on one shadow, with its evidence.

    Of `requests` that were judged, `telling` are those that say something: without noise, and without what settled when
    asked again. `different` of them differ or failed; with 95 % certainty the rate of such is no higher than
    `different_upper`, and with the same certainty no lower than `different_lower`. `covered` is the share of the
    requests that went to endpoints with enough of them; `rare` names the other endpoints. Latencies are in ms, of
    requests that both stacks answered; None where there are none. `open` has the gravest class first.

    Over all shadows are `lost`, with its share of what was recorded, and `last_at`: when the last request that was
    judged was made, in seconds since 1970, None where that is not known. `ignored` are the paths that the settings
    leave out of the comparison now.

    `missed` are the requests that this shadow was not sent (its breaker was open, its budget used up) or that could not
    be recorded, `missed_share` their share of those for it.
    """

    shadow: str
    ruling: Ruling
    reasons: tuple[Reason, ...] = ()
    requests: int = 0
    telling: int = 0
    different: int = 0
    different_lower: float = 0.0
    different_upper: float = 1.0
    endpoints: int = 0
    covered: float = 0.0
    rare: tuple[str, ...] = ()
    slower: tuple[Slower, ...] = ()
    ratio_p50: float | None = None
    old_p95_ms: float | None = None
    new_p95_ms: float | None = None
    open: tuple[Open, ...] = ()
    lost: int = 0
    lost_share: float = 0.0
    last_at: float | None = None
    ignored: tuple[str, ...] = ()
    missed: int = 0
    missed_share: float = 0.0


def gravest(rulings: list[Ruling]) -> Ruling:
    """The one that counts where there are several; nothing at all is no evidence."""
    return max(rulings, key=[*Ruling].index, default=Ruling.WAIT)
