"""A compose file of docker/, as a newcomer uses it, with the images that the tests have."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from containers import image, must_have


@functools.cache
def command() -> list[str]:
    """docker-compose, or docker compose: whichever is here."""
    known = (["docker", "compose"], ["docker-compose"])
    here = [
        c for c in known if shutil.which(c[0]) and not subprocess.run([*c, "version"], capture_output=True).returncode
    ]
    if not here:
        must_have("neither docker compose nor docker-compose is here")
    return here[0]


class Project:
    """A compose file under a name of its own; `images` are the test images by the variable that chooses them."""

    def __init__(self, file: Path, images: Mapping[str, str], variables: Mapping[str, str]) -> None:
        self.file = file
        self._environ = {
            **os.environ,
            **{variable: image(name) for variable, name in images.items()},
            **variables,
            "COMPOSE_PROJECT_NAME": f"understudy-test-{os.getpid()}-{file.stem.replace('.', '-')}",
        }

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """What a command prints; it has to end with this exit code."""
        done = subprocess.run(
            [*command(), "-f", self.file, *arguments],
            env=self._environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == code, done.stdout
        return done.stdout


@contextmanager
def up(file: Path, images: Mapping[str, str], variables: Mapping[str, str]) -> Iterator[Project]:
    """The file's services, started; all that they made is gone afterwards."""
    compose = Project(file, images, variables)
    try:
        compose("up", "-d")
        yield compose
    finally:
        compose("down", "--volumes", "--remove-orphans", "--timeout", "5")
