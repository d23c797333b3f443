"""Two small stacks, and Understudy as a process before them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from running import Run, Running, Stage, gone


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    with made.old, made.new:
        yield made
        made.gate.set()


@pytest.fixture
def run(stage: Stage, tmp_path: Path) -> Iterator[Run]:
    """Start Understudy before the stage's stacks; what is left of it in the end is killed, and must be quiet."""
    started: list[Running] = []

    def start(start: bool = True, **sections: Any) -> Running:
        running = Running(tmp_path, stage.settings(**sections))
        started.append(running)
        return running.start() if start else running

    yield start
    stage.gate.set()
    pids: list[int] = []
    for running in started:
        if running.process is not None and running.process.poll() is None:
            pids += running.processes()
            running.stop()
    gone(pids)
    if started and (log := tmp_path / "understudy.log").exists():
        assert "Traceback" not in log.read_text(), log.read_text()
