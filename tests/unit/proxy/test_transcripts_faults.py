"""Conversations in which the client or the primary misbehaves: what the client is told, and where it is counted."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from conversation import (
    CLOSE,
    GET,
    HANG,
    POST,
    RESET,
    Act,
    Heard,
    Stage,
    chunked,
    deaf_address,
    ok,
    request,
    soon,
    until,
)

# Only what is to end at once is quick: on a machine that stands still for a moment the others would end too.
QUICK_HEAD = {"client_head": 150}
QUICK_IDLE = {"client_idle": 150}
QUICK_PRIMARY = {"primary": 150}


# --- a stale connection (RFC 9110 §9.2.2, RFC 9112 §9.3.1)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"])
async def test_an_idempotent_request_without_a_body_is_sent_again_when_a_pooled_connection_closes(
    stage: Stage, method: str
) -> None:
    old = stage.stack("old", ok(), CLOSE, ok(b"", "X: again"))
    async with stage.client() as client:
        await client.ask(GET("/first"))
        answer = await client.ask(request(method, "/second"))
        assert answer.value("x") == "again"
    assert old.lines == ["GET /first HTTP/1.1", f"{method} /second HTTP/1.1", f"{method} /second HTTP/1.1"]
    assert old.heard[1].raw == old.heard[2].raw


@pytest.mark.parametrize(
    "message",
    [
        request("POST", "/"),
        POST("/", b"body"),
        request("PATCH", "/"),
        request("PUT", "/", body=b"body"),
        request("DELETE", "/", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    ],
)
async def test_no_other_request_is_ever_sent_again(stage: Stage, message: bytes) -> None:
    old = stage.stack("old", ok(), CLOSE, ok(b"never"))
    async with stage.client() as client:
        await client.ask(GET("/first"))
        answer = await client.ask(message)
        assert (answer.status, answer.error) == (502, "primary-closed")
    assert len(old.heard) == 2
    await stage.settled(skipped=1, primary_failed=1)


async def test_a_request_is_sent_again_only_once_and_over_a_new_connection(stage: Stage) -> None:
    old = stage.stack("old", ok(), CLOSE, CLOSE, ok(b"never"))
    async with stage.client() as client:
        await client.ask(GET())
        assert (await client.ask(GET())).error == "primary-closed"
    assert [heard.connection for heard in old.heard] == [1, 1, 2]
    await stage.settled(skipped=1, primary_failed=1)


async def test_a_request_over_a_new_connection_is_not_sent_again(stage: Stage) -> None:
    old = stage.stack("old", CLOSE)
    assert (await stage.ask(GET())).error == "primary-closed"
    assert len(old.heard) == 1
    await stage.settled(primary_failed=1)


async def test_a_request_over_a_connection_that_waited_unused_and_was_closed_is_sent_again(stage: Stage) -> None:
    """It was made for a client that went meanwhile."""
    old = stage.stack("old", CLOSE, ok(b"answered"))
    await stage.up()
    unused = await stage.worker.primary.connect()
    stage.worker.primary.give_back(unused)
    assert (await stage.ask(GET())).body == b"answered"
    assert [heard.connection for heard in old.heard] == [1, 2]
    await stage.settled(skipped=1)


async def test_a_request_is_not_sent_again_once_a_byte_of_its_answer_came(stage: Stage) -> None:
    old = stage.stack("old", ok(), (b"HTTP/1.1 2", CLOSE))
    async with stage.client() as client:
        await client.ask(GET())
        assert (await client.ask(GET())).error == "primary-closed"
    assert len(old.heard) == 2


async def test_a_post_takes_no_connection_that_was_idle_for_long(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.proxy.pool.FRESH_S", 0.0)
    old = stage.stack("old")
    async with stage.client() as client:
        await client.ask(GET())
        at = stage.worker.primary.now
        await until(lambda: stage.worker.primary.now > at)
        await client.ask(POST("/", b"x"))
        await client.ask(GET())
    assert [heard.connection for heard in old.heard] == [1, 2, 2]


async def test_a_stale_connection_to_a_shadow_is_no_failure(stage: Stage) -> None:
    stage.stack("old")
    new = stage.stack("new", ok(), RESET, ok())
    async with stage.client() as client:
        await client.ask(GET())
        await stage.settled(equal=1)
        await client.ask(GET())
    await stage.settled(equal=2)
    assert len(new.heard) == 3


# --- the primary fails


async def test_a_primary_that_refuses_is_a_502(stage: Stage) -> None:
    old, new = stage.stack("old"), stage.stack("new")
    await stage.up()
    await old.close()
    async with stage.client() as client:
        for _ in range(2):
            answer = await client.ask(GET())
            assert (answer.status, answer.error) == (502, "primary-refused")
    await stage.settled(primary_failed=2)
    assert not new.heard  # there is nothing to compare its answer with


async def test_a_silent_primary_is_a_504(stage: Stage) -> None:
    stage.setting(timeouts=QUICK_PRIMARY)
    old = stage.stack("old", HANG)
    async with stage.client() as client:
        answer = await client.ask(GET())
        assert (answer.status, answer.error) == (504, "primary-timeout")
        await until(lambda: old.open == 0)
    await stage.settled(primary_failed=1)


async def test_a_primary_that_takes_no_connection_is_a_504(stage: Stage) -> None:
    stage.setting(timeouts={"connect": 150})
    with deaf_address() as url:
        stage.stack("old", url=url)
        answer = await stage.ask(GET())
        assert (answer.status, answer.error) == (504, "primary-timeout")
        await stage.settled(primary_failed=1)


async def test_a_primary_whose_name_is_unknown_is_a_502(stage: Stage) -> None:
    stage.stack("old", url="http://no-such-host.invalid:9")
    answer = await stage.ask(GET())
    assert answer.status in (502, 504)
    assert answer.error in ("primary-unresolved", "primary-timeout")
    await stage.settled(primary_failed=1)


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x03\x00\x02\x02\x28",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX y: a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20_000,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 5000,
    ],
)
async def test_garbage_from_the_primary_is_a_502(stage: Stage, garbage: bytes) -> None:
    stage.stack("old", garbage, ok(b"well again"))
    async with stage.client() as client:
        await client.send(GET())
        answer = await client.answer()
        while answer.status == 103:
            answer = await client.answer()
        assert (answer.status, answer.error) == (502, "primary-garbled")
        assert (await client.ask(GET())).body == b"well again"
    await stage.settled(primary_failed=1, skipped=1)


BEGUN = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"
BEGUN_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
BEGUN_OPEN = b"HTTP/1.1 200 OK\r\n\r\nabc"


@pytest.mark.parametrize(
    "act",
    [
        (BEGUN, CLOSE),
        (BEGUN, RESET),
        (BEGUN, HANG),
        (BEGUN_CHUNKED, CLOSE),
        (BEGUN_CHUNKED, RESET),
        (BEGUN_CHUNKED, HANG),
        (BEGUN_CHUNKED, b"nonsense\r\n"),
        (BEGUN_CHUNKED, b"0\r\nContent-Length: 5\r\n\r\n"),
        (BEGUN_OPEN, RESET),
        (BEGUN_OPEN, HANG),
    ],
    ids=str,
)
@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_an_answer_that_breaks_off_can_not_be_taken_for_whole(stage: Stage, act: Act, version: str) -> None:
    assert isinstance(act, tuple)
    if HANG in act:
        stage.setting(timeouts=QUICK_PRIMARY)
    read = asyncio.Event()
    stage.stack("old", (act[0], read, *act[1:]))
    stage.stack("new", ok(b"abcdefghij"))
    async with stage.client() as client:
        await client.send(b"GET / HTTP/%b\r\nHost: shop.example\r\n\r\n" % version.encode())
        await soon(client.reader.readuntil(b"abc"))
        read.set()
        with pytest.raises(ConnectionResetError):
            await client.rest()
    await stage.settled(primary_failed=1)


async def test_a_reply_to_nobody_ends_the_connection_that_it_came_over(stage: Stage) -> None:
    old = stage.stack("old", ok(b"one") + ok(b"two"), ok(b"three"))
    async with stage.client() as client:
        assert (await client.ask(GET())).body == b"one"
        assert (await client.ask(GET())).body == b"three"
    assert old.connections == 2


async def test_bytes_over_an_idle_connection_end_it(stage: Stage) -> None:
    old = stage.stack("old", ok(b"one"), ok(b"two"))
    async with stage.client() as client:
        await client.ask(GET())
        old.writers[0].write(ok(b"poison"))
        await until(lambda: old.open == 0)
        assert (await client.ask(GET())).body == b"two"


# --- the client is slow, or goes


async def test_a_client_that_sends_nothing_is_closed_and_is_no_request(stage: Stage) -> None:
    stage.setting(timeouts=QUICK_HEAD)
    async with stage.client() as client:
        answer = await client.answer()
        assert (answer.status, answer.error, answer.value("connection")) == (408, "client-timeout", "close")
        assert await client.is_closed()
    assert (await stage.settled())["received"] == 0


async def test_a_slow_head_is_a_408(stage: Stage) -> None:
    stage.setting(timeouts=QUICK_HEAD)
    old = stage.stack("old")
    async with stage.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        answer = await client.answer()
        assert (answer.status, answer.error, answer.value("connection")) == (408, "client-timeout", "close")
        assert await client.is_closed()
    await stage.settled(rejected=1)
    assert old.connections == 0


async def test_a_slow_head_is_not_helped_by_single_bytes(stage: Stage) -> None:
    stage.setting(timeouts=QUICK_HEAD)

    async def drip() -> None:
        for _ in range(1000):
            client.writer.write(b"x")
            await asyncio.sleep(0.02)

    async with stage.client() as client:
        await client.send(GET("/first"))
        await client.answer()
        await client.send(b"GET /")
        dripping = asyncio.get_running_loop().create_task(drip())
        assert (await client.answer()).status == 408
        dripping.cancel()
    await stage.settled(skipped=1, rejected=1)


@pytest.mark.parametrize("framing", ["Content-Length: 10", "Transfer-Encoding: chunked"])
async def test_a_slow_body_is_a_408_and_no_stack_sees_an_end_of_it(stage: Stage, framing: str) -> None:
    stage.setting(timeouts=QUICK_HEAD, mirror={"methods": ["POST"]})
    old = stage.stack("old", HANG, reads="head")
    new = stage.stack("new")
    async with stage.client() as client:
        await client.send(request("POST", "/", framing) + b"5\r\nabc")
        answer = await client.answer()
        assert (answer.status, answer.error, answer.value("connection")) == (408, "client-timeout", "close")
        assert await client.is_closed()
    await stage.settled(rejected=1)
    await until(lambda: old.open == 0)
    assert bytes(old.after_head) == b"5\r\nabc"
    assert new.connections == 0


async def test_a_connection_without_requests_ends_in_time(stage: Stage) -> None:
    stage.setting(timeouts=QUICK_IDLE)
    async with stage.client() as client:
        await client.ask(GET())
        assert await client.is_closed()
    await stage.settled(skipped=1)


async def test_a_client_that_takes_nothing_of_its_answer_is_let_go(stage: Stage) -> None:
    stage.setting(timeouts=QUICK_IDLE)
    stage.stack("old", ok(b"x" * (16 << 20)))
    async with stage.client(buffer_bytes=4096) as client:
        await client.send(GET())
        await until(lambda: stage.worker.counts.requests()["client_gone"] == 1)
        with pytest.raises(ConnectionResetError):
            await client.rest()
    await stage.settled(client_gone=1)


@pytest.mark.parametrize("last", ["", "Connection: close"])
async def test_a_client_that_takes_nothing_of_a_whole_answer_is_let_go(stage: Stage, last: str) -> None:
    """What is left is less than would hold the reading, and still the connection must not stay for ever."""
    stage.setting(timeouts=QUICK_IDLE)
    size = 50_000
    stage.stack("old", ok(b"x" * size))
    async with stage.client(buffer_bytes=4096) as client:
        await client.send(GET() * 200)
        await until(lambda: len(stage.stacks["old"].heard) > 10)
        await client.send(GET("/", *filter(None, [last])))
        await until(lambda: not stage.worker.clients)


async def test_a_slow_client_that_takes_a_little_now_and_then_keeps_its_connection(stage: Stage) -> None:
    stage.setting(timeouts={"client_idle": 1500, "primary": 1500})
    size = 4 << 20
    stage.stack("old", ok(b"x" * size))
    async with stage.client(buffer_bytes=16384) as client:
        (downstream,) = await until(lambda: stage.worker.clients)
        kernel = downstream.transport.get_extra_info("socket")
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)  # so that what is taken is seen at once
        await client.send(GET())
        await client.answer_begins()
        until_s, got = time.monotonic() + 3.0, 0
        while time.monotonic() < until_s and got < size // 2:
            got += len(await soon(client.reader.read(16384)))
            await asyncio.sleep(0.03)
        assert len(await soon(client.reader.readexactly(size - got))) == size - got
    await stage.settled(skipped=1)


@pytest.mark.parametrize("act", [HANG, (BEGUN, HANG)], ids=["before an answer", "in the middle of it"])
async def test_a_client_that_goes_is_counted_and_the_primary_need_not_go_on(stage: Stage, act: Act) -> None:
    old = stage.stack("old", act)
    stage.stack("new")
    async with stage.client() as client:
        await client.send(GET())
        await until(lambda: old.heard)
        if act is not HANG:
            await client.answer_begins()
        client.reset()
        await until(lambda: old.open == 0)
    await stage.settled(client_gone=1)


async def test_a_client_that_closes_in_the_middle_of_its_answer_is_counted(stage: Stage) -> None:
    async def pour(heard: Heard) -> bytes:
        while True:
            heard.writer.write(b"3\r\nabc\r\n")
            await heard.writer.drain()
            await asyncio.sleep(0.001)

    old = stage.stack("old", (BEGUN_CHUNKED, pour))
    async with stage.client() as client:
        await client.send(GET())
        await client.answer_begins()
        client.writer.close()
        await until(lambda: old.open == 0)
    await stage.settled(client_gone=1)


async def test_a_client_that_goes_in_the_middle_of_its_body_is_counted(stage: Stage) -> None:
    old = stage.stack("old", HANG, reads="head")
    new = stage.stack("new")
    stage.setting(mirror={"methods": ["POST"]})
    async with stage.client() as client:
        await client.send(request("POST", "/", "Content-Length: 100") + b"half")
        await until(lambda: old.after_head == b"half")
        client.writer.close()
        await until(lambda: old.open == 0)
    await stage.settled(client_gone=1)
    assert new.connections == 0


async def test_a_client_that_goes_while_the_primary_is_connected_to_is_counted(stage: Stage) -> None:
    with deaf_address() as url:
        stage.setting(timeouts={"connect": 300})
        stage.stack("old", url=url)
        async with stage.client() as client:
            await client.send(GET())
            await until(lambda: stage.worker.counts.received)
            client.reset()
        await stage.settled(client_gone=1)


async def test_too_many_connections_are_a_503(stage: Stage) -> None:
    stage.setting(proxy={"max_connections": 2})
    stage.stack("old", ok(b"served"))
    async with stage.client() as first, stage.client() as second:
        await first.ask(GET())
        await second.ask(GET())
        async with stage.client() as third:
            answer = await third.answer()
            assert (answer.status, answer.error, answer.value("connection")) == (503, "too-many-connections", "close")
            assert await third.is_closed()
        assert (await first.ask(GET())).body == b"served"
    await until(lambda: not stage.worker.clients)
    assert (await stage.ask(GET())).body == b"served"
    await stage.settled(skipped=4, rejected=1)


async def test_a_slow_primary_is_not_taken_for_a_slow_client(stage: Stage) -> None:
    """An upload that the primary does not take ends in 504 and not in 408."""
    stage.setting(timeouts={"client_head": 1200, "primary": 2000})
    release = asyncio.Event()
    stage.stack("old", (release, HANG), reads="head")
    async with stage.client() as client:
        client.writer.write(request("POST", "/", f"Content-Length: {64 << 20}") + b"x" * (24 << 20))
        answer = await client.answer()
        assert (answer.status, answer.error) == (504, "primary-timeout")
        release.set()
    await stage.settled(primary_failed=1)


async def test_a_slow_upload_does_not_count_as_the_primarys_silence(stage: Stage) -> None:
    stage.setting(timeouts={"primary": 400})
    stage.stack("old", ok(b"thanks"))
    async with stage.client() as client:
        await client.send(request("POST", "/", "Content-Length: 2"))
        for byte in b"hi":
            await asyncio.sleep(0.5)
            await client.send(bytes((byte,)))
        assert (await client.answer()).body == b"thanks"
    await stage.settled(skipped=1)


async def test_after_a_slow_upload_the_primarys_silence_counts(stage: Stage) -> None:
    stage.setting(timeouts=QUICK_PRIMARY)
    stage.stack("old", HANG, reads="head")
    async with stage.client() as client:
        await client.send(request("POST", "/", "Content-Length: 2"))
        await asyncio.sleep(0.4)
        await client.send(b"hi")
        assert (await client.answer()).error == "primary-timeout"
    await stage.settled(primary_failed=1)


async def test_interim_replies_show_that_the_primary_is_not_silent(stage: Stage) -> None:
    stage.setting(timeouts={"primary": 1500})

    async def think(heard: Heard) -> bytes:
        for _ in range(7):
            heard.writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
            await asyncio.sleep(0.25)
        return ok(b"thought")

    stage.stack("old", think)
    async with stage.client() as client:
        await client.send(GET())
        answers = [await client.answer() for _ in range(8)]
        assert [answer.status for answer in answers] == [102] * 7 + [200]


# --- requests that no stack may see

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 400),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 16384 + b"\r\n\r\n", 400),
        (b"GET /" + b"y" * 20000, 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ],
)
async def test_what_could_be_read_in_two_ways_is_refused_and_the_connection_ends(
    stage: Stage, message: bytes, status: int
) -> None:
    old, new = stage.stack("old"), stage.stack("new")
    async with stage.client() as client:
        await client.send(message + SMUGGLED)
        answer = await client.answer()
        assert (answer.status, answer.value("connection")) == (status, "close")
        assert answer.error
        assert await client.is_closed()
    await stage.settled(rejected=1)
    assert (old.connections, new.connections) == (0, 0)
    assert sum(stage.worker.counts.refused.values()) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"+3\r\nabc\r\n0\r\n\r\n",
        b"-3\r\nabc\r\n0\r\n\r\n",
        b"3_0\r\nabc\r\n0\r\n\r\n",
        b"ffffffffffffffff1\r\nabc\r\n0\r\n\r\n",
        b" 3\r\nabc\r\n0\r\n\r\n",
        b"3\nabc\r\n0\r\n\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"3\r\nabc\n0\r\n\r\n",
        b"3;a=\rb\r\nabc\r\n0\r\n\r\n",
        b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"0\r\nX: a\r\n b\r\n\r\n",
        b"0\r\n: a\r\n\r\n",
        b"\r\n0\r\n\r\n",
    ],
)
async def test_a_malformed_chunk_is_refused_and_no_stack_sees_an_end(stage: Stage, body: bytes) -> None:
    stage.setting(mirror={"methods": ["POST"]}, timeouts={"upstream_idle": 100})
    old, new = stage.stack("old", HANG, reads="head"), stage.stack("new")
    async with stage.client() as client:
        await client.send(request("POST", "/", "Transfer-Encoding: chunked") + body + SMUGGLED)
        answer = await client.answer()
        assert (answer.status, answer.value("connection")) == (400, "close")
        assert await client.is_closed()
    await stage.settled(rejected=1)
    await until(lambda: old.open == 0)
    assert b"smuggled" not in old.after_head
    assert new.connections == 0


async def test_what_comes_after_a_refused_request_is_never_read(stage: Stage) -> None:
    old = stage.stack("old")
    async with stage.client() as client:
        await client.send(GET("/one") + b"GET / HTTP/1.1\r\n\r\n" + SMUGGLED)
        assert (await client.answer()).status == 200
        assert (await client.answer()).status == 400
        await client.send(SMUGGLED)
        assert await client.is_closed()
    assert old.lines == ["GET /one HTTP/1.1"]
    await stage.settled(skipped=1, rejected=1)


async def test_an_unused_part_of_a_reply_is_never_taken_for_the_next_one(stage: Stage) -> None:
    stage.stack("old", chunked(b"abc") + ok(b"poison"), ok(b"fine"))
    async with stage.client() as client:
        assert (await client.ask(GET())).body == b"abc"
        assert (await client.ask(GET())).body == b"fine"
