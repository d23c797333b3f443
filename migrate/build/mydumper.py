"""Rows through mydumper: several tables at once. Which tables, and what it is told; `mydumping` runs it.

What it writes are bytes as the tables hold them (SET NAMES binary): whatever a column's character set is, they mean the
same on the other side.

Measured with Debian's mydumper 0.10.1, which calls itself 0.10.0, on MySQL 5.6 and 9.7 and MariaDB 10.5 and 10.11: a
name with a backtick is not quoted, and tables of another schema are then looked for in that one; SELECT * leaves
invisible columns out; FLOAT has six digits; a certificate is held against --ca, but never against the server's name.
"""

from __future__ import annotations

import os
import re
import shlex
import ssl
import subprocess
from collections.abc import Iterable, Sequence

from understudy.config import Tls
from understudy.migrate.build import definitions, literals, program
from understudy.migrate.build.defaults import ProgramError, quoted
from understudy.migrate.build.inventory import Made, Table
from understudy.migrate.logins import Login
from understudy.migrate.rows import split_address
from understudy.migrate.versions import Version

FITTING = "0.10."
GEOMETRIES = frozenset(
    {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"}
    | {"geomcollection", "geometrycollection"}
)
KINDS = literals.NUMBERS | literals.TIMES | literals.TEXTS | literals.BYTES | GEOMETRIES | {"bit", "json"}
PATTERN_BYTES = 60_000  # of a regular expression; PCRE's own limit is 64 KiB compiled
_PLAIN = re.compile(r"[0-9A-Za-z_$-]+")


def is_meant(command: str) -> bool:
    """Whether a command, perhaps run within a container, is mydumper."""
    return any(os.path.basename(word) == "mydumper" for word in shlex.split(command))


def why_not(table: Table) -> str:
    """Why a table's rows are not exact in its files; empty where they are."""
    if reason := program.why_not(table):
        return reason
    if not (_PLAIN.fullmatch(table.made.schema) and _PLAIN.fullmatch(table.made.name)):
        return "names are not quoted as they should be"
    if "INVISIBLE" in table.made.sql.upper():
        return "invisible columns are left out"
    if strange := {column.kind for column in table.columns} - KINDS:
        return f"the bytes of {', '.join(sorted(strange))} are not known to be exact"
    return ""


def chosen(tables: Sequence[Table], left_out: Sequence[Made]) -> list[Table]:
    """Those of the tables that it can dump, with none whose name differs by case alone from one that is left out."""
    fitting = [table for table in tables if not why_not(table)]
    others = {dotted(table.made).lower() for table in tables if why_not(table)}
    others |= {dotted(made).lower() for made in left_out}
    return [table for table in fitting if dotted(table.made).lower() not in others]


def pattern(tables: Iterable[Table]) -> str:
    """What matches "schema.table" of these tables' schemas and of no other, where the table's name is a plain one."""
    schemas = sorted({re.escape(table.made.schema) for table in tables})
    found = rf"\A(?:{'|'.join(schemas)})\.[0-9A-Za-z_$-]+\z"
    if len(found) > PATTERN_BYTES:
        raise ProgramError(f"mydumper can't be told of {len(schemas):,} schemas at once", "leave dump_program out")
    return found


def require_fit(command: str, login: Login, *, encrypted: bool) -> None:
    """Raise ProgramError where the program is another than was measured, or would trust whom we don't."""
    words = shlex.split(command)
    try:
        said = subprocess.run(
            [*words, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = getattr(error, "strerror", None) or "it does not answer"
        raise ProgramError(f"{command}: can't be run: {reason}", "is it installed, and its name right?") from None
    found = re.search(r"mydumper v?(\d\S*?),?(\s|$)", said.stdout)
    if not found:
        raise ProgramError(f"{command} --version says nothing of itself: {(said.stdout + said.stderr).strip()[-300:]}")
    if not found[1].startswith(FITTING):
        raise ProgramError(
            f"{command} is mydumper {found[1]}, and Understudy knows how {FITTING}x is run, which Debian ships",
            "name another dump_program; or leave it out, and Understudy reads the rows itself",
        )
    if encrypted and (login.tls.verify == "identity" or login.tls.minimum == "1.3"):
        raise ProgramError(
            f"mydumper {found[1]} can't do with TLS what is asked for: "
            f'verify = "{login.tls.verify}", minimum = "{login.tls.minimum}"',
            'tls = { verify = "ca" } for this server, with a ca of its own; or leave dump_program out',
        )


def tls_options(tls: Tls, *, encrypted: bool) -> list[str]:
    """Options that have it speak to the server as our own session does."""
    if not encrypted:
        return []
    files = {"cert": tls.cert, "key": tls.key}
    if tls.verify != "none":
        files["ca"] = tls.ca or ssl.get_default_verify_paths().cafile or ""
        if not files["ca"]:  # without, it would trust whoever answers: measured
            raise ProgramError(
                "mydumper needs a file of certificate authorities, and the system has none", "set tls.ca"
            )
    return ["--ssl", *(f"--{name}={os.path.abspath(file)}" for name, file in files.items() if file)]


def login_file(address: str, login: Login, old: Version) -> str:
    """Its option file: who it is, and that its sessions read as ours do."""
    host, port = split_address(address)
    settings = ", ".join(statement.removeprefix("SET ") for statement in definitions.reading(old))
    lines = ["[client]", "protocol=tcp", f"host={quoted(host)}", f"port={port}", f"user={quoted(login.user)}"]
    # A schema whose name it does not quote isn't selected, and what it asks for then needs one: its first may be that.
    lines += ["database=information_schema"]
    lines += [f"password={quoted(login.password.reveal())}", f"init-command={quoted(f'SET {settings}')}"]
    return "\n".join(lines) + "\n"


def dotted(made: Made) -> str:
    """As it names a table itself."""
    return f"{made.schema}.{made.name}"
