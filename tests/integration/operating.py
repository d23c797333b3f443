"""An operator at the command line: settings in a file, `understudy migrate …` as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from containers import ROOT_PASSWORD
from support import COMMAND


class Told(NamedTuple):
    """What a command has said."""

    code: int
    out: str
    err: str


class Operator:
    """`understudy migrate COMMAND -c FILE`, with these settings: TOML beneath [migrate]."""

    def __init__(self, folder: Path, source: str, more: str = "", user: str = "root", password: str = ROOT_PASSWORD):
        self.file = folder / "understudy.toml"
        self.password_file = folder / "password"
        self.password_file.write_text(f"{password}\n")
        self.file.write_text(
            f'[migrate]\nsource = "{source}"\nuser = "{user}"\npassword_file = "password"\nconnect_ms = 2000\n'
            f'tls = {{ verify = "none" }}\n{more}\n'
        )

    def ask(self, *arguments: str) -> Told:
        """Run it to its end."""
        environ = {**os.environ, "COLUMNS": "140"}
        done = subprocess.run(
            [COMMAND, "migrate", *arguments, "-c", self.file],
            capture_output=True,
            text=True,
            timeout=60,
            env=environ,
        )
        return Told(done.returncode, done.stdout, done.stderr)

    def json(self, *arguments: str) -> Any:
        """Run it with --json: what it prints, read."""
        told = self.ask(*arguments, "--json")
        assert told.code == 0, told
        return json.loads(told.out)
