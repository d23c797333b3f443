"""Which version the new servers are, or will be. Pure."""

from __future__ import annotations

from understudy.errors import UnderstudyError
from understudy.migrate.topology import Tree
from understudy.migrate.versions import Flavour, Version


def parse(text: str, like: Version) -> Version:
    """ "9.7", "mysql-9.7", "mariadb-11.8"; without a flavour it is the old one's. Raises UnderstudyError."""
    flavour, dash, numbers = text.lower().rpartition("-")
    if dash and flavour not in list(Flavour):
        raise UnderstudyError(f"{text!r} is no version: 9.7, mysql-9.7 and mariadb-11.8 are")
    is_mariadb = flavour == Flavour.MARIADB if dash else like.is_mariadb()
    try:
        return Version.parse(f"{numbers}-MariaDB" if is_mariadb else numbers)
    except UnderstudyError as error:
        raise UnderstudyError(f"{text!r} is no version: 9.7, mysql-9.7 and mariadb-11.8 are") from error


def choose(tree: Tree, old: Version, new_source: str, setting: str, option: str) -> Version:
    """What was asked for, else what the new source is, else what the settings say. Raises UnderstudyError."""
    if option:
        return parse(option, old)
    if new_source in tree and (version := tree[new_source].version):
        return version
    if setting:
        return parse(setting, old)
    raise UnderstudyError(
        "the new version is not known: no new source answers, and none is named",
        'say --target-version 9.7, or version = "9.7" under [migrate.target]',
    )
