"""All that follows from a request's head alone, made once and remembered while identical heads come. Pure."""

from __future__ import annotations

from msgspec import Struct

from understudy.exchange import Headers
from understudy.proxy.head import RequestHead, Template, forwarded, read_request, recorded
from understudy.proxy.masks import Masker
from understudy.proxy.policy import SAFE_METHODS, Policy
from understudy.proxy.turn import retryable


class Prepared(Struct, gc=False):
    """A request head, ready to be sent on.

    `request_id` is empty where the client gave none. `bodiless` says that no reply to it has a body, `eligible`
    that the policy lets it be mirrored, `may_keep` that the client's connection goes on after it.
    """

    head: RequestHead
    primary: Template
    shadow: Template
    method: str
    target: str
    masked_target: str
    request_id: bytes
    bodiless: bool
    retryable: bool
    safe: bool
    eligible: bool
    may_keep: bool
    _masked: Headers | None = None

    def headers(self) -> Headers:
        """The request's headers as an exchange holds them, before masking."""
        return recorded(self.head.fields, self.head.nominated)

    def masked_headers(self, masker: Masker) -> Headers:
        """The same, masked; worked out once, since most requests never need it."""
        if self._masked is None:
            self._masked = masker.headers(self.headers())
        return self._masked


class Preparer:
    """Makes `Prepared` from head bytes, for one scheme, under one set of rules."""

    def __init__(self, policy: Policy, masker: Masker, scheme: bytes, default_host: bytes) -> None:
        self._policy = policy
        self._masker = masker
        self._scheme = scheme
        self._default_host = default_host

    def __call__(self, raw: bytes) -> Prepared:
        """Read a head and prepare it. Raises Malformed."""
        head = read_request(raw)
        target = head.target.decode("latin-1")
        return Prepared(
            head=head,
            primary=forwarded(head, self._scheme, self._default_host, shadow=False),
            shadow=forwarded(head, self._scheme, self._default_host, shadow=True),
            method=head.method.decode("latin-1"),
            target=target,
            masked_target=self._masker.target(target),
            request_id=head.value(b"x-request-id"),
            bodiless=head.method == b"HEAD",
            retryable=retryable(head.method, head.length),
            safe=head.method in SAFE_METHODS and head.length == 0,
            eligible=self._policy.eligible(head),
            may_keep=head.keep_alive,
        )
