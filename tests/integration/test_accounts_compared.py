"""Accounts of two real servers, compared: equal ones without a finding, each planted difference by its name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from containers import network
from integration.trees import ANY_TLS, Node, Running, started
from understudy.migrate.faults import PrivilegeError
from understudy.migrate.logins import Login, OneLogin
from understudy.migrate.mysql import MySql, Session
from understudy.migrate.sqltext import Secret
from understudy.migrate.verify import accounts
from understudy.migrate.verify.finding import Finding, Kind

pytestmark = pytest.mark.integration

PAIRS = (("mysql-5.6", "mysql-9.7"), ("mariadb-10.5", "mariadb-11.8"), ("mysql-5.6", "mariadb-11.8"))
OTHERS = ("root", "", "repl")  # what images have of their own
ODD = "back`tick %s ü"
QUOTED = "`back``tick %s ü`@'%'"
MADE = (
    "CREATE USER app@'%' IDENTIFIED BY 'x'",
    "CREATE USER `o'neil`@'10.0.0.%' IDENTIFIED BY 'x'",
    f"CREATE USER {QUOTED} IDENTIFIED BY 'x'",
    "CREATE USER boss@'%' IDENTIFIED BY 'x'",
    "CREATE USER idle@localhost IDENTIFIED BY 'x'",
    "CREATE DATABASE shop",
    "CREATE TABLE shop.customers (id INT, name INT)",
    "CREATE PROCEDURE shop.p1 () SELECT 1",
    "GRANT SELECT, INSERT (id, name), UPDATE ON shop.customers TO app@'%'",
    "GRANT ALL PRIVILEGES ON shop.* TO app@'%'",
    "GRANT EXECUTE ON PROCEDURE shop.p1 TO app@'%'",
    "GRANT SELECT ON `sh\\_op%`.* TO app@'%' WITH GRANT OPTION",
    "GRANT SUPER, REPLICATION CLIENT, PROCESS, RELOAD ON *.* TO boss@'%'",
    "GRANT ALL PRIVILEGES ON *.* TO `o'neil`@'10.0.0.%' WITH GRANT OPTION",
    f"GRANT SELECT ON `it's ``odd`` %s`.* TO {QUOTED}",
)


class Compared(NamedTuple):
    """What was found before and after `PLANTED`."""

    equal: list[Finding]
    planted: list[Finding]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Running]]:
    images = ("mysql-5.6", "mysql-9.7", "mariadb-10.5", "mariadb-11.8")
    with ExitStack() as stack:
        net = stack.enter_context(network())
        yield started(stack, net, *(Node(image, image) for image in images))


def made(session: Session) -> None:
    """The accounts, anew."""
    for row in session.rows("SELECT User AS u, Host AS h FROM mysql.user"):
        if row["u"] in ("app", "o'neil", ODD, "boss", "idle", "more"):
            session.execute("DROP USER %s@%s", row["u"], row["h"])
    session.execute("DROP DATABASE IF EXISTS shop")
    for statement in MADE:
        session.execute(statement)


@pytest.fixture(params=PAIRS, ids=" to ".join, scope="module")
def compared(servers: dict[str, Running], request: pytest.FixtureRequest) -> Compared:
    with servers[request.param[0]].sql() as old, servers[request.param[1]].sql() as new:
        made(old)
        made(new)
        equal = accounts.differences(old, new, OTHERS)
        for planted in PLANTED:
            new.execute(planted.made)
        return Compared(equal, accounts.differences(old, new, OTHERS))


class Planted(NamedTuple):
    """A difference that is made on the new side, and how it's told."""

    made: str
    kind: Kind
    name: str
    says: str


PLANTED = (
    Planted("REVOKE EXECUTE ON PROCEDURE shop.p1 FROM app@'%'", Kind.GRANT, "'app'@'%'",
            "EXECUTE on PROCEDURE shop.p1 is missing"),
    Planted("REVOKE INSERT (name) ON shop.customers FROM app@'%'", Kind.GRANT, "'app'@'%'",
            "INSERT on shop.customers.name is missing"),
    Planted("REVOKE UPDATE ON shop.customers FROM app@'%'", Kind.GRANT, "'app'@'%'",
            "UPDATE on shop.customers is missing"),
    Planted("REVOKE DROP ON shop.* FROM app@'%'", Kind.GRANT, "'app'@'%'", "DROP on shop.* is missing"),
    Planted("REVOKE GRANT OPTION ON `sh\\_op%`.* FROM app@'%'", Kind.GRANT, "'app'@'%'",
            "GRANT OPTION on sh\\_op%.* is missing"),
    Planted("REVOKE SUPER ON *.* FROM boss@'%'", Kind.GRANT, "'boss'@'%'", "SUPER on *.* is missing"),
    Planted("GRANT CREATE USER ON *.* TO boss@'%'", Kind.GRANT, "'boss'@'%'", "CREATE USER on *.* is on the new side"),
    Planted(f"GRANT INSERT ON shop.* TO {QUOTED}", Kind.GRANT, f"'{ODD}'@'%'", "INSERT on shop.* is on the new side"),
    Planted("CREATE USER more@'%' IDENTIFIED BY 'x'", Kind.USER, "'more'@'%'", "the account is on the new side alone"),
    Planted("DROP USER idle@localhost", Kind.USER, "'idle'@'localhost'", "the account is missing"),
    Planted("ALTER USER boss@'%' ACCOUNT LOCK", Kind.USER, "'boss'@'%'", "it is locked, was not locked"),
    Planted("ALTER USER `o'neil`@'10.0.0.%' REQUIRE SSL", Kind.USER, "'o''neil'@'10.0.0.%'", "it must log in over TLS"),
)  # fmt: skip


def test_equal_accounts_are_equal_but_for_what_can_not_be_told_of_passwords(compared: Compared) -> None:
    assert [finding for finding in compared.equal if not finding.note] == []
    assert all("whether the password is the same can't be told" in finding.found for finding in compared.equal)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.says[:50])
def test_a_planted_difference_is_found_and_named(compared: Compared, planted: Planted) -> None:
    of_it = [one for one in compared.planted if (one.kind, one.name) == (planted.kind, planted.name)]
    assert [one.note for one in of_it if planted.says in one.found] == [False], of_it


def test_nothing_is_found_that_was_not_planted_and_no_hash_is_shown(compared: Compared) -> None:
    says = [planted.says for planted in PLANTED]
    assert [one for one in compared.planted if not one.note and not any(text in one.found for text in says)] == []
    assert "*" not in "".join(one.found.replace("*.*", "").replace(".*", "") for one in compared.planted)


def test_another_password_of_the_same_plugin_is_found(servers: dict[str, Running]) -> None:
    with servers["mariadb-10.5"].sql() as old, servers["mariadb-11.8"].sql() as new:
        made(old)
        made(new)
        new.execute("ALTER USER app@'%' IDENTIFIED BY 'y'")
        assert [(one.name, one.found) for one in accounts.differences(old, new, OTHERS)] == [
            ("'app'@'%'", "the password is another")
        ]


@pytest.mark.parametrize("image", ["mysql-9.7", "mariadb-11.8"])
def test_super_in_its_parts_is_super_and_roles_are_compared(servers: dict[str, Running], image: str) -> None:
    with servers["mysql-5.6"].sql() as old, servers[image].sql() as new:
        made(old)
        made(new)
        part = "SYSTEM_VARIABLES_ADMIN" if image == "mysql-9.7" else "READ_ONLY ADMIN"
        new.execute("REVOKE SUPER ON *.* FROM boss@'%'")
        new.execute(f"GRANT {part} ON *.* TO boss@'%'")
        assert [one for one in accounts.differences(old, new, OTHERS) if not one.note] == []
        new.execute("CREATE ROLE helpers")
        new.execute("GRANT helpers TO app@'%'")
        try:
            told = {(one.name, one.found) for one in accounts.differences(old, new, OTHERS) if not one.note}
        finally:
            new.execute("DROP ROLE helpers")
    assert ("'app'@'%'", "a member of helpers on the new side alone") in told
    assert {found for name, found in told if name.startswith("'helpers'")} in (
        {"the role is on the new side alone"},
        {"the account is on the new side alone"},  # a role of MySQL is an account that is locked
    )


@pytest.mark.parametrize("image", ["mysql-5.6", "mysql-9.7", "mariadb-10.5", "mariadb-11.8"])
def test_an_account_that_may_not_read_grants_is_told_so_and_the_least_one_reads_all(
    servers: dict[str, Running], image: str
) -> None:
    server = servers[image]
    with server.sql() as root:
        root.execute("CREATE USER least@'%' IDENTIFIED BY 'x'")
        try:
            with MySql(OneLogin(Login("least", Secret("x"), ANY_TLS))).open(server.address) as least:
                with pytest.raises(PrivilegeError) as refused:
                    accounts.side(least)
                assert refused.value.privilege.startswith("SELECT ON ")
                for privilege in {root.dialect.privilege(word) for word in accounts.USES if root.dialect.knows(word)}:
                    name, _, where = privilege.partition(" ON ")
                    root.execute(f"GRANT {name} ON {where} TO least@'%'")
                assert accounts.side(least).accounts == accounts.side(root).accounts
        finally:
            root.execute("DROP USER least@'%'")
