"""What an operator is told by `status`, `grants` and `log` when something is wrong: exit code, one line, what to do."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from containers import ROOT_PASSWORD, network
from integration.operating import Operator, Told, watching
from integration.test_discover import listening, refusing
from integration.trees import NEW, OLD, Node, Running, break_replication, fed, follow, settled, started, tree
from support import COMMAND, free_port, wait_until
from understudy.migrate import commands
from understudy.migrate.sqltext import identifier
from understudy.migrate.words import Word

pytestmark = pytest.mark.integration

COMMANDS = ("status", "log")  # those that go on with whom they reach; `grants` only reads a greeting
NEEDING = ("check", "plan", "verify", "watch --once")  # those that can't do without the source
NOBODY = "o'neil `ü`"


def asked(
    folder: Path, address: str, command: str, tls: str = 'verify = "none"', password: str = "", connect_ms: int = 15_000
) -> Told:
    """What one of `COMMANDS` or `NEEDING` says of a source; a new source is named for those that want one."""
    target = f'target = {{ new_source = "127.0.0.1:{free_port()}" }}' if command in ("plan", "verify") else ""
    operator = Operator(folder, address, target, password=password or ROOT_PASSWORD, connect_ms=connect_ms)
    operator.file.write_text(f'state_dir = "state"\n{operator.file.read_text()}'.replace('verify = "none"', tls))
    return operator.ask(*command.split())


def line(told: Told) -> str:
    """The one line on standard error that says what is wrong; beneath it there is only a hint."""
    first, *rest = told.err.splitlines() or [""]
    assert "Traceback" not in told.err
    assert all(one.startswith("  hint: ") for one in rest), told.err
    return first


def hint(told: Told) -> str:
    return told.err.partition("  hint: ")[2]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Running]]:
    """5.6 with 9.7 beneath it, and a MariaDB that belongs to nobody."""
    nodes = (Node("a", "mysql-5.6", options=OLD), Node("b", "mysql-9.7", "a", NEW), Node("c", "mariadb-11.8"))
    with tree(*nodes) as found:
        yield found


@pytest.fixture
def nobody(servers: dict[str, Running]) -> Iterator[tuple[str, str]]:
    """An account on the source, with a name that has to be quoted, that may do nothing."""
    with servers["a"].sql() as root, root.unlogged():
        root.execute(f"CREATE USER {identifier(NOBODY)}@'%' IDENTIFIED BY 'x'")
    yield NOBODY, "x"
    with servers["a"].sql() as root, root.unlogged():
        root.execute(f"DROP USER {identifier(NOBODY)}@'%'")


@pytest.mark.parametrize("command", [*COMMANDS, *NEEDING])
def test_a_wrong_password_is_told_with_where_it_is_set_and_never_shown(
    servers: dict[str, Running], command: str, tmp_path: Path
) -> None:
    address = servers["a"].address
    told = asked(tmp_path, address, command, password="Wrong-One-9")
    assert told.code == 1
    assert line(told).startswith(f"understudy: {address}: Access denied for user 'root'@")
    assert "password_file under [migrate]" in hint(told)
    assert "Wrong-One-9" not in told.out + told.err


@pytest.mark.parametrize("command", [*COMMANDS, *NEEDING])
def test_a_password_file_that_is_not_there_is_a_wrong_setting(command: str, tmp_path: Path) -> None:
    target = f'target = {{ new_source = "127.0.0.1:{free_port()}" }}'
    operator = Operator(tmp_path, f"127.0.0.1:{free_port()}", target)
    operator.password_file.unlink()
    told = operator.ask(*command.split())
    assert (told.code, told.out) == (2, "")
    assert f"password_file {operator.password_file}: can't be read: No such file or directory" in line(told)


def test_an_account_without_privileges_sees_what_is_public_and_is_told_each_that_it_lacks(
    servers: dict[str, Running], nobody: tuple[str, str], tmp_path: Path
) -> None:
    user, password = nobody
    operator = Operator(tmp_path, servers["a"].address, user=user, password=password)
    told = operator.ask("status")
    assert (told.code, told.err) == (0, "")
    for gap in (
        "whom it follows: the account lacks a privilege: SUPER or REPLICATION CLIENT (error 1227);"
        " GRANT REPLICATION CLIENT lets it",
        "its replicas: the account lacks a privilege: REPLICATION SLAVE (error 1227); GRANT REPLICATION SLAVE lets it",
    ):
        assert f"{servers['a'].address}: not known: {gap}" in told.out
    server = operator.json("status")["trees"][0]["server"]
    assert any("GRANT REPLICATION SLAVE lets it" in gap for gap in server["missing"])


def test_the_privilege_for_the_error_log_is_named(servers: dict[str, Running], tmp_path: Path) -> None:
    server = servers["b"]
    with server.sql() as root, root.unlogged():
        root.execute(root.dialect.sql(Word.READ_WRITE))
        root.execute("CREATE USER reader@'%' IDENTIFIED BY 'x'")
        root.execute(root.dialect.sql(Word.READ_ONLY))
    told = Operator(tmp_path, server.address, user="reader", password="x").ask("log")
    assert told.code == 0
    assert f"{server.address}: no log: the account lacks a privilege: SELECT ON " in told.err
    assert "error_log" in told.err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("name", "tls", "says", "what_to_do"),
    [
        ("a", "required = true", "SSL is required but the server doesn't support it", "required = false"),
        ("b", 'verify = "identity"', "its certificate is not trusted: self-signed", 'tls = { ca = "ca.pem" }'),
        ("c", 'verify = "ca"', "its certificate is not trusted: self-signed", 'verify = "none"'),
    ],
)
def test_tls_that_does_not_fit_is_told_with_the_setting_that_would(
    servers: dict[str, Running], command: str, name: str, tls: str, says: str, what_to_do: str, tmp_path: Path
) -> None:
    told = asked(tmp_path, servers[name].address, command, tls)
    assert told.code == 1
    assert f"{servers[name].address}: {says}" in line(told)
    assert what_to_do in hint(told)


@pytest.mark.parametrize("command", NEEDING)
def test_a_certificate_that_is_not_trusted_is_told_by_those_that_need_the_source(
    servers: dict[str, Running], command: str, tmp_path: Path
) -> None:
    told = asked(tmp_path, servers["b"].address, command, 'verify = "identity"')
    assert told.code == 1
    assert line(told).startswith(f"understudy: {servers['b'].address}: its certificate is not trusted: self-signed")
    assert 'tls = { ca = "ca.pem" }' in hint(told)


@pytest.mark.parametrize("command", [*COMMANDS, *NEEDING, "grants"])
def test_a_host_that_is_down_is_told_with_what_to_look_at(command: str, tmp_path: Path) -> None:
    with refusing() as closed:
        told = asked(tmp_path, closed, command)
    assert told.code == 1
    assert line(told) == f"understudy: {closed}: the connection is refused"
    assert "is the server up" in hint(told)


@pytest.mark.parametrize("command", [*COMMANDS, "grants"])
def test_a_name_that_nobody_knows_is_told(command: str, tmp_path: Path) -> None:
    told = Operator(tmp_path, "no-such-host.invalid:3306").ask(command)
    assert told.code == 1
    assert line(told).startswith("understudy: no-such-host.invalid:3306: the name is not known")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        *((command, b"") for command in (*COMMANDS, *NEEDING, "grants")),
        *((command, b"SSH-2.0-OpenSSH_9.2\r\n") for command in (*COMMANDS, "grants")),
    ],
)
def test_what_accepts_and_never_answers_is_given_up_in_seconds(command: str, says: bytes, tmp_path: Path) -> None:
    with listening(says) as address:
        told = asked(tmp_path, address, command, connect_ms=3_000)
    assert told.code == 1
    assert line(told).startswith(f"understudy: {address}: ")
    assert says or "no answer in time" in line(told)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_target_that_is_down_is_drawn_or_named_and_the_rest_is_told(
    servers: dict[str, Running], command: str, tmp_path: Path
) -> None:
    with refusing() as closed:
        told = Operator(tmp_path, servers["a"].address, f'target = {{ new_source = "{closed}" }}').ask(command)
    assert told.code == 0
    assert f"{closed}" in told.out + told.err
    assert "the connection is refused" in told.out + told.err
    assert servers["b"].address in told.out


def test_watch_says_of_a_new_side_that_it_is_not_known_and_why(servers: dict[str, Running], tmp_path: Path) -> None:
    """Exit code 3, and no error: a watch goes on until it is back."""
    old, new = servers["a"].address, servers["b"].address
    operator = Operator(tmp_path, old, f'target = {{ new_source = "{new}" }}', password="Wrong-One-9")
    told = operator.ask("watch", "--once")
    assert (told.code, told.err) == (3, "")
    assert f"{new}  look    not known: Access denied for user 'root'@" in told.out
    assert "Wrong-One-9" not in told.out


def test_json_of_a_failure_is_json_alone_with_the_reason_on_standard_error(tmp_path: Path) -> None:
    with refusing() as closed:
        for command in COMMANDS:
            told = Operator(tmp_path, closed).ask(command, "--json")
            assert told.code == 1
            assert "the connection is refused" in json.dumps(json.loads(told.out))
            assert line(told).startswith("understudy: ")


def test_two_servers_of_one_id_are_told_apart_and_what_to_do_is_said(tmp_path: Path) -> None:
    with tree(Node("a", "mariadb-10.11", server_id=7), Node("b", "mariadb-10.11", server_id=7)) as servers:
        follow(servers["b"], servers["a"])
        wait_until(lambda: servers["b"].channels()[0].error, 20, "its error")
        told = Operator(tmp_path, servers["b"].address).ask("status")
        assert told.code == 0
        said = " ".join(told.out.split())
        assert "server_id 7" in said
        assert "hint: " in said
        assert "error 1593: " in said


def test_a_channel_with_any_name_is_drawn_as_it_is(tmp_path: Path) -> None:
    name = "it's `odd` ü %s"
    with tree(Node("a", "mariadb-11.8"), Node("b", "mariadb-11.8")) as servers:
        follow(servers["b"], servers["a"], channel=name)
        settled(servers["b"])
        fed(servers["a"], servers["b"])
        operator = Operator(tmp_path, servers["a"].address)
        told = operator.ask("status")
        assert (told.code, told.err) == (0, "")
        assert "running" in told.out
        replica = operator.json("status")["trees"][0]["replicas"][0]["server"]
        assert replica["channels"][0]["name"] == name
        with servers["b"].sql() as session:
            session.execute(session.dialect.sql(Word.STOP, name))
        assert "stopped" in operator.ask("status").out


def test_a_source_that_restarts_under_watch_is_drawn_as_gone_and_then_as_back(tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = started(stack, stack.enter_context(network()), Node("a", "mariadb-11.8"))["a"]
        operator = Operator(tmp_path, f"127.0.0.1:{server.service.port}")
        with watching(operator) as screen:
            wait_until(lambda: b"writable" in screen.newly(), 20, "the server")
            server.service.container.stop(timeout=5)
            wait_until(lambda: b"not seen" in screen.newly(), 60, "that it is gone")
            server.service.container.start()
            wait_until(lambda: b"writable" in screen.newly(), 60, "that it is back")
            assert screen.interrupted() in (0, 130)


@pytest.mark.parametrize(("columns", "encoding"), [(30, "utf-8"), (80, "ascii"), (200, "utf-8")])
def test_a_tree_fits_any_terminal_and_any_encoding(
    servers: dict[str, Running], columns: int, encoding: str, tmp_path: Path
) -> None:
    operator = Operator(tmp_path, servers["a"].address)
    environ = {**os.environ, "COLUMNS": str(columns), "PYTHONIOENCODING": encoding}
    done = subprocess.run(
        [COMMAND, "migrate", "status", "-c", operator.file], capture_output=True, timeout=60, env=environ
    )
    assert done.returncode == 0, done.stderr
    drawn = done.stdout.decode(encoding)
    assert max(map(len, drawn.splitlines())) <= columns
    assert ("└" in drawn) == (encoding == "utf-8")


@pytest.mark.parametrize("command", [commands.status, commands.log, commands.grants_])
def test_exit_codes_are_in_the_help(command: Callable[..., None]) -> None:
    assert "Exit code 1 where the source can't be reached" in str(command.__doc__)


def test_replication_that_is_broken_beforehand_is_drawn_with_its_error_and_is_no_failure(
    servers: dict[str, Running], tmp_path: Path
) -> None:
    """The last one here: it breaks what the others look at."""
    break_replication(servers["a"], servers["b"])
    operator = Operator(tmp_path, servers["a"].address)
    told = operator.ask("status")
    assert (told.code, told.err) == (0, "")
    assert "applier stopped" in told.out
    assert "✗ error 1062: " in told.out
    assert "Duplicate entry '1'" in " ".join(told.out.split())
    assert "Duplicate entry" in operator.ask("log", "--severity", "error", "--since", "10m").out
