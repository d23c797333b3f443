"""understudy.toml and the environment become settings, or one line that says what is wrong with them."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from understudy import configfile
from understudy.config import EndpointRule, Settings, Stack, Waiver
from understudy.configfile import Address, accepted, address, check, load, sections, settings_of, template
from understudy.errors import SettingsError

GOOD: dict[str, Any] = {
    "stacks": {
        "old": {"url": "http://127.0.0.1:9001", "role": "primary"},
        "new": {"url": "http://127.0.0.1:9002", "role": "shadow"},
    }
}
MINIMAL = '[stacks.old]\nurl = "http://127.0.0.1:9001"\nrole = "primary"\n'


def with_(path: str, value: object) -> dict[str, Any]:
    """The good settings with one of them changed."""
    raw = copy.deepcopy(GOOD)
    *tables, key = path.split(".")
    table = raw
    for name in tables:
        table = table.setdefault(name, {})
    table[key] = value
    return raw


def fault(raw: dict[str, Any]) -> str:
    with pytest.raises(SettingsError) as raised:
        check(raw, "u.toml")
    assert raised.value.exit_code == 2
    assert "\n" not in raised.value.message
    return raised.value.message


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "u.toml"
    path.write_text(MINIMAL)
    return path


def bare(kind: inspect.Type) -> inspect.Type:
    return bare(kind.type) if isinstance(kind, inspect.Metadata) else kind


def every_setting(section: type = Settings, path: str = "") -> Iterator[tuple[str, inspect.Type]]:
    for field in msgspec.structs.fields(section):
        kind = bare(inspect.type_info(field.type))
        here = f"{path}{field.name}"
        if isinstance(kind, inspect.DictType) and isinstance(kind.value_type, inspect.StructType):
            yield from every_setting(kind.value_type.cls, f"{here}.new.")
        elif isinstance(kind, inspect.StructType):
            yield from every_setting(kind.cls, f"{here}.")
        else:
            yield here, kind


def wrong_for(kind: inspect.Type) -> list[object]:
    """Values that a setting of this type does not take."""
    match kind:
        case inspect.BoolType():
            return ["yes", 1, []]
        case inspect.IntType(ge=ge, le=le) | inspect.FloatType(ge=ge, le=le):
            return ["many", True, [], *([ge - 1] if ge is not None else []), *([le + 1] if le is not None else [])]
        case inspect.ListType():
            return ["text", 7, [7], {"a": 1}]
        case inspect.UnionType(types=types) if any(isinstance(kind, inspect.NoneType) for kind in types):
            return [1.5, False]  # a table that may be left out
        case inspect.UnionType():
            return [{}, 1.5, False]
        case inspect.DictType():
            return [7, "text", ["a"], {"a": 7}]
        case _:
            return [7, True, ["a"], {}]


CASES = [(path, wrong) for path, kind in every_setting() for wrong in wrong_for(kind)]


@pytest.mark.parametrize(("path", "wrong"), CASES, ids=lambda case: str(case))
def test_a_value_of_the_wrong_type_or_range_is_named_with_what_is_accepted(path: str, wrong: object) -> None:
    message = fault(with_(path, wrong))
    assert message.startswith(f"u.toml: {path}"), message
    assert re.search(r" given; accepted: \S", message), message


@pytest.mark.parametrize("path", sorted({path for path, _ in CASES}))
def test_a_key_with_a_typo_is_named_with_the_one_that_was_meant(path: str) -> None:
    key = path.rpartition(".")[2]
    message = fault(with_(f"{path}z", 1))
    assert message.startswith(f"u.toml: {path}z: no such key; accepted: "), message
    assert f"(did you mean {key}?)" in message


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("percnt", "mirror.percent"),
        ("fluentd.percent", "mirror.percent"),
        ("mirror.listen", "proxy.listen"),
        ("proxy.urls", "stacks.NAME.urls"),
        ("proxy.tls_crt", "tls_cert"),
    ],
)
def test_a_key_in_the_wrong_table_is_named_with_the_right_one(path: str, meant: str) -> None:
    assert f"(did you mean {meant}?)" in fault(with_(path, 1))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({}, "u.toml: stacks: nothing given; accepted: a table"),
        ({"stacks": []}, "u.toml: stacks: [] given; accepted: a table"),
        ({"stacks": {}}, 'u.toml: stacks: [] given; accepted: exactly one stack with role = "primary"'),
        (with_("stacks.new.role", "primary"), "u.toml: stacks: ['old', 'new'] given; accepted: exactly one stack"),
        (with_("stacks.new", {"role": "shadow"}), "u.toml: stacks.new.url: nothing given; accepted: either url or"),
        (with_("stacks.new", {"url": "http://h"}), "u.toml: stacks.new.role: nothing given; accepted: "),
        (with_("stacks.a b", GOOD["stacks"]["new"]), "u.toml: stacks.a b: 'a b' given; accepted: a name of letters"),
        (with_("stacks.new.urls", ["http://h"]), "u.toml: stacks.new.url: 'http://127.0.0.1:9002' given; accepted"),
        (with_("stacks.new.role", "chief"), "u.toml: stacks.new.role: 'chief' given; accepted: \"primary\" or"),
        (with_("proxy.workers", "many"), 'given; accepted: an integer from 1 to 256 or "auto"'),
        (with_("proxy.workers", 0), 'u.toml: proxy.workers: 0 given; accepted: an integer from 1 to 256 or "auto"'),
        (with_("proxy.listen", []), "u.toml: proxy.listen: [] given; accepted: at least one address:port"),
        (with_("proxy.listen", "8080"), "u.toml: proxy.listen: '8080' given; accepted: address:port, such as"),
        (with_("proxy.listen", ["h:1", "h:1"]), "u.toml: proxy.listen: 'h:1' given; accepted: each address once"),
        (with_("proxy.listen", "127.0.0.1:8081"), "u.toml: proxy.control: '127.0.0.1:8081' given; accepted: another"),
        (with_("proxy.control", "nowhere"), "u.toml: proxy.control: 'nowhere' given; accepted: address:port, or empty"),
        (with_("proxy.control", "0.0.0.0:8081"), "u.toml: proxy.token_file: nothing given; accepted: a file with"),
        (with_("proxy.tls_cert", "c.pem"), "u.toml: proxy.tls_key: nothing given; accepted: both tls_cert and"),
        (with_("proxy.tls_key", "k.pem"), "u.toml: proxy.tls_cert: nothing given; accepted: both tls_cert and"),
        (with_("mirror.percent", float("nan")), "u.toml: mirror.percent: nan given; accepted: a number from 0 to 100"),
        (with_("mirror.percent", float("inf")), "u.toml: mirror.percent: inf given; accepted: a number from 0 to 100"),
        (with_("mirror.sample_by", "moon"), "u.toml: mirror.sample_by: 'moon' given; accepted: text like ^(random|"),
        (with_("mirror.skip_paths", ["("]), "u.toml: mirror.skip_paths: '(' given; accepted: regular expressions ("),
        (with_("masks.patterns", ["["]), "u.toml: masks.patterns: '[' given; accepted: regular expressions ("),
        (with_("state_dir", ""), "u.toml: state_dir: '' given; accepted: text that is not empty"),
        (with_("compare.endpoints", [{"name": "x"}]), "u.toml: compare.endpoints[0].pattern: nothing given; accepted:"),
        (with_("compare.endpoints", [{"pattern": "(", "name": "x"}]), "u.toml: compare.endpoints: '(' given; accepted"),
        (with_("proxy", 7), "u.toml: proxy: 7 given; accepted: a table"),
        (with_("nonsense.deep", 7), "u.toml: nonsense: no such key; accepted: stacks, state_dir,"),
    ],
)
def test_what_does_not_go_together_is_named(raw: dict[str, Any], expected: str) -> None:
    assert expected in fault(raw)


@pytest.mark.parametrize(
    "url",
    ["ftp://h", "h:80", "http://", "http://h/path", "http://h?q", "http://h:0", "http://h:99999", "http://[::1", "//h"],
)
def test_a_stack_is_a_plain_http_address(url: str) -> None:
    assert fault(with_("stacks.new.url", url)).startswith(f"u.toml: stacks.new.url: {url!r} given; accepted: http://")


@pytest.mark.parametrize(
    "given",
    [
        "http://user:hunter2@h:80",
        "http://user:hunter2@h/a@b",
        "http://user:a/hunter2@h",
        "http://user:p@hunter2@h",
        "user:hunter2@h:80",
        ["http://user:hunter2@h:80"],
        {"x": "http://user:hunter2@h:80"},
        "http://user:hunt er2 hunter2@h",
    ],
)
@pytest.mark.parametrize("key", ["url", "urls", "role", "verify"])
def test_a_password_in_an_address_is_not_shown(key: str, given: object) -> None:
    assert "hunter2" not in fault(with_(f"stacks.new.{key}", given))


def test_the_defaults_are_good_and_every_type_has_a_name() -> None:
    settings = check(GOOD, "u.toml")
    assert settings.primary == "old"
    assert settings.shadows == ["new"]
    assert [path for path, kind in every_setting() if accepted(kind) == "another type"] == []


SIMPLE = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates() | st.datetimes()
VALUES = st.recursive(SIMPLE, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=8), v, max_size=3))


def told(raw: dict[str, Any]) -> str:
    try:
        check(raw, "u.toml")
    except SettingsError as error:
        return error.message
    return ""


@settings(deadline=None)
@given(path=st.sampled_from([path for path, _ in every_setting()] + ["stacks", "stacks.new", "proxy"]), value=VALUES)
def test_whatever_is_given_is_taken_or_explained_in_a_line(path: str, value: object) -> None:
    message = told(with_(path, value))
    assert message == "" or message.startswith("u.toml: ")
    assert "\n" not in message


# --- the template and the documentation


def test_the_template_is_good_toml_and_shows_every_setting_with_its_default(tmp_path: Path) -> None:
    (tmp_path / "u.toml").write_text(template())
    written = load(tmp_path / "u.toml", {})
    assert written.stacks.keys() == {"old", "new"}
    lines = template().splitlines()
    for name in ["state_dir", "hooks", *(s.name for section in sections().values() for s in settings_of(section))]:
        assert any(re.match(rf"# {name} = ", line) for line in lines), name


def test_what_the_template_shows_as_default_is_the_default(tmp_path: Path) -> None:
    """Uncommenting every setting changes nothing."""
    lines = [re.sub(r"^# (?=\w+ = )", "", line) for line in template().splitlines()]
    lines = [line for line in lines if not line.startswith("urls = ")]
    (tmp_path / "a.toml").write_text(template())
    (tmp_path / "b.toml").write_text("\n".join(lines))
    raw = tomllib.loads("\n".join(lines))
    assert len(raw["proxy"]) == len(msgspec.structs.fields(sections()["proxy"]))
    assert load(tmp_path / "a.toml", {}) == load(tmp_path / "b.toml", {})


LISTED = (EndpointRule, Waiver)


@pytest.mark.parametrize("section", [Settings, Stack, *LISTED, *sections().values()], ids=lambda s: s.__name__)
def test_every_setting_is_documented(section: type) -> None:
    for setting in settings_of(section):
        assert setting.help, setting.name
        assert setting.help.isprintable(), setting.name


# --- the environment


def test_the_environment_overrides_the_file(file: Path) -> None:
    settings = load(
        file,
        {
            "UNDERSTUDY_PROXY__LISTEN": "0.0.0.0:80",
            "UNDERSTUDY_PROXY__WORKERS": "4",
            "UNDERSTUDY_MIRROR__PERCENT": "12.5",
            "UNDERSTUDY_MIRROR__METHODS": '["GET", "POST"]',
            "UNDERSTUDY_LOG__JSON": "true",
            "UNDERSTUDY_LOG__LEVEL": "debug",
            "UNDERSTUDY_STACKS__NEW__URL": '"http://127.0.0.1:9003"',
            "UNDERSTUDY_STACKS__NEW__ROLE": "shadow",
            "UNDERSTUDY_HOOKS": "/hooks.py",
            "UNDERSTUDY_PROXY__CONTROL": "",
            "UNDERSTUDY_FLUENTD__TAG": "2024",
            "UNDERSTUDY_STATE_DIR": "1999-12-31",
            "UNDERSTUDY_CHANNEL_FD": "7",
            "UNDERSTUDY": "x",
            "OTHER": "x",
        },
    )
    assert settings.proxy.listen == "0.0.0.0:80"
    assert settings.proxy.workers == 4
    assert settings.mirror.percent == 12.5
    assert settings.mirror.methods == ["GET", "POST"]
    assert settings.log == msgspec.structs.replace(settings.log, json=True, level="debug")
    assert settings.stacks["new"].url == "http://127.0.0.1:9003"
    assert settings.hooks == "/hooks.py"
    assert settings.proxy.control == ""
    assert settings.fluentd.tag == "2024"
    assert settings.state.name == "1999-12-31"


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("UNDERSTUDY_PROXY__WORKERS", "0", "environment UNDERSTUDY_PROXY__WORKERS: proxy.workers: 0 given; accepted: "),
        ("UNDERSTUDY_PROXY__WORKER", "1", "environment UNDERSTUDY_PROXY__WORKER: proxy.worker: no such key; accepted"),
        ("UNDERSTUDY_PROXY__LISTEN", '["x"]', "environment UNDERSTUDY_PROXY__LISTEN: proxy.listen: 'x' given"),
        ("UNDERSTUDY_MIRROR__METHODS", "[7]", "environment UNDERSTUDY_MIRROR__METHODS: mirror.methods[0]: 7 given"),
        ("UNDERSTUDY_STATE_DIR__X", "7", "environment UNDERSTUDY_STATE_DIR__X: "),
        ("UNDERSTUDY_LOG__LEVEL", "info\nx = 1", "environment UNDERSTUDY_LOG__LEVEL: log.level: 'info\\nx = 1' given"),
        ("UNDERSTUDY_PROXY__WORKERS", "1\nx = 1", "environment UNDERSTUDY_PROXY__WORKERS: proxy.workers: '1\\nx"),
    ],
)
def test_a_wrong_variable_is_named(file: Path, variable: str, value: str, expected: str) -> None:
    file.write_text('state_dir = "s"\n' + MINIMAL)
    with pytest.raises(SettingsError) as raised:
        load(file, {variable: value})
    assert raised.value.message.startswith(expected)
    assert "\n" not in raised.value.message


# --- the file


def test_relative_names_count_from_the_file_and_not_from_where_one_stands(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file.write_text(
        'state_dir = "s"\nhooks = "h.py"\n[proxy]\ntls_cert = "c"\ntls_key = "/abs/k"\ntoken_file = "t"\n'
        '[masks]\nkey_file = "m"\n' + MINIMAL + 'ca_file = "ca"\n'
    )
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    settings, folder = load(file, {}), file.parent
    assert settings.state == folder / "s"
    assert settings.control_socket == folder / "s" / "control.sock"
    assert settings.database.parent == settings.recordings.parent == folder / "s"
    assert settings.hooks == str(folder / "h.py")
    assert settings.proxy.tls_cert == str(folder / "c")
    assert settings.proxy.tls_key == "/abs/k"
    assert settings.proxy.token_file == str(folder / "t")
    assert settings.masks.key_file == str(folder / "m")
    assert settings.stacks["old"].ca_file == str(folder / "ca")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"stacks = [", "not TOML: "),
        (b"a = 1\na = 2", "not TOML: "),
        (b"\xff\xfe", "can't be read: "),
        (b"stacks = " + b"[" * 5000 + b"]" * 5000, "nested too deeply"),
    ],
)
def test_a_file_that_is_not_toml_is_named(file: Path, content: bytes, expected: str) -> None:
    file.write_bytes(content)
    with pytest.raises(SettingsError) as raised:
        load(file, {})
    assert raised.value.message.startswith(f"{file}: {expected}")


def test_a_file_that_is_missing_or_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file") as raised:
        load(tmp_path / "none.toml", {})
    assert "understudy init" in raised.value.hint
    with pytest.raises(SettingsError, match="can't be read"):
        load(tmp_path, {})


def test_a_state_dir_too_long_for_its_sockets_is_told_wherever_one_stands(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest = configfile.SOCKET_PATH_BYTES - len("/handover.sock")
    fits = "/" + "x" * (longest - 1)
    assert str(load(file, {"UNDERSTUDY_STATE_DIR": fits}).state) == fits
    monkeypatch.chdir("/")
    with pytest.raises(SettingsError, match=r"UNDERSTUDY_STATE_DIR: state_dir: .* given; accepted: a path of at most"):
        load(file, {"UNDERSTUDY_STATE_DIR": fits + "x"})


# --- addresses


@pytest.mark.parametrize(
    ("text", "expected", "loopback"),
    [
        ("127.0.0.1:80", Address("127.0.0.1", 80), True),
        (":80", Address("0.0.0.0", 80), False),
        ("[::1]:80", Address("::1", 80), True),
        ("[::]:80", Address("::", 80), False),
        ("localhost:80", Address("localhost", 80), True),
        ("example.org:80", Address("example.org", 80), False),
    ],
)
def test_an_address_is_taken_apart(text: str, expected: Address, loopback: bool) -> None:
    assert address(text) == expected
    assert expected.is_loopback is loopback
    assert address(str(expected)) == expected


@pytest.mark.parametrize("text", ["", "80", "h:", "h:x", "h:65536", "h:0", "h:-1", "h:²", "h: 80"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        address(text)
