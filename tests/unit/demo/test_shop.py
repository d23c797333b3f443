"""The demo's faults are in its database layer: each is there, alone, and nothing else differs."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp.test_utils import TestClient, TestServer

from understudy.demo import queries, shop, stock
from understudy.demo.flavour import FLAVOURS, NEW, OLD, Flavour
from understudy.demo.traffic import CAMPAIGNS, CLICKS, PAGES, WORDS

REVIEWS = 4_000  # plenty for what is tested here, and quickly made


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


Open = Callable[[Flavour], Awaitable["Shop"]]


class Shop:
    def __init__(self, client: TestClient) -> None:  # type: ignore[type-arg]
        self._client = client

    async def get(self, target: str) -> Answer:
        async with self._client.get(target) as answer:
            headers = [(name, value) for name, value in answer.headers.items() if name != "Date"]
            return Answer(answer.status, headers, await answer.read())

    async def post(self, target: str, body: object) -> Answer:
        async with self._client.post(target, json=body) as answer:
            return Answer(answer.status, [], await answer.read())

    async def json(self, target: str) -> object:
        return json.loads((await self.get(target)).body)


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Open]:
    clients: list[TestClient] = []  # type: ignore[type-arg]

    async def opened(flavour: Flavour) -> Shop:
        path = tmp_path / f"{len(clients)}.sqlite"
        stock.create(path, flavour, REVIEWS)
        client = TestClient(TestServer(shop.application(shop.Database(path, flavour))))
        clients.append(client)
        await client.start_server()
        return Shop(client)

    yield opened
    for client in clients:
        await client.close()


def every_get() -> list[str]:
    """Everything that shoppers may ask for, each with every value that it can have."""
    values: dict[str, list[object]] = {
        "product": list(range(1, len(stock.PRODUCTS) + 1)),
        "page": list(range(1, PAGES + 1)),
        "word": list(WORDS),
        "customer": list(range(1, stock.CUSTOMERS + 1)),
        "campaign": list(CAMPAIGNS),
    }
    targets = []
    for click in CLICKS:
        method, _, template = click.partition(" ")
        names = re.findall(r"{(\w+)}", template)
        if method == "GET":
            targets += [
                template.format(**dict(zip(names, chosen, strict=True)))
                for chosen in product(*(values[name] for name in names))
            ]
    return targets


FAULTS = [
    ("groups_sorted", r"/categories"),
    ("collation", r"/shop|/search\?q=(cafe|creme)"),
    ("decimals", r"/orders\?customer=\d+"),
    ("every_index", r"nothing differs but the time it takes"),
    ("strict", r"/offers\?campaign=spring"),
]


@pytest.mark.parametrize(("field", "where"), FAULTS)
async def test_each_fault_shows_in_its_place_and_everything_else_is_equal_to_the_byte(
    opened: Open, field: str, where: str
) -> None:
    old = await opened(OLD)
    faulty = await opened(replace(OLD, **{field: getattr(NEW, field)}))
    differing = [target for target in every_get() if await old.get(target) != await faulty.get(target)]
    assert [target for target in differing if not re.fullmatch(where, target)] == []
    assert differing or field == "every_index"


def test_the_faults_are_all_that_the_flavours_differ_in() -> None:
    differing = {field for field in vars(OLD) if vars(OLD)[field] != vars(NEW)[field]}
    assert differing == {field for field, _ in FAULTS} | {"name"}
    assert FLAVOURS == {"old": OLD, "new": NEW}


async def test_the_old_shop_answers_everything_and_repeats_itself(opened: Open) -> None:
    old = await opened(OLD)
    for target in every_get():
        once, again = await old.get(target), await old.get(target)
        assert once.status == 200, target
        assert once == again, target


async def test_groups_come_sorted_from_the_old_server_and_as_the_plan_has_it_from_the_new(opened: Open) -> None:
    old, new = await opened(OLD), await opened(NEW)
    before, after = await old.json("/categories"), await new.json("/categories")
    assert isinstance(before, list)
    assert isinstance(after, list)
    names = [category["category"] for category in before]
    assert names == sorted(names)
    assert before != after
    assert sorted(before, key=lambda c: c["category"]) == sorted(after, key=lambda c: c["category"])


async def test_a_search_without_accents_finds_accented_words_on_the_old_server_only(opened: Open) -> None:
    old, new = await opened(OLD), await opened(NEW)

    async def found(where: Shop) -> list[str]:
        answer = await where.json("/search?q=cafe")
        assert isinstance(answer, dict)
        return [product["name"] for product in answer["products"]]

    assert await found(old) == ["Café de Paris Butter", "Café Crème", "Cafe Latte Fudge"]
    assert await found(new) == ["Cafe Latte Fudge"]


async def test_the_list_of_products_has_the_same_products_in_another_order(opened: Open) -> None:
    old, new = await opened(OLD), await opened(NEW)
    before, after = [
        re.findall(r"<li><a .*?>(.*?)</a>", (await where.get("/shop")).body.decode()) for where in (old, new)
    ]
    assert len(before) == len(stock.PRODUCTS)
    assert sorted(before) == sorted(after)
    assert before.index("Earl Grey") < before.index("Éclair") < before.index("Espresso Roast")
    assert after[-1] == "Éclair"


async def test_a_total_loses_its_last_zero(opened: Open) -> None:
    old, new = await opened(OLD), await opened(NEW)
    for customer in range(1, stock.CUSTOMERS + 1):
        before, after = [await where.json(f"/orders?customer={customer}") for where in (old, new)]
        assert isinstance(before, list)
        assert isinstance(after, list)
        assert [order["total"].rstrip("0").rstrip(".") for order in before] == [order["total"] for order in after]
        assert all(re.fullmatch(r"\d+\.\d\d", order["total"]) for order in before)


async def test_a_campaign_that_is_no_number_is_stored_by_the_old_server_and_refused_by_the_new(
    opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    old, new = await opened(OLD), await opened(NEW)
    assert (await old.get("/offers?campaign=spring")).status == 200
    assert (await new.get("/offers?campaign=2")).status == 200
    assert (await new.get("/offers?campaign=spring")).status == 500
    assert "CHECK constraint failed" in caplog.text


def test_the_reviews_take_the_new_server_ten_times_the_work_and_more(tmp_path: Path) -> None:
    assert work(tmp_path / "new", NEW) > 10 * work(tmp_path / "old", OLD)


def work(path: Path, flavour: Flavour) -> int:
    """How many hundreds of SQLite's instructions the reviews of a product take."""
    stock.create(path, flavour, REVIEWS)
    db = stock.connect(path, flavour)
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    db.set_progress_handler(count, 10)
    assert queries.reviews(db, 7)
    db.close()
    return steps


async def test_what_goes_into_the_cart_stays_there(opened: Open) -> None:
    old = await opened(OLD)
    await old.post("/cart", {"product": 3})
    assert json.loads((await old.post("/cart", {"product": 3})).body) == {"product_id": 3, "quantity": 2}


@pytest.mark.parametrize("flavour", FLAVOURS.values(), ids=FLAVOURS)
async def test_an_unknown_product_is_a_404_on_both(opened: Open, flavour: Flavour) -> None:
    assert (await (await opened(flavour)).get("/products/999")).status == 404


def test_a_database_refuses_to_be_made_twice(tmp_path: Path) -> None:
    stock.create(tmp_path / "db", OLD, 1)
    with pytest.raises(sqlite3.OperationalError):
        stock.create(tmp_path / "db", OLD, 1)


def test_a_port_in_use_is_told_in_a_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        shop_on_it = [sys.executable, "-m", "understudy.demo.shop", "--flavour", "old", "--port", str(port)]
        done = subprocess.run(
            [*shop_on_it, "--database", tmp_path / "db"], capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 1
    assert done.stderr == f"can't listen on 127.0.0.1:{port}: Address already in use\n"
