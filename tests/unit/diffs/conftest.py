"""Settings for the judge's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from understudy.config import Compare, Settings, Stack

# A machine that runs other things beside the tests is slow at times, and no example is wrong for that.
hypothesis.settings.register_profile(
    "shared machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], max_examples=60
)
hypothesis.settings.load_profile("shared machine")

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
