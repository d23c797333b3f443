"""SIGHUP and ramp: new rules from one request to the next, over the same connections; wrong ones change nothing."""

from __future__ import annotations

import json

from running import Client, Run, Stage
from support import Understudy, wait_until


def counted(understudy: Understudy, bucket: str, number: int) -> None:
    wait_until(lambda: understudy.status()["requests"][bucket] == number, what=f"{number} {bucket}")


def reloaded(understudy: Understudy, times: int = 1) -> None:
    understudy.reload()
    wait_until(lambda: understudy.log.count("settings reloaded") == times, what="the settings are reloaded")


def test_rules_change_under_an_open_connection(stage: Stage, run: Run) -> None:
    understudy = run()
    with Client(understudy.port) as client:
        client.get()
        counted(understudy, "equal", 1)
        port = client.local_port

        understudy.configure(mirror={"skip_paths": ["^/private"]})
        reloaded(understudy)
        client.get("/private/1")
        counted(understudy, "skipped", 1)

        (understudy.folder / "hooks.py").write_text("def select(request):\n    return 'no' not in request.target\n")
        understudy.settings = {"hooks": "hooks.py", **understudy.settings}
        understudy.configure()
        reloaded(understudy, 2)
        client.get("/no")
        counted(understudy, "skipped", 2)
        client.get("/yes")
        counted(understudy, "equal", 2)

        understudy.configure(mirror={"percent": 0.0})
        reloaded(understudy, 3)
        client.get()
        counted(understudy, "sampled_out", 1)
        assert client.local_port == port, "the connection went on"
    assert len(understudy.status()["workers"]) == understudy.status()["workers"][0]["lives"] == 1


def test_new_masks_hold_for_the_next_request(run: Run) -> None:
    understudy = run()
    with Client(understudy.port) as client:
        client.get("/different-quiet?pin=first")
        understudy.configure(masks={"fields": ["pin"]})
        reloaded(understudy)
        client.get("/different-quiet?pin=second")
    understudy.settled(2)
    recorded = b"".join(path.read_bytes() for path in (understudy.folder / "state/recordings").iterdir())
    assert b"pin=first" in recorded
    assert b"second" not in recorded
    assert b"pin=masked:" in recorded


def test_wrong_settings_change_nothing_and_say_why(stage: Stage, run: Run) -> None:
    understudy = run()
    (understudy.folder / "hooks.py").write_text("def select(request:\n")
    for changes, why in [
        ({"percent": 200}, "mirror.percent: 200 given; accepted: a number from 0 to 100"),
        ({"percent": 50.0, "skip_path": []}, "mirror.skip_path: no such key"),
        ({"skip_path": None}, "hooks.py: SyntaxError"),
    ]:
        understudy.settings["mirror"] = {**understudy.settings["mirror"], **changes}
        understudy.settings["mirror"] = {k: v for k, v in understudy.settings["mirror"].items() if v is not None}
        if "hooks" in why:
            understudy.settings = {"hooks": "hooks.py", **understudy.settings}
        understudy.configure()
        understudy.reload()
        wait_until(lambda why=why: why in understudy.log, what=why)
    understudy.file.unlink()
    understudy.reload()
    wait_until(lambda: "understudy.toml: no such file" in understudy.log)
    assert understudy.log.count("the settings stay as they were") == 4
    assert understudy.status()["percent"] == 100.0
    with Client(understudy.port) as client:
        client.get()
    counted(understudy, "equal", 1)
    understudy.settings.pop("hooks")
    understudy.settings["mirror"] = {"percent": 25.0}
    understudy.configure()
    reloaded(understudy)
    assert understudy.status()["percent"] == 25.0


def test_what_takes_effect_at_the_next_start_only_is_named(run: Run) -> None:
    understudy = run()
    understudy.configure(timeouts={"primary": 1000}, recording={"max_age_s": 60}, log={"level": "debug", "json": True})
    reloaded(understudy)
    assert "takes effect at the next start" in understudy.log
    assert "timeouts, recording" in understudy.log
    (told,) = [line for line in understudy.log.splitlines() if "settings reloaded" in line]  # the judge tells of it too
    assert json.loads(told)["event"] == "settings reloaded", "the log is reloaded itself"


def test_a_ramp_holds_over_a_workers_death_and_until_the_next_reload(run: Run) -> None:
    understudy = run()
    assert understudy.command("ramp", "0") == "0 % of the eligible requests are mirrored now\n"
    assert understudy.json("ramp", "0") == {"percent": 0}
    with Client(understudy.port) as client:
        client.get()
    counted(understudy, "sampled_out", 1)
    import os
    import signal

    worker = understudy.worker()
    os.kill(worker, signal.SIGKILL)
    understudy.replaced(worker)
    with Client(understudy.port) as client:
        client.get()
    counted(understudy, "sampled_out", 2)
    reloaded(understudy)
    assert understudy.status()["percent"] == 100.0
