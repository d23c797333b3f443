"""A kept sample in sentences."""

from __future__ import annotations

import gzip

import pytest

from understudy.diffs.explain import MAX_SENTENCES, explain
from understudy.exchange import Answer, Failure, Reply

JSON = (("Content-Type", "application/json"),)


def reply(body: bytes, *headers: tuple[str, str]) -> Reply:
    return Reply(200, (*JSON, *headers), body, len(body), 1.0)


def test_a_changed_member_is_told_with_its_place_and_both_values() -> None:
    assert explain(reply(b'{"a": {"b": 1}}'), reply(b'{"a": {"b": 2}}')) == [
        "Value of root['a']['b'] changed from 1 to 2."
    ]


def test_encoded_bodies_are_explained_too() -> None:
    new = reply(gzip.compress(b'{"a": 2}'), ("Content-Encoding", "gzip"))
    assert explain(reply(b'{"a": 1}'), new) == ["Value of root['a'] changed from 1 to 2."]


@pytest.mark.parametrize(
    "other",
    [
        Failure("timeout", 1.0),
        reply(b"{no json"),
        Reply(200, (("Content-Type", "text/html"),), b"{}", 2, 1.0),
        reply(b"[" * 100_000),
        reply(b"1" * 70_000),
    ],
)
def test_what_is_no_json_or_too_long_is_not_explained(other: Answer) -> None:
    assert explain(reply(b"{}"), other) == []


def test_what_nests_too_deeply_for_sentences_is_not_explained() -> None:
    old, new = (b"[" * 300 + end + b"]" * 300 for end in (b"1", b"2"))
    assert explain(reply(old), reply(new)) == []


def test_many_changes_are_cut_short_and_that_is_said() -> None:
    said = explain(reply(b"[" + b"1," * 50 + b"1]"), reply(b"[" + b"2," * 50 + b"2]"))
    assert len(said) == MAX_SENTENCES + 1
    assert said[-1] == "… and 31 more"
