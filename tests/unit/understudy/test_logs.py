"""One line an event, for a person or for a collector."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from understudy import logs


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield logging.getLogger("understudy.test")
    root.handlers[:] = handlers
    root.setLevel(level)


def test_text_says_when_how_bad_and_what_with_its_members(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.setup("info")
    log.debug("too quiet")
    log.warning("hook %s", "failed", extra={"hook": "select", "why": "no room", "times": 2, "none": ""})
    line = capsys.readouterr().err
    assert line.endswith('warning hook failed hook=select why="no room" times=2 none=""\n')
    assert line.count("\n") == 1


def test_a_line_break_in_a_member_makes_no_line_of_its_own(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.setup()
    log.warning("refused", extra={"target": "/x\n12:00:00 error forged\x1b[2J"})
    assert capsys.readouterr().err.count("\n") == 1


def test_json_is_one_object_a_line(log: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup("DEBUG", json=True)
    try:
        raise ValueError("spoilt")
    except ValueError:
        log.exception("it\nfailed", extra={"path": "/é", "number": 3, "odd": object})
    event = json.loads(capsys.readouterr().err)
    assert event["level"] == "error"
    assert event["event"] == "it\nfailed"
    assert event["path"] == "/é"
    assert event["number"] == 3
    assert event["logger"] == "understudy.test"
    assert "ValueError: spoilt" in event["error"]
    assert event["at"].endswith("Z")


def test_a_traceback_follows_its_line(log: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup()
    try:
        raise ValueError("spoilt")
    except ValueError:
        log.exception("it failed")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("error   it failed")
    assert lines[-1] == "ValueError: spoilt"


def test_setting_up_again_changes_the_level_and_doubles_nothing(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.setup("error")
    logs.setup("debug")
    log.debug("once")
    assert capsys.readouterr().err.count("once") == 1
