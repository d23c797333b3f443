"""`understudy migrate status` watched by a script."""

from __future__ import annotations

import json
import signal
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from support import COMMAND

SETTINGS = '[migrate]\nsource = "127.0.0.1:1"\nconnect_ms = 500\n'
WATCH = [COMMAND, "migrate", "status", "--watch", "--interval", "0.2"]


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Of a source that nobody answers for."""
    path = tmp_path / "understudy.toml"
    path.write_text(SETTINGS)
    return path


def test_a_watch_as_json_prints_a_document_a_line_until_it_is_interrupted(settings: Path) -> None:
    command, pipe = [*WATCH, "--json", "-c", settings], subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        looks = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=120)[1]
    assert process.returncode == 130
    assert b"Traceback" not in errors
    assert [look["trees"][0]["server"]["address"] for look in looks] == ["127.0.0.1:1"] * 2
    assert datetime.fromisoformat(looks[0]["at"]) < datetime.fromisoformat(looks[1]["at"])


@pytest.mark.parametrize("form", ["svg", "dot"])
def test_a_watch_in_another_form_is_wrong_usage(form: str, settings: Path) -> None:
    done = subprocess.run([*WATCH, "--format", form, "-c", settings], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"{form} can't be watched; --json can" in done.stderr
