"""Who we are to a server: account, password, TLS."""

from __future__ import annotations

import functools
import ssl
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from understudy.config import Migrate, Tls
from understudy.errors import SettingsError
from understudy.migrate.sqltext import Secret

OLDEST = {
    "1.0": ssl.TLSVersion.MINIMUM_SUPPORTED,  # TLS 1.0 itself can't be named without a DeprecationWarning
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}


class Login(Struct, frozen=True):
    """An account on a server, and how to get there. Times in seconds."""

    user: str = ""
    password: Secret = Secret("")
    tls: Tls = Tls()
    connect_s: float = 3.0
    read_s: float = 30.0


class Logins(Protocol):
    """Knows who we are to every server."""

    def of(self, address: str) -> Login:
        """The login for "host:port"."""
        ...


class OneLogin(Struct, frozen=True):
    """The same login everywhere: `Logins`."""

    login: Login

    def of(self, _: str) -> Login:
        """The login."""
        return self.login


class FromSettings:
    """The logins of `[migrate]` and `[migrate.credentials]`: `Logins`. Password files are read when first needed."""

    def __init__(self, settings: Migrate) -> None:
        self._settings = settings
        self._passwords = functools.cache(read_password)

    def of(self, address: str) -> Login:
        """The login for "host:port". Raises SettingsError where its password file can't be read."""
        who = self._settings.login(address)
        return Login(
            user=who.user,
            password=self._passwords(who.password_file),
            tls=who.tls or self._settings.tls,
            connect_s=self._settings.connect_ms / 1000,
            read_s=self._settings.read_ms / 1000,
        )


def read_password(file: str) -> Secret:
    """A file's first line; no file, no password. Raises SettingsError."""
    if not file:
        return Secret("")
    try:
        return Secret(Path(file).read_text(encoding="utf-8").partition("\n")[0].removesuffix("\r"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise SettingsError(f"password_file {file}: can't be read: {reason}") from None


@functools.cache  # reading the system's authorities takes 20 ms
def context(tls: Tls) -> ssl.SSLContext:
    """The TLS settings as Python takes them. Raises SettingsError where a file can't be used."""
    try:
        made = ssl.create_default_context(cafile=tls.ca or None)
        if tls.cert:
            made.load_cert_chain(tls.cert, tls.key or None)
    except (OSError, ssl.SSLError) as error:
        names = ", ".join(filter(None, (tls.ca, tls.cert, tls.key)))
        reason = error.strerror or error.args[-1]
        raise SettingsError(f"[migrate] tls: {names}: can't be used: {reason}") from error
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT  # the certificates that MySQL makes for itself lack what it asks for
    made.check_hostname = tls.verify == "identity"
    made.verify_mode = ssl.CERT_NONE if tls.verify == "none" else ssl.CERT_REQUIRED
    if tls.minimum == "1.0":
        # OpenSSL 3 offers TLS 1.0 at level 0 only, and refuses the 512-bit DH key that 5.6 before 5.6.26 insists on
        made.set_ciphers("ALL:!kDHE:!aNULL:!eNULL:@SECLEVEL=0")
        made.options |= getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 0x4)
    made.minimum_version = OLDEST[tls.minimum]
    return made
