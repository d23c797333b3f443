"""Heads: what is read, what is refused, what is sent on."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from understudy.exchange import Headers
from understudy.proxy.head import (
    CHUNKED,
    UNTIL_CLOSE,
    Comparable,
    Malformed,
    ReplyHead,
    forwarded,
    read_reply,
    read_request,
    recorded,
)

COMPARABLE = Comparable(frozenset(("content-type",)), frozenset(("date",)))


def head(*lines: str, first: str = "GET / HTTP/1.1", host: str = "Host: a") -> bytes:
    return ("\r\n".join([first, *filter(None, [host]), *lines]) + "\r\n\r\n").encode("latin-1")


def sent(raw: bytes, *, shadow: bool = False) -> list[str]:
    """The lines that a stack gets, without the request line."""
    template = forwarded(read_request(raw), b"http", b"stack:1", shadow=shadow)
    whole = template.before + b"9.9.9.9" + template.after
    assert whole.endswith(b"\r\n")
    return whole.decode("latin-1").split("\r\n")[1:-1]


ADDED = ["X-Forwarded-Proto: http", "X-Forwarded-Host: a", "Via: 1.1 understudy", "X-Forwarded-For: 9.9.9.9"]


# --- smuggling

BOTH = ("Content-Length: 4", "Transfer-Encoding: chunked")


@pytest.mark.parametrize(
    "lines",
    [
        BOTH,
        BOTH[::-1],
        ("Content-Length: 0", "Transfer-Encoding: chunked"),
        ("content-length: 4", "TRANSFER-ENCODING: CHUNKED"),
        ("Content-Length: 4", "Content-Length: 4"),
        ("Content-Length: 4", "Content-Length: 5"),
        ("Content-Length: 4", "content-length: 4"),
        ("Content-Length: 4, 4",),
        ("Content-Length: 4,5",),
        ("Content-Length: +4",),
        ("Content-Length: -4",),
        ("Content-Length: 0x4",),
        ("Content-Length: 4 4",),
        ("Content-Length: 4;",),
        ("Content-Length: 4.0",),
        ("Content-Length: 4e1",),
        ("Content-Length: 4_0",),
        ("Content-Length: \xb2",),
        ("Content-Length: 99999999999999999999",),
        ("Content-Length: 1000000000000000000",),
        ("Content-Length:",),
        ("Content-Length: ''",),
        ("Content_Length: 4",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("Transfer-Encoding: identity", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "transfer-encoding: x"),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: chunkedx",),
        ("Transfer-Encoding: chunk",),
        ("Transfer-Encoding: x, chunked",),
        ("Transfer-Encoding: chunked, chunked",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: chunked,",),
        ("Transfer-Encoding: ,chunked",),
        ("Transfer-Encoding: chunked;q=1",),
        ('Transfer-Encoding: "chunked"',),
        ("Transfer-Encoding: 'chunked'",),
        ("Transfer-Encoding: identity",),
        ("Transfer-Encoding: gzip",),
        ("Transfer-Encoding:",),
        ("Transfer-Encoding: \x0bchunked",),
        ("Transfer-Encoding: chunked\x0b",),
        ("Transfer-Encoding: \x00chunked",),
        ("Transfer-Encoding: \xa0chunked",),
        ("Transfer-Encoding : chunked",),
        ("Transfer-Encoding\t: chunked",),
        (" Transfer-Encoding: chunked",),
        ("\tTransfer-Encoding: chunked",),
        ("X: y", " Transfer-Encoding: chunked"),
        ("Transfer-Encoding:", " chunked"),
        ("Transfer-Encoding:\n chunked",),
        ("X: y\nTransfer-Encoding: chunked",),
        ("X: y\rTransfer-Encoding: chunked",),
        ("X: y\r\rTransfer-Encoding: chunked",),
        ("X: y\n\rTransfer-Encoding: chunked",),
        ("Transfer_Encoding: chunked",),
        ("TRANSFER_encoding: chunked",),
        ("\x0bTransfer-Encoding: chunked",),
        ("Transfer\x00-Encoding: chunked",),
        ("Transfer Encoding: chunked",),
        ("Transfer-Encoding",),
        (": chunked",),
        ("X: a\x00b",),
        ("X: a\x7fb",),
        ("X: a\x08b",),
        ("X: \x1b[31m",),
        ("X\x00: a",),
        ("X(: a",),
        ("X/Y: a",),
        ("\xe9: a",),
        ("X: y", "\tfolded"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_could_be_framed_in_two_ways_is_refused(lines: tuple[str, ...], method: str) -> None:
    for raw in (
        head(*lines, first=f"{method} / HTTP/1.1"),
        head("A: b", *lines, "C: d", first=f"{method} / HTTP/1.1"),
        head(*lines, first=f"{method} / HTTP/1.0"),
    ):
        with pytest.raises(Malformed) as refused:
            read_request(raw)
        assert refused.value.status in (400, 501)
        assert re.fullmatch(r"[a-z-]+", refused.value.reason)


@pytest.mark.parametrize(
    ("line", "length"),
    [
        ("Content-Length: 0", 0),
        ("Content-Length: 5", 5),
        ("content-length:5", 5),
        ("CONTENT-LENGTH: \t 5 \t ", 5),
        ("Content-Length: 00005", 5),
        ("Content-Length: 999999999999999999", 999999999999999999),
        ("Transfer-Encoding: chunked", CHUNKED),
        ("transfer-encoding:\tCHUNKED ", CHUNKED),
        ("X: y", 0),
    ],
)
def test_a_body_has_one_length(line: str, length: int) -> None:
    assert read_request(head(line)).length == length


def test_chunks_are_unknown_to_http_1_0() -> None:
    with pytest.raises(Malformed, match="framing"):
        read_request(head("Transfer-Encoding: chunked", first="POST / HTTP/1.0"))


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        ("GET / HTTP/1.2", "version"),
        ("GET / HTTP/2.0", "version"),
        ("PRI * HTTP/2.0", "version"),
        ("GET / HTTP/2", "version"),
        ("GET / HTTP/0.9", "version"),
        ("GET / HTTP/1.10", "request-line"),
        ("GET / http/1.1", "request-line"),
        ("GET / HTTP/1.1 ", "request-line"),
        ("GET /", "request-line"),
        ("GET", "request-line"),
        ("", "request-line"),
        ("GET  / HTTP/1.1", "version"),
        ("GET /  HTTP/1.1", "version"),
        ("GET /a b HTTP/1.1", "version"),
        ("GET\t/ HTTP/1.1", "version"),
        ("GET /\tHTTP/1.1", "request-line"),
        (" GET / HTTP/1.1", "version"),
        ("GET /\x00 HTTP/1.1", "control-character"),
        ("GET /\x7f HTTP/1.1", "control-character"),
        ("GET /\r HTTP/1.1", "bare-cr-or-lf"),
        ("GET /\n HTTP/1.1", "bare-cr-or-lf"),
        ("G(T / HTTP/1.1", "version"),
        ("G:T / HTTP/1.1", "version"),
        ("G\xc9T / HTTP/1.1", "version"),
        ("A" * 33 + " / HTTP/1.1", "version"),
        ("CONNECT a:443 HTTP/1.1", "connect"),
        ("GET * HTTP/1.1", "target"),
        ("GET a HTTP/1.1", "target"),
        ("GET ?x HTTP/1.1", "target"),
        ("GET http:/x HTTP/1.1", "target"),
        ("GET http:///x HTTP/1.1", "target"),
        ("GET http://b/ HTTP/1.1", "target"),
        ("GET http://a:80/ HTTP/1.1", "target"),
        ("GET http://u@a/ HTTP/1.1", "target"),
        ("GET http://[a/ HTTP/1.1", "target"),
    ],
)
def test_odd_request_lines_are_refused(first: str, reason: str) -> None:
    with pytest.raises(Malformed) as refused:
        read_request(head(first=first))
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/"),
        ("GET", "//b/x"),
        ("GET", '/a|b^`{}\\"<>'),
        ("GET", "/caf\xc3\xa9?\xff"),
        ("GET", "/a#fragment"),
        ("GET", "http://a/x"),
        ("GET", "HTTP://A"),
        ("OPTIONS", "*"),
        ("get", "/"),
        ("PROPFIND", "/"),
        ("M-SEARCH", "/"),
        ("PURGE", "/"),
        ("x!#$%&'*+-.^_`|~1", "/"),
    ],
)
def test_targets_and_methods_are_kept_as_they_came(method: str, target: str) -> None:
    read = read_request(head(first=f"{method} {target} HTTP/1.1"))
    assert (read.method, read.target) == (method.encode(), target.encode("latin-1"))
    template = forwarded(read, b"http", b"h", shadow=False)
    assert template.before.startswith(f"{method} {target} HTTP/1.1\r\n".encode("latin-1"))


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        ["Host: a", "Host: a"],
        ["Host: a", "host: b"],
        ["Host: a b"],
        ["Host: a/b"],
        ["Host: a?b"],
        ["Host: a#b"],
        ["Host: u@a"],
        ["Host: a\\b"],
        ['Host: "a"'],
        ["Host: <a>"],
        ["Host: a\xe9"],
        ["Host : a"],
        ["Host: a\tb"],
    ],
)
def test_a_request_has_one_host_of_host_characters(hosts: list[str]) -> None:
    with pytest.raises(Malformed):
        read_request(head(*hosts, host=""))


@pytest.mark.parametrize("host", ["a", "a.example:8080", "[::1]", "[::1]:80", "x_y", "xn--bcher-kva.de", "", "a,b"])
def test_hosts_are_kept(host: str) -> None:
    assert read_request(head(host=f"Host: {host}")).value(b"host") == host.encode()


# --- what is sent on


def test_order_case_duplicates_and_empty_values_are_kept() -> None:
    lines = ["A: 1", "b: 2", "a: 3", "A: 1", "Empty:", "X_Y: 4", "Latin: \xe9\xff", 'Quoted: "a, b"', "Trailer: X"]
    assert sent(head(*lines)) == ["Host: a", *lines, *ADDED]


HOP_BY_HOP = [
    "Connection: keep-alive",
    "Keep-Alive: timeout=5",
    "Proxy-Connection: keep-alive",
    "TE: trailers",
    "Upgrade: websocket",
]


@pytest.mark.parametrize("line", HOP_BY_HOP)
def test_hop_by_hop_fields_go_no_further(line: str) -> None:
    for variant in (line, line.lower(), line.upper()):
        assert sent(head("A: 1", variant, "B: 2")) == ["Host: a", "A: 1", "B: 2", *ADDED]


@pytest.mark.parametrize(
    "connection",
    [
        "Connection: X-Gone",
        "connection: close, x-gone",
        "Connection:,X-GONE ,\t,",
        "Connection: a\r\nconnection:X-gone",
    ],
)
def test_what_connection_names_goes_no_further(connection: str) -> None:
    assert sent(head("X-Gone: 1", connection, "x-gone: 2", "X-Stays: 3")) == ["Host: a", "X-Stays: 3", *ADDED]


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "Content-Length", "Cookie", "Authorization", "X-Forwarded-For", "X-Forwarded-Host"),
        *("X-Forwarded-Proto", "X-Request-Id", "Content-Type", "Content-Encoding", "Via"),
    ],
)
def test_connection_can_not_take_away_framing_routing_or_identity(name: str) -> None:
    line = "Host: a" if name == "Host" else f"{name}: 5"
    lines = sent(head(f"Connection: close, {name}", line, host="" if name == "Host" else "Host: a"))
    assert any(one.startswith(line) for one in lines)


def test_connection_transfer_encoding_does_not_unframe_a_body() -> None:
    assert sent(head("Connection: Transfer-Encoding", "Transfer-Encoding: chunked")) == [
        "Host: a",
        "Transfer-Encoding: chunked",
        *ADDED,
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["X-Forwarded-For: 1.1.1.1"], ["X-Forwarded-For: 1.1.1.1, 9.9.9.9"]),
        (
            ["X-Forwarded-For: 1.1.1.1", "A: b", "x-forwarded-for: 2.2.2.2, 3.3.3.3"],
            ["X-Forwarded-For: 1.1.1.1", "A: b", "x-forwarded-for: 2.2.2.2, 3.3.3.3, 9.9.9.9"],
        ),
        (["X-Forwarded-For:"], ["X-Forwarded-For:9.9.9.9"]),
    ],
)
def test_the_clients_address_is_appended_to_the_last_line(lines: list[str], expected: list[str]) -> None:
    found = [line.replace(": 9.9.9.9", ":9.9.9.9") for line in sent(head(*lines))]
    assert found == ["Host: a", *expected, *ADDED[:-1]]


def test_a_proxy_before_us_is_believed_about_scheme_and_host() -> None:
    lines = ["X-Forwarded-Proto: https", "X-Forwarded-Host: shop", "Via: 1.1 haproxy"]
    assert sent(head(*lines)) == ["Host: a", *lines, *ADDED[2:]]


def test_an_http_1_0_request_gets_a_host_and_says_so_in_via() -> None:
    assert sent(head("A: b", first="GET / HTTP/1.0", host="")) == [
        "Host: stack:1",
        "A: b",
        "X-Forwarded-Proto: http",
        "Via: 1.0 understudy",
        "X-Forwarded-For: 9.9.9.9",
    ]
    assert sent(head("X-Forwarded-For: 1.1.1.1", first="GET / HTTP/1.0", host=""))[:2] == [
        "Host: stack:1",
        "X-Forwarded-For: 1.1.1.1, 9.9.9.9",
    ]
    assert sent(b"GET / HTTP/1.0\r\n\r\n")[0] == "Host: stack:1"


@pytest.mark.parametrize("name", ["Understudy-Shadow", "understudy-shadow", "Understudy_Shadow", "UNDERSTUDY-AGAIN"])
def test_our_own_marks_are_not_taken_from_clients(name: str) -> None:
    for shadow in (False, True):
        assert sent(head(f"{name}: new"), shadow=shadow) == ["Host: a", *ADDED]


def test_a_clients_request_id_is_kept_and_an_empty_one_is_none() -> None:
    assert "X-Request-Id: abc" in sent(head("X-Request-Id: abc"))
    assert not [line for line in sent(head("X-Request-Id:")) if line.lower().startswith("x-request-id")]


def test_only_the_primary_is_asked_for_100_and_for_an_upgrade() -> None:
    raw = head("Expect: 100-continue", "Connection: upgrade", "Upgrade: websocket")
    assert [line for line in sent(raw) if line.split(":")[0] in ("Expect", "Connection", "Upgrade")] == [
        "Expect: 100-continue",
        "Connection: Upgrade",
        "Upgrade: websocket",
    ]
    assert sent(raw, shadow=True) == ["Host: a", *ADDED]


@pytest.mark.parametrize(
    ("lines", "upgrade"),
    [
        (["Connection: Upgrade", "Upgrade: websocket"], b"websocket"),
        (["Connection: keep-alive, UPGRADE", "Upgrade: WebSocket"], b"WebSocket"),
        (["Upgrade: websocket"], b""),
        (["Connection: upgrade"], b""),
        (["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAA"], b""),
        (["Connection: Upgrade", "Upgrade: websocket, H2C"], b""),
    ],
)
def test_upgrades_are_asked_for_with_two_fields_and_never_to_h2c(lines: list[str], upgrade: bytes) -> None:
    assert read_request(head(*lines)).block.upgrade == upgrade


@pytest.mark.parametrize(
    ("first", "lines", "kept"),
    [
        ("GET / HTTP/1.1", [], True),
        ("GET / HTTP/1.1", ["Connection: close"], False),
        ("GET / HTTP/1.1", ["Connection: Close, x"], False),
        ("GET / HTTP/1.1", ["Connection: keep-alive", "Connection: close"], False),
        ("GET / HTTP/1.0", [], False),
        ("GET / HTTP/1.0", ["Connection: Keep-Alive"], True),
        ("GET / HTTP/1.0", ["Connection: keep-alive, close"], False),
    ],
)
def test_whether_the_connection_goes_on(first: str, lines: list[str], kept: bool) -> None:
    assert read_request(head(*lines, first=first)).block.keep_alive is kept


def test_what_is_recorded_has_no_hop_by_hop_fields() -> None:
    block = read_request(head("A: \xe9", "Connection: x-gone", "X-Gone: 1", "a: 2")).block
    assert recorded(block.fields, block.nominated) == (("Host", "a"), ("A", "\xe9"), ("a", "2"))


# --- properties

NAMES = [
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "Connection",
    "X-A",
    "x-a",
    "Upgrade",
    "Expect",
    "Via",
    "Te",
    "",
]
VALUES = [
    "a",
    "5",
    "chunked",
    "close",
    "upgrade",
    "x-a, host",
    "",
    " a\t",
    "a:80",
    "identity",
    "0x5",
    "100-continue",
]
SEPARATORS = [": ", ":", " : ", ":\t", "", "\r\n ", "\n"]
LINES = st.tuples(*map(st.sampled_from, (NAMES, SEPARATORS, VALUES))).map("".join)
FIRSTS = st.sampled_from(
    ["GET / HTTP/1.1", "POST /x?y HTTP/1.1", "GET / HTTP/1.0", "GET http://a/ HTTP/1.1", "OPTIONS * HTTP/1.1"]
)
LIKELY = st.builds(lambda f, ls: head(*ls, first=f, host=""), FIRSTS, st.lists(LINES, max_size=6))
ANY = st.binary(max_size=200).map(lambda raw: b"GET / HTTP/1.1\r\nHost: a\r\n" + raw + b"\r\n\r\n")
WILD = st.binary(max_size=100).map(lambda raw: raw + b"\r\n\r\n")


APPENDED = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host")


@settings(max_examples=400)
@given(LIKELY | ANY | WILD)
@example(b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded:\r\n\r\n")
@example(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: host\r\n\r\n")
def test_a_head_is_refused_or_means_the_same_where_it_is_sent(raw: bytes) -> None:
    assume(raw.find(b"\r\n\r\n") == len(raw) - 4)
    try:
        read = read_request(raw)
    except Malformed:
        return
    for shadow in (False, True):
        template = forwarded(read, b"http", b"stack", shadow=shadow)
        whole = template.before + b"9.9.9.9" + template.after + b"\r\n"
        assert whole.count(b"\r\n\r\n") == 1
        again = read_request(whole)
        assert (again.method, again.target, again.length) == (read.method, read.target, read.length)
        assert again.value(b"host") == (read.value(b"host") if b"host" in read.block.names else b"stack")
        assert again.block.keep_alive
        assert again.block.upgrade == (b"" if shadow else read.block.upgrade)
        kept = [
            (name, value)
            for name, value in read.fields
            if name.lower() not in read.block.nominated
            and name.lower() not in (b"connection", b"upgrade", b"te", b"transfer-encoding", b"via", b"host", *APPENDED)
            and not (shadow and name.lower() == b"expect")
        ]
        found = [
            (name, value)
            for name, value in again.fields
            if name.lower() not in (b"connection", b"upgrade", b"transfer-encoding", b"via", b"host", *APPENDED)
        ]
        assert found == kept


@given(st.binary(max_size=300))
def test_no_bytes_make_reading_a_head_fail_in_another_way(raw: bytes) -> None:
    for read in (read_request, lambda data: read_reply(data, COMPARABLE)):
        try:
            read(raw + b"\r\n\r\n")
        except Malformed as error:
            assert error.status in (400, 405, 501)  # noqa: PT017


# --- replies


def reply(*lines: str, first: str = "HTTP/1.1 200 OK") -> ReplyHead:
    return read_reply(("\r\n".join([first, *lines]) + "\r\n\r\n").encode("latin-1"), COMPARABLE)


@pytest.mark.parametrize(
    ("first", "lines", "length", "kept"),
    [
        ("HTTP/1.1 200 OK", ["Content-Length: 5"], 5, True),
        ("HTTP/1.1 200 OK", ["Transfer-Encoding: chunked"], CHUNKED, True),
        ("HTTP/1.1 200 OK", ["transfer-encoding: Chunked", "Connection: close"], CHUNKED, False),
        ("HTTP/1.1 200 OK", [], UNTIL_CLOSE, True),
        ("HTTP/1.1 200", ["Content-Length: 0"], 0, True),
        ("HTTP/1.1 200 ", ["Content-Length: 0"], 0, True),
        ("HTTP/1.0 200 OK", ["Content-Length: 5"], 5, False),
        ("HTTP/1.0 200 OK", ["Content-Length: 5", "Connection: keep-alive"], 5, True),
        ("HTTP/1.1 204 No Content", ["Content-Length: 5"], 0, True),
        ("HTTP/1.1 304 Not Modified", ["Content-Length: 5"], 0, True),
        ("HTTP/1.1 304 Not Modified", ["Transfer-Encoding: chunked"], 0, True),
        ("HTTP/1.1 100 Continue", [], 0, True),
        ("HTTP/1.1 999 What \xe9", ["Content-Length: 1"], 1, True),
    ],
)
def test_a_replys_length_follows_from_its_head(first: str, lines: list[str], length: int, kept: bool) -> None:
    read = reply(*lines, first=first)
    assert (read.length, read.keep_alive) == (length, kept)


@pytest.mark.parametrize(
    ("first", "lines"),
    [
        ("HTTP/1.1 200 OK", list(BOTH)),
        ("HTTP/1.1 200 OK", ["Content-Length: 4", "Content-Length: 5"]),
        ("HTTP/1.1 200 OK", ["Content-Length: 4, 4"]),
        ("HTTP/1.1 200 OK", ["Content-Length: -4"]),
        ("HTTP/1.1 200 OK", ["Transfer-Encoding: gzip"]),
        ("HTTP/1.1 200 OK", ["Transfer-Encoding: gzip, chunked"]),
        ("HTTP/1.1 200 OK", ["X: a", " folded"]),
        ("HTTP/1.1 200 OK", ["X : a"]),
        ("HTTP/1.1 200 OK", ["X: a\x00"]),
        ("HTTP/1.1 200 OK", ["X: a\nY: b"]),
        ("HTTP/1.1 20 OK", []),
        ("HTTP/1.1 2000 OK", []),
        ("HTTP/1.1 000 OK", []),
        ("HTTP/1.1  200 OK", []),
        ("HTTP/1.2 200 OK", []),
        ("HTTP/2 200", []),
        ("200 OK", []),
        ("GET / HTTP/1.1", []),
        ("ICY 200 OK", []),
    ],
)
def test_odd_replies_are_refused(first: str, lines: list[str]) -> None:
    with pytest.raises(Malformed):
        reply(*lines, first=first)


def test_a_reply_is_sent_on_with_order_case_and_duplicates_and_without_what_was_for_us_alone() -> None:
    read = reply(
        *("Set-Cookie: a", "x: 1", "SET-COOKIE: b", "Connection: close, X-Gone", "Keep-Alive: timeout=5", "X-Gone: 1"),
        *("Content-Length: 5", "Upgrade: h2c", "X: \xe9", "Empty:"),
        first="HTTP/1.0 200 Fine",
    )
    lines = "HTTP/1.1 200 Fine|Set-Cookie: a|x: 1|SET-COOKIE: b|Content-Length: 5|X: \xe9|Empty:"
    assert [line.rstrip() for line in read.sent_on.decode("latin-1").split("\r\n")] == [*lines.split("|"), ""]
    assert read.kept == read.sent_on + b"\r\n"
    assert read.closing == read.sent_on + b"Connection: close\r\n\r\n"


def test_a_chunked_reply_stays_chunked_whatever_connection_says() -> None:
    assert (
        b"Transfer-Encoding: chunked\r\n" in reply("Transfer-Encoding: chunked", "Connection: transfer-encoding").kept
    )


def test_a_replys_headers_are_masked_when_they_are_recorded() -> None:
    def mask(headers: Headers) -> Headers:
        return tuple((name, value.upper()) for name, value in headers)

    read = reply("Connection: a", "A: b", "Keep-Alive: x", "C: d")
    assert read.masked_headers(mask) == (("C", "D"),)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("content-type",), [(b"content-type", b"b")]),
        (("x", "content-type"), [(b"content-type", b"b"), (b"x", b"2"), (b"x", b"1")]),
        (("*",), [(b"content-length", b"0"), (b"content-type", b"b"), (b"x", b"2"), (b"x", b"1")]),
        ((), []),
        (("date",), []),
    ],
)
def test_the_headers_that_count_are_those_of_the_settings(names: tuple[str, ...], expected: list[object]) -> None:
    raw = b"HTTP/1.1 200 OK\r\nX: 2\r\nDate: now\r\nContent-Type: b\r\nx: 1\r\nContent-Length: 0\r\n\r\n"
    comparable = Comparable(frozenset(names), frozenset(("date",)))
    assert [tuple(pair) for pair in read_reply(raw, comparable).comparable] == expected
