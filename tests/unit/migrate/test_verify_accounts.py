"""What verify compares of an account besides its privileges: the terms on which it logs in, roles, proxies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from understudy.migrate.checks.accounts import Account
from understudy.migrate.verify import accounts, membership, terms
from understudy.migrate.verify.finding import Finding
from understudy.migrate.verify.membership import NOTHING, Membership, Role, Sides
from understudy.migrate.versions import Version

MYSQL, MARIADB = Version.parse("9.7.4"), Version.parse("11.8.2-MariaDB")
LIMITS: dict[str, Any] = {"max_questions": 1, "max_updates": 2, "max_connections": 3, "max_user_connections": 4}
OF_5_6: dict[str, Any] = {"User": "app", "Host": "%", "ssl_type": "", "password_expired": "N", **LIMITS}
OF_9_7: dict[str, Any] = {
    **OF_5_6, "password_lifetime": None, "Password_reuse_history": None, "Password_reuse_time": None,
    "Password_require_current": None, "User_attributes": None,
}  # fmt: skip


def mariadb(**document: Any) -> dict[str, Any]:
    return {"User": "app", "Host": "%", "Priv": json.dumps({"access": 0, **document})}


def said(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    found = terms.differing("'app'@'%'", terms.terms(old), terms.terms(new))
    return [(one.found, one.mend) for one in found]


@pytest.mark.parametrize("new", [OF_5_6, OF_9_7, mariadb(password_last_changed=1795271949, **LIMITS)])
@pytest.mark.parametrize("old", [OF_5_6, OF_9_7, mariadb(password_lifetime=-1, **LIMITS)])
def test_the_same_terms_are_equal_whatever_the_version_writes(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert said(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "says", "mends"),
    [
        (OF_5_6, mariadb(**{**LIMITS, "max_updates": 0}), "MAX_UPDATES_PER_HOUR is 0, was 2",
         "WITH MAX_UPDATES_PER_HOUR 2;"),
        (OF_9_7, {**OF_9_7, "max_user_connections": 0}, "MAX_USER_CONNECTIONS is 0, was 4",
         "WITH MAX_USER_CONNECTIONS 4;"),
        (mariadb(max_statement_time=1.5), mariadb(), "MAX_STATEMENT_TIME is 0, was 1.5",
         "WITH MAX_STATEMENT_TIME 1.5;"),
        (OF_5_6, mariadb(password_last_changed=0, **LIMITS), "its password has expired, and had not", ""),
        ({**OF_5_6, "password_expired": "Y"}, OF_9_7, "its password had expired, and has not", "PASSWORD EXPIRE;"),
        (mariadb(password_lifetime=7, **LIMITS), OF_9_7, "PASSWORD EXPIRE is DEFAULT, was INTERVAL 7 DAY",
         "PASSWORD EXPIRE INTERVAL 7 DAY;"),
        (OF_9_7, mariadb(password_lifetime=0, **LIMITS), "PASSWORD EXPIRE is NEVER, was DEFAULT",
         "PASSWORD EXPIRE DEFAULT;"),
        ({**OF_5_6, "ssl_type": "SPECIFIED", "x509_subject": b"/CN=it's"}, {**OF_9_7, "ssl_type": "ANY"},
         "REQUIRE is SSL, was SUBJECT '/CN=it''s'", "REQUIRE SUBJECT '/CN=it''s';"),
        ({**OF_5_6, "ssl_type": "X509"}, mariadb(ssl_type=3, ssl_cipher="c", **LIMITS),
         "REQUIRE is CIPHER 'c', was X509", "REQUIRE X509;"),
    ],
)  # fmt: skip
def test_other_terms_are_told_with_the_clause_that_mends_them(
    old: dict[str, Any], new: dict[str, Any], says: str, mends: str
) -> None:
    assert said(old, new) == [(says, (f"ALTER USER 'app'@'%' {mends}",) if mends else ())]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (OF_5_6, {**OF_9_7, "password_lifetime": 7}),  # 5.6 knows none
        (mariadb(**LIMITS), {**OF_9_7, "Password_reuse_history": 5}),
        (mariadb(max_statement_time=1, **LIMITS), OF_9_7),
        (OF_5_6, {**OF_9_7, "ssl_type": "X509"}),  # which is told as: must log in over TLS
    ],
)
def test_what_one_side_does_not_know_and_what_is_told_elsewhere_is_left_out(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    assert said(old, new) == []


DBA, APP, READER = ("dba", "%"), ("app", "%"), Role("reader")


def test_grant_tables_of_both_flavours_are_the_same_memberships() -> None:
    of_mysql = membership.memberships(
        [{"User": "app", "Host": "%", "User_attributes": None}],
        [{"FROM_HOST": "%", "FROM_USER": "reader", "TO_HOST": "%", "TO_USER": "app", "WITH_ADMIN_OPTION": "Y"}],
        [{"HOST": "%", "USER": "app", "DEFAULT_ROLE_HOST": "%", "DEFAULT_ROLE_USER": "reader"}],
        [{"Host": "%", "User": "app", "Proxied_host": "", "Proxied_user": "", "With_grant": 1}],
    )
    of_mariadb = membership.memberships(
        [mariadb(default_role="reader")],
        [{"Host": "%", "User": "app", "Role": "reader", "Admin_option": "Y"}],
        proxies=[{"Host": "%", "User": "app", "Proxied_host": "%", "Proxied_user": "", "With_grant": 1}],
    )
    assert of_mysql == of_mariadb == {APP: Membership({READER: True}, frozenset({READER}), {"''@'%'": True})}


def test_a_partial_revoke_is_what_is_withheld() -> None:
    kept = {"Restrictions": [{"Database": "my`sql", "Privileges": ["INSERT", "UPDATE"]}]}
    found = membership.memberships([{"User": "app", "Host": "%", "User_attributes": json.dumps(kept)}])
    assert found == {APP: Membership(withheld={"my`sql": frozenset({"INSERT", "UPDATE"})})}
    (told,) = membership.differing("'app'@'%'", Sides(found[APP], NOTHING), is_mariadb=False)
    assert told.found == "INSERT, UPDATE on my`sql.* is withheld no more (a partial revoke)"
    assert told.mend == ("REVOKE INSERT, UPDATE ON `my``sql`.* FROM 'app'@'%';",)


def of_roles(one: Membership, other: Membership, is_mariadb: bool = False) -> list[tuple[str, tuple[str, ...]]]:
    return [(told.found, told.mend) for told in membership.differing("x", Sides(one, other), is_mariadb)]


def test_a_role_that_is_gone_is_told_once_though_it_was_a_default_one_and_given_with_admin_option() -> None:
    had = Membership({READER: True, Role("w", "h"): False}, frozenset({READER}))
    assert of_roles(had, NOTHING) == [
        ("not a member any more of reader, w@h", ("GRANT `reader` TO x WITH ADMIN OPTION;", "GRANT `w`@'h' TO x;"))
    ]
    assert of_roles(NOTHING, had) == [("a member of reader, w@h on the new side alone", ())]


def test_default_roles_are_mended_in_the_new_sides_words() -> None:
    had, has = Membership({READER: False}, frozenset({READER})), Membership({READER: False})
    says = "a login has the role none at once, was reader (DEFAULT ROLE)"
    assert of_roles(had, has) == [(says, ("SET DEFAULT ROLE `reader` TO x;",))]
    assert of_roles(had, has, is_mariadb=True) == [(says, ("SET DEFAULT ROLE `reader` FOR x;",))]


def compared(old: Version, new: Version, *members: dict[tuple[str, str], Membership]) -> list[Finding]:
    everybody = {who: Account(*who) for who in (DBA, APP)}
    sides = (
        accounts.Side(version, everybody, frozenset(), {}, of) for version, of in zip((old, new), members, strict=True)
    )
    return list(accounts.compare(*sides))


GIVES, HAS = Membership({READER: True}), Membership({READER: False})


@pytest.mark.parametrize(
    ("old", "new", "before", "after", "notes"),
    [
        (MARIADB, MYSQL, {DBA: GIVES}, {}, [True]),
        (MYSQL, MARIADB, {}, {DBA: GIVES}, [True]),
        (MARIADB, MYSQL, {DBA: GIVES, APP: GIVES}, {APP: GIVES}, [True]),  # app was given it, here and there
        (MARIADB, MYSQL, {DBA: GIVES, APP: HAS}, {}, [True, False]),
        (MARIADB, MYSQL, {DBA: GIVES, APP: GIVES}, {}, [False, False]),  # one of them was given it: nobody knows who
        (MARIADB, MYSQL, {DBA: Membership({READER: True}, frozenset({READER}))}, {}, [False]),
        (MARIADB, MARIADB, {DBA: GIVES}, {}, [False]),
        (MYSQL, MYSQL, {DBA: GIVES}, {}, [False]),
        (MYSQL, MARIADB, {DBA: GIVES}, {}, [False]),
    ],
)
def test_only_who_seems_to_have_created_a_role_on_mariadb_is_a_note(
    old: Version, new: Version, before: dict[Any, Membership], after: dict[Any, Membership], notes: list[bool]
) -> None:
    assert [one.note for one in compared(old, new, before, after)] == notes
