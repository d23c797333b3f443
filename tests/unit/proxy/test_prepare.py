"""What follows from a request's head: worked out once, the same as if it were worked out each time."""

from __future__ import annotations

import pytest

from conversation import GET, request
from understudy.config import Masks, Mirror
from understudy.proxy.head import Malformed, forwarded, read_request
from understudy.proxy.masks import Masker
from understudy.proxy.policy import Policy
from understudy.proxy.prepare import Preparer
from understudy.proxy.remembered import Remembered

MASKER = Masker(Masks(), b"key")


def preparer() -> Preparer:
    return Preparer(Policy(Mirror()), MASKER, b"http", b"stack:1")


HEADS = [
    GET("/"),
    GET("/?token=a"),
    GET("/", "X-Request-Id: abc"),
    request("HEAD", "/"),
    request("POST", "/", "Content-Length: 5"),
    request("POST", "/", "Transfer-Encoding: chunked", "Expect: 100-continue"),
    request("PUT", "/"),
    request("GET", "/", "Content-Length: 5"),
    GET("/", "Connection: upgrade", "Upgrade: websocket"),
    GET("/", "Connection: close, x-a", "X-A: b", "X-Forwarded-For: 1.1.1.1"),
    b"GET / HTTP/1.0\r\n\r\n",
    b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    request("OPTIONS", "*"),
    GET("http://shop.example/a"),
]


@pytest.mark.parametrize("raw", HEADS)
def test_what_is_remembered_of_fields_under_other_lines_is_what_the_whole_head_gives(raw: bytes) -> None:
    prepare = preparer()
    line, _, rest = raw.partition(b" HTTP/")
    for other in (b"GET /other", b"POST /x", line):
        prepare(other + b" HTTP/" + rest)
    prepared, head = prepare(raw), read_request(raw)
    for shadow, template in ((False, prepared.primary), (True, prepared.shadow)):
        assert template == forwarded(head, b"http", b"stack:1", shadow=shadow)
    assert prepared.head.fields == head.fields
    assert (prepared.method, prepared.target) == (head.method.decode(), head.target.decode())


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (GET("/"), {"retryable": True, "safe": True, "bodiless": False, "eligible": True, "may_keep": True}),
        (request("HEAD", "/"), {"retryable": True, "safe": True, "bodiless": True, "eligible": True}),
        (request("PUT", "/"), {"retryable": True, "safe": False, "eligible": False}),
        (request("POST", "/"), {"retryable": False, "safe": False}),
        (request("PATCH", "/"), {"retryable": False, "safe": False}),
        (request("GET", "/", "Content-Length: 5"), {"retryable": False, "safe": False, "eligible": True}),
        (request("DELETE", "/", "Transfer-Encoding: chunked"), {"retryable": False, "safe": False}),
        (GET("/", "Connection: close"), {"may_keep": False}),
        (b"GET / HTTP/1.0\r\n\r\n", {"may_keep": False}),
        (GET("/", "X-Request-Id: abc"), {"request_id": b"abc"}),
        (GET("/", "X-Request-Id:"), {"request_id": b""}),
        (GET("/", "Connection: x-request-id", "X-Request-Id: abc"), {"request_id": b"abc"}),
        (GET("/?token=a"), {"target": "/?token=a", "masked_target": f"/?token={MASKER.value('a')}"}),
    ],
)
def test_what_follows(raw: bytes, expected: dict[str, object]) -> None:
    prepared = preparer()(raw)
    assert {name: getattr(prepared, name) for name in expected} == expected


def test_headers_are_masked_for_the_record_and_plain_for_hooks() -> None:
    prepared = preparer()(GET("/", "Cookie: a=b", "Connection: x-gone", "X-Gone: 1"))
    assert prepared.headers() == (("Host", "shop.example"), ("Cookie", "a=b"))
    assert prepared.masked_headers(MASKER) == (("Host", "shop.example"), ("Cookie", MASKER.value("a=b")))


def test_a_contradiction_between_line_and_known_fields_is_refused() -> None:
    prepare = preparer()
    prepare(GET("/"))
    for target in ("http://other/", "*", "x"):
        with pytest.raises(Malformed):
            prepare(GET(target))


def test_what_is_remembered_is_bounded_and_never_wrong() -> None:
    read: list[bytes] = []

    def reader(raw: bytes) -> int:
        read.append(raw)
        return len(raw)

    remembered = Remembered(reader, limit=8)
    for round_ in range(5):
        for n in range(20):
            raw = b"x" * n
            assert (remembered.young.get(raw) or remembered.read(raw)) == n
            assert (remembered.young.get(b"always") or remembered.read(b"always")) == 6
            assert len(remembered.young) + len(remembered._old) <= 8, round_
    assert read.count(b"always") == 1
    long = b"y" * 5000
    assert [remembered.read(long), remembered.read(long)] == [5000, 5000]
    assert read.count(long) == 2


def test_what_is_refused_is_not_remembered() -> None:
    def refuse(raw: bytes) -> int:
        raise Malformed("odd")

    remembered = Remembered(refuse)
    for _ in range(2):
        with pytest.raises(Malformed):
            remembered.read(b"x")
    assert not remembered.young
