"""The operator's own Python: what it may answer, and what happens when it fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from understudy.errors import SettingsError
from understudy.exchange import Exchange, Request
from understudy.proxy.hooks import Hooks, load

REQUEST = Request("GET", "/", (("Host", "a"),))
EXCHANGE = Exchange("1", 0.0, REQUEST, "old", {})


@pytest.fixture
def hooks(tmp_path: Path) -> Callable[[str], Hooks]:
    def make(source: str) -> Hooks:
        file = tmp_path / "hooks.py"
        file.write_text(source)
        return load(str(file))

    return make


@pytest.mark.parametrize(
    ("answer", "chosen"),
    [
        ("True", {"a", "b"}),
        ("False", set()),
        ("None", set()),
        ("['a']", {"a"}),
        ("('a', 'b')", {"a", "b"}),
        ("(name for name in 'ab')", {"a", "b"}),
        ("'a'", {"a"}),
        ("[]", set()),
        ("5", set()),
        ("[][0]", set()),
        ("request.no_such", set()),
    ],
)
def test_select_answers_whether_or_to_whom(hooks: Callable[[str], Hooks], answer: str, chosen: set[str]) -> None:
    assert hooks(f"def select(request):\n    return {answer}\n").select(REQUEST, ["a", "b"]) == chosen


@pytest.mark.parametrize(
    ("answer", "headers"),
    [
        ("headers", (("A", "b"),)),
        ("[*headers, ('X', 1)]", (("A", "b"), ("X", "1"))),
        ("{'X': stack}.items()", (("X", "new"),)),
        ("[]", ()),
        ("None", None),
        ("['ab']", (("a", "b"),)),
        ("['abc']", None),
        ("[('X', 'a\\nb')]", None),
        ("[('X', 'a\\0')]", None),
        ("[('X:', 'a')]", None),
        ("[('X ', 'a')]", None),
        ("[('', 'a')]", None),
        ("[('é', 'a')]", None),
        ("[('X', 'é')]", (("X", "é"),)),
        ("[('X', '€')]", None),
    ],
)
def test_shadow_headers_answers_pairs_that_can_be_sent(
    hooks: Callable[[str], Hooks], answer: str, headers: object
) -> None:
    made = hooks(f"def shadow_headers(request, stack, headers):\n    return {answer}\n")
    assert made.shadow_headers(REQUEST, "new", (("A", "b"),)) == headers
    assert made.failures == (headers is None)


@pytest.mark.parametrize("fault", ["raise ValueError", "import sys; sys.exit(1)", "1/0", "assert False"])
def test_a_hook_that_raises_is_counted_and_not_let_through(hooks: Callable[[str], Hooks], fault: str) -> None:
    made = hooks(
        f"def select(request):\n    {fault}\n"
        f"def shadow_headers(request, stack, headers):\n    {fault}\n"
        f"def on_exchange(exchange):\n    {fault}\n"
    )
    assert made.select(REQUEST, ["a"]) == frozenset()
    assert made.shadow_headers(REQUEST, "a", ()) is None
    made.on_exchange(EXCHANGE)
    assert made.failures == 3


def test_a_hook_that_always_raises_does_not_fill_the_log(
    hooks: Callable[[str], Hooks], caplog: pytest.LogCaptureFixture
) -> None:
    made = hooks("def select(request):\n    raise ValueError\n")
    with caplog.at_level(logging.WARNING):
        for _ in range(1000):
            made.select(REQUEST, ["a"])
    assert len(caplog.records) == 10


def test_only_the_hooks_that_are_there_are_asked(hooks: Callable[[str], Hooks]) -> None:
    made = hooks("def on_exchange(exchange): pass\n")
    assert (made.selects, made.rewrites, made.observes) == (False, False, True)
    none = load("")
    assert (none.selects, none.rewrites, none.observes) == (False, False, False)


def test_hooks_that_can_not_be_had_refuse_every_request() -> None:
    refusing = Hooks.refusing()
    assert refusing.selects
    assert refusing.select(REQUEST, ["a"]) == frozenset()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def select(request)\n", "SyntaxError"),
        ("import no_such_module_at_all\n", "No module named"),
        ("raise RuntimeError('early')\n", "early"),
        ("import sys; sys.exit(3)\n", "SystemExit"),
        ("def selekt(request): pass\n", "defines none of select, shadow_headers, on_exchange"),
    ],
)
def test_a_hooks_file_that_is_wrong_says_why(hooks: Callable[[str], Hooks], source: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        hooks(source)


def test_a_hooks_file_that_is_missing_or_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load(str(tmp_path / "none.py"))
    (tmp_path / "hooks.txt").write_text("def select(request): pass\n")
    with pytest.raises(SettingsError, match=r"must end in \.py"):
        load(str(tmp_path / "hooks.txt"))
