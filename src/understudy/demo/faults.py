"""The faults that the new server has, and whether the report of a run names them."""

from __future__ import annotations

from typing import Any, NamedTuple


class Fault(NamedTuple):
    """A fault of the new stack: the field of `Flavour` that brings it, what it is, where and how it shows."""

    field: str
    title: str
    endpoint: str
    shows: str


FAULTS = (
    Fault(
        "groups_sorted",
        "GROUP BY sorts no more",
        "/api/categories",
        "the same categories, in another order",
    ),
    Fault(
        "collation",
        "another collation",
        "/api/search",
        "“cafe” no longer finds “Café”; on /products, “Éclair” comes last",
    ),
    Fault(
        "decimals",
        "a DECIMAL of another type",
        "/api/customers/{id}/orders",
        "a total of 270.20 is printed 270.2",
    ),
    Fault(
        "every_index",
        "an index left behind",
        "/api/products/{id}/reviews",
        "the same answer, but late",
    ),
    Fault(
        "strict",
        "a strict SQL mode",
        "/api/offers",
        "500 instead of 200 where a number was expected and text came",
    ),
)


def sightings(report: dict[str, Any]) -> dict[str, bool]:
    """Which faults, by field, a report shows."""
    return {fault.field: False for fault in FAULTS}
