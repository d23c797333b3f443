"""Conversations in which a shadow misbehaves: the user is served as if there were none, and it is counted."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter
from contextlib import AsyncExitStack

import msgspec
import pytest

from conversation import CLOSE, GET, HANG, POST, RESET, Act, Stage, chunked, deaf_address, ok, request, until
from understudy.config import Mirror
from understudy.proxy.breaker import State
from understudy.proxy.turn import Heard

QUICK = {"shadow": 150}


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (HANG, "timeout"),
        (CLOSE, "closed"),
        (RESET, "closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "timeout"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", CLOSE), "closed"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", HANG), "timeout"),
        ((b"HTTP/1.1 200 OK\r\n\r\nab", RESET), "closed"),
        (b"garbage\r\n\r\n", "garbled"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "garbled"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "garbled"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 5000, "garbled"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n", "timeout"),
    ],
    ids=str,
)
async def test_a_shadow_that_fails_is_counted_and_recorded_and_the_user_never_learns(
    stage: Stage, act: Act, reason: str
) -> None:
    if reason == "timeout":
        stage.setting(timeouts=QUICK)
    stage.stack("old", ok(b"served"))
    new = stage.stack("new", act)
    async with stage.client() as client:
        for _ in range(3):
            assert (await client.ask(GET())).raw == ok(b"served")
    await stage.settled(shadow_failed=3)
    await until(lambda: len(stage.exchanges()) == 3)
    assert {exchange.answers["new"].reason for exchange in stage.exchanges()} == {reason}  # type: ignore[union-attr]
    assert stage.worker.stats().stacks["new"].failed == {reason: 3}
    assert len(new.heard) == 3


async def test_a_shadow_that_is_down_is_counted(stage: Stage) -> None:
    stage.stack("old", ok(b"served"))
    new = stage.stack("new")
    await stage.up()
    await new.close()
    assert (await stage.ask(GET())).body == b"served"
    await stage.settled(shadow_failed=1)
    assert stage.worker.stats().stacks["new"].failed == {"refused": 1}


async def test_a_shadow_that_takes_no_connection_is_counted(stage: Stage) -> None:
    stage.setting(timeouts={"connect": 150})
    with deaf_address() as url:
        stage.stack("old", ok(b"served"))
        stage.stack("new", url=url)
        assert (await stage.ask(GET())).body == b"served"
        await stage.settled(shadow_failed=1)
    assert stage.worker.stats().stacks["new"].failed == {"timeout": 1}


async def test_users_do_not_wait_for_a_hung_shadow(stage: Stage) -> None:
    stage.stack("old", ok(b"served"))
    new = stage.stack("new", HANG)
    async with stage.client() as client:
        for _ in range(50):
            assert (await client.ask(GET())).body == b"served"
        assert stage.worker.counts.in_flight() == 50, "all are still waited for, and the users have their answers"
        await new.close()
    await stage.settled(shadow_failed=50)


async def test_a_slow_shadow_is_compared_all_the_same(stage: Stage) -> None:
    late = asyncio.Event()
    stage.stack("old", ok(b"served"))
    stage.stack("new", (late, ok(b"served")))
    async with stage.client() as client:
        assert (await client.ask(GET())).body == b"served"
        assert stage.worker.counts.in_flight() == 1
        late.set()
    await stage.settled(equal=1)


async def test_a_shadow_is_asked_once_the_primary_begins_to_answer(stage: Stage) -> None:
    late, later = asyncio.Event(), asyncio.Event()
    old = stage.stack("old", (late, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nser", later, b"ved"))
    new = stage.stack("new", ok(b"other"))
    async with stage.client() as client:
        await client.send(GET())
        await until(lambda: old.heard)
        assert not new.heard
        late.set()
        await until(lambda: new.heard)
        later.set()
        assert (await client.answer()).body == b"served"
    await stage.settled(different=1)


async def test_a_client_that_goes_leaves_no_work_behind(stage: Stage) -> None:
    late = asyncio.Event()
    stage.stack("old", (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", HANG))
    new = stage.stack("new", (late, ok(b"x")))
    async with stage.client() as client:
        await client.send(GET())
        await until(lambda: new.heard)
        client.reset()
        late.set()
    await stage.settled(client_gone=1)


async def test_with_several_shadows_each_is_judged_by_itself(stage: Stage) -> None:
    stage.setting(timeouts={"shadow": 1000})
    stage.stack("old", ok(b"a"))
    stage.stack("same", ok(b"a"))
    stage.stack("other", ok(b"b"))
    stage.stack("hung", HANG)
    await stage.ask(GET())
    await stage.settled(different=1)
    (exchange,) = stage.exchanges()
    assert list(exchange.answers) == ["old", "same", "other", "hung"]
    stacks = stage.worker.stats().stacks
    assert (stacks["same"].equal, stacks["other"].different, stacks["hung"].failed) == (1, 1, {"timeout": 1})


@pytest.mark.parametrize(
    ("old", "new", "bucket"),
    [
        (ok(b"a"), ok(b"a", "Server: x"), "equal"),
        (ok(b"a"), ok(b"a", "Content-Type: text/x"), "different"),
        (ok(b"a", "Content-Type: text/x"), ok(b"a", "content-type: text/x"), "equal"),
        (ok(b"a"), b"HTTP/1.1 203 OK\r\nContent-Length: 1\r\n\r\na", "different"),
        (ok(b""), b"HTTP/1.1 204 No Content\r\n\r\n", "different"),
        (ok(b"a"), ok(b""), "different"),
    ],
)
async def test_what_counts_is_status_body_and_the_headers_that_are_compared(
    stage: Stage, old: bytes, new: bytes, bucket: str
) -> None:
    stage.stack("old", old), stage.stack("new", new)
    await stage.ask(GET())
    await stage.settled(**{bucket: 1})


# --- the breaker


async def test_a_shadow_that_fails_too_often_is_left_alone_probed_and_taken_back(stage: Stage) -> None:
    stage.setting(mirror={"breaker_failures": 3, "breaker_probe_ms": 60_000})
    stage.stack("old")
    new = stage.stack("new", CLOSE, CLOSE, CLOSE, CLOSE, ok())
    async with stage.client() as client:

        async def ask(**expected: int) -> None:
            await client.ask(GET())
            await stage.settled(**expected)

        await ask(shadow_failed=1)
        await ask(shadow_failed=2)
        await ask(shadow_failed=3)
        assert _breaker(stage) == ("open", 1)
        await ask(shadow_failed=3, shed=1)
        await ask(shadow_failed=3, shed=2)
        assert len(new.heard) == 3
        breaker = stage.worker.mirror.shadows["new"].breaker
        breaker.limit(3, 0.15)
        await asyncio.sleep(0.16)  # the probe's time itself
        await client.ask(GET())
        breaker.limit(3, 60.0)
        await stage.settled(shadow_failed=4, shed=2)
        assert _breaker(stage) == ("open", 2)
        await ask(shadow_failed=4, shed=3)
        breaker.limit(3, 0.15)
        await asyncio.sleep(0.16)
        await ask(shadow_failed=4, shed=3, equal=1)
        assert _breaker(stage) == ("closed", 2)
        await ask(shadow_failed=4, shed=3, equal=2)
    assert len(new.heard) == 6


def _breaker(stage: Stage) -> tuple[str, int]:
    stats = stage.worker.stats().stacks["new"]
    return stats.breaker, stats.breaker_opened


async def test_a_reload_sets_when_a_shadow_is_left_alone_and_counters_go_on(stage: Stage) -> None:
    stage.setting(mirror={"breaker_failures": 1000})
    stage.hook("def on_exchange(exchange):\n    raise ValueError\n")
    stage.stack("old", ok()), stage.stack("new", CLOSE)
    await stage.ask(GET())
    await stage.settled(shadow_failed=1)
    shadow = stage.worker.mirror.shadows["new"]
    assert shadow.breaker.state is State.CLOSED
    stage.worker.reload(msgspec.structs.replace(stage.settings(), mirror=Mirror(breaker_failures=2)))
    assert stage.worker.stats().hook_failures == 1
    await stage.ask(GET())
    await stage.settled(shadow_failed=2)
    assert shadow.breaker.state is State.OPEN


async def test_a_probe_that_a_hook_refuses_leaves_the_next_one_to_probe(stage: Stage) -> None:
    stage.setting(mirror={"breaker_failures": 1, "breaker_probe_ms": 1})
    stage.hook(
        "def shadow_headers(request, stack, headers):\n"
        "    if request.target == '/bad': raise ValueError\n"
        "    return headers\n"
    )
    stage.stack("old")
    stage.stack("new", CLOSE, ok())
    async with stage.client() as client:
        await client.ask(GET("/"))
        await stage.settled(shadow_failed=1)
        await asyncio.sleep(0.005)
        await client.ask(GET("/bad"))
        await stage.settled(shadow_failed=1, skipped=1)
        await asyncio.sleep(0.005)
        await client.ask(GET("/"))
        await stage.settled(shadow_failed=1, skipped=1, equal=1)


async def test_beyond_the_budget_and_the_queue_shadows_are_shed(stage: Stage) -> None:
    stage.setting(mirror={"max_in_flight": 2, "max_queued": 3})
    late = asyncio.Event()
    stage.stack("old")
    new = stage.stack("new", (late, ok()))
    async with stage.client() as client:
        for _ in range(10):
            await client.ask(GET())
        await until(lambda: len(new.heard) == 2)
        assert stage.worker.counts.requests()["shed"] == 5
        late.set()
    await stage.settled(equal=5, shed=5)


# --- long bodies

BOUND = {"max_body_bytes": 1000, "methods": ["GET", "POST"]}


async def test_what_is_shed_stands_in_the_recording_once_anything_does(stage: Stage) -> None:
    stage.setting(mirror={"breaker_failures": 2, "breaker_probe_ms": 100_000})
    stage.stack("old", ok()), stage.stack("new", CLOSE)
    async with stage.client() as client:
        for number in range(7):
            await client.ask(GET())
            await stage.settled(shadow_failed=min(2, number + 1), shed=max(0, number - 1))
        stage.worker.mirror.shadows["new"].breaker.state = State.CLOSED
        await client.ask(GET())
        await stage.settled(shadow_failed=3, shed=5)
        await until(lambda: stage.missed() == (Counter({"new": 5}), 0))


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_request_over_the_bound_is_not_mirrored(stage: Stage, framing: str) -> None:
    stage.setting(mirror=BOUND)
    old, new = stage.stack("old", ok(b"1")), stage.stack("new", ok(b"1"))
    body = b"x" * 1001
    if framing == "length":
        message = POST("/", body)
    else:
        message = request("POST", "/", "Transfer-Encoding: chunked") + b"3e9\r\n" + body + b"\r\n0\r\n\r\n"
    assert (await stage.ask(message)).body == b"1"
    await stage.settled(too_large=1)
    assert old.heard[0].body == body
    assert new.heard == []


async def test_a_request_at_the_bound_is_mirrored(stage: Stage) -> None:
    stage.setting(mirror=BOUND)
    stage.stack("old", ok(b"1"))
    new = stage.stack("new", ok(b"1"))
    await stage.ask(POST("/", b"x" * 1000))
    await stage.settled(equal=1)
    assert new.heard[0].body == b"x" * 1000


LONG = b"y" * 300_000


@pytest.mark.parametrize("old", [ok(LONG), chunked(LONG[:100], LONG[100:]), (b"HTTP/1.1 200 OK\r\n\r\n" + LONG, CLOSE)])
@pytest.mark.parametrize("new", [ok(LONG), chunked(LONG[:-7], LONG[-7:])])
async def test_equal_replies_over_the_bound_are_equal_by_digest(stage: Stage, old: Act, new: Act) -> None:
    stage.setting(mirror=BOUND)
    stage.stack("old", old), stage.stack("new", new)
    assert (await stage.ask(GET())).body == LONG
    await stage.settled(equal=1)
    assert stage.worker.counts.by_digest == 1


@pytest.mark.parametrize("other", [LONG[:-1] + b"z", LONG + b"y", LONG[:-1], b"short", LONG[:1000], b""])
async def test_different_replies_over_the_bound_are_different_by_digest(stage: Stage, other: bytes) -> None:
    stage.setting(mirror=BOUND)
    stage.stack("old", ok(LONG)), stage.stack("new", ok(other))
    assert (await stage.ask(GET())).body == LONG
    await stage.settled(different=1)
    (exchange,) = stage.exchanges()
    theirs = exchange.answers["old"]
    assert (theirs.body, theirs.body_bytes, len(theirs.digest)) == (b"", len(LONG), 16)  # type: ignore[union-attr]


async def test_a_reply_just_within_the_bound_in_pieces_equals_one_over_none(stage: Stage) -> None:
    stage.setting(mirror=BOUND)
    late = asyncio.Event()
    raw = ok(b"z" * 1000)
    stage.stack("old", raw), stage.stack("new", (raw[:500], late, raw[500:]))
    await stage.ask(GET())
    late.set()
    await stage.settled(equal=1)
    assert stage.worker.counts.by_digest == 0


async def test_a_huge_reply_of_a_shadow_is_not_held(stage: Stage) -> None:
    stage.setting(mirror=BOUND)
    stage.stack("old", ok(b"small"))
    stage.stack("new", ok(b"z" * (32 << 20)))
    assert (await stage.ask(GET())).body == b"small"
    peak = 0

    def ended() -> bool:
        nonlocal peak
        peak = max(peak, stage.worker.ledger.held_bytes)
        return stage.worker.counts.in_flight() == 0

    await until(ended)
    assert peak <= 1000
    await stage.settled(different=1)


async def test_what_all_captures_hold_together_is_bounded(stage: Stage) -> None:
    body = b"w" * 40_000
    late = asyncio.Event()
    stage.stack("old", (ok(body)[:-1], late, body[:1])), stage.stack("new", ok(body))
    await stage.up()
    stage.worker.ledger.max_bytes = 100_000
    async with stage.client() as a, stage.client() as b, stage.client() as c, stage.client() as d:
        for client in (a, b, c, d):
            await client.send(GET())
        await until(lambda: len(stage.stacks["old"].heard) == 4)
        await until(lambda: stage.worker.ledger.held_bytes > 70_000, "two are held")
        await asyncio.sleep(0.05)
        assert stage.worker.ledger.held_bytes <= 100_000
        late.set()
        for client in (a, b, c, d):
            assert (await client.answer()).body == body
    await stage.settled(equal=4)
    assert stage.worker.counts.by_digest >= 2


@pytest.mark.parametrize("pieces", [1, 2])
async def test_what_waits_for_a_hung_shadow_is_held_within_the_bound(stage: Stage, pieces: int) -> None:
    body, late = b"w" * 40_000, asyncio.Event()
    stage.stack("old", (ok(body),) if pieces == 1 else (ok(body)[:-1], body[:1]))
    stage.stack("new", (late, ok(body)))
    await stage.up()
    ledger = stage.worker.ledger
    ledger.max_bytes = 100_000
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(stage.client()) for _ in range(4)]
        for client in clients:
            await client.send(GET())
        for client in clients:
            assert (await client.answer()).body == body
        assert 80_000 <= ledger.held_bytes <= 100_000, "of four bodies two are held, and two are known by their digest"
        late.set()
        await stage.settled(equal=4)
    assert ledger.held_bytes == 0
    assert stage.worker.counts.by_digest >= 2


# --- what is mirrored


async def test_methods_and_paths_that_the_settings_leave_out_are_skipped(stage: Stage) -> None:
    stage.setting(mirror={"skip_paths": ["^/admin"], "only_paths": ["/a", "/b"]})
    stage.stack("old")
    new = stage.stack("new")
    async with stage.client() as client:
        for message in (GET("/b?x=/admin"), GET("/admin"), GET("/c?/a"), POST("/a", b"x"), request("HEAD", "/a")):
            await client.ask(message)
        await client.ask(GET("http://shop.example/admin/a"))
    await stage.settled(equal=2, skipped=4)
    assert sorted(new.lines) == ["GET /b?x=/admin HTTP/1.1", "HEAD /a HTTP/1.1"]


async def test_a_proxy_without_shadows_only_serves(stage: Stage) -> None:
    stage.stack("old", ok(b"x"))
    assert (await stage.ask(GET())).body == b"x"
    await stage.settled(skipped=1)


async def test_sampling_leaves_out_and_counts(stage: Stage) -> None:
    stage.setting(mirror={"percent": 50.0, "sample_by": "header:X-User"})
    stage.stack("old")
    new = stage.stack("new")
    async with stage.client() as client:
        for _ in range(3):
            for user in range(20):
                await client.ask(GET("/", f"X-User: user-{user}"))
    requests = await stage.settled()
    assert requests["equal"] + requests["sampled_out"] == 60
    assert requests["equal"] % 3 == 0
    users = {heard.one("x-user") for heard in new.heard}
    assert 3 <= len(users) <= 17
    assert len(new.heard) == 3 * len(users)


async def test_at_no_percent_nothing_is_mirrored(stage: Stage) -> None:
    stage.setting(mirror={"percent": 0.0, "sample_by": "client"})
    stage.stack("old")
    new = stage.stack("new")
    await stage.ask(GET())
    await stage.settled(sampled_out=1)
    assert new.connections == 0


# --- hooks


@pytest.mark.parametrize(
    "fault", ["raise ValueError('x')", "1 / 0", "import sys; sys.exit(3)", "return 5", "return [][0]"]
)
@pytest.mark.parametrize("name", ["select(request)", "shadow_headers(request, stack, headers)"])
async def test_a_hook_that_raises_means_not_mirrored(stage: Stage, name: str, fault: str) -> None:
    stage.hook(f"def {name}:\n    {fault}\n")
    stage.stack("old", ok(b"served"))
    new = stage.stack("new")
    async with stage.client() as client:
        for _ in range(3):
            assert (await client.ask(GET())).body == b"served"
    await stage.settled(skipped=3)
    assert new.heard == []
    assert stage.worker.rules.hooks.failures == 3


async def test_on_exchange_that_raises_changes_nothing(stage: Stage) -> None:
    stage.hook("def on_exchange(exchange):\n    raise ValueError\n")
    stage.stack("old", ok(b"a"), ok(b"a"), ok(b"a"))
    stage.stack("new", ok(b"a"), ok(b"b"), CLOSE)
    async with stage.client() as client:
        for _ in range(3):
            await client.ask(GET())
            await stage.settled()
    await stage.settled(equal=1, different=1, shadow_failed=1)
    assert stage.worker.rules.hooks.failures == 3


async def test_select_may_name_the_shadows(stage: Stage) -> None:
    stage.hook(
        "def select(request):\n"
        "    return {'/all': True, '/none': False, '/one': ['b'], '/name': 'b', '/odd': ['zzz']}[request.target]\n"
    )
    stage.stack("old")
    a, b = stage.stack("a"), stage.stack("b")
    async with stage.client() as client:
        for target in ("/all", "/none", "/one", "/name", "/odd", "/unknown"):
            await client.ask(GET(target))
    await stage.settled(equal=3, skipped=3)
    assert sorted(a.lines) == ["GET /all HTTP/1.1"]
    assert sorted(b.lines) == ["GET /all HTTP/1.1", "GET /name HTTP/1.1", "GET /one HTTP/1.1"]


async def test_shadow_headers_change_what_a_shadow_gets_and_nothing_else(stage: Stage) -> None:
    stage.setting(mirror={"methods": ["POST"]})
    stage.hook(
        "def shadow_headers(request, stack, headers):\n"
        "    kept = [(n, v) for n, v in headers if n.lower() not in ('cookie', 'content-length')]\n"
        "    return [*kept, ('X-Stack', stack), ('Understudy-Shadow', 'forged'), ('Content-Length', '1'),\n"
        "            ('Transfer-Encoding', 'chunked')]\n"
    )
    old, new = stage.stack("old"), stage.stack("new")
    await stage.ask(POST("/", b"hello", "Cookie: a=b"))
    await stage.settled(equal=1)
    to_old, to_new = old.heard[0], new.heard[0]
    assert (to_old.all("cookie"), to_old.all("x-stack")) == (["a=b"], [])
    assert (to_new.all("cookie"), to_new.all("x-stack")) == ([], ["new"])
    assert (to_new.all("understudy-shadow"), to_new.all("content-length")) == (["new"], ["5"])
    assert to_new.all("transfer-encoding") == []
    assert to_new.body == b"hello"


@pytest.mark.parametrize(
    "pair", ["('X', 'a\\r\\nY: b')", "('X\\n', 'a')", "('', 'a')", "('A B', 'a')", "('X', '\\u20ac')"]
)
async def test_headers_that_can_not_be_sent_are_not_sent(stage: Stage, pair: str) -> None:
    stage.hook(f"def shadow_headers(request, stack, headers):\n    return [*headers, {pair}]\n")
    stage.stack("old")
    new = stage.stack("new")
    await stage.ask(GET())
    await stage.settled(skipped=1)
    assert new.heard == []


# --- asking twice


async def test_a_safe_request_that_differs_is_asked_again_and_both_answers_are_recorded(stage: Stage) -> None:
    stage.setting(mirror={"settle_ms": 20, "settle_per_second": 100})
    old = stage.stack("old", ok(b"1"), ok(b"2"))
    new = stage.stack("new", ok(b"3"), ok(b"4"))
    same = stage.stack("same", ok(b"1"))
    await stage.ask(GET("/x"))
    await stage.settled(different=1)
    (exchange,) = stage.exchanges()
    assert {name: answer.body for name, answer in exchange.answers.items()} == {"old": b"1", "new": b"3", "same": b"1"}  # type: ignore[union-attr]
    assert exchange.again["old"].body == b"2"  # type: ignore[union-attr]
    assert exchange.again["new"].body == b"4"  # type: ignore[union-attr]
    assert [len(stack.heard) for stack in (old, new)] == [2, 2]
    assert [heard.all("understudy-again") for heard in old.heard] == [[], ["1"]]
    assert new.heard[1].one("understudy-shadow") == "new"
    assert same.heard


@pytest.mark.parametrize("second", [HANG, CLOSE, b"junk", (ok(b"abc")[:-1], HANG)], ids=str)
async def test_a_second_asking_that_fails_is_recorded_too(stage: Stage, second: Act) -> None:
    stage.setting(mirror={"settle_ms": 20, "settle_per_second": 100}, timeouts={"shadow": 500})
    stage.stack("old", ok(b"1"), second)
    stage.stack("new", ok(b"3"), second)
    await stage.ask(GET("/x"))
    await stage.settled(different=1)
    (exchange,) = stage.exchanges()
    assert set(exchange.again) == {"old", "new"}
    assert all(hasattr(answer, "reason") for answer in exchange.again.values())


async def test_a_second_asking_whose_connection_comes_too_late_leaves_nothing_behind(stage: Stage) -> None:
    stage.setting(mirror={"settle_ms": 500, "settle_per_second": 100}, timeouts={"shadow": 500, "connect": 1500})
    stage.stack("old", ok(b"1"), max_idle=0)
    stage.stack("new", ok(b"3"), max_idle=0)
    async with stage.client() as client:
        await client.ask(GET("/x"))
        await until(lambda: stage.worker.counts.asked_again == 1)
        with deaf_address() as url:
            host, _, port = url.removeprefix("http://").partition(":")
            for pool in stage.worker._pools():
                pool._addresses = [pool._addresses[0]._replace(host=host, port=int(port))]
            await stage.settled(different=1)
    (exchange,) = stage.exchanges()
    assert {answer.reason for answer in exchange.again.values()} <= {"timeout"}  # type: ignore[union-attr]


async def test_nothing_of_a_second_asking_is_left_for_the_collector(stage: Stage) -> None:
    stage.setting(mirror={"settle_ms": 1, "settle_per_second": 100})
    body = b"x" * 20_000
    stage.stack("old", ok(body), ok(body))
    stage.stack("new", ok(body + b"y"), (ok(body + b"z")[:-1], b"z"))
    async with stage.client() as client:
        await client.ask(GET())
        await stage.settled(different=1)
        gc.collect()
        gc.disable()
        try:
            for number in range(5):
                await client.ask(GET())
                await stage.settled(different=2 + number)
            await asyncio.sleep(0)
            left = [one for one in gc.get_objects() if isinstance(one, Heard)]
        finally:
            gc.enable()
    assert left == []
    assert stage.worker.ledger.held_bytes == 0


async def test_a_post_is_never_asked_again(stage: Stage) -> None:
    stage.setting(mirror={"settle_ms": 20, "settle_per_second": 100, "methods": ["GET", "POST"]})
    old = stage.stack("old", ok(b"1"))
    stage.stack("new", ok(b"3"))
    async with stage.client() as client:
        await client.ask(POST("/x", b"y"))
        await client.ask(request("POST", "/x"))
        await client.ask(request("GET", "/x", body=b"body"))
    await stage.settled(different=3)
    assert len(old.heard) == 3


async def test_asking_again_keeps_to_its_budget(stage: Stage) -> None:
    stage.setting(mirror={"settle_ms": 1, "settle_per_second": 2})
    stage.stack("old", ok(b"1"))
    stage.stack("new", ok(b"3"))
    began = int(time.monotonic())
    async with stage.client() as client:
        for _ in range(20):
            await client.ask(GET())
    await stage.settled(different=20)
    seconds = int(time.monotonic()) - began + 1
    assert 2 <= stage.worker.counts.asked_again <= 2 * seconds


# --- recording


async def test_equal_answers_are_recorded_as_a_summary_and_different_ones_whole(stage: Stage) -> None:
    stage.stack("old", ok(b"a"), ok(b"a"))
    stage.stack("new", ok(b"a"), ok(b"b"))
    async with stage.client() as client:
        await client.ask(GET("/equal"))
        await stage.settled(equal=1)
        await client.ask(GET("/different"))
        await stage.settled(equal=1, different=1)
    (summary,) = stage.summaries()
    assert (summary.method, summary.target, summary.status, list(summary.elapsed_ms)) == (
        "GET",
        "/equal",
        200,
        ["old", "new"],
    )
    (exchange,) = stage.exchanges()
    assert exchange.request.target == "/different"
    assert exchange.id == stage.stacks["old"].heard[1].one("x-request-id")


async def test_the_requests_of_one_connection_are_recorded_under_one_name(stage: Stage) -> None:
    stage.stack("old", ok(b"a"))
    stage.stack("new", ok(b"b"))
    async with stage.client() as one, stage.client() as two:
        for client in (one, two, one):
            await client.ask(GET())
            await stage.settled()
    await stage.settled(different=3)
    names = [exchange.request.connection for exchange in stage.exchanges()]
    assert names[0] == names[2] != names[1]


async def test_times_are_those_of_each_request_and_stack(stage: Stage) -> None:
    late = asyncio.Event()
    stage.stack("old", ok(b"a"))
    new = stage.stack("new", ok(b"b"), (late, ok(b"b")))
    async with stage.client() as client:
        await client.ask(GET())
        await stage.settled()
        await client.ask(GET())
        await until(lambda: len(new.heard) == 2)
        await asyncio.sleep(0.1)
        late.set()
    await stage.settled(different=2)
    times = [{name: answer.elapsed_ms for name, answer in exchange.answers.items()} for exchange in stage.exchanges()]
    assert times[1]["new"] >= 99  # uvloop's timers count whole milliseconds
    assert times[0]["old"] > 0
    assert times[1]["old"] < 99
