"""Rows of grant tables, as MySQL 5.6, MySQL 8 and MariaDB have them, are the same accounts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from understudy.migrate.checks.accounts import Account
from understudy.migrate.checks.granttables import GrantTables, accounts

HASH = "*B34B25D29F948D00500BCF94F7064FD4E36177C3"


def mysql_user(**columns: Any) -> dict[str, Any]:
    return {"Host": "%", "User": "app", "Select_priv": "N", "ssl_type": "", "plugin": "mysql_native_password"} | columns


def maria_user(user: str = "app", **document: Any) -> dict[str, Any]:
    return {"Host": "%", "User": user, "Priv": json.dumps({"access": 0, "plugin": "mysql_native_password"} | document)}


def only(**tables: Any) -> Account:
    (found,) = accounts(GrantTables(**tables))
    return found


def test_columns_of_privileges_are_named_as_grant_names_them() -> None:
    held = {
        "Select_priv": "Y",
        "Create_tmp_table_priv": "Y",
        "Repl_slave_priv": "Y",
        "Grant_priv": "Y",
        "Drop_priv": "N",
    }
    found = only(accounts=[mysql_user(**held, Password=HASH)])
    assert found.grants == {
        "*.*": frozenset({"SELECT", "CREATE TEMPORARY TABLES", "REPLICATION SLAVE", "GRANT OPTION"})
    }
    assert str(found) == "'app'@'%'"
    assert found.has_password


def test_mariadbs_bits_are_the_same_privileges() -> None:
    found = only(accounts=[maria_user(access=(1 << 0) | (1 << 15) | (1 << 33), authentication_string=HASH)])
    assert found.grants == {"*.*": frozenset({"SELECT", "SUPER", "READ_ONLY ADMIN"})}
    assert found.holds("SUPER")
    assert not found.holds("EVENT")


def test_grants_on_databases_tables_columns_and_routines_are_kept_by_place() -> None:
    found = only(
        accounts=[mysql_user()],
        databases=[{"Host": "%", "User": "app", "Db": "shop", "Insert_priv": "Y", "Select_priv": "N"}],
        tables=[{"Host": "%", "User": "app", "Db": "shop", "Table_name": "t", "Table_priv": "Select,Grant"}],
        columns=[
            {"Host": "%", "User": "app", "Db": "s", "Table_name": "t", "Column_name": "c", "Column_priv": "Update"}
        ],
        routines=[
            {
                "Host": "%",
                "User": "app",
                "Db": "s",
                "Routine_name": "p",
                "Routine_type": "PROCEDURE",
                "Proc_priv": "Execute",
            }
        ],
        dynamic=[{"USER": "app", "HOST": "%", "PRIV": "BACKUP_ADMIN"}],
    )
    assert found.grants == {
        "shop.*": frozenset({"INSERT"}),
        "shop.t": frozenset({"SELECT", "GRANT OPTION"}),
        "s.t.c": frozenset({"UPDATE"}),
        "PROCEDURE s.p": frozenset({"EXECUTE"}),
        "*.*": frozenset({"BACKUP_ADMIN"}),
    }


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (mysql_user(plugin="", Password="565491d704013245"), True),
        (mysql_user(plugin="mysql_old_password", Password=""), True),
        (mysql_user(Password=HASH), False),
        (mysql_user(plugin="caching_sha2_password", authentication_string="$A$005$abc"), False),
    ],
)
def test_a_hash_of_before_4_1_is_known_by_its_length_or_plugin(row: dict[str, Any], expected: bool) -> None:
    assert only(accounts=[row]).is_old_password is expected


def test_the_socket_of_debians_accounts_is_their_plugin() -> None:
    document = {"authentication_string": "invalid", "auth_or": [{}, {"plugin": "unix_socket"}]}
    assert only(accounts=[maria_user(**document)]).plugin == "unix_socket"


def test_locked_accounts_and_roles_are_told_on_both_flavours() -> None:
    assert only(accounts=[mysql_user(account_locked="Y")]).is_locked
    assert only(accounts=[maria_user(account_locked=True)]).is_locked
    assert only(accounts=[maria_user(is_role=True)]).is_role
    given = [{"FROM_USER": "reader", "FROM_HOST": "%", "TO_USER": "app", "TO_HOST": "%", "WITH_ADMIN_OPTION": "N"}]
    assert only(accounts=[mysql_user()], roles=given).roles == {"reader"}
    given = [{"Host": "%", "User": "app", "Role": "reader", "Admin_option": "N"}]
    assert only(accounts=[maria_user()], roles=given).roles == {"reader"}


def test_the_hash_is_not_in_the_account_but_equal_hashes_are_told() -> None:
    old = only(accounts=[mysql_user(Password=HASH)])
    new = only(accounts=[maria_user(authentication_string=HASH)])
    other = only(accounts=[maria_user(authentication_string=HASH[:-1] + "0")])
    assert old.credential == new.credential != other.credential
    assert HASH not in repr(old) + repr(new)
    assert only(accounts=[mysql_user(Password="")]).credential == ""
