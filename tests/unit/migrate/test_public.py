"""What MariaDB grants to PUBLIC, on a new server: the same, but for what is there already."""

from __future__ import annotations

import pytest

from understudy.migrate.build.accounts import Known
from understudy.migrate.build.public import own, place, revoked, translated
from understudy.migrate.versions import Version


def known(version: str) -> Known:
    """A new server that has these privileges."""
    names = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE HISTORY"})
    return Known(Version.parse("10.11.6-MariaDB"), Version.parse(version), frozenset(), names, frozenset())


NEW = known("11.8.2-MariaDB")
TABLE = "GRANT SELECT, UPDATE (`b`, `a`) ON `s`.`t` TO PUBLIC"


@pytest.mark.parametrize(
    ("line", "on", "said", "back"),
    [
        (
            TABLE,
            "`s`.`t`",
            "GRANT SELECT, UPDATE (`b`, `a`) ON `s`.`t` TO `PUBLIC`",
            ["REVOKE SELECT, UPDATE (`b`, `a`) ON `s`.`t` FROM `PUBLIC`"],
        ),
        ("GRANT `reader` TO PUBLIC", "`reader`", "GRANT `reader` TO `PUBLIC`", ["REVOKE `reader` FROM `PUBLIC`"]),
        (
            "GRANT `a ON b` TO PUBLIC WITH ADMIN OPTION",
            "`a ON b`",
            "GRANT `a ON b` TO `PUBLIC` WITH ADMIN OPTION",
            ["REVOKE `a ON b` FROM `PUBLIC`"],
        ),
        (
            "GRANT ALL PRIVILEGES ON `PUBLIC`.* TO PUBLIC WITH GRANT OPTION",
            "`PUBLIC`.*",
            "GRANT ALL PRIVILEGES ON `PUBLIC`.* TO `PUBLIC` WITH GRANT OPTION",
            ["REVOKE ALL PRIVILEGES ON `PUBLIC`.* FROM `PUBLIC`", "REVOKE GRANT OPTION ON `PUBLIC`.* FROM `PUBLIC`"],
        ),
        (
            "GRANT DELETE VERSIONING ROWS ON *.* TO PUBLIC",
            "*.*",
            "GRANT DELETE HISTORY ON *.* TO `PUBLIC`",
            ["REVOKE DELETE HISTORY ON *.* FROM `PUBLIC`"],
        ),
    ],
)
def test_a_grant_is_said_again_and_can_be_taken_back(line: str, on: str, said: str, back: list[str]) -> None:
    made = translated([line], [], NEW)
    assert [one.sql for one in made.grants] == [said]
    assert (place(line), place(said)) == (on, on)
    assert list(revoked(said)) == back


def test_what_is_there_already_is_left_and_told_where_it_differs() -> None:
    same = "GRANT SELECT, UPDATE (`a`, `b`) ON `s`.`t` TO PUBLIC"
    assert translated([TABLE], [same], NEW).grants == translated([TABLE], [same], NEW).notes == ()
    made = translated([TABLE], ["GRANT SELECT ON `s`.`t` TO PUBLIC"], NEW)
    assert made.grants == ()
    assert made.notes[0].startswith("PUBLIC has a grant on `s`.`t` already")


def test_what_is_lost_is_told() -> None:
    made = translated(["GRANT INSERT, SHOW DATABASES ON *.* TO PUBLIC"], [], NEW)
    assert [one.sql for one in made.grants] == ["GRANT INSERT ON *.* TO `PUBLIC`"]
    assert made.notes == ("`PUBLIC` loses SHOW DATABASES on *.*: the new server has no such privilege",)


@pytest.mark.parametrize("version", ["9.7.4", "10.6.1-MariaDB"])
def test_where_there_is_no_public_that_is_told(version: str) -> None:
    made = translated([TABLE], [], known(version))
    assert made.grants == ()
    assert "has none, and every account had by it: GRANT SELECT" in made.notes[0]


def test_what_roles_of_public_have_and_what_comes_with_an_installation_is_not_of_public_itself() -> None:
    others = ("GRANT USAGE ON *.* TO `reader`", "GRANT ALL PRIVILEGES ON `test\\_%`.* TO PUBLIC")
    assert own((TABLE, *others, "GRANT `reader` TO PUBLIC WITH ADMIN OPTION")) == (
        TABLE, "GRANT `reader` TO PUBLIC WITH ADMIN OPTION",
    )  # fmt: skip
