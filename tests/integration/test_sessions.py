"""Sessions with real servers: TLS in every combination, errors that say what to do, nothing secret shown, streams."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from containers import ROOT_PASSWORD, network
from integration.certificates import Authority
from integration.trees import ANY_TLS, FIVE, ROOT, Node, Running, started
from support import wait_until
from understudy.config import Tls
from understudy.errors import UnderstudyError
from understudy.migrate import faults
from understudy.migrate.logins import Login, OneLogin
from understudy.migrate.mysql import MySql, Session
from understudy.migrate.sqltext import Secret, identifier
from understudy.migrate.words import Word

pytestmark = pytest.mark.integration

ODD_NAMES = ["it's", "back`tick", "日本語 ü", 'quo"te', "per%cent %s", "semi;colon -- x"]
WITH_TLS = ("mysql-5.6", "mysql-9.7", "mariadb-10.5", "mariadb-11.8")


def opened(server: Running | str, user: str = "root", password: str = ROOT_PASSWORD, tls: Tls = ANY_TLS) -> Session:
    address = server if isinstance(server, str) else server.address
    return MySql(OneLogin(Login(user, Secret(password), tls, connect_s=15.0, read_s=20.0))).open(address)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("certificates")
    folder.parent.chmod(0o755)
    folder.parent.parent.chmod(0o755)
    return Authority(folder)


@pytest.fixture(scope="module")
def secured(authority: Authority) -> Iterator[dict[str, Running]]:
    """Servers whose certificate names 127.0.0.1, where their port is published, and no other address."""
    certificate, key = authority.sign("server", "127.0.0.1")
    files = {authority.ca: "/ca.pem", certificate: "/cert.pem", key: "/key.pem"}
    options = ("--ssl-ca=/ca.pem", "--ssl-cert=/cert.pem", "--ssl-key=/key.pem")
    with ExitStack() as stack:
        net = stack.enter_context(network())
        yield started(stack, net, *(Node(image, image, options=options, volumes=files) for image in WITH_TLS))


def settings_for(image: str, authority: Authority) -> Tls:
    return Tls(ca=str(authority.ca), minimum="1.0" if image == "mysql-5.6" else "1.2")


@pytest.mark.parametrize("image", WITH_TLS)
def test_a_certificate_of_a_known_authority_with_the_servers_name_is_trusted(
    secured: dict[str, Running], authority: Authority, image: str
) -> None:
    with opened(f"127.0.0.1:{secured[image].service.port}", tls=settings_for(image, authority)) as session:
        assert session.is_encrypted
        assert session.value("SELECT 1") == 1


@pytest.mark.parametrize("image", WITH_TLS)
def test_a_certificate_for_another_name_or_of_an_unknown_authority_is_refused(
    secured: dict[str, Running], authority: Authority, image: str
) -> None:
    tls = settings_for(image, authority)
    with pytest.raises(faults.TlsError, match="not trusted: IP address mismatch"):
        opened(secured[image], tls=tls)
    by_authority = Tls(ca=tls.ca, verify="ca", minimum=tls.minimum)
    with opened(secured[image], tls=by_authority) as session:
        assert session.is_encrypted
    with pytest.raises(faults.TlsError, match="not trusted") as refused:
        opened(secured[image], tls=Tls(minimum=tls.minimum))
    assert 'tls = { ca = "ca.pem" }' in refused.value.hint


def test_tls_of_5_6_is_too_old_until_the_settings_allow_it(secured: dict[str, Running], authority: Authority) -> None:
    with pytest.raises(faults.TlsError) as refused:
        opened(secured["mysql-5.6"], tls=Tls(ca=str(authority.ca), verify="ca"))
    assert 'minimum = "1.0"' in refused.value.hint


@pytest.mark.parametrize("image", ["mysql-5.6", "mariadb-10.5", "mariadb-10.11"])
def test_a_server_without_tls_is_spoken_to_in_plaintext_unless_tls_is_required(
    five: dict[str, Running], image: str
) -> None:
    with opened(five[image], tls=Tls()) as session:
        assert not session.is_encrypted
    with pytest.raises(faults.TlsError) as refused:
        opened(five[image], tls=Tls(required=True))
    assert "required = false" in refused.value.hint


@pytest.mark.parametrize("image", ["mysql-9.7", "mariadb-11.8"])
def test_a_certificate_that_a_server_made_for_itself_is_not_trusted_without_being_told_to(
    five: dict[str, Running], image: str
) -> None:
    with pytest.raises(faults.TlsError, match="not trusted: self"):
        opened(five[image], tls=Tls())
    with opened(five[image], tls=ANY_TLS) as session:
        assert session.is_encrypted


def test_9_7s_own_authority_is_trusted_once_its_file_is_named(five: dict[str, Running], tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(five["mysql-9.7"].service.run("cat", "/var/lib/mysql/ca.pem"))
    with opened(five["mysql-9.7"], tls=Tls(ca=str(tmp_path / "ca.pem"), verify="ca")) as session:
        assert session.is_encrypted


def test_a_missing_or_spoilt_authority_file_is_a_wrong_setting(five: dict[str, Running], tmp_path: Path) -> None:
    (tmp_path / "spoilt.pem").write_text("no certificate")
    for name in ("missing.pem", "spoilt.pem"):
        with pytest.raises(UnderstudyError, match=name) as wrong:
            opened(five["mysql-9.7"], tls=Tls(ca=str(tmp_path / name)))
        assert wrong.value.exit_code == 2


def test_an_account_that_demands_our_certificate_gets_it(secured: dict[str, Running], authority: Authority) -> None:
    certificate, key = authority.sign("understudy")
    server = secured["mysql-9.7"]
    with opened(server) as root:
        root.execute("CREATE USER certified@'%' IDENTIFIED BY 'x' REQUIRE X509")
    with pytest.raises(faults.LoginError):
        opened(server, "certified", "x")
    with opened(server, "certified", "x", Tls(cert=str(certificate), key=str(key), verify="none")) as session:
        assert session.value("SELECT CURRENT_USER()") == "certified@%"


@pytest.mark.parametrize("image", FIVE)
def test_a_unicode_password_logs_in_and_no_error_or_repr_or_traceback_shows_it(
    five: dict[str, Running], image: str
) -> None:
    password = "pässwörd 秘密 'x' \\ %s"
    with opened(five[image]) as root:
        root.execute("CREATE USER unicode@'%%' IDENTIFIED BY %s", Secret(password))
        try:
            with opened(five[image], "unicode", password) as session:
                assert password not in repr(session)
                shown = told(session, "SELECT nonsense IDENTIFIED BY %s", Secret(password))
                with pytest.raises(faults.LoginError) as refused:
                    opened(five[image], "unicode", password[1:])
        finally:
            root.execute("DROP USER unicode@'%'")
    shown += "".join(traceback.format_exception(refused.value))
    assert "秘密" not in shown
    assert "Access denied" in shown


def told(session: Session, sql: str, *arguments: object) -> str:
    """All that is said of a statement that fails, traceback included."""
    with pytest.raises(faults.StatementError) as error:
        session.execute(sql, *arguments)
    return "".join(traceback.format_exception(error.value)) + repr(error.value)


@pytest.mark.parametrize("image", FIVE)
@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_is_quoted_so_that_it_is_what_it_is(five: dict[str, Running], image: str, name: str) -> None:
    with opened(five[image]) as session:
        session.execute(f"CREATE DATABASE {identifier(name)}")
        try:
            session.execute(f"CREATE TABLE {identifier(name, name)} ({identifier(name)} VARCHAR(50)) CHARSET utf8mb4")
            if "%" not in name:  # with arguments a % has to be doubled
                session.execute(f"INSERT INTO {identifier(name, name)} VALUES (%s)", name + "😀")
                assert session.rows(f"SELECT * FROM {identifier(name, name)}") == [{name: name + "😀"}]
        finally:
            session.execute(f"DROP DATABASE {identifier(name)}")


@pytest.mark.parametrize("image", FIVE)
def test_what_a_server_refuses_is_its_own_kind_of_error(five: dict[str, Running], image: str) -> None:
    with opened(five[image]) as root, opened(five[image]) as other:
        root.execute("CREATE DATABASE kinds")
        root.execute("CREATE TABLE kinds.t (id INT PRIMARY KEY) ENGINE=InnoDB")
        root.execute("INSERT INTO kinds.t VALUES (1)")
        root.execute("CREATE USER low@'%' IDENTIFIED BY 'x'")
        root.execute("GRANT INSERT ON kinds.* TO low@'%'")
        try:
            with opened(five[image], "low", "x") as low:
                with pytest.raises(faults.PrivilegeError) as refused:
                    low.rows("SELECT * FROM kinds.t")
                assert refused.value.privilege.startswith("SELECT ON ")
                root.execute("SET GLOBAL read_only = 1")
                with pytest.raises(faults.ReadOnlyError):
                    low.execute("INSERT INTO kinds.t VALUES (2)")
                root.execute("SET GLOBAL read_only = 0")
            other.execute("SET SESSION innodb_lock_wait_timeout = 1")
            with root.transaction():
                root.execute("UPDATE kinds.t SET id = 3")
                with pytest.raises(faults.LockedError):
                    other.execute("UPDATE kinds.t SET id = 4")
            with pytest.raises(faults.StatementError) as duplicate:
                root.execute("INSERT INTO kinds.t VALUES (3)")
            assert duplicate.value.number == 1062
            with pytest.raises(faults.StatementError), root.transaction():
                root.execute("INSERT INTO kinds.t VALUES (5), (5)")
            assert root.value("SELECT COUNT(*) FROM kinds.t") == 1, "a transaction that fails is undone"
        finally:
            root.execute("SET GLOBAL read_only = 0")
            root.execute("DROP DATABASE kinds")
            root.execute("DROP USER low@'%'")


@pytest.mark.parametrize("image", FIVE)
def test_a_killed_session_is_lost_and_closing_it_does_nothing(five: dict[str, Running], image: str) -> None:
    session = opened(five[image])
    with opened(five[image]) as root:
        root.execute(f"KILL {session.id}")
        wait_until(lambda: session.id not in listed(root), 20, "it is gone")
    with pytest.raises(faults.LostError), session.unlogged():
        pytest.fail("the session was killed")
    with pytest.raises(faults.LostError):
        session.value("SELECT 1")
    session.close()
    session.close()


def test_a_statement_may_be_silent_only_so_long_as_it_is_allowed(five: dict[str, Running]) -> None:
    address = five["mariadb-10.11"].address
    with MySql(OneLogin(Login("root", Secret(ROOT_PASSWORD), ANY_TLS, read_s=2.5))).open(address) as session:
        with session.patient(60):
            assert session.value("SELECT SLEEP(3)") == 0
        begun = time.monotonic()
        with pytest.raises(faults.SilentError):
            session.value("SELECT SLEEP(60)")
        assert time.monotonic() - begun < 30


@pytest.mark.parametrize("image", FIVE)
def test_a_statement_that_the_process_list_cuts_within_a_character_is_shown(
    five: dict[str, Running], image: str
) -> None:
    with opened(five[image]) as busy, opened(five[image]) as session, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(busy.rows, f"SELECT SLEEP(30) /*{'é' * 100}*/")
        listed = wait_until(lambda: [row for row in said(session) if "SLEEP(30)" in row], 20, "it is in the list")
        session.execute(f"KILL {busy.id}")
        assert listed[0].startswith("SELECT SLEEP(30) /*ééé")
        assert isinstance(waiting.exception(), faults.ServerError | None)
        assert session.value("SELECT 5") == 5


def listed(session: Session) -> list[int]:
    """The sessions in the process list."""
    return [int(row["Id"]) for row in session.rows(session.dialect.sql(Word.PROCESSES))]


def said(session: Session) -> list[str]:
    """What others ask just now."""
    return [str(row["Info"]) for row in session.rows(session.dialect.sql(Word.PROCESSES)) if row["Id"] != session.id]


@pytest.mark.parametrize("image", FIVE)
def test_a_text_that_can_not_be_read_ends_the_session_instead_of_spoiling_the_next_answer(
    five: dict[str, Running], image: str
) -> None:
    with opened(five[image]) as session:
        session.execute("SET character_set_results = latin1")
        with pytest.raises(faults.StatementError, match="can't be sent or read"):
            session.rows("SELECT 'é' AS a UNION SELECT 'b'")
        with pytest.raises(faults.LostError):
            session.value("SELECT 5")


@pytest.mark.parametrize("image", FIVE)
def test_a_stream_is_read_in_batches_and_may_be_left_early(five: dict[str, Running], image: str) -> None:
    sql = "SELECT a.help_keyword_id, b.name FROM mysql.help_keyword a JOIN mysql.help_keyword b"
    with opened(five[image]) as session:
        sizes = [len(rows) for rows in session.stream(f"{sql} LIMIT %s", 350, batch=100)]
        assert sum(sizes) == 350
        assert max(sizes) == 100
    with opened(five[image]) as session:
        with closing(session.stream(sql)) as stream:
            assert len(next(stream)) == 1000
        begun = time.monotonic()
        with pytest.raises(faults.LostError):
            session.value("SELECT 1")
        assert time.monotonic() - begun < 10, "no answer is waited for"


def test_a_server_that_restarts_in_the_middle_is_lost_and_then_there_again() -> None:
    with ExitStack() as stack:
        server = started(stack, stack.enter_context(network()), Node("a", "mariadb-10.11"))["a"]
        with opened(server) as session:
            restarting = threading.Thread(target=server.service.container.restart, kwargs={"timeout": 5})
            restarting.start()
            with pytest.raises(faults.LostError):
                session.value("SELECT SLEEP(30)")
            restarting.join()
        wait_until(lambda: _version(server), 60, "it answers again")


def _version(server: Running) -> str:
    try:
        with server.sql() as session:
            return str(session.version)
    except faults.ServerError:
        return ""


def test_the_default_database_and_the_roots_login_are_as_given(five: dict[str, Running]) -> None:
    with MySql(OneLogin(ROOT)).open(five["mysql-9.7"].address, "mysql") as session:
        assert session.value("SELECT DATABASE()") == "mysql"
    with pytest.raises(faults.StatementError) as unknown:
        MySql(OneLogin(ROOT)).open(five["mysql-9.7"].address, "no such")
    assert unknown.value.number == 1049


def test_too_many_connections_is_busy_and_not_a_wrong_password(five: dict[str, Running]) -> None:
    server = five["mariadb-10.5"]
    with opened(server) as root:
        most = root.value("SELECT @@GLOBAL.max_connections")
        root.execute("CREATE USER low@'%' IDENTIFIED BY 'x'")
        root.execute("SET GLOBAL max_connections = 10")
        try:
            with ExitStack() as stack, pytest.raises(faults.BusyError):
                [stack.enter_context(opened(server, "low", "x")) for _ in range(12)]
        finally:
            root.execute(f"SET GLOBAL max_connections = {most}")
            root.execute("DROP USER low@'%'")
