"""What a server stores, as far as rules look at it. Pure data."""

from __future__ import annotations

from msgspec import Struct


class Schema(Struct, frozen=True):
    """Everything in the databases of a server that are not the server's own."""
