"""Servers' own client programs: how they are told where to log in, without a password that anybody else could see.

They read their options, the password among them, from a pipe that they inherit as standard input: nothing is on the
command line, in the environment or on a disk, and the same works for a program within a container (`docker exec -i`).
Measured: mysqldump 9.7, mariadb-dump 10.11, mariadb-upgrade 10.11.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from msgspec import Struct

from understudy.errors import UnderstudyError
from understudy.migrate.logins import Login
from understudy.migrate.rows import split_address
from understudy.migrate.versions import Flavour

OPTION = "--defaults-file=/dev/stdin"
_MODES = {"identity": "VERIFY_IDENTITY", "ca": "VERIFY_CA", "none": "REQUIRED"}
_VERSIONS = {"1.2": "TLSv1.2,TLSv1.3", "1.3": "TLSv1.3"}


class ProgramError(UnderstudyError):
    """A client program can't be run, or failed."""


class Client(Struct, frozen=True):
    """A login for a program of this flavour; `encrypted` is whether our own session with that server is."""

    address: str
    login: Login
    flavour: Flavour
    encrypted: bool


def flavour_of(command: Sequence[str]) -> Flavour:
    """Whose program it is, by what it says of its version. Raises ProgramError where it can't be run."""
    try:
        done = subprocess.run(
            [*command, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = getattr(error, "strerror", None) or "it does not answer"
        raise ProgramError(
            f"{' '.join(command)}: can't be run: {reason}", "is it installed, and its name right?"
        ) from None
    if not done.stdout:  # mariadb-upgrade ends with 1 after it has said its version
        raise ProgramError(f"{' '.join(command)} --version failed: {done.stderr.strip()[-300:]}")
    return Flavour.MARIADB if "mariadb" in done.stdout.lower() else Flavour.MYSQL


def options(client: Client) -> str:
    """The option file's text."""
    host, port = split_address(client.address)
    lines = ["[client]", "protocol=tcp", f"host={quoted(host)}", f"port={port}", f"user={quoted(client.login.user)}"]
    lines += [f"password={quoted(client.login.password.reveal())}", *_tls(client)]
    return "\n".join(lines) + "\n"


def _tls(client: Client) -> Iterator[str]:
    tls = client.login.tls
    if not client.encrypted:
        yield "ssl-mode=DISABLED" if client.flavour is Flavour.MYSQL else "skip-ssl"
        return
    if client.flavour is Flavour.MYSQL:
        yield f"ssl-mode={_MODES[tls.verify]}"
    else:
        yield "ssl"
        yield "ssl-verify-server-cert" if tls.verify == "identity" else "skip-ssl-verify-server-cert"
    for name in ("ca", "cert", "key"):
        if file := getattr(tls, name):
            yield f"ssl-{name}={quoted(os.path.abspath(file))}"
    if versions := _VERSIONS.get(tls.minimum):
        yield f"tls-version={versions}"


def quoted(value: str) -> str:
    """A value of an option file (MySQL manual, "Using Option Files")."""
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


@contextmanager
def given_by_pipe(client: Client) -> Iterator[tuple[str, int]]:
    """The option for a program, and the descriptor that is to be its standard input."""
    reading, writing = os.pipe()
    try:
        os.write(writing, options(client).encode())  # a pipe holds 64 KiB
        os.close(writing)
        yield OPTION, reading
    finally:
        os.close(reading)
