"""Faults of schemas, variables and logged statements: the SQL that plants them, and what each rule has to find.

A case is the facts of a real server and the version it shall move to. The rule has to find the places named, all of
them, and no other place on that server: the database `fine` and its like hold what looks like faults and is none.
"""

from __future__ import annotations

from typing import NamedTuple

LONG = "a_table_with_a_name_so_long_that_its_foreign_keys_are_longer"  # 60 characters
FINE = "fi`ne 'ü%s\""


class Plant(NamedTuple):
    """A case, and the places where the rule finds its fault there."""

    image: str
    target: str
    places: frozenset[str]
    new: str = ""  # the image of the new source, where it is there


def plant(image: str, target: str, *places: str, new: str = "") -> tuple[Plant, ...]:
    return (Plant(image, target, frozenset(places), new),)


SETTINGS_5_6 = (
    "SET GLOBAL query_cache_size = 2097152",
    "SET GLOBAL group_concat_max_len = 4096",
    "SET GLOBAL innodb_file_format = 'Barracuda'",
    "SET GLOBAL sql_mode = 'NO_ENGINE_SUBSTITUTION,NO_AUTO_CREATE_USER'",
)
LOGGED_5_6 = (  # all of it is in the binary log
    "CREATE DATABASE logged CHARACTER SET latin1",
    "USE logged",
    "SET SESSION sql_mode = ''",
    "CREATE TABLE keyless (a INT) ENGINE=InnoDB",
    "CREATE TABLE keyed (a INT PRIMARY KEY, rank INT) ENGINE=InnoDB",
    "CREATE TABLE plain (a INT PRIMARY KEY) ENGINE=MyISAM",
    "INSERT INTO keyless VALUES (1), (2)",
    "INSERT INTO keyed (a, rank) VALUES (1, 1)",
    "INSERT INTO plain VALUES (1)",
    "UPDATE keyed SET a = 2 LIMIT 1",
    "INSERT INTO keyed (a) SELECT LENGTH(MD5('hidden md5'))",
    "CREATE TABLE copied (PRIMARY KEY (a)) ENGINE=InnoDB SELECT a FROM keyed",
    "CREATE TABLE checked (a INT PRIMARY KEY, CHECK (a > 0)) ENGINE=InnoDB",
    "GRANT SELECT ON logged.* TO 'reader'@'%' IDENTIFIED BY 'hidden password'",
    "SET PASSWORD FOR 'reader'@'%' = PASSWORD('hidden password')",
    "INSERT INTO keyed (a) VALUES (100 + @@tx_read_only)",
    "CREATE TEMPORARY TABLE passing (a INT)",
    "INSERT INTO keyed (a) VALUES (LENGTH('GRANT a IDENTIFIED BY MD5(x) /* SQL_CACHE */')) /* MD5(1) rank */",
)
FAULTY_5_6 = (
    "CREATE DATABASE faulty CHARACTER SET latin1",
    "USE faulty",
    "SET SESSION sql_mode = ''",
    "CREATE TABLE keyless (a INT, UNIQUE (a)) ENGINE=InnoDB",
    "CREATE TABLE merged (id INT PRIMARY KEY) ENGINE=MERGE UNION=(nowhere)",
    "CREATE TABLE parted (id INT PRIMARY KEY) ENGINE=MyISAM PARTITION BY HASH (id) PARTITIONS 2",
    "CREATE TABLE fixed (id INT PRIMARY KEY) ENGINE=InnoDB ROW_FORMAT=FIXED",
    "CREATE TABLE geo (id INT PRIMARY KEY, g POINT NOT NULL, SPATIAL KEY around (g)) ENGINE=MyISAM",
    "CREATE TABLE grouped_numbers (g INT, n INT AUTO_INCREMENT, PRIMARY KEY (g, n)) ENGINE=MyISAM",
    "CREATE TABLE parent (id INT PRIMARY KEY, x INT, KEY (x)) ENGINE=InnoDB",
    "CREATE TABLE short (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id)) ENGINE=InnoDB",
    f"RENAME TABLE short TO {LONG}",  # its foreign key is renamed with it
    "CREATE TABLE child (id INT PRIMARY KEY, x INT, CONSTRAINT loose FOREIGN KEY (x) REFERENCES"
    " parent (x)) ENGINE=InnoDB",
    "CREATE TABLE twice (id INT PRIMARY KEY, a INT, KEY one (a), KEY two (a)) ENGINE=InnoDB",
    "CREATE TABLE numbers (f FLOAT NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'it''s',"
    " m FLOAT(7,2) NOT NULL DEFAULT 1.25 COMMENT 'it''s', u DOUBLE"
    " UNSIGNED, z INT ZEROFILL)"
    " ENGINE=InnoDB",
    f"CREATE TABLE choices (id INT PRIMARY KEY, e ENUM('a,b', '{'x' * 300}')) ENGINE=InnoDB",
    "CREATE TABLE times (id INT PRIMARY KEY, d DATETIME NOT NULL DEFAULT '0000-00-00 00:00:00', n"
    " DATE DEFAULT '2020-00-01',"
    " t TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, u TIMESTAMP NOT NULL DEFAULT '2000-01-01') ENGINE=InnoDB",
    "CREATE TABLE `rank` (id INT PRIMARY KEY, `groups` INT, `$price` INT, KEY `lead` (`groups`)) ENGINE=InnoDB",
    "CREATE PROCEDURE calls(IN cube INT) SELECT MD5('x'), GeomFromText('POINT(1 1)')",
    "CREATE PROCEDURE speaks() SELECT SQL_CACHE id FROM parent GROUP BY x DESC",
    "CREATE PROCEDURE sets() BEGIN SET SESSION tx_isolation = 'READ-COMMITTED'; SELECT @@query_cache_size; END",
    "CREATE FUNCTION names() RETURNS INT DETERMINISTIC RETURN (SELECT groups FROM faulty.rank WHERE"
    " faulty.rank.groups = 1)",
    "CREATE PROCEDURE modes() SET SESSION sql_mode = 'NO_AUTO_CREATE_USER,ANSI_QUOTES'",
    "CREATE VIEW grouped AS SELECT id, x FROM parent GROUP BY x",
    "CREATE TABLE gone (id INT PRIMARY KEY) ENGINE=InnoDB",
    "CREATE VIEW broken AS SELECT id FROM gone",
    "DROP TABLE gone",
    "SET SESSION sql_mode = 'NO_AUTO_CREATE_USER'",
    "CREATE EVENT moded ON SCHEDULE EVERY 1 DAY DISABLE DO SET @x = 1",
    "SET SESSION sql_mode = ''",
    "CREATE TABLE mysql.tables (id INT PRIMARY KEY) ENGINE=InnoDB",
    "CREATE DATABASE sys CHARACTER SET latin1",
    "CREATE DATABASE three CHARACTER SET utf8 COLLATE utf8_unicode_ci",
    "CREATE TABLE three.bytes (id INT PRIMARY KEY, t TEXT) ENGINE=InnoDB",
    "CREATE DATABASE shifting CHARACTER SET utf8mb4",
    "CREATE TABLE shifting.names (id INT PRIMARY KEY) ENGINE=InnoDB",
)
FINE_5_6 = (
    "CREATE DATABASE `fi``ne 'ü%s\"` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
    "CREATE DATABASE nothing CHARACTER SET latin1",
    "USE `fi``ne 'ü%s\"`",
    'CREATE TABLE `a "t`` \'ü%s` (`i``d` INT PRIMARY KEY, `%` INT, KEY `k``"` (`%`)) ENGINE=InnoDB',
    "CREATE TABLE `a.b` (id INT NOT NULL, UNIQUE (id), t TEXT, FULLTEXT (t)) ENGINE=InnoDB",
    "CREATE TABLE parted (id INT PRIMARY KEY) ENGINE=InnoDB PARTITION BY RANGE (id) (PARTITION `p'ü`"
    " VALUES LESS THAN MAXVALUE)",
    "CREATE TABLE kid (id INT PRIMARY KEY, CONSTRAINT `it's` FOREIGN KEY (id) REFERENCES `a \"t``"
    " 'ü%s` (`i``d`)) ENGINE=InnoDB",
    'CREATE PROCEDURE `p``"`() BEGIN SELECT \'MD5(1) rank SQL_CACHE\', "GROUP BY a DESC"; /* PASSWORD(1) groups */'
    " SELECT COUNT(*) FROM kid GROUP BY id ORDER BY id DESC; -- SELECT MD5(1)\n SELECT id AS `rank`,"
    " kid.id FROM kid; END",
    "CREATE TRIGGER watch BEFORE INSERT ON kid FOR EACH ROW SET NEW.id = NEW.id + 1",
    "CREATE VIEW `vi'ew` AS SELECT `i``d` FROM `a \"t`` 'ü%s`",
)
FAULTY_10_5 = (
    "CREATE DATABASE faulty CHARACTER SET latin1",
    "USE faulty",
    "CREATE TABLE aria (id INT PRIMARY KEY) ENGINE=Aria",
    "CREATE SEQUENCE numbers",
    "CREATE TABLE versioned (id INT PRIMARY KEY) WITH SYSTEM VERSIONING",
    "CREATE TABLE squeezed (id INT PRIMARY KEY) PAGE_COMPRESSED=1",
    "CREATE TABLE packed (id INT PRIMARY KEY) ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=4",
    "CREATE TABLE `offset` (id INT PRIMARY KEY, seen INT INVISIBLE, address INET6,"
    " text TEXT COMPRESSED NOT NULL DEFAULT 'it''s' COMMENT 'it''s',"
    " e ENUM('raw', 'compressed'))",
    "CREATE TABLE hashed (id INT PRIMARY KEY, h CHAR(32) AS (MD5(id)) VIRTUAL, d CHAR(40) DEFAULT (SHA1('x')),"
    " n INT CHECK (LENGTH(ENCODE('a', 'b')) > 0))",
    "CREATE TABLE years (id INT PRIMARY KEY, y YEAR(2) NOT NULL DEFAULT 99 COMMENT 'it''s', four YEAR(4))",
    "SET GLOBAL mysql56_temporal_format = OFF",
    "CREATE TABLE times (id INT PRIMARY KEY, d DATETIME)",
    "SET GLOBAL mysql56_temporal_format = ON",
    "CREATE VIEW plain AS SELECT id FROM aria",
    "CREATE PROCEDURE returns() DELETE FROM aria WHERE id = 1 RETURNING id",
    "SET GLOBAL old_alter_table = 'COPY'",
)
FAULTY_9_7 = (
    "CREATE DATABASE faulty CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
    "USE faulty",
    "CREATE TABLE counted (a INT PRIMARY KEY, KEY plus ((a + 1)))",
    "CREATE TABLE hidden (id INT PRIMARY KEY, x INT, KEY a (x) INVISIBLE, KEY b (x), KEY c (x DESC))",
    "CREATE TABLE documents (id INT PRIMARY KEY, j JSON NOT NULL COMMENT 'it''s', n VARCHAR(9) AS (j->>'$.n') STORED)",
    "CREATE TABLE japanese (id INT PRIMARY KEY, t VARCHAR(9) COLLATE utf8mb4_ja_0900_as_cs)",
    "CREATE TABLE vectors (id INT PRIMARY KEY, v VECTOR(3))",
    "CREATE VIEW plain AS SELECT id FROM documents",
    "CREATE PROCEDURE arrows() SELECT j->'$.a', REGEXP_LIKE('a', 'b'), ANY_VALUE(id) FROM documents",
    "CREATE TABLE placed (id INT PRIMARY KEY, g POINT NOT NULL SRID 0, SPATIAL KEY (g), seen INT"
    " INVISIBLE, s INT AS (id) STORED)",
    # within a default, a condition and an index a literal stands before the function, and its quotes are escaped
    r"CREATE TABLE quoted (a VARCHAR(9) PRIMARY KEY, d VARCHAR(9) DEFAULT (CONCAT('it\'s', IS_UUID('a'))),"
    " g VARCHAR(9) AS (CONCAT('x', IS_UUID(a))) STORED, CONSTRAINT long_enough CHECK (a <> 'x' OR IS_UUID(a)),"
    " KEY matching ((CONCAT('x', IS_UUID(a)))))",
)
FAULTY_11_8 = (
    "CREATE DATABASE faulty CHARACTER SET latin1",
    "USE faulty",
    "CREATE TABLE hidden (id INT PRIMARY KEY, x INT, KEY a (x) IGNORED, KEY b (x), KEY c (x DESC))",
    "CREATE TABLE ids (id UUID PRIMARY KEY, four INET4, v VECTOR(3) NOT NULL)",
    "CREATE TABLE modern (id INT PRIMARY KEY, t VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_as_ci)",
    "CREATE VIEW plain AS SELECT id FROM modern",
    "CREATE FUNCTION later() RETURNS INT DETERMINISTIC RETURN LENGTH(SFORMAT('{}', 1))",
)
STATEMENTS = {
    "mysql-5.6": (*SETTINGS_5_6, *LOGGED_5_6, "SET SESSION sql_log_bin = 0", *FAULTY_5_6, *FINE_5_6),
    "mariadb-10.5": ("SET SESSION sql_log_bin = 0", *FAULTY_10_5),
    "mysql-9.7": ("SET SESSION sql_log_bin = 0", *FAULTY_9_7),
    "mariadb-11.8": ("SET SESSION sql_log_bin = 0", *FAULTY_11_8),
}
OLD, NEW = "mysql-5.6", "9.7.4"

PLANTED: dict[str, tuple[Plant, ...]] = {
    # tables
    "table-without-primary-key": plant(OLD, NEW, "faulty.keyless", "logged.keyless"),
    "table-not-transactional": plant(OLD, NEW, "faulty.parted", "faulty.geo", "faulty.grouped_numbers", "logged.plain")
    + plant("mariadb-10.5", "11.8.6-MariaDB", "faulty.aria"),
    "engine-missing": plant("mariadb-10.5", NEW, "faulty.aria")
    + plant("mariadb-10.5", NEW, "faulty.aria", new="mysql-9.7"),
    "table-kind-missing": plant("mariadb-10.5", NEW, "faulty.numbers", "faulty.versioned"),
    "partitions-not-native": plant(OLD, NEW, "faulty.parted"),
    "table-unreadable": plant(OLD, NEW, "faulty.merged"),
    "table-option-missing": plant(OLD, NEW, "faulty.fixed") + plant("mariadb-10.5", NEW, "faulty.squeezed"),
    "row-format-compressed": plant("mariadb-10.5", "11.8.6-MariaDB", "faulty.packed"),
    "dictionary-clash": plant(OLD, "8.0.36", "mysql.tables") + plant("mariadb-10.5", NEW),
    "schema-clash": plant(OLD, "5.7.44", "sys"),
    # keys
    "foreign-key-name-too-long": plant(OLD, NEW, f"faulty.{LONG}"),
    "foreign-key-to-non-unique": plant(OLD, NEW, "faulty.child"),
    "duplicate-index": plant(OLD, NEW, "faulty.twice.two")
    + plant("mysql-9.7", NEW, "faulty.hidden.a")
    + plant("mariadb-11.8", NEW, "faulty.hidden.a"),
    "functional-index": plant("mysql-9.7", "11.8.6-MariaDB", "faulty.counted.plus", "faulty.quoted.matching"),
    "spatial-index-without-srid": plant(OLD, NEW, "faulty.geo.around"),
    # columns
    "year-two-digits": plant("mariadb-10.5", NEW, "faulty.years.y"),
    "temporal-old-format": plant("mariadb-10.5", NEW, "faulty.times.d"),
    "number-type-deprecated": plant(OLD, NEW, "faulty.numbers.m", "faulty.numbers.u", "faulty.numbers.z"),
    "auto-increment-on-float": plant(OLD, NEW, "faulty.numbers.f"),
    "enum-element-too-long": plant(OLD, NEW, "faulty.choices.e"),
    "zero-default": plant(OLD, NEW, "faulty.times.d", "faulty.times.n"),
    "timestamp-null": plant(OLD, NEW, "faulty.times.t", "faulty.times.u"),
    "type-missing": plant("mariadb-11.8", NEW, "faulty.ids.id", "faulty.ids.four")
    + plant("mariadb-10.5", NEW, "faulty.offset.address", "faulty.offset.text")
    + plant("mysql-9.7", "10.11.6-MariaDB", "faulty.vectors.v"),
    "json-is-text": plant("mysql-9.7", "11.8.6-MariaDB", "faulty.documents.j"),
    "invisible-column": plant("mariadb-10.5", "8.0.20", "faulty.offset.seen"),
    # names
    "reserved-word": plant(
        OLD, NEW, "faulty.rank", "faulty.rank.groups", "faulty.rank.lead", "faulty.calls.cube", "logged.keyed.rank"
    )
    + plant("mariadb-10.5", "11.8.6-MariaDB", "faulty.offset"),
    "dollar-name": plant(OLD, NEW, "faulty.rank.$price"),
    "collation-missing": plant("mysql-9.7", "11.8.6-MariaDB", "faulty.japanese.t")
    + plant("mysql-9.7", "11.8.6-MariaDB", "faulty.japanese.t", new="mariadb-11.8")
    + plant("mariadb-11.8", "11.8.6-MariaDB", new="mariadb-11.8")
    + plant("mariadb-11.8", NEW, "faulty.modern.t"),
    "charset-utf8mb3": plant(OLD, NEW, "three"),
    "default-collation-shifts": plant(OLD, NEW, "shifting"),
    # stored statements
    "function-removed": plant(OLD, NEW, "faulty.calls")
    + plant("mariadb-10.5", NEW, "faulty.hashed.h", "faulty.hashed.d", "faulty.hashed.n")
    + plant(
        "mysql-9.7",
        "11.8.6-MariaDB",
        "faulty.arrows",
        "faulty.quoted.d",
        "faulty.quoted.g",
        "faulty.quoted.long_enough",
        "faulty.quoted.matching",
    )
    + plant("mariadb-11.8", NEW, "faulty.later"),
    "syntax-removed": plant(OLD, NEW, "faulty.speaks")
    + plant("mariadb-10.5", NEW, "faulty.returns")
    + plant("mysql-9.7", "11.8.6-MariaDB", "faulty.arrows"),
    "variable-in-code-removed": plant(OLD, NEW, "faulty.sets"),
    "reserved-word-in-code": plant(OLD, NEW, "faulty.names"),
    "code-with-removed-mode": plant(OLD, NEW, "faulty.moded", "faulty.modes"),
    "group-by-without-order": plant(OLD, NEW, "faulty.speaks", "faulty.grouped"),
    "view-under-full-group-by": plant(OLD, NEW, "faulty.grouped"),
    "view-broken": plant(OLD, NEW, "faulty.broken"),
    # variables
    "variable-removed": plant(OLD, NEW, "innodb_file_format", "innodb_log_file_size", "query_cache_size")
    + plant("mariadb-10.5", "11.8.6-MariaDB", "old_alter_table"),
    "variable-differs": plant(OLD, NEW, "group_concat_max_len", new="mysql-9.7"),
    "sql-mode-removed": plant(OLD, NEW, "sql_mode"),
}

# what rules about the sample of the binary log say of MySQL 5.6's, each finding by a part of it
LOGGED: dict[str, tuple[str, ...]] = {
    "logged-syntax-removed": ("GRANT … IDENTIFIED BY",),
    "logged-function-removed": ("MD5()",),
    "logged-variable-removed": ("tx_read_only",),
    "logged-reserved-word": ("CREATE TABLE keyed", "INSERT INTO keyed"),
    "logged-set-password": ("SET PASSWORD FOR '' @_ = ''",),
    "logged-create-select": ("CREATE TABLE copied",),
    "logged-temporary-table": ("CREATE TEMPORARY TABLE passing",),
    "logged-check": ("CREATE TABLE checked",),
    "logged-other-engine": ("CREATE TABLE plain",),
    "logged-unsafe-statement": ("LIMIT without ORDER BY",),
    "written-without-key": ("written to",),
    "written-not-transactional": ("written to",),
}
