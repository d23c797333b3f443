"""Accounts of two real servers, compared: equal ones without a finding, each planted difference by its name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from typing import NamedTuple

import pytest

from containers import network
from integration.trees import ANY_TLS, FIVE, Node, Running, started
from integration.verifying import Planted
from understudy.migrate.faults import PrivilegeError
from understudy.migrate.logins import Login, OneLogin
from understudy.migrate.mysql import MySql, Session
from understudy.migrate.sqltext import Secret, account
from understudy.migrate.verify import accounts
from understudy.migrate.verify.finding import Finding, Kind

pytestmark = pytest.mark.integration

PAIRS = (
    ("mysql-5.6", "mysql-9.7"), ("mariadb-10.5", "mariadb-11.8"), ("mariadb-10.11", "mariadb-11.8"),
    ("mysql-5.6", "mariadb-11.8"), ("mariadb-10.5", "mysql-9.7"),
)  # fmt: skip
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
    "CREATE FUNCTION shop.f1 () RETURNS INT DETERMINISTIC NO SQL RETURN 1",
    "GRANT EXECUTE, ALTER ROUTINE ON FUNCTION shop.f1 TO app@'%' WITH GRANT OPTION",
    "GRANT PROXY ON app@'%' TO `o'neil`@'10.0.0.%'",
    "GRANT PROXY ON app@'%' TO boss@'%' WITH GRANT OPTION",
    "GRANT PROXY ON ''@'' TO app@'%'",
    f"ALTER USER {QUOTED} PASSWORD EXPIRE",
)
LIMITS = "WITH MAX_QUERIES_PER_HOUR 1 MAX_UPDATES_PER_HOUR 2 MAX_CONNECTIONS_PER_HOUR 3 MAX_USER_CONNECTIONS 4"
DEMANDS = "REQUIRE SUBJECT '/CN=it''s' AND ISSUER '/CN=i'"
MADE_NAMES = ("app", "o'neil", ODD, "boss", "idle", "more", "dba", "reader", "writer", "nobody")


class Compared(NamedTuple):
    """What was found before and after `PLANTED`."""

    equal: list[Finding]
    planted: list[Finding]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Running]]:
    with ExitStack() as stack:
        net = stack.enter_context(network())
        yield started(stack, net, *(Node(image, image) for image in FIVE))


def made(session: Session) -> None:
    """The accounts, anew."""
    for row in session.rows("SELECT User AS u, Host AS h FROM mysql.user"):
        if row["u"] in MADE_NAMES:
            is_role = session.version.is_mariadb() and not row["h"]
            session.execute(f"DROP ROLE {row['u']}" if is_role else f"DROP USER {account(row['u'], row['h'])}")
    session.execute("DROP DATABASE IF EXISTS shop")
    session.execute("REPLACE INTO mysql.proxies_priv VALUES ('%', 'root', '', '', 1, '', NOW())")
    session.execute("FLUSH PRIVILEGES")  # else root may say for nobody who stands in for whom
    for statement in MADE:
        session.execute(statement)
    change = "ALTER USER" if session.version.is_mysql(8) or session.version.is_mariadb() else "GRANT USAGE ON *.* TO"
    session.execute(f"{change} boss@'%' {LIMITS}")
    session.execute(f"{change} `o'neil`@'10.0.0.%' {DEMANDS}")


@pytest.fixture(params=PAIRS, ids=" to ".join, scope="module")
def compared(servers: dict[str, Running], request: pytest.FixtureRequest) -> Compared:
    with servers[request.param[0]].sql() as old, servers[request.param[1]].sql() as new:
        made(old)
        made(new)
        equal = accounts.differences(old, new, OTHERS)
        for statement in chain.from_iterable(planted.statements for planted in PLANTED):
            new.execute(statement)
        return Compared(equal, accounts.differences(old, new, OTHERS))


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
    Planted("ALTER USER app@'%' REQUIRE SSL", Kind.USER, "'app'@'%'", "it must log in over TLS"),
    Planted("ALTER USER `o'neil`@'10.0.0.%' REQUIRE X509", Kind.USER, "'o''neil'@'10.0.0.%'",
            "REQUIRE is X509, was ISSUER '/CN=i' AND SUBJECT '/CN=it''s'"),
    Planted("ALTER USER boss@'%' WITH MAX_QUERIES_PER_HOUR 9", Kind.USER, "'boss'@'%'",
            "MAX_QUERIES_PER_HOUR is 9, was 1"),
    Planted("ALTER USER boss@'%' WITH MAX_UPDATES_PER_HOUR 0", Kind.USER, "'boss'@'%'",
            "MAX_UPDATES_PER_HOUR is 0, was 2"),
    Planted("ALTER USER boss@'%' WITH MAX_CONNECTIONS_PER_HOUR 8", Kind.USER, "'boss'@'%'",
            "MAX_CONNECTIONS_PER_HOUR is 8, was 3"),
    Planted("ALTER USER boss@'%' WITH MAX_USER_CONNECTIONS 7", Kind.USER, "'boss'@'%'",
            "MAX_USER_CONNECTIONS is 7, was 4"),
    Planted(f"ALTER USER {QUOTED} IDENTIFIED BY 'x'", Kind.USER, f"'{ODD}'@'%'", "its password had expired, and has"),
    Planted("ALTER USER app@'%' PASSWORD EXPIRE", Kind.USER, "'app'@'%'", "its password has expired, and had not"),
    Planted("REVOKE ALTER ROUTINE ON FUNCTION shop.f1 FROM app@'%'", Kind.GRANT, "'app'@'%'",
            "ALTER ROUTINE on FUNCTION shop.f1 is missing"),
    Planted("GRANT REFERENCES (id) ON shop.customers TO app@'%'", Kind.GRANT, "'app'@'%'",
            "REFERENCES on shop.customers.id is on the new side alone"),
    Planted("REVOKE PROXY ON app@'%' FROM `o'neil`@'10.0.0.%'", Kind.GRANT, "'o''neil'@'10.0.0.%'",
            "PROXY on 'app'@'%' is missing"),
    Planted("GRANT PROXY ON `o'neil`@'10.0.0.%' TO app@'%'", Kind.GRANT, "'app'@'%'",
            "PROXY on 'o''neil'@'10.0.0.%' is on the new side alone"),
    Planted("REVOKE PROXY ON app@'%' FROM boss@'%';; GRANT PROXY ON app@'%' TO boss@'%'", Kind.GRANT, "'boss'@'%'",
            "GRANT OPTION with PROXY on 'app'@'%' is missing"),
)  # fmt: skip


def test_equal_accounts_are_equal_but_for_what_can_not_be_told_or_given(compared: Compared) -> None:
    assert [finding for finding in compared.equal if not finding.note] == []
    excused = "whether the password is the same can't be told", "is gone: MySQL"
    assert all(any(why in finding.found for why in excused) for finding in compared.equal)


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


ROLES = (  # as dba
    "CREATE ROLE reader",
    "CREATE ROLE writer",
    "CREATE ROLE nobody",
    "GRANT SELECT ON shop.* TO reader",
    "GRANT reader TO writer",
    "GRANT reader TO app@'%'",
    "GRANT writer TO app@'%' WITH ADMIN OPTION",
    "GRANT writer TO boss@'%'",
)


def with_roles(server: Running) -> Session:
    """The accounts anew, and roles that another one than root has created: its session."""
    with server.sql() as root:
        made(root)
        root.execute("CREATE USER dba@'%' IDENTIFIED BY 'x'")
        root.execute("GRANT ALL ON *.* TO dba@'%' WITH GRANT OPTION")
    dba = MySql(OneLogin(Login("dba", Secret("x"), ANY_TLS))).open(server.address)
    for statement in ROLES:
        dba.execute(statement)
    dba.execute(f"SET DEFAULT ROLE writer {'FOR' if dba.version.is_mariadb() else 'TO'} app@'%'")
    return dba


@pytest.mark.parametrize(
    ("before", "after"),
    [("mariadb-10.5", "mariadb-11.8"), ("mariadb-10.5", "mysql-9.7"), ("mysql-9.7", "mariadb-11.8")],
)
def test_the_same_roles_are_equal_and_who_created_them_is_a_note_between_flavours(
    servers: dict[str, Running], before: str, after: str
) -> None:
    with with_roles(servers[before]) as old, with_roles(servers[after]) as new:
        found = accounts.differences(old, new, OTHERS)
        across = old.version.flavour is not new.version.flavour
    assert [one for one in found if not one.note] == []
    of_roles = [(one.name, one.found) for one in found if "ADMIN OPTION" in one.found]
    side = "old" if before == "mariadb-10.5" else "new"
    why = f"WITH ADMIN OPTION on the {side} side alone, as MariaDB makes who creates a role"
    assert of_roles == [("'dba'@'%'", f"a member of {role} {why}") for role in ("nobody", "reader", "writer") if across]


CHANGED = (
    Planted("REVOKE reader FROM app@'%'", Kind.GRANT, "'app'@'%'", "not a member any more of reader"),
    Planted("GRANT reader TO boss@'%'", Kind.GRANT, "'boss'@'%'", "a member of reader on the new side alone"),
    Planted("REVOKE reader FROM writer", Kind.GRANT, "writer", "not a member any more of reader"),
    Planted("REVOKE writer FROM app@'%';; GRANT writer TO app@'%'", Kind.GRANT, "'app'@'%'",
            "may not give writer to others any more (ADMIN OPTION)"),
    Planted("GRANT writer TO boss@'%' WITH ADMIN OPTION", Kind.GRANT, "'boss'@'%'",
            "may give writer to others on the new side alone (ADMIN OPTION)"),
    Planted("SET DEFAULT ROLE NONE TO app@'%'", Kind.GRANT, "'app'@'%'",
            "a login has the role none at once, was writer (DEFAULT ROLE)"),
    Planted("SET DEFAULT ROLE writer TO boss@'%'", Kind.GRANT, "'boss'@'%'",
            "a login has the role writer at once, was none (DEFAULT ROLE)"),
    Planted("ALTER USER idle@localhost PASSWORD EXPIRE INTERVAL 7 DAY", Kind.USER, "'idle'@'localhost'",
            "PASSWORD EXPIRE is INTERVAL 7 DAY, was DEFAULT"),
    Planted("ALTER USER app@'%' PASSWORD EXPIRE NEVER", Kind.USER, "'app'@'%'",
            "PASSWORD EXPIRE is NEVER, was DEFAULT"),
)  # fmt: skip


@pytest.mark.parametrize("image", ["mysql-9.7", "mariadb-10.5", "mariadb-10.11", "mariadb-11.8"])
def test_changes_of_roles_and_of_passwords_lifetimes_are_found_and_mended_by_what_is_told(
    servers: dict[str, Running], image: str
) -> None:
    with with_roles(servers[image]) as session:
        before = accounts.side(session, OTHERS)
        for statement in chain.from_iterable(planted.statements for planted in CHANGED):
            maria = statement.startswith("SET DEFAULT") and session.version.is_mariadb()
            session.execute(statement.replace(" TO ", " FOR ") if maria else statement)
        found = list(accounts.compare(before, accounts.side(session, OTHERS)))
        told = {(one.kind, one.name.strip("`").replace("'writer'@'%'", "writer"), one.found) for one in found}
        assert told == {planted[1:4] for planted in CHANGED}
        for statement in [mend for one in found for mend in one.mend]:
            session.execute(statement)
        left = [one.found for one in accounts.compare(before, accounts.side(session, OTHERS))]
        assert left == [planted.says for planted in CHANGED if "on the new side alone" in planted.says], "by nobody"


@pytest.mark.parametrize(
    ("image", "change", "says"),
    [
        ("mysql-9.7", "ALTER USER idle@localhost FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME UNBOUNDED",
         ["FAILED_LOGIN_ATTEMPTS is 3, was 0", "PASSWORD_LOCK_TIME is UNBOUNDED, was 0"]),
        ("mysql-9.7", "ALTER USER idle@localhost PASSWORD HISTORY 5 PASSWORD REUSE INTERVAL 9 DAY",
         ["PASSWORD HISTORY is 5, was DEFAULT", "PASSWORD REUSE INTERVAL is 9 DAY, was DEFAULT"]),
        ("mysql-9.7", "ALTER USER idle@localhost PASSWORD REQUIRE CURRENT OPTIONAL",
         ["PASSWORD REQUIRE is CURRENT OPTIONAL, was CURRENT DEFAULT"]),
        ("mysql-9.7", "REVOKE INSERT, UPDATE ON shop.* FROM `o'neil`@'10.0.0.%'",
         ["INSERT, UPDATE on shop.* is withheld on the new side alone (a partial revoke)"]),
        ("mariadb-11.8", "ALTER USER idle@localhost WITH MAX_STATEMENT_TIME 1.5",
         ["MAX_STATEMENT_TIME is 1.5, was 0"]),
    ],
)  # fmt: skip
def test_what_one_flavour_alone_knows_is_compared_within_it(
    servers: dict[str, Running], image: str, change: str, says: list[str]
) -> None:
    with servers[image].sql() as session:
        made(session)
        can_withhold = session.version.is_mysql(8, 0, 16)
        session.execute("SET GLOBAL partial_revokes = 1") if can_withhold else None
        try:
            before = accounts.side(session, OTHERS)
            session.execute(change)
            after = accounts.side(session, OTHERS)
            assert [one.found for one in accounts.compare(before, after)] == says
            for statement in [mend for one in accounts.compare(after, before) for mend in one.mend]:
                session.execute(statement)  # what undoes the undoing
            assert list(accounts.compare(after, accounts.side(session, OTHERS))) == []
        finally:
            made(session)
            session.execute("SET GLOBAL partial_revokes = 0") if can_withhold else None


@pytest.mark.parametrize("image", ["mysql-9.7", "mariadb-11.8"])
def test_super_in_its_parts_is_super_and_roles_are_compared(servers: dict[str, Running], image: str) -> None:
    with servers["mysql-5.6"].sql() as old, servers[image].sql() as new:
        made(old)
        made(new)
        part = "SYSTEM_VARIABLES_ADMIN" if new.version.is_mysql(8) else "READ_ONLY ADMIN"
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


@pytest.mark.parametrize("image", FIVE)
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
                assert accounts.side(least) == accounts.side(root)
        finally:
            root.execute("DROP USER least@'%'")


OPEN = "SELECT ON shop.*", "INSERT (id) ON shop.customers", "PROCESS ON *.*"
OPENED = ("INSERT on shop.customers.id", "PROCESS on *.*", "SELECT on shop.*")


@contextmanager
def open_to_all(session: Session, *granted: str) -> Iterator[None]:
    """With this granted to PUBLIC, and what an installation with a database for tests grants to it."""
    database = "ALL PRIVILEGES ON `test\\_%`.*"
    for grant in (database, *granted):
        session.execute(f"GRANT {grant} TO PUBLIC")
    try:
        yield
    finally:
        for grant in (database, *granted):
            session.execute(f"REVOKE {grant} FROM PUBLIC")


def test_what_all_may_do_is_compared_and_told_where_there_is_no_public(servers: dict[str, Running]) -> None:
    with (
        servers["mariadb-10.11"].sql() as old, servers["mariadb-11.8"].sql() as new, servers["mysql-9.7"].sql() as mysql
    ):  # fmt: skip
        for session in (old, new, mysql):
            made(session)
        for session in (old, new):
            session.execute("CREATE ROLE reader")
        with open_to_all(old, "reader"):
            found = [one for one in accounts.differences(old, new, OTHERS) if not one.note]
            assert [(one.name, one.found) for one in found] == [("PUBLIC", "not a member any more of reader")]
            assert found[0].mend == ("GRANT `reader` TO PUBLIC;",)
        with open_to_all(old, *OPEN):
            found = [one for one in accounts.differences(old, new, OTHERS) if not one.note]
            assert {(one.kind, one.name) for one in found} == {(Kind.GRANT, "PUBLIC")}
            assert sorted(one.found for one in found) == [f"{what} is missing" for what in OPENED]
            assert [mend for one in found for mend in one.mend] == ["GRANT PROCESS ON *.* TO PUBLIC;"]
            back = [one.found for one in accounts.differences(new, old, OTHERS) if not one.note]
            assert sorted(back) == [f"{what} is on the new side alone" for what in OPENED]
            with open_to_all(new, *OPEN):
                assert [one for one in accounts.differences(old, new, OTHERS) if not one.note] == []
            told = [one.found for one in accounts.differences(old, mysql, OTHERS) if one.name == "PUBLIC"]
            assert [said.partition(" has no PUBLIC")[0] for said in told] == [str(mysql.version)]
            assert "SELECT on shop.*" in told[0]
