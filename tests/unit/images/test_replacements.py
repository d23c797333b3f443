"""UNDERSTUDY_TEST_IMAGES: which image a test's name for one stands for."""

from __future__ import annotations

import re

import pytest

from containers import builder

BUILD = builder()


@pytest.mark.parametrize(
    ("given", "name", "image"),
    [
        ("", "mysql-9.7", "understudy-test/mysql:9.7"),
        ("", "fluentd-server-1.0", "understudy-test/fluentd-server:1.0"),
        ("mysql-9.7=mysql:8.4", "mysql-9.7", "mysql:8.4"),
        ("mysql-9.7=mysql:8.4", "mysql-5.6", "understudy-test/mysql:5.6"),
        (" mysql-5.6 = mysql:5.7 , ,mysql-9.7=mysql:8.4,", "mysql-5.6", "mysql:5.7"),
        ("mariadb-11.8=images.example:5000/m@sha256:0a", "mariadb-11.8", "images.example:5000/m@sha256:0a"),
    ],
)  # fmt: skip
def test_a_name_stands_for_the_projects_own_image_unless_another_is_named(
    given: str, name: str, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDERSTUDY_TEST_IMAGES", given)
    assert BUILD.tag(name) == image


@pytest.mark.parametrize("given", ["mysql-8.4=mysql:8.4", "mysql-9.7", "mysql-9.7=", "=mysql:8.4"])
def test_a_replacement_that_no_test_would_use_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_TEST_IMAGES", given)
    with pytest.raises(BUILD.BuildError, match=re.escape("expected NAME=IMAGE, with a name of mariadb-10.5, ")):
        BUILD.tag("mysql-5.6")


def test_an_image_that_is_replaced_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    provided: list[str] = []
    monkeypatch.setattr(BUILD, "_provided", lambda name: provided.append(name) or True)
    monkeypatch.setattr("sys.argv", ["build.py", "mysql-5.6", "mysql-9.7"])
    monkeypatch.setenv("UNDERSTUDY_TEST_IMAGES", "mysql-9.7=mysql:8.4")
    assert BUILD.main() == 0
    assert provided == ["mysql-5.6"]
