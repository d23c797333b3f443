"""What is the same though servers spell it differently: types, character sets, defaults, sql modes. Pure.

Measured on MySQL 5.6 and 9.7, MariaDB 10.5, 10.11 and 11.8; MySQL dropped display widths in 8.0.19 and renamed utf8 to
utf8mb3 in 8.0.30, MariaDB in 10.6. MariaDB from 10.2.7 on writes a default as an expression, so a text in quotes and
NULL as a word; MySQL writes the text itself, and says in `extra` where it is an expression.
"""

from __future__ import annotations

import re

from understudy.migrate.sqlmodes import GONE_MODES
from understudy.migrate.verify.expression import canonical
from understudy.migrate.verify.tokens import literal
from understudy.migrate.versions import Version

NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?", re.IGNORECASE)
MYSQL_MODES = frozenset({"TIME_TRUNCATE_FRACTIONAL"})
MARIADB_MODES = frozenset(
    {"IGNORE_BAD_TABLE_OPTIONS", "EMPTY_STRING_IS_NULL", "SIMULTANEOUS_ASSIGNMENT", "TIME_ROUND_FRACTIONAL"}
)
SAME_RULE = ("NO ACTION", "RESTRICT")  # InnoDB does the same for both (manual, "FOREIGN KEY Constraints")
OWN_BUSINESS = ("partitioned", "encryption", "encrypted", "encryption_key_id")  # told elsewhere, or of a server's disks


def charset(name: str | None) -> str:
    """A character set's or collation's name of today."""
    return re.sub(r"^utf8(?=_|$)", "utf8mb3", name or "")


def column_type(text: str) -> str:
    """Without the display width of whole numbers, which says nothing of what is stored; with it where it pads."""
    if text.startswith(("enum(", "set(")):
        return text  # what looks like a comment or another type's name is a value
    text = re.sub(r" ?/\*.*?\*/", "", text).replace("geomcollection", "geometrycollection")
    if "zerofill" in text or text == "tinyint(1)":
        return text
    return re.sub(r"^((?:tiny|small|medium|big)?int|year)\(\d+\)", r"\1", text)


def default(shown: str | None, extra: str, data_type: str, is_mariadb: bool) -> str:
    """A column's default as a literal in quotes or an expression; empty where it is NULL or there is none."""
    if shown is None or (is_mariadb and shown.upper() == "NULL"):
        return ""
    if data_type in ("timestamp", "datetime") and shown.lower().startswith("current_timestamp"):
        return canonical(shown).replace("()", "")
    if "DEFAULT_GENERATED" in extra.upper():
        return canonical(shown_escaped(shown))
    if re.fullmatch(r"b'[01]*'", shown):
        return shown
    if is_mariadb and shown.startswith("'"):
        shown = literal(shown)
    elif is_mariadb and not NUMBER.fullmatch(shown) and not re.fullmatch("x'[0-9a-fA-F]*'", shown):
        return canonical(shown)
    return f"'{_bytes(shown)}'" if "binary" in data_type else f"'{shown}'"


def _bytes(shown: str) -> str:
    """A binary default in hex; 5.6 and MariaDB 10 show it as text, 9.7 as 0x6162, MariaDB 11 as x'6162'."""
    hexadecimal = re.fullmatch(r"(?:0x|x')((?:[0-9a-f]{2})*)'?", shown, re.IGNORECASE)
    return hexadecimal[1].lower() if hexadecimal else shown.encode().hex()


def shown_escaped(text: str) -> str:
    """An expression of MySQL 8.0's information_schema without the backslashes that it sets before quotes."""
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL) if r"\'" in text else text


def on_update(extra: str) -> str:
    """ "current_timestamp(3)" where that is what an update sets; else empty."""
    found = re.search(r"on update (current_timestamp(?:\(\d*\))?)", extra, re.IGNORECASE)
    return found[1].lower().replace("()", "") if found else ""


def generated(extra: str) -> str:
    """ "virtual" or "stored"; empty for a column that isn't generated."""
    found = re.search(r"(virtual|stored|persistent)", extra.lower().replace("default_generated", ""))
    return found[1].replace("persistent", "stored") if found else ""


def options(text: str | None) -> str:
    """CREATE_OPTIONS in one order and case, without what is told elsewhere or is a server's own business."""
    found = re.findall(r"""[^\s=]+(?:=(?:"[^"]*"|'[^']*'|\S+))?""", text or "")
    made = {
        option.partition("=")[0].strip("`").lower(): option.partition("=")[2].strip("\"'").lower() for option in found
    }
    return " ".join(
        sorted(f"{name}={value}" if value else name for name, value in made.items() if name not in OWN_BUSINESS)
    )


def rule(text: str) -> str:
    """What a foreign key does; NO ACTION and RESTRICT are one."""
    return "RESTRICT" if text in SAME_RULE else text


def unknown_modes(version: Version) -> frozenset[str]:
    """The sql modes that a server of this version has never heard of, or no more."""
    if version.is_mariadb():
        return MYSQL_MODES
    return MARIADB_MODES | (GONE_MODES if version.is_mysql(8, 0, 11) else frozenset())


def sql_mode(text: str, unknown: frozenset[str]) -> str:
    """The modes that both servers know, in one order."""
    return ",".join(sorted(set(text.upper().split(",")) - unknown - {""}))
