"""Texts that are compared without being built find what their values do."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from understudy.config import Compare
from understudy.diffs import compare as comparing
from understudy.diffs.compare import Rules, compare
from understudy.diffs.difference import excerpt
from understudy.diffs.lift import lift
from understudy.diffs.raw import walk_text
from understudy.diffs.walk import MAX_DIFFERENCES, walk
from understudy.exchange import Reply

JSON = "application/json"
scalars = (
    st.none() | st.booleans() | st.text('aé\\"', max_size=2) | st.integers(-2, 11) | st.sampled_from([0.5, 1.0, 1e20])
)
names = st.sampled_from(["id", "name", "a", "b", "c.d"])
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(names, inner, max_size=4),
    max_leaves=30,
).filter(lambda value: isinstance(value, dict | list))
layouts = st.sampled_from([{}, {"separators": (",", ":")}, {"indent": 1}, {"ensure_ascii": False}, {"sort_keys": True}])


@st.composite
def pairs(draw: st.DrawFn) -> tuple[str, str]:
    """A document, and the same with a few places changed, each written in a way of its own."""
    old = draw(documents)
    new = copy.deepcopy(old)
    for _ in range(draw(st.integers(0, 3))):
        _change(new, draw)
    return json.dumps(old, **draw(layouts)), json.dumps(new, **draw(layouts))


def _change(value: Any, draw: st.DrawFn) -> None:
    while value:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = draw(st.sampled_from(keys))
        if isinstance(value[key], dict | list) and value[key] and draw(st.booleans()):
            value = value[key]
            continue
        action = draw(st.sampled_from(["replace", "remove", "add", "turn"]))
        if action == "replace":
            value[key] = draw(documents | scalars)
        elif action == "remove":
            del value[key]
        elif isinstance(value, dict):
            value[draw(names)] = draw(scalars)
        elif action == "add":
            value.insert(key, draw(documents | scalars))
        else:
            value.reverse()
        return


def _told(found: list[Any]) -> list[tuple[str, str, str, str]]:
    return [(d.path, d.kind, excerpt(d.old), excerpt(d.new)) for d in found]


@given(pairs())
@example(('{"a": [{"id": 1, "b": true}]}', '{"a": [{"id": 1, "b": 1}]}'))
@example(('[{"id": 1, "a": 1, "b": 2}]', '[{"id": 2, "a": 3, "b": 4}]'))
@example(('[{"id": "a", "a": 1, "b": 2}]', '[{"id": "\\u0061", "a": 3, "b": 4}]'))
@example(('[{"a": 1, "a": 2}]', '[{"a": 2}]'))
@example(('{"a": 1, "b": [[1], 2]}', '{"b": [[1.0], 2], "a": 1}'))
@example(('{"a": 1234567890123456789012345, "b": 2}', '{"a": 1234567890123456789012346, "b": 2}'))
@example(('{"a": 24.50, "b": 1e2, "c": -0.0}', '{"a": 24.5, "b": 100, "c": 0.0}'))
@example(('{"a": null, "b": true, "c": "1"}', '{"a": 0, "b": false, "c": 1}'))
def test_the_same_is_found_as_in_the_values(texts: tuple[str, str]) -> None:
    old, new = (text.encode() for text in texts)
    found = walk_text("$", old, new)
    assert found is not None
    values = (lift(old, JSON).value, lift(new, JSON).value)
    assert _told(found) == _told(walk("$", *values))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"", b"{}"),
        (b"1", b"2"),
        (b'{"a": 1', b'{"a": 2}'),
        (b'{"a": 1}x', b'{"a": 2}'),
        (b'{"a": NaN}', b'{"a": 2}'),
        (b'{"a": "\xff", "b": 1}', b'{"a": "\xff", "b": 2}'),
        (b"\xef\xbb\xbf{}", b"{}"),
        (b"[" * 5_000 + b"1" + b"]" * 5_000, b"[" * 5_000 + b"2" + b"]" * 5_000),
        (json.dumps([0] * MAX_DIFFERENCES).encode(), json.dumps([1] * MAX_DIFFERENCES).encode()),
    ],
)
def test_what_is_no_such_text_or_too_much_is_left_to_others(old: bytes, new: bytes) -> None:
    assert walk_text("$", old, new) is None


def test_a_deep_document_that_differs_at_its_bottom_needs_no_recursion() -> None:
    old, new = (b'{"a":[' * 400 + leaf + b"]}" * 400 for leaf in (b"1", b"2"))
    (found,) = walk_text("$", old, new) or []
    assert (found.kind, found.path) == ("value", "$" + ".a[0]" * 400)


def _reply(body: bytes, **headers: str) -> Reply:
    return Reply(200, (("Content-Type", JSON), *headers.items()), body, len(body), 1.0)


def _packed(body: bytes) -> Reply:
    return _reply(gzip.compress(body), **{"Content-Encoding": "gzip"})


@pytest.mark.parametrize("reply", [_reply, _packed])
def test_an_answer_goes_this_way_packed_or_not(
    reply: Callable[[bytes], Reply], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "lift_both", lambda *_: pytest.fail("nothing needs to be built"))
    (found,) = compare(reply(b'{"a": true, "b": [1, 2]}'), reply(b'{"a": true, "b": [1, 3]}'), Rules())
    assert (found.path, found.kind) == ("$.b[1]", "value")


def test_with_ignored_paths_the_values_are_built() -> None:
    rules = Rules(Compare(ignore_paths=["$.b"]))
    assert compare(_reply(b'{"a": true, "b": 1}'), _reply(b'{"a": true, "b": 2}'), rules) == []


def test_texts_that_mean_the_same_are_told_by_what_is_hidden_in_them() -> None:
    (found,) = compare(_reply(b'{"a": 1, "a": 2}'), _reply(b'{"a": 2}'), Rules())
    assert found.path == "$"
    assert compare(_reply(b'{"a": 2}'), _reply(b'{ "a": 2 }'), Rules()) == []
