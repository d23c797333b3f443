"""The server that is copied to: one copier at a time, writable for us alone, and nothing lost that was there before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from understudy.errors import UnderstudyError
from understudy.migrate import disks
from understudy.migrate.build import definitions, hooking, mark
from understudy.migrate.build.inventory import user_schemas
from understudy.migrate.build.mark import Mark
from understudy.migrate.ports import Database, Servers
from understudy.migrate.rows import number
from understudy.migrate.sqltext import identifier
from understudy.migrate.versions import Version
from understudy.migrate.words import Word


class TargetError(UnderstudyError):
    """The target can't be copied to as it is."""


@contextmanager
def kept(servers: Servers, server: str) -> Iterator[Database]:
    """A session with the target that nobody else's copy can have at the same time; what it writes is not logged.

    Raises TargetError where another copier holds it: that may be a killed one's last statement, for a while; and
    HookError where it is a killed one's hook.
    """
    with servers.open(server) as session:
        session.execute("SET SESSION wait_timeout = 2000000")
        with session.patient(30):
            if not mark.is_only_copier(session):
                raise TargetError(
                    f"{server}: another copy to it is going on",
                    "wait until it ends; one that was killed ends with the statement that it had sent",
                )
        hooking.require_ended(server)
        session.execute(session.dialect.sql(Word.UNLOGGED))
        yield session


@contextmanager
def loaders(servers: Servers, server: str, old: Version, sessions: int) -> Iterator[list[Database]]:
    """Sessions with the target that are set to take what the old server's version holds, as it was meant."""
    with ExitStack() as stack:
        made = [stack.enter_context(servers.open(server)) for _ in range(sessions)]
        for session in made:
            session.execute(session.dialect.sql(Word.UNLOGGED))
            for statement in definitions.loading(old, session.version):
                session.execute(statement)
        yield made


def open_to_us(session: Database) -> bool:
    """Let an administrator write where super_read_only forbids it: whether it did. read_only stays as it is."""
    if not session.dialect.knows(Word.ADMIN_WRITES):
        return False
    if not number(session.value("SELECT @@GLOBAL.super_read_only")):
        return False
    session.execute(session.dialect.sql(Word.ADMIN_WRITES))
    return True


def close_again(session: Database, found: Mark) -> None:
    """Make the target super_read_only where it was."""
    if found.super_read_only:
        session.execute(session.dialect.sql(Word.READ_ONLY))


def require_empty(session: Database, server: str) -> None:
    """Raise TargetError where the target holds anything that no copy of ours has made. Empty schemas don't count."""
    full = [schema.name for schema in user_schemas(session) if _holds_something(session, schema.name)]
    if full:
        named = ", ".join(identifier(name) for name in full[:5]) + (" and others" if len(full) > 5 else "")
        raise TargetError(
            f"{server}: it holds schemas that Understudy did not copy there: {named}",
            "if nobody needs them, drop them by hand; a copy never overwrites what it did not make itself",
        )


def _holds_something(session: Database, schema: str) -> bool:
    return any(
        session.rows(f"SELECT 1 FROM information_schema.{kind}s WHERE {kind}_schema = %s LIMIT 1", schema)
        for kind in ("table", "routine", "event")
    )


def drop(session: Database, found: Mark) -> None:
    """Drop what the marked copy has made, and the mark; accounts stay."""
    wanted = found.schemas
    if wanted is None:
        wanted = tuple(schema.name for schema in user_schemas(session))
    session.execute("SET SESSION foreign_key_checks = 0")
    with session.patient(3600):
        for name in wanted:
            session.execute(f"DROP DATABASE IF EXISTS {identifier(name)}")
    mark.erase(session)
    close_again(session, found)


def same_flavour(old: Version, new: Version, server: str) -> None:
    """Raise TargetError where data would go from one flavour to the other, or back to an older version."""
    if old.flavour is not new.flavour:
        raise TargetError(
            f"{server}: it is {new}, and {old} can't be followed by it", "build a server of the same flavour"
        )
    if new.numbers[:2] < old.numbers[:2]:
        raise TargetError(
            f"{server}: it is {new}, older than {old}", "build a server of the same version or a newer one"
        )


def free_bytes(session: Database) -> int | None:
    """How much disk the target has free where its data is; None where SQL can't tell."""
    found = disks.of_data(session) if disks.has_plugin(session) else None
    return found.free_bytes if found else None
