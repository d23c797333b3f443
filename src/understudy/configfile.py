"""Reading understudy.toml and UNDERSTUDY_SECTION__KEY from the environment into `config.Settings`.

What is wrong is said in one line: the file (or variable), the key's path, what was given, what is accepted.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import inspect

from understudy.config import Credentials, Section, Settings, Stack, Tls
from understudy.errors import SettingsError

ENVIRONMENT = "UNDERSTUDY_"
SOCKET_PATH_BYTES = 107  # sockaddr_un.sun_path without its NUL, unix(7)
LONGEST_SOCKET = "handover.sock"


class Address(NamedTuple):
    """A host and a port to listen on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a file under the environment's overrides; relative paths in it count from its folder.

    Raises SettingsError where the file can't be read, is not TOML, or a setting is wrong.
    """
    try:
        raw = _read(path)
        overridden = _override(raw, environ)
        settings = _anchored(check(raw, str(path), overridden), path.resolve().parent)
    except RecursionError:
        raise SettingsError(f"{path}: nested too deeply") from None
    _check_sockets(settings, _Where(str(path), overridden))
    return settings


def _check_sockets(settings: Settings, where: _Where) -> None:
    """A state directory may be so deep that no socket can be made in it."""
    longest = SOCKET_PATH_BYTES - len(f"/{LONGEST_SOCKET}")
    if len(os.fsencode(settings.state)) > longest:
        raise where.error("state_dir", settings.state_dir, f"a path of at most {longest} bytes, for the sockets in it")


def check(raw: dict[str, Any], source: str, overridden: Mapping[str, str] | None = None) -> Settings:
    """Validate settings as they stand in a file; `overridden` maps key paths to the variables that set them.

    Raises SettingsError for the first thing that is wrong.
    """
    where = _Where(source, overridden or {})
    _unknown_keys(raw, inspect.type_info(Settings), "", where)
    try:
        settings = msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        raise _explained(error, raw, where) from None
    if "stacks" not in raw and not settings.migrate.source:
        raise where.error("stacks", None, "a table")
    for path, given, accepted in _inconsistencies(settings):
        raise where.error(path, given, accepted)
    return settings


def require_stacks(settings: Settings, source: str) -> Settings:
    """The settings again, where they name the stacks that serving needs. Raises SettingsError."""
    if not settings.stacks:
        raise SettingsError(
            f"{source}: stacks: nothing given; accepted: a table",
            "this file has only [migrate]; name the application stacks, of which one is the primary",
        )
    return settings


def address(text: str) -> Address:
    """Take "host:port" apart, "[v6]:port" too. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not re.fullmatch("[0-9]{1,5}", port) or not 1 <= int(port) <= 65_535:
        raise ValueError(text)
    return Address(host or "0.0.0.0", int(port))


def listen_addresses(settings: Settings) -> list[Address]:
    """Every address that users are served on."""
    listen = settings.proxy.listen
    return [address(text) for text in ([listen] if isinstance(listen, str) else listen)]


class _Where(NamedTuple):
    source: str
    overridden: Mapping[str, str]

    def error(self, path: str, given: object, accepted: str) -> SettingsError:
        return SettingsError(f"{self._place(path)}: {path}: {_shown(given, path)} given; accepted: {accepted}")

    def unknown(self, path: str, accepted: str) -> SettingsError:
        return SettingsError(f"{self._place(path)}: {path}: no such key; accepted: {accepted}")

    def _place(self, path: str) -> str:
        for overridden, variable in self.overridden.items():
            if path == overridden or path.startswith((f"{overridden}.", f"{overridden}[")):
                return f"environment {variable}"
        return self.source


def _shown(given: object, path: str) -> str:
    if given is None:
        return "nothing"
    text = repr(_without_password(given, path))
    return text if len(text) <= 80 else text[:77] + "…"


def _without_password(given: object, path: str) -> object:
    """What was given, without the user and password that a URL in it may carry."""
    if isinstance(given, list):
        return [_without_password(member, path) for member in given]
    if isinstance(given, dict):
        return {key: _without_password(member, path) for key, member in given.items()}
    if isinstance(given, str) and ("://" in given or path.startswith("stacks")):
        return re.sub(r"(?s)^(\w+://)?.*@", r"\1…@", given)
    return given


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file", "`understudy init` writes one to begin with") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: can't be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not TOML: {error}") from error


def _override(raw: dict[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """Lay UNDERSTUDY_SECTION__KEY over `raw`, in place; answer which key paths came from which variables."""
    overridden = {}
    for variable in sorted(environ):
        if not variable.startswith(ENVIRONMENT) or ("__" not in variable and variable.lower() not in _TOP_LEVEL):
            continue
        *sections, key = variable.removeprefix(ENVIRONMENT).lower().split("__")
        table = raw
        for section in sections:
            table = table.setdefault(section, {})
            if not isinstance(table, dict):
                raise SettingsError(
                    f"environment {variable}: {section} is not a table; accepted: UNDERSTUDY_SECTION__KEY"
                )
        table[key] = _toml_value(environ[variable], _declared([*sections, key]))
        overridden[".".join([*sections, key])] = variable
    return overridden


def _declared(keys: list[str]) -> inspect.Type | None:
    """The type of the setting at a key path, if there is one."""
    kind: inspect.Type | None = inspect.type_info(Settings)
    for key in keys:
        kind = _bare(kind) if kind else None
        if isinstance(kind, inspect.StructType):
            kind = next((f.type for f in kind.fields if f.encode_name == key), None)
        else:
            kind = kind.value_type if isinstance(kind, inspect.DictType) else None
    return _bare(kind) if kind else None


_TOP_LEVEL = {f"{ENVIRONMENT.lower()}{name}" for name in ("state_dir", "hooks")}


def _toml_value(text: str, kind: inspect.Type | None) -> Any:
    """A variable's text as TOML reads it (8, true, ["a"]); what isn't TOML is a string, as is 8 where one is wanted."""
    try:
        document = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    if len(document) > 1 or (isinstance(kind, inspect.StrType) and not isinstance(document["value"], str)):
        return text
    return document["value"]


def _anchored(settings: Settings, folder: Path) -> Settings:
    """The settings with relative file names counted from the settings file's folder."""

    def here(name: str) -> str:
        return str(folder / name) if name else ""

    proxy, masks = settings.proxy, settings.masks
    return msgspec.structs.replace(
        settings,
        state_dir=here(settings.state_dir),
        hooks=here(settings.hooks),
        proxy=msgspec.structs.replace(
            proxy, tls_cert=here(proxy.tls_cert), tls_key=here(proxy.tls_key), token_file=here(proxy.token_file)
        ),
        masks=msgspec.structs.replace(masks, key_file=here(masks.key_file)),
        stacks={
            name: msgspec.structs.replace(stack, ca_file=here(stack.ca_file)) for name, stack in settings.stacks.items()
        },
        migrate=msgspec.structs.replace(
            settings.migrate,
            password_file=here(settings.migrate.password_file),
            build=msgspec.structs.replace(settings.migrate.build, passwords=here(settings.migrate.build.passwords)),
            tls=_anchored_tls(settings.migrate.tls, here),
            replication=msgspec.structs.replace(
                settings.migrate.replication, password_file=here(settings.migrate.replication.password_file)
            ),
            error_logs={pattern: here(file) for pattern, file in settings.migrate.error_logs.items()},
            credentials={
                pattern: msgspec.structs.replace(
                    own, password_file=here(own.password_file), tls=own.tls and _anchored_tls(own.tls, here)
                )
                for pattern, own in settings.migrate.credentials.items()
            },
        ),
    )


def _anchored_tls(tls: Tls, here: Callable[[str], str]) -> Tls:
    return msgspec.structs.replace(tls, ca=here(tls.ca), cert=here(tls.cert), key=here(tls.key))


def _unknown_keys(raw: object, kind: inspect.Type, path: str, where: _Where) -> None:
    """Raise for a key that no section declares, with the nearest one that it does."""
    kind = _table_of(kind)
    if isinstance(kind, inspect.DictType) and isinstance(raw, dict):
        for key, value in raw.items():
            _unknown_keys(value, kind.value_type, _join(path, key), where)
    elif isinstance(kind, inspect.ListType) and isinstance(raw, list):
        for index, value in enumerate(raw):
            _unknown_keys(value, kind.item_type, f"{path}[{index}]", where)
    elif isinstance(kind, inspect.StructType) and isinstance(raw, dict):
        fields = {f.name: f.type for f in kind.fields}
        for key, value in raw.items():
            if key not in fields:
                near = _nearest(key, fields)
                meant = f" (did you mean {near}?)" if near else ""
                raise where.unknown(_join(path, key), f"{', '.join(fields)}{meant}")
            _unknown_keys(value, fields[key], _join(path, key), where)


def _nearest(key: str, fields: Iterable[str]) -> str:
    """The key that was meant: of this table, or with its path where another has a nearer one; empty where none is."""
    elsewhere = {path.rpartition(".")[2]: path for path in _all_keys(inspect.type_info(Settings), "")}
    known = elsewhere | {name: name for name in fields}
    return next((known[name] for name in difflib.get_close_matches(key, known, 1)), "")


def _all_keys(kind: inspect.Type, path: str) -> Iterator[str]:
    kind = _table_of(kind)
    if isinstance(kind, inspect.StructType):
        for field in kind.fields:
            yield (inner := _join(path, field.name))
            yield from _all_keys(field.type, inner)
    elif isinstance(kind, inspect.DictType):
        yield from _all_keys(kind.value_type, _join(path, "NAME"))


def _explained(error: msgspec.ValidationError, raw: dict[str, Any], where: _Where) -> SettingsError:
    """msgspec's error with what was given and what is accepted."""
    message, _, place = str(error).partition(" - at `$")
    steps = re.findall(r"\.([^.\[\]`]+)|\[(\d+|\.\.\.)\]", place)
    if missing := re.search(r"missing required field `(\w+)`", message):
        steps.append((missing[1], ""))
    path, given, kind = _follow(raw, [key or index for key, index in steps])
    return where.error(path, given, accepted(kind) if kind else message)


def _follow(raw: Any, steps: list[str]) -> tuple[str, object, inspect.Type | None]:
    """Walk down to what msgspec complained of: its path, value and declared type.

    msgspec says [...] for any member of a dict; the member is then the first that does not convert.
    """
    kind: inspect.Type = inspect.type_info(Settings)
    path, value = "", raw
    for step in steps:
        bare = _table_of(kind)
        if isinstance(bare, inspect.StructType):
            kind = next(f.type for f in bare.fields if f.name == step)
            value, path = value.get(step), _join(path, step)
        elif isinstance(bare, inspect.DictType):
            key = _first_wrong(value, bare)
            kind, value, path = bare.value_type, value[key], _join(path, key)
        elif isinstance(bare, inspect.ListType):
            kind, value, path = bare.item_type, value[int(step)], f"{path}[{step}]"
    return path, value, kind


def _first_wrong(members: dict[str, Any], kind: inspect.DictType) -> str:
    section = kind.value_type
    for key, value in members.items():
        try:
            msgspec.convert(value, section.cls if isinstance(section, inspect.StructType) else str)
        except msgspec.ValidationError:
            return key
    return next(iter(members))


def accepted(kind: inspect.Type) -> str:
    """What a setting takes, in words: "an integer from 1 to 256 or "auto""."""
    kind = _bare(kind)
    match kind:
        case inspect.UnionType():
            return " or ".join(accepted(part) for part in kind.types)
        case inspect.LiteralType():
            return " or ".join(f'"{value}"' for value in kind.values)
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType() | inspect.FloatType():
            return _number(kind)
        case inspect.StrType(pattern=pattern) if pattern:
            return f"text like {pattern}"
        case inspect.StrType(min_length=1):
            return "text that is not empty"
        case inspect.StrType():
            return "text"
        case inspect.DateType():
            return "a date such as 2027-01-31"
        case inspect.ListType():
            return f"a list of {accepted(kind.item_type)}"
        case inspect.DictType() | inspect.StructType():
            return "a table"
    return "another type"


def _number(kind: inspect.IntType | inspect.FloatType) -> str:
    noun = "an integer" if isinstance(kind, inspect.IntType) else "a number"
    if kind.ge is not None and kind.le is not None:
        return f"{noun} from {kind.ge} to {kind.le}"
    return f"{noun} of at least {kind.ge}" if kind.ge is not None else noun


def _bare(kind: inspect.Type) -> inspect.Type:
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    return kind


def _table_of(kind: inspect.Type) -> inspect.Type:
    """The type itself; of several, the one that is a table."""
    kind = _bare(kind)
    parts = kind.types if isinstance(kind, inspect.UnionType) else ()
    return next((part for part in parts if isinstance(part, inspect.StructType)), kind)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _inconsistencies(settings: Settings) -> Iterator[tuple[str, object, str]]:
    """What no single type can say: (key path, what was given, what is accepted)."""
    yield from _stack_faults(settings)
    yield from _address_faults(settings)
    yield from _pattern_faults(settings)
    yield from _migrate_faults(settings)
    proxy = settings.proxy
    if bool(proxy.tls_cert) != bool(proxy.tls_key):
        yield (
            ("proxy.tls_cert" if not proxy.tls_cert else "proxy.tls_key"),
            None,
            "both tls_cert and tls_key, or neither",
        )


def _stack_faults(settings: Settings) -> Iterator[tuple[str, object, str]]:
    primaries = [name for name, stack in settings.stacks.items() if stack.role == "primary"]
    if len(primaries) != 1 and (settings.stacks or not settings.migrate.source):
        yield "stacks", primaries, 'exactly one stack with role = "primary"'
    for name, stack in settings.stacks.items():
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
            yield f"stacks.{name}", name, "a name of letters, digits, - and _"
        if bool(stack.url) == bool(stack.urls):
            yield f"stacks.{name}.url", stack.url or None, "either url or urls"
        key = "url" if stack.url else "urls"
        for url in stack.addresses():
            if not _is_stack_url(url):
                yield f"stacks.{name}.{key}", url, "http://host:port or https://host:port, without path, query or user"


def _is_stack_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        valid_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    rest = parts.path.removeprefix("/") or parts.query or parts.fragment or parts.username or parts.password
    return parts.scheme in ("http", "https") and bool(parts.hostname) and valid_port and not rest


def _address_faults(settings: Settings) -> Iterator[tuple[str, object, str]]:
    proxy = settings.proxy
    listen = [proxy.listen] if isinstance(proxy.listen, str) else proxy.listen
    if not listen:
        yield "proxy.listen", listen, "at least one address:port"
    for index, text in enumerate(listen):
        if not _is_well_formed(text):
            yield "proxy.listen", text, "address:port, such as 0.0.0.0:8080 or [::1]:8080"
        elif text in listen[:index]:
            yield "proxy.listen", text, "each address once"
    if not proxy.control:
        return
    try:
        control = address(proxy.control)
    except ValueError:
        yield "proxy.control", proxy.control, "address:port, or empty for none"
        return
    for text in listen:
        if _is_well_formed(text) and address(text) == control:
            yield "proxy.control", proxy.control, "another address than proxy.listen, or empty for none"
    if not control.is_loopback and not proxy.token_file:
        yield "proxy.token_file", None, f"a file with a token, since control ({proxy.control}) is not loopback"


def _is_well_formed(text: str) -> bool:
    try:
        address(text)
    except ValueError:
        return False
    return True


def _pattern_faults(settings: Settings) -> Iterator[tuple[str, object, str]]:
    patterns = {
        "mirror.skip_paths": settings.mirror.skip_paths,
        "mirror.only_paths": settings.mirror.only_paths,
        "masks.patterns": settings.masks.patterns,
        "compare.endpoints": [rule.pattern for rule in settings.compare.endpoints],
    }
    for path, expressions in patterns.items():
        for expression in expressions:
            try:
                re.compile(expression)
            except re.error as error:
                yield path, expression, f"regular expressions ({error})"


def _migrate_faults(settings: Settings) -> Iterator[tuple[str, object, str]]:
    target = settings.migrate.target
    named = {
        "migrate.source": [settings.migrate.source],
        "migrate.target.new_source": [target.new_source],
        "migrate.target.under": [target.under],
        "migrate.target.rehearsal": [target.rehearsal],
        "migrate.target.new_replicas": target.new_replicas,
    }
    for path, servers in named.items():
        for server in servers:
            if (server or path.endswith("new_replicas")) and not _is_server(server):
                yield path, server, "host:port, such as db-1.example:3306"
    seen: dict[str, str] = {}
    for path in (
        "migrate.source",
        "migrate.target.new_source",
        "migrate.target.rehearsal",
        "migrate.target.new_replicas",
    ):
        for server in filter(None, named[path]):
            if server in seen:
                yield path, server, f"another server than {seen[server]}"
            seen[server] = path


def _is_server(text: str) -> bool:
    try:
        return bool(text.rpartition(":")[0]) and bool(address(text).host)
    except ValueError:
        return False


def template() -> str:
    """A commented understudy.toml: the stacks to fill in, and every other setting with its default."""
    lines = [
        "# Understudy's settings. What is commented out shows the default.",
        "# Any of them can be overridden: UNDERSTUDY_PROXY__LISTEN=0.0.0.0:80 understudy run",
        "",
        *_setting_lines(Settings, ("state_dir", "hooks")),
        "",
        "[stacks.old]                        # answers the users",
        'url = "http://127.0.0.1:9001"',
        'role = "primary"',
        "",
        "[stacks.new]                        # is asked the same, and only compared",
        'url = "http://127.0.0.1:9002"',
        'role = "shadow"',
        *(f"# {line}" if line and not line.startswith("#") else line for line in _stack_extras()),
    ]
    for name, section in sections().items():
        lines += ["", f"[{name}]", *_setting_lines(section)]
    lines += ["", '# [migrate.credentials."new-*"]     # other users, for servers whose host:port matches']
    lines += [f"#   {line.removeprefix('# ')}" for line in _setting_lines(Credentials) if " = " in line]
    return "\n".join(lines) + "\n"


def sections() -> dict[str, type[Section]]:
    """The tables of the file by name, tables within tables after them, without the stacks."""
    return _sections_of(Settings, "")


def _sections_of(section: type[Section], path: str) -> dict[str, type[Section]]:
    found: dict[str, type[Section]] = {}
    for f in msgspec.structs.fields(section):
        kind = _bare(inspect.type_info(f.type))
        if isinstance(kind, inspect.StructType) and issubclass(kind.cls, Section):
            name = _join(path, f.name)
            found |= {name: kind.cls, **_sections_of(kind.cls, name)}
    return found


class Setting(NamedTuple):
    """One setting, as documentation shows it."""

    name: str
    default: object
    accepted: str
    help: str


def settings_of(section: type[Section]) -> list[Setting]:
    """Every plain setting of a section."""
    found = []
    for f in msgspec.structs.fields(section):
        kind = inspect.type_info(f.type)
        if isinstance(_bare(kind), inspect.StructType | inspect.DictType):
            continue
        default = f.default_factory() if f.default_factory is not msgspec.NODEFAULT else f.default
        found.append(Setting(f.name, default, accepted(kind), _description(kind)))
    return found


def _description(kind: inspect.Type) -> str:
    while isinstance(kind, inspect.Metadata):
        if text := (kind.extra_json_schema or {}).get("description"):
            return str(text)
        kind = kind.type
    return ""


def _setting_lines(section: type[Section], only: tuple[str, ...] = ()) -> list[str]:
    lines = []
    for setting in settings_of(section):
        if not only or setting.name in only:
            lines += [f"# {setting.help}", f"# {setting.name} = {_toml(setting.default)}"]
    return lines


def _stack_extras() -> list[str]:
    return [
        line
        for setting in settings_of(Stack)
        if setting.name not in ("role", "url")
        for line in (f"# {setting.help}", f"# {setting.name} = {_toml(setting.default)}")
    ]


def _toml(value: object) -> str:
    return msgspec.json.encode(value).decode() if not isinstance(value, bool) else str(value).lower()
