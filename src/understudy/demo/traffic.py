"""Shoppers: what they ask for, and the asking.

What is asked is decided without I/O and the same in every run. Each shopper has one kept-alive connection and
looks at every answer for a moment before the next click, so that the shop is busy and not overrun.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import aiohttp

from understudy.demo.stock import CUSTOMERS, PRODUCTS

SHOPPERS = 8
GLANCE_S = 0.05  # how long an answer is looked at, on average; eight shoppers make some 150 requests a second
ANSWER_S = 30.0
PAGES = 5
WORDS = ("tea", "coffee", "bread", "cafe", "basket", "chocolate", "creme", "honey", "roast", "pizza")
CAMPAIGNS = ("1", "2", "3", "spring")


class Visit(NamedTuple):
    """One request of a shopper; `product` is what a POST puts into the cart."""

    method: str
    target: str
    product: int | None = None


CLICKS = {
    "GET /": 12,
    "GET /shop": 4,
    "GET /shop/{product}": 17,
    "GET /products?page={page}": 14,
    "GET /products/{product}": 20,
    "GET /categories": 5,
    "GET /search?q={word}": 8,
    "GET /reviews/{product}": 7,
    "GET /orders?customer={customer}": 4,
    "GET /offers?campaign={campaign}": 5,
    "POST /cart": 4,
}
"""What shoppers do, and how often out of a hundred times."""


def visits(seed: int) -> Iterator[Visit]:
    """A shopper's clicks, without end; equal seeds click equally."""
    dice = random.Random(seed)
    while True:
        method, _, target = dice.choices(list(CLICKS), list(CLICKS.values()))[0].partition(" ")
        product = dice.randint(1, len(PRODUCTS))
        yield Visit(
            method,
            target.format(
                product=product,
                page=dice.randint(1, PAGES),
                word=dice.choice(WORDS),
                customer=dice.randint(1, CUSTOMERS),
                campaign=dice.choice(CAMPAIGNS),
            ),
            product if method == "POST" else None,
        )


@dataclass
class Till:
    """What the shoppers saw: how many requests, how many of them a shopper would complain about, and why.

    `outcomes` counts statuses, and "no answer".
    """

    requests: int = 0
    errors: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)

    def count(self, outcome: str, is_error: bool) -> None:
        """Enter one request."""
        self.requests += 1
        self.errors += is_error
        self.outcomes[outcome] += 1


async def shop(url: str, seconds: float, till: Till) -> None:
    """Let the shoppers shop for some seconds; `till` counts while they do."""
    until = time.monotonic() + seconds
    async with asyncio.TaskGroup() as shoppers:
        for number in range(SHOPPERS):
            shoppers.create_task(_shopper(url, number, until, till), name=f"shopper-{number}")


async def _shopper(url: str, number: int, until: float, till: Till) -> None:
    headers = {"User-Agent": f"shopper/{number}", "Cookie": f"session=shopper-{number}"}
    clicks, dice = visits(number), random.Random(number)
    async with aiohttp.ClientSession(
        url,
        headers=headers,
        connector=aiohttp.TCPConnector(limit=1),
        timeout=aiohttp.ClientTimeout(total=ANSWER_S),
    ) as session:
        while time.monotonic() < until:
            await asyncio.sleep(dice.uniform(0, 2 * GLANCE_S))  # not in step, or they all wait for one another
            await _click(session, next(clicks), till)


async def _click(session: aiohttp.ClientSession, visit: Visit, till: Till) -> None:
    body = None if visit.product is None else {"product": visit.product}
    try:
        async with session.request(visit.method, visit.target, json=body) as answer:
            await answer.read()
            till.count(str(answer.status), is_error=answer.status >= 400)
    except (aiohttp.ClientError, TimeoutError):
        till.count("no answer", is_error=True)
