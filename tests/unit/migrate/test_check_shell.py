"""MySQL Shell's upgrade checker: its command line, and its JSON as its manual and its users' reports show it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from understudy.config import Tls
from understudy.migrate.checks import shell
from understudy.migrate.checks.finding import Severity
from understudy.migrate.logins import Login
from understudy.migrate.sqltext import Secret
from understudy.migrate.versions import Version

OLD, TARGET = Version.parse("5.7.42"), Version.parse("8.0.36")
LOGIN = Login("o'neil", Secret("hunter2"))
DOCUMENT = {
    "serverAddress": "db-1:3306",
    "serverVersion": "5.7.42-log - MySQL Community Server (GPL)",
    "targetVersion": "8.0.36",
    "errorCount": 1,
    "warningCount": 1,
    "noticeCount": 0,
    "summary": "1 errors were found. Please correct these issues before upgrading to avoid compatibility issues.",
    "checksPerformed": [
        {"id": "oldTemporalCheck", "title": "Usage of old temporal type", "status": "OK", "detectedProblems": []},
        {
            "id": "routinesSyntaxCheck",
            "title": "MySQL 8.0 syntax check for routine-like objects",
            "status": "OK",
            "description": "The following objects did not pass a syntax check.",
            "documentationLink": "https://dev.mysql.com/doc/refman/en/keywords.html",
            "detectedProblems": [
                {"level": "Error", "dbObject": "shop.ranks", "description": "at line 5,8: unexpected token 'RANK'"}
            ],
        },
        {
            "id": "utf8mb3Check",
            "title": "Usage of utf8mb3 charset",
            "status": "OK",
            "description": "Warning: The following objects use the utf8mb3 character set.",
            "detectedProblems": [
                {"level": "Warning", "dbObject": "shop", "description": "schema's default character set: utf8"}
            ],
        },
        {
            "id": "removedSysVars",
            "title": "Removed system variables",
            "status": "CONFIGURATION_ERROR",
            "description": "To run this check requires full path to MySQL server configuration file.",
        },
    ],
    "manualChecks": [
        {"id": "defaultAuthenticationPlugin", "title": "New default authentication plugin considerations"}
    ],
}
SCRIPT = """#!/bin/sh
printf '%s\\n' "$@" >> {folder}/arguments
cat > {folder}/input
cat {folder}/answer
exit {code}
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program named mysqlsh on the PATH, which answers with a file."""
    (tmp_path / "mysqlsh").write_text(SCRIPT.format(folder=tmp_path, code=1))
    (tmp_path / "mysqlsh").chmod(0o755)
    (tmp_path / "answer").write_text(f"WARNING: something of the shell's own\n{json.dumps(DOCUMENT, indent=4)}\n")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def test_what_a_stand_in_for_mysqlsh_prints_becomes_findings(stand_in: Path) -> None:
    told = shell.ask("db-1:3306", LOGIN, OLD, TARGET)
    assert told.why_not == ""
    assert [(one.rule, one.severity, one.where, one.found) for one in told.findings] == [
        ("mysqlsh/routinesSyntaxCheck", Severity.ERROR, "shop.ranks", "at line 5,8: unexpected token 'RANK'"),
        ("mysqlsh/utf8mb3Check", Severity.WARNING, "shop", "schema's default character set: utf8"),
        (
            "mysqlsh/removedSysVars",
            Severity.NOTE,
            "",
            "not checked: To run this check requires full path to MySQL server configuration file.",
        ),
        ("mysqlsh/defaultAuthenticationPlugin", Severity.NOTE, "", "to be checked by hand"),
    ]
    assert told.findings[0].mend == ("See https://dev.mysql.com/doc/refman/en/keywords.html",)
    assert told.findings[0].why.startswith("MySQL 8.0 syntax check for routine-like objects The following")


def test_the_password_is_on_standard_input_and_not_on_the_command_line(stand_in: Path) -> None:
    shell.ask("db-1:3306", LOGIN, OLD, TARGET)
    assert (stand_in / "input").read_text() == "hunter2\n"
    arguments = (stand_in / "arguments").read_text()
    assert "hunter2" not in arguments
    assert arguments.splitlines()[0] == "--passwords-from-stdin"
    assert arguments.splitlines()[-5:] == [
        "--", "util", "check-for-server-upgrade", "--output-format=JSON", "--target-version=8.0.36",
    ]  # fmt: skip


@pytest.mark.parametrize("answer", ["", "no JSON", "{", "[]", '{"checksPerformed": 3}', '{"checksPerformed": [{}]}'])
def test_an_answer_that_is_none_is_told_and_never_fatal(stand_in: Path, answer: str) -> None:
    (stand_in / "answer").write_text(answer)
    told = shell.ask("db-1:3306", LOGIN, OLD, TARGET)
    assert told.findings == ()
    assert told.why_not.startswith("mysqlsh said: ")


def test_what_it_says_of_a_failure_is_told_without_the_password(stand_in: Path) -> None:
    (stand_in / "mysqlsh").write_text("#!/bin/sh\necho 'ERROR: access denied using hunter2' >&2\nexit 1\n")
    assert shell.ask("db-1:3306", LOGIN, OLD, TARGET).why_not == "mysqlsh said: ERROR: access denied using …"


def test_a_program_that_can_not_be_run_is_told(stand_in: Path) -> None:
    (stand_in / "mysqlsh").write_text("#!/no/such/interpreter\n")
    assert shell.ask("db-1:3306", LOGIN, OLD, TARGET).why_not == "mysqlsh could not be run: FileNotFoundError"


@pytest.mark.parametrize(
    ("old", "target"), [("5.6.24", "9.7"), ("10.5.23-MariaDB", "11.8-MariaDB"), ("5.7.42", "11.8-MariaDB")]
)
def test_versions_that_it_does_not_check_are_not_asked_about(stand_in: Path, old: str, target: str) -> None:
    told = shell.ask("db-1:3306", LOGIN, Version.parse(old), Version.parse(target))
    assert told.findings == ()
    assert "mysqlsh checks MySQL from 5.7 on" in told.why_not
    assert not (stand_in / "arguments").exists()


def test_where_it_is_not_installed_nothing_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shell.ask("db-1:3306", LOGIN, OLD, TARGET) == shell.Told()


@pytest.mark.parametrize(
    ("tls", "offered", "expected"),
    [
        (Tls(), False, []),
        (Tls(), True, ["--ssl-mode=VERIFY_IDENTITY"]),
        (Tls(required=True, ca="ca.pem"), False, ["--ssl-mode=VERIFY_IDENTITY", "--ssl-ca=ca.pem"]),
        (Tls(verify="ca"), True, ["--ssl-mode=VERIFY_CA"]),
        (Tls(required=True, verify="none"), True, ["--ssl-mode=REQUIRED"]),
    ],
)
def test_it_is_as_strict_about_tls_as_our_own_sessions(tls: Tls, offered: bool, expected: list[str]) -> None:
    given = shell.arguments("[::1]:3307", Login("u", tls=tls), TARGET, with_tls=offered)
    assert [one for one in given if one.startswith("--ssl")] == expected
    assert given[2:4] == ["--host=::1", "--port=3307"]
