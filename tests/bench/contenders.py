"""Who checksums the pair: `understudy migrate verify` and pt-table-checksum, each as an operator would run it.

Both are allowed the same lag. Everything else is as each has it by default; pt-table-checksum is run once more with
chunks of two seconds, which suits large tables. The whole command is measured, start included.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from dataset import DATABASE
from pair import Pair
from processes import BenchError

from containers import ROOT_PASSWORD

MAX_LAG_S = 1  # pt-table-checksum's default
LEAD_S = 2.0  # until a contender that was started beside a load is at work: its start and first look take a second
PATIENCE_S = 600
PID_FILE = "/tmp/pt-table-checksum.pid"
EQUAL, UNDECIDED, DIFFERENT = 0, 3, 4  # exit codes of verify
DIFFERENCES = 16  # pt-table-checksum's exit status is a bit mask: a replica differs
PT_ROW = re.compile(r"^\d\d-\d\dT\S+ +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +([\d.]+) +(\S+)$", re.MULTILINE)


class Checked(NamedTuple):
    """What a contender says of one run: rows that it checksummed, tables where it found a difference."""

    rows: int
    differing: list[str]


class Contender(NamedTuple):
    """A command: how to start it, how its answer is read, and which exit codes are an answer."""

    name: str
    command: Sequence[str | Path]
    read: Callable[[str], Checked]
    codes: tuple[int, ...]
    halt: Sequence[str] = ()  # what ends it where a signal to the command doesn't

    def run(self) -> Checked:
        """Run it to its end. Raises BenchError where it fails."""
        done = subprocess.run(self.command, capture_output=True, text=True, timeout=PATIENCE_S)
        if done.returncode not in self.codes:
            raise BenchError(f"{self.name}: exit {done.returncode}: {(done.stderr + done.stdout)[-1500:]}")
        return self.read(done.stdout)

    @contextmanager
    def beside(self) -> Iterator[list[str]]:
        """It runs again and again meanwhile, and is ended afterwards: what went wrong in it."""
        ended, wrong = threading.Event(), []
        thread = threading.Thread(target=self._again, args=(ended, wrong), name=self.name)
        thread.start()
        try:
            time.sleep(LEAD_S)
            yield wrong
        finally:
            ended.set()
            thread.join()

    def _again(self, ended: threading.Event, wrong: list[str]) -> None:
        while not ended.is_set():
            with subprocess.Popen(
                self.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            ) as process:
                while process.poll() is None and not ended.wait(0.05):
                    pass
                if ended.is_set():
                    subprocess.run(self.halt, capture_output=True) if self.halt else process.terminate()
                elif process.returncode not in self.codes:
                    wrong.append(f"exit {process.returncode}: {process.communicate()[1][-500:]}")
                    return


def understudy(pair: Pair, name: str, command: Path, folder: Path) -> Contender:
    """`understudy migrate verify` with the source as the old tree's and the replica as the new source."""
    (folder / "password").write_text(f"{ROOT_PASSWORD}\n")
    settings = folder / "understudy.toml"
    settings.write_text(
        f'state_dir = "{folder}/state"\n[migrate]\nsource = "{pair.source.address}"\nuser = "root"\n'
        'password_file = "password"\ntls = { verify = "none" }\n'
        f'[migrate.target]\nnew_source = "{pair.replica.address}"\n'
        f"[migrate.verify]\nmax_lag_s = {MAX_LAG_S}\n"
    )
    wanted = [command, "migrate", "verify", "-c", settings, "--json", "--data-only", "--restart"]
    return Contender(name, wanted, verified, (EQUAL, UNDECIDED, DIFFERENT))


def verified(text: str) -> Checked:
    """What `migrate verify --json` says; a table that it could not decide counts as one that differs."""
    (run,) = json.loads(text)["runs"]
    return Checked(run["rows"], sorted(table["name"] for table in run["tables"] if table["result"] != "equal"))


def percona(pair: Pair, name: str, *options: str) -> Contender:
    """pt-table-checksum, which finds the replica itself; it writes its sums into the source, and so the replica."""
    command = [
        "docker", "exec", str(pair.tools.service.container.id), "pt-table-checksum",
        f"h={pair.source.node.name},u=root,p={ROOT_PASSWORD}", f"--databases={DATABASE}",
        "--recursion-method=processlist", "--no-check-binlog-format", f"--max-lag={MAX_LAG_S}", f"--pid={PID_FILE}",
        *options,
    ]  # fmt: skip
    halt = ["docker", "exec", str(pair.tools.service.container.id), "sh", "-c", f"kill $(cat {PID_FILE})"]
    return Contender(name, command, percona_said, (0, DIFFERENCES), halt)


def percona_said(text: str) -> Checked:
    """What pt-table-checksum prints. Raises BenchError where it left something out."""
    rows = [found.groups() for found in PT_ROW.finditer(text)]
    if wrong := [table for errors, *_, skipped, _, table in rows if errors != "0" or skipped != "0"]:
        raise BenchError(f"pt-table-checksum: errors or skipped chunks in {', '.join(wrong)}:\n{text}")
    return Checked(sum(int(row[2]) for row in rows), [row[7] for row in rows if row[1] != "0"])
