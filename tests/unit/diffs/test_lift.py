from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.diffs.lift import Lifted, lift

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"", JSON, Lifted("empty", None)),
        (b'{"a": 24.50}', JSON, Lifted("json", {"a": b"24.50"})),
        (b"[-0, 1E5, 1234567890123456789012]", JSON, Lifted("json", [b"-0", b"1E5", b"1234567890123456789012"])),
        (b"[true, 1, null]", JSON, Lifted("json", [True, b"1", None])),
        (b' {"a": 1}\n', "application/problem+json; charset=utf-8", Lifted("json", {"a": b"1"})),
        (b'\xef\xbb\xbf{"a": 1}', JSON, Lifted("json", {"a": b"1"})),
        (b'{"a": 1, "a": 2}', JSON, Lifted("json", {"a": b"2"})),
        (b'{"a": 1', JSON, Lifted("text", '{"a": 1')),
        (b"[NaN]", JSON, Lifted("text", "[NaN]")),
        (b'{"a": 1}\n{"a": 2}\n', "application/x-ndjson", Lifted("json", [{"a": b"1"}, {"a": b"2"}])),
        (b'{"a": 1}', "text/html", Lifted("json", {"a": b"1"})),
        (b'{"a": 1}', "", Lifted("json", {"a": b"1"})),
        (b"a=1&b=2&a=3&c=", FORM, Lifted("form", {"a": ["1", "3"], "b": ["2"], "c": [""]})),
        (b"plain", "text/plain", Lifted("text", "plain")),
        ("größe".encode("latin-1"), "text/plain; charset=ISO-8859-1", Lifted("text", "größe")),
        ("größe".encode("latin-1"), "text/plain; charset=utf-8", Lifted("binary", "größe".encode("latin-1"))),
        (b"x", "text/plain; charset=no-such", Lifted("text", "x")),
        (b"x", "text/plain; charset=hex", Lifted("text", "x")),
        (b"\x89PNG", "image/png", Lifted("binary", b"\x89PNG")),
        (b"--x\r\n", "multipart/form-data; boundary=x", Lifted("binary", b"--x\r\n")),
        (b"<a><b x='1'> t  u </b><!-- --></a>", "a/rss+xml", Lifted("xml", ("a", {}, [("b", {"x": "1"}, ["t u"])]))),
        (b"<a>", "text/xml", Lifted("text", "<a>")),
    ],
)  # fmt: skip
def test_a_body_becomes_a_value(body: bytes, content_type: str, expected: Lifted) -> None:
    assert lift(body, content_type) == expected


def test_strict_lifting_shows_repeated_keys() -> None:
    assert lift(b'[{"a": 1, "a": 2}]', JSON, strict=True) == Lifted("json", [[["a", b"1"], ["a", b"2"]]])


def test_a_page_becomes_the_tree_that_a_browser_builds() -> None:
    lifted = lift(b"<!doctype html><title>T</title><p>a <!-- no -->b<table><tr><td>1</table>", "text/html")
    assert lifted.form == "html"
    assert lifted.value == (
        "html",
        {},
        [
            ("head", {}, [("title", {}, ["T"])]),
            ("body", {}, [("p", {}, ["a b"]), ("table", {}, [("tbody", {}, [("tr", {}, [("td", {}, ["1"])])])])]),
        ],
    )


@pytest.mark.parametrize(
    ("page", "children"),
    [
        ("<p>a&nbsp;b", [("p", {}, ["a\xa0b"])]),
        ("<p> a \t\n\f\r b\u2003 ", [("p", {}, ["a b\u2003"])]),
        ("<p>\u3000</p>", [("p", {}, ["\u3000"])]),
        ("<p> \n </p>", [("p", {}, [])]),
        ("<textarea>a\r\n  b</textarea>", [("textarea", {}, ["a\n  b"])]),
        ("<textarea></textarea>", [("textarea", {}, [])]),
        ("<pre>\na  b <b> c\n</b></pre> d  e", [("pre", {}, ["a  b ", ("b", {}, [" c\n"])]), "d e"]),
        ("<div><template>x<p>a</p></template></div>", [("div", {}, [("template", {}, ["x", ("p", {}, ["a"])])])]),
        ("<div><template></template></div>", [("div", {}, [("template", {}, [])])]),
        (
            "<div><template><tr><td>a<template>b</template></template><template>c</template></div>",
            [
                ("div", {}, [
                    ("template", {}, [("tr", {}, [("td", {}, ["a", ("template", {}, ["b"])])])]),
                    ("template", {}, ["c"]),
                ])
            ],
        ),
    ],
)  # fmt: skip
def test_what_a_page_shows_is_all_there(page: str, children: list[object]) -> None:
    value = lift(f"<!doctype html><body>{page}".encode(), "text/html").value
    assert value[2][1][2] == children


def test_xml_keeps_the_white_space_that_is_no_layout() -> None:
    assert lift("<a> b\u3000 c\xa0</a>".encode(), "text/xml").value == ("a", {}, ["b\u3000 c\xa0"])


def test_templates_within_templates_are_bounded() -> None:
    assert lift(b"<template>" * 300 + b"a", "text/html").form == "html"
    assert lift(b"<template>" * 5_000 + b"a", "text/html").form == "text"


def test_a_page_with_a_bad_byte_is_still_a_page() -> None:
    assert lift(b"<p>gr\xf6\xdfe", "text/html; charset=utf-8").value[2][1][2] == [("p", {}, ["gr\\xf6\\xdfe"])]


def test_an_encoded_body_is_decoded_first() -> None:
    assert lift(gzip.compress(b"[1]"), JSON, "gzip") == Lifted("json", [b"1"])


def test_a_body_that_is_not_what_its_encoding_says_is_binary() -> None:
    assert lift(b"[1]", JSON, "gzip") == Lifted("binary", b"[1]")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"[" * 100_000 + b"]" * 100_000, JSON),
        (b"<div>" * 100_000, "text/html"),
        (b"<b>" * 9_000 + b"</b>" * 9_000, "text/html"),
        (b"<a>" * 2_000 + b"</a>" * 2_000, "text/xml"),
    ],
)
def test_what_nests_too_deeply_is_text(body: bytes, content_type: str) -> None:
    assert lift(body, content_type).form == "text"


def test_an_entity_bomb_is_text() -> None:
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10 if i else "x" * 100}">' for i in range(10))
    assert lift(f"<!DOCTYPE a [{entities}]><a>&e9;</a>".encode(), "text/xml").form == "text"


@given(
    st.binary(max_size=300),
    st.sampled_from([JSON, "text/html", "text/xml", FORM, "", "text/plain", "image/png", "application/x-ndjson"]),
    st.sampled_from(["", "gzip", "br", "deflate"]),
    st.booleans(),
)  # fmt: skip
def test_no_bytes_make_lifting_raise(body: bytes, content_type: str, coding: str, strict: bool) -> None:
    assert lift(body, content_type, coding, strict).form in ("empty", "json", "html", "xml", "text", "form", "binary")


def nested(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)


@given(st.recursive(st.none() | st.booleans() | st.text(max_size=5), nested))
def test_json_without_numbers_lifts_to_itself(value: object) -> None:
    assert lift(json.dumps(value).encode(), JSON).value == value


def test_a_page_with_very_many_empty_elements_is_a_page() -> None:
    assert lift(b"<p>" + b"a<br>" * 20_000, "text/html").form == "html"
