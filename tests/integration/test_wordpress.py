"""An unmodified WordPress on MariaDB 10.11 and on MySQL 9.7, browsed through Understudy by its users."""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest
from docker.errors import APIError

from integration.site import PAGES_IN_ORDER, Site, Visitor, end_to_end, wordpress_twice
from relay import Relay
from support import Understudy, bucket_sum, wait_until

pytestmark = pytest.mark.integration

Start = Callable[[Mapping[str, Any]], Understudy]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with wordpress_twice("mariadb-10.11", "mysql-9.7") as made:
        yield made


@pytest.fixture
def old(site: Site) -> Iterator[Relay]:
    """What passes between Understudy and the old stack."""
    with Relay(site.old.port) as relay:
        yield relay


@pytest.fixture
def new(site: Site) -> Iterator[Relay]:
    """What passes between Understudy and the new stack."""
    with Relay(site.new.port) as relay:
        yield relay


def settings(old: Relay, new: Relay, mirror: Mapping[str, Any] | None = None, **sections: Any) -> dict[str, Any]:
    """No more shadows at once than Apache has processes for: one a connection, whether it is asked something or not.

    A busy machine may take its time for an answer, and none shall count as failed for that.
    """
    return {
        "stacks": {"old": {"url": old.url, "role": "primary"}, "new": {"url": new.url, "role": "shadow"}},
        "mirror": {"max_in_flight": 16, "max_queued": 1000, **(mirror or {})},
        "timeouts": {"shadow": 60_000, "connect": 30_000},
        **sections,
    }


def assert_served_by_the_old_stack(visitor: Visitor, old: Relay) -> None:
    """What the visitor got is byte for byte what the old stack sent in answer to that very request.

    Understudy may have asked it again, over a connection that was there before the first one's.
    """
    sent = defaultdict(list)
    for conversation in list(old.conversations):
        for request_id, answer in conversation.answers():
            sent[request_id].append(end_to_end(answer))
    for request_id, answer in visitor.answers.items():
        assert end_to_end(answer) in sent[request_id], request_id


def test_users_get_the_old_stacks_bytes_and_each_request_is_counted_once(
    site: Site, old: Relay, new: Relay, understudy: Start
) -> None:
    proxy = understudy(settings(old, new))
    visitors = [Visitor(proxy.port), Visitor(proxy.port, encoding="gzip"), Visitor(proxy.port, site.written.author)]
    for page in site.public_pages:
        for visitor in visitors:
            visitor.ask(page)
    visitors[0].ask("/", method="HEAD")
    visitors[0].ask("/wp-login.php")
    for page in site.admin_pages:
        assert visitors[2].ask(page).status == 200
    visitors[0].log_in()

    for visitor in visitors:
        assert_served_by_the_old_stack(visitor, old)
        visitor.close()
    asked = sum(len(visitor.answers) for visitor in visitors)
    status = proxy.settled(asked)
    assert status["requests"]["received"] == asked
    assert status["requests"]["skipped"] == 1, "the login's POST is not mirrored"
    compared = status["requests"]["equal"] + status["requests"]["different"]
    assert compared == asked - 1, f"{status['requests']} {status['stacks']} {proxy.log}"
    assert status["judge"]["judged"] == asked - 1


def test_two_stacks_with_the_same_data_have_no_difference_to_report(
    site: Site, old: Relay, new: Relay, understudy: Start
) -> None:
    """WordPress writes mail addresses in a random encoding, and the time into its pages: neither is anybody's fault."""
    proxy = understudy(settings(old, new, mirror={"settle_per_second": 100, "settle_ms": 1100}))
    status = browsed_by_the_author(site, proxy)
    assert status["judge"]["different"] == 0, proxy.report()
    forgiven = status["judge"]["noise"] + status["judge"]["settled"] + status["judge"]["equal_after_lifting"]
    assert status["requests"]["different"] == forgiven > 0, "/wp-admin/edit-comments.php is never the same twice"


def test_the_same_data_on_mariadb_11_has_no_difference_to_report_either(understudy: Start) -> None:
    with (
        wordpress_twice("mariadb-10.11", "mariadb-11.8") as site,
        Relay(site.old.port) as old,
        Relay(site.new.port) as new,
    ):
        proxy = understudy(settings(old, new, mirror={"settle_per_second": 100, "settle_ms": 1100}))
        assert browsed_by_the_author(site, proxy)["judge"]["different"] == 0, proxy.report()


def browsed_by_the_author(site: Site, proxy: Understudy) -> dict[str, Any]:
    """The status once somebody logged in has seen every page."""
    author = Visitor(proxy.port, site.written.author)
    for page in [*site.public_pages, *site.admin_pages]:
        assert author.ask(page).status in (200, 404)
    author.close()
    return proxy.settled(len(author.answers))


class Planted(NamedTuple):
    """A difference in the new database: where it can be seen, and how it is to be told."""

    do: list[str]
    undo: list[str]
    page: str
    endpoint: str
    found: dict[str, str]  # what one of the reported differences has to say


def planted(name: str, site: Site) -> Planted:
    post, comment, page = site.written.posts[4], site.written.comments[2], site.written.pages[1]
    rest = "/?rest_route=/wp/v2"
    # fmt: off
    return {
        "a title": Planted(
            [f"UPDATE wp_posts SET post_title = 'Evening five' WHERE ID = {post}"],
            [f"UPDATE wp_posts SET post_title = 'Évening 5' WHERE ID = {post}"],
            f"{rest}/posts/{post}",
            "posts/",
            {"path": "$.title.rendered", "kind": "value", "old": "Évening 5", "new": "Evening five"},
        ),
        "a row": Planted(
            ["SET sql_mode = ''",  # WordPress's own dates have defaults that a strict server does not take
             f"CREATE TABLE kept AS SELECT * FROM wp_comments WHERE comment_ID = {comment}",
             f"DELETE FROM wp_comments WHERE comment_ID = {comment}"],
            ["INSERT INTO wp_comments SELECT * FROM kept", "DROP TABLE kept"],
            f"{rest}/comments&_fields=id,content",
            "comments",
            {"path": "$[*]", "kind": "missing"},
        ),
        "an order": Planted(
            [f"UPDATE wp_posts SET menu_order = 9 WHERE ID = {page}"],
            [f"UPDATE wp_posts SET menu_order = 2 WHERE ID = {page}"],
            PAGES_IN_ORDER,
            "pages",
            {"path": "$", "kind": "order", "class": "order_only"},
        ),
    }[name]
    # fmt: on


@pytest.mark.parametrize("name", ["a title", "a row", "an order"])
def test_a_difference_in_the_new_database_is_found_named_and_shown(
    name: str, site: Site, old: Relay, new: Relay, understudy: Start
) -> None:
    plant = planted(name, site)
    proxy = understudy(settings(old, new, mirror={"settle_ms": 100}))
    visitor = Visitor(proxy.port)
    with site.new_db.sql("wordpress") as cursor:
        for statement in plant.do:
            cursor.execute(statement)
        try:
            visitor.ask("/")
            visitor.ask(plant.page)
            status = proxy.settled(2)
        finally:
            for statement in plant.undo:
                cursor.execute(statement)
    visitor.close()
    assert_served_by_the_old_stack(visitor, old)
    assert status["requests"]["different"] >= 1

    report = proxy.report()
    there = [row for row in report["differences"] if plant.endpoint in row["endpoint"]]
    [found] = [row for row in there if plant.found.items() <= row.items()]
    assert found["requests"] == 1
    assert all(row["class"] not in ("noise", "settled") for row in there), there

    shown = proxy.json("diffs", "show", found["samples"][0])
    assert shown["request"]["target"] == plant.page
    assert shown["request_id"] in visitor.answers, "the request can be found again in the application's log"
    assert found["kind"] in [difference["kind"] for difference in shown["differences"]]
    text = proxy.command("diffs", "show", found["samples"][0])
    assert plant.page in text
    assert proxy.command("diffs", "list", "--kind", found["kind"]).count(found["samples"][0]) == 1


def browse_together(site: Site, port: int, rounds: int, during: Callable[[], None] = lambda: None) -> list[Visitor]:
    """Four visitors at once, each through all public pages; `during` is called once the first has come some way."""
    begun = threading.Event()

    def browse(visitor: Visitor) -> Visitor:
        for _ in range(rounds):
            for page in site.public_pages:
                visitor.ask(page)
                if len(visitor.answers) >= 5:
                    begun.set()
        visitor.close()
        return visitor

    with ThreadPoolExecutor(4) as pool:
        browsing = [pool.submit(browse, Visitor(port)) for _ in range(4)]
        assert begun.wait(120)
        during()
        return [future.result(timeout=300) for future in browsing]


def kill(site: Site, new: Relay) -> None:
    site.new.container.kill()


def hang(site: Site, new: Relay) -> None:
    def is_paused() -> bool:
        with contextlib.suppress(APIError):  # "unable to freeze": a busy container may take more than one try
            site.new.container.pause()
        return bool(site.new.state()["Status"] == "paused")

    wait_until(is_paused, 60, "the new stack hangs")


def slow(site: Site, new: Relay) -> None:
    new.delay_s = 0.7


def garbage(site: Site, new: Relay) -> None:
    new.garbage = True


def recover(site: Site, new: Relay) -> None:
    new.delay_s, new.garbage = 0.0, False
    if site.new.state()["Status"] == "paused":
        site.new.container.unpause()
    site.new.container.start()
    visitor = Visitor(site.new.port)
    wait_until(lambda: answers(visitor), 120, "the new stack answers again")
    visitor.close()


def answers(visitor: Visitor) -> bool:
    try:
        return visitor.ask("/wp-login.php").status == 200
    except OSError:
        visitor.close()
        return False


@pytest.mark.parametrize("fault", [kill, hang, slow, garbage])
def test_users_notice_nothing_of_a_new_stack_that_fails(
    fault: Callable[[Site, Relay], None], site: Site, old: Relay, new: Relay, understudy: Start
) -> None:
    mirror = {"breaker_failures": 5, "breaker_probe_ms": 500, "settle_per_second": 0}
    proxy = understudy(settings(old, new, mirror=mirror, timeouts={"shadow": 1000, "connect": 500}))
    try:
        visitors = browse_together(site, proxy.port, 2, lambda: fault(site, new))
    finally:
        recover(site, new)
    for visitor in visitors:
        assert len(visitor.answers) == 2 * len(site.public_pages)
        assert_served_by_the_old_stack(visitor, old)
    asked = sum(len(visitor.answers) for visitor in visitors)
    requests = proxy.settled(asked)["requests"]
    assert requests["received"] == bucket_sum(requests) == asked
    assert requests["primary_failed"] == requests["client_gone"] == 0
    assert requests["shadow_failed"] > 0

    # The breaker lets the new stack back in.
    visitor = Visitor(proxy.port)

    def is_compared_again() -> bool:
        visitor.ask("/wp-login.php")
        return bool(proxy.status()["requests"]["equal"] > requests["equal"])

    wait_until(is_compared_again, 60, "the new stack is asked again")
    visitor.close()


def test_a_new_database_that_dies_is_told_as_the_new_stacks_errors(
    site: Site, old: Relay, new: Relay, understudy: Start
) -> None:
    # Some are asked amid the death, and wait for a server that nobody refuses any more.
    proxy = understudy(settings(old, new, mirror={"settle_per_second": 0}, timeouts={"shadow": 15_000}))
    try:
        visitors = browse_together(site, proxy.port, 1, site.new_db.container.kill)
        visitors.append(Visitor(proxy.port))
        visitors[-1].ask("/")  # however long it took to kill, this is asked without a database
        visitors[-1].close()
        proxy.settled(sum(len(visitor.answers) for visitor in visitors))
    finally:
        site.new_db.container.start()
        with site.new_db.sql():
            pass
    for visitor in visitors:
        assert_served_by_the_old_stack(visitor, old)
    status = proxy.settled(sum(len(visitor.answers) for visitor in visitors))
    assert status["requests"]["different"] > 0
    classes = {(row["class"], row["old"], row["new"]) for row in proxy.report()["differences"]}
    assert ("new_error", "200", "500") in classes
