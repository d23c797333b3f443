"""The errors that a person may read: what happened, where, and what to do next."""

from __future__ import annotations


class UnderstudyError(Exception):
    """What went wrong, and a hint that helps at three in the morning.

    `message` is one line: what, where, what was given. `hint` says what to do next, or is empty.
    `exit_code` is what the command line leaves with.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class SettingsError(UnderstudyError):
    """A setting that is wrong, unknown or out of range: file, key path, what was given, what is accepted."""

    exit_code = 2


class NotRunningError(UnderstudyError):
    """A command needs a running Understudy, and none answers on the control socket."""


class StartError(UnderstudyError):
    """Understudy can't start: a port in use, a state directory that can't be written."""


class RecordingError(UnderstudyError):
    """A segment file that can't be read at all, because it is not one."""


class CodingError(UnderstudyError):
    """A body that can't be decoded: an unknown content coding, a spoilt or cut body, or one that unpacks too far."""


class StoreError(UnderstudyError):
    """The judge's database is missing, is not one, or is in use by another judge."""


class NoSampleError(UnderstudyError):
    """No kept sample goes by the ID that was given."""
