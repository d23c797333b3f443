"""SQL as tokens: what is code and what is a string, a name or a comment, under each sql_mode and for each server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.migrate.checks.tokens import Sort, skeleton, tokens, words
from understudy.migrate.versions import Version

V5_6, V9_7 = Version.parse("5.6.24"), Version.parse("9.7.4")
MARIA = Version.parse("11.8.6-MariaDB")
PIECES = st.sampled_from(
    ["'", '"', "`", "\\", "/*", "*/", "/*!", "/*!50100 ", "/*M!100100 ", "--", "-- ", "#", "\n", " ", "\\N", "@", "@@",
     "x'",
     "0x", "1e5", ".", "a", "SELECT", "ü", "->>", ":=", "$", "%", "\0", "('", "),(", "1"]
)  # fmt: skip
SQL = st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join))
MODES = st.sampled_from(["", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES", "ANSI"])


@given(SQL, st.sampled_from([None, V5_6, V9_7, MARIA]), MODES)
def test_tokens_joined_are_the_text_that_came_whatever_it_is(sql: str, reader: Version | None, mode: str) -> None:
    found = tokens(sql, reader, mode)
    assert "".join(token.text for token in found) == sql
    assert all(token.text for token in found)
    skeleton(found)
    list(words(found))


@given(st.text(), MODES)
def test_what_is_quoted_is_never_shown(secret: str, mode: str) -> None:
    inside = secret.replace("\\", "\\\\") if "NO_BACKSLASH" not in mode else secret
    sql = f"SET PASSWORD = '{inside.replace(chr(39), chr(39) * 2)}'"
    assert skeleton(tokens(sql, None, mode)) == "SET PASSWORD = ''"


@given(st.text(alphabet="abc' \"`\\", max_size=20))
def test_what_a_bound_has_cut_amid_a_string_is_not_shown_either(rest: str) -> None:
    sql = "GRANT ALL ON *.* TO u IDENTIFIED BY 'sesame" + rest
    assert "sesame" not in skeleton(tokens(sql))


@pytest.mark.parametrize(
    ("sql", "mode", "told"),
    [
        ("SELECT 'it''s', 'it\\'s', \"a\"\"b\"", "", "SELECT '' , '' , ''"),
        ('SELECT "a"', "ANSI_QUOTES", "SELECT `_`"),
        (r"SELECT 'a\', b", "NO_BACKSLASH_ESCAPES", "SELECT '' , b"),
        ("SELECT `a``b`.`c` FROM `t`", "", "SELECT `_` . `_` FROM `_`"),
        ("SELECT 1 -- MD5(1)\n, 2 # PASSWORD('x')\n+ 3 /* X(1) */", "", "SELECT 0 , 0 + 0"),
        ("SELECT 1--1", "", "SELECT 0 - - 0"),
        (
            "SELECT x'4D', N'n', _utf8'x', 0x4D, 1.5e-3, .5, 1a, a1",
            "",
            "SELECT '' , '' , _utf8 '' , 0 , 0 , 0 , 1a , a1",
        ),
        ("SELECT @a, @'b c', @@session.tx_isolation, u@h", "", "SELECT @a , @_ , @@session.tx_isolation , u @h"),
        (r"SELECT \N, c->'$.a', c->>'$.b', a||b", "", r"SELECT \N , c -> '' , c ->> '' , a || b"),
        ("INSERT INTO t VALUES (1,'a'), (-2, NULL) , (3,'c')", "", "INSERT INTO t VALUES ( 0 , '' )"),
        ("", "", ""),
        ("SELECT 'open", "", "SELECT ''"),
        ("SELECT `open", "", "SELECT `_`"),
        ("SELECT 1 /* open", "", "SELECT 0"),
    ],
)
def test_a_skeleton_has_the_words_and_none_of_the_values(sql: str, mode: str, told: str) -> None:
    assert skeleton(tokens(sql, V9_7, mode)) == told


@pytest.mark.parametrize(
    ("sql", "reader", "told"),
    [
        ("SELECT 1 /*!50701 , a */ , b", V5_6, "SELECT 0 , b"),
        ("SELECT 1 /*!50701 , a */ , b", V9_7, "SELECT 0 , a , b"),
        ("SELECT 1 /*!50701 , a */ , b", MARIA, "SELECT 0 , b"),
        ("SELECT 1 /*!50600 , a */ , b", MARIA, "SELECT 0 , a , b"),
        ("SELECT 1 /*M!100100 , a */ , b", MARIA, "SELECT 0 , a , b"),
        ("SELECT 1 /*M!100100 , a */ , b", V9_7, "SELECT 0 , b"),
        ("SELECT 1 /*! , a */ , b", V5_6, "SELECT 0 , a , b"),
        ("SELECT 1 /*!99999 , /* in */ a */ , b", V9_7, "SELECT 0 , b"),
        ("SELECT 1 /*!50100 , '*/' */ , b", V9_7, "SELECT 0 , '' , b"),
        ("SELECT 1 /*!99999 , a */ , b", None, "SELECT 0 , a , b"),
    ],
)
def test_a_versioned_comment_is_code_for_whom_it_is_meant(sql: str, reader: Version | None, told: str) -> None:
    assert skeleton(tokens(sql, reader)) == told


def test_words_know_what_stands_around_them() -> None:
    found = list(words(tokens("SELECT a.rank, `rank`, MD5 (x) FROM t")))
    assert [word.text for word in found] == ["SELECT", "A", "RANK", "MD5", "X", "FROM", "T"]
    assert (found[2].before, found[3].after) == (".", "(")


def test_a_statement_of_a_megabyte_of_values_is_cut_once_through() -> None:
    sql = "INSERT INTO t VALUES " + ",".join(f"({number},'it\\'s',NULL)" for number in range(20_000))
    assert skeleton(tokens(sql)) == "INSERT INTO t VALUES ( 0 , '' , NULL )"
    assert {token.sort for token in tokens("\\" * 1000 + "'" * 1001)} == {Sort.SIGN, Sort.TEXT}
