"""Differences and statistics arrive at FluentServer, which fluentd's own makers wrote."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from containers import Service, running
from support import Answer, AppServer, Asked, Understudy, free_port, wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def server() -> Iterator[Service]:
    # On the host's network: Docker's own port forwarding would take what nobody reads yet.
    port = free_port()
    with running("fluentd-server-1.0", environ={"PORT": str(port)}, port=port, network_mode="host") as service:
        wait_until(lambda: "listening" in service.log(), 60, "FluentServer listens")
        yield service


@pytest.fixture
def stacks() -> Iterator[dict[str, Any]]:
    """Two stacks that differ in one number."""

    def answer(n: int) -> Answer:
        return Answer(json.dumps({"user": {"score": n}}).encode(), content_type="application/json")

    def new(asked: Asked) -> Answer:
        return answer(2 if asked.target.startswith("/different") else 1)

    with AppServer(lambda _: answer(1)) as old_app, AppServer(new) as new_app:
        yield {"old": {"url": old_app.url, "role": "primary"}, "new": {"url": new_app.url, "role": "shadow"}}


def understudy(folder: Path, stacks: dict[str, Any], server: Service, **fluentd: object) -> Understudy:
    to = {"host": "127.0.0.1", "port": server.port, "tag": "site", **fluentd}
    return Understudy(folder, {"stacks": stacks, "mirror": {"settle_per_second": 0}, "fluentd": to})


def events(server: Service, tag: str) -> list[dict[str, Any]]:
    """What the server has printed since its (first) start."""
    entries = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    return [entry["record"] for entry in entries if entry.get("tag") == tag]


def differences(server: Service) -> Counter[str]:
    """How often each request's difference has arrived, by the request's target."""
    return Counter(event["target"] for event in events(server, "site.difference"))


def ask(proxy: Understudy, *targets: str) -> None:
    for target in targets:
        urllib.request.urlopen(proxy.url + target).read()


def test_a_difference_arrives_with_its_place_and_both_values(
    tmp_path: Path, stacks: dict[str, Any], server: Service
) -> None:
    with understudy(tmp_path, stacks, server) as proxy:
        ask(proxy, "/same", "/different")
        wait_until(lambda: differences(server), 60, "an event arrives")
        proxy.settled(2)
        [event] = events(server, "site.difference")
        assert event["method"] == "GET"
        assert event["path"] == "$.user.score"
        assert (event["kind"], event["old"], event["new"]) == ("value", "1", "2")
        assert event["shadow"] == "new"
        all_sent = {"sent": 1, "dropped": 0, "connected": True}
        wait_until(lambda: proxy.status()["judge"]["fluentd"] == all_sent, 60, "it is counted")


@pytest.mark.slow
def test_a_statistics_event_arrives_each_minute(tmp_path: Path, stacks: dict[str, Any], server: Service) -> None:
    with understudy(tmp_path, stacks, server) as proxy:
        ask(proxy, "/same", "/different")

        def statistics() -> list[dict[str, Any]]:
            ask(proxy, "/same")
            return events(server, "site.statistics")

        [event] = wait_until(statistics, 120, "a minute's statistics arrive")
        assert 60 <= event["seconds"] < 70
        assert event["different"] == 1
        assert event["judged"] == event["equal"] + 1
        assert event["latency"]["new"]["old_ms"]["p50"] > 0


def test_a_server_that_was_down_at_the_start_gets_everything_once_it_is_up(
    tmp_path: Path, stacks: dict[str, Any], server: Service
) -> None:
    server.container.stop(timeout=5)
    with understudy(tmp_path, stacks, server) as proxy:
        ask(proxy, "/different-1", "/different-2")
        nothing_sent = {"sent": 0, "dropped": 0, "connected": False}
        assert proxy.settled(2)["judge"]["fluentd"] == nothing_sent
        server.container.start()
        wait_until(lambda: differences(server) == {"/different-1": 1, "/different-2": 1}, 60, "both arrive")


def test_a_restart_in_the_middle_is_bridged_and_what_is_dropped_is_counted(
    tmp_path: Path, stacks: dict[str, Any], server: Service
) -> None:
    with understudy(tmp_path, stacks, server, max_queued=5) as proxy:
        ask(proxy, "/different-before")
        wait_until(lambda: differences(server)["/different-before"], 60, "the first arrives")

        server.container.stop(timeout=5)
        ask(proxy, *(f"/different-{n}" for n in range(20)))
        proxy.settled(21)
        server.container.start()
        wait_until(lambda: differences(server)["/different-19"], 60, "the last arrives")

        def fluentd() -> dict[str, Any] | None:
            counts: dict[str, Any] = proxy.status()["judge"]["fluentd"]
            return counts if counts["sent"] + counts["dropped"] == 21 else None

        counts = wait_until(fluentd, 60, "each event is sent or dropped")
        assert counts["connected"]
        assert 0 < counts["dropped"] <= 15
        arrived = differences(server)
        assert max(arrived.values()) == 1, "none twice"
        # TCP takes a piece that a dying server never reads: that one is counted as sent.
        assert counts["sent"] - 1 <= len(arrived) <= counts["sent"]
