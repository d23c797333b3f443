"""The account with which new servers follow: made where a server has none, kept out of every binary log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from understudy.config import Replication
from understudy.errors import SettingsError
from understudy.migrate.build.action import told, unseen
from understudy.migrate.build.replication import say
from understudy.migrate.build.world import World, closed_again, writing
from understudy.migrate.checks.accounts import Account
from understudy.migrate.checks.granttables import GrantTables, accounts
from understudy.migrate.logins import read_password
from understudy.migrate.ports import Database
from understudy.migrate.sqltext import Secret, Statement
from understudy.migrate.words import Word

ANYWHERE = "%"
RIGHT = "REPLICATION SLAVE"
CREATED_ON, GRANTED_ON = "replicator_created_on", "replicator_granted_on"


class Lacking(NamedTuple):
    """What a server lacks for being followed: the account itself, or only its right."""

    account: bool
    right: bool


def password(settings: Replication) -> Secret:
    """Its password. Raises SettingsError where the settings name none."""
    found = read_password(settings.password_file)
    if not found:
        raise SettingsError(
            "migrate.replication.password_file: nothing given; accepted: a file whose first line is the password of "
            f"{settings.user}, with which the new servers follow"
        )
    return found


def says(world: World, on: str) -> list[str]:
    """What `ensure` would do; nothing where the account is there and may replicate."""
    user = world.settings.replication.user
    with world.open(on) as session:
        lacking = _lacking(session, user)
        dialect = session.dialect
    said = [Statement(dialect.sql(Word.CREATE_REPLICATOR), (user, ANYWHERE, Secret("hidden")))] * lacking.account
    said += [Statement(dialect.sql(Word.GRANT_REPLICATION), (user, ANYWHERE))] * lacking.right
    return told(on, dialect.sql(Word.UNLOGGED), *said, dialect.sql(Word.LOGGED)) if said else []


def ensure(world: World, on: str) -> None:
    """Make the account where the server has none that may replicate; noted beforehand, for the undoing.

    One that was there before is only given the right that it lacks, and its password stays.
    """
    closed_again(world)
    user = world.settings.replication.user
    with world.open(on) as session:
        lacking = _lacking(session, user)
        if not lacking.right:
            return
        if lacking.account:
            world.note(**{CREATED_ON: on})
        elif world.recorded.get(CREATED_ON) != on:  # else it is ours, of an attempt that was killed between
            world.note(**{GRANTED_ON: on})
        with writing(session, world):
            if lacking.account:
                say(session, Word.CREATE_REPLICATOR, user, ANYWHERE, password(world.settings.replication))
            say(session, Word.GRANT_REPLICATION, user, ANYWHERE)


def says_drop(world: World) -> list[str]:
    """What `drop` would do, of what this step noted."""
    said: list[str] = []
    for on, word in _to_undo(world):
        dialect, arguments = world.dialect(on), (world.settings.replication.user, ANYWHERE)
        said += told(on, Statement(dialect.sql(word), arguments)) if dialect else unseen(on)
    return said


def drop(world: World) -> None:
    """Drop the account where this step made it; where it was there before, take back what this step granted."""
    user = world.settings.replication.user
    for on, word in _to_undo(world):
        with world.open(on) as session:
            if any(one.host == ANYWHERE for one in _found(session, user)):
                with writing(session, world):
                    say(session, word, user, ANYWHERE)


def _to_undo(world: World) -> Iterator[tuple[str, Word]]:
    """Where, and by what; what was made is dropped with all that it was granted."""
    for noted, word in ((CREATED_ON, Word.DROP_REPLICATOR), (GRANTED_ON, Word.REVOKE_REPLICATION)):
        if on := world.recorded.get(noted):
            yield on, word


def _lacking(session: Database, user: str) -> Lacking:
    there = _found(session, user)
    if any(one.holds(RIGHT) for one in there):
        return Lacking(account=False, right=False)
    return Lacking(account=all(one.host != ANYWHERE for one in there), right=True)


def _found(session: Database, user: str) -> list[Account]:
    """The user's accounts, with the rights that they have themselves: one through a role is not seen."""
    rows = session.rows(session.dialect.sql(Word.ACCOUNTS))
    return [one for one in accounts(GrantTables(rows)) if one.user == user and not one.is_role]
