from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from understudy.diffs.classify import Again, again, classify, settle, verdicts
from understudy.diffs.difference import Difference, Kind, excerpt, general


@pytest.mark.parametrize(
    ("kind", "old", "new", "name"),
    [
        ("status", 200, 500, "new_error"),
        ("status", 302, 503, "new_error"),
        ("status", 500, 200, "old_error"),
        ("status", 200, 404, "status"),
        ("value", "Müller", "muller", "collation"),
        ("value", "padded  ", "padded", "collation"),
        ("value", "Müller", "MÃ¼ller", "charset"),
        ("value", "MÃ¼ller", "Müller", "charset"),
        ("value", "Müller", "M?ller", "charset"),
        ("value", "a", "b", "value"),
        ("value", b"1", b"2", "value"),
        ("text", "ABC", "abc", "collation"),
        ("text", "a", "b", "text"),
        ("number_text", b"24.50", b"24.5", "number_text"),
        ("order", ["b", "a"], ["a", "b"], "order_only"),
        ("order", [b"2", b"1"], [b"1", b"2"], "order_only"),
        ("order", ["a", "B", "c"], ["B", "a", "c"], "collation"),
        ("order", ["a", "z", "ä"], ["a", "ä", "z"], "collation"),
        ("order", [{"id": b"1", "n": "a"}, {"n": "B"}], [{"n": "B"}, {"id": b"1", "n": "a"}], "collation"),
        ("order", [{"n": "x"}, {"n": "a"}, {"n": "m"}], [{"n": "m"}, {"n": "x"}, {"n": "a"}], "order_only"),
        ("missing", "a", None, "missing"),
    ],
)  # fmt: skip
def test_a_difference_is_called_what_an_upgrade_calls_it(kind: Kind, old: Any, new: Any, name: str) -> None:
    assert classify(Difference("$.x", kind, old, new)) == name


NOW = Difference("$.now", "value", "1", "2")
PRICE = Difference("$.rows[3].price", "value", b"1", b"2")


@pytest.mark.parametrize(
    ("found", "second", "names", "outcome"),
    [
        ([], None, [], "equal_after_lifting"),
        ([PRICE], None, ["value"], "different"),
        ([NOW], Again(frozenset({"$.now"}), frozenset({"$.now"})), ["noise"], "noise"),
        ([PRICE], Again(frozenset(), frozenset()), ["settled"], "settled"),
        ([NOW, PRICE], Again(frozenset({"$.now"}), frozenset()), ["noise", "settled"], "settled"),
        ([NOW, PRICE], Again(frozenset({"$.now"}), frozenset({"$.rows[*].price"})), ["noise", "value"], "different"),
        ([PRICE], Again(frozenset({"$.rows"}), frozenset({"$.rows[*].price"})), ["noise"], "noise"),
        ([PRICE], Again(frozenset({"$.row"}), frozenset({"$.rows[*].price"})), ["value"], "different"),
        ([Difference("answer", "failure", "status 200", "timeout")], None, ["failure"], "failed"),
    ],
)
def test_the_old_stack_is_asked_twice_before_anyone_is_blamed(
    found: list[Difference], second: Again | None, names: list[str], outcome: str
) -> None:
    judged, came_out = verdicts(found, second)
    assert ([j.name for j in judged], came_out) == (names, outcome)


def test_asking_again_is_remembered_by_place_not_by_position() -> None:
    second = again([], [replace(PRICE, path="$.rows[7].price")])
    assert settle(PRICE, second) == "value"


OTHER = Difference("$.other", "missing", b"1", None)


@pytest.mark.parametrize(
    ("found", "of_primary", "of_pair", "names", "outcome"),
    [
        ([PRICE], [], [OTHER], ["value"], "different"),
        ([PRICE, OTHER], [], [OTHER], ["settled", "missing"], "different"),
        ([NOW, PRICE], [NOW], [NOW, OTHER], ["noise", "value"], "different"),
        ([PRICE], [NOW], [NOW], ["settled"], "settled"),
        ([NOW], [NOW], [OTHER], ["noise"], "noise"),
        ([Difference("answer", "failure", "status 200", "timeout")], [], [OTHER], ["failure"], "failed"),
    ],
)
def test_nothing_is_settled_while_the_second_pair_differs_beyond_noise(
    found: list[Difference], of_primary: list[Difference], of_pair: list[Difference], names: list[str], outcome: str
) -> None:
    judged, came_out = verdicts(found, again(of_primary, of_pair))
    assert ([j.name for j in judged], came_out) == (names, outcome)


ROWS = Difference("$", "order", [b"1", b"2"], [b"2", b"1"])
WRONG = Difference("$[1].p", "value", b"1", b"2")
TAGS = Difference("$[0].tags", "order", ["a", "b"], ["b", "a"])


@pytest.mark.parametrize(
    ("found", "of_primary", "of_pair", "names", "outcome"),
    [
        ([ROWS], [ROWS], [ROWS], ["noise"], "noise"),
        ([ROWS, TAGS], [ROWS], [TAGS], ["noise", "noise"], "noise"),
        ([WRONG], [ROWS], [ROWS, WRONG], ["value"], "different"),
        ([ROWS, WRONG], [ROWS], [WRONG], ["noise", "value"], "different"),
        ([ROWS, WRONG], [ROWS], [ROWS], ["noise", "settled"], "settled"),
        ([ROWS, WRONG], [ROWS, WRONG], [ROWS, WRONG], ["noise", "noise"], "noise"),
        ([ROWS], [WRONG], [ROWS], ["order_only"], "different"),
    ],
)
def test_an_order_that_changes_by_itself_excuses_another_order_and_no_wrong_value(
    found: list[Difference], of_primary: list[Difference], of_pair: list[Difference], names: list[str], outcome: str
) -> None:
    judged, came_out = verdicts(found, again(of_primary, of_pair))
    assert ([j.name for j in judged], came_out) == (names, outcome)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("$.users[3].score", "$.users[*].score"),
        ('$["12"].name', "$[{id}].name"),
        ('$.by_day["2026-11-21"][0]', "$.by_day[{date}][*]"),
        ("$.deadbeef0123456789.x", "$[{hash}].x"),
        ('$["odd name"]', '$["odd name"]'),
        ("html/body/article#post-12/ul.list/li[3]/text()[2]", "html/body/article#post-*/ul.list/li/text()"),
        ("html/body/h2/a/@href", "html/body/h2/a/@href"),
        ("header.location", "header.location"),
        ("status", "status"),
    ],
)
def test_a_place_stands_for_all_rows(path: str, place: str) -> None:
    assert general(path) == place


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\n\u202e", "\\x1b[31mred⏎\\x202e"),
        ("\ud800", "\\ud800"),
        ({"a": [b"1.50", None, True, "x"]}, '{"a": [1.50, null, true, "x"]}'),
        (("a", {"href": "/"}, ["t", ("b", {}, [])]), '<a href="/">t<b></b></a>'),
        ("x" * 200, "x" * 159 + "…"),
        (500, "500"),
        (None, "null"),
    ],
)
def test_an_excerpt_is_one_safe_line(value: object, text: str) -> None:
    assert excerpt(value) == text
    excerpt(value).encode()
