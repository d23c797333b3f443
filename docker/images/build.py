#!/usr/bin/env python3
"""Provide the images that the tests run in: build what is missing or was changed, and nothing else.

    python3 docker/images/build.py [NAME ...]

An image is labelled with a hash of everything it is built from, so a second run takes a second. Base images
are pulled; where that is not possible, debootstrap makes them from the Debian mirror that this machine's apt
already uses. Only the standard library is needed.

UNDERSTUDY_TEST_IMAGES="mysql-9.7=mysql:8.4,haproxy-2.6=haproxy:3.0" has the tests use other images, the vendors'
own for example; those are not built here.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

IMAGES = Path(__file__).resolve().parent
REPOSITORY = IMAGES.parent.parent
PREFIX = "understudy-test"
LABEL = "understudy.built-from"
MIRROR = "http://deb.debian.org/debian"
EXTRA_CA = Path("/usr/local/share/ca-certificates")  # where Debian's ca-certificates takes a company's own from
PRODUCT_FILES = ("pyproject.toml", "README.md", "LICENSE", "src", "proxy", "diffs", "migrate", "docker/Dockerfile")


class Image(NamedTuple):
    """What one image is built from: a folder with a Dockerfile and the Debian release beneath."""

    folder: str
    suite: str


class BuildError(Exception):
    """An image can't be provided."""


CATALOGUE = {
    "mariadb-10.5": Image("mariadb", "bullseye"),
    "mariadb-10.11": Image("mariadb", "bookworm"),
    "mariadb-11.8": Image("mariadb", "trixie"),
    "mysql-5.6": Image("mysql-5.6", "bookworm"),
    "mysql-9.7": Image("mysql", "sid"),
    "wordpress-6.1": Image("wordpress", "bookworm"),
    "haproxy-2.6": Image("haproxy", "bookworm"),
    "prometheus-2.42": Image("prometheus", "bookworm"),
    "fluentd-server-1.0": Image("fluentd-server", "bookworm"),
    "understudy-dev": Image(".", "bookworm"),
    "percona-toolkit-3.2": Image("percona-toolkit", "bookworm"),
}
BENCHMARK = {"percona-toolkit-3.2"}  # no test needs it: provided where it is asked for by name


def tag(name: str) -> str:
    """mysql-9.7 -> understudy-test/mysql:9.7, or what UNDERSTUDY_TEST_IMAGES names in its stead."""
    image, _, version = name.rpartition("-")
    return replacements().get(name, f"{PREFIX}/{image}:{version}")


def replacements() -> dict[str, str]:
    """UNDERSTUDY_TEST_IMAGES, taken apart. Raises BuildError where it names no image, or one that no test asks for."""
    entries = filter(str.strip, os.environ.get("UNDERSTUDY_TEST_IMAGES", "").split(","))
    pairs = [tuple(part.strip() for part in entry.partition("=")) for entry in entries]
    if wrong := [name for name, _, image in pairs if name not in CATALOGUE or not image]:
        raise BuildError(
            f"UNDERSTUDY_TEST_IMAGES: {', '.join(wrong)}: expected NAME=IMAGE, with a name of {', '.join(CATALOGUE)}"
        )
    return {name: image for name, _, image in pairs}


def provide(name: str) -> None:
    """Build an image unless it is there and made of what is here now."""
    with tempfile.TemporaryDirectory(prefix="understudy-image-") as folder:
        context = Path(folder)
        image = CATALOGUE[name]
        _stage(image, context)
        base = provide_base(image.suite)
        made_of = f"{_fingerprint(context)}-{base}"
        if _label(tag(name)) != made_of:
            arguments = ["--build-arg", f"BASE=debian:{image.suite}", "--label", f"{LABEL}={made_of}"]
            dockerfile = _dockerfile(image, context)
            with _told(f"build {tag(name)}"):
                docker("build", "--force-rm", "-t", tag(name), "-f", str(dockerfile), *arguments, str(context))
                docker("image", "prune", "-f", "--filter", f"label={LABEL}")  # what had this name before


def _stage(image: Image, context: Path) -> None:
    """Copy what an image is built from into `context`, this machine's extra CA certificates included."""
    if image.folder == ".":
        for name in PRODUCT_FILES:
            _copy(REPOSITORY / name, context / name)
        _stage_extra_ca(context / "docker" / "extra-ca")
    else:
        _copy(IMAGES / image.folder, context)
        _stage_extra_ca(context / "extra-ca")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info", ".gitignore")
        shutil.copytree(source, target, ignore=ignored, dirs_exist_ok=True, symlinks=True)
    elif source.exists():
        shutil.copy(source, target)


def _stage_extra_ca(target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for certificate in EXTRA_CA.rglob("*.crt"):
        shutil.copy(certificate, target / certificate.name)


def _dockerfile(image: Image, context: Path) -> Path:
    return context / ("docker/Dockerfile" if image.folder == "." else "Dockerfile")


def _fingerprint(context: Path) -> str:
    """A hash of every file's name, mode and content."""
    digest = hashlib.sha256()
    for path in sorted(context.rglob("*")):
        if path.is_file() or path.is_symlink():
            content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
            digest.update(f"{path.relative_to(context)}\0{path.lstat().st_mode:o}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()[:16]


def provide_base(suite: str) -> str:
    """Have debian:SUITE, pulled or made here: the first digits of its id."""
    base = f"debian:{suite}"
    if not (identity := _identity(base)):
        with _told(f"provide {base}"):
            if not _pull(base):
                _debootstrap(suite, base)
        identity = _identity(base)
    return identity.removeprefix("sha256:")[:12]


def _pull(image: str) -> bool:
    try:
        return _run(["docker", "pull", "-q", image], timeout_s=300).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _debootstrap(suite: str, base: str) -> None:
    """Make a base image as Debian's own are made: minbase, and no service starts while packages are installed."""
    if not shutil.which("debootstrap") or os.geteuid() != 0:
        raise BuildError(f"{base} can't be pulled, and debootstrap (as root) is not there to make it")
    with tempfile.TemporaryDirectory(prefix="understudy-base-") as folder:
        root = Path(folder) / "root"
        script = Path("/usr/share/debootstrap/scripts") / suite
        arguments = [] if script.exists() else ["sid"]  # an old debootstrap does not know a new release by name
        _checked(["debootstrap", "--variant=minbase", suite, str(root), mirror(), *arguments])
        policy = root / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        (root / "etc/apt/apt.conf.d/99snapshot").write_text(  # a mirror may be a snapshot, older than it says it may be
            'Acquire::Check-Valid-Until "false";\n'
        )
        for cached in [*root.glob("var/cache/apt/archives/*.deb"), *root.glob("var/lib/apt/lists/*_*")]:
            cached.unlink()
        archive = Path(folder) / "root.tar"
        _checked(["tar", "-C", str(root), "--one-file-system", "-cf", str(archive), "."])
        docker("import", "-c", 'CMD ["bash"]', str(archive), base)


def mirror(apt: Path = Path("/etc/apt")) -> str:
    """The Debian mirror that this machine's apt is configured with; Debian's own where there's none."""
    texts = [path.read_text(errors="replace") for path in _sources(apt)]
    for text in texts:
        for pattern in (r"^URIs:\s*(\S+)", r"^deb\s+(?:\[[^\]]*\]\s*)?(\S+)"):
            for uri in re.findall(pattern, text, re.MULTILINE):
                if uri.startswith(("http://", "https://")) and uri.rstrip("/").endswith("debian"):
                    return str(uri)
    return MIRROR


def _sources(apt: Path) -> Iterator[Path]:
    yield from sorted(apt.glob("sources.list.d/*.sources"))
    yield from sorted(apt.glob("sources.list"))
    yield from sorted(apt.glob("sources.list.d/*.list"))


def docker(*arguments: str) -> str:
    """Run docker with the builder that every engine has: what it printed. Raises BuildError."""
    return _checked(["docker", *arguments])


def _checked(command: list[str]) -> str:
    done = _run(command)
    if done.returncode:
        raise BuildError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout[-6000:]}")
    return done.stdout


def _run(command: list[str], timeout_s: float = 1800) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout_s, check=False
    )


def _identity(image: str) -> str:
    done = _run(["docker", "image", "inspect", "-f", "{{.Id}}", image])
    return done.stdout.strip() if done.returncode == 0 else ""


def _label(image: str) -> str:
    done = _run(["docker", "image", "inspect", "-f", f'{{{{index .Config.Labels "{LABEL}"}}}}', image])
    return done.stdout.strip() if done.returncode == 0 else ""


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """Say what is being done before it, and how long it took after it."""
    print(f"{what} …", end=" ", flush=True)
    begun = time.monotonic()
    try:
        yield
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"{time.monotonic() - begun:.0f} s", flush=True)


def _provided(name: str) -> bool:
    try:
        provide(name)
    except BuildError as error:
        print(error, file=sys.stderr)
        return False
    return True


def main() -> int:
    """Provide the images named, or all that tests need."""
    parser = argparse.ArgumentParser(description="Provide the images that the tests run in.")
    parser.add_argument(
        "name", nargs="*", help=f"one of {', '.join(CATALOGUE)}; all that tests need where none is given"
    )
    names = parser.parse_args().name or [name for name in CATALOGUE if name not in BENCHMARK]
    if unknown := set(names) - set(CATALOGUE):
        parser.error(f"no such image: {', '.join(sorted(unknown))}; there are {', '.join(CATALOGUE)}")
    try:
        replaced = replacements()
    except BuildError as error:
        parser.error(str(error))
    failed = [name for name in names if name not in replaced and not _provided(name)]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
