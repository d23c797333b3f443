"""[migrate] in the settings file: alone or beside the stacks, with servers that are servers."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from understudy.cli import app
from understudy.config import Credentials, Settings
from understudy.configfile import check, load, require_stacks
from understudy.errors import SettingsError
from understudy.migrate.limits import CLASSIC, NONE, RDS, Limits, limits_of

FILE = """
[migrate]
source = "old-source.example:3306"
user = "reader"
password_file = "secrets/all"
tls = { ca = "ca.pem" }
[migrate.target]
new_source = "new-source.example:3306"
new_replicas = ["new-replica-1.example:3306", "new-replica-2.example:3306"]
under = "old-replica-2.example:3306"
build = "hook: /usr/local/bin/copy-snapshot"
[migrate.credentials."new-*"]
password_file = "secrets/new"
"""


def settings(**changes: Any) -> Settings:
    raw = tomllib.loads(FILE)
    for path, value in changes.items():
        *tables, key = path.split("__")
        table = raw["migrate"]
        for name in tables:
            table = table[name]
        table[key] = value
    return check(raw, "u.toml")


def test_a_file_may_have_nothing_but_migrate(tmp_path: Path) -> None:
    file = tmp_path / "u.toml"
    file.write_text(FILE)
    done = CliRunner().invoke(app, ["check", "-c", str(file)])
    assert done.exit_code == 0
    assert "no stacks in it: it is for `understudy migrate`" in done.stdout


def test_serving_needs_stacks(tmp_path: Path) -> None:
    file = tmp_path / "u.toml"
    file.write_text(FILE)
    error = CliRunner().invoke(app, ["run", "-c", str(file)]).exception
    assert isinstance(error, SettingsError)
    assert error.message == f"{file}: stacks: nothing given; accepted: a table"
    assert "only [migrate]" in error.hint
    with pytest.raises(SettingsError, match="stacks: nothing given"):
        require_stacks(settings(), "u.toml")


def test_files_are_looked_for_beside_the_settings(tmp_path: Path) -> None:
    (tmp_path / "u.toml").write_text(FILE)
    migrate = load(tmp_path / "u.toml", {}).migrate
    assert migrate.password_file == str(tmp_path / "secrets/all")
    assert migrate.tls.ca == str(tmp_path / "ca.pem")
    assert migrate.credentials["new-*"].password_file == str(tmp_path / "secrets/new")


def test_a_pattern_overrides_who_connects_and_what_it_leaves_out_is_as_for_all() -> None:
    migrate = settings().migrate
    assert migrate.login("new-source.example:3306") == Credentials("reader", "secrets/new", migrate.tls)
    assert migrate.login("old-source.example:3306") == Credentials("reader", "secrets/all", migrate.tls)


@pytest.mark.parametrize("pattern", ["db-1", "db-1:3306", "db-*", "*:3306"])
def test_a_pattern_matches_the_host_with_or_without_its_port(pattern: str) -> None:
    migrate = settings(credentials={pattern: {"user": "special"}}).migrate
    assert migrate.login("db-1:3306").user == "special"
    assert migrate.login("other:3307").user == "reader"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("classic", CLASSIC),
        ("rds", RDS),
        ("none", NONE),
        ({"replicas_per_source": 3, "levels": 4}, Limits("its own limits", 3, 4)),
        (
            {"replicas_per_source": 3, "levels": 4, "retention_days": 2, "whole_tree": True},
            Limits("its own limits", 3, 4, 2, True),
        ),
    ],
)
def test_limits_are_a_preset_or_numbers(given: object, expected: Limits) -> None:
    assert limits_of(settings(limits=given).migrate.limits) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"limits": "huge"}, "migrate.limits: 'huge' given; accepted: "),
        ({"limits": {"levels": 2}}, "migrate.limits.replicas_per_source: nothing given; accepted: an integer from 1"),
        ({"limits": {"replicas_per_source": 0, "levels": 2}}, "migrate.limits.replicas_per_source: 0 given; accepted"),
        ({"limits": {"replicas": 5, "levels": 2}}, "migrate.limits.replicas: no such key; accepted: replicas_per_sou"),
        ({"source": "old-source"}, "migrate.source: 'old-source' given; accepted: host:port, such as"),
        ({"source": ":3306"}, "migrate.source: ':3306' given; accepted: host:port, such as"),
        ({"target__new_replicas": [""]}, "migrate.target.new_replicas: '' given; accepted: host:port"),
        ({"target__new_replicas": ["a:1", "a:1"]}, "migrate.target.new_replicas: 'a:1' given; accepted: another serv"),
        ({"target__rehearsal": "new-source.example:3306"}, "migrate.target.rehearsal: 'new-source.example:3306' given"),
        ({"target__build": "hook"}, "migrate.target.build: 'hook' given; accepted: text like"),
        ({"target__readers": -1}, "migrate.target.readers: -1 given; accepted: an integer from 0"),
        ({"credentials": {"x": {"usr": "a"}}}, "migrate.credentials.x.usr: no such key; accepted: user, password_file"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(SettingsError) as raised:
        settings(**changes)
    assert raised.value.message.startswith(f"u.toml: {expected}")
