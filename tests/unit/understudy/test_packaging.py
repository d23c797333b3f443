"""What is installed is what is here, and the directions between the packages hold."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS = PROJECT["tool"]["setuptools"]
FOLDERS = {"understudy": ROOT / "src/understudy"} | {f"understudy.{n}": ROOT / n for n in ("proxy", "diffs", "migrate")}


def packages_on_disk() -> dict[str, Path]:
    found = {}
    for root, folder in FOLDERS.items():
        for init in folder.rglob("__init__.py"):
            if not any(part.is_symlink() for part in [init.parent, *init.parents]):
                found[".".join([root, *init.parent.relative_to(folder).parts])] = init.parent
    return found


def test_the_packages_listed_are_those_on_disk() -> None:
    """One that isn't listed works in an editable install, and is missing from the wheel."""
    assert sorted(SETUPTOOLS["packages"]) == sorted(packages_on_disk())


def test_the_links_for_type_checkers_lead_to_the_folders_at_the_top() -> None:
    for package in ("proxy", "diffs", "migrate"):
        assert (ROOT / "src/understudy" / package).resolve() == ROOT / package


@pytest.mark.slow
def test_the_wheel_holds_every_module_and_nothing_else(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, tree)
    (tree / "README.md").touch()
    for name in ("src", "proxy", "diffs", "migrate"):
        shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", tmp_path, tree]
    done = subprocess.run(build, capture_output=True, text=True, timeout=600)
    if "No matching distribution found for setuptools" in done.stderr and "CI" not in os.environ:
        pytest.skip("no package index to build the wheel with")
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = set()
    for package, folder in packages_on_disk().items():
        wanted = [*folder.glob("*.py"), *folder.glob("py.typed"), *folder.glob("templates/*"), *folder.glob("static/*")]
        expected |= {f"{package.replace('.', '/')}/{file.relative_to(folder)}" for file in wanted}
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_directions_between_the_packages_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("import proxy.head", "TID251"),
        ("from diffs import compare", "TID251"),
        ("import migrate", "TID251"),
        ("import asyncio\n\nasyncio.create_task(None)", "TID251"),
        ("import asyncio\n\nasyncio.ensure_future(None)", "TID251"),
        ("import understudy.proxy", "F401"),
    ],
)
def test_the_linter_refuses_names_that_are_banned(line: str, rule: str) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("ruff"), "check", "--output-format=concise", "--no-cache",
         "--stdin-filename", ROOT / "src/understudy/x.py", "-"],
        input=f'"""A module."""\n\n{line}\n', cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert rule in done.stdout, done.stdout + done.stderr
    assert ("TID251" in done.stdout) == (rule == "TID251")
