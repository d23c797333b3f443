"""The boundary to the driver: a deadline for a conversation as a whole, and its errors translated."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import pymysql

from understudy.migrate import faults
from understudy.migrate.sqltext import Secret, cut_echo, hide


@contextmanager
def deadline(peer: socket.socket, seconds: float, broken: type[Exception] = pymysql.Error) -> Iterator[None]:
    """Cut the connection off after so long, however busily the peer keeps it alive. Raises TimeoutError.

    `broken` is what the conversation raises once it is cut off. A duplicate is cut, since TLS takes the socket's own
    descriptor away.
    """
    duplicate, cut = peer.dup(), threading.Event()

    def expire() -> None:
        cut.set()
        with suppress(OSError):
            duplicate.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    try:
        yield
    except broken as error:
        if cut.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
        timer.join()
        duplicate.close()


@contextmanager
def translating(address: str, login: Secret, sent: Sequence[Secret] = (), *, logged_in: bool = False) -> Iterator[None]:
    """Turn what the driver or the network raises into a `ServerError` without the login's password or what was sent."""
    try:
        yield
    except pymysql.Error as error:
        why = _translated(address, error, login, sent, logged_in)
        raise why from None  # its text may hold secrets, and a traceback shows it
    except OSError as error:
        raise faults.of_network(address, error, logged_in=logged_in) from error
    except UnicodeError as error:
        raise faults.StatementError(address, f"text that can't be sent or read: {error}") from error


def _translated(
    address: str, error: pymysql.Error, login: Secret, sent: Sequence[Secret], logged_in: bool
) -> faults.ServerError:
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    if isinstance(error, pymysql.InterfaceError) and not number:
        return faults.LostError(address, "the session is closed")
    said = str(error.args[-1]) if error.args else ""
    message = hide(cut_echo(said) if sent else said, [login, *sent])
    cause = getattr(error, "original_exception", None) or error.__context__
    network = cause if isinstance(cause, OSError) else None
    return faults.translated(address, number, message, network, logged_in=logged_in)
