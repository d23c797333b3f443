"""Heads: reading them strictly, and writing what is sent on. Pure.

A head is read by llhttp (through httptools) after a check of its own bytes, so that two parsers must agree
before a stack sees anything; what either refuses is answered with 400 and never forwarded. The rules:

* Hop-by-hop fields go no further (RFC 9110 §7.6.1): those named here and those that Connection names, save the
  fields that carry framing and routing, which no client may have removed.
* Order, case and duplicates of all other fields are kept, so what is forwarded is built from the
  received lines, never from a mapping.
* A message has one meaning or none: Content-Length with Transfer-Encoding, either of them repeated or
  malformed, folded lines, bare CR or LF, NULs are refused (RFC 9112 §6.3, §11.2).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any, Final
from urllib.parse import urlsplit

import httptools
from msgspec import Struct

from understudy.exchange import Headers

MAX_HEAD_BYTES: Final = 16 * 1024
END: Final = b"\r\n\r\n"
CHUNKED: Final = -1
UNTIL_CLOSE: Final = -2

Fields = list[tuple[bytes, bytes]]

HOP_BY_HOP: Final = frozenset(
    (b"connection", b"proxy-connection", b"keep-alive", b"te", b"transfer-encoding", b"upgrade")
)
NEVER_NOMINATED: Final = frozenset(
    (
        *(b"host", b"content-length", b"content-type", b"content-encoding", b"cookie", b"authorization", b"via"),
        *(b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-request-id"),
    )
)
OURS: Final = frozenset((b"understudy-shadow", b"understudy-again"))  # a client must not be taken for a shadow
FRAMING: Final = frozenset((b"content-length", b"transfer-encoding"))

_REQUEST_LINE: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}) ([\x21-\x7e\x80-\xff]+) HTTP/1\.[01]")
_HOST: Final = re.compile(rb"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]*")
_VISIBLE: Final = bytes(set(range(256)) - set(range(0x20)) - {0x7F} | {0x09})


class Malformed(Exception):
    """A head that is refused; `reason` is one word for counters and the Understudy-Error header."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class Block(Struct, frozen=True, gc=False):
    """A request's fields and the version before them: all of its head but method and target.

    `fields` are in their order, `names` the same in lower case, `lines` as they came. `length` is the body's: bytes,
    0 where there is none, or CHUNKED.
    """

    minor: int
    fields: Fields
    names: list[bytes]
    lines: list[bytes]
    nominated: frozenset[bytes]
    length: int
    keep_alive: bool
    upgrade: bytes

    def value(self, name: bytes) -> bytes:
        """The first value of the field with this lower-case name, or empty."""
        return _value(self.fields, self.names, name)


class RequestHead(Struct, frozen=True, gc=False):
    """A request's head as it came."""

    method: bytes
    target: bytes
    minor: int
    length: int
    block: Block

    @property
    def fields(self) -> Fields:
        """The fields in their order."""
        return self.block.fields

    def value(self, name: bytes) -> bytes:
        """The first value of the field with this lower-case name, or empty."""
        return self.block.value(name)


class Template(Struct, frozen=True, gc=False):
    """A request head to send on: `before` + the client's address + `after` + what each request adds."""

    before: bytes
    after: bytes


class ReplyHead(Struct, gc=False):
    """A reply's head, with all that follows from it.

    `length` is the body's: bytes, CHUNKED or UNTIL_CLOSE, before the request's method is taken into account.
    `sent_on` is the head for the client without its last empty line; `kept` and `closing` are whole,
    for a connection that goes on and for one that ends. `comparable` holds what is compared.
    """

    status: int
    minor: int
    length: int
    keep_alive: bool
    sent_on: bytes
    kept: bytes
    closing: bytes
    fields: Fields
    names: list[bytes]
    nominated: frozenset[bytes]
    comparable: tuple[tuple[bytes, bytes], ...]
    upgrade: bytes = b""
    _masked: Headers | None = None

    def text(self, name: bytes) -> str:
        """The first value of the field with this lower-case name as text, or empty."""
        return _value(self.fields, self.names, name).decode("latin-1")

    def masked_headers(self, mask: Callable[[Headers], Headers]) -> Headers:
        """The headers as they are recorded; worked out once, since most replies never need it."""
        if self._masked is None:
            self._masked = mask(recorded(self.fields, self.nominated))
        return self._masked


class _Collector:
    """What llhttp calls back."""

    __slots__ = ("fields",)

    def __init__(self) -> None:
        self.fields: Fields = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value.rstrip(b" \t")))


def read_request(raw: bytes) -> RequestHead:
    """Read a request's head, its final empty line included. Raises Malformed."""
    line_end = raw.index(b"\r\n")
    method, target = read_request_line(raw, line_end)
    return joined(method, target, read_block(raw[line_end - 1 :]))


def joined(method: bytes, target: bytes, block: Block) -> RequestHead:
    """A head from its two parts. Raises Malformed where they contradict each other."""
    if target[:1] != b"/":
        _check_target(method, target, block.value(b"host"))
    return RequestHead(method, target, block.minor, block.length, block)


def read_request_line(raw: bytes, line_end: int) -> tuple[bytes, bytes]:
    """Method and target of a head whose first line ends at `line_end`. Raises Malformed."""
    line = _REQUEST_LINE.fullmatch(raw, 0, line_end)
    if line is None:
        _check_bytes(raw)
        raise Malformed("version" if _is_other_version(raw[:line_end]) else "request-line")
    method, target = line.groups()
    if method == b"CONNECT":
        raise Malformed("connect", 405)
    return method, target


def read_block(raw: bytes) -> Block:
    """Read a head's fields: `raw` begins with the last digit of the version. Raises Malformed."""
    _check_bytes(raw)
    # llhttp knows a list of methods and refuses raw UTF-8 in targets; browsers and sites use others, so the line is
    # read by our own rules and llhttp gets a plain one.
    fields = _fields(httptools.HttpRequestParser, b"GET / HTTP/1." + raw)
    minor = raw[0] - 0x30
    names = [name.lower() for name, _ in fields]
    if b"_" in raw and any(b"_" in name and name.replace(b"_", b"-") in FRAMING for name in names):
        raise Malformed("framing")
    _check_host(fields, names, minor)
    connection = _connection(fields, names) if b"connection" in names else _NO_OPTIONS
    return Block(
        minor=minor,
        fields=fields,
        names=names,
        lines=raw[3:-4].split(b"\r\n"),
        nominated=connection - NEVER_NOMINATED,
        length=_request_length(fields, names, minor),
        keep_alive=b"close" not in connection and (minor == 1 or b"keep-alive" in connection),
        upgrade=_upgrade(fields, names, connection, minor) if connection else b"",
    )


def _is_other_version(line: bytes) -> bool:
    return re.search(rb" HTTP/\d(\.\d)?$", line) is not None


def _check_bytes(raw: bytes) -> None:
    """Refuse control characters and every CR or LF that does not end a line."""
    controls = raw.translate(None, _VISIBLE)
    if controls != b"\r\n" * raw.count(b"\r\n"):
        raise Malformed("control-character" if controls.translate(None, b"\r\n") else "bare-cr-or-lf")
    if b"\r\n " in raw or b"\r\n\t" in raw:
        raise Malformed("folded-line")


def _fields(parser: Any, raw: bytes) -> Fields:
    collector = _Collector()
    try:
        parser(collector).feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass  # the head is whole, which is all that is asked
    except httptools.HttpParserError as error:
        raise Malformed(_reason(str(error))) from None
    return collector.fields


def _reason(message: str) -> str:
    return "framing" if "Content-Length" in message or "Transfer-Encoding" in message else "header-syntax"


_NO_OPTIONS: Final[frozenset[bytes]] = frozenset()


def _value(fields: Fields, names: list[bytes], name: bytes) -> bytes:
    return fields[names.index(name)][1] if name in names else b""


def _connection(fields: Fields, names: list[bytes]) -> frozenset[bytes]:
    """The options that Connection names, in lower case."""
    values = [value for (_, value), name in zip(fields, names, strict=True) if name == b"connection"]
    return frozenset(option.strip() for option in b",".join(values).lower().split(b",") if option.strip())


def _request_length(fields: Fields, names: list[bytes], minor: int) -> int:
    """The body's length or CHUNKED (RFC 9112 §6.3), refusing all that two parsers could read in two ways."""
    codings, lengths = names.count(b"transfer-encoding"), names.count(b"content-length")
    if codings + lengths > 1 or (codings and minor == 0):
        raise Malformed("framing")
    if codings:
        coding = _value(fields, names, b"transfer-encoding").lower()
        if coding != b"chunked":
            raise Malformed("transfer-encoding", 501 if re.fullmatch(rb"[a-z, ]+", coding) else 400)
        return CHUNKED
    return _content_length(_value(fields, names, b"content-length")) if lengths else 0


def _content_length(value: bytes) -> int:
    if not value.isdigit() or len(value) > 18:
        raise Malformed("framing")
    return int(value)


def _check_host(fields: Fields, names: list[bytes], minor: int) -> None:
    """One Host, of host characters (RFC 9112 §3.2)."""
    hosts = names.count(b"host")
    if hosts > 1 or (minor == 1 and not hosts):
        raise Malformed("host")
    if not _HOST.fullmatch(_value(fields, names, b"host")):
        raise Malformed("host")


def _check_target(method: bytes, target: bytes, host: bytes) -> None:
    """A target that is no path: * is for OPTIONS, and an absolute one does not contradict Host (RFC 9112 §3.2)."""
    if target == b"*":
        if method != b"OPTIONS":
            raise Malformed("target")
        return
    try:
        authority = urlsplit(target.decode("latin-1")).netloc
    except ValueError:
        raise Malformed("target") from None
    if not authority or authority.lower() != host.decode("latin-1").lower():
        raise Malformed("target")


def _upgrade(fields: Fields, names: list[bytes], connection: frozenset[bytes], minor: int) -> bytes:
    """The protocol asked for; h2c is left out, since it would carry requests past every rule here."""
    if minor == 0 or b"upgrade" not in connection:
        return b""
    protocol = _value(fields, names, b"upgrade")
    return b"" if b"h2c" in protocol.lower() else protocol


def forwarded(head: RequestHead, scheme: bytes, default_host: bytes, *, shadow: bool) -> Template:
    """The head to send to a stack, open at its end. See `forwarded_block`."""
    return with_line(head.method, head.target, forwarded_block(head.block, scheme, default_host, shadow=shadow))


def with_line(method: bytes, target: bytes, template: Template) -> Template:
    """A block's template under a request line."""
    return Template(b"%b %b HTTP/1.1%b" % (method, target, template.before), template.after)


def forwarded_block(block: Block, scheme: bytes, default_host: bytes, *, shadow: bool) -> Template:
    """The fields to send to a stack, open at their end: `Via`, `X-Forwarded-*` appended, hop-by-hop fields gone.

    `default_host` stands in where an HTTP/1.0 request has no Host. A shadow gets the body whole, so it is never
    asked to say 100 (Continue), and it is never upgraded.
    """
    lines = [b""]
    address_at = -1
    names = block.names
    for line, name in zip(block.lines, names, strict=False):  # a head without fields has one empty line
        if name not in _PLAIN:
            if not _goes_on(name, block, shadow):
                continue
            if name == b"x-forwarded-for":
                address_at = len(lines)
        lines.append(line)
    if block.length == CHUNKED:
        lines.append(b"Transfer-Encoding: chunked")
    if b"host" not in names:
        lines.insert(1, b"Host: " + default_host)
        address_at += address_at >= 0
    if b"x-forwarded-proto" not in names:
        lines.append(b"X-Forwarded-Proto: " + scheme)
    if b"x-forwarded-host" not in names and b"host" in names:
        lines.append(b"X-Forwarded-Host: " + block.value(b"host"))
    lines.append(b"Via: 1.%d understudy" % block.minor)
    if block.upgrade and not shadow:
        lines += [b"Connection: Upgrade", b"Upgrade: " + block.upgrade]
    if address_at < 0:
        address_at = len(lines)
        lines.append(b"X-Forwarded-For: ")
    else:
        lines[address_at] = _open_list(lines[address_at])
    before = b"\r\n".join(lines[: address_at + 1])
    return Template(before, b"\r\n".join((b"", *lines[address_at + 1 :], b"")))


# The names that most heads are made of, which need no further look.
_PLAIN: Final = frozenset(
    (
        *(b"host", b"user-agent", b"accept", b"accept-encoding", b"accept-language", b"cookie", b"referer"),
        *(b"content-type", b"content-length", b"cache-control", b"pragma", b"authorization", b"origin"),
        *(b"if-none-match", b"if-modified-since", b"range", b"dnt", b"priority", b"upgrade-insecure-requests"),
        *(b"sec-fetch-dest", b"sec-fetch-mode", b"sec-fetch-site", b"sec-fetch-user"),
        *(b"sec-ch-ua", b"sec-ch-ua-mobile", b"sec-ch-ua-platform", b"x-forwarded-proto", b"x-forwarded-host"),
    )
)


def _goes_on(name: bytes, block: Block, shadow: bool) -> bool:
    """Whether a field of the client's is passed on. CGI and WSGI know no difference between - and _ in names."""
    if name in HOP_BY_HOP or name in block.nominated or name.replace(b"_", b"-") in OURS:
        return False
    return not (shadow and name == b"expect") and not (name == b"x-request-id" and not block.value(name))


def _open_list(line: bytes) -> bytes:
    """A list field's line, ready for one more member."""
    line = line.rstrip(b" \t")
    return line + (b" " if line.endswith(b":") else b", ")


def recorded(fields: Fields, nominated: frozenset[bytes] = frozenset()) -> Headers:
    """Fields as an exchange holds them: text, hop-by-hop gone."""
    return tuple(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in fields
        if (lower := name.lower()) not in HOP_BY_HOP and lower not in nominated
    )


class Comparable:
    """Which reply headers are compared: those of `names` ("*" is all) that are not in `ignored`, in any case."""

    def __init__(self, names: Iterable[str], ignored: Iterable[str]) -> None:
        self._names = frozenset(name.lower().encode("latin-1", "replace") for name in names)
        self._ignored = frozenset(name.lower().encode("latin-1", "replace") for name in ignored)
        self._named = self._names - self._ignored

    def of(self, fields: Fields, names: list[bytes]) -> tuple[tuple[bytes, bytes], ...]:
        """The headers that count, under their lower-case `names`, in the order of these."""
        if b"*" in self._names:
            never = self._ignored | HOP_BY_HOP
            found = [(name, field[1]) for name, field in zip(names, fields, strict=True) if name not in never]
        else:
            named = self._named
            found = [(name, field[1]) for name, field in zip(names, fields, strict=True) if name in named]
        if len(found) > 1:
            found.sort(key=_first)  # stable: several of one name stay in their order
        return tuple(found)


_first = itemgetter(0)

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: ([^\r\n]*))?")


def read_reply(raw: bytes, comparable: Comparable) -> ReplyHead:
    """Read a reply's head, its final empty line included. Raises Malformed."""
    _check_bytes(raw)
    line_end = raw.index(b"\r\n")
    line = _STATUS_LINE.fullmatch(raw, 0, line_end)
    if line is None:
        raise Malformed("status-line")
    minor, status = int(line[1]), int(line[2])
    fields = _fields(httptools.HttpResponseParser, raw)
    names = [name.lower() for name, _ in fields]
    connection = _connection(fields, names) if b"connection" in names else _NO_OPTIONS
    nominated = connection - NEVER_NOMINATED
    length = _reply_length(fields, names, status)
    lines = [b"HTTP/1.1" + raw[8:line_end]]
    for came, name in zip(raw[line_end + 2 : -4].split(b"\r\n"), names, strict=False):
        if (name not in HOP_BY_HOP and name not in nominated) or (length == CHUNKED and name == b"transfer-encoding"):
            lines.append(came)
    lines.append(b"")
    sent_on = b"\r\n".join(lines)
    return ReplyHead(
        status=status,
        minor=minor,
        length=length,
        keep_alive=b"close" not in connection and (minor == 1 or b"keep-alive" in connection),
        sent_on=sent_on,
        kept=sent_on + b"\r\n",
        closing=sent_on + b"Connection: close\r\n\r\n",
        fields=fields,
        names=names,
        nominated=nominated,
        comparable=comparable.of(fields, names),
        upgrade=_value(fields, names, b"upgrade") if status == 101 else b"",
    )


def _reply_length(fields: Fields, names: list[bytes], status: int) -> int:
    if status < 200 or status in (204, 304):
        return 0
    codings, lengths = names.count(b"transfer-encoding"), names.count(b"content-length")
    if codings + lengths > 1:
        raise Malformed("framing")
    if codings:
        if _value(fields, names, b"transfer-encoding").lower() != b"chunked":
            raise Malformed("transfer-encoding")
        return CHUNKED
    return _content_length(_value(fields, names, b"content-length")) if lengths else UNTIL_CLOSE
