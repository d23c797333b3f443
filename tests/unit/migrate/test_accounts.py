"""Users and grants in the new server's dialect: nothing is dropped silently, no hash is shown."""

from __future__ import annotations

import pytest

from understudy.migrate.build.accounts import (
    NATIVE,
    SHA2,
    Account,
    Known,
    Translation,
    is_left_alone,
    of_created,
    of_row,
    passwords_of,
    require_known,
    split_privileges,
    translated,
)
from understudy.migrate.sqltext import Secret
from understudy.migrate.versions import Version

HASH = "*D821809F681A40A6E379B50D0463EFAE20BDD122"
COMMON = {"SELECT", "INSERT", "SUPER", "PROCESS", "EXECUTE", "REPLICATION CLIENT", "RELOAD"}
NEW = {"SET_ANY_DEFINER", "ALLOW_NONEXISTENT_DEFINER", "CONNECTION_ADMIN", "SYSTEM_VARIABLES_ADMIN"}
KNOWN = {
    "9.7": Known(
        Version.parse("5.6.24"), Version.parse("9.7.4"), frozenset({SHA2}), frozenset(COMMON | NEW), frozenset()
    ),
    "8.0": Known(
        Version.parse("5.6.24"), Version.parse("8.0.36"), frozenset({SHA2, NATIVE}), frozenset(COMMON), frozenset()
    ),
    "maria": Known(
        Version.parse("10.5.23-MariaDB"),
        Version.parse("11.8.2-MariaDB"),
        frozenset({NATIVE, "unix_socket", "ed25519"}),
        frozenset(COMMON | {"READ_ONLY ADMIN", "BINLOG ADMIN", "DELETE HISTORY"}),
        frozenset({("there", "%")}),
    ),
}  # fmt: skip
ROW = {"User": "app", "Host": "10.%", "plugin": NATIVE, "Password": HASH}


def shown(one: Translation) -> list[str]:
    return [statement.shown() for part in (one.create, one.grants, one.last) for statement in part]


def old(*grants: str, **more: object) -> Account:
    return of_row({**ROW, **more}, grants)


def test_a_hash_goes_where_the_plugin_is_and_is_never_shown() -> None:
    made = translated(old(), KNOWN["8.0"])
    assert made.create[0].arguments == (Secret(HASH),)
    assert shown(made) == ["CREATE USER 'app'@'10.%' IDENTIFIED WITH mysql_native_password AS '…'"]
    assert HASH not in repr(made)
    assert made.notes == ()


def test_without_the_plugin_the_account_is_locked_with_a_password_that_nobody_knows_and_that_is_said() -> None:
    made = translated(old(), KNOWN["9.7"], fresh=lambda: Secret("random"))
    assert shown(made) == ["CREATE USER 'app'@'10.%' IDENTIFIED BY '…' ACCOUNT LOCK"]
    assert made.create[0].arguments == (Secret("random"),)
    assert "'app'@'10.%' is created locked" in made.notes[0]
    assert "ACCOUNT UNLOCK" in made.notes[0]


def test_a_new_password_that_is_given_opens_it() -> None:
    given = passwords_of("# new ones\n'app'@'10.%' it's new\n\n'other'@'%' x\n")
    made = translated(old(), KNOWN["9.7"], given)
    assert made.create[0].arguments == (Secret("it's new"),)
    assert shown(made) == ["CREATE USER 'app'@'10.%' IDENTIFIED BY '…'"]


@pytest.mark.parametrize("line", ["app@% secret", "\"app\"@'%' secret", "'app'@'%'", "'app' secret"])
def test_a_line_of_passwords_that_is_none_is_told_by_its_number_and_not_shown(line: str) -> None:
    with pytest.raises(ValueError, match="line 3 is not 'user'@'host'") as raised:
        passwords_of(f"# new ones\n'other'@'%' x\n{line}\n")
    assert "secret" not in str(raised.value)


def test_a_password_of_nobody_is_told() -> None:
    require_known(["'app'@'10.%'"], ["'app'@'10.%'", "'other'@'%'"])
    with pytest.raises(ValueError, match="no account of the old side: 'app'@'%'"):
        require_known(["'app'@'%'"], ["'app'@'10.%'"])


def test_no_password_stays_none_and_that_is_said() -> None:
    made = translated(old(Password=""), KNOWN["9.7"])
    assert made.create[0].arguments == (Secret(""),)
    assert "has no password, as before" in made.notes[0]


REST = [
    ({"ssl_type": "ANY"}, "REQUIRE SSL"),
    ({"ssl_type": "X509"}, "REQUIRE X509"),
    (
        {"ssl_type": "SPECIFIED", "x509_subject": b"/CN=it's", "ssl_cipher": b"AES"},
        "REQUIRE CIPHER 'AES' AND SUBJECT '/CN=it''s'",
    ),
    ({"max_questions": 5, "max_user_connections": 2}, "WITH MAX_QUERIES_PER_HOUR 5 MAX_USER_CONNECTIONS 2"),
    ({"password_expired": "Y"}, "PASSWORD EXPIRE"),
]  # fmt: skip


@pytest.mark.parametrize(("columns", "clause"), REST)
def test_demands_and_limits_of_5_6_become_clauses(columns: dict[str, object], clause: str) -> None:
    assert old(**columns).rest == clause


GRANTS = [
    ("GRANT SELECT, INSERT ON `shop`.* TO 'app'@'10.%'", ["GRANT SELECT, INSERT ON `shop`.* TO 'app'@'10.%'"]),
    (f"GRANT USAGE ON *.* TO 'app'@'10.%' IDENTIFIED BY PASSWORD '{HASH}' REQUIRE SSL", []),
    (
        f"GRANT SELECT ON *.* TO 'app'@'10.%' IDENTIFIED BY PASSWORD '{HASH}' WITH GRANT OPTION MAX_QUERIES_PER_HOUR 5",
        ["GRANT SELECT ON *.* TO 'app'@'10.%' WITH GRANT OPTION"],
    ),
    (
        "GRANT SELECT (a, `b ON c`), INSERT ON `we``ird`.`t ON TO x` TO 'app'@'10.%'",
        ["GRANT SELECT (a, `b ON c`), INSERT ON `we``ird`.`t ON TO x` TO 'app'@'10.%'"],
    ),
    (
        "GRANT ALL PRIVILEGES ON `shop\\_%`.* TO 'app'@'10.%' WITH GRANT OPTION",
        ["GRANT ALL PRIVILEGES ON `shop\\_%`.* TO 'app'@'10.%' WITH GRANT OPTION"],
    ),
    ("GRANT EXECUTE ON PROCEDURE `a`.`p` TO 'app'@'10.%'", ["GRANT EXECUTE ON PROCEDURE `a`.`p` TO 'app'@'10.%'"]),
    (
        "GRANT PROXY ON ''@'' TO 'app'@'10.%' WITH GRANT OPTION",
        ["GRANT PROXY ON ''@'' TO 'app'@'10.%' WITH GRANT OPTION"],
    ),
    ("GRANT `role`@`%` TO `app`@`10.%` WITH ADMIN OPTION", ["GRANT `role`@`%` TO 'app'@'10.%' WITH ADMIN OPTION"]),
    ("REVOKE SELECT ON `a`.* FROM `app`@`10.%`", ["REVOKE SELECT ON `a`.* FROM `app`@`10.%`"]),
]  # fmt: skip


@pytest.mark.parametrize(("line", "said"), GRANTS)
def test_a_line_of_show_grants_becomes_a_grant_without_password_or_demands(line: str, said: list[str]) -> None:
    assert shown(translated(old(line), KNOWN["8.0"]))[1:] == said


def test_super_becomes_itself_and_what_was_split_from_it() -> None:
    made = shown(translated(old("GRANT SUPER ON *.* TO 'app'@'10.%'"), KNOWN["9.7"]))[1]
    words = split_privileges(made.removeprefix("GRANT ").partition(" ON ")[0])
    assert set(words) == {"SUPER", *NEW}


def test_a_privilege_that_is_gone_is_named() -> None:
    made = translated(old("GRANT SELECT, CREATE TABLESPACES ON *.* TO 'app'@'10.%'"), KNOWN["8.0"])
    assert shown(made)[1:] == ["GRANT SELECT ON *.* TO 'app'@'10.%'"]
    assert made.notes == ("'app'@'10.%' loses CREATE TABLESPACES on *.*: the new server has no such privilege",)


def test_a_quote_in_a_name_which_5_6_does_not_escape_is_escaped() -> None:
    made = translated(old("GRANT SELECT ON *.* TO 'it's'@'10.%'", User="it's"), KNOWN["8.0"])
    assert shown(made)[1:] == ["GRANT SELECT ON *.* TO 'it''s'@'10.%'"]


CREATED = [
    (
        f"CREATE USER `u`@`%` IDENTIFIED BY PASSWORD '{HASH}' REQUIRE X509",
        "CREATE USER 'u'@'%' IDENTIFIED BY PASSWORD '…' REQUIRE X509",
    ),
    (
        f"CREATE USER `u`@`%` IDENTIFIED VIA unix_socket OR mysql_native_password USING '{HASH}' ACCOUNT LOCK",
        "CREATE USER 'u'@'%' IDENTIFIED VIA unix_socket OR mysql_native_password USING '…' ACCOUNT LOCK",
    ),
    (
        "CREATE USER `u`@`%` IDENTIFIED VIA ed25519 USING 'abc%d' WITH MAX_USER_CONNECTIONS 4",
        "CREATE USER 'u'@'%' IDENTIFIED VIA ed25519 USING '…' WITH MAX_USER_CONNECTIONS 4",
    ),
    ("CREATE USER `u`@`%`", "CREATE USER 'u'@'%'"),
]


@pytest.mark.parametrize(("created", "said"), CREATED)
def test_mariadb_s_ways_to_log_in_are_kept_without_showing_a_hash(created: str, said: str) -> None:
    made = translated(of_created("u", "%", created, ()), KNOWN["maria"])
    assert shown(made) == [said]
    assert made.notes == ()


def test_mysql_8_s_own_words_are_kept_default_roles_come_last() -> None:
    created = (
        "CREATE USER `u`@`%` IDENTIFIED WITH 'caching_sha2_password' AS 0x24412430 DEFAULT ROLE `r`@`%` REQUIRE NONE"
        " PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK"
    )
    made = translated(of_created("u", "%", created, ("GRANT `r`@`%` TO `u`@`%`",)), KNOWN["8.0"])
    assert shown(made) == [
        "CREATE USER 'u'@'%' IDENTIFIED WITH caching_sha2_password AS '…' REQUIRE NONE PASSWORD EXPIRE DEFAULT"
        " ACCOUNT UNLOCK",
        "GRANT `r`@`%` TO 'u'@'%'",
        "ALTER USER 'u'@'%' DEFAULT ROLE `r`@`%`",
    ]
    assert made.create[0].arguments == (Secret("$A$0"),)


def test_who_is_there_already_is_left_as_it_is() -> None:
    made = translated(of_created("there", "%", "CREATE USER `there`@`%`", ("GRANT ALL",)), KNOWN["maria"])
    assert shown(made) == []
    assert made.notes == ("'there'@'%' is there already, and left as it is",)


def test_a_role_of_mariadb_has_no_host() -> None:
    made = translated(Account("r", is_role=True, grants=("GRANT SELECT ON `a`.* TO `r`",)), KNOWN["maria"])
    assert shown(made) == ["CREATE ROLE `r`", "GRANT SELECT ON `a`.* TO `r`"]


@pytest.mark.parametrize(
    ("user", "host", "alone"),
    [
        ("mysql.sys", "localhost", True),
        ("mariadb.sys", "localhost", True),
        ("root", "localhost", True),
        ("root", "%", False),
        ("app", "localhost", False),
    ],
)
def test_a_server_s_own_accounts_are_left_alone(user: str, host: str, alone: bool) -> None:
    assert is_left_alone(user, host) == alone
