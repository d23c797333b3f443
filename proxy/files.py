"""The files that settings name: certificates and keys, the authorities of stacks, the API's token, the masks' key.

All are opened once before anything is started, so that what is wrong with one is told in a line, by its setting,
and not by every worker in turn.
"""

from __future__ import annotations

import secrets
import ssl
from pathlib import Path

from understudy.config import Settings, Stack
from understudy.errors import SettingsError


def examine(settings: Settings) -> None:
    """Open every file that the settings name. Raises SettingsError for the first that can't be used."""
    server_tls(settings)
    for name, stack in settings.stacks.items():
        stack_tls(name, stack)
    token(settings)
    mask_key(settings)


def server_tls(settings: Settings) -> ssl.SSLContext | None:
    """What clients are served with; None for plain HTTP. Raises SettingsError."""
    cert, key = settings.proxy.tls_cert, settings.proxy.tls_key
    if not cert:
        return None
    for setting, file in (("proxy.tls_cert", cert), ("proxy.tls_key", key)):
        _read(setting, file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except ValueError as error:  # raised by _no_password
        raise SettingsError(f"proxy.tls_key: {key}: {error}", "`openssl pkey -in KEY -out PLAIN` decrypts it") from None
    except ssl.SSLError as error:
        why = "the key is not the certificate's" if error.reason == "KEY_VALUES_MISMATCH" else _reason(error)
        raise SettingsError(f"proxy.tls_cert: {cert} with proxy.tls_key: {key}: {why}") from error
    context.set_alpn_protocols(["http/1.1"])
    return context


def _no_password() -> str:
    """OpenSSL would ask at the terminal."""
    raise ValueError("is encrypted; accepted: a key without a passphrase")


def stack_tls(name: str, stack: Stack) -> ssl.SSLContext | None:
    """What an https stack is asked with; None for plain HTTP. Raises SettingsError."""
    if not any(url.startswith("https:") for url in stack.addresses()):
        return None
    if stack.ca_file:
        _read(f"stacks.{name}.ca_file", stack.ca_file)
    try:
        context = ssl.create_default_context(cafile=stack.ca_file or None)
    except ssl.SSLError as error:
        raise SettingsError(f"stacks.{name}.ca_file: {stack.ca_file}: {_reason(error)}") from error
    if not stack.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def trusting_nobody() -> ssl.SSLContext:
    """For a stack whose authority's file is gone since the start: each handshake fails, nothing else does."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def token(settings: Settings) -> str:
    """The API's bearer token; empty where none is asked for. Raises SettingsError."""
    file = settings.proxy.token_file
    if not file:
        return ""
    hint = "`openssl rand -hex 32 > FILE` makes a token"
    try:
        found = _read("proxy.token_file", file).decode("ascii").strip()
    except UnicodeDecodeError:
        raise SettingsError(f"proxy.token_file: {file}: is not text", hint) from None
    if not found:
        raise SettingsError(f"proxy.token_file: {file}: is empty", hint)
    return found


def mask_key(settings: Settings) -> bytes:
    """The key of the masks: from its file, or made up and forgotten when Understudy ends. Raises SettingsError."""
    file = settings.masks.key_file
    if not file:
        return secrets.token_bytes(32)
    key = _read("masks.key_file", file)
    if not key.strip():
        raise SettingsError(f"masks.key_file: {file}: is empty", "`openssl rand -hex 32 > FILE` makes a key")
    return key


def _read(setting: str, file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise SettingsError(f"{setting}: {file}: {error.strerror}") from error


def _reason(error: ssl.SSLError) -> str:
    return f"not a PEM file of the kind needed ({error.reason or error.strerror or error})"
