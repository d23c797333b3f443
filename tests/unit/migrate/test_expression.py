"""What servers print differently and mean the same reads the same; what they mean differently doesn't."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.migrate.verify.expression import canonical
from understudy.migrate.verify.tokens import literals_read

SAME = [
    # MySQL 5.6, MySQL 9.7, MariaDB 10.5: as they print it
    ("(`t`.`a` and (`t`.`b` > (1.5 + (2 * 3))))", "((0 <> `t`.`a`) and (`t`.`b` > (1.5 + (2 * 3))))",
     "`t`.`a` <> 0 and `t`.`b` > 1.5 + 2 * 3"),
    ("isnull(`a`)", "(`a` is null)", "`a` is null"),
    ("(not(`a`))", "(0 = `a`)", "`a` = 0"),
    ("(not((`a` like 'x%')))", "(not((`a` like 'x%')))", "`a`  not like 'x%'"),
    ("(not(exists(select 1 from `t`)))", "(not exists(select 1 from `t`))", "!exists(select 1 from `t` limit 1)"),
    ("(`a` regexp '^a')", "regexp_like(`a`,'^a')", "`a` regexp '^a'"),
    ("ucase(`a`)", "upper(`a`)", "ucase(`a`)"),
    ("(now() - interval 1 day)", "(now() - interval 1 day)", "current_timestamp() - interval 1 day"),
    ("(`a` % 2)", "(`a` % 2)", "`a` MOD 2"),
    ("(`a` is not true)", "((0 <> `a`) is not true)", "`a` is not true"),
    ("(case when (`a` = 1) then 'y' when isnull(`a`) then 'n' else 'x' end)",
     "(case when (`a` = 1) then 'y' when (`a` is null) then 'n' else 'x' end)",
     "case when `a` = 1 then 'y' when `a` is null then 'n' else 'x' end"),
    ("YEAR(at)", "year(`at`)", "year(`at`)"),
    ("-(1)", "-(1)", "-1"),
    ("cast(`a` as char charset utf8)", "cast(`a` as char charset utf8mb3)", "cast(`a` as char charset utf8mb3)"),
    ("(`a` collate utf8_bin)", "(`a` collate utf8mb3_bin)", "`a` collate utf8_bin"),
    ("if(`a`,1,2)", "if((0 <> `a`),1,2)", "if(`a` <> 0,1,2)"),
    ("concat('it''s','\\n')", "concat(_utf8mb4'it\\'s',_utf8mb4'\\n')", "concat('it\\'s','\\n')"),
    ("((`a` between 1 and 2) or (`b` = 1))", "((`a` between 1 and 2) or (`b` = 1))", "`a` between 1 and 2 or `b` = 1"),
    ("group_concat(distinct `a` order by `a` ASC separator ';')",
     "group_concat(distinct `a` order by `a` separator ';')",
     "group_concat(distinct `a` order by `a` ASC separator ';')"),
    ("select `a` from ((`t` `x` left join `u` on((`x`.`a` = `u`.`a`))) join `v`)"
     " where ((`a` > 1) and (`b` < 2) and `c`)",
     "select `a` from ((`t` `x` left join `u` on((`x`.`a` = `u`.`a`))) join `v`)"
     " where ((`a` > 1) and (`b` < 2) and (0 <> `c`))",
     "select `a` from ((`t` `x` left join `u` on(`x`.`a` = `u`.`a`)) join `v`) where `a` > 1 and `b` < 2 and `c` <> 0"),
    ("select 1 from (`a` join (`b` join `c` on((`x` = `y`))))", "select 1 from `a` join (`b` join `c` on((`x` = `y`)))",
     "select 1 from (`a` join (`b` join `c` on(`x` = `y`)))"),
]  # fmt: skip

DIFFERENT = [
    ("(a + b) * c", "a + b * c"),
    ("a - (b - c)", "a - b - c"),
    ("a or b and c", "(a or b) and c"),
    ("not (a and b)", "(not a) and b"),
    ("a = 1", "a = '1'"),
    ("'a'", "'A'"),
    ("a <> 0", "a = 0"),
    ("select a <> 0 from t", "select a from t"),
    ("a not in (1, 2)", "a in (1, 2)"),
    ("a is null", "a is not null"),
    ("a like 'x'", "a like 'x' escape '|'"),
    ("select a from t union select b from t", "select a from t union all select b from t"),
    ("select a from t order by a", "select a from t order by a desc"),
    ("select a from t left join u on a = b", "select a from t join u on a = b"),
    ("convert(a using utf8)", "convert(a using utf8mb4)"),
    ("a between 1 and 2", "a between 2 and 1"),
    ("'a;b'", "'a; b'"),
    ("select 1 from a left join (b join c on x) on y", "select 1 from a left join b join c on x on y"),
    ("select 1 from (select a from b join c) x", "select 1 from select a from b join c x"),
]


@pytest.mark.parametrize("printed", SAME, ids=lambda printed: printed[1][:40])
def test_what_three_servers_print_for_one_expression_reads_the_same(printed: tuple[str, ...]) -> None:
    assert len({canonical(text) for text in printed}) == 1, [canonical(text) for text in printed]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_means_something_else_reads_differently(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


def test_a_text_that_is_not_understood_stands_for_itself_but_for_its_blanks() -> None:
    assert canonical("select ¿ from\n  t ((") == "select ¿ from t (("


def test_names_keep_their_backticks_only_where_they_need_them() -> None:
    assert canonical("`a b`.`c` + `日本`") == "(`a b`.c + 日本)"


def test_literals_in_a_body_are_read_and_nothing_else_is() -> None:
    assert literals_read("BEGIN SELECT 'it''s', 'a\\'b', `x''y`; END") == "BEGIN SELECT 'it's', 'a'b', `x''y`; END"


SIGNS = {"or": 1, "and": 2, "=": 3, "+": 4, "-": 4, "*": 5, "/": 5}
Tree = str | tuple["Tree", str, "Tree"]
TREES: st.SearchStrategy[Tree] = st.recursive(
    st.sampled_from(["a", "b", "`c d`", "1", "'x'"]),
    lambda inner: st.tuples(inner, st.sampled_from(sorted(SIGNS)), inner),
    max_leaves=12,
)


def all_parentheses(tree: Tree) -> str:
    if isinstance(tree, str):
        return tree
    return f"({all_parentheses(tree[0])} {tree[1]} {all_parentheses(tree[2])})"


def few_parentheses(tree: Tree, outside: int = 0, right: bool = False) -> str:
    if isinstance(tree, str):
        return tree
    left, sign, other = tree
    strength = SIGNS[sign]
    text = f"{few_parentheses(left, strength)} {sign} {few_parentheses(other, strength, right=True)}"
    return f"({text})" if strength < outside or (strength == outside and right) else text


@given(TREES)
def test_needless_parentheses_change_nothing(tree: Tree) -> None:
    assert canonical(few_parentheses(tree)) == canonical(all_parentheses(tree))


@given(TREES)
def test_a_canonical_text_is_its_own_canonical_text(tree: Tree) -> None:
    assert canonical(canonical(all_parentheses(tree))) == canonical(all_parentheses(tree))
