"""What copying decides of mydumper without a server: which tables, what it is told, what its files hold."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.config import Tls
from understudy.migrate.build import mydumper, mydumping, scratch
from understudy.migrate.build.copying import RoomError
from understudy.migrate.build.defaults import ProgramError
from understudy.migrate.build.inventory import Made, Table
from understudy.migrate.build.literals import Column
from understudy.migrate.logins import Login
from understudy.migrate.sqltext import Secret
from understudy.migrate.versions import Version


def table(name: str = "t", *kinds: str, schema: str = "shop", sql: str = "", versioned: bool = False) -> Table:
    columns = tuple(Column(f"c{number}", kind) for number, kind in enumerate(kinds or ("int",)))
    return Table(Made("TABLE", schema, name, sql), "InnoDB", columns, 1, 1, 1, versioned)


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        ("mydumper", True),
        ("/usr/bin/mydumper --verbose 3", True),
        ("docker exec -i db mydumper", True),
        ("mysqldump", False),
        ("docker exec -i mydumper-box mysqldump", False),
    ],
)
def test_mydumper_is_known_by_its_name_wherever_it_runs(command: str, meant: bool) -> None:
    assert mydumper.is_meant(command) == meant


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (table("t", "int", "varchar", "json", "bit", "point", "timestamp"), ""),
        (table("Plain_1-2$"), ""),
        (table("t", "float"), "six digits"),
        (table("t", "inet6"), "the bytes of inet6"),
        (table("w`eird"), "not quoted"),
        (table("a.b"), "not quoted"),
        (table("t", schema="größe"), "not quoted"),
        (table("t", sql="CREATE TABLE `t` (`c0` int /*!80023 INVISIBLE */)"), "invisible"),
        (table("t", versioned=True), "history"),
    ],
)
def test_what_mydumper_can_not_dump_exactly_is_left_to_us(one: Table, why: str) -> None:
    found = mydumper.why_not(one)
    assert why in found
    assert bool(found) == bool(why)


def test_a_table_whose_name_differs_by_case_from_one_that_is_left_out_is_left_to_us() -> None:
    tables = [table("orders"), table("Orders", "float"), table("views"), table("other")]
    assert mydumper.chosen(tables, [Made("VIEW", "shop", "Views", "")]) == [tables[3]]


def test_the_pattern_matches_plain_names_of_the_schemas_and_nothing_else() -> None:
    found = re.compile(mydumper.pattern([table(schema="a$b"), table(schema="shop")]).replace(r"\z", r"\Z"))
    assert found.search("shop.t")
    assert found.search("a$b.t-1")
    for other in ("mysql.user", "shop2.t", "xshop.t", "shop.w`eird", "shop.t\n", "a$bc.t"):
        assert not found.search(other), other
    with pytest.raises(ProgramError, match="schemas at once"):
        mydumper.pattern(table(schema=f"schema-{number:050}") for number in range(2000))


@pytest.mark.parametrize(
    ("tls", "encrypted", "said"),
    [
        (Tls(), False, []),
        (Tls(verify="none"), True, ["--ssl"]),
        (Tls(verify="ca", ca="/ca.pem"), True, ["--ssl", "--ca=/ca.pem"]),
        (Tls(ca="/ca.pem", verify="ca", minimum="1.0"), False, []),
        (Tls(verify="none", cert="/c", key="/k"), True, ["--ssl", "--cert=/c", "--key=/k"]),
    ],
)
def test_mydumper_speaks_tls_as_we_do(tls: Tls, encrypted: bool, said: list[str]) -> None:
    assert mydumper.tls_options(tls, encrypted=encrypted) == said


def test_the_password_stands_in_its_option_file_and_its_sessions_read_as_ours() -> None:
    text = mydumper.login_file("[::1]:3307", Login("me", Secret('pa"ss\\')), Version.parse("5.6.24"))
    assert 'password="pa\\"ss\\\\"' in text
    assert "SESSION sql_mode = ''" in text
    assert 'host="::1"\nport=3307' in text
    assert "database=information_schema" in text


FILE = (
    b"/*!40101 SET NAMES binary*/;\n/*!40103 SET TIME_ZONE='+00:00' */;\n"
    b'INSERT INTO `t` (`id`) VALUES\n(1,"\xe9;\\n"),\n(2,"INSERT INTO `t`");\nINSERT INTO `t` (`id`) VALUES\n(3,"");\n'
)


@given(st.lists(st.integers(1, len(FILE)), max_size=20))
def test_a_file_that_grows_gives_each_statement_once_when_it_is_whole(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    path = tmp_path_factory.mktemp("rows") / "shop.t.sql"
    path.touch()
    tail = mydumping.Tail(path, "`shop`.`t`")
    found: list[bytes] = []
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(FILE)], strict=True):
        with path.open("ab") as file:
            file.write(FILE[start:end])
        found += [sql for _, sql in tail.statements()]
    assert found == [
        b'INSERT INTO `shop`.`t` (`id`) VALUES\n(1,"\xe9;\\n"),\n(2,"INSERT INTO `t`")',
        b'INSERT INTO `shop`.`t` (`id`) VALUES\n(3,"")',
    ]
    assert not tail.held


def test_a_file_that_mydumper_removes_again_held_no_rows_and_one_that_was_begun_must_stay(tmp_path: Path) -> None:
    path = tmp_path / "shop.t.sql"
    tail = mydumping.Tail(path, "`shop`.`t`")
    assert list(tail.statements()) == []
    path.write_bytes(FILE)
    assert list(tail.statements())
    path.unlink()
    with pytest.raises(FileNotFoundError):
        list(tail.statements())


def test_a_folder_is_ours_alone_and_swept_only_when_nobody_holds_it(tmp_path: Path) -> None:
    with scratch.folder(tmp_path) as held:
        assert stat.S_IMODE(held.stat().st_mode) == 0o700
        left = tmp_path / f"{scratch.PREFIX}left"
        left.mkdir()
        (left / "held").touch()
        (tmp_path / f"{scratch.PREFIX}link").symlink_to("/")
        (tmp_path / "somebody-else-s").mkdir()
        assert scratch.sweep(tmp_path) == [left]
        assert held.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["somebody-else-s", f"{scratch.PREFIX}link"]


def test_a_dump_that_can_not_fit_is_refused_with_both_figures(tmp_path: Path) -> None:
    scratch.require_room(tmp_path, 1)
    with pytest.raises(RoomError, match=r"about 1024\.0 TiB are needed for the dump; .* free"):
        scratch.require_room(tmp_path, 1 << 50)
    with pytest.raises(ProgramError, match="no such folder"):
        scratch.place(str(tmp_path / "none"))


def test_a_password_that_a_killed_copy_left_is_removed_and_one_in_use_is_not(tmp_path: Path) -> None:
    with scratch.folder(tmp_path) as held:
        left = tmp_path / f"{scratch.PREFIX}left"
        left.mkdir()
        for path in (left / "held", left / mydumping.LOGIN, left / "source", held / mydumping.LOGIN):
            path.touch()
        mydumping.forget_logins(tmp_path)
        assert (held / mydumping.LOGIN).exists()
        assert sorted(path.name for path in left.iterdir()) == ["held", "source"], "the rest is the next dump's"


def test_a_folder_is_held_on_by_a_child_that_inherits_what_holds_it(tmp_path: Path) -> None:
    with scratch.held(tmp_path) as (made, descriptor):
        assert list(scratch.in_use(tmp_path)) == [made]
        child = subprocess.Popen(["sleep", "60"], pass_fds=[descriptor])
        kept = made.rename(made.with_name(f"{made.name}-kept"))
    assert list(scratch.in_use(tmp_path)) == [kept]
    assert scratch.sweep(tmp_path) == []
    child.kill()
    child.wait()
    assert list(scratch.in_use(tmp_path)) == []
    assert scratch.sweep(tmp_path) == [kept]
