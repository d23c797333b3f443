"""The ten defects of Cookpad's kage, this project's forerunner, as cases to pass."""

from __future__ import annotations

import asyncio

from conversation import GET, HANG, POST, Heard, Stage, chunks, ok, request, until


async def test_1_an_odd_target_is_forwarded_as_it_came_and_the_process_lives(stage: Stage) -> None:
    old, new = stage.stack("old", ok(b"x")), stage.stack("new", ok(b"x"))
    targets = ["/a|b", "/a b".replace(" ", "%"), "/%zz", "/[", "/caf\xc3\xa9", "/?a=<>", "//", '/"', "/a\\b", "/^`{}"]
    async with stage.client() as client:
        for target in targets:
            assert (await client.ask(GET(target))).body == b"x"
        bad = await client.ask(b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n")
        assert bad.status == 400
    assert (await stage.ask(GET())).body == b"x"
    await stage.settled(equal=len(targets) + 1, rejected=1)
    for stack in (old, new):
        assert sorted(heard.line for heard in stack.heard[:-1]) == sorted(
            f"GET {target} HTTP/1.1" for target in targets
        )


async def test_2_an_exception_in_a_selection_hook_means_not_mirrored_and_the_user_is_served(stage: Stage) -> None:
    stage.hook("def select(request):\n    raise RuntimeError('broken')\n")
    stage.stack("old", ok(b"served"))
    new = stage.stack("new")
    async with stage.client() as client:
        assert (await client.ask(GET())).body == b"served"
        assert (await client.ask(GET())).body == b"served"
    await stage.settled(skipped=2)
    assert new.heard == []
    assert stage.worker.stats().hook_failures == 2


async def test_3_what_is_mirrored_is_decided_for_each_request_of_a_connection(stage: Stage) -> None:
    old, new = stage.stack("old"), stage.stack("new")
    async with stage.client() as client:
        await client.send(GET("/1") + POST("/2", b"order=1") + GET("/3") + POST("/4", b"x") + GET("/5"))
        for _ in range(5):
            assert (await client.answer()).status == 200
    await stage.settled(equal=3, skipped=2)
    assert [heard.line.split()[1] for heard in old.heard] == ["/1", "/2", "/3", "/4", "/5"]
    assert sorted(heard.line for heard in new.heard) == ["GET /1 HTTP/1.1", "GET /3 HTTP/1.1", "GET /5 HTTP/1.1"]


async def test_4_a_chunked_request_stays_chunked_and_its_framing_is_true(stage: Stage) -> None:
    stage.setting(mirror={"methods": ["POST"]})
    old, new = stage.stack("old"), stage.stack("new")
    await stage.ask(request("POST", "/", "Transfer-Encoding: chunked") + chunks(b"hello", b"world"))
    await stage.settled(equal=1)
    for heard in (old.heard[0], new.heard[0]):
        assert heard.all("transfer-encoding") == ["chunked"]
        assert heard.all("content-length") == []
        assert heard.raw.endswith(b"\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n")


async def test_5_order_case_and_duplicates_of_headers_are_kept_and_connection_is_not_doubled(stage: Stage) -> None:
    sent = ["Cookie: a=1", "X-b: 1", "cookie: b=2", "X-B: 2", "ACCEPT: x", "Connection: keep-alive", "X-b: 1"]
    answered = ["Set-Cookie: a=1", "set-cookie: b=2", "X-z: 1", "Set-Cookie: a=1"]
    old = stage.stack("old", ok(b"", *answered, "Connection: keep-alive"))
    answer = await stage.ask(GET("/", *sent))
    heard = old.heard[0]
    expected = [tuple(line.split(": ")) for line in sent if not line.startswith("Connection")]
    assert heard.fields[1 : 1 + len(expected)] == expected
    assert heard.all("connection") == []
    assert answer.fields == [*(tuple(line.split(": ")) for line in answered), ("Content-Length", "0")]


async def test_6_what_is_meant_for_one_stack_reaches_no_other(stage: Stage) -> None:
    stage.hook(
        "def shadow_headers(request, stack, headers):\n"
        "    assert not any(name == 'X-Only' for name, _ in headers), headers\n"
        "    return [*headers, ('X-Only', stack)]\n"
    )
    old, one, two = stage.stack("old"), stage.stack("one"), stage.stack("two")
    async with stage.client() as client:
        for _ in range(3):
            await client.ask(GET())
    await stage.settled(equal=3)
    assert [heard.all("x-only") for heard in old.heard] == [[], [], []]
    assert [heard.all("x-only") for heard in one.heard] == [["one"]] * 3
    assert [heard.all("x-only") for heard in two.heard] == [["two"]] * 3
    assert [heard.all("understudy-shadow") for heard in old.heard] == [[]] * 3


async def test_7_a_shadow_that_is_down_is_counted_recorded_and_told_to_the_hook(stage: Stage) -> None:
    told = stage.folder / "told"
    stage.hook(
        "def on_exchange(exchange):\n"
        f"    with open({str(told)!r}, 'a') as file:\n"
        "        print(exchange.answers['new'].reason, file=file)\n"
    )
    stage.stack("old", ok(b"served"))
    new = stage.stack("new")
    await stage.up()
    await new.close()
    assert (await stage.ask(GET("/lost"))).body == b"served"
    await stage.settled(shadow_failed=1)
    await until(stage.exchanges)
    (exchange,) = stage.exchanges()
    assert (exchange.request.target, exchange.answers["new"].reason) == ("/lost", "refused")  # type: ignore[union-attr]
    assert told.read_text() == "refused\n"


async def test_8_a_primary_that_is_down_or_silent_is_told_to_the_client_with_a_reason(stage: Stage) -> None:
    stage.setting(timeouts={"primary": 100})
    old = stage.stack("old", HANG)
    async with stage.client() as client:
        silent = await client.ask(GET())
        await old.close()
        down = await client.ask(GET())
    assert (silent.status, silent.error) == (504, "primary-timeout")
    assert (down.status, down.error) == (502, "primary-refused")
    await stage.settled(primary_failed=2)


async def test_9_an_upgrade_is_tunnelled_to_the_primary_not_mirrored_and_counted(stage: Stage) -> None:
    async def chat(heard: Heard) -> bytes:
        assert await heard.reader.readexactly(4) == b"ping"
        return b"pong"

    switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    stage.stack("old", (switch, chat))
    new = stage.stack("new")
    async with stage.client() as client:
        assert (await client.ask(GET("/", "Connection: upgrade", "Upgrade: websocket"))).status == 101
        await client.send(b"ping")
        assert await client.exactly(4) == b"pong"
    await stage.settled(skipped=1)
    assert new.connections == 0


async def test_10_timeouts_hold_bodies_are_bounded_and_times_are_those_of_the_request(stage: Stage) -> None:
    stage.setting(timeouts={"shadow": 600}, mirror={"max_body_bytes": 1000})
    stage.stack("old", ok(b"1"), ok(b"1"), ok(b"z" * 500_000))
    new = stage.stack("new", ok(b"2"), HANG, ok(b"y" * 500_000))
    async with stage.client() as client:
        await client.ask(GET("/first"))
        await stage.settled(different=1)
        await asyncio.sleep(1.2)  # kage would add this to the second request's time
        await client.ask(GET("/hung"))
        await stage.settled(different=1, shadow_failed=1)
        await client.ask(GET("/long"))
        await stage.settled(different=2, shadow_failed=1)
    assert len(new.heard) == 3
    first, hung, long = stage.exchanges()
    assert first.answers["old"].elapsed_ms < 1200
    assert hung.answers["new"].reason == "timeout"  # type: ignore[union-attr]
    assert hung.answers["old"].elapsed_ms < 1200
    assert 500 <= hung.answers["new"].elapsed_ms < 5000
    for answer in long.answers.values():
        assert (answer.body, answer.body_bytes) == (b"", 500_000)  # type: ignore[union-attr]
