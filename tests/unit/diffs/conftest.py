"""Settings for the judge's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from understudy.config import Compare, Settings, Stack

MakeSettings = Callable[..., Settings]


@pytest.fixture
def settings(tmp_path: Path) -> MakeSettings:
    """Settings for a state directory of the test's own; keyword arguments are [compare]'s."""

    def make(**compare: Any) -> Settings:
        stacks = {
            "old": Stack("primary", url="http://127.0.0.1:1"),
            "new": Stack("shadow", url="http://127.0.0.1:2"),
        }
        return Settings(stacks=stacks, state_dir=str(tmp_path / "state"), compare=Compare(**compare))

    return make
