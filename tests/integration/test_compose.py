"""docker/compose.yml, as a newcomer uses it: up, browse, ask what is different, down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from containers import REPOSITORY
from integration.composing import Project, up
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


class Site(NamedTuple):
    """The compose file, up, and where it is browsed."""

    project: Project
    port: int


@pytest.fixture
def site() -> Iterator[Site]:
    port = free_port()
    with up(FILE, IMAGES, {"UNDERSTUDY_PORT": str(port)}) as project:
        yield Site(project, port)


def test_a_newcomer_browses_and_sees_what_a_changed_database_changes(site: Site) -> None:
    project, visitor = site.project, Visitor(site.port)

    def home() -> bytes:
        try:
            return visitor.ask("/").body
        except OSError:
            visitor.close()
            return b""

    wait_until(lambda: "Évening number 12".encode() in home(), 120, "Understudy serves the site")
    assert visitor.ask("/?rest_route=/wp/v2/posts").status == 200
    report = ["exec", "-T", "understudy", "understudy", "diffs", "report", "-c", "understudy.toml"]
    wait_until(lambda: "no difference that the new stack is to blame for" in project(*report), 120)

    project("exec", "-T", "new-app", "plant-difference")
    assert visitor.ask("/?rest_route=/wp/v2/posts").status == 200
    text = wait_until(lambda: (shown := project(*report)) and "only the new database has" in shown and shown, 120)
    assert re.search(r"value .*title", text), text
    visitor.close()


def test_the_file_names_the_commands_that_this_test_runs() -> None:
    text = FILE.read_text()
    for words in ("exec understudy understudy diffs report -c understudy.toml", "exec new-app plant-difference"):
        assert words in text
