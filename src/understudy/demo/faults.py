"""The faults that the new server has, and whether the report of a run names them."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

SLOWER: Final = "slower"


class Fault(NamedTuple):
    """A fault of the new stack.

    `field` is the one of `Flavour` that brings it; `named` is what the report calls it at `endpoint`: the class of a
    difference, or `SLOWER`.
    """

    field: str
    title: str
    endpoint: str
    named: str
    shows: str


FAULTS: Final = (
    Fault(
        "groups_sorted",
        "GROUP BY unsorted",
        "GET /categories",
        "order_only",
        "the categories come in another order",
    ),
    Fault(
        "collation",
        "another collation",
        "GET /search",
        "missing",
        "a search for cafe no longer finds Café",
    ),
    Fault(
        "decimals",
        "DECIMAL retyped",
        "GET /orders",
        "number_text",
        "a total of 10.10 is printed 10.1",
    ),
    Fault(
        "every_index",
        "index left behind",
        "GET /reviews/{id}",
        SLOWER,
        "the same reviews, many times slower",
    ),
    Fault(
        "strict",
        "strict SQL mode",
        "GET /offers",
        "new_error",
        "status 500 for what was stored before",
    ),
)


def sightings(report: dict[str, Any]) -> dict[str, bool]:
    """Which faults, by field, a report (`understudy diffs report --json`) names."""
    named = {(row["endpoint"], row["class"]) for row in report["differences"]}
    named |= {(row["endpoint"], SLOWER) for row in report["endpoints"] if row["slower"]}
    return {fault.field: (fault.endpoint, fault.named) in named for fault in FAULTS}
