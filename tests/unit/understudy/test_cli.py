"""The command line as a person and a script meet it: what it says, and with which code it leaves."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from support import COMMAND, free_port
from understudy import __version__
from understudy.cli import app, guarded
from understudy.config import Settings
from understudy.configfile import load
from understudy.errors import SettingsError, UnderstudyError
from understudy.proxy.supervisor import START_S

STACKS = """
[stacks.old]
url = "http://127.0.0.1:9"
role = "primary"
[stacks.new]
url = "http://127.0.0.1:9"
role = "shadow"
"""


def understudy(*arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        capture_output=True, text=True, timeout=120, env={**os.environ, "NO_COLOR": "1", "COLUMNS": "120", **environ},
    )  # fmt: skip


def invoke(*arguments: object) -> Result:
    """A command in this process, for what needs no process of its own; what it raises is in `exception`."""
    return CliRunner().invoke(app, [*map(str, arguments)], env={"NO_COLOR": "1"})


def one_line(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line (and its hint) that a failed command says."""
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0].startswith("understudy: "), done.stderr
    assert len(lines) == 1 or (len(lines) == 2 and lines[1].startswith("  hint: ")), done.stderr
    return lines[0]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Good settings."""
    path = tmp_path / "u.toml"
    ports = f'[proxy]\nlisten = "127.0.0.1:{free_port()}"\ncontrol = "127.0.0.1:{free_port()}"\n'
    path.write_text(f'state_dir = "state"\n{ports}{STACKS}')
    return path


def test_the_version_is_printed() -> None:
    done = understudy("--version")
    assert (done.returncode, done.stdout) == (0, f"understudy {__version__}\n")


def test_python_m_is_the_same_command() -> None:
    done = subprocess.run(
        [COMMAND.with_name("python"), "-m", "understudy", "--version"], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, f"understudy {__version__}\n")


@pytest.mark.parametrize("command", ["", "init", "check", "run", "status", "ramp", "demo"])
def test_every_command_has_help(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"], env={"NO_COLOR": "1"})
    assert result.exit_code == 0
    assert "Usage:" in result.output
    assert command or "Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 130 interrupted." in result.output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_there(shell: str) -> None:
    done = understudy(_UNDERSTUDY_COMPLETE=f"complete_{shell}", **COMPLETING[shell])
    assert "status" in done.stdout, done.stderr


COMPLETING = {
    "bash": {"COMP_WORDS": "understudy sta", "COMP_CWORD": "1"},
    "zsh": {"_TYPER_COMPLETE_ARGS": "understudy sta"},
    "fish": {"_TYPER_COMPLETE_ARGS": "understudy sta", "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
}


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["ramp"], ["ramp", "many"], ["ramp", "101"], ["ramp", "--", "-1"], ["run", "--fast"]]
)
def test_wrong_usage_leaves_with_2(arguments: list[str]) -> None:
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)


def test_init_writes_a_file_that_check_finds_good_and_overwrites_none(tmp_path: Path) -> None:
    file = tmp_path / "new.toml"
    done = invoke("init", file)
    assert (done.exit_code, done.exception) == (0, None)
    assert f"understudy check -c {file}" in done.output
    assert invoke("check", "-c", file).exit_code == 0
    file.write_text("mine")
    assert f"{file}: is there already" in str(invoke("init", file).exception)
    assert file.read_text() == "mine"
    assert invoke("init", file, "--force").exit_code == 0
    assert load(file).primary == "old"
    assert "can't be written" in str(invoke("init", tmp_path / "no" / "u.toml").exception)


def test_check_says_who_answers_and_as_json_every_setting(file: Path) -> None:
    done = invoke("check", "-c", file)
    assert done.output == f"{file}: good. Users are answered by old; asked as well: new.\n"
    answer = json.loads(invoke("check", "-c", file, "--json").output)
    assert answer["ok"] is True
    assert set(answer["settings"]) == set(Settings.__struct_fields__)


BROKEN = {
    "missing file": (None, "no such file"),
    "typo": ("[mirror]\npercnt = 5\n", "mirror.percnt: no such key; accepted: percent, "),
    "range": ("[mirror]\npercent = 101\n", "mirror.percent: 101 given; accepted: a number from 0 to 100"),
    "no TOML": ("[mirror\n", "not TOML"),
    "state_dir too long": (f'state_dir = "{"x" * 120}"\n', "state_dir: "),
    "hooks missing": ('hooks = "none.py"\n', "none.py: no such file"),
    "hooks broken": ('hooks = "broken.py"\n', "broken.py: SyntaxError: "),
    "hooks empty": ('hooks = "empty.py"\n', "empty.py: defines none of select, shadow_headers, on_exchange"),
    "hooks that leave": ('hooks = "leaves.py"\n', "leaves.py: SystemExit: 3"),
    "TLS files missing": ('[proxy]\ntls_cert = "no.pem"\ntls_key = "no.key"\n', "proxy.tls_cert: "),
    "TLS files wrong": ('[proxy]\ntls_cert = "empty.py"\ntls_key = "empty.py"\n', "proxy.tls_cert: "),
    "token missing": ('[proxy]\ncontrol = "0.0.0.0:1"\ntoken_file = "none"\n', "proxy.token_file: "),
    "token empty": ('[proxy]\ncontrol = "0.0.0.0:1"\ntoken_file = "blank"\n', "blank: is empty"),
    "mask key missing": ('[masks]\nkey_file = "none"\n', "masks.key_file: "),
    "mask key empty": ('[masks]\nkey_file = "blank"\n', "blank: is empty"),
    "authority missing": (
        '[stacks.x]\nurl = "https://h"\nrole = "shadow"\nca_file = "none"\n',
        "stacks.x.ca_file: ",
    ),
    "authority wrong": (
        '[stacks.x]\nurl = "https://h"\nrole = "shadow"\nca_file = "empty.py"\n',
        "stacks.x.ca_file: ",
    ),
}


@pytest.fixture
def broken(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, str]:
    (tmp_path / "broken.py").write_text("def select(request:\n")
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(3)\n")
    (tmp_path / "empty.py").write_text("x = 1\n")
    (tmp_path / "blank").write_text(" \n")
    settings, expected = BROKEN[request.param]
    file = tmp_path / "u.toml"
    if settings is not None:
        file.write_text(settings + STACKS)
    return file, expected


@pytest.mark.parametrize("broken", BROKEN, indirect=True)
def test_check_tells_wrong_settings_in_a_line(broken: tuple[Path, str]) -> None:
    file, expected = broken
    error = CliRunner().invoke(app, ["check", "-c", str(file)]).exception
    assert isinstance(error, SettingsError)
    assert expected in error.message
    assert "\n" not in error.message


@pytest.mark.parametrize(
    "broken", ["missing file", "hooks broken", "TLS files wrong", "mask key missing"], indirect=True
)  # fmt: skip
def test_run_tells_them_at_once_and_starts_nothing(broken: tuple[Path, str]) -> None:
    file, expected = broken
    began = time.monotonic()
    assert expected in one_line(understudy("run", "-c", file), 2)
    assert time.monotonic() - began < START_S, "it waits for no worker"


@pytest.mark.parametrize("key", ["listen", "control"])
def test_a_port_in_use_is_told_with_the_setting_to_change(file: Path, key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = understudy("run", "-c", file, **{f"UNDERSTUDY_PROXY__{key.upper()}": f"127.0.0.1:{port}"})
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert f"understudy: proxy.{key}: 127.0.0.1:{port} is in use by another process" in done.stderr
    assert f"ss -ltnp 'sport = :{port}'" in done.stderr


def test_an_address_that_can_not_be_bound_is_told(file: Path) -> None:
    done = understudy("run", "-c", file, UNDERSTUDY_PROXY__LISTEN="no-such-host.invalid:80")
    assert done.returncode == 1
    assert "understudy: proxy.listen: no-such-host.invalid:80: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_state_dir_that_can_not_be_made_is_told(file: Path) -> None:
    (file.parent / "state").write_text("a file")
    message = one_line(understudy("run", "-c", file), 1)
    assert message == f"understudy: state_dir: {file.parent / 'state'}: File exists"


@pytest.mark.parametrize("arguments", [["status"], ["status", "--json"], ["ramp", "50"]])
def test_asking_when_nothing_runs_is_told(file: Path, arguments: list[str]) -> None:
    message = one_line(understudy(*arguments, "-c", file), 1)
    assert message.endswith(f"no Understudy answers on {file.parent / 'state' / 'control.sock'}")


def test_the_default_file_is_understudy_toml_where_one_stands(tmp_path: Path) -> None:
    done = subprocess.run([COMMAND, "check"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.startswith("understudy: understudy.toml: no such file")


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (UnderstudyError("x"), 1),
        (SettingsError("x"), 2),
        (KeyboardInterrupt(), 130),
        (SystemExit(), 0),
        (SystemExit(3), 3),
        (SystemExit("words"), 1),
    ],
)
def test_how_a_command_ends_decides_the_exit_code(raised: BaseException, code: int) -> None:
    def command() -> None:
        raise raised

    assert guarded(command) == code
