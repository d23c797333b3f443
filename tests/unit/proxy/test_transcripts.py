"""Conversations in which nothing goes wrong: what the client sends and gets, byte for byte."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Callable

import pytest

from conversation import CLOSE, GET, POST, Client, Heard, Stage, chunked, chunks, ok, reply, request, soon, until
from understudy.proxy.downstream import Downstream


async def test_the_client_gets_the_primarys_bytes_and_both_stacks_get_the_request(stage: Stage) -> None:
    old = stage.stack("old", ok(b"hello", "X-One: 1", "x-one: 2"))
    new = stage.stack("new", ok(b"hello", "X-One: 1", "x-one: 2"))
    answer = await stage.ask(GET("/a?b=c", "Accept: */*", "X-A: 1", "x-a: 2"))
    assert answer.raw == ok(b"hello", "X-One: 1", "x-one: 2")
    await stage.settled(equal=1)
    (to_old,), (to_new,) = old.heard, new.heard
    assert re.fullmatch(
        rb"GET /a\?b=c HTTP/1\.1\r\nHost: shop\.example\r\nAccept: \*/\*\r\nX-A: 1\r\nx-a: 2\r\n"
        rb"X-Forwarded-Proto: http\r\nX-Forwarded-Host: shop\.example\r\nVia: 1\.1 understudy\r\n"
        rb"X-Forwarded-For: 127\.0\.0\.1\r\nX-Request-Id: [0-9a-f]+\r\n\r\n",
        to_old.raw,
    )
    assert to_new.raw == to_old.raw[:-2] + b"Understudy-Shadow: new\r\n\r\n"


async def test_a_post_is_mirrored_where_the_settings_say_so_and_its_body_is_the_same(stage: Stage) -> None:
    old, new = stage.stack("old", ok(b"1")), stage.stack("new", ok(b"2"))
    stage.setting(mirror={"methods": ["POST"]})
    await stage.ask(POST("/", b"abc" * 1000, "Content-Type: text/plain"))
    await stage.settled(different=1)
    assert old.heard[0].body == new.heard[0].body == b"abc" * 1000
    (exchange,) = stage.exchanges()
    assert exchange.request.body == b"abc" * 1000


async def test_a_chunked_request_is_passed_on_chunk_by_chunk_with_its_trailers(stage: Stage) -> None:
    old, new = stage.stack("old"), stage.stack("new")
    stage.setting(mirror={"methods": ["PUT"]})
    body = b"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n"
    await stage.ask(request("PUT", "/", "Transfer-Encoding: chunked", "Trailer: X-Sum") + body)
    await stage.settled(equal=1)
    for heard in (old.heard[0], new.heard[0]):
        assert heard.raw.endswith(b"\r\n\r\n" + body)
        assert heard.all("transfer-encoding") == ["chunked"]
        assert heard.all("content-length") == []


async def test_a_chunked_reply_reaches_the_client_as_it_came_with_its_trailers(stage: Stage) -> None:
    raw = chunked(b"abc", b"defg", trailers=b"X-Sum: 7\r\n")
    stage.stack("old", raw), stage.stack("new", chunked(b"abcdefg"))
    assert (await stage.ask(GET())).raw == raw
    await stage.settled(equal=1)


async def test_how_a_body_is_framed_is_no_difference(stage: Stage) -> None:
    stage.stack("old", ok(b"abcdefg"))
    stage.stack("new", chunked(b"abc", b"defg"))
    stage.stack("newer", (b"HTTP/1.0 200 OK\r\n\r\nabcdefg", CLOSE))
    assert (await stage.ask(GET())).body == b"abcdefg"
    await stage.settled(equal=1)


async def test_a_reply_that_comes_in_pieces_is_passed_on_piece_by_piece(stage: Stage) -> None:
    first, second = asyncio.Event(), asyncio.Event()
    raw = ok(b"abcdef")
    stage.stack("old", (raw[:-6], first, b"abc", second, b"def")), stage.stack("new", raw)
    async with stage.client() as client:
        await client.send(GET())
        assert await client.exactly(len(raw) - 6) == raw[:-6]
        first.set()
        assert await client.exactly(3) == b"abc"
        second.set()
        assert await client.exactly(3) == b"def"
        await stage.settled(equal=1)


@pytest.mark.parametrize("raw", [ok(b"abc", "X: y"), chunked(b"abc", b"de"), chunked(b"abc", trailers=b"X: y\r\n")])
async def test_a_reply_may_be_cut_into_single_bytes(stage: Stage, raw: bytes) -> None:
    pieces = [raw[i : i + 1] for i in range(len(raw))]

    async def dribble(heard: Heard) -> bytes:
        for piece in pieces:
            heard.writer.write(piece)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return b""

    stage.stack("old", dribble), stage.stack("new", raw)
    async with stage.client() as client:
        assert (await client.ask(GET())).raw == raw
        assert (await client.ask(GET())).raw == raw
    await stage.settled(equal=2)


async def test_a_request_may_be_cut_into_single_bytes(stage: Stage) -> None:
    old, _ = stage.stack("old", ok(b"1")), stage.stack("new", ok(b"1"))
    stage.setting(mirror={"methods": ["GET", "POST"]})
    message = (
        request("POST", "/p", "Transfer-Encoding: chunked") + chunks(b"abc", b"de", trailers=b"A: b\r\n") + GET("/g")
    )
    async with stage.client() as client:
        await client.send(*[message[i : i + 1] for i in range(len(message))])
        assert [(await client.answer()).body for _ in range(2)] == [b"1", b"1"]
    await stage.settled(equal=2)
    assert old.lines == ["POST /p HTTP/1.1", "GET /g HTTP/1.1"]


async def test_a_hundred_requests_sent_at_once_are_answered_in_order(stage: Stage) -> None:
    stage.stack("old", lambda heard: ok(heard.line.encode())), stage.stack("new", lambda heard: ok(heard.line.encode()))
    async with stage.client() as client:
        await client.send(b"".join(GET(f"/{number}") for number in range(100)))
        for number in range(100):
            assert (await client.answer()).body == b"GET /%d HTTP/1.1" % number
    await stage.settled(equal=100)


@pytest.mark.parametrize("size", [1, 7, 61, 1000])
async def test_pipelined_requests_may_be_cut_anywhere(stage: Stage, size: int) -> None:
    stage.stack("old", lambda heard: ok(heard.line.encode() + heard.body))
    message = b"".join(
        (
            GET(f"/{n}"),
            POST(f"/{n}", b"x" * n),
            request("PUT", f"/{n}", "Transfer-Encoding: chunked") + chunks(b"y" * n),
        )[n % 3]
        for n in range(1, 31)
    )
    async with stage.client() as client:
        await client.send(*[message[i : i + size] for i in range(0, len(message), size)])
        for n in range(1, 31):
            expected = (b"GET /%d HTTP/1.1", b"POST /%d HTTP/1.1" + b"x" * n, b"PUT /%d HTTP/1.1" + b"y" * n)[n % 3]
            assert (await client.answer()).body == expected % n
    await stage.settled(skipped=30)


async def test_a_client_that_sends_no_more_gets_all_its_answers(stage: Stage) -> None:
    stage.stack("old", lambda heard: ok(heard.line.encode())), stage.stack("new")
    async with stage.client() as client:
        await client.send(b"".join(GET(f"/{number}") for number in range(3)))
        client.end()
        for number in range(3):
            assert (await client.answer()).body == b"GET /%d HTTP/1.1" % number
        assert await client.is_closed()
    await stage.settled(different=3)


async def test_a_client_that_sends_no_more_in_the_middle_of_a_head_is_let_go(stage: Stage) -> None:
    stage.stack("old", ok(b"1"))
    async with stage.client() as client:
        await client.send(GET() + b"GET / HT")
        client.end()
        assert (await client.answer()).body == b"1"
        assert await client.is_closed()
    await stage.settled(skipped=1)


async def test_connections_are_kept_on_both_sides(stage: Stage) -> None:
    old, new = stage.stack("old"), stage.stack("new")
    async with stage.client() as client:
        for _ in range(10):
            await client.ask(GET())
            await stage.settled()
    await stage.settled(equal=10)
    assert (old.connections, new.connections) == (1, 1)


async def test_pools_are_bounded(stage: Stage) -> None:
    together = asyncio.Event()
    old = stage.stack("old", (together, ok()), max_idle=2)
    async with stage.client() as a, stage.client() as b, stage.client() as c, stage.client() as d:
        for client in (a, b, c, d):
            await client.send(GET())
        await until(lambda: len(old.heard) == 4)
        together.set()
        for client in (a, b, c, d):
            await client.answer()
        await until(lambda: old.open == 2)
        assert stage.worker.primary.open_connections == 2
    await stage.settled(skipped=4)


async def test_idle_connections_to_a_stack_are_closed_in_time(stage: Stage) -> None:
    old = stage.stack("old")
    stage.setting(timeouts={"upstream_idle": 60})
    async with stage.client() as client:
        await client.ask(GET())
        await until(lambda: old.open == 0 and stage.worker.primary.open_connections == 0)
        await client.ask(GET())
    assert old.connections == 2


async def test_connection_close_from_the_client_is_kept(stage: Stage) -> None:
    old = stage.stack("old", ok(b"hi"))
    async with stage.client() as client:
        await client.send(GET("/", "Connection: close"))
        answer = await client.answer()
        assert (answer.value("connection"), answer.body) == ("close", b"hi")
        assert await client.is_closed()
    assert old.heard[0].all("connection") == []


async def test_connection_close_from_the_primary_is_its_own_affair(stage: Stage) -> None:
    old = stage.stack("old", (ok(b"hi", "Connection: close"), CLOSE))
    async with stage.client() as client:
        assert (await client.ask(GET())).all("connection") == []
        assert (await client.ask(GET())).body == b"hi"
    assert old.connections == 2


@pytest.mark.parametrize(
    ("method", "raw"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b'HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\nETag: "a"\r\n\r\n'),
        ("GET", b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"),
        ("GET", b"HTTP/1.1 299 Very Odd \xe9\r\nContent-Length: 0\r\n\r\n"),
    ],
)
async def test_replies_without_a_body_end_with_their_head(stage: Stage, method: str, raw: bytes) -> None:
    old = stage.stack("old", raw)
    new = stage.stack("new", raw)
    async with stage.client() as client:
        for _ in range(3):
            assert (await client.ask(request(method, "/"))).raw == raw
            await stage.settled()
    await stage.settled(equal=3)
    assert (old.connections, new.connections) == (1, 1)


async def test_a_body_after_a_reply_that_has_none_is_not_taken_for_the_next_reply(stage: Stage) -> None:
    old = stage.stack("old", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 38\r\n\r\n" + ok(b"poison"), ok(b"fine"))
    async with stage.client() as client:
        assert (await client.ask(GET())).status == 304
        assert (await client.ask(GET())).body == b"fine"
    assert old.connections == 2


async def test_a_reply_that_ends_by_close_is_whole_and_so_ends_at_the_client(stage: Stage) -> None:
    (
        stage.stack("old", (b"HTTP/1.1 200 OK\r\n\r\nabc", CLOSE)),
        stage.stack("new", (b"HTTP/1.0 200 OK\r\n\r\nabc", CLOSE)),
    )
    async with stage.client() as client:
        await client.send(GET())
        answer = await client.answer()
        assert (answer.value("connection"), answer.body) == ("close", b"abc")
    await stage.settled(equal=1)


async def test_interim_replies_are_passed_on_before_the_final_one(stage: Stage) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
    stage.stack("old", hints + hints + ok(b"hi")), stage.stack("new", b"HTTP/1.1 100 Continue\r\n\r\n" + ok(b"hi"))
    async with stage.client() as client:
        await client.send(GET())
        assert (await client.answer()).raw == hints
        assert (await client.answer()).raw == hints
        assert (await client.answer()).body == b"hi"
    await stage.settled(equal=1)


async def test_a_client_that_expects_100_continue_gets_the_primarys(stage: Stage) -> None:
    go_on = b"HTTP/1.1 100 Continue\r\n\r\n"
    finish = asyncio.Event()
    old = stage.stack("old", (go_on, finish, ok(b"done")), reads="head")
    new = stage.stack("new", ok(b"done"))
    stage.setting(mirror={"methods": ["POST"]})
    async with stage.client() as client:
        await client.send(request("POST", "/", "Expect: 100-continue", "Content-Length: 5"))
        assert (await client.answer()).raw == go_on
        await client.send(b"hello")
        finish.set()
        assert (await client.answer()).body == b"done"
        await until(lambda: new.heard)
    assert old.heard[0].all("expect") == ["100-continue"]
    assert new.heard[0].all("expect") == []
    assert new.heard[0].body == b"hello"
    await stage.settled(equal=1)


async def test_a_client_that_expects_100_continue_may_be_refused_at_once(stage: Stage) -> None:
    old = stage.stack("old", reply("413 Content Too Large", b"no"), reads="head")
    async with stage.client() as client:
        await client.send(request("POST", "/", "Expect: 100-continue", "Content-Length: 5"))
        answer = await client.answer()
        assert (answer.status, answer.body, answer.value("connection")) == (413, b"no", "close")
        assert await client.is_closed()
    assert old.connections == 1
    await stage.settled(skipped=1)


async def test_an_answer_may_come_while_the_body_is_still_sent(stage: Stage) -> None:
    begin, finish = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", asyncio.Event()
    stage.stack("old", (begin, finish, b"3\r\ndef\r\n0\r\n\r\n"), reads="head")
    stage.stack("new", ok(b"abcdef"))
    stage.setting(mirror={"methods": ["POST"]})
    async with stage.client() as client:
        await client.send(request("POST", "/", "Content-Length: 6") + b"123")
        head = await soon(client.reader.readuntil(b"\r\n\r\n"))
        assert b"Connection: close" in head
        assert await client.exactly(8) == b"3\r\nabc\r\n"
        await client.send(b"456")
        finish.set()
        assert await client.rest() == b"3\r\ndef\r\n0\r\n\r\n"
    await stage.settled(equal=1)


async def test_a_whole_answer_before_the_request_is_whole_ends_the_connection_and_no_shadow_is_asked(
    stage: Stage,
) -> None:
    stage.stack("old", ok(b"enough"), reads="head")
    new = stage.stack("new")
    stage.setting(mirror={"methods": ["POST"]})
    async with stage.client() as client:
        await client.send(request("POST", "/", "Content-Length: 600000") + b"x" * 1000)
        assert (await client.answer()).body == b"enough"
        await client.send(b"x" * 200_000)  # no reset under the answer
        assert await client.is_closed()
    await stage.settled(skipped=1)
    assert new.heard == []


@pytest.mark.parametrize("lines", [b"\r\n", b"\r\n\r\n"])
async def test_empty_lines_before_a_request_are_passed_over(stage: Stage, lines: bytes) -> None:
    stage.stack("old", ok(b"1"))
    async with stage.client() as client:
        assert (await client.ask(lines + GET())).body == b"1"
        await client.send(lines)
        assert (await client.ask(GET())).body == b"1"


# --- HTTP/1.0

OLD_GET = b"GET / HTTP/1.0\r\nHost: shop.example\r\n\r\n"
OLD_GET_KEPT = b"GET / HTTP/1.0\r\nHost: shop.example\r\nConnection: Keep-Alive\r\n\r\n"


async def test_an_http_1_0_client_gets_its_answer_and_the_end(stage: Stage) -> None:
    old = stage.stack("old", ok(b"hi"))
    async with stage.client() as client:
        await client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert (await client.answer()).body == b"hi"
        assert await client.is_closed()
    assert old.heard[0].line == "GET / HTTP/1.1"
    assert old.heard[0].one("host") == f"127.0.0.1:{old.port}"
    assert old.heard[0].one("via") == "1.0 understudy"


async def test_an_http_1_0_client_may_keep_its_connection(stage: Stage) -> None:
    stage.stack("old", ok(b"hi"))
    async with stage.client() as client:
        for _ in range(3):
            answer = await client.ask(OLD_GET_KEPT)
            assert (answer.body, answer.value("connection")) == (b"hi", "keep-alive")


@pytest.mark.parametrize("message", [OLD_GET, OLD_GET_KEPT])
@pytest.mark.parametrize("split", [False, True])
async def test_an_http_1_0_client_gets_a_chunked_reply_without_chunks(
    stage: Stage, message: bytes, split: bool
) -> None:
    raw = chunked(b"abc", b"def", trailers=b"X: y\r\n")
    gate = asyncio.Event()
    stage.stack("old", (raw[:55], gate, raw[55:]) if split else raw)
    async with stage.client() as client:
        await client.send(message)
        head = await soon(client.reader.readuntil(b"\r\n\r\n"))
        gate.set()
        assert b"Transfer-Encoding" not in head
        assert b"Connection: close" in head
        assert await client.rest() == b"abcdef"
    await stage.settled(skipped=1)


async def test_an_http_1_0_client_gets_no_interim_replies(stage: Stage) -> None:
    stage.stack("old", b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + ok(b"hi"))
    async with stage.client() as client:
        await client.send(OLD_GET)
        assert (await client.answer()).raw.startswith(b"HTTP/1.1 200")


async def test_an_http_1_0_head_request_for_a_chunked_reply_keeps_its_connection(stage: Stage) -> None:
    stage.stack("old", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    async with stage.client() as client:
        for _ in range(2):
            answer = await client.ask(OLD_GET_KEPT.replace(b"GET", b"HEAD"))
            assert (answer.status, answer.value("connection")) == (200, "keep-alive")


# --- several stacks


async def test_the_request_id_is_the_same_for_all_and_unlike_for_each_request(stage: Stage) -> None:
    stacks = [stage.stack("old"), stage.stack("new"), stage.stack("newer")]
    async with stage.client() as client:
        for _ in range(5):
            await client.ask(GET())
        await client.ask(GET("/", "X-Request-Id: the-clients-own"))
    await stage.settled(equal=6)
    seen = [sorted(heard.one("x-request-id") for heard in stack.heard) for stack in stacks]
    assert seen[0] == seen[1] == seen[2]
    assert len(set(seen[0])) == 6
    assert "the-clients-own" in seen[0]


async def test_each_shadow_carries_its_own_mark_and_clients_can_not_forge_it(stage: Stage) -> None:
    old, new, newer = stage.stack("old"), stage.stack("new"), stage.stack("newer")
    await stage.ask(GET("/", "Understudy-Shadow: new", "understudy_shadow: new"))
    await stage.settled(equal=1)
    assert [stack.heard[0].all("understudy-shadow") for stack in (old, new, newer)] == [[], ["new"], ["newer"]]
    assert all(stack.heard[0].all("understudy_shadow") == [] for stack in (old, new, newer))


async def test_several_addresses_of_the_primary_are_used_in_turn(stage: Stage) -> None:
    first, second = stage.stack("old"), stage.stack("unused")
    del stage.stack_settings["unused"]
    stage.stack_settings["old"] = {"role": "primary", "urls": [first.url, second.url], "max_idle": 0}
    async with stage.client() as client:
        for _ in range(6):
            assert (await client.ask(GET())).status == 200
    assert (len(first.heard), len(second.heard)) == (3, 3)


async def test_an_address_of_the_primary_that_is_down_is_passed_over(stage: Stage) -> None:
    first = stage.stack("old")
    down = stage.stack("down")
    del stage.stack_settings["down"]
    stage.stack_settings["old"] = {"role": "primary", "urls": [down.url, first.url], "max_idle": 0}
    await stage.up()
    await down.close()
    async with stage.client() as client:
        for _ in range(6):
            assert (await client.ask(GET())).status == 200
    assert len(first.heard) == 6
    await stage.settled(skipped=6)


async def test_an_address_of_the_primary_that_swallows_connections_is_waited_for_once(stage: Stage) -> None:
    first = stage.stack("old")
    with socket.create_server(("127.0.0.1", 0), backlog=0) as swallows, socket.socket() as filler:
        address = swallows.getsockname()
        filler.connect(address)  # its queue is full, and the kernel takes no notice of whoever comes next
        stage.setting(timeouts={"connect": 2_000})
        url = f"http://127.0.0.1:{address[1]}"
        stage.stack_settings["old"] = {"role": "primary", "urls": [url, first.url], "max_idle": 0}
        began = time.monotonic()
        async with stage.client() as client:
            for _ in range(10):
                assert (await client.ask(GET())).status == 200
        assert 2.0 <= time.monotonic() - began < 4.0
    assert len(first.heard) == 10


# --- back-pressure


async def test_a_slow_client_holds_the_reading_from_the_primary(stage: Stage) -> None:
    size = 24 << 20
    written = 0

    async def pour(heard: Heard) -> bytes:
        nonlocal written
        writer = heard.writer
        writer.transport.set_write_buffer_limits(high=1)
        for _ in range(size >> 16):
            writer.write(b"x" * 65536)
            await writer.drain()
            written += 65536
        return b""

    stage.stack("old", (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size, pour), ok(b"next"))
    async with stage.client(buffer_bytes=8192) as client:
        await client.send(GET())
        await _stands_still(lambda: written)
        assert 0 < written < 12 << 20  # what the kernel's buffers took, and no more than that
        (downstream,) = stage.worker.clients
        assert downstream.transport.get_write_buffer_size() < 1 << 20
        head = await soon(client.reader.readuntil(b"\r\n\r\n"))
        assert b"200" in head
        rest = size
        while rest:
            rest -= len(await soon(client.reader.read(1 << 20)))
        assert (await client.ask(GET())).body == b"next"  # the primary's connection reads again
    await stage.settled(skipped=2)
    assert stage.stacks["old"].connections == 1


async def test_a_primary_connection_goes_back_reading_when_its_last_piece_held_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reply's end may be what fills the client's buffer: the next request must not find a deaf connection."""
    pass_on = Downstream.continue_answer

    def pass_on_and_fill(self: Downstream, wire: bytes, payload: bytes) -> None:
        pass_on(self, wire, payload)
        self.pause_writing()
        self.worker.loop.call_soon(self.resume_writing)

    monkeypatch.setattr(Downstream, "continue_answer", pass_on_and_fill)
    go_on = asyncio.Event()
    old = stage.stack("old", (ok(b"abcdef")[:-3], go_on, b"def"), ok(b"next"))
    async with stage.client() as client:
        await client.send(GET())
        assert await client.exactly(len(ok(b"abcdef")) - 3)
        go_on.set()
        assert await client.exactly(3) == b"def"
        assert (await client.ask(GET())).body == b"next"
    assert old.connections == 1


async def test_a_client_that_asks_on_without_reading_is_held(stage: Stage) -> None:
    old = stage.stack("old", ok(b"x" * 100_000))
    async with stage.client(buffer_bytes=4096) as client:
        await client.send(GET() * 500)
        await _stands_still(lambda: len(old.heard))
        assert len(old.heard) < 100
        (downstream,) = stage.worker.clients
        assert downstream.transport.get_write_buffer_size() < 1 << 20
        for _ in range(500):
            assert len((await client.answer()).body) == 100_000
    await stage.settled(skipped=500)


async def test_a_slow_primary_holds_the_reading_from_the_client(stage: Stage) -> None:
    size, sent, go_on = 24 << 20, 0, asyncio.Event()

    async def take(heard: Heard) -> bytes:
        await go_on.wait()
        rest = size
        while rest:
            rest -= len(await heard.reader.read(1 << 20))
        return ok(b"thanks")

    async def pour(client: Client) -> None:
        nonlocal sent
        client.writer.transport.set_write_buffer_limits(high=1)
        for _ in range(size >> 16):
            client.writer.write(b"y" * 65536)
            await client.writer.drain()
            sent += 65536

    stage.stack("old", take, reads="head")
    async with stage.client() as client:
        await client.send(request("POST", "/", f"Content-Length: {size}"))
        async with asyncio.TaskGroup() as group:
            group.create_task(pour(client))
            await _stands_still(lambda: sent)
            assert 0 < sent < 16 << 20
            go_on.set()
        assert (await client.answer()).body == b"thanks"
    await stage.settled(skipped=1)


async def _stands_still(count: Callable[[], int]) -> None:
    """Wait until a count has begun to grow and then hasn't for a while."""
    await until(count)
    loop = asyncio.get_running_loop()
    last, since = count(), loop.time()
    while loop.time() - since < 0.3:
        await asyncio.sleep(0.02)
        if count() != last:
            last, since = count(), loop.time()
