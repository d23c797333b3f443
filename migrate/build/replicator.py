"""The account with which new servers follow: made where a server has none, kept out of every binary log."""

from __future__ import annotations

from understudy.config import Replication
from understudy.errors import SettingsError
from understudy.migrate import rows
from understudy.migrate.build.action import told
from understudy.migrate.build.replication import say
from understudy.migrate.build.world import World, writing
from understudy.migrate.dialects import Dialect
from understudy.migrate.logins import read_password
from understudy.migrate.ports import Database
from understudy.migrate.sqltext import Secret, Statement
from understudy.migrate.words import Word

ANYWHERE = "%"
CREATED_ON = "replicator_created_on"


def password(settings: Replication) -> Secret:
    """Its password. Raises SettingsError where the settings name none."""
    found = read_password(settings.password_file)
    if not found:
        raise SettingsError(
            "migrate.replication.password_file: nothing given; accepted: a file whose first line is the password of "
            f"{settings.user}, with which the new servers follow"
        )
    return found


def says(world: World, on: str, dialect: Dialect) -> list[str]:
    """What `ensure` would do where the account is missing."""
    user = world.settings.replication.user
    return told(
        on,
        dialect.sql(Word.UNLOGGED),
        Statement(dialect.sql(Word.CREATE_REPLICATOR), (user, ANYWHERE, Secret("hidden"))),
        Statement(dialect.sql(Word.GRANT_REPLICATION), (user, ANYWHERE)),
        dialect.sql(Word.LOGGED),
    )


def ensure(world: World, on: str) -> None:
    """Make the account where the server has none that may replicate; noted beforehand, for the undoing."""
    user = world.settings.replication.user
    with world.open(on) as session:
        there = _found(session, user)
        if any(_may_replicate(one) for one in there):
            return
        is_half = any(rows.text(one.get("host")) == ANYWHERE for one in there)
        world.note(**{CREATED_ON: on})
        with writing(session):
            if not is_half:
                say(session, Word.CREATE_REPLICATOR, user, ANYWHERE, password(world.settings.replication))
            say(session, Word.GRANT_REPLICATION, user, ANYWHERE)


def is_there(world: World, on: str) -> bool:
    """Whether the server has such an account."""
    with world.open(on) as session:
        return any(_may_replicate(one) for one in _found(session, world.settings.replication.user))


def drop(world: World) -> None:
    """Drop the account where this step made it."""
    on = world.recorded.get(CREATED_ON)
    if not on:
        return
    user = world.settings.replication.user
    with world.open(on) as session:
        if any(rows.text(one.get("host")) == ANYWHERE for one in _found(session, user)):
            with writing(session):
                say(session, Word.DROP_REPLICATOR, user, ANYWHERE)


def _found(session: Database, user: str) -> list[dict[str, object]]:
    return [
        one
        for one in (
            {name.lower(): row[name] for name in row} for row in session.rows(session.dialect.sql(Word.ACCOUNTS))
        )
        if rows.text(one.get("user")) == user
    ]


def _may_replicate(one: rows.Row) -> bool:
    return rows.text(one.get("repl_slave_priv")) == "Y"
