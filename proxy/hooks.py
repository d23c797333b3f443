"""The operator's own Python: which requests are mirrored, what shadows are sent, what is done with an exchange.

A hooks file may define any of:

    def select(request) -> bool | Iterable[str]     # mirror it? or to which shadows, by name
    def shadow_headers(request, stack, headers)     # the header pairs that this shadow shall get
    def on_exchange(exchange)                       # after all answers are in; secrets are masked

Fail-closed: a hook that raises means "not mirrored", counted; the user is served all the same. Hooks run in the
worker between two requests, so they must be quick and must not wait.
"""

from __future__ import annotations

import importlib.util
import logging
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from understudy.errors import SettingsError
from understudy.exchange import Exchange, Headers, Request

log = logging.getLogger(__name__)

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
NAMES = ("select", "shadow_headers", "on_exchange")


class Hooks:
    """The hooks of one file; `failures` counts what they raised."""

    def __init__(self, module: ModuleType | None = None) -> None:
        self._select: Callable[..., Any] | None = getattr(module, "select", None)
        self._shadow_headers: Callable[..., Any] | None = getattr(module, "shadow_headers", None)
        self._on_exchange: Callable[..., Any] | None = getattr(module, "on_exchange", None)
        self.failures = 0

    @classmethod
    def refusing(cls) -> Hooks:
        """In the place of hooks that can't be had: no request is mirrored."""
        hooks = cls()
        hooks._select = lambda request: False
        return hooks

    @property
    def selects(self) -> bool:
        """Whether `select` must be asked."""
        return self._select is not None

    @property
    def rewrites(self) -> bool:
        """Whether `shadow_headers` must be asked."""
        return self._shadow_headers is not None

    @property
    def observes(self) -> bool:
        """Whether `on_exchange` must be told."""
        return self._on_exchange is not None

    def select(self, request: Request, shadows: Iterable[str]) -> frozenset[str]:
        """The shadows that get this request."""
        assert self._select is not None
        try:
            chosen = self._select(request)
            if isinstance(chosen, bool) or chosen is None:
                return frozenset(shadows) if chosen else frozenset()
            if isinstance(chosen, str):
                return frozenset((chosen,))
            return frozenset(str(name) for name in chosen)
        except (Exception, SystemExit) as error:
            self._failed("select", error)
            return frozenset()

    def shadow_headers(self, request: Request, stack: str, headers: Headers) -> Headers | None:
        """The headers for one shadow; None where the hook failed or gave what can't be sent."""
        assert self._shadow_headers is not None
        try:
            changed = tuple((str(name), str(value)) for name, value in self._shadow_headers(request, stack, headers))
            for name, value in changed:
                if not _NAME.fullmatch(name) or set(value) & {"\r", "\n", "\0"}:
                    raise ValueError(f"header {name!r}: its name is none, or its value holds a line break or a NUL")
                value.encode("latin-1")
        except (Exception, SystemExit) as error:
            self._failed("shadow_headers", error)
            return None
        return changed

    def on_exchange(self, exchange: Exchange) -> None:
        """Tell the hook of an exchange."""
        assert self._on_exchange is not None
        try:
            self._on_exchange(exchange)
        except (Exception, SystemExit) as error:
            self._failed("on_exchange", error)

    def _failed(self, name: str, error: BaseException) -> None:
        self.failures += 1
        if self.failures & (self.failures - 1) == 0:  # the 1st, 2nd, 4th, 8th …: a broken hook must not fill the log
            log.warning("hook failed", extra={"hook": name, "times": self.failures}, exc_info=error)


def load(file: str) -> Hooks:
    """The hooks in a Python file; none for an empty name. Raises SettingsError."""
    if not file:
        return Hooks()
    if not Path(file).is_file():
        raise SettingsError(f"hooks: {file}: no such file")
    spec = importlib.util.spec_from_file_location("understudy_hooks", file)
    if spec is None or spec.loader is None:
        raise SettingsError(f"hooks: {file}: not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise SettingsError(f"hooks: {file}: {type(error).__name__}: {error}") from error
    if not any(callable(getattr(module, name, None)) for name in NAMES):
        raise SettingsError(f"hooks: {file}: defines none of {', '.join(NAMES)}")
    return Hooks(module)
