"""What holds for all tests."""

from __future__ import annotations

import os

import hypothesis
import pytest

# A machine that runs other things beside the tests is slow at times, and no example is wrong for that. Where CI=true a
# change is judged, and not luck: its examples are the same in every run. Elsewhere each run looks for new ones, and a
# failure tells how to have it again.
hypothesis.settings.register_profile(
    "shared machine",
    max_examples=60,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    print_blob=True,
    derandomize=os.environ.get("CI") == "true",
)
hypothesis.settings.load_profile("shared machine")


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Bytes that nobody can read get no place in a test's name: gzip's hold the second in which they were made, and the
    processes that share a run must agree on all names.
    """
    return argname if isinstance(val, bytes) and not (val.isascii() and val.decode().isprintable()) else None
