"""Which privileges on a new server are an acceptable translation of the old ones."""

from __future__ import annotations

import pytest

from understudy.migrate.build.accounts import Known, successors
from understudy.migrate.checks.accounts import Account
from understudy.migrate.verify import accounts, granted
from understudy.migrate.verify.finding import Finding, Kind
from understudy.migrate.versions import Version

OLD, NEW = Version.parse("5.6.24"), Version.parse("9.7.0")
BASIC = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "INDEX", "ALTER", "PROCESS", "RELOAD"})
KNOWN_OLD = BASIC | {"SUPER", "REPLICATION CLIENT"}
KNOWN_NEW = BASIC | {"SUPER", "REPLICATION CLIENT", "SYSTEM_VARIABLES_ADMIN", "BACKUP_ADMIN", "CLONE_ADMIN"}


def found(was: set[str], now: set[str], where: str = "*.*") -> list[Finding]:
    old, new = (Account("app", "%", grants={where: frozenset(names)}) for names in (was, now))
    return list(granted.differing(old, new, (OLD, NEW), (KNOWN_OLD, KNOWN_NEW)))


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ({"SELECT"}, {"SELECT"}),
        ({"SUPER"}, {"SUPER"}),
        ({"SUPER"}, {"SYSTEM_VARIABLES_ADMIN"}),
        ({"SUPER"}, {"SUPER", "SYSTEM_VARIABLES_ADMIN", "CLONE_ADMIN"}),
        (KNOWN_OLD, KNOWN_NEW),
        (BASIC, BASIC | {"CLONE_ADMIN"}),
        (set(), set()),
    ],
)
def test_what_is_the_same_or_a_translation_is_no_finding(was: set[str], now: set[str]) -> None:
    assert found(was, now) == []


@pytest.mark.parametrize(
    ("was", "now", "says"),
    [
        ({"SELECT", "INSERT"}, {"SELECT"}, "INSERT on *.* is missing"),
        ({"SUPER"}, set(), "SUPER on *.* is missing"),
        ({"SELECT"}, {"SELECT", "SUPER"}, "SUPER on *.* is on the new side alone"),
        ({"SELECT"}, {"SELECT", "BACKUP_ADMIN"}, "BACKUP_ADMIN on *.* is on the new side alone"),
        (set(), {"PROCESS"}, "PROCESS on *.* is on the new side alone"),
    ],
)
def test_what_is_lost_or_gained_is_a_finding(was: set[str], now: set[str], says: str) -> None:
    assert [(one.kind, one.name, one.found, one.note) for one in found(was, now)] == [
        (Kind.GRANT, "'app'@'%'", says, False)
    ]


def test_a_privilege_that_the_new_version_has_not_at_all_is_a_note() -> None:
    old, new = (Account("app", "%", grants={"*.*": frozenset(names)}) for names in ({"SELECT", "ODD"}, {"SELECT"}))
    notes = list(granted.differing(old, new, (OLD, NEW), (KNOWN_OLD | {"ODD"}, KNOWN_NEW)))
    assert [(note.found, note.note) for note in notes] == [
        ("ODD on *.* is gone: MySQL 9.7.0 has no such privilege", True)
    ]


def test_a_grant_on_everything_is_mended_with_sql_and_one_on_a_database_is_named() -> None:
    assert found({"SELECT"}, set())[0].mend == ("GRANT SELECT ON *.* TO 'app'@'%';",)
    assert found({"SELECT"}, set(), "shop.*")[0].found == "SELECT on shop.* is missing"


NAMES = sorted({*granted.BECOMES, *(name for names in granted.BECOMES.values() for name in names)} | BASIC)
MARIADB = Version.parse("11.8.6-MariaDB")


@pytest.mark.parametrize("new", [NEW, MARIADB, Version.parse("8.0.36"), Version.parse("10.5.23-MariaDB")], ids=str)
@pytest.mark.parametrize("old", [OLD, Version.parse("8.0.36"), Version.parse("10.5.23-MariaDB")], ids=str)
def test_what_build_makes_of_a_privilege_is_no_finding(old: Version, new: Version) -> None:
    maria = new.is_mariadb()
    there = frozenset(name for name in NAMES if name in BASIC | {"SUPER"} or (" " in name) == maria)
    known = Known(old, new, frozenset(), there, frozenset())
    for held in NAMES:
        made = frozenset(successors(held, known)) & there
        was, now = (Account("app", "%", grants={"*.*": names}) for names in (frozenset({held}), made))
        found = granted.differing(was, now, (old, new), (frozenset({held}), there))
        assert [one.found for one in found if not one.note] == []


def compared(old: Account, new: Account) -> list[tuple[str, bool]]:
    sides = [accounts.Side(OLD, {("app", "%"): account}, frozenset()) for account in (old, new)]
    return [(finding.found, finding.note) for finding in accounts.compare(*sides)]


NATIVE = Account("app", "%", plugin="mysql_native_password", credential="1")
SHA = Account("app", "%", plugin="caching_sha2_password", credential="2")


@pytest.mark.parametrize(
    ("old", "new", "says", "note"),
    [
        (NATIVE, Account("app", "%", plugin="mysql_native_password", credential="2"), "the password is another", False),
        (NATIVE, SHA, "can't be told", True),
        (SHA, Account("app", "%", plugin="caching_sha2_password", credential="3"), "another salt", True),
        (NATIVE, Account("app", "%", plugin="unix_socket"), "it logs in by unix_socket", False),
        (NATIVE, Account("app", "%", plugin="caching_sha2_password", has_password=False), "it logs in by", False),
        (NATIVE, Account("app", "%", credential="1", has_password=False), "it has no password", False),
        (NATIVE, Account("app", "%", credential="1", is_locked=True), "it is locked, was not locked", False),
        (NATIVE, Account("app", "%", credential="1", needs_tls=True), "must log in over TLS", False),
    ],
)
def test_how_an_account_logs_in_is_compared_without_showing_anything(
    old: Account, new: Account, says: str, note: bool
) -> None:
    ((said, noted),) = compared(old, new)
    assert says in said
    assert noted is note


def test_an_empty_plugin_is_the_native_one() -> None:
    assert compared(NATIVE, Account("app", "%", credential="1")) == []


@pytest.mark.parametrize(("user", "note"), [("app", False), ("", True)])
def test_an_account_without_a_name_is_left_out_by_build_and_no_difference(user: str, note: bool) -> None:
    old = accounts.Side(OLD, {(user, "localhost"): Account(user, "localhost")}, frozenset())
    (found,) = accounts.compare(old, accounts.Side(NEW, {}, frozenset()))
    assert "missing on the new side" in found.found
    assert found.note is note
