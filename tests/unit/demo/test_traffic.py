"""The demo's shoppers."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from support import free_port
from understudy.demo.traffic import CLICKS, SHOPPERS, Till, shop, visits


def test_equal_seeds_click_equally_and_others_do_not() -> None:
    assert list(islice(visits(1), 50)) == list(islice(visits(1), 50)) != list(islice(visits(2), 50))


def test_what_shoppers_do_adds_up_to_a_hundred() -> None:
    assert sum(CLICKS.values()) == 100


def test_a_few_seconds_of_shopping_visit_every_page() -> None:
    seen = {visit.target.partition("?")[0] for seed in range(SHOPPERS) for visit in islice(visits(seed), 100)}
    assert {"/", "/shop", "/products", "/categories", "/search", "/orders", "/offers", "/cart"} <= seen
    assert any(target.startswith("/reviews/") for target in seen)


def test_only_the_cart_is_written_to() -> None:
    for visit in islice(visits(0), 500):
        assert (visit.method == "POST") == (visit.target == "/cart") == (visit.product is not None)


async def test_every_shopper_keeps_one_connection() -> None:
    ports = Counter[object]()

    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports[request.transport.get_extra_info("peername")] += 1
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    async with TestServer(app) as server:
        till = Till()
        await shop(str(server.make_url("")), 2.0, till)
    assert len(ports) == SHOPPERS
    assert till.requests == ports.total() == till.outcomes["200"]
    assert till.errors == 0


@pytest.mark.parametrize(("status", "is_error"), [(200, False), (201, False), (404, True), (500, True)])
async def test_errors_are_what_a_shopper_would_complain_about(status: int, is_error: bool) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    async with TestServer(app) as server:
        till = Till()
        await shop(str(server.make_url("")), 0.5, till)
    assert till.outcomes[str(status)] == till.requests > 0
    assert till.errors == (till.requests if is_error else 0)


async def test_a_request_without_an_answer_is_counted() -> None:
    till = Till()
    await shop(f"http://127.0.0.1:{free_port()}", 0.5, till)
    assert till.outcomes["no answer"] == till.requests == till.errors > 0
