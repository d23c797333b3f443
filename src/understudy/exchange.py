"""What the proxy makes and the judge eats: one request and what each stack answered.

Everything here is immutable and travels between processes as msgpack (see `recording`). Secrets
are masked before an `Exchange` is made: nothing in it is unfit for a disk.

Header values are text, one character a byte (latin-1), with order, case and duplicates kept.
"""

from __future__ import annotations

from msgspec import Struct

Headers = tuple[tuple[str, str], ...]


class Request(Struct, frozen=True, array_like=True, gc=False):
    """A request as the client sent it, hop-by-hop headers gone, secrets masked; `body` is whole.

    `connection` is the same for all requests of one client connection.
    """

    method: str
    target: str
    headers: Headers
    body: bytes = b""
    connection: str = ""

    def header(self, name: str) -> str:
        """The first value of a header, named in lower case; empty where there is none."""
        return first_header(self.headers, name)


class Reply(Struct, frozen=True, array_like=True, gc=False, tag="reply"):
    """What a stack answered. `body` is empty and `digest` set where it was longer than the capture's bound.

    `body_bytes` is the length as it came (before masking), `digest` a blake2b-128 of the body or empty,
    `elapsed_ms` the time from the request's last byte sent to the reply's last byte received.
    """

    status: int
    headers: Headers
    body: bytes
    body_bytes: int
    elapsed_ms: float
    digest: bytes = b""

    def header(self, name: str) -> str:
        """The first value of a header, named in lower case; empty where there is none."""
        return first_header(self.headers, name)


class Failure(Struct, frozen=True, array_like=True, gc=False, tag="failure"):
    """A stack gave no answer: `reason` is one of refused, timeout, closed, garbled, unresolved, tls."""

    reason: str
    elapsed_ms: float


Answer = Reply | Failure


class Exchange(Struct, frozen=True, array_like=True, gc=False, tag="exchange"):
    """A request whose answers were not all equal, recorded whole.

    `id` is the X-Request-Id that every stack got; `at` is unix time in seconds; `answers` is keyed by
    stack name and holds the `primary` and each shadow asked. `again` holds the answers to asking once more
    after a settling time (safe requests only, within a budget), or is empty: where the primary
    differs from itself the difference is noise, where the pair agrees it was lag or a race.
    """

    id: str
    at: float
    request: Request
    primary: str
    answers: dict[str, Answer]
    again: dict[str, Answer] = {}


class Summary(Struct, frozen=True, array_like=True, gc=False):
    """A request whose answers were all equal: just what the latency statistics need.

    `elapsed_ms` is keyed by stack name, the primary first.
    """

    at: float
    method: str
    target: str
    status: int
    elapsed_ms: dict[str, float]


class Equals(Struct, frozen=True, array_like=True, gc=False, tag="equals"):
    """A batch of summaries: one record, so that equality stays cheap."""

    summaries: list[Summary]


class Missed(Struct, frozen=True, array_like=True, gc=False, tag="missed"):
    """What no exchange tells, since the last of its kind: requests that a shadow, by name, was not sent; unrecorded."""

    shed: dict[str, int]
    unrecorded: int = 0


Record = Exchange | Equals | Missed


def first_header(headers: Headers, name: str) -> str:
    """The first value of the header called `name` (lower case), or an empty string."""
    for key, value in headers:
        if key.lower() == name:
            return value
    return ""
