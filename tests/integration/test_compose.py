"""docker/compose.yml, as a newcomer uses it: up, browse, ask what is different, down."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from containers import REPOSITORY, image, must_have
from integration.site import Visitor
from support import free_port, wait_until

pytestmark = pytest.mark.integration

FILE = REPOSITORY / "docker/compose.yml"
IMAGES = {
    "UNDERSTUDY_MARIADB_IMAGE": "mariadb-10.11",
    "UNDERSTUDY_MYSQL_IMAGE": "mysql-9.7",
    "UNDERSTUDY_WORDPRESS_IMAGE": "wordpress-6.1",
    "UNDERSTUDY_IMAGE": "understudy-dev",
}


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
    """The compose file under a name and on a port of its own."""

    def __init__(self) -> None:
        self.port = free_port()
        self._environ = {
            **os.environ,
            **{variable: image(name) for variable, name in IMAGES.items()},
            "UNDERSTUDY_PORT": str(self.port),
            "COMPOSE_PROJECT_NAME": f"understudy-test-{os.getpid()}",
        }

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            [*command(), "-f", FILE, *arguments],
            env=self._environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture
def project() -> Iterator[Project]:
    compose = Project()
    try:
        compose("up", "-d")
        yield compose
    finally:
        compose("down", "--volumes", "--remove-orphans", "--timeout", "5")


def test_a_newcomer_browses_and_sees_what_a_changed_database_changes(project: Project) -> None:
    visitor = Visitor(project.port)

    def home() -> bytes:
        try:
            return visitor.ask("/").body
        except OSError:
            visitor.close()
            return b""

    wait_until(lambda: "Évening number 12".encode() in home(), 60, "Understudy serves the site")
    assert visitor.ask("/?rest_route=/wp/v2/posts").status == 200
    report = ["exec", "-T", "understudy", "understudy", "diffs", "report", "-c", "understudy.toml"]
    wait_until(lambda: "no difference that the new stack is to blame for" in project(*report), 30)

    project("exec", "-T", "new-app", "plant-difference")
    assert visitor.ask("/?rest_route=/wp/v2/posts").status == 200
    text = wait_until(lambda: (shown := project(*report)) and "only the new database has" in shown and shown, 30)
    assert re.search(r"value .*title", text), text
    visitor.close()


def test_the_file_names_the_commands_that_this_test_runs() -> None:
    text = FILE.read_text()
    for words in ("exec understudy understudy diffs report -c understudy.toml", "exec new-app plant-difference"):
        assert words in text
