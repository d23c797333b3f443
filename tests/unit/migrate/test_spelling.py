"""Types, defaults, options and modes: the spellings of five servers, as tables."""

from __future__ import annotations

import pytest

from understudy.migrate.verify import spelling
from understudy.migrate.versions import Version

MY56, MY97 = Version.parse("5.6.24"), Version.parse("9.7.0")
MARIA = Version.parse("11.8.6-MariaDB")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("int(11)", "int"),
        ("bigint(20) unsigned", "bigint unsigned"),
        ("year(4)", "year"),
        ("tinyint(4)", "tinyint"),
        ("tinyint(1)", "tinyint(1)"),
        ("int(5) unsigned zerofill", "int(5) unsigned zerofill"),
        ("geometrycollection", "geomcollection"),
        ("datetime /* mariadb-5.3 */", "datetime"),
        ("enum('int(11)','b')", "enum('int(11)','b')"),
    ],
)
def test_a_type_is_the_same_with_and_without_what_newer_versions_dropped(old: str, new: str) -> None:
    assert spelling.column_type(old) == spelling.column_type(new)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("int(11)", "bigint(11)"),
        ("char(5)", "char(6)"),
        ("int", "int unsigned"),
        ("enum('a /*x*/','b')", "enum('a','b')"),
        ("set('a/*','b*/')", "set('a')"),
        ("enum('geomcollection')", "enum('geometrycollection')"),
    ],
)
def test_other_types_stay_other_types(one: str, other: str) -> None:
    assert spelling.column_type(one) != spelling.column_type(other)


@pytest.mark.parametrize(
    ("data_type", "old", "new", "maria"),
    [
        # (shown, extra) by MySQL 5.6 and 9.7; shown by MariaDB
        ("varchar", "it's \\ %", ("it's \\ %", ""), "'it''s \\\\ %'"),
        ("varchar", None, (None, ""), "NULL"),
        ("varchar", "", ("", ""), "''"),
        ("varchar", "NULL", ("NULL", ""), "'NULL'"),
        ("int", "0", ("0", ""), "0"),
        ("decimal", "-1.50", ("-1.50", ""), "-1.50"),
        ("bit", "b'101'", ("b'101'", ""), "b'101'"),
        ("timestamp", "CURRENT_TIMESTAMP", ("CURRENT_TIMESTAMP", "DEFAULT_GENERATED"), "current_timestamp()"),
        ("datetime", "CURRENT_TIMESTAMP(3)", ("CURRENT_TIMESTAMP(3)", "DEFAULT_GENERATED"), "current_timestamp(3)"),
        ("date", "2001-02-03", ("2001-02-03", ""), "'2001-02-03'"),
        ("varbinary", "ab", ("0x6162", ""), "x'6162'"),
        ("varbinary", "ab", ("0x6162", ""), "'ab'"),
    ],
)
def test_a_default_is_the_same_in_all_spellings(
    data_type: str, old: str | None, new: tuple[str | None, str], maria: str
) -> None:
    made = {
        spelling.default(old, "", data_type, is_mariadb=False),
        spelling.default(*new, data_type, is_mariadb=False),
        spelling.default(maria, "", data_type, is_mariadb=True),
    }
    assert len(made) == 1, made


def test_a_function_as_a_default_is_not_its_name_as_text() -> None:
    text, function = spelling.default("uuid()", "", "varchar", False), spelling.default("'uuid()'", "", "varchar", True)
    assert text == function == "'uuid()'"
    called = spelling.default("uuid()", "DEFAULT_GENERATED", "varchar", False)
    assert called == spelling.default("uuid()", "", "varchar", True) != text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("row_format=COMPRESSED KEY_BLOCK_SIZE=8", "key_block_size=8 row_format=compressed"),
        ("partitioned", ""),
        (None, ""),
        ("checksum=1", 'checksum=1 ENCRYPTION="Y"'),
        ("`compression`='lz4'", "COMPRESSION=lz4"),
    ],
)
def test_options_are_compared_without_order_case_and_the_servers_own_business(old: str | None, new: str) -> None:
    assert spelling.options(old) == spelling.options(new)


def test_modes_that_either_server_does_not_know_are_left_out() -> None:
    unknown = spelling.unknown_modes(MY56) | spelling.unknown_modes(MY97)
    old = "STRICT_TRANS_TABLES,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION"
    assert spelling.sql_mode(old, unknown) == spelling.sql_mode("NO_ENGINE_SUBSTITUTION,STRICT_TRANS_TABLES", unknown)
    assert spelling.sql_mode(old, unknown) != spelling.sql_mode("NO_ENGINE_SUBSTITUTION", unknown)
    assert "NO_AUTO_CREATE_USER" not in spelling.unknown_modes(MARIA)


@pytest.mark.parametrize(("name", "today"), [("utf8", "utf8mb3"), ("utf8_bin", "utf8mb3_bin"), ("utf8mb4", "utf8mb4")])
def test_a_character_set_has_its_name_of_today(name: str, today: str) -> None:
    assert spelling.charset(name) == today


@pytest.mark.parametrize(
    ("extra", "kind", "update"),
    [
        ("VIRTUAL GENERATED", "virtual", ""),
        ("PERSISTENT", "stored", ""),
        ("STORED GENERATED, INVISIBLE", "stored", ""),
        ("DEFAULT_GENERATED on update CURRENT_TIMESTAMP(3)", "", "current_timestamp(3)"),
        ("on update current_timestamp()", "", "current_timestamp"),
        ("auto_increment", "", ""),
    ],
)
def test_extra_is_read_the_same_everywhere(extra: str, kind: str, update: str) -> None:
    assert (spelling.generated(extra), spelling.on_update(extra)) == (kind, update)
