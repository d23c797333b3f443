"""The shop's HTML."""

from __future__ import annotations

from html import escape

from understudy.demo.queries import Row

_STYLE = "body{font:16px/1.5 sans-serif;max-width:42rem;margin:2rem auto;color:#222}a{color:#06c}li{margin:.2rem 0}"


def front(products: list[Row]) -> str:
    """The front page."""
    return _page("Corner Shop", f"<p>New on our shelves:</p>{_list(products)}")


def all_products(products: list[Row]) -> str:
    """Everything there is, by name."""
    return _page("All products", _list(products))


def one_product(product: Row) -> str:
    """A product's own page."""
    name, category, number = escape(product["name"]), escape(product["category"]), product["id"]
    reviews = f'<a href="/reviews/{number}">What others say</a>'
    return _page(name, f"<p>From our {category} shelf, {money(product['cents'])} €.</p><p>{reviews}</p>")


def money(cents: int) -> str:
    """A price as it is shown."""
    return f"{cents // 100}.{cents % 100:02}"


def _list(products: list[Row]) -> str:
    items = (
        f'<li><a href="/shop/{product["id"]}">{escape(product["name"])}</a> {money(product["cents"])} €</li>'
        for product in products
    )
    return "<ul>\n" + "\n".join(items) + "\n</ul>"


def _page(title: str, body: str) -> str:
    links = (
        '<a href="/">Shop</a> · <a href="/shop">All products</a> · <a href="/categories">Categories</a> · '
        '<a href="/search?q=cafe">Search “cafe”</a> · <a href="/orders?customer=7">Orders</a> · '
        '<a href="/offers?campaign=spring">Offers</a>'
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body><nav>{links}</nav><h1>{title}</h1>{body}</body></html>\n"
    )
