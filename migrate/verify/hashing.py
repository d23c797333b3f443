"""A number for each row that is the same on every version for equal data, and another for other data. Pure.

Text that servers print differs between versions and settings, so a column is hashed as what it is. Integers, bits,
years and, where both definitions are the same, enums and sets are numbers already; a bigint is two of 32 bits, and
where one side alone is unsigned the sign is one more. Strings are CRC32 of their bytes: nothing is converted where both
sides store them in the same charset, which is most of the cost of a checksum that converts (MySQL 5.6: 0.5 instead of
1.0 seconds for a million rows of sysbench). Geometry is its bytes too, so no axis order matters. Text of a double
differs: 9.7 rounds it to 22 characters where 5.6 doesn't, and they disagree which numbers get an exponent. So a double
is the abscissa of a point, whose bytes are the double's own, which is exact on every version and cheap (two doubles in
a row of 20 columns: 2.3 instead of 5.4 µs a row on MariaDB 10.11); a float is made a double, which loses nothing, and 0
is added because -0 equals 0. Dates and decimals are CRC32 of their text, which is fixed by their type. Values of
MySQL's JSON are text that the server made, equal between versions for equal documents. A virtual column stores nothing
and is left out. CRC32 is what 5.6 and 9.7 share: MD5 and SHA1 are no functions of 9.7 any more.

Row: v_1 … v_n are those numbers, below 2^32, with a number of their own for NULL. Then

    X = (a_1 v_1 + … + a_n v_n) mod p      Y = 1 + (b_1 k_1 + … + b_m k_m) mod q      row = X · Y

with k the key's numbers, p and q primes near 2^32, coefficients below 2^24 (so that no sum leaves 64 bits). A chunk is
the XOR of its rows and their count.

How much is missed: a changed column changes X for certain where CRC32 sees it, and CRC32 sees for certain every change
within four adjacent bytes; of wider ones it misses one in 2^32. Between rows the product is what counts: the XOR of
plain CRC32s is linear, so two rows that swapped a value of equal length cancel in it, in every chunk, always. X · Y is
not linear: a swap is missed once in about 2^60. `thorough` makes Y of all columns, from CRC32 of the bytes reversed:
2^60 for every change, at twice the cost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache

from msgspec import Struct

from understudy.migrate.sqltext import identifier
from understudy.migrate.verify.tables import BYTES, INTEGERS, TEXTS, Column

P, Q = 4_294_967_291, 4_294_967_279
LOW = 0xFFFFFFFF
GROUP = 60  # terms in one sum: 60 · 2^33 · 2^24 stays below 2^64
GEOMETRY = ("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon")
COLLECTIONS = ("geometrycollection", "geomcollection")


class Term(Struct, frozen=True):
    """A column as numbers, an SQL expression for each; `again` are other numbers of it, for what is a CRC32."""

    column: str
    numbers: tuple[str, ...]
    again: tuple[str, ...]


def kind(column: Column) -> str:
    """What two columns must have in common to be compared."""
    base = column.base
    for name, types in (
        ("integer", INTEGERS), ("text", TEXTS), ("bytes", BYTES), ("geometry", GEOMETRY + COLLECTIONS),
        ("real", ("float", "double")), ("choice", ("enum", "set")),
    ):  # fmt: skip
        if base in types:
            return name
    return base


def comparable(old: Column, new: Column) -> bool:
    """Whether both are the same kind of value, so that equal data has equal numbers."""
    return kind(old) == kind(new)


@lru_cache(4096)
def terms(old: Column, new: Column) -> tuple[Term, Term]:
    """The column's numbers on either side."""
    return _term(old, new), _term(new, old)


def _term(own: Column, other: Column) -> Term:
    name = identifier(own.name)
    sort = kind(own)
    wide = "bigint" in (own.base, other.base) or own.base in ("bit", "set")
    same_choice = sort == "choice" and own.type == other.type
    if sort in ("integer", "bit", "year") or same_choice:
        value = name if sort == "integer" else f"({name} + 0)"
        numbers = (f"({value} & {LOW})", f"({value} >> 32)") if wide else (f"({value} & {LOW})",)
        if _is_unsigned(own) != _is_unsigned(other):  # -1 has the bits of the largest number
            numbers = (*numbers, f"(({name} < 0) | 0)")
        return _with_null(own, other, numbers, numbers)
    text = _bytes(name, own, other)
    again = (
        f"CRC32(REVERSE({text}))"
        if sort in ("bytes", "geometry", "real")
        else f"CRC32(REVERSE(CAST({text} AS BINARY)))"
    )
    return _with_null(own, other, (f"CRC32({text})",), (again,))


def _is_unsigned(column: Column) -> bool:
    return "unsigned" in column.type and kind(column) == "integer"


def _bytes(name: str, own: Column, other: Column) -> str:
    """The string whose bytes count."""
    if kind(own) == "real":
        return f"POINT({name} + 0e0, 0)"
    if kind(own) in ("text", "choice") and charset(own) != charset(other):
        return f"CONVERT({name} USING utf8mb4)"
    return name


def charset(column: Column) -> str:
    """The charset under one name; what utf8mb3 can hold is the same bytes in utf8mb4."""
    return "utf8mb4" if column.charset in ("utf8", "utf8mb3", "ascii") else column.charset


def _with_null(own: Column, other: Column, numbers: tuple[str, ...], again: tuple[str, ...]) -> Term:
    if not own.nullable and not other.nullable:
        return Term(own.name, numbers, again)
    null = f"({(1 << 32) + _coefficient('null', own.name.lower())} | 0)"  # unsigned, or 9.7 makes decimals of both
    first, *rest = numbers
    first_again, *rest_again = again
    return Term(
        own.name,
        (f"IFNULL({first}, {null})", *(f"IFNULL({one}, (0 | 0))" for one in rest)),
        (f"IFNULL({first_again}, {null})", *(f"IFNULL({one}, (0 | 0))" for one in rest_again)),
    )


def row(columns: Sequence[Term], key: Iterable[str], thorough: bool) -> str:
    """The expression for a row's number; `key` names the columns of its key, none where it has none."""
    numbers = [number for term in columns for number in term.numbers]
    keyed = {name.lower() for name in key}
    if thorough:
        second = [number for term in columns for number in term.again]
    else:
        second = [number for term in columns if not keyed or term.column.lower() in keyed for number in term.numbers]
    return f"(({_sum('a', numbers)} % {P}) * (1 + {_sum('b', second)} % {Q}))"


def _sum(letter: str, numbers: Sequence[str]) -> str:
    terms = [f"{number} * {_coefficient(letter, str(place))}" for place, number in enumerate(numbers)]
    groups = [" + ".join(terms[start : start + GROUP]) for start in range(0, len(terms), GROUP)] or ["0"]
    if len(groups) == 1:
        return f"({groups[0]})"
    return "(" + " + ".join(f"(({group}) % {P})" for group in groups) + ")"


def _coefficient(*of: str) -> int:
    """An odd number below 2^24 that looks random and is always the same."""
    return int.from_bytes(hashlib.sha256("/".join(of).encode()).digest()[:3]) | 0x800001


def is_hashable(column: Column) -> bool:
    """Whether the column stores something."""
    return column.generated != "virtual"
