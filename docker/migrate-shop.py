"""The shop of compose.migrate.yml: accounts, replication among the old servers, some data, and orders that keep coming.

It is run in Understudy's image and speaks to servers as Understudy does: other versions may stand in for 5.6 and 9.7.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from understudy.config import Tls
from understudy.migrate import grants, rows
from understudy.migrate.dialects import Follow
from understudy.migrate.faults import ServerError
from understudy.migrate.logins import Login, OneLogin
from understudy.migrate.mysql import MySql, Session
from understudy.migrate.sqltext import Secret, account
from understudy.migrate.words import Word

OLD, REPLICAS = "old-source:3306", ("old-replica-1:3306", "old-replica-2:3306")
NEW = ("new-source:3306", "new-replica-1:3306")
PASSWORD = Secret("understudy")
ANY_TLS = Tls(verify="none", minimum="1.0")
SERVERS = MySql(OneLogin(Login("root", PASSWORD, ANY_TLS)))
SHOP_SERVERS = MySql(OneLogin(Login("shop", PASSWORD, ANY_TLS)))
READY = Path("/tmp/ready")
CUSTOMERS, PRODUCTS, ORDERS = 500, 200, 3_000
EVERY_S = 0.5

SHOP = """
CREATE DATABASE shop DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE shop.customers (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(80) NOT NULL, email VARCHAR(120) NOT NULL,
  joined DATE NOT NULL, UNIQUE KEY email (email)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE shop.products (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, title VARCHAR(120) NOT NULL, price DECIMAL(8,2) NOT NULL,
  weight_kg DOUBLE NOT NULL, description TEXT
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
CREATE TABLE shop.orders (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, customer INT UNSIGNED NOT NULL, placed_at DATETIME NOT NULL,
  state ENUM('new','paid','sent') NOT NULL DEFAULT 'new', changed_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  KEY customer (customer), CONSTRAINT order_customer FOREIGN KEY (customer) REFERENCES shop.customers (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE shop.order_lines (
  order_id BIGINT UNSIGNED NOT NULL, product INT UNSIGNED NOT NULL, quantity SMALLINT UNSIGNED NOT NULL,
  price DECIMAL(8,2) NOT NULL, PRIMARY KEY (order_id, product)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE VIEW shop.turnover AS SELECT o.customer, SUM(l.price * l.quantity) AS total
  FROM shop.orders o JOIN shop.order_lines l ON l.order_id = o.id GROUP BY o.customer
"""


def main() -> None:
    """Prepare what is not there yet, then place orders until stopped."""
    for address in (OLD, *REPLICAS, *NEW):
        with reached(address) as session:
            give_accounts(session, is_old=address not in NEW)
    with reached(OLD) as source:
        if not source.rows("SHOW DATABASES LIKE 'shop'"):
            begin(source)
    READY.touch()
    print("the shop is open", flush=True)
    with SHOP_SERVERS.open(OLD) as source:
        for number in count():
            place_order(source, random.Random(time.time_ns()), number)
            time.sleep(EVERY_S)


def reached(address: str, patience_s: float = 120) -> Session:
    """A session as root, once the server answers for good: the vendors' images start it twice."""
    end = time.monotonic() + patience_s
    while True:
        try:
            return SERVERS.open(address)
        except ServerError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


def give_accounts(session: Session, is_old: bool) -> None:
    """Understudy's own account, with the least that all its commands need; the application's, for now on old servers.

    Accounts that a version brings along, and that anybody could use, are removed, as the vendors' images do.
    """
    if session.rows("SELECT 1 FROM mysql.user WHERE user = 'understudy'"):
        return
    with session.unlogged():
        for who in session.rows("SELECT user AS u, host AS h FROM mysql.user WHERE user IN ('', 'root')"):
            if rows.text(who["u"]) != "root" or rows.text(who["h"]) not in ("%", "localhost"):
                session.execute(f"DROP USER {account(rows.text(who['u']), rows.text(who['h']))}")
        if is_old:
            session.execute("CREATE USER shop@'%%' IDENTIFIED BY %s", PASSWORD)
            session.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON shop.* TO shop@'%'")
    password, new = PASSWORD.reveal(), not is_old
    for statement in grants.statements(session.version, grants.USES, "understudy", password=password, new=new):
        session.execute(statement)


def begin(source: Session) -> None:
    """Replication first, so that all of the shop arrives by it; then the shop."""
    for address in REPLICAS:
        with reached(address) as replica:
            follow(replica, source)
    for statement in SHOP.split(";"):
        source.execute(statement)
    fill(source)


def follow(replica: Session, source: Session) -> None:
    """Have the replica follow from where the source's log ends now, and take no writes but those."""
    with source.unlogged():
        if not source.rows("SELECT 1 FROM mysql.user WHERE user = 'repl'"):
            source.execute("CREATE USER repl@'%%' IDENTIFIED BY %s", PASSWORD)
            source.execute("GRANT REPLICATION SLAVE ON *.* TO repl@'%'")
    at = rows.coordinates(source.rows(source.dialect.sql(Word.COORDINATES)))
    host = source.address.rpartition(":")[0]
    wanted = Follow(host, 3306, "repl", PASSWORD, at.file, at.position, tls=False, public_key=True)
    replica.execute(replica.dialect.repoint(wanted))
    replica.execute(replica.dialect.sql(Word.START))
    replica.execute(replica.dialect.sql(Word.READ_ONLY))


def fill(source: Session) -> None:
    """Customers, products and past orders, the same in every run."""
    chance = random.Random(1)
    with source.transaction():
        for statement, values in (
            ("INSERT INTO shop.customers (name, email, joined) VALUES (%s, %s, %s)", customers()),
            ("INSERT INTO shop.products (title, price, weight_kg, description) VALUES (%s, %s, %s, %s)", products()),
        ):
            for row in values:
                source.execute(statement, *row)
    with source.transaction():
        for number in range(ORDERS):
            place_order(source, chance, number)


def customers() -> Iterator[tuple[object, ...]]:
    """Name, email, the day they joined."""
    names = ("Zoë", "Jürgen", "Åse", "Łukasz", "María", "李娜", "Olga", "Noor")
    for number in range(CUSTOMERS):
        yield f"{names[number % len(names)]} {number}", f"customer{number}@example.org", f"2019-{1 + number % 12:02}-15"


def products() -> Iterator[tuple[object, ...]]:
    """Title, price, weight in kg, description."""
    for number in range(PRODUCTS):
        yield f"Product {number}", f"{number % 90 + 9}.90", number / 7, "Sturdy. " * (number % 5) or None


def place_order(source: Session, chance: random.Random, number: int) -> None:
    """One order of one to four products."""
    source.execute(
        "INSERT INTO shop.orders (customer, placed_at, state) VALUES (%s, UTC_TIMESTAMP(), %s)",
        chance.randint(1, CUSTOMERS), ("new", "paid", "sent")[number % 3],
    )  # fmt: skip
    order = source.value("SELECT LAST_INSERT_ID()")
    for product in chance.sample(range(1, PRODUCTS + 1), chance.randint(1, 4)):
        source.execute(
            "INSERT INTO shop.order_lines SELECT %s, id, %s, price FROM shop.products WHERE id = %s",
            order, chance.randint(1, 9), product,
        )  # fmt: skip


if __name__ == "__main__":
    main()
