"""Accounts of an old server arrive on a new one: they log in with their old passwords, and may what they might."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from containers import network
from integration.operating import Quiet
from integration.trees import ANY_TLS, ROOT, Node, Running, started
from understudy.config import Build, Replication
from understudy.migrate.build import copying, granting
from understudy.migrate.build.copying import Copying
from understudy.migrate.faults import LoginError, PrivilegeError, ServerError
from understudy.migrate.logins import Login, OneLogin
from understudy.migrate.mysql import MySql
from understudy.migrate.sqltext import Secret
from understudy.migrate.verify import accounts as verified
from understudy.migrate.words import Word

pytestmark = pytest.mark.integration

LOGINS = OneLogin(Login("root", ROOT.password, ANY_TLS, connect_s=15, read_s=60))
SHARED = (
    "CREATE DATABASE shop",
    "CREATE TABLE shop.t (id INT PRIMARY KEY, v INT)",
    "CREATE TABLE shop.other (id INT PRIMARY KEY)",
    "CREATE TABLE shop.columns (id INT PRIMARY KEY, v INT)",
    "CREATE PROCEDURE shop.p() SELECT 1",
    "CREATE USER app@'%' IDENTIFIED BY 'it''s old'",
    "GRANT SELECT (id), INSERT ON shop.t TO app@'%'",
    "GRANT EXECUTE ON PROCEDURE shop.p TO app@'%'",
    "CREATE USER `o'neil`@`10.%` IDENTIFIED BY 'x'",
    "GRANT ALL ON `sh\\_p%`.* TO `o'neil`@`10.%` WITH GRANT OPTION",
    "CREATE USER boss@'%' IDENTIFIED BY 'y'",
    "GRANT SUPER, PROCESS ON *.* TO boss@'%'",
)
OF = {
    "mysql-5.6": (
        "GRANT USAGE ON *.* TO boss@'%' REQUIRE SSL WITH MAX_USER_CONNECTIONS 3",
        "CREATE USER `empty`@localhost",
    ),
    "mysql-9.7": (
        "ALTER USER boss@'%' REQUIRE SSL WITH MAX_USER_CONNECTIONS 3",
        "CREATE ROLE reader",
        "GRANT SELECT ON shop.other TO reader",
        "GRANT reader TO app@'%' WITH ADMIN OPTION",
        "SET DEFAULT ROLE reader TO app@'%'",
        "ALTER USER boss@'%' PASSWORD EXPIRE INTERVAL 90 DAY FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 2",
    ),
    "mariadb-10.5": (
        "ALTER USER boss@'%' REQUIRE SSL WITH MAX_USER_CONNECTIONS 3",
        "INSTALL SONAME 'auth_ed25519'",
        "CREATE USER ed@'%' IDENTIFIED VIA ed25519 USING PASSWORD('new style')",
        "CREATE USER sock@localhost IDENTIFIED VIA unix_socket OR mysql_native_password USING PASSWORD('z')",
        "CREATE ROLE reader",
        "GRANT SELECT ON shop.other TO reader",
        "GRANT reader TO app@'%' WITH ADMIN OPTION",
        "SET DEFAULT ROLE reader FOR app@'%'",
        "ALTER USER boss@'%' WITH MAX_STATEMENT_TIME 1.5 MAX_USER_CONNECTIONS 3 PASSWORD EXPIRE INTERVAL 90 DAY",
    ),
}
PAIRS = [("mysql-5.6", "new97"), ("mysql-9.7", "new97"), ("mariadb-10.5", "mariadb-11.8")]
TO_PUBLIC = (
    "CREATE ROLE reader",
    "GRANT SELECT ON shop.other TO reader",
    "GRANT reader TO PUBLIC",
    "CREATE DATABASE `PUBLIC`",
    "GRANT ALL ON `PUBLIC`.* TO PUBLIC WITH GRANT OPTION",
    "GRANT ALL ON `test\\_%`.* TO PUBLIC",
    "GRANT PROCESS, SUPER ON *.* TO PUBLIC",
    "GRANT SELECT ON shop.t TO PUBLIC",
    "GRANT UPDATE (v, id), INSERT ON shop.columns TO PUBLIC",
    "GRANT EXECUTE ON PROCEDURE shop.p TO PUBLIC",
    "GRANT SELECT ON mine.* TO PUBLIC",
)


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Running]]:
    with ExitStack() as stack:
        net = stack.enter_context(network())
        images = (*OF, "mariadb-10.11", "mariadb-11.8")
        made = started(stack, net, *(Node(image, image) for image in images), Node("new97", "mysql-9.7"))
        for name, own in {**OF, "mariadb-10.11": TO_PUBLIC}.items():
            with made[name].sql() as session:
                for statement in (*SHARED, *own):
                    session.execute(statement)
        with made["mariadb-11.8"].sql() as session:
            session.execute("INSTALL SONAME 'auth_ed25519'")
        yield made


def logs_in(server: Running, user: str, password: str, *statements: str) -> None:
    """Log in, and run the statements."""
    with MySql(OneLogin(Login(user, Secret(password), ANY_TLS))).open(server.address) as session:
        for statement in statements:
            session.rows(statement)


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_accounts_arrive_with_what_they_might_and_leave_again(
    servers: dict[str, Running], old: str, new: str, tmp_path: Path
) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("'app'@'%' it's new\n")
    given = str(passwords) if old == "mysql-5.6" else ""
    wanted = Copying(servers[old].address, servers[new].address, "dump", Build(passwords=given), LOGINS)
    copying.copy(wanted, Quiet())
    try:
        with servers[old].sql() as session:
            hashes = {
                part
                for row in session.rows("SELECT * FROM mysql.user")
                for part in map(str, row.values())
                if len(part) > 40 and part.startswith(("*", "$A$"))
            }
        told = "\n".join(granting.told(wanted))
        assert not any(part in told for part in hashes)
        assert "IDENTIFIED" in told
        before = servers[new].coordinates()
        assert not granting.created(wanted)
        notes = granting.create(wanted, Quiet())
        assert granting.created(wanted)
        assert granting.create(wanted, Quiet()) == []
        assert servers[new].coordinates() == before, "nothing of it is in the new server's own log"
        password = "it's new" if given else "it's old"
        logs_in(servers[new], "app", password, "SELECT id FROM shop.t", "CALL shop.p()")
        with pytest.raises(PrivilegeError):
            logs_in(servers[new], "app", password, "SELECT v FROM shop.t")
        if old != "mysql-5.6":
            logs_in(servers[new], "app", password, "SELECT * FROM shop.other")
            logs_in(servers[new], "boss", "y", "SHOW PROCESSLIST")
        else:
            assert any("'boss'@'%' is created locked" in note for note in notes)
            with pytest.raises(LoginError):
                logs_in(servers[new], "boss", "y")
        if old == "mariadb-10.5":
            with servers[new].sql() as session:
                shown = str(session.value("SHOW CREATE USER ed@'%'"))
                assert "VIA ed25519 USING" in shown
                assert "unix_socket OR" in str(session.value("SHOW CREATE USER sock@localhost"))
        with servers[old].sql() as before, servers[new].sql() as after:
            found = verified.differences(before, after, ("root", "repl"))
        assert {one.found for one in found if not one.note} == ({"it is locked, was not locked"} if given else set())
        with servers[new].sql() as session:
            grants = "\n".join(str(next(iter(row.values()))) for row in session.rows("SHOW GRANTS FOR boss@'%'"))
            assert "SUPER" in grants
            assert ("CONNECTION_ADMIN" in grants) == (old == "mysql-5.6")
            weird = "\n".join(str(next(iter(row.values()))) for row in session.rows("SHOW GRANTS FOR `o'neil`@`10.%`"))
            assert "`sh\\_p%`.*" in weird
            assert "GRANT OPTION" in weird
            assert "REQUIRE SSL" in str(session.value("SHOW CREATE USER boss@'%'"))
            assert "MAX_USER_CONNECTIONS 3" in str(session.value("SHOW CREATE USER boss@'%'"))
    finally:
        granting.drop(wanted)
        assert not granting.created(wanted)
        with servers[new].sql() as session:
            left = {row["User"] for row in session.rows("SELECT User AS User FROM mysql.user")}
        assert not left & {"app", "boss", "o'neil", "empty", "reader", "ed", "sock"}
        copying.wipe(wanted)


def test_the_account_that_replicas_follow_with_is_no_locked_one_since_its_password_is_known(
    servers: dict[str, Running], tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("as before\n")
    with servers["mysql-5.6"].sql() as old:
        old.execute("GRANT REPLICATION SLAVE ON *.* TO follower@'%%' IDENTIFIED BY %s", "as before")
    old_address, new_address = servers["mysql-5.6"].address, servers["new97"].address
    wanted = Copying(old_address, new_address, "dump", Build(), LOGINS, Replication("follower", str(file)))
    try:
        copying.copy(wanted, Quiet())
        assert not any("follower" in note and "locked" in note for note in granting.create(wanted, Quiet()))
        logs_in(servers["new97"], "follower", "as before")
    finally:
        granting.drop(wanted)
        copying.wipe(wanted)
        with servers["mysql-5.6"].sql() as old:
            old.execute("DROP USER follower@'%'")


def test_an_attempt_that_was_interrupted_is_made_anew_and_others_accounts_stay(servers: dict[str, Running]) -> None:
    wanted = Copying(servers["mysql-5.6"].address, servers["new97"].address, "dump", Build(), LOGINS)
    copying.copy(wanted, Quiet())
    with servers["new97"].sql() as session:
        session.execute("CREATE USER `empty`@localhost IDENTIFIED BY 'mine'")
        granting.create(wanted, Quiet())
        session.execute("DROP USER app@'%'")
        assert not granting.created(wanted)
        granting.create(wanted, Quiet())
        assert granting.created(wanted), "one that went away since is made again"
        there = {row["User"] for row in session.rows("SELECT User AS User FROM mysql.user")}
        assert there >= {"app", "boss", "o'neil"}, "and none of the others is lost by it"
        session.execute("DROP USER app@'%'")
        granting.drop(wanted)
        granting.create(wanted, Quiet())
        assert granting.created(wanted)
        granting.drop(wanted)
        assert session.rows("SELECT 1 FROM mysql.user WHERE User = 'empty'"), "it was there before"
        session.execute("DROP USER `empty`@localhost")
    copying.wipe(wanted)


def public(server: Running) -> set[str]:
    """What a server grants to PUBLIC itself."""
    with server.sql() as session:
        lines = {str(next(iter(row.values()))) for row in session.rows("SHOW GRANTS FOR PUBLIC")}
    return {line for line in lines if " TO PUBLIC" in line}


def test_what_all_accounts_have_by_public_arrives_and_is_taken_back_but_for_what_was_there(
    servers: dict[str, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = servers["mariadb-10.11"], servers["mariadb-11.8"]
    wanted = Copying(old.address, new.address, "dump", Build(), LOGINS)
    copying.copy(wanted, Quiet())
    own = "GRANT INSERT ON `mine`.* TO PUBLIC"
    with new.sql() as root:
        root.execute(own)
    try:
        told = granting.told(wanted)
        assert f"{new.address}> GRANT EXECUTE ON PROCEDURE `shop`.`p` TO `PUBLIC`;" in told
        with monkeypatch.context() as broken:
            broken.setattr(granting, "_say_all", lambda *_: pytest.fail("killed"))
            with pytest.raises(pytest.fail.Exception):
                granting.create(wanted, Quiet())
        assert not granting.created(wanted)
        before = new.coordinates()
        notes = granting.create(wanted, Quiet())
        assert [note for note in notes if "PUBLIC" in note] == [
            "PUBLIC has a grant on `mine`.* already, and it is left as it is: before it was GRANT SELECT ON `mine`.* TO"
            " PUBLIC"
        ]
        assert granting.created(wanted)
        assert new.coordinates() == before, "nothing of it is in the new server's own log"
        with old.sql() as before_, new.sql() as after:
            found = [one.found for one in verified.differences(before_, after, ("root", "repl")) if not one.note]
        assert found == ["SELECT on mine.* is missing", "INSERT on mine.* is on the new side alone"]
        logs_in(new, "app", "it's old", "SELECT v FROM shop.t", "SELECT * FROM shop.other")
        with new.sql() as root:
            root.execute("REVOKE UPDATE (v, id), INSERT ON shop.columns FROM PUBLIC")
        assert not granting.created(wanted), "it sees that something of it is gone"
        granting.create(wanted, Quiet())
        assert granting.created(wanted)
        with old.sql() as before_, new.sql() as after:
            again = [one.found for one in verified.differences(before_, after, ("root", "repl")) if not one.note]
        assert again == found, "what was still there is there again, too"
        assert f"{new.address}> REVOKE EXECUTE ON PROCEDURE `shop`.`p` FROM `PUBLIC`;" in granting.revokes(wanted)
    finally:
        granting.drop(wanted)
        left = public(new)
        with new.sql() as root:
            root.execute("REVOKE INSERT ON mine.* FROM PUBLIC")
        copying.wipe(wanted)
        assert granting.revokes(wanted) == []
    assert left == {own}


LEAST = [("mysql-5.6", "new97"), ("mysql-9.7", "new97"), ("mariadb-10.5", "mariadb-11.8")]


@pytest.mark.parametrize(("old", "new"), LEAST)
def test_the_least_account_copies_everything_and_without_sight_of_triggers_nothing(
    servers: dict[str, Running], old: str, new: str
) -> None:
    login = Login("least", Secret("a password"), ANY_TLS, connect_s=15, read_s=60)
    wanted = Copying(servers[old].address, servers[new].address, "dump", Build(parallel=2), OneLogin(login))
    words = {old: (Word.COPY_FROM, Word.HOLD_STILL, Word.COORDINATES), new: (Word.COPY_TO,)}
    for name, needs in words.items():
        with servers[name].sql() as root, root.unlogged():
            root.execute("CREATE USER least@'%' IDENTIFIED BY 'a password'")
            for word in needs:
                root.execute(f"GRANT {root.dialect.privilege(word)} ON *.* TO least@'%'")
    try:
        copying.copy(wanted, Quiet())
        with servers[new].sql() as root:
            assert root.rows("SHOW PROCEDURE STATUS WHERE Db = 'shop'")
        copying.wipe(wanted)
        with servers[old].sql() as root, root.unlogged():
            root.execute("REVOKE TRIGGER ON *.* FROM least@'%'")
        with pytest.raises(ServerError, match="TRIGGER"):
            copying.copy(wanted, Quiet())
        copying.wipe(wanted)
    finally:
        for name in words:
            with servers[name].sql() as root, root.unlogged():
                root.execute("DROP USER least@'%'")
