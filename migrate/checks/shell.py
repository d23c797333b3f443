"""MySQL Shell's own upgrade checker, where it is installed: its findings beside ours, as rules "mysqlsh/…".

It checks servers from 5.7 on, against a target up to its own version (MySQL Shell manual, "Upgrade Checker Utility").
The password goes in by standard input, never by its command line. Whatever goes wrong here is told and never fatal.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from understudy.migrate.checks.finding import Finding, Severity
from understudy.migrate.logins import Login
from understudy.migrate.rows import split_address
from understudy.migrate.sqltext import hide
from understudy.migrate.versions import Version

PROGRAM = "mysqlsh"
PATIENCE_S = 600
LEVELS = {"Error": Severity.ERROR, "Warning": Severity.WARNING, "Notice": Severity.NOTE}
TLS_MODES = {"identity": "VERIFY_IDENTITY", "ca": "VERIFY_CA", "none": "REQUIRED"}


class Told(NamedTuple):
    """What the shell has found; `why_not` is why it found nothing, empty where it ran."""

    findings: tuple[Finding, ...] = ()
    why_not: str = ""


def ask(address: str, login: Login, old: Version, target: Version, *, with_tls: bool = False) -> Told:
    """Run it against the old source, where it is installed and knows these versions. Never raises.

    `with_tls` says that the server offers TLS, which is then insisted on, as our own sessions do.
    """
    program = shutil.which(PROGRAM)
    if not program:
        return Told()
    if not (old.is_mysql(5, 7) and target.is_mysql(8)):
        return Told(why_not=f"mysqlsh checks MySQL from 5.7 on, not {old} to {target}")
    try:
        ran = subprocess.run(
            [program, *arguments(address, login, target, with_tls=with_tls)],
            input=f"{login.password.reveal()}\n",
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            errors="replace",
        )
        return Told(tuple(findings(address, parsed(ran.stdout))))
    except (OSError, subprocess.SubprocessError) as error:
        return Told(why_not=f"mysqlsh could not be run: {type(error).__name__}")
    except (ValueError, KeyError, TypeError, AttributeError):
        said = hide(ran.stderr.strip() or "nothing that can be read", [login.password])
        return Told(why_not=f"mysqlsh said: {said[:300]}")


def arguments(address: str, login: Login, target: Version, *, with_tls: bool = False) -> list[str]:
    """Its command line, without the password."""
    host, port = split_address(address)
    tls = [f"--ssl-mode={TLS_MODES[login.tls.verify]}"] if with_tls or login.tls.required else []
    tls += [f"--ssl-ca={login.tls.ca}"] if login.tls.ca else []
    return [
        "--passwords-from-stdin", "--quiet-start=2", f"--host={host}", f"--port={port}", f"--user={login.user}",
        *tls, "--", "util", "check-for-server-upgrade", "--output-format=JSON",
        f"--target-version={'.'.join(map(str, target.numbers))}",
    ]  # fmt: skip


def parsed(said: str) -> Mapping[str, Any]:
    """The document among what it prints. Raises ValueError where there is none."""
    begin = said.index("{")
    return dict(json.JSONDecoder().raw_decode(said[begin:])[0])


def findings(address: str, document: Mapping[str, Any]) -> Iterator[Finding]:
    """Its detected problems; as notes, why a check could not be run, and what it leaves to be checked by hand."""
    for check in document["checksPerformed"]:
        rule, why = f"mysqlsh/{check['id']}", _sentence(check)
        if check.get("status", "OK") != "OK":
            said = f"not checked: {check.get('description', '')}"
            yield Finding(rule, Severity.NOTE, address, said, str(check["title"]))
        for problem in check.get("detectedProblems", ()):
            severity = LEVELS.get(problem.get("level", ""), Severity.NOTE)
            found = problem.get("description") or check["title"]
            yield Finding(rule, severity, address, found, why, problem.get("dbObject", ""), _mend(check, problem))
    for check in document.get("manualChecks", ()):
        rule = f"mysqlsh/{check['id']}"
        yield Finding(rule, Severity.NOTE, address, "to be checked by hand", _sentence(check), "", _mend(check, {}))


def _sentence(check: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (check["title"], check.get("description")))).replace("\n", " ")


def _mend(check: Mapping[str, Any], problem: Mapping[str, Any]) -> tuple[str, ...]:
    """Newer versions name solutions; older ones a page to read."""
    solutions = problem.get("solutions") or check.get("solutions") or ()
    link = check.get("documentationLink")
    return (*map(str, solutions), *([f"See {link}"] if link else []))
