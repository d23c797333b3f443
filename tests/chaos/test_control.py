"""The control API: who may ask, what is answered, and what Prometheus reads."""

from __future__ import annotations

import http.client
import json
import stat
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from running import Client, Run, Running, Stage
from support import wait_until

TOKEN = "s3cret"


def call(
    understudy: Running, method: str, path: str, body: str | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", understudy.control_port, timeout=60)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("control")
    (folder / "token").write_text(f"{TOKEN}\n")
    stage = Stage()
    with stage.old, stage.new, Running(folder, stage.settings(proxy={"token_file": "token"})) as understudy:
        yield understudy


@pytest.mark.parametrize("path", ["/status", "/metrics", "/ramp", "/none"])
@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xe9"])
def test_without_the_token_nothing_is_told(guarded: Running, path: str, given: str) -> None:
    status, _, body = call(guarded, "GET", path, **({"Authorization": given} if given else {}))
    assert status == 401
    assert "token_file" in json.loads(body)["error"]


def test_with_the_token_all_is_told_and_balancers_need_none(guarded: Running) -> None:
    bearer = f"Bearer {TOKEN}"
    assert call(guarded, "GET", "/status", Authorization=bearer)[0] == 200
    assert call(guarded, "GET", "/metrics", Authorization=bearer)[0] == 200
    status, _, body = call(guarded, "GET", "/health")
    assert (status, body) == (200, b"ok\n")
    assert guarded.json("status")["percent"] == 100.0, "the owner of the state directory needs no token"


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        ('{"percent": 5}', "text/plain", 415),
        ("percent=5", "application/x-www-form-urlencoded", 415),
        ("{", "application/json", 400),
        ("", "application/json", 400),
        ('{"percent": "5"}', "application/json", 400),
        ('{"percent": true}', "application/json", 400),
        ('{"percent": 100.5}', "application/json", 400),
        ('{"percent": -1}', "application/json", 400),
        ('{"percent": 1e999}', "application/json", 400),
        ('{"percent": NaN}', "application/json", 400),
        ('{"percent": 5, "more": 1}', "application/json", 400),
        ("[]", "application/json", 400),
        ('{"percent": 12.5}', "application/json", 200),
        ('{"percent": 100}', "application/json; charset=utf-8", 200),
    ],
)
def test_only_json_that_makes_sense_ramps(guarded: Running, body: str, kind: str, expected: int) -> None:
    auth = f"Bearer {TOKEN}"
    before = json.loads(call(guarded, "GET", "/status", Authorization=auth)[2])["percent"]
    status, _, answer = call(guarded, "POST", "/ramp", body, Content_Type=kind, Authorization=auth)
    assert status == expected
    after = json.loads(call(guarded, "GET", "/status", Authorization=auth)[2])["percent"]
    assert after == (json.loads(body)["percent"] if expected == 200 else before)
    assert ("error" in json.loads(answer)) == (expected != 200)


def test_a_get_never_ramps(guarded: Running) -> None:
    assert call(guarded, "GET", "/ramp", Authorization=f"Bearer {TOKEN}")[0] == 405


def test_prometheus_can_read_the_metrics_and_a_person_the_status(run: Run) -> None:
    understudy = run()
    with Client(understudy.port) as client:
        client.get()
        client.get("/different")
    status = understudy.settled(2)
    families = {family.name: family for family in text_string_to_metric_families(understudy.metrics())}
    assert len(families) > 20
    assert all(name.startswith("understudy_") for name in families)
    assert all(family.documentation for family in families.values())
    buckets = {sample.labels["bucket"]: sample.value for sample in families["understudy_requests"].samples}
    assert buckets == {name: number for name, number in status["requests"].items() if name != "received"}
    (received,) = families["understudy_requests_received"].samples
    assert (received.name, received.value) == ("understudy_requests_received_total", 2)
    assert families["understudy_judged"].samples[0].value == 2
    text = understudy.command("status")
    assert "2 received, 0 in flight" in text
    assert "judge: 2 judged, 0 waiting; mirrored: 100 %; workers: 1" in text


def test_the_state_is_for_its_owner_alone(guarded: Running) -> None:
    state = guarded.folder / "state"
    wait_until(lambda: (state / "diffs.sqlite").exists())
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [state, *state.iterdir()]}
    assert modes["state"] == modes["recordings"] == 0o700
    assert modes["control.sock"] == modes["handover.sock"] == modes["diffs.sqlite"] == 0o600
    assert all(mode & 0o077 == 0 for mode in modes.values()), modes


def test_no_control_address_leaves_the_socket(run: Run) -> None:
    understudy = run(start=False, proxy={"control": ""})
    understudy._is_ready = lambda: (understudy.folder / "state/handover.sock").exists()  # type: ignore[method-assign]
    understudy.start()
    assert understudy.json("status")["in_flight"] == 0
