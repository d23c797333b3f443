"""Which faults a report names."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.demo.faults import FAULTS, sightings
from understudy.demo.flavour import NEW, OLD


def report(
    differences: list[tuple[str, str]], slower: tuple[str, ...] = (), fast: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {
        "differences": [{"endpoint": endpoint, "class": name} for endpoint, name in differences],
        "endpoints": [{"endpoint": endpoint, "slower": endpoint in slower} for endpoint in (*slower, *fast)],
    }


def test_every_fault_is_a_way_in_which_the_flavours_differ() -> None:
    assert {fault.field for fault in FAULTS} == {f for f in vars(OLD) if vars(OLD)[f] != vars(NEW)[f]} - {"name"}


@pytest.mark.parametrize(
    ("found", "faults"),
    [
        (report([]), set()),
        (report([("GET /categories", "order_only")]), {"groups_sorted"}),
        (report([("GET /categories", "noise")]), set()),
        (report([("GET /shop", "order_only")]), set()),
        (report([("GET /search", "missing"), ("GET /offers", "new_error")]), {"collation", "strict"}),
        (report([("GET /orders", "number_text")]), {"decimals"}),
        (report([], slower=("GET /reviews/{id}",)), {"every_index"}),
        (report([], fast=("GET /reviews/{id}",)), set()),
    ],
)
def test_a_fault_is_found_where_the_report_has_its_endpoint_under_its_class(
    found: dict[str, Any], faults: set[str]
) -> None:
    assert {field for field, is_found in sightings(found).items() if is_found} == faults
