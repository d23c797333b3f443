"""Functions that some versions have and others don't: the measured table. Pure.

Measured by calling each on MySQL 5.6 and 9.7 and MariaDB 10.5, 10.11 and 11.8, which
tests/integration/test_check_tables.py does again; the versions between are from "What Is New" and "Features Removed" of
MySQL's manual and from MariaDB's "Built-in Functions". What only the server itself may call is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from understudy.migrate.checks.spans import MARIA, Span, holds, listed, maria, my
from understudy.migrate.checks.tokens import Token, words
from understudy.migrate.versions import Version


def _rows() -> Iterator[tuple[str, tuple[Span, ...]]]:
    yield "OLD_PASSWORD", (my(until=(5, 7, 5)), MARIA)
    yield "PASSWORD", (my(until=(8, 0, 11)), MARIA)
    yield "DECODE DES_DECRYPT DES_ENCRYPT ENCODE ENCRYPT", (my(until=(8, 0, 3)), MARIA)
    yield "MD5 SHA SHA1", (my(until=(9, 6)), MARIA)
    yield "WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS", (my((5, 6, 9), (9, 7)),)
    yield (
        "AREA ASBINARY ASTEXT ASWKB ASWKT BUFFER CENTROID CONTAINS CROSSES DIMENSION DISJOINT ENDPOINT ENVELOPE EQUALS"
        " EXTERIORRING GEOMCOLLFROMTEXT GEOMCOLLFROMWKB GEOMETRYCOLLECTIONFROMTEXT GEOMETRYCOLLECTIONFROMWKB"
        " GEOMETRYFROMTEXT GEOMETRYFROMWKB GEOMETRYN GEOMETRYTYPE GEOMFROMTEXT GEOMFROMWKB GLENGTH INTERIORRINGN"
        " INTERSECTS ISCLOSED ISEMPTY ISSIMPLE LINEFROMTEXT LINEFROMWKB LINESTRINGFROMTEXT LINESTRINGFROMWKB MBREQUAL"
        " MLINEFROMTEXT MLINEFROMWKB MPOINTFROMTEXT MPOINTFROMWKB MPOLYFROMTEXT MPOLYFROMWKB MULTILINESTRINGFROMTEXT"
        " MULTILINESTRINGFROMWKB MULTIPOINTFROMTEXT MULTIPOINTFROMWKB MULTIPOLYGONFROMTEXT MULTIPOLYGONFROMWKB"
        " NUMGEOMETRIES NUMINTERIORRINGS NUMPOINTS OVERLAPS POINTFROMTEXT POINTFROMWKB POINTN POLYFROMTEXT POLYFROMWKB"
        " POLYGONFROMTEXT POLYGONFROMWKB SRID STARTPOINT TOUCHES WITHIN X Y",
        (my(until=(8, 0)), MARIA),
    )
    yield "CONVEXHULL", (my((5, 7), (8, 0)), MARIA)
    yield "JSON_APPEND", (my((5, 7, 8), (8, 0)),)
    yield "GTID_SUBSET GTID_SUBTRACT VALIDATE_PASSWORD_STRENGTH", (my((5, 6)),)
    yield "RANDOM_BYTES", (my((5, 6, 17)), maria((10, 10)))
    yield "ANY_VALUE ST_GEOHASH ST_ISVALID ST_LATFROMGEOHASH ST_LONGFROMGEOHASH ST_MAKEENVELOPE", (my((5, 7, 5)),)
    yield "ST_BUFFER_STRATEGY ST_POINTFROMGEOHASH ST_SIMPLIFY ST_VALIDATE MBRCOVEREDBY MBRCOVERS", (my((5, 7, 5)),)
    yield "WAIT_FOR_EXECUTED_GTID_SET ST_NUMINTERIORRING", (my((5, 7, 5)),)
    yield "BIN_TO_UUID IS_UUID UUID_TO_BIN GROUPING JSON_STORAGE_FREE JSON_STORAGE_SIZE ROLES_GRAPHML", (my((8, 0)),)
    yield "REGEXP_LIKE STATEMENT_DIGEST STATEMENT_DIGEST_TEXT ICU_VERSION", (my((8, 0, 4)),)
    yield "ST_LATITUDE ST_LONGITUDE ST_SWAPXY ST_TRANSFORM ST_COLLECT", (my((8, 0, 12)),)
    yield "JSON_SCHEMA_VALIDATION_REPORT PS_CURRENT_THREAD_ID PS_THREAD_ID", (my((8, 0, 16)),)
    yield "ST_FRECHETDISTANCE ST_HAUSDORFFDISTANCE ST_LINEINTERPOLATEPOINT ST_POINTATDISTANCE", (my((8, 0, 23)),)
    yield "SOURCE_POS_WAIT", (my((8, 0, 26)),)
    yield "FROM_VECTOR STRING_TO_VECTOR TO_VECTOR VECTOR_DIM VECTOR_TO_STRING", (my((9, 0)),)
    yield "JSON_OVERLAPS", (my((8, 0, 17)), maria((10, 9)))
    yield "JSON_TABLE", (my((8, 0, 4)), maria((10, 6)))
    yield "JSON_SCHEMA_VALID", (my((8, 0, 17)), maria((11, 1)))
    yield "FORMAT_BYTES", (my((8, 0, 16)), maria((11, 8)))
    yield "FORMAT_PICO_TIME", (my((8, 0, 16)), maria((11, 0)))
    yield (
        "BINLOG_GTID_POS BOUNDARY CHR COLUMN_ADD COLUMN_CHECK COLUMN_CREATE COLUMN_DELETE COLUMN_EXISTS COLUMN_GET"
        " COLUMN_JSON COLUMN_LIST DECODE_ORACLE ISRING JSON_COMPACT JSON_DETAILED JSON_EXISTS JSON_LOOSE JSON_QUERY"
        " LASTVAL LENGTHB MASTER_GTID_WAIT MEDIAN NEXTVAL NVL NVL2 PERCENTILE_CONT PERCENTILE_DISC"
        " POINTONSURFACE SETVAL"
        " ST_BOUNDARY ST_ISRING ST_POINTONSURFACE ST_RELATE",
        (MARIA,),
    )
    yield "ADD_MONTHS ROWNUM SYS_GUID TO_CHAR", (maria((10, 6, 1)),)
    yield "JSON_EQUALS JSON_NORMALIZE NATURAL_SORT_KEY SFORMAT", (maria((10, 7)),)
    yield "CRC32C", (maria((10, 8)),)
    yield "JSON_ARRAY_INTERSECT JSON_KEY_VALUE JSON_OBJECT_FILTER_KEYS JSON_OBJECT_TO_ARRAY KDF", (maria((11, 3)),)
    yield (
        "UUID_V4 UUID_V7 VEC_DISTANCE VEC_DISTANCE_COSINE VEC_DISTANCE_EUCLIDEAN VEC_FROMTEXT VEC_TOTEXT",
        (maria((11, 7)),),
    )


FUNCTIONS: Mapping[str, tuple[Span, ...]] = {name: spans for names, spans in _rows() for name in names.split()}
INSTEAD: Mapping[str, str] = {
    "PASSWORD": "ALTER USER … IDENTIFIED BY for accounts; SHA2() for an application's own hashes",
    "OLD_PASSWORD": "ALTER USER … IDENTIFIED BY for accounts; SHA2() for an application's own hashes",
    "ENCRYPT": "SHA2()",
    "ENCODE": "AES_ENCRYPT(), after decoding the rows with DECODE() on the old server",
    "DECODE": "AES_DECRYPT(), after decoding the rows with DECODE() on the old server",
    "DES_ENCRYPT": "AES_ENCRYPT(), after decoding the rows with DES_DECRYPT() on the old server",
    "DES_DECRYPT": "AES_DECRYPT(), after decoding the rows with DES_DECRYPT() on the old server",
    "MD5": "INSTALL COMPONENT 'file://component_classic_hashing' on the new server, or SHA2()",
    "SHA": "INSTALL COMPONENT 'file://component_classic_hashing' on the new server, or SHA2()",
    "SHA1": "INSTALL COMPONENT 'file://component_classic_hashing' on the new server, or SHA2()",
    "GLENGTH": "ST_Length()",
    "MBREQUAL": "MBREquals()",
    "JSON_APPEND": "JSON_ARRAY_APPEND()",
    "WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS": "WAIT_FOR_EXECUTED_GTID_SET()",
    "ANY_VALUE": "MIN() or MAX()",
    "REGEXP_LIKE": "the operator REGEXP",
}
# after these a name with a parenthesis is no call
NAMES_FOLLOW = listed(
    "INTO TABLE REFERENCES KEY INDEX UNIQUE ON FUNCTION PROCEDURE CALL AS CONSTRAINT . EXISTS WITH COLUMN TRIGGER"
    " INSERT REPLACE IGNORE DELAYED LOW_PRIORITY HIGH_PRIORITY"
)


def instead(name: str) -> str:
    """What to write in its place; empty where nothing is known."""
    if name in INSTEAD:
        return INSTEAD[name]
    is_geometry = any(span.until == (8, 0) for span in FUNCTIONS.get(name, ()))
    return f"ST_{name}()" if is_geometry else ""


def lost(found: list[Token], target: Version, own: Set[str] = frozenset()) -> list[str]:
    """Functions that a statement calls and the target doesn't have, each once; `own` are stored ones, in upper case."""
    calls = (word.text for word in words(found) if word.after == "(" and word.before not in NAMES_FOLLOW)
    return [
        name
        for name in dict.fromkeys(calls)
        if name in FUNCTIONS and name not in own and not holds(FUNCTIONS[name], target)
    ]
