"""A WordPress site on two databases, and a visitor of it."""

from __future__ import annotations

import http.client
import itertools
import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlencode

from containers import Service, database, network, running
from relay import Answered
from support import wait_until

HOST = "shop.example"
PASSWORD = "understudy"
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}
ADDED_BY_A_PROXY = {"via", "x-request-id"}
_count = itertools.count(1)


class Visitor:
    """A browser: one kept-alive connection, cookies, a request id of its own for each request. Nothing is retried."""

    def __init__(self, port: int, cookies: Mapping[str, str] | None = None, encoding: str = "identity") -> None:
        self.cookies = dict(cookies or {})
        self.answers: dict[str, Answered] = {}
        self._encoding = encoding
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(
        self, target: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answered:
        """Ask and keep the answer under the request's id."""
        request_id = f"visit-{next(_count)}-{uuid.uuid4().hex[:8]}"
        sent = {"Host": HOST, "X-Request-Id": request_id, "Accept-Encoding": self._encoding, **(headers or {})}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self._connection.request(method, target, body, sent)
        response = self._connection.getresponse()
        answered = Answered(response.status, response.getheaders(), response.read())
        self._keep_cookies(answered)
        self.answers[request_id] = answered
        return answered

    def post(self, target: str, fields: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Answered:
        """Send a form."""
        content_type = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask(target, "POST", urlencode(fields).encode(), {**content_type, **(headers or {})})

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def log_in(self) -> None:
        """Log in at wp-login.php, as the form there does."""
        self.cookies["wordpress_test_cookie"] = "WP%20Cookie%20check"
        answered = self.post("/wp-login.php", {"log": "admin", "pwd": PASSWORD, "testcookie": 1})
        assert answered.status == 302, answered
        assert any(name.startswith("wordpress_logged_in") for name in self.cookies)

    def _keep_cookies(self, answered: Answered) -> None:
        for name, value in answered.headers:
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]


def end_to_end(answered: Answered) -> Answered:
    """An answer without what belongs to one connection, and without what a proxy has to add."""
    gone = HOP_BY_HOP | ADDED_BY_A_PROXY
    return answered._replace(headers=[(name, value) for name, value in answered.headers if name.lower() not in gone])


class Written(NamedTuple):
    """What the author has written: ids, in the order of writing."""

    posts: list[int]
    pages: list[int]
    comments: list[int]
    author: dict[str, str]  # the cookies of somebody logged in


class Site(NamedTuple):
    """The same site twice."""

    old: Service
    new: Service
    old_db: Service
    new_db: Service
    written: Written

    @property
    def public_pages(self) -> list[str]:
        """What anybody may look at. Not /wp-login.php: looking at it makes a new session for who is logged in."""
        return [
            "/",
            "/?paged=2",
            *(f"/?p={post}" for post in self.written.posts[:3]),
            f"/?page_id={self.written.pages[0]}",
            "/?p=987654",
            "/?s=evening",
            "/?cat=1",
            "/?author=1",
            "/?feed=rss2",
            "/?feed=comments-rss2",
            "/?rest_route=/wp/v2/posts",
            "/?rest_route=/wp/v2/posts&per_page=3&page=2",
            "/?rest_route=/wp/v2/comments",
            PAGES_IN_ORDER,
            "/wp-includes/css/dashicons.min.css",
            "/wp-includes/js/jquery/jquery.min.js",
        ]

    @property
    def admin_pages(self) -> list[str]:
        """What only somebody logged in may look at."""
        return [
            "/wp-admin/",
            "/wp-admin/edit.php",
            "/wp-admin/edit-comments.php",
            "/wp-admin/users.php",
            "/wp-admin/options-general.php",
            f"/wp-admin/post.php?post={self.written.posts[0]}&action=edit",
        ]


PAGES_IN_ORDER = "/?rest_route=/wp/v2/pages&orderby=menu_order&order=asc&_fields=id,title"


@contextmanager
def wordpress_twice(old_database: str, new_database: str) -> Iterator[Site]:
    """Two unmodified WordPress on two database servers, the second's data copied from the first's."""
    with ExitStack() as stack:
        net = stack.enter_context(network())
        databases = [
            stack.enter_context(database(name, net, alias))
            for name, alias in ((old_database, "old-db"), (new_database, "new-db"))
        ]
        apps = [
            stack.enter_context(
                running(
                    "wordpress-6.1", network=net, alias=alias, port=80, environ={"WORDPRESS_DB_HOST": f"{alias}-db"}
                )
            )
            for alias in ("old", "new")
        ]
        old, new = apps
        old.run("create-database", "old-db")
        install(old.port)
        written = write(old.port)
        old.run("copy-database", "old-db", "new-db")
        yield Site(old, new, *databases, written)


def install(port: int) -> None:
    """Install the site with its own installer, as a person would with a browser."""
    visitor = Visitor(port)
    wait_until(lambda: is_served(port), 180, "WordPress answers")
    assert b"Welcome to the famous five-minute WordPress" in visitor.ask("/wp-admin/install.php?step=1").body
    fields = {
        "weblog_title": "The Understudy",
        "user_name": "admin",
        "admin_password": PASSWORD,
        "admin_password2": PASSWORD,
        "pw_weak": 1,
        "admin_email": "admin@shop.example",
        "language": "",
    }
    answered = visitor.post("/wp-admin/install.php?step=2", fields)
    assert b"<h1>Success!</h1>" in answered.body, answered
    visitor.close()


def is_served(port: int) -> bool:
    """Whether WordPress answers at all."""
    visitor = Visitor(port)
    try:
        return visitor.ask("/wp-admin/install.php").status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        visitor.close()


def write(port: int) -> Written:
    """Write posts, pages and comments through the site's own REST API and comment form, logged in.

    No two comments have the same second: MariaDB and MySQL order such ties differently, in feeds to begin with.
    """
    author = Visitor(port)
    author.log_in()
    nonce = author.ask("/wp-admin/admin-ajax.php?action=rest-nonce").body.decode()

    def create(kind: str, **fields: object) -> int:
        answered = author.post(f"/?rest_route=/wp/v2/{kind}", fields, {"X-WP-Nonce": nonce})
        assert answered.status in (200, 201), answered
        created: dict[str, Any] = json.loads(answered.body)
        return int(created["id"])

    create("comments/1", date="2024-04-01T12:00:00")  # the one that the installer wrote

    posts = [
        create(
            "posts",
            title=f"Évening {number}",
            content=f"What was played on evening {number}, and who stood in the wings — ñ, ß, 日本, 🎭.",
            status="publish",
            date=f"2024-03-{number:02d}T20:00:00",
        )
        for number in range(1, 15)
    ]
    pages = [
        create("pages", title=f"Act {number}", content="…", status="publish", menu_order=number)
        for number in range(1, 5)
    ]
    comments = [
        create("comments", post=post, content=f"A comment on post {post}", date=f"2024-05-{number:02d}T12:00:00")
        for number, post in enumerate(posts[:6], start=1)
    ]
    author.post("/wp-comments-post.php", {"comment": "From the form itself", "comment_post_ID": posts[0]})
    author.close()
    return Written(posts, pages, comments, author.cookies)
