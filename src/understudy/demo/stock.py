"""What the shop sells, and the database it is kept in: the same rows on every flavour, to the last digit."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from understudy.demo.flavour import Flavour

CUSTOMERS = 40
ORDERS_PER_CUSTOMER = 4
REVIEWS = 150_000  # without their index, some seven milliseconds to look through

# name, category, price in cents
PRODUCTS = (
    ("Espresso Roast", "coffee", 1290),
    ("Earl Grey", "tea", 790),
    ("Sourdough Loaf", "bakery", 450),
    ("Brie de Meaux", "cheese", 890),
    ("Açaí Berries", "fruit", 1150),
    ("Black Pepper", "spices", 390),
    ("Dark Chocolate", "sweets", 320),
    ("Olive Oil", "pantry", 1490),
    ("Café de Paris Butter", "pantry", 540),
    ("House Blend", "coffee", 990),
    ("Green Sencha", "tea", 1240),
    ("Crème Brûlée", "sweets", 480),
    ("Rye Bread", "bakery", 410),
    ("Old Gouda", "cheese", 1020),
    ("Apple Basket", "fruit", 650),
    ("Jalapeño Flakes", "spices", 430),
    ("Milk Chocolate", "sweets", 290),
    ("Café Crème", "coffee", 1090),
    ("Oolong", "tea", 1390),
    ("Butter Croissant", "bakery", 210),
    ("Gruyère", "cheese", 1280),
    ("Cox Orange", "fruit", 560),
    ("Smoked Paprika", "spices", 440),
    ("Éclair", "sweets", 350),
    ("Wildflower Honey", "pantry", 870),
    ("Decaf Roast", "coffee", 1190),
    ("Rooibos", "tea", 690),
    ("Baguette", "bakery", 240),
    ("Manchego", "cheese", 1340),
    ("Pear Basket", "fruit", 620),
    ("Saffron", "spices", 1990),
    ("Cafe Latte Fudge", "sweets", 410),
    ("Dijon Mustard", "pantry", 330),
    ("Single Origin", "coffee", 1690),
    ("Darjeeling", "tea", 1090),
    ("Pumpkin Bread", "bakery", 520),
    ("Taleggio", "cheese", 970),
    ("Quince", "fruit", 380),
    ("Zest of Lemon", "spices", 360),
    ("Waffles", "sweets", 270),
)
OFFERS = (("Two for one", 3), ("Bakery Monday", 1), ("Free delivery", 2))  # title, campaign


def create(path: Path, flavour: Flavour, reviews: int = REVIEWS) -> None:
    """Make the shop's database in a new file."""
    connection = connect(path, flavour)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(_schema(flavour))
        connection.execute("BEGIN")
        _fill(connection, reviews)
        connection.execute("COMMIT")
        connection.executescript(_indexes(flavour))
    finally:
        connection.close()


def connect(path: Path, flavour: Flavour) -> sqlite3.Connection:
    """A connection that speaks a flavour: rows by column name, the flavour's collation, every statement its own."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)  # closed from another one
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA synchronous = OFF")  # the file does not outlive the demo
    key = flavour.collation

    def compare(one: str, other: str) -> int:
        return (key(one) > key(other)) - (key(one) < key(other))

    connection.create_collation("shop", compare)
    return connection


def _schema(flavour: Flavour) -> str:
    strict = "CHECK (typeof(campaign) = 'integer')" if flavour.strict else ""
    return f"""
    CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT COLLATE shop, category TEXT, cents INTEGER);
    CREATE TABLE words (word TEXT COLLATE shop, product_id INTEGER);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, day TEXT, total {flavour.decimals});
    CREATE TABLE reviews (id INTEGER PRIMARY KEY, product_id INTEGER, stars INTEGER, day INTEGER, author TEXT);
    CREATE TABLE offers (id INTEGER PRIMARY KEY, title TEXT, campaign INTEGER);
    CREATE TABLE visits (id INTEGER PRIMARY KEY, campaign INTEGER {strict});
    CREATE TABLE cart (product_id INTEGER PRIMARY KEY, quantity INTEGER);
    """


def _indexes(flavour: Flavour) -> str:
    statements = ["CREATE INDEX words_of_products ON words (word)", "CREATE INDEX orders_of ON orders (customer_id)"]
    if not flavour.groups_sorted:  # the planner groups along it, and so backwards
        statements.append("CREATE INDEX products_by_category ON products (category DESC)")
    if flavour.every_index:
        statements.append("CREATE INDEX reviews_of ON reviews (product_id, stars DESC, day DESC)")
    return ";".join(statements)


def _fill(connection: sqlite3.Connection, reviews: int) -> None:
    connection.executemany("INSERT INTO products (name, category, cents) VALUES (?, ?, ?)", PRODUCTS)
    connection.executemany("INSERT INTO words VALUES (?, ?)", _words())
    connection.executemany("INSERT INTO orders (customer_id, day, total) VALUES (?, ?, ?)", _orders())
    connection.executemany("INSERT INTO offers (title, campaign) VALUES (?, ?)", OFFERS)
    connection.execute(  # in SQL, because so many rows from Python take a second
        """
        WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :reviews)
        INSERT INTO reviews (product_id, stars, day, author)
        SELECT n * 7919 % :products + 1, n / 7 % 5 + 1, n * 17 % 700, 'shopper ' || (n * 13 % 9973) FROM number
        """,
        {"reviews": reviews, "products": len(PRODUCTS)},
    )


def _words() -> Iterator[tuple[str, int]]:
    for number, (name, category, _) in enumerate(PRODUCTS, start=1):
        for word in {*re.findall(r"\w+", name.lower()), category}:
            yield word, number


def _orders() -> Iterator[tuple[int, str, str]]:
    for number in range(CUSTOMERS * ORDERS_PER_CUSTOMER):
        cents = 995 + 1_735 * (number % 23) + 5 * (number % 7)
        yield number % CUSTOMERS + 1, f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}", f"{cents / 100:.2f}"
