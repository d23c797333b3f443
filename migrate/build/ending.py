"""A build that is told to end, or whose terminal is gone, ends as by Ctrl-C: what it began ends too."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Terminated(SystemExit):
    """Somebody wants the process to end; it ends with 128 and the signal's number, as a shell tells it."""


@contextmanager
def orderly() -> Iterator[None]:
    """Raise Terminated inside, once, where a signal asks for an end; what nohup ignores stays ignored."""
    heeded = [number for number in SIGNALS if signal.getsignal(number) is signal.SIG_DFL]

    def end(number: int, _: FrameType | None) -> None:
        for each in heeded:
            signal.signal(each, signal.SIG_IGN)
        raise Terminated(128 + number)

    for number in heeded:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in heeded:
            signal.signal(number, signal.SIG_DFL)
