"""A server's own statements, made of the table in `words`. Pure."""

from __future__ import annotations

from msgspec import Struct

from understudy.errors import UnderstudyError
from understudy.migrate.sqltext import Secret, Statement, string
from understudy.migrate.versions import Version
from understudy.migrate.words import TABLE, Row, Word


class DialectError(UnderstudyError):
    """A server has no way to say what it is asked for."""


class Follow(Struct, frozen=True):
    """Whom a replica shall follow, and from where: by file and position, or by GTID where `file` is empty.

    Without a `user` the replica keeps the account and password that it has.
    `tls` None leaves it to the version's default. `public_key` lets a caching_sha2 account log in without TLS.
    """

    host: str
    port: int
    user: str = ""
    password: Secret = Secret("")
    file: str = ""
    position: int = 0
    tls: bool | None = None
    tls_ca: str = ""
    verify: bool = False
    public_key: bool = False
    channel: str = ""


class Dialect(Struct, frozen=True):
    """What a server of this version calls things."""

    version: Version

    def knows(self, word: Word) -> bool:
        """Whether this server has a way to say it."""
        return self._row(word) is not None

    def sql(self, word: Word, channel: str = "") -> str:
        """The statement. Raises DialectError where this server has none, or no channels and one is named."""
        template = self._known(word).sql
        if channel and "{channel}" not in template:
            raise DialectError(f"{self.version} has no replication channels, so none is named {channel!r}")
        return template.replace("{channel}", self._channel(channel))

    def privilege(self, word: Word) -> str:
        """The least privilege that runs the statement, as GRANT names it; empty where none is needed."""
        return self._known(word).privilege

    def needs(self, sql: str) -> str:
        """The privilege for a statement as it was sent; empty where it is none of the table's."""
        spoken = (word for word in Word if word is not Word.REPOINT and self.knows(word) and self.sql(word) in sql)
        if sql.startswith(("CHANGE MASTER", "CHANGE REPLICATION SOURCE")):
            return self.privilege(Word.REPOINT)
        return next((self.privilege(word) for word in spoken), "")

    def repoint(self, follow: Follow) -> Statement:
        """The statement that has a replica follow another source; its threads must be stopped."""
        options = [*self._source_options(follow), *self._tls_options(follow)]
        sql = self.sql(Word.REPOINT, follow.channel).replace("%", "%%")  # a channel's name may hold one
        sql = sql.replace("{options}", ", ".join(name for name, _ in options))
        return Statement(sql, tuple(value for _, value in options if value is not None))

    def _source_options(self, follow: Follow) -> list[tuple[str, object]]:
        word = self._source_word
        options: list[tuple[str, object]] = [
            (f"{word}_HOST = %s", follow.host),
            (f"{word}_PORT = %s", follow.port),
        ]
        if follow.user:
            options += [(f"{word}_USER = %s", follow.user), (f"{word}_PASSWORD = %s", follow.password)]
        if follow.file:
            options += [(f"{word}_LOG_FILE = %s", follow.file), (f"{word}_LOG_POS = %s", follow.position)]
        if self.version.is_mariadb():
            options.append((f"{word}_USE_GTID = {'no' if follow.file else 'slave_pos'}", None))
        elif self.version.is_mysql(5, 6):
            options.append((f"{word}_AUTO_POSITION = %s", 0 if follow.file else 1))
        return options

    def _tls_options(self, follow: Follow) -> list[tuple[str, object]]:
        word = self._source_word
        options: list[tuple[str, object]] = []
        if follow.tls is not None:
            options += [(f"{word}_SSL = %s", int(follow.tls))]
            options += [(f"{word}_SSL_VERIFY_SERVER_CERT = %s", int(follow.tls and follow.verify))]
        if follow.tls_ca:
            options += [(f"{word}_SSL_CA = %s", follow.tls_ca)]
        if follow.public_key and self.version.is_mysql(8, 0, 4):
            options += [(f"GET_{word}_PUBLIC_KEY = %s", 1)]
        return options

    @property
    def _source_word(self) -> str:
        return "SOURCE" if self.version.is_mysql(8, 0, 23) else "MASTER"

    def _channel(self, name: str) -> str:
        if not name:
            return ""
        return f" {string(name)}" if self.version.is_mariadb() else f" FOR CHANNEL {string(name)}"

    def _known(self, word: Word) -> Row:
        if row := self._row(word):
            return row
        raise DialectError(f"{self.version} has no statement for: {word.value.replace('_', ' ')}")

    def _row(self, word: Word) -> Row | None:
        fitting = [
            row
            for row in TABLE
            if row.word is word and row.flavour is self.version.flavour and row.since <= self.version.numbers
        ]
        newest = max(fitting, key=lambda row: row.since, default=None)
        return newest if newest and newest.sql else None
