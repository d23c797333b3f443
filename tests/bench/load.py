"""Putting load on a port: wrk for as much as goes, openloop.py for a fixed rate."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from machine import Tools
from processes import BenchError
from results import Calm

HERE = Path(__file__).parent
CONNECTIONS = 64
_UNIT_US = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 6e7}


class Load(NamedTuple):
    """What wrk asks for: a path, or a script that makes the requests."""

    name: str
    path: str = "/users"
    script: str = ""


USERS = Load("1 KB JSON")
HEADS = Load("heads never repeat", script="unique.lua")
LARGE = Load("100 KB JSON", path="/large")
ORDERS = Load("POST 1 KB", path="/order", script="post.lua")


class Outcome(NamedTuple):
    """What came of a load; times in microseconds. `calm` where the host's stalls were watched."""

    requests: int
    per_second: float
    p50_us: float
    p99_us: float
    errors: str
    calm: Calm | None = None


def closed(tools: Tools, port: int, load: Load, seconds: float) -> Outcome:
    """As many requests as 64 connections get through, each sending anew when its answer is there (wrk)."""
    script = ["-s", str(HERE / "wrk" / load.script)] if load.script else []
    whole = max(1, round(seconds))  # wrk takes whole seconds only
    command = [str(tools.wrk), "-t1", f"-c{CONNECTIONS}", f"-d{whole}", "--latency", *script]
    return parse_wrk(output([*command, f"http://127.0.0.1:{port}{load.path}"], seconds + 30))


def parse_wrk(text: str) -> Outcome:
    """Read wrk's report. Raises BenchError where it holds no figures."""
    count = re.search(r"(\d+) requests in", text)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    if not count or not rate or not int(count[1]):
        raise BenchError(f"wrk measured nothing: {text.strip()[-300:]}")
    return Outcome(int(count[1]), float(rate[1]), _quantile(text, 50), _quantile(text, 99), _errors(text))


def _errors(text: str) -> str:
    found = re.search(r"Socket errors: (.*)", text)
    kinds = [kind for kind in (found[1].split(", ") if found else []) if not kind.endswith(" 0")]
    wrong = re.search(r"Non-2xx or 3xx responses: \d+", text)
    return ", ".join([*kinds, wrong[0]] if wrong else kinds)


def _quantile(text: str, percent: int) -> float:
    found = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s|m)\s*$", text, re.MULTILINE)
    if not found:
        raise BenchError(f"wrk printed no {percent}% latency")
    return float(found[1]) * _UNIT_US[found[2]]


def open_loop(port: int, per_second: float, seconds: float) -> Outcome:
    """A fixed rate, latencies counted from when each request was due."""
    command = [sys.executable, str(HERE / "openloop.py"), str(port), str(per_second), str(seconds), str(CONNECTIONS)]
    got = json.loads(output(command, seconds + 60))
    errors = f"{got['errors']} errors" if got["errors"] else ""
    calm = Calm(**got["calm"]) if got["calm"] else None
    return Outcome(got["requests"], got["requests"] / seconds, got["p50_us"], got["p99_us"], errors, calm)


def output(command: list[str], patience_s: float) -> str:
    """What a command printed. Raises BenchError where it fails, or does not end in time."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=patience_s)
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{command[0]} did not end") from error
    if done.returncode:
        raise BenchError(f"{command[0]}: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout
