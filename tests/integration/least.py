"""The account that `migrate grants` describes, with nothing else, on real servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from integration.trees import Running
from understudy.migrate import grants
from understudy.migrate.words import Word

USER, PASSWORD = "least", "it's `least`"


@contextmanager
def granted(servers: dict[str, Running], commands: tuple[str, ...]) -> Iterator[None]:
    """The account, made on every server with nothing but what `grants` prints."""
    for server in servers.values():
        with server.sql() as root:
            for statement in grants.statements(root.version, commands, USER, password=PASSWORD):
                with_writes(server, statement)
    try:
        yield
    finally:
        for server in servers.values():
            with_writes(server, f"DROP USER {USER}@'%'")


def with_writes(server: Running, statement: str) -> None:
    """Run a statement as root where read_only or super_read_only may stand in the way, without logging it."""
    with server.sql() as root:
        before = root.value("SELECT @@GLOBAL.read_only")
        root.execute(root.dialect.sql(Word.READ_WRITE))
        with root.unlogged():
            root.execute(statement)
        if before:
            root.execute(root.dialect.sql(Word.READ_ONLY))
