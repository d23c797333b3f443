"""Servers' and networks' errors, each as its own kind with a hint."""

from __future__ import annotations

import socket
import ssl

import pytest

from understudy.migrate import faults
from understudy.migrate.faults import of_network, translated


@pytest.mark.parametrize(
    ("number", "message", "kind"),
    [
        (1045, "Access denied for user", faults.LoginError),
        (1040, "Too many connections", faults.BusyError),
        (1205, "Lock wait timeout exceeded", faults.LockedError),
        (1290, "running with the --read-only option", faults.ReadOnlyError),
        (1290, "running with the --super-read-only option", faults.ReadOnlyError),
        (1290, "running with the --secure-file-priv option", faults.StatementError),
        (1114, "The table 't' is full", faults.FullError),
        (2013, "Lost connection to MySQL server during query", faults.LostError),
        (2013, "Lost connection to MySQL server during query (timed out)", faults.SilentError),
        (2026, "SSL is required but the server doesn't support it", faults.TlsError),
        (3159, "Connections using insecure transport are prohibited", faults.TlsError),
        (1064, "You have an error in your SQL syntax", faults.StatementError),
    ],
)
def test_a_number_is_its_own_kind_of_error(number: int, message: str, kind: type[faults.ServerError]) -> None:
    error = translated("db:3306", number, message)
    assert type(error) is kind
    assert error.message.startswith("db:3306: ")
    assert error.number == number
    assert error.hint or kind is faults.StatementError


@pytest.mark.parametrize(
    ("number", "message", "privilege"),
    [
        (
            1227,
            "Access denied; you need (at least one of) the SUPER, REPLICATION CLIENT privilege(s) for this",
            "SUPER, REPLICATION CLIENT",
        ),
        (1142, "SELECT command denied to user 'a'@'b' for table 't'", "SELECT ON t"),
        (1142, "SELECT command denied to user 'a'@'b' for table `shop`.`t`", "SELECT ON shop.t"),
        (1370, "execute command denied to user 'a'@'b' for routine 'shop.p'", "execute ON shop.p"),
        (1044, "Access denied for user 'a'@'b' to database 'shop'", ""),
    ],
)
def test_the_privilege_that_lacks_is_named_where_the_server_says_it(number: int, message: str, privilege: str) -> None:
    error = translated("db:3306", number, message)
    assert isinstance(error, faults.PrivilegeError)
    assert error.privilege == privilege


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (socket.gaierror(-2, "Name or service not known"), faults.UnreachableError),
        (ConnectionRefusedError(111, "Connection refused"), faults.UnreachableError),
        (OSError(113, "No route to host"), faults.UnreachableError),
        (ConnectionResetError(104, "Connection reset by peer"), faults.LostError),
        (TimeoutError("timed out"), faults.SilentError),
        (ssl.SSLCertVerificationError(1, "self-signed certificate"), faults.TlsError),
        (ssl.SSLError(1, "[SSL: UNSUPPORTED_PROTOCOL] unsupported protocol"), faults.TlsError),
    ],
)
def test_what_the_network_says_is_its_own_kind_of_error(error: OSError, kind: type[faults.ServerError]) -> None:
    if isinstance(error, ssl.SSLCertVerificationError):
        error.verify_message = "self-signed certificate"
    assert type(of_network("db:3306", error)) is kind


def test_tls_that_ends_once_somebody_is_logged_in_is_a_connection_that_broke() -> None:
    error = ssl.SSLEOFError(8, "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol")
    assert type(of_network("db:3306", error)) is faults.TlsError
    assert type(of_network("db:3306", error, logged_in=True)) is faults.LostError
    assert type(translated("db:3306", 2013, "Lost connection", error, logged_in=True)) is faults.LostError
