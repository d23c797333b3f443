from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from msgspec.structs import astuple

from understudy.config import Compare
from understudy.diffs.compare import Rules, compare
from understudy.diffs.lift import Body, lift_body, lift_both
from understudy.diffs.walk import walk
from understudy.exchange import Answer, Failure, Headers, Reply

JSON = (("Content-Type", "application/json"),)
HTML = (("Content-Type", "text/html; charset=utf-8"),)


def reply(body: object, headers: Headers = JSON, status: int = 200) -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, headers, data, len(data), 1.0)


def found(old: object, new: object, headers: Headers = JSON, **rules: Any) -> list[tuple[str, str]]:
    return [(d.path, d.kind) for d in compare(reply(old, headers), reply(new, headers), Rules(Compare(**rules)))]


USERS = [{"id": i, "name": f"user{i}", "score": i * 3.5} for i in range(6)]


def changed(index: int, **members: object) -> list[dict[str, object]]:
    users: list[dict[str, object]] = copy.deepcopy(USERS)  # type: ignore[arg-type]
    users[index].update(members)
    return users


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        (b'{"a":1,"b":2}', b'{ "b": 2, "a": 1 }', []),
        ({"a": 1}, {"a": 2}, [("$.a", "value")]),
        ({"a": 1, "b": 1}, {"a": 1}, [("$.b", "missing")]),
        ({"a": 1}, {"a": 1, "odd name": 1}, [('$["odd name"]', "extra")]),
        ({"a": None}, {}, [("$.a", "missing")]),
        ({"a": 1}, {"a": True}, [("$.a", "type")]),
        ({"a": 0}, {"a": False}, [("$.a", "type")]),
        ({"a": "1"}, {"a": 1}, [("$.a", "type")]),
        ({"a": None}, {"a": ""}, [("$.a", "type")]),
        (b'{"a":24.50}', b'{"a":24.5}', [("$.a", "number_text")]),
        (b'{"a":1e2}', b'{"a":100}', [("$.a", "number_text")]),
        (b'{"a":1.0}', b'{"a":1}', [("$.a", "number_text")]),
        (b'{"a":1.5}', b'{"a":1}', [("$.a", "value")]),
        (b'{"a":1.0,"b":true}', b'{"a":1,"b":1}', [("$.a", "number_text"), ("$.b", "type")]),
        (b'{"a":[1,true]}', b'{"a":[true,1]}', [("$.a", "order")]),
        (b"[-0]", b"[0]", [("$[0]", "number_text")]),
        (b"[%s]" % (b"1" * 5_000), b"[%s]" % (b"2" * 5_000), [("$[0]", "value")]),
        (b'[%s,{"a":1},3]' % (b"1" * 50), b'[{"a":1},%s,4]' % (b"1" * 50), [("$", "order"), ("$[2]", "value")]),
        (b'{"a":"24.50"}', b'{"a":"24.5"}', [("$.a", "number_text")]),
        (b'{"a":0.1}', b'{"a":0.10000000000000000001}', [("$.a", "value")]),
        (b'{"a":"007"}', b'{"a":"7"}', [("$.a", "value")]),
        (b'{"a":1e99999}', b'{"a":2e99999}', [("$.a", "value")]),
        (b'{"a":1,"a":2}', b'{"a":9,"a":2}', [("$[0][1]", "value")]),
        ({"u": USERS}, {"u": USERS[:2] + USERS[3:]}, [("$.u[2]", "missing")]),
        ({"u": USERS[1:]}, {"u": USERS}, [("$.u[0]", "extra")]),
        ({"u": USERS}, {"u": USERS[::-1]}, [("$.u", "order")]),
        (USERS, changed(3, name="x"), [("$[3].name", "value")]),
        (USERS, changed(3, id=77), [("$[3].id", "value")]),
        (USERS, changed(3, name="x")[::-1], [("$", "order"), ("$[3].name", "value")]),
        (USERS, changed(3, id=77, name="x", score=0), [("$[3]", "missing"), ("$[3]", "extra")]),
        (USERS, [*changed(1, name="x")[:4], USERS[5]], [("$[4]", "missing"), ("$[1].name", "value")]),
        (USERS[:5], USERS[1:], [("$[0]", "missing"), ("$[4]", "extra")]),
        ([1, 2, 3], [1, 3], [("$[1]", "missing")]),
        ([1, 2, 3], [1, 5, 3], [("$[1]", "value")]),
        ([1, 1, 2, 2], [2, 1, 2, 1], [("$", "order")]),
        ([1, 2, 3, 4, 5], [1, 3, 4, 5, 6], [("$[1]", "missing"), ("$[4]", "extra")]),
        ([0.5, 1.5, 2.5], [0.25, 1.25, 2.5], [("$[0]", "value"), ("$[1]", "value")]),
        (["a", {"b": 1}], ["a", {"b": 2}], [("$[1].b", "value")]),
        ([], {}, [("$", "type")]),
        ({"a": 1}, b"<b>Warning</b> {}", [("body", "type")]),
        ({"a": 1}, b"", [("body", "missing")]),
        (b"", [1], [("body", "extra")]),
        ("\ud800", "\ud801", [("$", "value")]),
        (["\ud800", 1, {}], [1, "\ud800", {"a": 1}], [("$", "order"), ("$[2].a", "extra")]),
    ],
)
def test_json_differs_where_it_differs(old: object, new: object, expected: list[tuple[str, str]]) -> None:
    assert found(old, new) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"<p>a  b", b"<p>a\nb<!-- took 3 ms -->", []),
        (b"<ul><li>a<li>b<li>c</ul>", b"<ul><li>a<li>c</ul>", [("html/body/ul/li[2]", "missing")]),
        (b"<ul><li>a<li>b<li>c</ul>", b"<ul><li>c<li>a<li>b</ul>", [("html/body/ul", "order")]),
        (b"<ul><li>a<li>b</ul>", b"<ul><li>a<li>x</ul>", [("html/body/ul/li[2]/text()", "value")]),
        (b"<p><a href=/1>x</a>", b"<p><a href=/2>x</a>", [("html/body/p/a/@href", "value")]),
        (b"<p>x", b"<p class=y>x", [("html/body/p/@class", "extra")]),
        (b"<p id=total>24.50", b"<p id=total>24.5", [("html/body/p#total/text()", "number_text")]),
        (b"<p>x", b"<div>x</div>", [("html/body/p", "type")]),
        (
            b'<article id="post-1"><h2>x</h2>..</article><article id="post-2"><h2>y</h2>..</article>',
            b'<article id="post-1"><h2>x</h2>..</article><article id="post-2"><h2>z</h2>..</article>',
            [("html/body/article#post-2/h2/text()", "value")],
        ),
    ],
)
def test_a_page_differs_where_it_differs(old: bytes, new: bytes, expected: list[tuple[str, str]]) -> None:
    assert found(old, new, HTML) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (reply({}), reply({}, status=500), [("status", "status", 200, 500)]),
        (reply({}), Failure("timeout", 5.0), [("answer", "failure", "status 200", "timeout")]),
        (Failure("refused", 1.0), Failure("refused", 9.0), []),
        (Failure("refused", 1.0), Failure("timeout", 9.0), [("answer", "failure", "refused", "timeout")]),
        (
            reply({}, (*JSON, ("Location", "/a"))),
            reply({}, (("location", "/b"), *JSON)),
            [("header.location", "header", "/a", "/b")],
        ),
        (reply({}, (*JSON, ("Date", "1"))), reply({}, (*JSON, ("Date", "2"))), []),
        (reply({}, (*JSON, ("X-Odd", "1"))), reply({}, JSON), []),
        (
            reply({}, (*JSON, ("Cache-Control", "a"), ("Cache-Control", "b"))),
            reply({}, (*JSON, ("Cache-Control", "b"), ("Cache-Control", "a"))),
            [("header.cache-control", "header", "a, b", "b, a")],
        ),
        (reply(b"a\nb\nc", ()), reply(b"a\nx\nc", ()), [("text", "text", "b", "x")]),
        (Reply(200, (), b"", 5, 1.0, b"\1"), Reply(200, (), b"", 5, 1.0, b"\1"), []),
        (
            Reply(200, (), b"", 5, 1.0, b"\1"),
            Reply(200, (), b"", 6, 1.0, b"\2"),
            [("body", "digest", "5 bytes, digest 01", "6 bytes, digest 02")],
        ),
    ],
)
def test_answers_differ_in_more_than_bodies(old: Answer, new: Answer, expected: list[tuple[str, ...]]) -> None:
    assert [astuple(d) for d in compare(old, new, Rules())] == expected


def test_all_headers_are_compared_but_the_ignored_where_a_star_says_so() -> None:
    rules = Rules(Compare(headers=["*"]))
    old = reply({}, (("X-Odd", "1"), ("Date", "1")))
    new = reply({}, (("X-Odd", "2"), ("Date", "2")))
    assert [d.path for d in compare(old, new, rules)] == ["header.x-odd"]


@pytest.mark.parametrize(
    ("paths", "old", "new", "expected"),
    [
        (["$.meta.took_ms"], {"meta": {"took_ms": 1}}, {"meta": {"took_ms": 2}}, []),
        (["$.meta"], {"meta": {"took_ms": 1}}, {"meta": {"took_ms": 2}}, []),
        (["$.users[*].seen"], {"users": [{"seen": 1}, {"seen": 2}]}, {"users": [{"seen": 3}, {"seen": 4}]}, []),
        (["$[1]"], [1, 2, 3], [1, 9, 3], []),
        (["$..nonce"], {"a": [{"nonce": 1, "b": {"nonce": 2}}]}, {"a": [{"nonce": 3, "b": {"nonce": 4}}]}, []),
        (["$.*.id"], {"a": {"id": 1, "n": 1}}, {"a": {"id": 2, "n": 2}}, ["$.a.n"]),
        (['$["odd name"]'], {"odd name": 1}, {"odd name": 2}, []),
        (["$.users[*].seen"], [{"seen": 1}], [{"seen": 2}], ["$[0].seen"]),
        (["$[*].at"], [{"at": 1, "n": "a"}, {"at": 2, "n": "b"}], [{"at": 3, "n": "b"}, {"at": 4, "n": "a"}], ["$"]),
    ],
)
def test_ignored_paths_are_left_out(paths: list[str], old: object, new: object, expected: list[str]) -> None:
    assert [path for path, _ in found(old, new, ignore_paths=paths)] == expected


def test_ignored_parts_of_a_page_are_left_out() -> None:
    old, new = b"<p>a</p><ul><li>1<li>2</ul>", b"<p>b</p><ul><li>1<li>3</ul>"
    assert found(old, new, HTML, ignore_paths=["html/body/ul"]) == [("html/body/p/text()", "value")]
    assert found(old, new, HTML, ignore_paths=["html/body/ul/li[*]", "html/body/p"]) == []


def test_long_lists_are_aligned_in_time() -> None:
    old = [{"id": i, "v": i % 7} for i in range(100_000)]
    shuffled = old[1::2] + old[::2]
    began = time.process_time()
    assert found(old, old[:50_000] + old[50_001:]) == [("$[50000]", "missing")]
    assert found(old, shuffled) == [("$", "order")]
    assert len(found([i * 2 for i in range(50_000)], [i * 3 for i in range(40_000)])) > 1
    assert time.process_time() - began < 20


def test_documents_with_nothing_in_common_end_in_a_bounded_list() -> None:
    differences = found({f"k{i}": i for i in range(5_000)}, {f"k{i}": -i - 1 for i in range(5_000)})
    assert len(differences) == 501
    assert differences[-1] == ("$", "more")


def test_deeply_nested_documents_are_compared() -> None:
    old, new = (b"[" * 500 + leaf + b"]" * 500 for leaf in (b"1", b"2"))
    assert [kind for _, kind in found(old, new)] == ["value"]
    old, new = (b"[" * 5_000 + leaf + b"]" * 5_000 for leaf in (b"1", b"2"))
    assert found(old, new) == [("text", "text")]


scalars = st.none() | st.booleans() | st.text(max_size=4) | st.integers(-9, 9).map(lambda n: str(n).encode())
values = st.recursive(scalars, lambda x: st.lists(x, max_size=6) | st.dictionaries(st.text(max_size=3), x, max_size=5))
rows = st.lists(
    st.fixed_dictionaries({"id": st.integers(0, 99).map(lambda n: str(n).encode()), "v": scalars}),
    max_size=12,
    unique_by=lambda row: row["id"],
)


@given(values)
def test_a_value_does_not_differ_from_itself(value: Any) -> None:
    assert walk("$", value, copy.deepcopy(value)) == []


@given(values, values)
def test_values_differ_exactly_when_they_are_unequal(a: Any, b: Any) -> None:
    assert bool(walk("$", a, b)) == (a != b)


@given(values, st.data())
def test_one_planted_change_is_one_difference(value: Any, data: st.DataObject) -> None:
    places = list(_scalar_places(value))
    assume(places)
    planted = copy.deepcopy(value)
    place = data.draw(st.sampled_from(places))
    _plant(planted, place, "planted, and nowhere else")
    assert len(walk("$", value, planted)) == 1


def _scalar_places(value: Any, at: tuple[Any, ...] = ()) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        if isinstance(child, dict | list):
            yield from _scalar_places(child, (*at, key))
        else:
            yield (*at, key)


def _plant(value: Any, place: tuple[Any, ...], planted: object) -> None:
    for key in place[:-1]:
        value = value[key]
    value[place[-1]] = planted


@given(st.lists(values, min_size=2, max_size=8) | rows, st.randoms())
def test_a_permuted_list_differs_in_order_alone(items: list[Any], random: Any) -> None:
    permuted = list(items)
    random.shuffle(permuted)
    assume(permuted != items)
    assert [d.kind for d in walk("$", items, permuted)] == ["order"]


@given(st.lists(values, min_size=1, max_size=8) | rows.filter(bool), st.data())
def test_a_removed_row_is_one_missing_row(items: list[Any], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(items) - 1))
    shorter = items[:index] + items[index + 1 :]
    assert [d.kind for d in walk("$", items, shorter)] == ["missing"]
    assert [d.kind for d in walk("$", shorter, items)] == ["extra"]


plain = st.recursive(
    st.none() | st.text(max_size=3) | st.integers(-2, 2) | st.sampled_from([0.5, 1.0, 1e20, 10**30]),
    lambda x: st.lists(x, max_size=5) | st.dictionaries(st.text("ab", max_size=2), x, max_size=4),
)


@given(plain, plain)
@example([0.5], [None, 0])
def test_both_ways_of_lifting_json_find_the_same(old: Any, new: Any) -> None:
    bodies = [Body(json.dumps(value).encode(), "application/json", "") for value in (old, new)]
    fast = walk("$", *(lifted.value for lifted in lift_both(*bodies)))
    exact = walk("$", *(lift_body(body).value for body in bodies))
    assert [(d.path, d.kind) for d in fast] == [(d.path, d.kind) for d in exact]


texts = st.text("abc", min_size=1, max_size=3)
attributes = st.dictionaries(st.sampled_from(["id", "class", "x"]), texts)


def element(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(st.sampled_from("pqr"), attributes, st.lists(inner | texts, max_size=4))


elements = element(st.recursive(texts, element))


@given(elements, elements)
def test_elements_differ_exactly_when_they_are_unequal(a: Any, b: Any) -> None:
    assert walk("", a, copy.deepcopy(a)) == []
    assert bool(walk("", a, b)) == (a != b)
