"""Errors are for a person: what happened, where, and what to do next."""

from __future__ import annotations

import inspect

import pytest

from understudy import errors
from understudy.errors import SettingsError, UnderstudyError

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, UnderstudyError)]


@pytest.mark.parametrize("kind", ALL)
def test_an_error_reads_as_its_message_and_its_hint(kind: type[UnderstudyError]) -> None:
    assert str(kind("it is gone")) == "it is gone"
    assert str(kind("it is gone", "look behind the sofa")) == "it is gone\n  hint: look behind the sofa"
    assert kind("x").exit_code == (2 if issubclass(kind, SettingsError) else 1)
    assert kind.__doc__
