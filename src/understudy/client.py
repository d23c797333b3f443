"""Asking a running Understudy over the socket in its state directory."""

from __future__ import annotations

import http.client
import socket
from typing import Any

import msgspec

from understudy.config import Settings
from understudy.errors import NotRunningError, UnderstudyError

TIMEOUT_S = 10.0


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("understudy", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(settings: Settings, method: str, path: str, body: object = None) -> Any:
    """The answer's JSON. Raises NotRunningError, or UnderstudyError where the request is refused."""
    connection = _Connection(str(settings.control_socket))
    headers = {"Content-Type": "application/json"} if body is not None else {}
    try:
        connection.request(method, path, msgspec.json.encode(body) if body is not None else None, headers)
        response = connection.getresponse()
        raw = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise NotRunningError(
            f"no Understudy answers on {settings.control_socket}",
            "`understudy run -c FILE` starts one; its state_dir must be this one, and its user must be yours",
        ) from error
    finally:
        connection.close()
    try:
        answer = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise UnderstudyError(f"Understudy answered {response.status} {response.reason}, and not in JSON") from error
    if response.status != 200:
        why = answer.get("error") if isinstance(answer, dict) else None
        raise UnderstudyError(f"Understudy refused: {why or response.status}")
    return answer
