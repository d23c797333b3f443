"""The schema that is checksummed: four fifths of the rows are sysbench's own layout, the others twenty columns wide.

Each value follows from the row's id, so that a run is like the next, and a server fills itself by doublings: no client
sends rows. Values of sysbench's `c` and `pad` are hexadecimal and as long as its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

DATABASE = "bench"
SYSBENCH_TABLES = 4
WIDE_TABLES = 2

NARROW = {
    "id": ("INT NOT NULL AUTO_INCREMENT PRIMARY KEY", ""),
    "k": ("INT NOT NULL DEFAULT 0", "1 + {id} * 7919 % 1000000"),
    "c": ("CHAR(120) NOT NULL DEFAULT ''", "CONCAT(SHA2({id}, 256), SUBSTR(SHA2({id}, 224), 2))"),
    "pad": ("CHAR(60) NOT NULL DEFAULT ''", "SUBSTR(SHA2(-{id}, 256), 6)"),
}
WIDE = {
    "id": ("BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY", ""),
    "customer": ("INT NOT NULL", "{id} * 31 % 100003"),
    "state": ("TINYINT NOT NULL", "{id} % 7"),
    "quantity": ("SMALLINT UNSIGNED NOT NULL", "{id} % 1000"),
    "price": ("DECIMAL(12,2) NOT NULL", "{id} * 17 % 1000000 / 100"),
    "tax": ("DECIMAL(8,4) NULL", "IF({id} % 10, {id} % 10000 / 10000, NULL)"),
    "weight": ("DOUBLE NOT NULL", "{id} / 7"),
    "rating": ("DOUBLE NULL", "IF({id} % 5, {id} / 1000, NULL)"),
    "ordered_on": ("DATE NOT NULL", "'2001-01-01' + INTERVAL {id} % 9000 DAY"),
    "created_at": ("DATETIME NOT NULL", "'2010-01-01' + INTERVAL {id} * 61 SECOND"),
    "updated_at": ("TIMESTAMP NULL", "'2012-01-02' + INTERVAL {id} * 37 SECOND"),
    "takes": ("TIME NULL", "SEC_TO_TIME({id} % 80000)"),
    "code": ("CHAR(12) NOT NULL", "LEFT(SHA2({id}, 224), 12)"),
    "name": ("VARCHAR(80) NOT NULL", "CONCAT('Müller & Söhne ', {id})"),
    "email": ("VARCHAR(120) NULL", "CONCAT('user', {id}, '@example.org')"),
    "city": ("VARCHAR(60) NOT NULL", "ELT(1 + {id} % 4, 'Århus', 'Łódź', '東京', 'São Paulo')"),
    "kind": ("ENUM('new','used','broken') NOT NULL", "1 + {id} % 3"),
    "digest": ("VARBINARY(32) NULL", "UNHEX(SHA2({id}, 256))"),
    "note": ("TEXT NULL", "IF({id} % 3, REPEAT(CONCAT('note ', {id}, ' '), 1 + {id} % 20), NULL)"),
    "flags": ("BIGINT UNSIGNED NOT NULL", "{id} * 2654435761"),
}


class Table(NamedTuple):
    """A table, its rows, and its columns: a type and an expression of `{id}` for each."""

    name: str
    rows: int
    columns: dict[str, tuple[str, str]]
    key: str


def tables(rows: int) -> list[Table]:
    """The tables of a schema of `rows` rows altogether, those of sysbench of equal size."""
    narrow = rows * 4 // 5 // SYSBENCH_TABLES
    wide, left = divmod(rows - narrow * SYSBENCH_TABLES, WIDE_TABLES)
    return [
        *(Table(f"sbtest{number}", narrow, NARROW, "KEY k_1 (k)") for number in range(1, SYSBENCH_TABLES + 1)),
        *(
            Table(f"wide{number}", wide + (left if number == 1 else 0), WIDE, "KEY customer (customer)")
            for number in range(1, WIDE_TABLES + 1)
        ),
    ]


def filling(table: Table) -> Iterator[str]:
    """The statements that make the table, each doubling what is there, and have it analysed."""
    body = ", ".join([*(f"{name} {kind}" for name, (kind, _) in table.columns.items()), table.key])
    yield f"CREATE TABLE {DATABASE}.{table.name} ({body}) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
    yield _insertion(table, "1", "")
    there = 1
    while there < table.rows:
        more = min(there, table.rows - there)
        yield _insertion(table, f"id + {there}", f" FROM {DATABASE}.{table.name} WHERE id <= {more}")
        there += more
    yield f"ANALYZE TABLE {DATABASE}.{table.name}"


def _insertion(table: Table, number: str, origin: str) -> str:
    columns, values = zip(*((name, value) for name, (_, value) in table.columns.items() if value), strict=True)
    chosen = ", ".join(values).format(id=f"({number})")
    return f"INSERT INTO {DATABASE}.{table.name} (id, {', '.join(columns)}) SELECT {number}, {chosen}{origin}"
