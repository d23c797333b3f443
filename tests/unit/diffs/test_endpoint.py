from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.config import EndpointRule
from understudy.diffs.endpoint import OTHER, Endpoints, fold_target


@pytest.mark.parametrize(
    ("target", "endpoint"),
    [
        ("/", "/"),
        ("/users/12", "/users/{id}"),
        ("/users/12/posts?page=3", "/users/{id}/posts"),
        ("/orders/550e8400-e29b-41d4-a716-446655440000", "/orders/{uuid}"),
        ("/blobs/da39a3ee5e6b4b0d3255bfef95601890afd80709", "/blobs/{hash}"),
        ("/report/2026-11-21", "/report/{date}"),
        ("/2026/11/21/hello-world/", "/{year}/{month}/{day}/{slug}/"),
        ("/blog/2026/11/", "/blog/{year}/{month}/"),
        ("/map/52.51,13.40", "/map/{number}"),
        ("/s/Xk29fjQ0aZ81kdLmQpR7vW", "/s/{token}"),
        ("/t/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/t/{ulid}"),
        ("/" + "x" * 80, "/{long}"),
        ("/facade/decade", "/facade/decade"),
        ("/%E4%BD%A0", "/你"),
        ("/%00%1b", "/%00%1b"),
        ("/?rest_route=/wp/v2/posts/12&per_page=3", "/?rest_route=/wp/v2/posts/{id}"),
        ("/index.php?rest_route=/wp/v2/posts", "/index.php?rest_route=/wp/v2/posts"),
        ("/?p=12", "/?p={id}"),
        ("/?s=a+word", "/?s={text}"),
        ("/wp-admin/admin.php?page=plugin&_nonce=1", "/wp-admin/admin.php?page=plugin"),
        ("/search?s=word", "/search"),
        ("http://shop.example/users/1", "/users/{id}"),
        ("*", "*"),
        ("/a#b", "/a"),
    ],
)
def test_what_varies_is_folded(target: str, endpoint: str) -> None:
    assert fold_target(target) == endpoint


def test_an_operator_names_endpoints() -> None:
    endpoints = Endpoints([EndpointRule("/shop/[a-z-]+", "/shop/{product}")])
    assert endpoints.of("GET", "/shop/blue-hat?x=1") == "GET /shop/{product}"
    assert endpoints.of("GET", "/shop/blue-hat/reviews") == "GET /shop/blue-hat/reviews"


def test_endpoints_beyond_the_limit_are_other() -> None:
    endpoints = Endpoints(known=["GET /a"], limit=2)
    assert [endpoints.of("GET", path) for path in ("/b", "/c", "/a", "/b")] == ["GET /b", OTHER, "GET /a", "GET /b"]


@given(st.text(max_size=60))
def test_any_target_has_a_printable_endpoint(target: str) -> None:
    assert Endpoints().of("GET", target).isprintable()
