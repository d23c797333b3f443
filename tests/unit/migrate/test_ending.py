"""A build that is told to end ends once, in order, with the exit code that a shell tells of it."""

from __future__ import annotations

import signal

import pytest

from understudy.migrate.build.ending import Terminated, orderly


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_what_is_amid_something_is_interrupted_once_and_may_clean_up(number: signal.Signals, code: int) -> None:
    cleaned = []

    def build() -> None:
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGHUP)
            cleaned.append(True)

    with pytest.raises(Terminated) as ended, orderly():
        build()
    assert (ended.value.code, cleaned) == (code, [True])
    assert signal.getsignal(number) is signal.SIG_DFL


def test_what_nohup_has_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with orderly():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
