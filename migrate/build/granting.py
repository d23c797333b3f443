"""Creates on a new server the users and grants of the server that it was copied from, and drops them again.

Nothing is written to a binary log. Who is going to be created, and what is going to be granted to MariaDB's PUBLIC, is
written to the target's mark first, so that an attempt that was interrupted is told from accounts and grants that were
there before, and is made anew. A dry run shows the statements without any hash or password.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from understudy.config import Replication
from understudy.errors import SettingsError, UnderstudyError
from understudy.migrate.build import accounts, mark, public, target
from understudy.migrate.build.accounts import Account, Known, Translation
from understudy.migrate.build.mark import Mark
from understudy.migrate.build.progress import Progress
from understudy.migrate.faults import ServerError, StatementError
from understudy.migrate.logins import read_password
from understudy.migrate.ports import Database
from understudy.migrate.rows import Row, text
from understudy.migrate.sqltext import Secret, Statement, account, identifier
from understudy.migrate.words import Word

if TYPE_CHECKING:
    from understudy.migrate.build.copying import Copying

BUILT_IN = frozenset({"mysql_native_password", "unix_socket"})  # MariaDB has these without listing them as plugins
NOT_THERE = frozenset({1146, 1305, 1054, 1133, 1049, 3523, 1144, 1221})
NO_SUCH_GRANT = 1141
GONE = frozenset({NO_SUCH_GRANT, 1147, 1403, 1959, 1962})  # no such grant on it, on its table, routine; or no such role
MAY_NOT_PROXY = 1698


class AccountError(UnderstudyError):
    """An account could not be created."""


def told(copying: Copying) -> list[str]:
    """What `create` would say to the target, secrets as …, and what is to be known of it."""
    with copying.servers.open(copying.under) as source, copying.servers.open(copying.server) as session:
        begun = mark.read(session, copying.server)
        again = begun if begun and not _has_all(session, begun) else None
        made = _translations(copying, source, session, again)
    statements = [one.shown() for group in zip(*map(_in_order, made), strict=False) for part in group for one in part]
    return [*(f"{copying.server}> {one};" for one in statements), *(note for one in made for note in one.notes)]


def create(copying: Copying, progress: Progress) -> list[str]:
    """Create the accounts: notes on what could not be carried over, a sentence each. Raises UnderstudyError."""
    with copying.servers.open(copying.under) as source, target.kept(copying.servers, copying.server) as session:
        begun = mark.read(session, copying.server) or Mark(copying.server, copying.under, copying.kind, ())
        if _has_all(session, begun):
            return []
        made = _translations(copying, source, session, begun)
        names = tuple((one.account.user, one.account.host) for one in made if one.create)
        with _opened(session):
            _drop(session, begun)
            begun = replace(begun, accounts=names, public=tuple(one.sql for one in made[-1].grants))
            mark.write(session, replace(begun, accounts_finished=False))
            progress.begins(f"creating {len(names)} accounts on {copying.server}")
            notes = [note for one in made for note in one.notes] + list(_say_all(session, made))
            granted = public.kept(begun.public, _public(session))  # what a grant is on may not be there
            mark.write(session, replace(begun, accounts_finished=True, public=granted))
    for note in notes:
        progress.says(note)
    return notes


def created(copying: Copying) -> bool:
    """Whether the target has all accounts that are to be created there."""
    with copying.servers.open(copying.server) as session:
        found = mark.read(session, copying.server)
        return found is not None and _has_all(session, found)


def revokes(copying: Copying) -> list[str]:
    """What `drop` would say of PUBLIC to the target."""
    with copying.servers.open(copying.server) as session:
        found = mark.read(session, copying.server)
    return [f"{copying.server}> {statement};" for statement in _revokes(found)] if found else []


def drop(copying: Copying) -> None:
    """Drop the accounts that were created, and no other, and take back what was granted to PUBLIC."""
    with target.kept(copying.servers, copying.server) as session:
        if (found := mark.read(session, copying.server)) is None or not (found.accounts or found.public):
            return
        with _opened(session):
            _drop(session, found)
            mark.write(session, replace(found, accounts=(), accounts_finished=False, public=()))


def _has_all(session: Database, made: Mark) -> bool:
    """Whether what was created is there still."""
    if not made.accounts_finished:
        return False
    return set(made.accounts) <= _there(session) and made.public == public.kept(made.public, _public(session))


@contextmanager
def _opened(session: Database) -> Iterator[None]:
    """Closed to writes by users with SUPER again afterwards, if it was."""
    closed = target.open_to_us(session)
    try:
        yield
    finally:
        if closed:
            session.execute(session.dialect.sql(Word.READ_ONLY))


def _drop(session: Database, found: Mark) -> None:
    for statement in _revokes(found):
        try:
            session.execute(statement)
        except ServerError as error:
            if error.number not in GONE:
                raise
    for user, host in found.accounts:
        if (user, host) in _there(session):
            role = session.version.is_mariadb() and not host
            session.execute(f"DROP ROLE {identifier(user)}" if role else f"DROP USER {account(user, host)}")


def _revokes(found: Mark) -> list[str]:
    return [statement for line in found.public for statement in public.revoked(line)]


def _in_order(one: Translation) -> tuple[tuple[Statement, ...], ...]:
    return one.create, one.grants, one.last


def _say_all(session: Database, made: list[Translation]) -> Iterator[str]:
    """All are created before any is granted anything, since a grant may name another, as a role or a proxy."""
    for one in made:
        for statement in one.create:
            try:
                session.execute(statement)
            except StatementError as error:
                raise AccountError(f"{one.account.name} can't be created: {error.message}", error.hint) from None
    for part in (1, 2):
        for one in made:
            for statement in _in_order(one)[part]:
                try:
                    session.execute(statement)
                except ServerError as error:
                    if error.number == MAY_NOT_PROXY:
                        yield f"{one.account.name} lacks a grant, as this account may not give it: {statement.shown()}"
                        continue
                    if error.number not in NOT_THERE:
                        raise AccountError(f"{one.account.name}: {statement.shown()}: {error.message}") from error
                    yield f"{one.account.name} lacks a grant, as what it is on is not there: {statement.shown()}"


def _translations(
    copying: Copying, source: Database, session: Database, begun: Mark | None = None
) -> list[Translation]:
    """Of each account; the last one is what all have by PUBLIC. What was `begun` counts as not there: it is dropped."""
    known, every = _known(source, session), list(_accounts(source))
    ours = {public.place(line) for line in begun.public} if begun else set()
    known = replace(known, accounts=known.accounts.difference(begun.accounts if begun else ()))
    followers = _followers(copying.replication, [one for one in every if accounts.unknown_plugins(one, known)])
    passwords = {**followers, **_passwords(copying.settings.passwords, [one.name for one in every])}
    made = [accounts.translated(one, known, passwords) for one in every]
    there = [line for place, line in _public(session).items() if place not in ours]
    return [*made, public.translated(_public(source).values(), there, known)]


def _public(session: Database) -> Mapping[str, str]:
    """What a server grants to PUBLIC, by what it is on."""
    if not public.is_known(session.version):
        return {}
    return {public.place(line): line for line in public.own(_first(session, "SHOW GRANTS FOR PUBLIC"))}


def _followers(replication: Replication, lacking: Iterable[Account]) -> Mapping[str, Secret]:
    """The password of the account that replicas follow with: locked, no new replica could follow the new server."""
    mine = [one.name for one in lacking if one.user == replication.user]
    password = read_password(replication.password_file) if mine else None
    return dict.fromkeys(mine, password) if password else {}


def _passwords(file: str, names: Collection[str]) -> Mapping[str, Secret]:
    if not file:
        return {}
    try:
        given = accounts.passwords_of(Path(file).read_text(encoding="utf-8"))
        accounts.require_known(given, names)
    except UnicodeDecodeError:
        raise SettingsError(f"[migrate.build] passwords: {file}: is not UTF-8") from None
    except OSError as error:
        raise SettingsError(f"[migrate.build] passwords: {file}: can't be read: {error.strerror}") from None
    except ValueError as error:
        raise SettingsError(f"[migrate.build] passwords: {file}: {error}") from None
    return given


def _accounts(source: Database) -> Iterator[Account]:
    """The old server's accounts, roles first, without those that each server has of its own."""
    if source.version.is_mysql(8, 0, 17):
        source.execute("SET SESSION print_identified_with_as_hex = 1")  # a caching_sha2 hash holds any byte
    rows = source.rows("SELECT * FROM mysql.user ORDER BY User, Host")
    for row in sorted(rows, key=lambda row: text(row.get("is_role")) != "Y"):
        user, host = text(row["User"]), text(row["Host"])
        if accounts.is_left_alone(user, host) or (user == public.NAME and source.version.is_mariadb()):
            continue
        if not user:
            yield Account(user, host, why_left_out="an anonymous account takes others' place at login")
        elif text(row.get("is_role")) == "Y":
            grants = _first(source, f"SHOW GRANTS FOR {identifier(user)}")
            own = tuple(line for line in grants if f" TO {identifier(user)}" in line)
            yield Account(user, is_role=True, grants=own)
        else:
            yield _account(source, row, user, host)


def _account(source: Database, row: Row, user: str, host: str) -> Account:
    try:
        grants = _first(source, f"SHOW GRANTS FOR {account(user, host)}")
    except StatementError as error:
        if error.number != NO_SUCH_GRANT:
            raise
        return Account(user, host, why_left_out="the old server itself does not find it: its host is in capitals")
    if source.version.is_mysql() and not source.version.is_mysql(5, 7, 6):
        return accounts.of_row(row, grants)
    made = _first(source, f"SHOW CREATE USER {account(user, host)}")
    return accounts.of_created(user, host, made[0], grants)


def _first(session: Database, sql: str) -> list[str]:
    return [text(next(iter(row.values()))) for row in session.rows(sql)]


def _known(source: Database, session: Database) -> Known:
    plugins = {
        text(row["name"])
        for row in session.rows(
            "SELECT plugin_name AS name FROM information_schema.plugins"
            " WHERE plugin_type = 'AUTHENTICATION' AND plugin_status = 'ACTIVE'"
        )
    }
    privileges = {text(row["Privilege"]).upper() for row in session.rows("SHOW PRIVILEGES")}
    built_in = BUILT_IN if session.version.is_mariadb() else frozenset()
    return Known(
        old=source.version,
        version=session.version,
        plugins=frozenset(plugins) | built_in,
        privileges=frozenset(privileges),
        accounts=frozenset(_there(session)),
    )


def _there(session: Database) -> set[tuple[str, str]]:
    return {
        (text(row["User"]), text(row["Host"]))
        for row in session.rows("SELECT User AS User, Host AS Host FROM mysql.user")
    }
