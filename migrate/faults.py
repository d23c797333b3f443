"""What goes wrong with a server, and what to do about it: the driver's errors translated at the boundary. Pure.

Numbers are the servers' own (MySQL "Server Error Message Reference", MariaDB "Error Codes"); a message of theirs is
passed on only after secrets are taken out of it.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from typing import ClassVar

from understudy.errors import UnderstudyError


class ServerError(UnderstudyError):
    """A server did not do as asked. `address` is the server's, `number` its own error number or 0."""

    default_hint: ClassVar[str] = ""

    def __init__(self, address: str, what: str, number: int = 0, hint: str = "") -> None:
        super().__init__(f"{address}: {what}", hint or self.default_hint)
        self.address = address
        self.what = what
        self.number = number


class UnreachableError(ServerError):
    """Nobody answers there: unknown name, refused, no route."""

    default_hint = "is the server up, is the address right as seen from here, does a firewall let port 3306 pass?"


class SilentError(ServerError):
    """The connection stands, and no answer comes in time."""

    default_hint = "the server hangs, its disk may be full, or something else than MySQL listens there"


class LostError(ServerError):
    """The session ended in the middle: restart, KILL, network. Whether the statement took effect is unknown."""

    default_hint = "the server was restarted or the session killed; look at its state before trying again"


class BusyError(ServerError):
    """The server takes no more connections, or refuses this host for a while."""

    default_hint = "raise max_connections, or close what is idle; blocked hosts: FLUSH HOSTS"


class LoginError(ServerError):
    """The account or its password is not accepted."""

    default_hint = "check user and password_file under [migrate], or under [migrate.credentials] where a pattern fits"


class TlsError(ServerError):
    """TLS can't be agreed on, or the server's certificate is not trusted."""


class PrivilegeError(ServerError):
    """The account lacks a privilege: `privilege` names it, or is empty where the server does not say."""

    def __init__(self, address: str, what: str, number: int = 0, hint: str = "", privilege: str = "") -> None:
        super().__init__(address, what, number, hint)
        self.privilege = privilege


class ReadOnlyError(ServerError):
    """The server takes no writes."""

    default_hint = "it is read_only, as a replica should be; a write belongs on the source"


class LockedError(ServerError):
    """A lock was not had in time, or a deadlock was broken at this session's cost. Nothing was changed."""

    default_hint = "something holds it: look at the processlist for what runs long, and try again"


class FullError(ServerError):
    """The server's disk, or a table of it, is full."""

    default_hint = "free disk space on the server; it may go on by itself afterwards"


class StatementError(ServerError):
    """The server refuses a statement for a reason that has no error of its own here; see `number`."""


KINDS: Mapping[int, type[ServerError]] = {
    1040: BusyError,  # ER_CON_COUNT_ERROR
    1129: BusyError,  # ER_HOST_IS_BLOCKED
    1203: BusyError,  # ER_TOO_MANY_USER_CONNECTIONS
    1226: BusyError,  # ER_USER_LIMIT_REACHED
    1045: LoginError,  # ER_ACCESS_DENIED_ERROR
    1130: LoginError,  # ER_HOST_NOT_PRIVILEGED
    1251: LoginError,  # ER_NOT_SUPPORTED_AUTH_MODE
    1524: LoginError,  # ER_PLUGIN_IS_NOT_LOADED
    1698: LoginError,  # ER_ACCESS_DENIED_NO_PASSWORD_ERROR
    1820: LoginError,  # ER_MUST_CHANGE_PASSWORD
    1862: LoginError,  # ER_MUST_CHANGE_PASSWORD_LOGIN
    3118: LoginError,  # ER_ACCOUNT_HAS_BEEN_LOCKED
    4151: LoginError,  # MariaDB ER_ACCOUNT_HAS_BEEN_LOCKED
    2059: LoginError,  # CR_AUTH_PLUGIN_CANNOT_LOAD
    1044: PrivilegeError,  # ER_DBACCESS_DENIED_ERROR
    1142: PrivilegeError,  # ER_TABLEACCESS_DENIED_ERROR
    1143: PrivilegeError,  # ER_COLUMNACCESS_DENIED_ERROR
    1227: PrivilegeError,  # ER_SPECIFIC_ACCESS_DENIED_ERROR
    1370: PrivilegeError,  # ER_PROCACCESS_DENIED_ERROR
    3630: PrivilegeError,  # ER_PERSIST_ONLY_ACCESS_DENIED_ERROR
    1205: LockedError,  # ER_LOCK_WAIT_TIMEOUT
    1213: LockedError,  # ER_LOCK_DEADLOCK
    1290: ReadOnlyError,  # ER_OPTION_PREVENTS_STATEMENT, where it is --read-only
    1792: ReadOnlyError,  # ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
    1836: ReadOnlyError,  # ER_READ_ONLY_MODE
    1021: FullError,  # ER_DISK_FULL
    1114: FullError,  # ER_RECORD_FILE_FULL
    2026: TlsError,  # CR_SSL_CONNECTION_ERROR
    3159: TlsError,  # ER_SECURE_TRANSPORT_REQUIRED
    1053: LostError,  # ER_SERVER_SHUTDOWN
    1927: LostError,  # MariaDB ER_CONNECTION_KILLED
    2006: LostError,  # CR_SERVER_GONE_ERROR
    2013: LostError,  # CR_SERVER_LOST
    4031: LostError,  # ER_CLIENT_INTERACTION_TIMEOUT
}

NO_TLS_HINT = "the server offers no TLS; where plaintext is acceptable there: tls = { required = false }"
OLD_TLS_HINT = 'a server this old may know nothing newer than TLS 1.0: tls = { minimum = "1.0" } for it alone'
UNTRUSTED_HINT = (
    'name the authority that signed it: tls = { ca = "ca.pem" }; one that the server made for itself names no host: '
    'verify = "ca" with its ca.pem, or verify = "none" takes any'
)
PLAINTEXT_HINT = "this server demands TLS, and none was tried: give it tls settings under [migrate]"


def translated(
    address: str, number: int, message: str, cause: BaseException | None = None, *, logged_in: bool = False
) -> ServerError:
    """The error for a server's own number and message, secrets already taken out; `cause` is what the network said."""
    if isinstance(cause, OSError):
        return of_network(address, cause, logged_in=logged_in)
    if number == 2013 and "timed out" in message:
        return SilentError(address, "no answer in time", number)
    kind = KINDS.get(number, StatementError)
    if (
        number == 1290 and "read" not in message
    ):  # --secure-file-priv, --skip-grant-tables and others have this number too
        kind = StatementError
    if kind is PrivilegeError:
        return _privilege(address, number, message)
    if kind is TlsError:
        return TlsError(address, message, number, PLAINTEXT_HINT if number == 3159 else NO_TLS_HINT)
    return kind(address, f"{message} (error {number})" if number else message, number)


def of_network(address: str, error: OSError, *, logged_in: bool = False) -> ServerError:
    """The error for what the operating system or TLS said.

    Once somebody is logged in TLS was agreed on: then it complains of a peer that is gone, as of an "EOF in violation".
    """
    match error:
        case ssl.SSLError() if logged_in:
            return LostError(address, f"the connection broke: {getattr(error, 'reason', None) or error}")
        case ssl.SSLCertVerificationError():
            return TlsError(address, f"its certificate is not trusted: {error.verify_message}", hint=UNTRUSTED_HINT)
        case ssl.SSLError():
            reason = getattr(error, "reason", None) or str(error)
            old = re.search("PROTOCOL|VERSION|CIPHER|ALERT|DH_KEY|LEGACY|EE_KEY", reason.upper())
            return TlsError(address, f"TLS can't be agreed on: {reason}", hint=OLD_TLS_HINT if old else "")
        case socket.gaierror():
            return UnreachableError(address, f"the name is not known: {error.strerror}")
        case TimeoutError():
            return SilentError(address, "no answer in time")
        case ConnectionRefusedError():
            return UnreachableError(address, "the connection is refused")
        case ConnectionError():
            return LostError(address, f"the connection broke: {error.strerror or error}")
    return UnreachableError(address, f"can't be reached: {error.strerror or error}")


def _privilege(address: str, number: int, message: str) -> PrivilegeError:
    """1227 and 3630 say which global privilege, 1142 and 1370 which command on what; 1044 only the database."""
    named = re.search(r"you need (?:\(at least one of\) the )?(.+?) privilege", message)
    denied = re.search(r"^(.+?) command denied to user .+? for (?:table|column|routine) (.+)$", message)
    privilege = ""
    if named:
        privilege = named[1]
    elif denied:
        privilege = f"{denied[1]} ON {denied[2].replace(chr(39), '').replace('`', '')}"
    return lacking(address, privilege, number, message)


def lacking(address: str, privilege: str, number: int, message: str = "access denied") -> PrivilegeError:
    """The account lacks this privilege; MySQL 5.6 says no more than 1045, as to a wrong password, to a START SLAVE."""
    hint = "`understudy migrate grants` prints what each command needs"
    what = f"the account lacks a privilege: {privilege.replace(', ', ' or ')}" if privilege else message
    return PrivilegeError(address, f"{what} (error {number})", number, hint, privilege)
