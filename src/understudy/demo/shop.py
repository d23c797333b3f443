"""The demo's application: a small shop as a web server on an SQLite file.

Run as `python -m understudy.demo.shop --flavour old --port N --database FILE`; it makes the database where there is
none, and ends in order on SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sqlite3
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import uvloop
from aiohttp import web

from understudy import logs
from understudy.demo import pages, queries, stock
from understudy.demo.flavour import FLAVOURS, Flavour

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)


class Database:
    """The shop's database, asked from threads: a slow query holds up its own request and no other."""

    def __init__(self, path: Path, flavour: Flavour) -> None:
        self._path = path
        self._flavour = flavour
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="database")
        self._own = threading.local()
        self._open: list[sqlite3.Connection] = []

    async def ask(self, query: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What one of `queries` answers. Raises sqlite3.Error."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: query(self._connection(), *args, **kwargs)
        )

    def close(self) -> None:
        """Close every connection, once the queries that run have ended."""
        self._threads.shutdown()
        for connection in self._open:
            connection.close()

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._own, "connection"):
            self._own.connection = stock.connect(self._path, self._flavour)
            self._open.append(self._own.connection)
        connection: sqlite3.Connection = self._own.connection
        return connection


DATABASE = web.AppKey("database", Database)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(database: Database) -> web.Application:
    """The shop on a database, which is closed with it."""
    app = web.Application(middlewares=[_explain_errors])
    app[DATABASE] = database
    app.on_cleanup.append(_close)
    app.router.add_get("/health", _health)
    app.router.add_get("/", _front)
    app.router.add_get("/shop", _all_products)
    app.router.add_get(r"/shop/{id:\d+}", _product_page)
    app.router.add_get("/products", _products)
    app.router.add_get(r"/products/{id:\d+}", _product)
    app.router.add_get("/categories", _categories)
    app.router.add_get("/search", _search)
    app.router.add_get(r"/reviews/{id:\d+}", _reviews)
    app.router.add_get("/orders", _orders)
    app.router.add_get("/offers", _offers)
    app.router.add_post("/cart", _add_to_cart)
    return app


@web.middleware
async def _explain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except sqlite3.Error as error:
        log.error("the database refused %s: %s", request.path_qs, error)
        return web.json_response({"error": "internal server error"}, status=500)


async def _close(app: web.Application) -> None:
    app[DATABASE].close()


async def _health(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _front(request: web.Request) -> web.Response:
    return _html(pages.front(await request.app[DATABASE].ask(queries.newest)))


async def _all_products(request: web.Request) -> web.Response:
    return _html(pages.all_products(await request.app[DATABASE].ask(queries.products_by_name)))


async def _product_page(request: web.Request) -> web.Response:
    return _html(pages.one_product(await _product_asked_for(request)))


async def _products(request: web.Request) -> web.Response:
    page = int(request.query.get("page", "1"))
    return web.json_response(
        {"page": page, "products": await request.app[DATABASE].ask(queries.page_of_products, page)}
    )


async def _product(request: web.Request) -> web.Response:
    return web.json_response(await _product_asked_for(request))


async def _reviews(request: web.Request) -> web.Response:
    return web.json_response(await request.app[DATABASE].ask(queries.reviews, _id(request)))


async def _categories(request: web.Request) -> web.Response:
    return web.json_response(await request.app[DATABASE].ask(queries.categories))


async def _search(request: web.Request) -> web.Response:
    found = await request.app[DATABASE].ask(queries.search, request.query.get("q", ""))
    return web.json_response({"found": len(found), "products": found})


async def _orders(request: web.Request) -> web.Response:
    customer = int(request.query.get("customer", "1"))
    return web.json_response(await request.app[DATABASE].ask(queries.orders, customer))


async def _offers(request: web.Request) -> web.Response:
    campaign = request.query.get("campaign", "0")
    return web.json_response(await request.app[DATABASE].ask(queries.offers, campaign))


async def _add_to_cart(request: web.Request) -> web.Response:
    product = (await request.json())["product"]
    return web.json_response(await request.app[DATABASE].ask(queries.add_to_cart, product), status=201)


async def _product_asked_for(request: web.Request) -> queries.Row:
    product = await request.app[DATABASE].ask(queries.product, _id(request))
    if product is None:
        raise web.HTTPNotFound(text="no such product\n")
    return product


def _id(request: web.Request) -> int:
    return int(request.match_info["id"])


def _html(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/html")


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the shop until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m understudy.demo.shop", description=__doc__)
    parser.add_argument("--flavour", choices=FLAVOURS, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", type=Path, required=True)
    options = parser.parse_args(arguments)
    logs.setup()
    flavour = FLAVOURS[options.flavour]
    if not options.database.exists():
        stock.create(options.database, flavour)
    app = application(Database(options.database, flavour))
    try:
        web.run_app(
            app,
            host="127.0.0.1",
            port=options.port,
            print=None,
            access_log=None,
            loop=uvloop.new_event_loop(),
        )
    except OSError as error:
        sys.exit(f"can't listen on 127.0.0.1:{options.port}: {os.strerror(error.errno or 0)}")


if __name__ == "__main__":
    main()
