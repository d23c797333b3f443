"""Upgrades: after 101 bytes pass between client and primary, both ways, until either side ends."""

from __future__ import annotations

import asyncio

from conversation import CLOSE, GET, HALF_CLOSE, RESET, Client, Heard, Stage, ok, reply, request, soon, until

ASK = GET("/chat", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: abc")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX: y\r\n\r\n"


async def echo(heard: Heard) -> bytes:
    """Send back what comes, until it ends."""
    while data := await heard.reader.read(65536):
        heard.writer.write(data)
        await heard.writer.drain()
    return b""


async def test_an_upgrade_is_tunnelled_to_the_primary_and_not_mirrored(stage: Stage) -> None:
    old = stage.stack("old", (SWITCH, echo, CLOSE))
    new = stage.stack("new")
    async with stage.client() as client:
        answer = await client.ask(ASK)
        assert answer.status == 101
        assert (answer.value("upgrade"), answer.value("connection"), answer.value("x")) == ("websocket", "Upgrade", "y")
        for message in (b"\x81\x05hello", b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 1000):
            await client.send(message)
            assert await client.exactly(len(message)) == message
        await stage.settled(skipped=1)
    to_old = old.heard[0]
    assert (to_old.all("connection"), to_old.all("upgrade")) == (["Upgrade"], ["websocket"])
    assert to_old.one("sec-websocket-key") == "abc"
    assert new.connections == 0


async def test_bytes_sent_ahead_by_either_side_are_passed_on_first(stage: Stage) -> None:
    stage.stack("old", (SWITCH + b"from the primary", echo, CLOSE))
    async with stage.client() as client:
        await client.send(ASK + b"from the client")
        head = await client.answer_begins()
        assert head.startswith(b"HTTP/1.1 101")
        assert await client.exactly(31) == b"from the primaryfrom the client"


async def test_a_client_that_sends_no_more_still_gets_what_comes(stage: Stage) -> None:
    old = stage.stack("old", (SWITCH, echo, b"goodbye", CLOSE))
    async with stage.client() as client:
        await client.ask(ASK)
        await client.send(b"hello")
        client.end()
        assert await client.rest() == b"hellogoodbye"
    await until(lambda: old.open == 0)


async def test_a_client_that_ended_before_the_switch_still_gets_what_comes(stage: Stage) -> None:
    switch = asyncio.Event()
    old = stage.stack("old", (switch, SWITCH, echo, b"goodbye", CLOSE))
    async with stage.client() as client:
        await client.send(ASK + b"hello")
        client.end()
        await until(lambda: old.heard)
        await asyncio.sleep(0.05)  # the end has come by now, or comes later: both are right
        switch.set()
        assert (await client.answer()).status == 101
        assert await client.rest() == b"hellogoodbye"


async def test_a_primary_that_sends_no_more_still_gets_what_comes(stage: Stage) -> None:
    got = b""

    async def read(heard: Heard) -> bytes:
        nonlocal got
        got = await heard.reader.read()
        return b""

    stage.stack("old", (SWITCH, b"that's all", HALF_CLOSE, read, CLOSE))
    async with stage.client() as client:
        await client.ask(ASK)
        assert await client.rest() == b"that's all"
        await client.send(b"but not from me")
        client.end()
        await until(lambda: got == b"but not from me")
        await until(lambda: not stage.worker.tunnels)


async def test_when_the_primary_goes_the_client_is_closed(stage: Stage) -> None:
    stage.stack("old", (SWITCH, b"bye", CLOSE))
    async with stage.client() as client:
        await client.ask(ASK)
        assert await client.rest() == b"bye"


async def test_when_the_primary_breaks_off_the_client_is_closed(stage: Stage) -> None:
    stage.stack("old", (SWITCH, RESET))
    async with stage.client() as client:
        await client.ask(ASK)
        assert await client.is_closed()


async def test_when_the_client_breaks_off_the_primary_is_closed(stage: Stage) -> None:
    old = stage.stack("old", (SWITCH, echo, CLOSE))
    async with stage.client() as client:
        await client.ask(ASK)
        client.reset()
        await until(lambda: old.open == 0)
        await until(lambda: not stage.worker.tunnels)
    assert stage.worker.primary.open_connections == 0


async def test_no_timer_of_requests_reaches_into_a_tunnel(stage: Stage) -> None:
    quick = 500
    stage.setting(timeouts={"client_head": quick, "client_idle": quick, "primary": quick, "upstream_idle": quick})
    stage.stack("old", (SWITCH, echo, CLOSE), reads="head")
    async with stage.client() as client:
        # the head asks for a body of which not a byte comes before the switch
        await client.send(request("GET", "/", "Connection: Upgrade", "Upgrade: websocket", "Content-Length: 5"))
        assert (await client.answer()).status == 101
        await asyncio.sleep(1.0)
        await client.send(b"hello")
        assert await client.exactly(5) == b"hello"


async def test_a_slow_end_of_a_tunnel_holds_the_other(stage: Stage) -> None:
    written, size = 0, 24 << 20

    async def pour(heard: Heard) -> bytes:
        nonlocal written
        heard.writer.transport.set_write_buffer_limits(high=1)
        for _ in range(size >> 16):
            heard.writer.write(b"x" * 65536)
            await heard.writer.drain()
            written += 65536
        return b""

    stage.stack("old", (SWITCH, pour, CLOSE))
    async with stage.client(buffer_bytes=8192) as client:
        await client.ask(ASK)
        last = -1
        while last != written:
            last = written
            await asyncio.sleep(0.2)
        assert written < 16 << 20
        assert len(await _all(client)) == size


async def _all(client: Client) -> bytes:
    parts = []
    while data := await soon(client.reader.read(1 << 20)):
        parts.append(data)
    return b"".join(parts)


async def test_a_primary_that_declines_an_upgrade_answers_as_ever(stage: Stage) -> None:
    stage.stack("old", reply("426 Upgrade Required", b"no"))
    new = stage.stack("new")
    async with stage.client() as client:
        for _ in range(2):
            assert (await client.ask(ASK)).body == b"no"
    await stage.settled(skipped=2)
    assert new.connections == 0


async def test_h2c_is_not_passed_on_since_it_would_carry_requests_past_every_rule(stage: Stage) -> None:
    old = stage.stack("old", ok(b"plain"))
    message = GET("/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
    assert (await stage.ask(message)).body == b"plain"
    heard = old.heard[0]
    assert heard.all("upgrade") == heard.all("connection") == heard.all("http2-settings") == []


async def test_a_primary_that_switches_unasked_is_garbled(stage: Stage) -> None:
    stage.stack("old", SWITCH)
    assert (await stage.ask(GET())).error == "primary-garbled"
    await stage.settled(primary_failed=1)


async def test_after_an_upgrade_a_pipelined_request_is_the_tunnels(stage: Stage) -> None:
    got = b""

    async def read(heard: Heard) -> bytes:
        nonlocal got
        got += await heard.reader.readexactly(len(GET("/hidden")))
        return b""

    stage.stack("old", (SWITCH, read, CLOSE))
    async with stage.client() as client:
        await client.send(ASK + GET("/hidden"))
        assert await client.rest()
    assert got == GET("/hidden")
    await stage.settled(skipped=1)
