"""The demo's child processes: started, waited for, and never left behind."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from support import free_port, wait_until
from understudy.demo.children import Children, free_ports, output, ready
from understudy.errors import StartError

SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
SPEAKER = "import sys; print('one thing', file=sys.stderr); print('address in use', file=sys.stderr); sys.exit(3)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_child_is_ready_when_it_answers_and_gone_afterwards(tmp_path: Path) -> None:
    port = free_port()
    with Children(tmp_path) as children:
        child = children.start("shop", ["-c", SERVER, str(port)])
        await ready(child, f"http://127.0.0.1:{port}/health")
        assert lives(child.process.pid)
    assert not lives(child.process.pid)


async def test_a_child_that_ends_before_it_is_ready_is_quoted(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        child = children.start("old stack", ["-c", SPEAKER])
        with pytest.raises(StartError) as raised:
            await ready(child, f"http://127.0.0.1:{free_port()}/")
    assert raised.value.message == "old stack ended with exit code 3"
    assert raised.value.hint.splitlines() == ["the last lines of its log:", "    one thing", "    address in use"]


async def test_a_child_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        child = children.start("new stack", ["-c", DEAF])
        with pytest.raises(StartError, match=r"new stack is not ready after 0\.2 s"):
            await ready(child, f"http://127.0.0.1:{free_port()}/", deadline_s=0.2)
        child.process.kill()


async def test_a_child_that_ends_in_the_middle_is_noticed(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        child = children.start("Understudy", ["-c", DEAF])
        child.process.kill()
        with pytest.raises(StartError, match="Understudy was ended by SIGKILL"):
            async with asyncio.timeout(60):
                await children.watch()


def test_a_child_that_does_not_listen_is_killed_with_its_own_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("understudy.demo.children.STOP_S", 0.1)
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {DEAF!r}]); {DEAF}"
    with Children(tmp_path) as children:
        child = children.start("Understudy", ["-c", parent])
        wait_until(lambda: child.log.read_text().count("deaf") == 2, what="both are deaf")
    assert not lives(child.process.pid)
    wait_until(lambda: not children.living(), what="what was killed is gone")


def test_what_a_killed_child_leaves_is_ended_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.demo.children.STOP_S", 0.1)
    parent = f"import subprocess, sys;subprocess.Popen([sys.executable, '-c', {DEAF!r}], start_new_session=True).wait()"
    with Children(tmp_path) as children:
        child = children.start("Understudy", ["-c", parent])
        wait_until(lambda: "deaf" in child.log.read_text(), what="its child is deaf")
        child.process.kill()
    wait_until(lambda: not children.living(), what="what was killed is gone")


async def test_what_a_command_prints_is_had(tmp_path: Path) -> None:
    assert await output(["-c", "print('hello')"], tmp_path) == b"hello\n"


async def test_a_command_that_fails_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(StartError) as raised:
        await output(["-c", SPEAKER], tmp_path)
    assert "address in use" in raised.value.hint


async def test_the_users_own_settings_do_not_reach_a_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_PROXY__LISTEN", "0.0.0.0:80")
    assert await output(["-c", "import os; print('UNDERSTUDY_PROXY__LISTEN' in os.environ)"], tmp_path) == b"False\n"


def test_ports_are_free_and_different() -> None:
    ports = free_ports(4)
    assert len(set(ports)) == 4
    for port in ports:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


def test_where_no_port_is_to_be_had_it_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(StartError, match=r"no port to be had on 127\.0\.0\.1: Too many open files"):
        free_ports(1)
