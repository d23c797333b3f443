"""Structured logs: one line an event on standard error, as text for a person or JSON for a collector."""

from __future__ import annotations

import logging
import sys
import time

import msgspec

_PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """A record as one JSON object a line; what was passed in `extra` becomes members."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON, without its trailing newline."""
        event = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "process": record.processName,
            "logger": record.name,
            "event": record.getMessage(),
            **_extras(record),
        }
        if record.exc_info:
            event["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(event, enc_hook=str).decode()


class TextLines(logging.Formatter):
    """A record as a line for a person: time, level, what happened, then key=value."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text; a traceback follows on lines of its own."""
        extras = "".join(f" {key}={_word(value)}" for key, value in _extras(record).items())
        at = time.strftime("%H:%M:%S", time.localtime(record.created))
        line = f"{at} {record.levelname.lower():7} {record.getMessage()}{extras}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _word(value: object) -> str:
    """A value as one word, quoted where it isn't: what a stranger sends must not look like a line of ours."""
    text = str(value)
    return text if text.isprintable() and " " not in text and text else msgspec.json.encode(text).decode()


def _extras(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _PLAIN}


def setup(level: str = "info", json: bool = False) -> None:
    """Send the logs of this process to standard error; `level` as logging names it, in any case."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if json else TextLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
