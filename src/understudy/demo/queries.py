"""Everything the shop asks of its database. The SQL is the application's: the same on the old server and the new."""

from __future__ import annotations

import sqlite3
from typing import Any

PAGE = 8

Row = dict[str, Any]


def newest(db: sqlite3.Connection) -> list[Row]:
    """What the front page shows."""
    return _rows(db, "SELECT id, name, cents FROM products ORDER BY id DESC LIMIT 6")


def page_of_products(db: sqlite3.Connection, page: int) -> list[Row]:
    """A page of all products; pages count from 1."""
    return _rows(
        db,
        "SELECT id, name, category, cents FROM products ORDER BY id LIMIT ? OFFSET ?",
        PAGE,
        PAGE * (page - 1),
    )


def products_by_name(db: sqlite3.Connection) -> list[Row]:
    """All products as a person looks for them."""
    return _rows(db, "SELECT id, name, cents FROM products ORDER BY name, id")


def product(db: sqlite3.Connection, number: int) -> Row | None:
    """A product, or None where there is none of that number."""
    return next(iter(_rows(db, "SELECT id, name, category, cents FROM products WHERE id = ?", number)), None)


def categories(db: sqlite3.Connection) -> list[Row]:
    """The categories with how much is in them. Whoever wrote it never noticed that nothing says ORDER BY."""
    return _rows(db, "SELECT category, COUNT(*) AS products, MIN(cents) AS from_cents FROM products GROUP BY category")


def search(db: sqlite3.Connection, word: str) -> list[Row]:
    """Products with a word in their name."""
    return _rows(
        db,
        "SELECT id, name, cents FROM words JOIN products ON id = product_id WHERE word = ? ORDER BY id",
        word.lower(),
    )


def orders(db: sqlite3.Connection, customer: int) -> list[Row]:
    """A customer's orders, the last first."""
    return _rows(
        db,
        "SELECT id, day, CAST(total AS TEXT) AS total FROM orders WHERE customer_id = ? ORDER BY id DESC",
        customer,
    )


def reviews(db: sqlite3.Connection, product: int) -> list[Row]:
    """The best reviews of a product, the latest of them first."""
    return _rows(
        db,
        "SELECT id, stars, author FROM reviews WHERE product_id = ? ORDER BY stars DESC, day DESC, id LIMIT 5",
        product,
    )


def offers(db: sqlite3.Connection, campaign: str) -> list[Row]:
    """The current offers; which campaign brought the shopper is counted, as it stands in the link."""
    db.execute("INSERT INTO visits (campaign) VALUES (?)", (campaign,))
    return _rows(db, "SELECT id, title FROM offers ORDER BY id")


def add_to_cart(db: sqlite3.Connection, product: int) -> Row:
    """Put one of a product into the cart, and answer how many of it are in."""
    db.execute(
        "INSERT INTO cart VALUES (?, 1) ON CONFLICT (product_id) DO UPDATE SET quantity = quantity + 1", (product,)
    )
    return _rows(db, "SELECT product_id, quantity FROM cart WHERE product_id = ?", product)[0]


def _rows(db: sqlite3.Connection, sql: str, *values: object) -> list[Row]:
    return [dict(row) for row in db.execute(sql, values)]
