"""Integration tests need a Docker engine; where there's none they are skipped, unless CI=true."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import containers
from integration.breaking import pairs
from integration.trees import five, mariadb_tree, mysql_tree
from support import Understudy

__all__ = ["five", "mariadb_tree", "mysql_tree", "pairs"]  # fixtures


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """A Docker engine, with nothing on it that an earlier run left behind."""
    if reason := containers.why_no_engine():
        containers.must_have(reason)
    containers.sweep()


@pytest.fixture
def understudy(tmp_path: Path) -> Iterator[Callable[[Mapping[str, Any]], Understudy]]:
    """Start Understudy with these settings; it's stopped in order when the test ends."""
    with ExitStack() as stack:
        yield lambda settings: stack.enter_context(Understudy(tmp_path, settings))
