"""Understudy's metrics, as Prometheus's own tools see them."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from containers import image, running
from support import Answer, AppServer, Asked, Understudy, free_port, wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def proxy(tmp_path: Path, understudy: Callable[[Mapping[str, Any]], Understudy]) -> Iterator[Understudy]:
    """Understudy with an equal, a different and a failed request behind it."""

    def new_answer(asked: Asked) -> Answer:
        return Answer(b'{"n": 2}' if asked.target == "/different" else b'{"n": 1}', content_type="application/json")

    with (
        AppServer(lambda _: Answer(b'{"n": 1}', content_type="application/json")) as old,
        AppServer(new_answer) as new,
    ):
        stacks = {
            "old": {"url": old.url, "role": "primary"},
            "new": {"url": new.url, "role": "shadow"},
            "gone": {"url": f"http://127.0.0.1:{free_port()}", "role": "shadow"},
        }
        started = understudy({"stacks": stacks})
        for path in ("/equal", "/different", "/users/12"):
            urllib.request.urlopen(started.url + path).read()
        started.settled(3)
        yield started


def test_promtool_finds_nothing_to_complain_of(proxy: Understudy) -> None:
    promtool = ["docker", "run", "--rm", "-i", "--entrypoint", "promtool", image("prometheus-2.42"), "check", "metrics"]
    checked = subprocess.run(promtool, input=proxy.metrics(), capture_output=True, text=True, timeout=180)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_a_real_prometheus_scrapes_it(proxy: Understudy, tmp_path: Path) -> None:
    target = f"127.0.0.1:{proxy.control_port}"
    scrape = {"job_name": "understudy", "scrape_interval": "200ms", "scrape_timeout": "200ms"}
    scrape["static_configs"] = [{"targets": [target]}]  # type: ignore[assignment]
    config = tmp_path / "prometheus.yml"  # JSON is YAML
    config.write_text(json.dumps({"scrape_configs": [scrape]}))
    port = free_port()
    arguments = ["--config.file=/p.yml", "--storage.tsdb.path=/tmp/p", f"--web.listen-address=127.0.0.1:{port}"]
    with running("prometheus-2.42", *arguments, volumes={config: "/p.yml"}, network_mode="host", user="root"):

        def ask(query: str) -> list[dict[str, Any]]:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?query={quote(query)}") as answer:
                    result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
                    return result
            except OSError:
                return []

        up = wait_until(lambda: [s for s in ask("up") if s["value"][1] == "1"], 60, "Prometheus says that it is up")
        assert up[0]["metric"] == {"__name__": "up", "instance": target, "job": "understudy"}
        series = wait_until(lambda: ask('{__name__=~"understudy_.*"}'), 60)
        values = {(s["metric"]["__name__"], s["metric"].get("bucket")): float(s["value"][1]) for s in series}
        assert values["understudy_requests_received_total", None] == 3
        in_buckets = sum(n for (name, bucket), n in values.items() if name == "understudy_requests_total" and bucket)
        assert in_buckets == 3
