"""What verify thinks: suspects, pace, what holds it, what a row's number is made of, what comes of it all."""

from __future__ import annotations

import re
import zlib
from io import StringIO
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from understudy.migrate.dialects import Dialect
from understudy.migrate.facts import Channel, Server
from understudy.migrate.topology import grow
from understudy.migrate.verify import catalogue, folding, hashing, progress, reporting
from understudy.migrate.verify.finding import Finding, Kind
from understudy.migrate.verify.guard import held
from understudy.migrate.verify.moments import Hop, descent, wait_for
from understudy.migrate.verify.options import Outcome, Result, Side, TableOutcome
from understudy.migrate.verify.pace import FEWEST, FIRST, LEAP, Pace
from understudy.migrate.verify.pairs import paired
from understudy.migrate.verify.run import PatternError, Run, require_any
from understudy.migrate.verify.state import TableState
from understudy.migrate.verify.suspects import Suspect, Verdict
from understudy.migrate.verify.tables import Column, Key, Table, match
from understudy.migrate.versions import Version

UNDECIDED, AGREES, DIFFERS = Verdict.UNDECIDED, Verdict.AGREES, Verdict.DIFFERS


@pytest.mark.parametrize(
    ("first", "looks", "verdicts"),
    [
        ((1, 2), [(1, 2, 1), (1, 2, 1)], [UNDECIDED, DIFFERS]),  # still on both sides, twice
        ((1, 2), [(2, 2, 2)], [AGREES]),  # the first sight was a race
        ((1, 2), [(3, 1, 4)], [AGREES]),  # the new side shows what the old one had
        ((1, None), [(1, None, 1), (1, 1, 1)], [UNDECIDED, AGREES]),  # it had not arrived
        ((None, 5), [(None, 5, None), (None, 5, None)], [UNDECIDED, DIFFERS]),  # an extra row
        ((1, 9), [(2, 8, 3), (4, 7, 5), (6, 10, 11)], [UNDECIDED, UNDECIDED, UNDECIDED]),  # it never holds still
        ((1, 9), [(2, 8, 2), (3, 8, 3), (3, 8, 3)], [UNDECIDED, UNDECIDED, DIFFERS]),  # two looks that are alike
        ((1, 9), [(2, 8, 2), (2, 8, 3), (2, 8, 2), (2, 8, 2)], [UNDECIDED, UNDECIDED, UNDECIDED, DIFFERS]),
    ],
)
def test_a_suspect_is_judged_by_what_is_seen(
    first: tuple[int, int], looks: list[tuple[int, int, int]], verdicts: list[Verdict]
) -> None:
    suspect = Suspect(*first)
    assert [suspect.look(*look) for look in looks] == verdicts


@given(values=st.lists(st.integers(), min_size=1, max_size=30), lags=st.data())
def test_a_row_whose_copy_only_lags_never_differs(values: list[int], lags: st.DataObject) -> None:
    """The new side shows, at each look, some state that the old one was in between the look's two ends."""
    at = 0
    suspect = Suspect(values[0], lags.draw(st.one_of(st.none(), st.sampled_from(values))))
    for _ in range(5):
        before = lags.draw(st.integers(at, len(values) - 1))
        at = lags.draw(st.integers(before, len(values) - 1))
        seen = lags.draw(st.integers(before, at))
        verdict = suspect.look(values[before], values[seen], values[at])
        assert verdict is not DIFFERS or values[before] != values[seen]
        if values[before] == values[at] == values[seen]:
            assert verdict is AGREES
        if verdict is not UNDECIDED:
            return


def test_chunks_grow_to_the_time_wanted_and_shrink_where_they_are_touched() -> None:
    pace = Pace(0.5)
    assert pace.rows == FIRST
    pace.took(FIRST, 0.01, equal=True)
    assert pace.rows == FIRST * LEAP
    pace.took(pace.rows, 1.0, equal=True)
    assert pace.rows == FIRST * LEAP // 2
    before = pace.rows
    pace.took(before, 0.5, equal=False)
    assert pace.rows == before // 2
    for _ in range(40):
        pace.took(pace.rows, 10.0, equal=False)
    assert pace.rows == FEWEST


@pytest.mark.parametrize(
    ("lags", "running", "why"),
    [
        ({"r:1": 0.0}, 3, ""),
        ({"r:1": 6.0}, 3, "r:1 lags 6 s"),
        ({"r:1": 0.0, "r:2": None}, 3, "r:2 does not replicate"),
        ({}, 26, "26 threads run on the old side"),
        ({}, None, "the old side does not answer"),
    ],
)
def test_it_says_what_holds_it(lags: dict[str, float | None], running: int | None, why: str) -> None:
    assert held(lags, running, 5.0, 25) == why


def crc(text: bytes) -> int:
    return zlib.crc32(text)


def test_crc32_alone_is_blind_to_a_swap_and_the_product_is_not() -> None:
    rows, swapped = [b"1,aaaa", b"2,bbbb"], [b"1,bbbb", b"2,aaaa"]
    assert crc(rows[0]) ^ crc(rows[1]) == crc(swapped[0]) ^ crc(swapped[1])

    def number(key: int, value: bytes) -> int:
        x = (key * 11_111_111 + crc(value) * 13_131_313) % hashing.P
        return x * (1 + key * 14_141_417 % hashing.Q)

    assert number(1, b"aaaa") ^ number(2, b"bbbb") != number(1, b"bbbb") ^ number(2, b"aaaa")


def test_no_sum_leaves_64_bits_whatever_the_number_of_columns() -> None:
    largest = (1 << 32) + (1 << 24)
    for columns in (1, 60, 61, 4096):
        terms = [hashing.Term("c", (str(largest),), (str(largest),))] * columns
        expression = hashing.row(terms, (), thorough=True).replace(" % ", " % ")
        assert 0 < eval(expression) < 1 << 64
        groups = hashing._sum("a", [str(largest)] * columns).split("%")
        assert all(eval(group.strip("( ").rsplit(")")[0]) < 1 << 64 for group in groups[:1])


def column(name: str, sort: str, charset: str = "", **more: object) -> Column:
    return Column(name, sort, f"{charset}_bin" if charset else "", charset, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (column("c", "varchar(9)", "latin1"), column("c", "varchar(9)", "latin1"), "CRC32(`c`)"),
        (column("c", "text", "utf8"), column("c", "text", "utf8mb4"), "CRC32(`c`)"),
        (column("c", "char(9)", "latin1"), column("c", "char(9)", "utf8mb4"), "CRC32(CONVERT(`c` USING utf8mb4))"),
        (column("c", "point"), column("c", "point"), "CRC32(`c`)"),
        (column("c", "enum('a')", "utf8"), column("c", "enum('a','b')", "utf8mb4"), "CRC32(`c`)"),
    ],
)
def test_text_is_converted_only_where_the_charsets_differ(old: Column, new: Column, expected: str) -> None:
    assert expected in hashing.terms(old, new)[0].numbers[0]


def test_columns_that_store_nothing_or_cannot_be_compared_are_left_out_and_said() -> None:
    key = (Key("PRIMARY", ("id",)),)
    old = Table(
        "s",
        "t",
        (column("id", "int"), column("v", "int", generated="virtual"), column("j", "json"), column("x", "int")),
        key,
    )
    new = Table(
        "s", "t", (column("ID", "int"), column("v", "int", generated="virtual"), column("j", "text", "utf8")), key
    )
    pair = paired(old, new, thorough=False)
    assert [term.column for term in pair.old.terms] == ["id"]
    assert [term.column for term in pair.new.terms] == ["ID"]
    assert pair.left_out == ("j: json can't be compared with text", "x: only the old side has it")


def test_tables_are_matched_by_name_and_without_case_where_a_server_has_none() -> None:
    old, new = [Table("S", "Orders", ())], [Table("s", "orders", ()), Table("s", "b", ())]
    assert match(old, new, folded=False).both == ()
    folded = match(old, new, folded=True)
    assert [(one.name, other.name) for one, other in folded.both] == [("Orders", "orders")]
    assert [table.name for table in folded.extra] == ["b"]


def test_names_that_one_side_keeps_apart_stay_apart_so_that_neither_hides_the_other() -> None:
    old = [Table("shop", "Orders", ()), Table("shop", "orders", ()), Table("shop", "Items", ())]
    new = [Table("shop", "orders", ()), Table("shop", "items", ())]
    matched = match(old, new, folded=True)
    assert [(one.name, other.name) for one, other in matched.both] == [("orders", "orders"), ("Items", "items")]
    assert [table.name for table in matched.missing] == ["Orders"]


@pytest.mark.parametrize(
    ("sql", "folded"),
    [
        ("select `T`.`A` AS `A`,'It''s \\' X' from `S`.`T`", "select `t`.`a` as `a`,'It''s \\' X' from `s`.`t`"),
        ("nextval(`Shop`.`It's`)", "nextval(`shop`.`it's`)"),
        ("'ABC'", "'ABC'"),
        ("", ""),
        ("A ' B", "a ' b"),
    ],
)
def test_sql_is_folded_but_for_its_literals(sql: str, folded: str) -> None:
    assert folding.text(sql) == folded


STATE = TableState("s.t", "d", cut=True, rows=5)
PLAIN = paired(Table("s", "t", ()), Table("s", "t", ()), thorough=False)


@pytest.mark.parametrize(
    ("state", "is_left", "trouble", "result"),
    [
        (STATE, False, "", Result.EQUAL),
        (STATE, True, "", Result.UNDECIDED),
        (STATE, True, "it is gone", Result.UNDECIDED),
        (TableState("s.t", "d", undecided=1), False, "", Result.UNDECIDED),
        (TableState("s.t", "d", differing=1, undecided=1), True, "", Result.DIFFERENT),
        (TableState("s.t", "d", unsearched=1), False, "", Result.DIFFERENT),
    ],
)
def test_a_table_is_equal_only_when_all_of_it_was_seen_equal(
    state: TableState, is_left: bool, trouble: str, result: Result
) -> None:
    assert reporting.table_outcome(PLAIN, state, is_left, trouble).result is result


def test_a_run_is_as_bad_as_the_worst_in_it_and_a_note_is_nothing_bad() -> None:
    equal, note = TableOutcome("s.t", Result.EQUAL), Finding(Kind.USER, "u", "found", note=True)
    assert reporting.overall([equal], [note], []) is Result.EQUAL
    assert reporting.overall([equal], [], ["it was ended"]) is Result.UNDECIDED
    assert reporting.overall([equal], [Finding(Kind.GRANT, "u", "found")], ["it was ended"]) is Result.DIFFERENT


def outcome(**more: object) -> Outcome:
    side = Side("h:1")
    return Outcome(Result.EQUAL, side, side, 0, 1, "", "", False, False, 5, 5.0, 1.0, **more)  # type: ignore[arg-type]


def test_a_report_that_was_edited_has_another_digest() -> None:
    one = reporting.sealed(outcome())
    assert reporting.sealed(one) == one
    assert reporting.sealed(outcome(why=("x",))).digest != one.digest


def test_the_end_of_a_run_in_words_lists_some_rows_and_counts_the_rest() -> None:
    found = tuple(Finding(Kind.EXTRA_ROW, "s.t", "only the new side has it", {"id": str(n)}) for n in range(5))
    table = TableOutcome("s.t", Result.DIFFERENT, 100, 1, differing=9)
    said = list(reporting.words(outcome(tables=(table,), findings=found), shown=2))
    assert said[0] == "s.t: different; 100 rows; 9 rows differ"
    assert said[1:4] == [
        "extra-row: s.t [id = 0]: only the new side has it",
        "extra-row: s.t [id = 1]: only the new side has it",
        "s.t: 7 rows more differ",
    ]


@pytest.mark.parametrize(
    ("ignore", "ignored", "said"),
    [
        ((), (), []),
        (("tmp.*",), (), ["no table (tmp.*)"]),
        (("c.*", "*.log"), ("c.a", "d.log"), ["c.a, d.log (c.*, *.log)"]),
        (("c.*",), tuple(f"c.{name}" for name in "abcdefg"), ["c.a, c.b, c.c, c.d, c.e and 2 more (c.*)"]),
    ],
)
def test_what_was_ignored_is_said(ignore: tuple[str, ...], ignored: tuple[str, ...], said: list[str]) -> None:
    lines = list(reporting.words(outcome(ignore=ignore, ignored=ignored), shown=2))
    head = "ignored, as [migrate.verify] says, their rows were not compared: "
    assert [line.removeprefix(head) for line in lines if line.startswith("ignored")] == said


def test_the_way_between_two_servers_goes_through_what_both_come_from() -> None:
    def server(name: str, source: str = "") -> Server:
        version = Version.parse("8.4.1")
        return Server(name, version, channels=(Channel(source, receiving=True, applying=True),) if source else ())

    tree = grow([server("a:1"), server("b:1", "a:1"), server("c:1", "b:1"), server("d:1", "a:1"), server("z:1")])
    down = descent(tree, "a:1", "c:1")
    assert (down.top, down.old, down.new) == ("a:1", (), (Hop("b:1"), Hop("c:1")))
    across = descent(tree, "d:1", "c:1")
    assert (across.top, across.old) == ("a:1", (Hop("d:1"),))
    assert descent(tree, "a:1", "z:1").top == ""


def test_a_named_channel_is_waited_for_by_name() -> None:
    assert wait_for(Dialect(Version.parse("8.4.1")), "it's") == "SELECT SOURCE_POS_WAIT(%s, %s, %s, 'it''s')"


@pytest.mark.parametrize(
    ("patterns", "conditions"),
    [
        ([], [""]),
        (["shop.*"], [" AND TABLE_SCHEMA = 'shop'"]),
        (["shop.orders"], [" AND TABLE_SCHEMA = 'shop' AND TABLE_NAME = 'orders'"]),
        (["shop.orders", "shop.*", "it's.a?"], [" AND TABLE_SCHEMA = 'shop'", " AND TABLE_SCHEMA = 'it''s'"]),
        (["shop*.orders"], [""]),  # which databases is not said
        (["shop.*", "*.audit"], [""]),
        (["a.b.c"], [""]),  # where the database's name ends is not said
        (["shop"], [""]),
        ([f"tenant_{number}.*" for number in range(21)], [""]),  # so many questions cost more than one
    ],
)
def test_databases_that_patterns_name_are_asked_for_alone(patterns: list[str], conditions: list[str]) -> None:
    assert catalogue.places(patterns) == conditions


@pytest.mark.parametrize(
    ("table", "patterns", "is_like"),
    [
        (("shop", "orders"), [], False),
        (("shop", "orders"), ["shop.*"], True),
        (("shop", "orders"), ["crm.*", "*.orders"], True),
        (("shop.eu", "orders"), ["shop.*"], False),
        (("shop.eu", "orders"), ["shop.eu.*"], True),
        (("shop", "Orders"), ["shop.orders"], False),
    ],
)
def test_patterns_name_tables(table: tuple[str, str], patterns: list[str], is_like: bool) -> None:
    assert catalogue.is_like(*table, patterns) is is_like


def test_patterns_name_tables_of_any_case_where_a_server_knows_none() -> None:
    assert catalogue.is_like("Shop", "Orders", ["shop.oRDERS"], folded=True)
    require_any(["SHOP.*"], [Table("shop", "orders", ())], [], folded=True)


def test_a_pattern_that_names_no_table_is_an_error_and_not_an_empty_run_that_is_equal() -> None:
    orders = Table("shop", "orders", ())
    require_any(["shop.*", "*.orders", "empty.*"], [orders], ["shop", "empty"])
    with pytest.raises(PatternError, match=r"--table shop\.ordres: neither side") as raised:
        require_any(["shop.orders", "shop.ordres"], [orders], ["shop"])
    assert raised.value.exit_code == 2


def test_the_first_chunk_of_long_rows_is_short_and_chunks_of_them_may_stay_so() -> None:
    pace = Pace(0.5, row_bytes=16 << 20)
    assert pace.rows == 2
    pace.took(2, 8.0, equal=True)
    assert pace.rows == 2
    pace.took(2, 0.01, equal=True)
    assert pace.rows == 2 * LEAP
    assert Pace(0.5, row_bytes=1 << 40).rows == 1


def test_a_row_that_was_held_while_it_was_looked_at_needs_one_look() -> None:
    assert Suspect(1, 9).held(2, 8) is DIFFERS
    assert Suspect(1, 9).held(2, 1) is AGREES
    assert Suspect(None, 9).held(None, 8) is UNDECIDED, "no lock holds what is not there"


class Looked:
    """A thread that lives for so many looks."""

    def __init__(self, looks: int) -> None:
        self._left = looks

    def is_alive(self) -> bool:
        """Whether looks are left."""
        self._left -= 1
        return self._left >= 0


def test_progress_keeps_to_80_columns_and_says_first_what_holds_it() -> None:
    out = StringIO()
    guard = SimpleNamespace(why="new-replica-1.example:3306 lags 61.5 s", lag_s=61.5)
    tally = SimpleNamespace(rows=4_712_345_678, table="a_rather_long_name.of_a_table_in_it", chunk_s=0.51)
    run = SimpleNamespace(
        pairs=[SimpleNamespace(rows=9_000_000_000)] * 2,
        tally=tally,
        guard=guard,
        rechecker=None,
        share=SimpleNamespace(share=0.25),
    )
    progress.follow(cast(Run, run), Looked(2), Console(file=out, width=80, force_terminal=True, color_system=None))
    lines = re.sub(r"\x1b\[[0-9?;]*[A-Za-z]", "", out.getvalue()).replace("\r", "\n").split("\n")
    assert max(map(len, lines)) <= 80
    assert any("held: new-replica-1.example:3306" in line for line in lines)
    assert progress.what(cast(Run, run)).startswith(
        "held: new-replica-1.example:3306 lags 61.5 s · 4.7G rows · 2 tables"
    )


@pytest.mark.parametrize(
    ("rows", "text"), [(0, "0"), (999, "999"), (1_000, "1.0k"), (150_000, "150k"), (4_712_345_678, "4.7G")]
)
def test_many_rows_are_told_in_few_characters(rows: int, text: str) -> None:
    assert progress.short(rows) == text
